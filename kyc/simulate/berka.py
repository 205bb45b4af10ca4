"""The Berka data set (PKDD'99) as submissions: a real bank's anonymised clients, accounts, holders, orders.

Tab-separated files without header: ``client`` (id, birth, sex, district), ``account`` (id, district, opened,
statement frequency), ``disp`` (id, client, account, O owner or D disponent), ``order`` (id, account, bank, account,
amount, purpose). Names and papers were removed at the source, so clients are named by number and their papers are
specimens. Faulty lines are reported and skipped.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from kyc.domain.account import AccountOpened, Holder, StandingOrderRegistered
from kyc.domain.customer import CustomerRegistered, IdentityVerified, RelationshipEstablished
from kyc.domain.document import DocumentCaptured, DocumentVerified
from kyc.domain.event import Event
from kyc.domain.fact import Submission
from kyc.domain.identifiers import Mrz, mrz_td3
from kyc.domain.located import Located
from kyc.domain.submission import Origin, Scan
from kyc.domain.values import Address, Counterparty, Name
from kyc.errors import InputError, RefusedError
from kyc.simulate import regions
from kyc.simulate.people import Document, Person, Sex
from kyc.simulate.scans import scans_of

CURRENCY: Final = "CZK"
ZONE: Final = timezone(timedelta(hours=1))
NOTICE: Final = "privacy-notice/2025-11"
_PURPOSES: Final = {"HH": "household", "LO": "loan", "LE": "leasing", "IN": "insurance"}


def customer_of(client: str) -> str:
    """The customer number of a client."""
    return f"BK{int(client):06d}"


def account_of(account: str) -> str:
    """The account number of an account."""
    return f"BK{int(account):08d}"


def submissions(folder: Path) -> Iterator[Located]:
    """Clients, accounts with their holders, standing orders.

    Raises:
        InputError: a file is missing.
    """
    opened = {row[0]: row[2] for _, row in _rows(folder, "account", 4)}
    accounts: dict[str, list[tuple[str, str]]] = defaultdict(list)
    since: dict[str, str] = {}
    for _, row in _rows(folder, "disp", 4):
        accounts[row[2]].append((row[1], row[3]))
        first = opened.get(row[2], "")
        since[row[1]] = min(filter(None, (since.get(row[1], ""), first)), default="")
    yield from _located(folder, "client", 4, lambda row: _client(row, since.get(row[0], "")))
    yield from _located(folder, "account", 4, lambda row: _account(row, accounts[row[0]]))
    yield from _located(folder, "order", 6, lambda row: _order(row, opened.get(row[1], "")))


def count(folder: Path) -> int:
    """How many submissions a run will make: five per client, one per account and order."""
    sizes = [sum(1 for _ in _rows(folder, name, 0)) for name in ("client", "account", "order")]
    return sizes[0] * 5 + sizes[1] + sizes[2]


def _client(row: list[str], since: str) -> Iterator[Submission]:
    number, birth = customer_of(row[0]), _day(row[1], "birth")
    joined = _day(since, "account.opened")
    at, where = _moment(joined, 10), _origin(f"D{row[3]}", "customer-due-diligence", "AML24-29")
    person, document = _specimen(row, birth, joined)

    def submit(name: str, data: Event, scans: tuple[Scan, ...] = ()) -> Submission:
        return Submission(key=f"{number}/{name}", origin=where, data=data, stream=number, scans=scans)

    yield submit(
        "registered",
        CustomerRegistered(
            occurred_at=at, customer=number, type="natural", template="natural/1", notice=NOTICE,
            names=(Name(text=person.name, script="Latn"),), birth_date=birth, nationalities=("CZE",),
            gender="female" if row[2] == "F" else "male",
            addresses=(Address(lines=(f"District {row[3]}",), country="CZE", region=row[3]),),
        ),
    )  # fmt: skip
    yield submit(
        "document",
        DocumentCaptured(
            occurred_at=at, kind=document.kind, number=document.number, issuing_country=document.country,
            issuing_authority=document.issuer, issued_on=document.issued, expires_on=document.expires,
            mrz=document.mrz,
        ),
        scans_of(document, person),
    )  # fmt: skip
    yield submit(
        "checked",
        DocumentVerified(
            occurred_at=at, kind=document.kind, number=document.number, method="visual", result="match",
            checked_by="system",
        ),
    )  # fmt: skip
    yield submit(
        "verified",
        IdentityVerified(
            occurred_at=at, level="standard", method="document", document_kind=document.kind, verified_by="system"
        ),
    )
    yield submit("relationship", RelationshipEstablished(occurred_at=at, on=joined))


def _specimen(row: list[str], birth: date, joined: date) -> tuple[Person, Document]:
    name, number = f"CLIENT {row[0]}", f"S{int(row[0]):07d}"
    expires = date(2035, 1, 1)
    sex: Sex = "F" if row[2] == "F" else "M"
    zone = Mrz(
        kind="TD3", document="P", issuer="CZE", number=number, nationality="CZE", birth=f"{birth:%y%m%d}", sex=sex,
        expiry=f"{expires:%y%m%d}", surname="CLIENT", given="",
    )  # fmt: skip
    document = Document("passport", number, "CZE", "SPECIMEN OFFICE", joined, expires, mrz_td3(zone))
    place = regions.Address(row[3], f"District {row[3]}", "")
    return Person(name, name, sex, birth, "CZE", document, place, "", "", ("", ""), 0), document


def _account(row: list[str], holders: list[tuple[str, str]]) -> Iterator[Submission]:
    number, opened = account_of(row[0]), _day(row[2], "opened")
    parts = tuple(
        Holder(customer=customer_of(client), role="owner" if kind == "O" else "joint")
        for client, kind in sorted(holders, key=lambda holder: holder[1] != "O")
    )
    yield Submission(
        key=f"{number}/opened",
        origin=_origin(f"D{row[1]}", "account-service", "AML24-34"),
        stream=number,
        data=AccountOpened(
            occurred_at=_moment(opened, 11), account=number, currency=CURRENCY, product="current",
            opened_on=opened, holders=parts, mandate="any" if len(parts) > 1 else "single",
        ),
    )  # fmt: skip


def _order(row: list[str], opened: str) -> Iterator[Submission]:
    account = account_of(row[1])
    try:
        amount = Decimal(row[4])
    except InvalidOperation:
        raise InputError("not an amount", field="amount", rule="a decimal number") from None
    yield Submission(
        key=f"{account}/order/{row[0]}",
        origin=_origin("D0", "account-service", "AML24-34"),
        stream=account,
        data=StandingOrderRegistered(
            occurred_at=_moment(_day(opened, "account"), 12), order=row[0], amount=amount, currency=CURRENCY,
            counterparty=Counterparty(account=row[3], institution=row[2]),
            purpose=_PURPOSES.get(row[5].strip(), ""),
        ),
    )  # fmt: skip


def _origin(branch: str, purpose: str, basis: str) -> Origin:
    return Origin(actor="core-banking", branch=branch, purpose=purpose, legal_basis=basis)


def _moment(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), ZONE)


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError("not a date", field=field, rule="YYYY-MM-DD") from None


def _located(
    folder: Path, name: str, columns: int, make: Callable[[list[str]], Iterator[Submission]]
) -> Iterator[Located]:
    for line, row in _rows(folder, name, columns):
        try:
            for submission in make(row):
                yield Located(f"{name}.tsv", line, submission)
        except (RefusedError, ValueError) as cause:
            refusal = cause if isinstance(cause, RefusedError) else InputError("not a whole number", field="id")
            yield Located(f"{name}.tsv", line, refusal)


def _rows(folder: Path, name: str, columns: int) -> Iterator[tuple[int, list[str]]]:
    path = folder / f"{name}.tsv"
    if not path.is_file():
        raise InputError("a file of the data set is missing", field=path.name, remedy="name the folder of the set")
    with path.open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.reader(file, delimiter="\t"), start=1):
            yield line, row + [""] * (columns - len(row))
