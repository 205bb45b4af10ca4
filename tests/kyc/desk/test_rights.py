"""Requests of persons: what they are told, by whom, in one wording; refused by law; executed when it is time."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from fix_world_china import accepted, onboard, open_account, order, paid, rated
from fix_world_ledger import Story

from kyc.desk.clerk import SYSTEM, Clerk
from kyc.desk.files import Correction
from kyc.desk.freezes import FreezeDesk
from kyc.desk.rights import ANSWERED, RightsDesk
from kyc.disposals import Disposals
from kyc.domain.access_log import DisclosureRecorded
from kyc.domain.account import AccountClosed
from kyc.domain.customer import RelationshipEnded
from kyc.domain.disposal import HoldPlaced, HoldReleased
from kyc.domain.life import CustomerDeceased, PartyAdded
from kyc.domain.monitoring import CaseOpened
from kyc.domain.privacy import RightsRequestFulfilled, RightsRequestRefused
from kyc.domain.values import Party
from kyc.errors import AccessDeniedError, ConflictError, RefusedError
from kyc.retention.register import destroyed_keys
from projections import consents
from projections.engine import Engine
from projections.retention_deadlines import Asked

SECRETS = re.compile(r"O-9|K-9|case|order|freez|hold|risk|rating|suspicious|alert", re.IGNORECASE)


@pytest.fixture
def desk(service) -> RightsDesk:
    """The desk, with T-5 at it."""
    return RightsDesk(service, at("T-5"))


def at(name: str) -> Clerk:
    """Somebody at the machine."""
    return Clerk(id=name, roles=frozenset({"custodian"}), reason="request")


def related(world: Story, kind: str, customer: str = "C1", by: str = "C2") -> None:
    """Somebody is an agent, guardian or relative of a customer."""
    party = Party(name="Wang Wu", role=kind, customer=by)
    added = PartyAdded(
        occurred_at=world.now, id=f"R-{kind}", party=party, kind=kind, since=world.today, proof="paper"
    )
    world.record(added, customer)


def told(path: Path) -> dict:
    """What was handed over."""
    return json.loads((path / "answer.json").read_text(encoding="utf-8"))["held"]


def test_what_the_person_is_told(house, desk, service, tmp_path):
    """Own data, own accounts and movements, who looked; signed, registered by its hash, answered once."""
    house.record(paid(house, "T1", "A2", "1.00"))
    assert desk.receive("Q1", "access", "C1", "passport") == house.today + timedelta(days=15)
    given = desk.answer("Q1", tmp_path / "q1")
    held = told(given.path)
    assert held["names"] == [{"text": "Person C1"}]
    assert [one["number"] for one in held["documents"]] == ["PASS-C1"]
    assert {one["account"] for one in held["accounts"]} == {"A1", "A2"}
    assert [one["transaction"] for one in held["transactions"]] == ["T1"]
    assert "C2" not in (given.path / "answer.json").read_text(encoding="utf-8"), "who else holds A2"
    signature = bytes.fromhex((given.path / "answer.sig").read_text(encoding="ascii"))
    key = service.provider.signing_key("export").public_key()
    key.verify(signature, (given.path / "answer.json").read_bytes())
    (entry,) = [one for one in house.events("access", "C1") if isinstance(one, DisclosureRecorded)]
    assert (entry.kind, entry.recipient, entry.digest) == ("person", "C1", given.digest)
    with pytest.raises(RefusedError) as caught:
        desk.answer("Q1", tmp_path / "again")
    assert caught.value.rule == "once"
    assert given.path.stat().st_mode & 0o077 == 0, "for who wrote it only"
    assert not list(tmp_path.glob(".q1.*"))


def test_secretly_held_and_nothing_held(house, desk, service, clerk, tmp_path):
    """One has a secret order, a freeze, a case, a rating, a hold, the other nothing: one text, the same events."""
    for number in ("C3", "C4"):
        onboard(house, number)
        open_account(house, f"A{number[1]}", number)
    secret = {"customer": "C3", "accounts": ("A3",), "action": "freeze", "secret": True}
    house.record(order(house, "O-9", **secret))
    house.record(accepted(house, "O-9"))
    FreezeDesk(service, clerk).freeze("O-9", "A3")
    house.record(CaseOpened(occurred_at=house.now, case="K-9", customers=("C3",), trigger="model"))
    house.record(rated(house, "high"), "C3")
    held = HoldPlaced(occurred_at=house.now, subject="customer/C3", hold="H-9", basis="aml-investigation")
    house.record(held)
    answers, topics = [], []
    for number in ("C3", "C4"):
        before = len(house.topics("access", number))
        desk.receive(f"Q-{number}", "access", number, "passport")
        given = desk.answer(f"Q-{number}", tmp_path / number)
        text = (given.path / "answer.json").read_text(encoding="utf-8")
        assert not SECRETS.search(text)
        answers.append(re.sub(r"[CA][34]", "-", text))
        fulfilled = house.events("request", f"Q-{number}")[-1]
        assert isinstance(fulfilled, RightsRequestFulfilled)
        topics.append((given.fields, fulfilled.answer, house.topics("access", number)[before:]))
    assert answers[0] == answers[1]
    assert topics[0] == topics[1]
    assert topics[0][1] == ANSWERED


def test_who_asks_for_another(house, desk, tmp_path):
    """An agent with a mandate, a guardian until majority, an heir of the dead: each as the matrix says."""
    desk.receive("Q1", "access", "C1", "letter", requester="agent")
    with pytest.raises(AccessDeniedError):
        desk.answer("Q1", tmp_path / "q1", "C2")
    related(house, "agent")
    held = told(desk.answer("Q1", tmp_path / "q1", "C2").path)
    assert "documents" in held
    assert "PASS-C1" not in str(held), "masked"
    onboard(house, "C3", birth_date=date(2008, 3, 2))
    related(house, "guardian", "C3")
    desk.receive("Q2", "access", "C3", "family register", requester="guardian")
    with pytest.raises(AccessDeniedError):
        desk.answer("Q2", tmp_path / "q2", "C2")
    related(house, "relative")
    desk.receive("Q3", "access", "C1", "family register", requester="near-relative")
    with pytest.raises(AccessDeniedError):
        desk.answer("Q3", tmp_path / "q3", "C2")
    house.record(CustomerDeceased(occurred_at=house.now, on=house.today, evidence="certificate"), "C1")
    held = told(desk.answer("Q3", tmp_path / "q3", "C2").path)
    assert "transactions" not in held
    assert {one["account"] for one in held["accounts"]} == {"A1", "A2"}


def test_consent_ends_at_once_and_duty_runs_on(house, desk):
    """Withdrawing ends every purpose that rests on consent; what is not consented to cannot be withdrawn."""
    desk.notice("C1", "notice/3", "app", "zh")
    desk.consent("C1", "marketing", "notice/3", "app")
    desk.consent("C1", "share:shop", "notice/3", "app", separate=True)
    with pytest.raises(RefusedError):
        desk.withdraw("C1", "app", "surveys")
    assert desk.withdraw("C1", "app", "marketing") == ("marketing",)
    assert desk.withdraw("C1", "app") == ("share:shop",)
    assert desk.withdraw("C1", "app") == ()
    house.record(rated(house, "low"), "C1")
    assert house.state("customer", "C1").privacy.consents == ()


def test_corrected_by_a_new_event(house, desk):
    """The right value is new, the wrong one stays where it was; two people; nothing else is corrected by it."""
    desk.receive("Q1", "correction", "C1", "passport")
    wrong = Correction(target=1, attribute="birth_date", was="1990-05-17", now="1990-05-18", evidence="passport")
    with pytest.raises(AccessDeniedError):
        desk.correct("Q1", wrong, at("T-5"))
    desk.correct("Q1", wrong, at("T-6"))
    assert house.state("customer", "C1").registered.birth_date == date(1990, 5, 18)
    assert house.events("customer", "C1")[0].birth_date == date(1990, 5, 17)
    desk.receive("Q2", "access", "C1", "passport")
    with pytest.raises(RefusedError) as caught:
        desk.correct("Q2", wrong, at("T-6"))
    assert caught.value.field == "kind"


def test_deletion_waits_for_its_day(house, desk):
    """Refused with law, complaint, court and day while the law keeps the records, handed to disposal after it."""
    onboard(house, "C7")
    open_account(house, "A7", "C7")
    desk.receive("Q1", "deletion", "C7", "passport")
    early = desk.delete("Q1")
    assert (early.outcome, early.possible_on) == ("refused", None), "the relationship runs"
    house.record(AccountClosed(occurred_at=house.now, on=house.today, reason="asked"), "A7")
    ended = RelationshipEnded(occurred_at=house.now, on=house.today, reason="asked", accounts=("A7",))
    house.record(ended, "C7")
    desk.receive("Q2", "deletion", "C7", "passport")
    later = desk.delete("Q2")
    assert later.possible_on is not None
    assert later.possible_on.year == house.today.year + 10
    refused = house.events("request", "Q2")[-1]
    assert isinstance(refused, RightsRequestRefused)
    assert refused.complaint_route
    assert refused.court_route
    assert later.possible_on.isoformat() in refused.answer
    assert refused.policies == later.policies
    assert house.state("customer", "C7").privacy.restricted
    house.today = later.possible_on
    held = HoldPlaced(occurred_at=house.now, subject="customer/C7", hold="H-1", basis="aml-investigation")
    house.record(held)
    desk.receive("Q9", "deletion", "C7", "passport")
    assert desk.delete("Q9") == early._replace(policies=later.policies), "the words of a relationship that runs"
    house.record(
        HoldReleased(occurred_at=house.now, subject="customer/C7", hold="H-1", reason="over", approver="M-2")
    )
    desk.receive("Q3", "deletion", "C7", "passport")
    assert desk.delete("Q3").outcome == "dispose"
    assert house.topics("request", "Q3") == ["request.received"], "open until it is disposed of"
    desk.fulfil("Q3", "destroyed, certificate attached")


def test_what_was_refused_is_proposed_after_its_day(house, desk, tmp_path):
    """The law kept it, so deletion was refused; once nothing keeps it the job proposes it by itself, once."""
    for number in ("C7", "C8"):
        onboard(house, number)
        open_account(house, f"A{number[1]}", number)
        house.record(AccountClosed(occurred_at=house.now, on=house.today, reason="asked"), f"A{number[1]}")
        ended = RelationshipEnded(
            occurred_at=house.now, on=house.today, reason="asked", accounts=(f"A{number[1]}",)
        )
        house.record(ended, number)
    desk.receive("Q1", "deletion", "C7", "passport")
    refused = desk.delete("Q1")
    assert refused.possible_on is not None

    def job() -> list[str]:
        ledger = desk.ledger
        asked = Asked(ledger.today(), ledger.policies().retention(ledger.today()))
        return Disposals(ledger, destroyed_keys(tmp_path), asked).propose_asked(f"asked-{ledger.today()}", SYSTEM)

    assert job() == []
    house.today = refused.possible_on - timedelta(days=1)
    assert job() == []
    house.today = refused.possible_on
    assert sorted(job()) == [f"asked-{house.today}.account", f"asked-{house.today}.identity"]
    assert job() == [], "under way"
    assert house.topics("retention", "request/Q1") == [], "says that the data are only stored"
    assert house.topics("retention", "customer/C7") == ["disposal.proposed"]
    assert house.topics("retention", "account/A7") == ["disposal.proposed"]
    assert house.topics("retention", "customer/C8") == [], "nobody asked"
    desk.restore("C7", "withdrawn")
    Engine(house.log).catch_up()
    assert consents.deletions(house.log, house.today) == []


def test_restricted_and_restored(house, desk):
    """Stored only, until it is restored; a refusal on another ground names where to complain."""
    desk.receive("Q1", "restriction", "C1", "passport")
    desk.restrict("Q1", "disputed")
    with pytest.raises(RefusedError) as caught:
        desk.consent("C1", "marketing", "notice/3", "app")
    assert caught.value.rule == "PIPL art. 47"
    desk.restore("C1", "settled")
    desk.consent("C1", "marketing", "notice/3", "app")
    desk.receive("Q2", "transfer", "C1", "passport")
    desk.refuse("Q2", "PIPL art. 45", "the conditions are not met")
    refused = house.events("request", "Q2")[-1]
    assert isinstance(refused, RightsRequestRefused)
    assert refused.court_route.startswith("people's court")


def test_nothing_is_written_over(house, desk, tmp_path):
    """An answer takes a new folder."""
    desk.receive("Q1", "access", "C1", "passport")
    with pytest.raises(ConflictError):
        desk.answer("Q1", tmp_path)
