"""Every command that shows something of somebody leaves a record first, in the name of who asked, of whom it told.

A new command fails here until it is told apart: one that reads customers' data with the customers it must leave on
record, or one that shows nobody's.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from fix_cli import Call, commands
from fix_world_china import accepted, onboard, open_account, order, paid, passport, person, rated, verified
from fix_world_ledger import Story

from kyc.access.gate import Gate
from kyc.domain.access_log import (
    AccessAnomalyFlagged,
    BreakGlassUsed,
    DisclosureRecorded,
    LookedUp,
    RecordRead,
    RecordsListed,
)
from kyc.domain.customer import RelationshipEnded, RelationshipEstablished
from kyc.domain.diligence import ObjectionReceived, RiskMeasureApplied, ScreeningPerformed
from kyc.domain.disposal import HoldPlaced
from kyc.domain.privacy import RightsRequestReceived
from kyc.domain.restraint import AccountFrozen
from kyc.domain.retention_rules import shipped_text
from kyc.errors import StoreError

pytestmark = pytest.mark.pg15

CAME, LEFT = date(2010, 1, 1), date(2015, 6, 30)
READS: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "access anomalies": ((), set()),
    "access breakglass list": ((), set()),
    "access extract": (("C1",), {"C1"}),
    "access grants show": (("T-1",), set()),
    "access read-by": (("T-1",), {"C1", "C2"}),
    "access who-read": (("C1",), {"C1"}),
    "branch day": (("B-1", "2026-03-02"), {"C1", "C2", "C3"}),
    "branch summary": (("B-1", "2026-03"), set()),
    "custody transfer": (
        ("custody", "--receiver", "bureau", "--reason", "dissolution", "--actor", "A-9", "--witness", "M-1"),
        {"C1", "C2", "C3"},
    ),
    "customer compare": (("C1", "--first", "2026-03-01"), {"C1"}),
    "customer consent": (("C1",), {"C1"}),
    "customer counterparties": (("C1",), {"C1"}),
    "customer diligence": (("C1",), {"C1"}),
    "customer history": (("C1",), {"C1"}),
    "customer owners": (("C1",), {"C1"}),
    "customer paths": (("C1", "C2"), {"C1", "C2"}),
    "customer show": (("C1",), {"C1"}),
    "disclosures": ((), {"C2"}),
    "disposal list": ((), {"C3"}),
    "documents due": (("--on", "2036-03-02"), {"C1", "C2"}),
    "documents show": (("C1",), {"C1"}),
    "export": (("--out", "export", "--account", "A1", "--recipient", "court"), {"C1"}),
    "find": (("C1",), {"C1"}),
    "hold list": (("account/A1",), {"C1"}),
    "holds": ((), {"C1"}),
    "large-value": (("2026-03-02", "--customer", "C1"), {"C1"}),
    "large-value due": ((), set()),
    "order assistance": ((), {"C2"}),
    "orders": ((), {"C1", "C2"}),
    "orders show": (("O-1",), {"C1"}),
    "quality": (("--branch", "B-1", "--every"), {"C1", "C2"}),
    "reads busy": (("--since", "2026-03-01"), set()),
    "reads by": (("T-1",), {"C1", "C2"}),
    "reads flags": ((), set()),
    "reads of": (("C1",), {"C1"}),
    "requests due": (("--on", "2026-03-20"), {"C2"}),
    "retention conflicts": (("--on", "2022-01-01", "--jurisdiction", "CN", "--jurisdiction", "EU"), {"C3"}),
    "retention due": (("--on", "2036-03-03"), {"C2", "C3"}),
    "retention preview": (("rules.toml", "--on", "2036-03-03"), {"C3"}),
    "retention show": (("account/A1",), {"C1"}),
    "retention totals": ((), set()),
    "reviews due": (("--on", "2030-01-01"), {"C1"}),
    "reviews objections": (("--on", "2026-03-10"), {"C1"}),
    "reviews screening": (("UN", "8"), {"C1", "C2"}),
    "transaction prove": (("T1", "--out", "proof"), {"C1"}),
    "transaction show": (("T1",), {"C1"}),
}
"""Commands that read customers' data, or who read it: options, and whom they tell of."""
OTHERS = {
    "access": {"matrix", "declare", "grants grant", "grants revoke", "breakglass use", "breakglass review"},
    "acts": {
        "disposal propose", "disposal approve", "disposal reject", "disposal execute", "disposal reapply",
        "hold place", "hold release", "adopt", "ingest", "demo", "seal", "law publish", "law forms",
        "keys rotate", "keys compromised",
    },
    "acts of the desks, which ask the door themselves": {
        "order receive", "order validate", "order accept", "order reject", "order answer", "order freeze",
        "order renew", "order lapse", "order deduct", "order release", "order notify", "order fulfil", "order seal",
        "order secrecy impose", "order secrecy release", "order objection lodge", "order objection answered",
        "order foreign receive", "order foreign escalate", "order foreign approve", "request receive",
        "request answer", "request correct", "request delete", "request dispose", "request restrict",
        "request restore", "request fulfil", "request refuse", "request notice", "request consent",
        "request withdraw", "customer merge", "customer unmerge", "customer correct",
    },
    "rules and keys, nobody's data": {
        "law versions", "law ask", "law retention", "schema", "keys show", "keys history", "token",
    },
    "counts, sizes, hashes and proofs": {
        "status", "doctor", "verify", "publish", "anchor", "project", "rebuild", "migrate", "stop", "receipt check",
        "renew", "witness init", "witness trust", "witness serve", "witness pull", "witness show",
    },
    "a branch's own machine, or the door of the service": {
        "branch put", "branch run", "branch send", "branch status", "branch refused", "branch drop",
        "branch receipts", "serve",
    },
}  # fmt: skip


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


