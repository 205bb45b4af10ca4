"""A customer's file as submissions: registration, documents with scans, checks, rating, accounts; later changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from kyc.domain.account import AccountOpened, Holder
from kyc.domain.customer import (
    AddressChanged,
    ContactChanged,
    CustomerRegistered,
    IdentityVerified,
    RelationshipEstablished,
    RiskRated,
)
from kyc.domain.diligence import SeniorApprovalGranted, SourceOfFundsRecorded
from kyc.domain.document import DocumentCaptured, DocumentVerified
from kyc.domain.event import Event
from kyc.domain.fact import Submission
from kyc.domain.submission import Origin, Scan
from kyc.domain.values import Address, Name, Party, Phone
from kyc.simulate.changes import Change
from kyc.simulate.companies import Company
from kyc.simulate.people import Document, Person
from kyc.simulate.population import Account, Customer, customer_number
from kyc.simulate.regions import BY_CODE, TELLERS
from kyc.simulate.regions import Address as Place
from kyc.simulate.scans import scans_of

CHINA: Final = timezone(timedelta(hours=8))
"""China Standard Time, all year."""
_OPENING: Final = timedelta(hours=9)
_STEP: Final = timedelta(minutes=3)
_METHODS: Final = {"resident-id": "citizen-id-check", "passport": "visual", "business-licence": "registry"}
_SCORES: Final = {"low": 20, "medium": 50, "high": 80}
_REASONS: Final = {
    "low": ("no risk factor",),
    "medium": ("occupation or industry",),
    "high": ("cash-intensive or cross-border",),
}
_MODEL: Final = "customer-risk/1"
_BANDS: Final = (
    (0, "none"),
    (60_000, "up to 60,000"),
    (120_000, "60,000 to 120,000"),
    (360_000, "120,000 to 360,000"),
)
_TOP_BAND: Final = "over 360,000"


class Files:
    """Makes the submissions of one customer after the other."""

    def __init__(self, *, scans: bool = True) -> None:
        self._scans = scans
        self._origins: dict[str, Origin] = {}

    def onboarding(self, customer: Customer) -> Iterator[Submission]:
        """From registration to the accounts, in order."""
        desk = _Desk(customer, self._origin(customer.branch))
        yield desk.submit("registered", _registered(customer, desk))
        for number, (document, holder) in enumerate(papers(customer), 1):
            yield from self._document(desk, document, holder, number)
        document = papers(customer)[0][0]
        level = "enhanced" if customer.risk == "high" else "standard"
        yield desk.submit("verified", _verified(desk, document, level))
        yield desk.submit("rated", _rated(desk, customer.risk))
        if customer.risk == "high":
            yield desk.submit("funds", _funds(desk))
            yield desk.submit("approved", _approved(desk))
        opened = customer.accounts[0].opened
        if opened > desk.day:
            desk.move(opened)
        yield desk.submit("established", RelationshipEstablished(occurred_at=desk.tick(), on=opened))
        for account in customer.accounts:
            yield desk.submit(f"account-{account.number}", _opened(desk, account), stream="")

    def change(self, customer: Customer, change: Change, day: date) -> Iterator[Submission]:
        """What one change leads to; most to one event, a renewed document to three."""
        desk = _Desk(customer, self._origin(customer.branch))
        desk.move(day, timedelta(seconds=change.second))
        mark = f"{day:%Y%m%d}-{change.second}"
        if change.address is not None:
            kind = "residence" if isinstance(customer.party, Person) else "registered"
            event: Event = AddressChanged(
                occurred_at=desk.tick(), addresses=(_address(change.address, kind),), effective_from=day
            )
        elif change.document is not None:
            assert isinstance(customer.party, Person)
            yield from self._document(desk, change.document, customer.party, mark)
            event = _verified(desk, change.document, "standard")
        elif change.risk is not None:
            event = _rated(desk, change.risk)
        else:
            event = ContactChanged(
                occurred_at=desk.tick(), effective_from=day, phones=(Phone(number=change.phone),)
            )
        name = "verified" if change.document is not None else change.kind
        yield desk.submit(f"{name}-{mark}", event)

    def _document(self, desk: _Desk, document: Document, holder: Person, mark: int | str) -> Iterator[Submission]:
        captured = DocumentCaptured(
            occurred_at=desk.tick(), kind=document.kind, number=document.number, issuing_country=document.country,
            issuing_authority=document.issuer, name_as_printed=desk.printed(document), issued_on=document.issued,
            valid_from=document.issued, expires_on=document.expires, no_expiry=document.expires is None,
            mrz=document.mrz, channel="counter",
        )  # fmt: skip
        yield desk.submit(f"document-{mark}", captured, scans=scans_of(document, holder) if self._scans else ())
        checked = DocumentVerified(
            occurred_at=desk.tick(), kind=document.kind, number=document.number, method=_METHODS[document.kind],
            result="match", reference=f"V-{desk.customer.number}-{mark}", checked_by=desk.origin.actor,
        )  # fmt: skip
        yield desk.submit(f"checked-{mark}", checked)

    def _origin(self, branch: str) -> Origin:
        origin = self._origins.get(branch)
        if origin is None:
            origin = self._origins[branch] = Origin(
                actor=TELLERS[branch][0], branch=branch, purpose="customer-due-diligence", legal_basis="AML24-29"
            )
        return origin


class _Desk:
    """Where one customer is served: whose file, by whom, and what time it is there."""

    def __init__(self, customer: Customer, origin: Origin) -> None:
        self.customer, self.origin = customer, origin
        self.move(customer.registered)

    def move(self, day: date, since_midnight: timedelta | None = None) -> None:
        """Time goes on from then; without a time of day from the opening, spread by customer."""
        self.day = day
        midnight = datetime(day.year, day.month, day.day, tzinfo=CHINA)
        spread = timedelta(seconds=self.customer.serial * 61 % 25_000)
        self._now = midnight + (_OPENING + spread if since_midnight is None else since_midnight)

    def tick(self) -> datetime:
        """The time of the next step."""
        now = self._now
        self._now = now + _STEP
        return now

    def submit(
        self, mark: str, event: Event, *, stream: str | None = None, scans: tuple[Scan, ...] = ()
    ) -> Submission:
        """``event`` for the customer's own stream unless told otherwise; keys are unique by customer and mark."""
        number = self.customer.number
        named = "" if mark == "registered" else number if stream is None else stream
        return Submission(key=f"{number}-{mark}", origin=self.origin, data=event, stream=named, scans=scans)

    def printed(self, document: Document) -> str:
        """The name that stands on the document."""
        party = self.customer.party
        if isinstance(party, Company):
            return party.name if document.kind == "business-licence" else party.representative.name
        return party.name


