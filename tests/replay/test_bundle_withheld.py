"""A bank withholds part of a scope and signs the rest again: the verifier that is shipped names what is missing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fix_replay import Bank
from fix_signed import edit, export, records, resign, rewrite

from kyc.domain.customer import AccountUnlinked, ContactChanged
from kyc.domain.monitoring import AlertRaised, CaseCustomerAdded, CaseOpened
from kyc.domain.submission import Entry, StreamName
from kyc.domain.values import Phone
from kyc.publish import publish
from replay.bundle import Exported
from replay.renderings import Form
from replay.scopes import Scope

pytestmark = pytest.mark.pg15

CUSTOMER, TRAILER, MANIFEST = "events/00001-customer.ndjson", "trailer.json", "manifest.json"
BARE = Form(tables=False, report=False)
"""What the bank renders beside the events is not what is proved."""


def judged(path: Path, exported: Exported, published: str = "") -> Any:
    """What the bundle's own verify.py says under the bank's keys, once the bank has signed again."""
    resign(path)
    spec = spec_from_file_location("shipped_verify", path / "verify.py")
    assert spec is not None
    assert spec.loader is not None
    program: ModuleType = module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # which would be a file more in the bundle
    try:
        spec.loader.exec_module(program)
    finally:
        sys.dont_write_bytecode = before
    try:
        return program.verify(str(path), [exported.log_key], [exported.fingerprint], published=published)
    except program.Refused as refused:
        return str(refused)


@pytest.fixture
def bundle(bank: Bank, tmp_path: Path) -> tuple[Path, Exported]:
    """A customer's bundle in which every count is above zero."""
    reached = ContactChanged(
        occurred_at=bank.now, effective_from=bank.now.date(), phones=(Phone(number="13900001111"),)
    )
    bank.customer("C1", reached)
    bank.customer("C1", AccountUnlinked(occurred_at=bank.now, account="A2", on=bank.now.date()))
    bank.later()
    bank.book("T-9", "9.00", ("A2", "debit"))
    bank.seal()
    bank.book("T-10", "1.00", ("A1", "debit"))
    bank.dispose("postings", "A1")
    scope = Scope(kind="customer", key="C1", withhold=("birth_date", "phones"))
    return tmp_path / "c1", export(bank, tmp_path / "c1", scope=scope, form=BARE)


def counted(path: Path, stream: int, **lower: int) -> None:
    """Make trailer and manifest fit what is left of a stream, as a careful liar does."""

    def fit(trailer: dict) -> None:
        for name, value in lower.items():
            trailer["streams"][stream][name] -= value

    edit(path, TRAILER, fit)
    edit(path, MANIFEST, lambda m: m["counts"].update(events=m["counts"]["events"] - 1))


def middle_event(path: Path) -> None:
    """An event between two others."""
    rewrite(path, CUSTOMER, lambda found: [*found[:2], *found[3:]])
    counted(path, 0, through=1, last=1)


def middle_event_renumbered(path: Path) -> None:
    """The same, those behind it moved up."""
    rewrite(path, CUSTOMER, lambda found: [*found[:2], *(r | {"version": r["version"] - 1} for r in found[3:])])
    counted(path, 0, through=1, last=1)


def first_event(path: Path) -> None:
    """The first event: the stream begins with the second."""
    rewrite(path, CUSTOMER, lambda found: found[1:])
    counted(path, 0, fields=1)
    edit(path, TRAILER, lambda t: t["streams"][0].update({"from": 2}))
    edit(path, MANIFEST, lambda m: m["counts"].update(fields=m["counts"]["fields"] - 1))


def last_event(path: Path) -> None:
    """The last event, without a word of it elsewhere."""
    rewrite(path, CUSTOMER, lambda found: found[:-1])


def last_event_counted(path: Path) -> None:
    """The last event, with the trailer's range made to fit, but not its head."""
    last_event(path)
    counted(path, 0, through=1, last=1)


def last_event_head(path: Path) -> None:
    """The last event, with range and head made to fit, but not the last version of the log."""
    last_event(path)
    counted(path, 0, through=1)
    head = records(path, CUSTOMER)[-1]["hash"]
    edit(path, TRAILER, lambda t: t["streams"][0].update(head=head))


def without(path: Path, *streams: int) -> None:
    """Leave streams out: their files, their lines of the trailer, their counts."""
    lines = json.loads((path / TRAILER).read_text(encoding="utf-8"))["streams"]
    for at in streams:
        (path / lines[at]["file"]).unlink()
    kept = [line for at, line in enumerate(lines) if at not in streams]
    edit(path, TRAILER, lambda t: t.update(streams=kept))
    counts = {name: sum(line[name] for line in kept) for name in ("disposed", "outside", "fields", "unsealed")}
    events = sum(line["through"] - line["from"] + 1 for line in kept)
    edit(path, MANIFEST, lambda m: m["counts"].update(counts, events=events))