@pytest.fixture
def bank(china: Story, call: Call) -> Story:
    """A row for each list: whose review, order, hold, request, objection, disclosure, deadline is waiting."""
    now = china.now
    for number in ("C1", "C2"):
        onboard(china, number)
    china.record(person("C3", china))
    for event in (passport("PASS-C3", china), verified(china), RelationshipEstablished(occurred_at=now, on=CAME)):
        china.record(event, "C3")
    china.record(RelationshipEnded(occurred_at=now, on=LEFT, reason="moved away", accounts=()), "C3")
    open_account(china, "A1", "C1")
    open_account(china, "A2", "C2")
    for event, stream in (
        (paid(china, "T1", "A1", "10.00"), ""),
        (rated(china, "high"), "C1"),
        (RiskMeasureApplied(occurred_at=now, id="M1", measure="no cash", reason="x", approver="T-2"), "C1"),
        (ObjectionReceived(occurred_at=now, id="J1", measure="M1", statement="why"), "C1"),
        (ScreeningPerformed(occurred_at=now, list="UN", list_version="7", engine="e/1"), "C1"),
        (order(china, "O-1", customer="C1"), ""), (accepted(china, "O-1"), ""),
        (order(china, "O-2", customer="C2", accounts=("A2",), action="freeze"), ""), (accepted(china, "O-2"), ""),
        (AccountFrozen(occurred_at=now, id="F1", order="O-2", organ="court", until=now + timedelta(days=9)), "A2"),
        (HoldPlaced(occurred_at=now, subject="account/A1", hold="H1", basis="litigation", reference="K-1"), ""),
        (RightsRequestReceived(
            occurred_at=now, request="Q1", kind="access", customer="C2", requester="person", proof="passport",
            due=date(2026, 3, 20),
        ), ""),
        (DisclosureRecorded(
            occurred_at=now, customer="C2", recipient="auditor", kind="auditor", fields=("names",),
            permitted_purpose="audit", digest="ab" * 32,
        ), ""),
        (RecordRead(occurred_at=now, customer="C1", fields=("names",), reason="serving"), ""),
        (AccessAnomalyFlagged(
            occurred_at=now, operator="T-1", kind="bulk-read", count=100, since=now, until=now + timedelta(hours=1),
        ), ""),
        (BreakGlassUsed(
            occurred_at=now, operator="T-1", use="U1", reason="fire", until=now + timedelta(hours=1)
        ), ""),
    ):  # fmt: skip
        china.record(event, stream)
    china.project()
    china.seal()
    assert call("adopt", "--actor", "HQ-1", "--approver", "HQ-2")[0] == 0
    assert call("disposal", "propose", "D1", "--actor", "R-1", "--subject", "customer/C3")[0] == 0
    return china


