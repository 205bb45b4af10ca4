"""Nothing tells what is kept secret: not words, not work, not the shape of an answer, not a list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from fix_samples import AT
from fix_world_china import onboard, order
from fix_world_gate import actor, ask, grant, refused, ticket

from kyc.access.ask import Ask
from kyc.access.extracts import NOTHING_HELD, for_the_person
from kyc.access.gate import Gate
from kyc.domain.access_log import DisclosureRecorded, RecordRead
from kyc.domain.authority import SecrecyImposed
from kyc.domain.life import BranchTransferred
from kyc.domain.submission import StreamName
from kyc.errors import AccessDeniedError


class Work:
    """What a question cost: statements sent by readers, events recorded, data keys made."""

    def __init__(self, bank: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bank = bank
        self.sent: list[str] = []
        execute = psycopg.Connection.execute

        def counted(connection: Any, query: Any, *arguments: Any, **options: Any) -> Any:
            self.sent.append(str(query)[:40])
            return execute(connection, query, *arguments, **options)

        monkeypatch.setattr(psycopg.Connection, "execute", counted)

    def of(self, gate: Gate, question: Ask) -> tuple[list[str], int, str]:
        """Statements, events, and the words of the answer."""
        before = sum(self.bank.log.reader.positions().values())
        self.sent.clear()
        try:
            gate.admit(question)
            said = "permitted"
        except AccessDeniedError as denied:
            said = denied.diagnostics()
        sent = list(self.sent)
        return sent, sum(self.bank.log.reader.positions().values()) - before, said


@pytest.fixture
def watched(bank: Any) -> Any:
    """C1 is under a case and a secret order, C2 under nothing, C3 of another branch, C99 nobody."""
    bank.record(order(bank, "O-7", customer="C1", secret=True))
    bank.record(SecrecyImposed(occurred_at=bank.now, order="O-7"))
    bank.record(BranchTransferred(occurred_at=bank.now, to="B-2"), "C3", branch="HQ")
    return bank


def test_refusals_cost_and_say_the_same(watched, gate, monkeypatch):
    """Held secretly, nothing held, another branch's, nobody: the same statements, one event, the same words."""
    work = Work(watched, monkeypatch)
    refused(gate, ask(actor("teller"), "C50"))  # the asker's own key and the policies are read
    for _ in range(2):
        answers = [work.of(gate, ask(actor("teller"), number)) for number in ("C1", "C2", "C3", "C99")]
        assert answers == [answers[0]] * 4
        assert answers[0][1] == 1
        assert "C1" not in answers[0][2]
    other = actor("teller", "T-2")
    for held, not_held in (("CA-1", "CA-9"), ("O-7", "O-9")):
        kind = "case" if held.startswith("CA") else "order"
        both = [work.of(gate, ask(other, subject=StreamName(kind, number)))[1:] for number in (held, not_held)]
        assert both == [answers[0][1:]] * 2


def test_permitted_reads_cost_and_look_the_same(watched, gate, monkeypatch):
    """A teller who serves a customer under a secret order sees and causes what they do with any other."""
    ticket(watched, "S1", "C1")
    ticket(watched, "S2", "C2")
    for number, paper in (("C1", "S1"), ("C2", "S2")):  # their access logs have begun
        gate.admit(ask(actor("teller"), number, ticket=paper))
    work = Work(watched, monkeypatch)
    one = work.of(gate, ask(actor("teller"), "C1", ticket="S1"))
    other = work.of(gate, ask(actor("teller"), "C2", ticket="S2"))
    assert one == other
    assert one[1:] == (2, "permitted")
    shown = [
        gate.admit(ask(actor("teller"), number, ticket=paper)).show(
            {"customer": "x", "orders": orders, "cases": orders, "on_hold": held, "risk": {"level": "high"}}
        )
        for number, paper, orders, held in (("C1", "S1", ["O-7"], True), ("C2", "S2", [], False))
    ]
    assert shown == [{"customer": "x"}] * 2


