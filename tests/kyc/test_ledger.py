"""The write door: admission against states, retries before rules, decisions on stale knowledge."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from fix_bank import (
    AT,
    booked,
    captured,
    closed,
    established,
    household,
    moved,
    opened,
    receipts,
    registered,
    submission,
    verified,
)

from kyc.domain.account import AccountReopened
from kyc.domain.customer import RiskRated
from kyc.domain.diligence import ReviewScheduled
from kyc.domain.document import DocumentCaptured
from kyc.domain.fact import Submission
from kyc.domain.governance import PolicyPublished
from kyc.domain.policies import shipped_editions
from kyc.domain.submission import Origin, StreamName
from kyc.domain.transaction import CounterpartyCompleted, TransactionReversed
from kyc.domain.values import Counterparty
from kyc.errors import ClaimConflictError, ConflictError, RefusedError, VersionConflictError
from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from kyc.store.database import Database
from kyc.store.log import EventLog
from kyc.store.records import lane_of

pytestmark = pytest.mark.pg15


def refused(answer: object) -> RefusedError:
    """The refusal of an answer that must be one."""
    assert isinstance(answer, RefusedError), answer
    return answer


def test_a_household(ledger: Ledger) -> None:
    """Customers, papers, accounts and a transfer are recorded in one call; the transfer in both accounts."""
    answers = ledger.record(household())
    assert [len(receipts(answer)) for answer in answers] == [1] * 8 + [2, 2, 2]
    (first,), (second,) = (list(ledger.log.events(StreamName("postings", name))) for name in ("A1", "A2"))
    assert [first.event.leg.direction, second.event.leg.direction] == ["debit", "credit"]


def test_again_is_the_same(ledger: Ledger) -> None:
    """The same submissions again get their first receipts, also from a ledger that knows nothing yet."""
    first = ledger.record(household())
    for again in (ledger.record(household()), Ledger(ledger.log, ZoneInfo("UTC")).record(household())):
        for before, after in zip(first, again, strict=True):
            assert [r.hash for r in receipts(before)] == [r.hash for r in receipts(after)]
            assert all(r.replayed for r in receipts(after))


def test_retry_is_answered_before_rules(ledger: Ledger) -> None:
    """What was recorded while it was allowed is answered with its receipt when it no longer would be."""
    ledger.record(household())
    receipts(ledger.record([closed("A1", date(2026, 3, 2))])[0])
    again = ledger.record([closed("A1", date(2026, 3, 2)), closed("A1", date(2026, 3, 5))])
    assert receipts(again[0])[0].replayed
    assert isinstance(again[1], ConflictError)
    late = ledger.record([submission("other", closed("A1").data, "A1")])
    assert refused(late[0]).message == "the account is closed"


def test_states_are_rules(ledger: Ledger) -> None:
    """Unknown customers and accounts, wrong currency, closed account: refused by name of the field."""
    ledger.record(household())
    answers = ledger.record(
        [
            moved("C9", "2 New Street"),
            opened("A9", "C9"),
            booked("T2", ("A9", "debit", "1.00")),
            booked("T3", ("A1", "debit", "1.00"), currency="USD"),
            booked("T4", ("A1", "debit", "1.00"), ("A8", "credit", "1.00")),
            closed("A2", date(2026, 2, 1)),
            booked("T5", ("A2", "debit", "1.00")),
            booked("T6", ("A1", "debit", "1.00")),
        ]
    )
    fields = [answer.field if isinstance(answer, RefusedError) else None for answer in answers]
    assert fields == [
        "stream", "holders[0].customer", "legs[0].account", "legs[0].currency", "legs[1].account", None,
        "legs[0].account", None,
    ]  # fmt: skip


def test_references_are_used_once(ledger: Ledger) -> None:
    """A transaction reference with other content is a conflict, on the same account and on another."""
    ledger.record(household())
    same_key, other_account = ledger.record(
        [
            booked("T1", ("A1", "debit", "99.00"), ("A2", "credit", "99.00")),
            booked("T1", ("A2", "debit", "12.50")),
        ]
    )
    assert isinstance(same_key, ConflictError)
    assert isinstance(other_account, ConflictError)


def test_one_document_one_customer(ledger: Ledger) -> None:
    """A document that identifies one customer cannot silently identify a second; its own may be captured again."""
    ledger.record(household())
    taken, again = ledger.record([captured("C2", "P1"), submission("again", captured("C1", "P1").data, "C1")])
    assert isinstance(taken, ClaimConflictError)
    assert taken.field == "document"
    receipts(again)


def test_expected_version_of_the_caller(ledger: Ledger) -> None:
    """A caller may say which version it decided on; a stale one is refused and not decided again."""
    ledger.record(household())
    right, stale = ledger.record(
        [
            submission("1", moved("C1", "x").data, "C1", expected=5),
            submission("2", moved("C1", "y").data, "C1", expected=5),
        ]
    )
    assert receipts(right)[0].version == 6
    assert isinstance(stale, VersionConflictError)


def test_stale_state_is_decided_again(ledger: Ledger) -> None:
    """A ledger whose cached state was overtaken reads again and decides anew."""
    ledger.record(household())
    other = Ledger(ledger.log, ZoneInfo("UTC"))
    receipts(other.record([moved("C1", "a")])[0])
    receipts(ledger.record([moved("C1", "b")])[0])
    receipts(other.record([closed("A1", date(2026, 3, 2))])[0])
    assert refused(ledger.record([submission("late", closed("A1").data, "A1")])[0]).field == "stream"
    state = ledger.state(StreamName("customer", "C1"))
    assert state is not None
    assert state.addresses[0].lines == ("b",)  # type: ignore[union-attr]


def test_two_ledgers_on_one_stream(ledger: Ledger) -> None:
    """Two ledgers that change the same customer at once record every change exactly once."""
    ledger.record(household())
    failures: list[object] = []

    def work(name: str) -> None:
        mine = Ledger(ledger.log, ZoneInfo("UTC"))
        for n in range(15):
            (answer,) = mine.record([moved("C1", f"{name}{n}")])
            if not isinstance(answer, tuple):
                failures.append(answer)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(list(ledger.log.events(StreamName("customer", "C1")))) == 5 + 30


def test_failed_unit_does_not_spoil_the_rest(ledger: Ledger) -> None:
    """When a submission of a batch fails in the store, those decided on its effect are decided anew."""
    ledger.record([registered("C0"), captured("C0", "P1")])
    answers = ledger.record(
        [registered("C1"), captured("C1", "P1"), verified("C1"), established("C1"), moved("C1", "z")]
    )
    assert isinstance(answers[1], ClaimConflictError)
    assert refused(answers[2]).field == "document_kind"
    assert refused(answers[3]).rule == "AML24 art. 29"
    assert [receipts(answer)[0].version for answer in (answers[0], answers[4])] == [1, 2]


def test_batches_in_flight(ledger: Ledger) -> None:
    """Batches prepared ahead of each other are answered in order and see each other's effects."""
    batches = [household(), [booked(f"N{n}", ("A1", "debit", "1.00")) for n in range(50)], [moved("C1", "end")]]
    results = list(ledger.record_all(batches))
    assert [len(answers) for _, answers in results] == [11, 50, 1]
    assert all(isinstance(answer, tuple) for _, answers in results for answer in answers)