@pytest.fixture
def files(bank: Story) -> Story:
    """A rule set to preview, where the command line runs."""
    Path("rules.toml").write_text(shipped_text().replace('min_len = "P10Y"', 'min_len = "P15Y"'), encoding="utf-8")
    return bank


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A-9 asks, under case 7."""
    monkeypatch.setenv("KYC_ACTOR", "A-9")
    monkeypatch.setenv("KYC_REASON", "case 7")


def told_of(bank: Story, since: int) -> set[str]:
    """Whom the looks of A-9 are on record for, from a version of their stream on."""
    found: set[str] = set()
    for event in bank.events("lookups", "A-9")[since:]:
        if isinstance(event, LookedUp):
            found.add(event.customer)
        if isinstance(event, RecordsListed):
            assert event.roles == ("custodian",)
            assert event.reason in {"case 7", "dissolution"}, "or the command's own reason"
            found |= set(event.customers)
    return found


def test_every_command_is_told_apart() -> None:
    """A command that is neither here nor there would show what nobody has thought about."""
    others = [name if group != "access" else f"access {name}" for group, names in OTHERS.items() for name in names]
    known = [*READS, "disposal certificate", *others]
    assert sorted(known) == sorted(commands())


@pytest.mark.usefixtures("asking")
def test_each_leaves_a_record(files: Story, call: Call) -> None:
    """Who, why and about whom stand in the log after each command; nobody else's number does."""
    for command, (options, customers) in READS.items():
        before = len(files.events("lookups", "A-9"))
        code, out, err = call(*command.split(), *options)
        assert code == 0, (command, err)
        assert out, command
        assert len(files.events("lookups", "A-9")) > before, command
        assert told_of(files, before) == customers, command


@pytest.mark.usefixtures("asking")
def test_certificates_are_told_of(bank: Story, call: Call, tmp_path: Path) -> None:
    """Whose records a certificate says are destroyed is on record with whoever had it written."""
    assert call("disposal", "approve", "D1", "--actor", "R-2")[0] == 0
    assert call("disposal", "execute", "D1", "--actor", "R-3")[0] == 0
    assert call("seal")[0] == 0
    command = ("disposal", "certificate", "D1", str(tmp_path / "certificates"))
    assert call(*command)[0] == 0
    assert told_of(bank, 0) == {"C3"}


def test_nothing_is_told_that_is_not_recorded(files: Story, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the record fails, the command fails and stdout stays empty."""

    def broken(*_: object) -> None:
        raise StoreError("out of order")

    monkeypatch.setattr(Gate, "admit", broken)
    for command, (options, _) in READS.items():
        code, out, _ = call(*command.split(), *options)
        assert (code, out) == (1, ""), command


def test_without_a_name_it_is_the_custodian(bank: Story, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default stands in the record; the environment may say another; a customer who is nobody is not found."""
    assert call("customer", "show", "C1")[0] == 0
    monkeypatch.setenv("KYC_ACTOR", "A-8")
    assert call("customer", "show", "C1")[0] == 0
    assert [event.operator for event in bank.events("access", "C1")[1:]] == ["custodian", "A-8"]  # type: ignore[attr-defined]
    assert call("customer", "show", "C99")[0] == 4
    assert not bank.events("access", "C99")
