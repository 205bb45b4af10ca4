"""Selective disclosure: single fields withheld from an export, the rest proved, and no way around it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fix_replay import Bank
from fix_signed import edit, export, records, resign, rewrite, verified
from pypdf import PdfReader

from kyc.domain.authority import LegalBasis, OrderAccepted, OrderReceived
from kyc.domain.customer import ContactChanged
from kyc.domain.submission import Entry, StreamName
from kyc.domain.values import Phone
from kyc.errors import InputError
from replay import verifier, verifier_base
from replay.bundle import Exported
from replay.scopes import Scope

pytestmark = pytest.mark.pg15

FILE = "events/00001-customer.ndjson"
HIDDEN = ("birth_date", "number", "phones")


def everything(out: Path) -> str:
    """All text of a bundle but the PDF."""
    suffixes = {".ndjson", ".json", ".csv", ".html"}
    return "".join(path.read_text(encoding="utf-8") for path in sorted(out.rglob("*")) if path.suffix in suffixes)


@pytest.fixture
def out(bank: Bank, tmp_path: Path) -> tuple[Path, Exported]:
    """A customer's bundle without birth date, document number and telephone."""
    changed = ContactChanged(
        occurred_at=bank.now, effective_from=bank.now.date(), phones=(Phone(number="13900001111"),)
    )
    bank.customer("C1", changed)
    bank.seal()
    scope = Scope(kind="customer", key="C1", withhold=HIDDEN)
    return tmp_path / "c1", export(bank, tmp_path / "c1", scope=scope)


def test_the_rest_is_proved(out: tuple[Path, Exported]) -> None:
    """Registration and document verify without the withheld fields, which are nowhere in the bundle."""
    path, exported = out
    said = verified(path, exported)
    assert any(text.startswith("2 events are given without some of their fields") for text in said.not_proved)
    assert said.counts["fields"] == 2
    registered, document, *_ = records(path, FILE)
    assert "birth_date" not in registered["event"]
    assert registered["event"]["occupation"] == "teacher"
    assert set(registered) == verifier.FIELDS["fields"]
    assert [set(field) for field in registered["fields"]].count({"commitment"}) == 1
    assert "number" not in document["event"]
    assert len(document["event"]["images"]) == 2
    paper = "".join(page.extract_text() for page in PdfReader(path / "report" / "report.en.pdf").pages)
    assert "teacher" in paper
    for secret in ("1980-05-17", "EC1", "13900001111"):
        assert secret not in everything(path) + paper
    assert "Li Wei" in everything(path)


def test_committed_to_as_a_whole(out: tuple[Path, Exported]) -> None:
    """An event that was committed to as a whole and holds a withheld field is given as a hash."""
    path, _ = out
    last = records(path, FILE)[-1]
    assert set(last) == verifier.FIELDS["outside"]


def test_without_withholding_all_is_shown(bank: Bank, tmp_path: Path) -> None:
    """An export that withholds nothing shows such events whole, and says in which form they were committed to."""
    exported = export(bank, tmp_path / "c1")
    verified(tmp_path / "c1", exported)
    forms = [(record["read"]["topic"], record["form"]) for record in records(tmp_path / "c1", FILE)]
    assert set(forms) == {
        ("customer.registered", "fields"), ("document.captured", "fields"), ("cdd.identity_verified", "payload"),
        ("customer.account_linked", "payload"), ("customer.name_changed", "payload"),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["customer", "names", "occurred_at", "type"])
def test_what_cannot_be_withheld(bank: Bank, tmp_path: Path, name: str) -> None:
    """Without what says whose and what an event is, nothing could be verified."""
    with pytest.raises(InputError):
        export(bank, tmp_path / "c1", scope=Scope(kind="customer", key="C1", withhold=(name,)))


def test_an_order_without_contact(bank: Bank, tmp_path: Path) -> None:
    """An order that asks for identity alone gets no telephone."""
    changed = ContactChanged(
        occurred_at=bank.now, effective_from=bank.now.date(), phones=(Phone(number="13900001111"),)
    )
    bank.customer("C1", changed)
    received = OrderReceived(
        occurred_at=bank.now, order="O-1", action="query", organ="court", organ_name="Court", level=2,
        bases=(LegalBasis(instrument="CPL"),), approval=2, channel="counter", handler="L-1", subject="natural",
        subject_name="Li Wei", customer="C1", scope=("identity",),
    )  # fmt: skip
    name = StreamName("order", "O-1")
    bank.record(Entry(name, name, received))
    bank.record(Entry(name, name, OrderAccepted(occurred_at=bank.now, order="O-1", approver="L-2")))
    bank.seal()
    exported = export(bank, tmp_path / "o1", scope=Scope(kind="order", key="O-1"))
    verified(tmp_path / "o1", exported)
    scope = json.loads((tmp_path / "o1" / "manifest.json").read_text(encoding="utf-8"))["scope"]
    assert scope["withheld"] == ["addresses", "email", "phones"]
    assert "13900001111" not in everything(tmp_path / "o1")


# --- lies -------------------------------------------------------------------------------------------------


def on_first(change: Callable[[dict], object]) -> Callable[[Path], Any]:
    """A change of the registration's record."""
    return lambda path: rewrite(path, FILE, lambda found: (change(found[0]), found)[1])


def shown(record: dict, name: str) -> dict:
    """A field that is shown."""
    return next(field for field in record["fields"] if field.get("name") == name)


def hide(record: dict, name: str) -> None:
    """Hide one field more, consistently."""
    field = shown(record, name)
    made = verifier_base.field_commitment(
        verifier_base.unbase64(field["salt"], ""), name.encode(), verifier_base.unbase64(field["value"], "")
    )
    field.clear()
    field["commitment"] = made.hex()
    del record["event"][name]


LIES = {
    "another value": on_first(lambda r: shown(r, "occupation").update(value="ImJhbmtlciI=")),
    "another value everywhere": on_first(
        lambda r: (shown(r, "occupation").update(value="ImJhbmtlciI="), r["event"].update(occupation="banker"))
    ),
    "another name": on_first(lambda r: shown(r, "occupation").update(name="employer")),
    "another salt": on_first(lambda r: shown(r, "occupation").update(salt=shown(r, "names")["salt"])),
    "a field left out": on_first(lambda r: r["fields"].pop()),
    "swapped fields": on_first(lambda r: r["fields"].reverse()),
    "a readable field more": on_first(lambda r: r["event"].update(birth_date="1999-09-09")),
    "more hidden than said": on_first(lambda r: (hide(r, "occupation"), hide(r, "notice"), hide(r, "template"))),
    "a value that is two": on_first(lambda r: shown(r, "occupation").update(value="MSwieCI6Mg==")),
    "nothing withheld": lambda path: edit(path, "manifest.json", lambda m: m["scope"].update(withheld=[])),
    "a shown field said to be withheld": lambda path: edit(
        path, "manifest.json", lambda m: m["scope"].update(withheld=[*HIDDEN, "occupation"])
    ),
    "other counts": lambda path: edit(path, "trailer.json", lambda t: t["streams"][0].update(fields=1)),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_about_fields(out: tuple[Path, Exported], lie: str) -> None:
    """Whoever signs it: a field shown is the one recorded, and no more is hidden than the scope says."""
    path, exported = out
    resign(path)
    verified(path, exported)
    LIES[lie](path)
    resign(path)
    with pytest.raises(verifier.Refused) as refused:
        verified(path, exported)
    assert "malformed" not in str(refused.value)