# --- transactions that are cited --------------------------------------------------------------------------


def completed(reference: str, account: str = "A1", key: str = "") -> Submission:
    """Details of the other side that came later."""
    event = CounterpartyCompleted(
        occurred_at=AT,
        account=account,
        reference=reference,
        counterparty=Counterparty(name="Ada"),
        source="inquiry",
    )
    return submission(key or f"{reference}/completed", event)


def test_cited_before_it_is_on_disk(ledger: Ledger) -> None:
    """What speaks of a booking waits for it, in one call and over batches in flight; chains of them too."""
    back = {"reversal": True, "parent": "T2"}
    noted = TransactionReversed(occurred_at=AT, account="A1", reference="T2", reversed_by="T3", reason="twice")
    for answer in ledger.record(
        [
            *household(), completed("T1"), booked("T2", ("A1", "debit", "1.00")),
            booked("T3", ("A1", "credit", "1.00"), **back), submission("T2/reversed", noted),
        ]
    ):  # fmt: skip
        receipts(answer)
    batches = [[booked("T4", ("A1", "debit", "1.00"))], [completed("T4")], [completed("T5")]]
    first, second, third = (answers[0] for _, answers in ledger.record_all(batches))
    receipts(first)
    receipts(second)
    assert refused(third).message == "unknown transaction"
    assert refused(ledger.record([completed("T2", "A2")])[0]).field == "account"


def test_cited_and_never_booked(ledger: Ledger) -> None:
    """A booking that fails in the store takes what spoke of it along; what came from elsewhere is kept."""
    ledger.record(household())
    failed, said, taken_back = ledger.record(
        [
            booked("T1", ("A2", "debit", "9.00")),
            completed("T9"),
            booked("T7", ("A1", "debit", "1.00"), reversal=True, parent="E2E-7"),
        ]
    )
    assert isinstance(failed, ConflictError)
    assert refused(said).field == "reference"
    receipts(taken_back)
    assert (
        refused(ledger.record([booked("T8", ("A1", "debit", "9.00"), reversal=True, parent="T1")])[0]).field
        == "legs"
    )


# --- another process on the same database -----------------------------------------------------------------


@pytest.fixture
def elsewhere(database: str, provider: FileKeyProvider, ledger: Ledger) -> Iterator[Ledger]:
    """A ledger with a writer, a pool and memories of its own on the same database, as another process has."""
    log = EventLog(Database(database), provider)
    yield Ledger(log, ledger.zone)
    log.close()