def papers(customer: Customer) -> tuple[tuple[Document, Person], ...]:
    """The documents a customer shows, the one that identifies them first, each with the person who holds it."""
    party = customer.party
    if isinstance(party, Person):
        return ((party.document, party),)
    licence = (party.licence, party.representative)
    return ((party.representative.document, party.representative), licence) if party.sole_trader else (licence,)


def _registered(customer: Customer, desk: _Desk) -> CustomerRegistered:
    party = customer.party
    common: dict[str, Any] = {
        "occurred_at": desk.tick(), "customer": customer.number, "notice": "privacy-notice/3",
        "collected_by": desk.origin.actor, "source": "direct",
    }  # fmt: skip
    if isinstance(party, Person):
        return CustomerRegistered(
            **common, **_personal(party), type="natural", template="natural/1", names=_names(party),
            addresses=(_address(party.address),), phones=(Phone(number=party.phone),),
            purpose="salary and daily payments",
        )  # fmt: skip
    if party.sole_trader:
        trade = Name(text=party.name, kind="trade", script="Hans")
        return CustomerRegistered(
            **common, **_personal(party.representative), **_business(party), type="sole-trader",
            template="sole-trader/1", names=(*_names(party.representative), trade),
        )  # fmt: skip
    return CustomerRegistered(
        **common, **_business(party), type="legal", template="legal/1",
        names=(Name(text=party.name, script="Hans"),), registered_capital=f"{party.capital}.00 CNY",
        incorporated_on=party.established, parties=_parties(party),
    )  # fmt: skip


