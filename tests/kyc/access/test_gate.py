"""The read door: what is permitted is recorded first, what is refused is recorded too, and both are fresh."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from fix_world_china import onboard, open_account, paid
from fix_world_gate import actor, ask, grant, refused, ticket

from kyc.domain.access_log import AccessDenied, AccessRevoked, LookedUp, RecordRead, RecordsListed
from kyc.domain.service_ticket import TicketAssigned, TicketClosed
from kyc.domain.submission import StreamName
from kyc.domain.transaction import Leg
from kyc.errors import AccessDeniedError, StoreError

VIEW = {
    "customer": "C1",
    "names": [{"text": "Person C1", "kind": "legal"}],
    "documents": [{"kind": "passport", "number": "PASS-C1-123456", "mrz": ["P<GBR"]}],
    "phones": [{"number": "+86 10 5555 0101", "kind": "mobile"}],
    "email": "ada@example.org",
    "birth_date": "1990-05-17",
    "risk": {"level": "high", "reasons": ["cash"]},
    "cases": ["CA-1"],
    "diligence": {"hits": ["H-1"], "review_due": "2026-09-01"},
    "unheard_of": 1,
}


def test_a_read_is_recorded_before_it_is_shown(bank, gate):
    """Who serves sees in full; the read stands in the customer's log and in the teller's, with the edition."""
    ticket(bank)
    shown = gate.admit(ask(actor("teller"))).show(VIEW)
    assert shown == {
        name: VIEW[name] for name in ("customer", "names", "documents", "phones", "email", "birth_date")
    }
    (read,) = bank.events("access", "C1")
    assert isinstance(read, RecordRead)
    assert (read.operator, read.ticket, read.roles, read.masked, read.hidden) == (
        "T-1",
        "S1",
        ("teller",),
        False,
        False,
    )
    assert read.policy.startswith("0:")
    assert "identity-number" in read.fields
    (counted,) = bank.events("lookups", "T-1")
    assert isinstance(counted, LookedUp)
    (place,) = bank.recorded("access", "C1")
    assert (place.context.actor, place.context.purpose, place.context.legal_basis) == (
        "T-1", "account-service", "AML24-34",
    )  # fmt: skip


def test_masked_unless_serving(bank, gate):
    """Another teller of the branch sees the last four of each number, and hidden what has no mask of its own."""
    ticket(bank)
    shown = gate.admit(ask(actor("teller", "T-2"))).show(VIEW)
    assert shown == {
        "customer": "C1",
        "names": VIEW["names"],
        "documents": [{"kind": "passport", "number": "****3456", "mrz": "****"}],
        "phones": [{"number": "****0101", "kind": "mobile"}],
        "email": "****@example.org",
        "birth_date": "1990****",
    }
    assert bank.events("access", "C1")[-1].masked


def test_a_ticket_opens_and_closes_the_file(bank, gate):
    """No ticket, another customer's or branch's, run out, closed: nothing; handed over: who serves changes."""
    question = ask(actor("teller"))
    refused(gate, question)
    ticket(bank)
    gate.admit(question)
    refused(gate, msgspec.structs.replace(question, subject=StreamName("customer", "C2")))
    refused(gate, ask(actor("teller", branch="B-2")))
    bank.record(TicketAssigned(occurred_at=bank.now, ticket="S1", operator="T-2"))
    assert gate.admit(question).show(VIEW)["email"] == "****@example.org"
    assert gate.admit(ask(actor("teller", "T-2"))).show(VIEW)["email"] == VIEW["email"]
    bank.record(TicketClosed(occurred_at=bank.now, ticket="S1"))
    refused(gate, question)
    ticket(bank, "S2")
    granted = gate.admit(ask(actor("teller"), ticket="S2"))
    bank.later(hours=8)
    refused(gate, ask(actor("teller"), ticket="S2"))
    with pytest.raises(AccessDeniedError) as caught:
        granted.show(VIEW)
    assert caught.value.code == "expired"


def test_every_refusal_is_an_event(bank, gate):
    """Of a customer, of nobody, of a case, of a list: each stands with who asked and says why."""
    refused(gate, ask(actor("teller")))
    refused(gate, ask(actor("teller"), "C99"))
    refused(gate, ask(actor("teller"), subject=StreamName("case", "CA-1"), action="case"))
    refused(gate, ask(actor("teller"), subject=None, action="list"))
    denied = bank.events("refusals", "T-1")
    assert [(one.customer, one.about, one.code) for one in denied] == [
        ("C1", "", "ticket-open"), ("C99", "", "own-branch"), ("", "case CA-1", "not-in-matrix"),
        ("", "", "not-in-matrix"),
    ]  # fmt: skip
    assert all(isinstance(one, AccessDenied) and one.operator == "T-1" for one in denied)
    assert not bank.events("access", "C1")
    assert not bank.events("access", "C99")


def test_odd_questions_are_recorded_too(bank, gate):
    """What cannot stand in a header, or is far too long, is refused and still on record."""
    for odd in (
        ask(actor("teller", "张三")), ask(actor("teller", "")), ask(actor("teller"), legal_basis="AML24-第34条"),
        ask(actor("teller"), reason="x" * 10_000 + "\x00"), ask(actor("teller"), purpose="curiosity"),
        ask(actor("teller"), subject=StreamName("customer", "C" * 1_000)), ask(actor("teller"), legal_basis=""),
    ):  # fmt: skip
        refused(gate, odd)
    assert len(bank.events("refusals", "??")) == 1
    assert len(bank.events("refusals", "none")) == 1
    assert len(bank.events("refusals", "T-1")) == 5


def test_nothing_is_shown_that_is_not_recorded(bank, gate, monkeypatch):
    """Where the log does not take the event, there is neither grant nor refusal but the fault itself."""
    ticket(bank)
    gate.admit(ask(actor("teller")))

    def broken(*_):
        raise StoreError("out of order")

    monkeypatch.setattr(bank.log, "submit", broken)
    for question in (ask(actor("teller")), ask(actor("teller"), "C2")):
        with pytest.raises(StoreError):
            gate.admit(question)


def test_rights_are_fresh(bank, gate):
    """A role that must be granted counts while the grant does: not before, not after, not once it is taken back."""
    question = ask(actor("investigator", "I-1"), purpose="aml", ticket="CA-1")
    refused(gate, question)
    grant(bank, "I-1", "investigator")
    shown = gate.admit(question).show(VIEW)
    assert shown == {name: value for name, value in VIEW.items() if name != "unheard_of"}
    assert bank.events("access", "C1")[-1].hidden
    refused(gate, msgspec.structs.replace(question, purpose="marketing", legal_basis="consent"))
    refused(gate, msgspec.structs.replace(question, subject=StreamName("customer", "C2")))
    bank.record(AccessRevoked(occurred_at=bank.now, operator="I-1", grant="I-1/investigator"), actor="M-1")
    refused(gate, question)
    grant(bank, "I-1", "investigator", grant="again", hours=1)
    bank.later(hours=1)
    refused(gate, question)


def test_a_list_is_one_event(bank, gate):
    """A manager's list is confined to the branch, and one event says who was on it; another branch's is refused."""
    manager = actor("branch-manager", "M-1")
    question = ask(manager, subject=None, action="list", purpose="supervision", ticket="")
    assert gate.scope(question).branches == {"B-1"}
    granted = gate.admit(question, ("C1", "C2"))
    rows = granted.show_all([VIEW, VIEW])
    assert [row["documents"][0]["number"] for row in rows] == ["****3456"] * 2
    (listed,) = bank.events("lookups", "M-1")
    assert isinstance(listed, RecordsListed)
    assert (listed.customers, listed.masked) == (("C1", "C2"), True)
    gate.admit(question, ())
    assert bank.events("lookups", "M-1")[-1].customers == ()
    other = msgspec.structs.replace(question, actor=actor("branch-manager", "M-9", branch="B-2"))
    refused(gate, other, ("C1", "C2"))
    assert not bank.events("lookups", "M-9")


def test_an_order_names_what_is_answered(bank, gate):
    """The desk sees the fields the order names, of the customer it names, and nothing else."""
    grant(bank, "D-1", "order-desk")
    question = ask(actor("order-desk", "D-1"), action="answer", purpose="legal-order", ticket="O-1")
    assert gate.admit(question).show(VIEW | {"balance": "5.00"}) == {"names": VIEW["names"], "balance": "5.00"}
    refused(gate, msgspec.structs.replace(question, fields=("names", "documents")))
    refused(gate, msgspec.structs.replace(question, subject=StreamName("customer", "C2")))
    refused(gate, msgspec.structs.replace(question, ticket="O-2"))
    assert gate.admit(msgspec.structs.replace(question, subject=StreamName("account", "A1"))).permit.fields == {
        "names", "balance",
    }  # fmt: skip


def transferred(bank, reference):
    """C1 pays out of A1 into the account that C2 and C4 hold together."""
    onboard(bank, "C4")
    open_account(bank, "A2", "C2", "C4")
    legs = tuple(
        Leg(account=account, direction=way, amount=Decimal(5), currency="CNY")
        for account, way in (("A1", "debit"), ("A2", "credit"))
    )
    bank.record(msgspec.structs.replace(paid(bank, reference, "A1", "5.00"), legs=legs))


def test_a_transaction_concerns_all_its_legs(bank, gate):
    """The holders of every leg, joint ones too, find the look in their logs; whoever is on it opens it."""
    transferred(bank, "T1")
    ticket(bank, "S2", "C4")
    question = ask(actor("teller"), subject=StreamName("transaction", "T1"), ticket="S2")
    gate.admit(question)
    for number in ("C1", "C2", "C4"):
        (read,) = bank.events("access", number)
        assert (read.about, read.operator, read.ticket) == ("transaction", "T-1", "S2")
    assert [one.customer for one in bank.events("lookups", "T-1")] == ["C1", "C2", "C4"]
    refused(gate, msgspec.structs.replace(question, subject=StreamName("transaction", "T9")))
    refused(gate, msgspec.structs.replace(question, actor=actor("teller", "C2")))
    assert not bank.events("access", "C3")


def test_a_confined_right_opens_a_transaction_of_somebody_in_its_scope(bank, gate):
    """A right for one customer opens the transfer they are on, and neither the other's file nor account."""
    transferred(bank, "T1")
    grant(bank, "H-1", "hq-operations", scope=("C4",))
    question = ask(
        actor("hq-operations", "H-1"), subject=StreamName("transaction", "T1"), purpose="data-quality", ticket=""
    )
    assert gate.admit(question).allows("names")
    for other in (("customer", "C2"), ("account", "A2"), ("account", "A1")):
        refused(gate, msgspec.structs.replace(question, subject=StreamName(*other)))


def test_another_process_counts(bank, gate):
    """What another process recorded a moment ago is known at once: a ticket, a transfer to another branch."""
    from zoneinfo import ZoneInfo

    from kyc.access.gate import Gate
    from kyc.domain.life import BranchTransferred

    ticket(bank)
    second = Gate(bank.log, ZoneInfo("UTC"))
    for door in (gate, second):
        door.admit(ask(actor("teller")))
    bank.record(BranchTransferred(occurred_at=bank.now + timedelta(0), to="B-2"), "C1", branch="HQ")
    for door in (gate, second):
        refused(door, ask(actor("teller")))