def reopened(account: str) -> Submission:
    """The reopening of an account."""
    event = AccountReopened(occurred_at=AT, on=date(2026, 2, 2), reason="by mistake")
    return submission(f"{account}/reopened", event, account)


def adopted(rules: str = "documents") -> Submission:
    """The publication of shipped rules."""
    edition = next(edition for edition in shipped_editions() if edition.rules == rules)
    event = PolicyPublished(occurred_at=AT, edition=edition, jurisdiction="CN", approver="HQ-2")
    origin = Origin(actor="HQ-1", branch="HQ", purpose="governance", legal_basis="AML24-30")
    return Submission(key="adopted", origin=origin, data=event)


def carded(number: str, card: str) -> Submission:
    """The capture of a document that no shipped rule knows."""
    event = DocumentCaptured(
        occurred_at=AT, kind="library-card", number=card, issuing_country="GBR", no_expiry=True
    )
    return submission(f"{number}/card/{card}", event, number)


def test_closed_elsewhere(ledger: Ledger, elsewhere: Ledger) -> None:
    """An account closed by another process takes no booking here, and one it reopened does again."""
    ledger.record(household())
    receipts(elsewhere.record([closed("A1")])[0])
    late, other = ledger.record([booked("T2", ("A1", "debit", "1.00")), booked("T3", ("A2", "debit", "1.00"))])
    assert refused(late).message == "the account is closed"
    receipts(other)
    receipts(elsewhere.record([reopened("A1")])[0])
    receipts(ledger.record([booked("T4", ("A1", "debit", "1.00"))])[0])


def test_closed_elsewhere_before_the_writer_caught_up(ledger: Ledger, elsewhere: Ledger) -> None:
    """A writer that learnt of another's events in a lane believes nothing it remembered of that lane."""
    ledger.record(household())
    lanes, lane = ledger.log.lanes, lane_of(ledger.log.stream_id(StreamName("account", "A1")), ledger.log.lanes)
    names = (f"N{n}" for n in count())
    neighbour = next(n for n in names if lane_of(ledger.log.stream_id(StreamName("account", n)), lanes) == lane)
    ledger.record([opened(neighbour, "C2"), booked("T2", ("A1", "debit", "1.00"))])
    receipts(elsewhere.record([closed("A1")])[0])
    receipts(ledger.record([booked("T3", (neighbour, "debit", "1.00"))])[0])  # collides, and reads on
    assert refused(ledger.record([booked("T4", ("A1", "debit", "1.00"))])[0]).message == "the account is closed"


@pytest.mark.parametrize("others", [0, 100])
def test_published_elsewhere(ledger: Ledger, elsewhere: Ledger, others: int) -> None:
    """A policy another process published counts here from the next commit on, small or bulk."""
    ledger.record(household())
    receipts(ledger.record([carded("C1", "K1")])[0])
    receipts(elsewhere.record([adopted()])[0])
    answers = ledger.record([carded("C2", "K2"), *(registered(f"D{n}") for n in range(others))])
    assert refused(answers[0]).message == "this document does not identify"
    assert all(isinstance(answer, tuple) for answer in answers[1:])


def test_a_lone_change_sees_what_was_published_elsewhere(ledger: Ledger, elsewhere: Ledger) -> None:
    """What rests on a stream of another lane is not written on the short way past the check."""
    people = [f"D{n}" for n in range(20)]
    rated = RiskRated(occurred_at=AT, level="high", model="risk/1")
    ledger.record([*map(registered, people), *(submission(f"{n}/rated", rated, n) for n in people)])
    far = ReviewScheduled(occurred_at=AT, due=date(2036, 1, 1))
    receipts(ledger.record([submission("far", far, "D0")])[0])
    receipts(elsewhere.record([adopted("rulebook")])[0])
    answers = [ledger.record([submission(f"{n}/far", far, n)])[0] for n in people]
    assert {refused(answer).message for answer in answers} == {"later than the cycle allows"}


def test_a_retry_overtakes_nothing(ledger: Ledger) -> None:
    """A retry that comes while the first attempt is on its way gets the first one's receipt, not a refusal."""
    first = ledger.begin([registered("C1"), registered("C1")])
    second = ledger.begin([registered("C2"), registered("C1"), submission("other", registered("C1").data)])
    (receipts, again), (_, retried, other) = ledger.finish(first), ledger.finish(second)
    assert isinstance(receipts, tuple)
    assert [(one[0].hash, one[0].replayed) for one in (again, retried)] == [(receipts[0].hash, True)] * 2
    assert isinstance(other, RefusedError)
    assert len(list(ledger.log.events(StreamName("customer", "C1")))) == 1
    assert ledger._facts == {}