def _personal(person: Person) -> dict[str, Any]:
    code, wording = person.occupation
    band = next((band for limit, band in _BANDS if person.income <= limit), _TOP_BAND)
    return {
        "email": person.email, "gender": "male" if person.sex == "M" else "female", "birth_date": person.birth,
        "nationalities": (person.nationality,), "occupation_code": code, "occupation": wording, "income_band": band,
    }  # fmt: skip


def _business(company: Company) -> dict[str, Any]:
    return {
        "addresses": (_address(company.address, "registered"),),
        "phones": (Phone(number=company.phone, kind="work"),),
        "purpose": "business payments", "business_scope": company.scope, "industry_code": company.industry,
        "registration_kind": "uscc", "registration_number": company.uscc,
        "legal_form": "sole trader" if company.sole_trader else "company",
    }  # fmt: skip


def _names(person: Person) -> tuple[Name, ...]:
    script = "Latn" if person.name.isascii() or person.nationality != "CHN" else "Hans"
    return Name(text=person.name, script=script), Name(text=person.roman, kind="romanised", script="Latn")


def _parties(company: Company) -> tuple[Party, ...]:
    people: list[tuple[Person, str, Decimal | None]] = [(company.representative, "legal-representative", None)]
    for owner in company.owners:
        people.append((owner.person, "beneficial-owner", Decimal(owner.percent) if owner.percent else None))
    return tuple(
        Party(
            name=person.name, role=role, document_kind=person.document.kind, document_number=person.document.number,
            document_expires_on=person.document.expires, nationality=person.nationality, percentage=percentage,
        )
        for person, role, percentage in people
    )  # fmt: skip


def _address(place: Place, kind: Any = "residence") -> Address:
    return Address(
        lines=(place.text,), country="CHN", kind=kind, city=BY_CODE[place.region].city, region=place.region,
        postcode=place.postcode,
    )  # fmt: skip


def _verified(desk: _Desk, document: Document, level: Any) -> IdentityVerified:
    return IdentityVerified(
        occurred_at=desk.tick(), level=level, method=_METHODS[document.kind], document_kind=document.kind,
        verified_by=desk.origin.actor,
    )  # fmt: skip


def _rated(desk: _Desk, risk: Any) -> RiskRated:
    return RiskRated(
        occurred_at=desk.tick(),
        level=risk,
        model=_MODEL,
        reasons=_REASONS[risk],
        score=_SCORES[risk],
        rated_on=desk.day,
    )


def _funds(desk: _Desk) -> SourceOfFundsRecorded:
    return SourceOfFundsRecorded(
        occurred_at=desk.tick(), kind="funds", statement="income from trade and wages", evidence=("bank statement",)
    )


def _approved(desk: _Desk) -> SeniorApprovalGranted:
    return SeniorApprovalGranted(
        occurred_at=desk.tick(), approver=f"{desk.customer.branch}-manager", reason="risk accepted with monitoring"
    )


def _opened(desk: _Desk, account: Account) -> AccountOpened:
    roles: tuple[Any, ...] = ("owner", *("joint" for _ in account.holders[1:]))
    holders = tuple(
        Holder(customer=customer_number(serial), role=role)
        for serial, role in zip(account.holders, roles, strict=True)
    )
    return AccountOpened(
        occurred_at=desk.tick(), account=account.number, currency=account.currency, product=account.product,
        opened_on=account.opened, holders=holders, mandate="any" if len(holders) > 1 else "single",
    )  # fmt: skip