def account(path: Path) -> None:
    """An account and its postings, in the scope too."""
    without(path, 3, 4)
    edit(path, MANIFEST, lambda m: m["scope"].update(accounts=["A1"]))


def document(path: Path) -> None:
    """A scan, with its line and its count."""
    gone = records(path, "documents.ndjson")[-1]
    rewrite(path, "documents.ndjson", lambda found: found[:-1])
    (path / gone["file"]).unlink()
    edit(path, MANIFEST, lambda m: m["counts"].update(documents=m["counts"]["documents"] - 1))


def lower(place: str, name: str, stream: int = 0) -> Callable[[Path], None]:
    """One count less than there is."""

    def lie(path: Path) -> None:
        def less(value: dict) -> None:
            counts = value["counts"] if place == MANIFEST else value["streams"][stream]
            assert counts[name] > 0
            counts[name] -= 1

        edit(path, place, less)

    return lie


WITHHELD: dict[str, tuple[Callable[[Path], None], str]] = {
    "an event in the middle": (middle_event, f"{CUSTOMER} line 3: not version 3 of stream"),
    "one in the middle, renumbered": (middle_event_renumbered, f"{CUSTOMER} line 3: does not follow"),
    "the first event": (first_event, f"{CUSTOMER}: not given whole"),
    "the last event": (last_event, f"{CUSTOMER}: does not end as the trailer says"),
    "the last event, counted": (last_event_counted, f"{CUSTOMER}: does not end as the trailer says"),
    "the last event, its head too": (last_event_head, f"{CUSTOMER}: not given whole"),
    "the postings of an account": (lambda path: without(path, 4), f"{TRAILER}: not the streams of the scope"),
    "an account": (account, f"{MANIFEST}: an account of the customer is left out"),
    "the customer's own stream": (lambda path: without(path, 0), f"{TRAILER}: not the streams of the scope"),
    "a document": (document, "documents.ndjson: 1 documents are left out"),
    "a line of the trailer": (
        lambda path: edit(path, TRAILER, lambda t: t["streams"].pop()), f"{TRAILER}: not the files of the events"
    ),
    "a range of the trailer": (lower(TRAILER, "through"), f"{CUSTOMER}: does not end as the trailer says"),
    "the last of the trailer": (lower(TRAILER, "last"), f"{CUSTOMER}: not given whole"),
    "fields of the trailer": (lower(TRAILER, "fields"), f"{CUSTOMER}: does not end as the trailer says"),
    "disposed of the trailer": (lower(TRAILER, "disposed", 2), "postings.ndjson: does not end as the trailer says"),
    "outside of the trailer": (lower(TRAILER, "outside", 4), "postings.ndjson: does not end as the trailer says"),
    "unsealed of the trailer": (lower(TRAILER, "unsealed", 2), f"{MANIFEST}: counts differ"),
} | {
    f"{name} of the manifest": (lower(MANIFEST, name), f"{MANIFEST}: counts differ")
    for name in ("events", "documents", "disposed", "outside", "fields", "unsealed")
}  # fmt: skip


@pytest.mark.parametrize("part", WITHHELD)
def test_what_is_withheld_is_named(bundle: tuple[Path, Exported], part: str) -> None:
    """Each element of a bundle's completeness, left out as carefully as it can be: refused, at its place."""
    path, exported = bundle
    assert judged(path, exported).anchored  # signing again alone changes nothing
    withhold, said = WITHHELD[part]
    withhold(path)
    assert said in judged(path, exported)


def test_the_log_itself_shows_a_withheld_end(bank: Bank, bundle: tuple[Path, Exported], tmp_path: Path) -> None:
    """A last event that is left out of everything the bank signs stands in the log that it has published."""
    path, exported = bundle
    site = tmp_path / "site"
    publish(bank.sealed, site, bank.vkey)
    ends = "streams end in the log where the trailer says, by its own files"
    assert ends in str(judged(path, exported, str(site)).proved)
    last_event_head(path)
    edit(path, TRAILER, lambda t: t["streams"][0].update(last=t["streams"][0]["through"]))
    edit(path, MANIFEST, lambda m: m["schemas"].pop("customer.account_unlinked"))
    said = judged(path, exported)
    assert not isinstance(said, str), said
    assert "had no event after the last one here: that is the signer's word" in said.not_proved[-1]
    assert judged(path, exported, str(site)).startswith(f"{CUSTOMER}: the log has version 8: the end is withheld")