def test_errors_carry_no_code_to_whoever_asked(bank, gate):
    """The text of each refusal is the same; the code is for the record."""
    told = {
        refused(gate, question).diagnostics()
        for question in (
            ask(actor("teller")), ask(actor("teller"), legal_basis=""), ask(actor("nobody")),
            ask(actor("investigator"), purpose="aml"), ask(actor("foreign-authority"), purpose="legal-order"),
        )
    }  # fmt: skip
    assert len(told) == 1
    codes = {event.code for event in bank.events("refusals", "T-1")}
    assert codes == {"ticket-open", "no-legal-basis", "not-in-matrix", "granted"}


def test_the_person_is_not_told_of_secret_readers(bank, gate):
    """The extract has the teller's look and what a partner got; the investigator, a secret order."""
    ticket(bank)
    gate.admit(ask(actor("teller")))
    plain = for_the_person(bank.events("access", "C1"), ())
    grant(bank, "I-1", "investigator")
    gate.admit(ask(actor("investigator", "I-1"), purpose="aml", ticket="CA-1"))
    assert len(bank.events("access", "C1")) == 2
    assert for_the_person(bank.events("access", "C1"), ()) == plain
    given = DisclosureRecorded(
        occurred_at=AT, customer="C1", recipient="court", kind="authority", fields=("names",),
        permitted_purpose="legal-order", digest="ab" * 32, order="O-1",
    )  # fmt: skip
    unit = msgspec.structs.replace(given, recipient="fiu", permitted_purpose="aml", order="")
    told = for_the_person([*bank.events("access", "C1"), given, unit], {"O-1"})
    assert told == plain
    assert [one["recipient"] for one in for_the_person([given, unit], ())["disclosures"]] == ["court"]


def test_the_extract_has_one_shape():
    """Nobody looked, and only secret readers looked: the same answer to the letter."""
    hidden = RecordRead(occurred_at=AT, customer="C1", fields=("names",), reason="case", hidden=True)
    nothing = {"access_log": [], "disclosures": [], "closing": NOTHING_HELD}
    assert for_the_person([], ()) == for_the_person([hidden], {"O-1"}) == nothing


def test_an_own_answer_never_holds_internal_matters(bank, gate):
    """A person's view of themselves: their data, and neither risk, case, report, order, hold nor history."""
    view = {
        "names": ["x"], "risk": {"reasons": ["cash"]}, "risk_reasons": ["cash"], "cases": ["CA-1"],
        "reports": ["R"],
        "secret_orders": ["O-7"], "orders": ["O-1"], "on_hold": True, "history": [1], "pep": "none",
        "diligence": {"hits": ["H"]}, "registered": {"gender": "female", "risk": "high"},
        "reconstruction": {"parties": [{"roles": ["owner"], "screening": [{"event": {"hits": ["H"]}}]}]},
    }  # fmt: skip
    own = ask(actor("customer", "C1", branch=""), purpose="rights", legal_basis="PIPL-45", reason="", ticket="")
    shown = gate.admit(own).show(view)
    parties = {"parties": [{"roles": ["owner"]}]}
    assert shown == {"names": ["x"], "registered": {"gender": "female"}, "reconstruction": parties}
    refused(gate, msgspec.structs.replace(own, actor=actor("customer", "C2")))
    refused(gate, msgspec.structs.replace(own, actor=actor("customer", "C1", authn="oidc")))


def test_a_mandate_ends_by_itself(bank, gate):
    """An agent's access ends with the mandate's last day, without an event (gotcha 27)."""
    from fix_samples import PARTY

    from kyc.domain.life import PartyAdded

    onboard(bank, "C9")
    bank.record(
        PartyAdded(
            occurred_at=bank.now, id="R1", party=msgspec.structs.replace(PARTY, customer="C9"), kind="agent",
            since=bank.today, until=bank.today + timedelta(days=1), proof="power of attorney",
        ), "C1",
    )  # fmt: skip
    question = ask(actor("agent", "C9", branch=""), purpose="rights", legal_basis="PIPL-45", reason="", ticket="")
    assert gate.admit(question).show({"names": ["x"], "email": "a@b.c"}) == {"names": ["x"], "email": "****@b.c"}
    bank.later(days=2)
    refused(gate, question)