def test_an_empty_stream_is_not_called_proved(bundle: tuple[Path, Exported]) -> None:
    """Postings withheld under a made-up stream without events cannot be told from none: the verdict says so."""
    path, exported = bundle
    streams = json.loads((path / TRAILER).read_text(encoding="utf-8"))["streams"]
    gone = streams[2]
    (path / gone["file"]).write_bytes(b"")
    none = dict.fromkeys(("from", "through", "last", "disposed", "outside", "fields", "unsealed"), 0)
    made_up = none | {"stream": "00000000-0000-4000-8000-000000000000", "head": "00" * 32}
    edit(path, TRAILER, lambda t: t["streams"][2].update(made_up))
    edit(
        path,
        MANIFEST,
        lambda m: m["counts"].update(
            events=m["counts"]["events"] - gone["last"],
            disposed=0,
            unsealed=m["counts"]["unsealed"] - gone["unsealed"],
        ),
    )
    said = judged(path, exported)
    assert not isinstance(said, str), said
    assert "1 streams are given without an event: that they have none here is the signer's word" in said.not_proved


def test_grown_or_foreign_files_of_the_log(bank: Bank, bundle: tuple[Path, Exported], tmp_path: Path) -> None:
    """Files of the log as it is later serve as well; a changed entry, a missing file and another log do not."""
    path, exported = bundle
    bank.fill(300)
    bank.seal()
    site = tmp_path / "site"
    publish(bank.sealed, site, bank.vkey)
    assert "by its own files" in str(judged(path, exported, str(site)).proved)
    file = site / "tile" / "entries" / "000"
    raw = file.read_bytes()
    for changed, said in (
        (raw[:20] + bytes([raw[20] ^ 1]) + raw[21:], "not the log whose checkpoint the bundle holds"),
        (raw[:100], "not an entry of this log"),
    ):
        file.write_bytes(changed)
        assert said in judged(path, exported, str(site))
    file.unlink()
    assert "no such entries" in judged(path, exported, str(site))


def test_part_of_a_transaction(bank: Bank, tmp_path: Path) -> None:
    """A leg of a transaction, with its account, is missed: the other leg names it."""
    exported = export(bank, tmp_path / "t1", scope=Scope(kind="transaction", key="T-1"), form=BARE)
    path = tmp_path / "t1"
    assert judged(path, exported).anchored
    streams = json.loads((path / TRAILER).read_text(encoding="utf-8"))["streams"]
    without(path, *(at for at, line in enumerate(streams) if line["key"] == "A2"))
    edit(path, MANIFEST, lambda m: m["scope"].update(accounts=["A1"]))
    assert judged(path, exported) == f"{MANIFEST}: a leg of the transaction is left out"


@pytest.mark.parametrize(
    ("kind", "said"), [("alert", "a stream of the case is left out"), ("customer", "not the customers of the case")]
)
def test_part_of_a_case(bank: Bank, tmp_path: Path, kind: str, said: str) -> None:
    """An alert of a case, or a customer of it, is missed: the case names them."""
    raised = AlertRaised(occurred_at=bank.now, alert="AL-1", customers=("C2",), rule="fan-in", rule_version="1")
    opened = CaseOpened(occurred_at=bank.now, case="K-1", customers=("C2",), trigger="model", alerts=("AL-1",))
    added = CaseCustomerAdded(occurred_at=bank.now, case="K-1", customer="C3", reason="pays")
    for stream, event in (("alert", raised), ("case", opened), ("case", added)):
        name = StreamName(stream, "AL-1" if stream == "alert" else "K-1")
        bank.record(Entry(name, name, event))
    bank.seal()
    path = tmp_path / "k1"
    exported = export(bank, path, scope=Scope(kind="case", key="K-1"), form=BARE)
    assert judged(path, exported).anchored
    gone = {"AL-1"} if kind == "alert" else {"C3", "A3"}
    streams = json.loads((path / TRAILER).read_text(encoding="utf-8"))["streams"]
    without(path, *(at for at, line in enumerate(streams) if line["key"] in gone and line["kind"] != "large-value"))

    def forget(manifest: dict) -> None:
        scope = manifest["scope"]
        for name in ("customers", "accounts"):
            scope[name] = [key for key in scope[name] if key not in gone]
        scope["others"] = [other for other in scope["others"] if other[1] != "AL-1" or kind != "alert"]

    edit(path, MANIFEST, forget)
    if kind == "customer":  # the scans of the customer go as well
        kept = {image["commitment"] for file in (path / "events").iterdir()
                for record in records(path, f"events/{file.name}")
                for image in record.get("event", {}).get("images", ())}  # fmt: skip
        for line in records(path, "documents.ndjson"):
            if line["commitment"] not in kept:
                (path / line["file"]).unlink()
        rewrite(path, "documents.ndjson", lambda found: [r for r in found if r["commitment"] in kept])
        edit(path, MANIFEST, lambda m: m["counts"].update(documents=2))
    assert judged(path, exported) == f"{MANIFEST}: {said}"
