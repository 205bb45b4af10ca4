"""Disposal from proposal to certificate on the real ledger: what goes, what stays, who has to agree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec
import pytest
from fix_world_china import open_account, paid
from fix_world_ledger import Story
from fix_world_retired import LATER, Desk, leave, settle

from kyc.domain.account import Holder, HolderAdded, HolderRemoved
from kyc.domain.disposal import HoldPlaced, HoldReleased, KeyDestroyed, LinkedDisposed, RecordDisposed
from kyc.domain.event import RecordClass
from kyc.domain.life import CustomersMerged
from kyc.domain.submission import Entry, Origin, StreamName, Unit
from kyc.errors import InputError, RefusedError
from kyc.retention.disposal import Doomed, Place, place_hold, release_hold
from projections import customer_profile, retention_trigger
from projections.engine import Engine

OFFICER = Origin(actor="M-1", branch="HQ", purpose="investigation", legal_basis="AML24-43")


def keys(story: Story, kind: str, key: str) -> set[bytes]:
    """The data keys of a stream's events."""
    return {one.row.data_key for one in story.recorded(kind, key)}


def hold(story: Story, subject: str = "customer/C1", **said: object) -> HoldPlaced:
    """A hold for an investigation."""
    return HoldPlaced(occurred_at=story.now, subject=subject, hold="H1", basis="aml-investigation", **said)


def test_from_list_to_certificate(story: Story, desk: Desk) -> None:
    """What is due goes: keys, payloads, scans, rows; the other customer's stays; all that is left verifies."""
    (scan,) = (image for one in story.events("customer", "C1") for image in getattr(one, "images", ()))
    key = next(iter(keys(story, "customer", "C1")))
    assert set(desk.approved()) == {"B1.identity", "B1.account", "B1.transaction.2026"}
    run = desk.run()
    assert {(one.result, one.reason) for one in run.outcomes} == {("completed", "")}
    assert {one.proposal.subject for one in run.outcomes} >= {
        StreamName("customer", "C1"),
        StreamName("account", "A1"),
    }
    assert run.emptied.events > 5
    assert (run.emptied.scans, run.emptied.bytes > 1_000) == (1, True)
    assert {one.table for one in run.tables} == {"kyc.event", "kyc.scan", "kyc.snapshot", "kyc_keys.data_key"}
    assert story.events("customer", "C1") == story.events("account", "A1") == story.events("postings", "A1") == []
    assert {one.row.state for one in story.recorded("customer", "C1")} == {b""}
    assert (
        story.log.reader.scan(story.recorded("customer", "C1")[0].row.lane, bytes.fromhex(scan.commitment))[2]
        == b""
    )
    assert len(story.events("customer", "C2")) == 5
    assert customer_profile.find(story.log, number="C1") == []
    assert customer_profile.find(story.log, number="C2")[0].state is not None
    told = story.events("retention", "customer/C1")
    own = [one for one in told if not isinstance(one, LinkedDisposed)]
    kinds = [type(one).__name__ for one in own]
    assert kinds == ["DisposalProposed", "DisposalApproved", "KeyDestroyed", "RecordDisposed"]
    assert len(told) == len(own) + 2
    destroyed, completed = own[2:]
    assert isinstance(destroyed, KeyDestroyed)
    assert isinstance(completed, RecordDisposed)
    assert destroyed.data_key == str(UUID(bytes=key))
    assert completed.places == ("events", "keys", "read-models", "scans", "snapshots")
    assert completed.events == len(story.recorded("customer", "C1"))
    assert {one.data_key for one in desk.register.entries()} >= {destroyed.data_key}
    story.seal()
    assert story.verify().ok
    assert desk.run().outcomes == []
    assert desk.at().propose("B2", "R-1") == []
    assert Engine(story.log).rebuild("disposal_register").equal is True


def test_two_people(story: Story, desk: Desk) -> None:
    """Who proposes does not approve; what is rejected is not carried out, and may be proposed again."""
    assert desk.at().propose("B1", "R-1", record_class="identity") == ["B1.identity"]
    assert desk.at().propose("B1", "R-1", record_class="identity") == []
    with pytest.raises(RefusedError, match="the second person is the first"):
        desk.at().decide("B1", "R-1")
    assert desk.run().outcomes == []
    assert desk.at().decide("B1", "R-2", reject="doubtful") == 1
    assert desk.run().outcomes == []
    assert len(story.events("customer", "C1")) == 6
    assert desk.approved("B2", subject=StreamName("customer", "C1")) == ["B2.identity"]
    with pytest.raises(InputError):
        desk.at().propose("B.2", "R-1")


def test_nothing_before_its_day(story: Story, desk: Desk) -> None:
    """On the last day nothing is due; what became undue after the approval is refused and named."""
    story.today = date(2036, 3, 2)
    assert desk.at().propose("B1", "R-1") == []
    story.today = LATER
    desk.approved(record_class="transaction", subject=StreamName("account", "A1"))
    story.today = date(2036, 3, 2)
    (refused,) = desk.run().outcomes
    assert (refused.result, refused.reason) == ("refused", "not due today: running")
    assert len(story.events("postings", "A1")) == 1


@pytest.mark.parametrize("subject", ["customer/C1", "account/A1"])
def test_a_hold_beats_the_approval(story: Story, desk: Desk, subject: str) -> None:
    """A hold placed after the approval, on the subject or on whoever it is linked with, keeps everything."""
    for number, (kind, key) in enumerate((("customer", "C1"), ("account", "A1"))):
        desk.approved(f"B{number}", subject=StreamName(kind, key))
    place_hold(story.ledger, hold(story, subject), OFFICER)
    outcomes = [one for batch in ("B0", "B1") for one in desk.run(batch).outcomes]
    assert len(outcomes) == 3
    assert {one.result for one in outcomes} == {"refused"}
    assert "not due today: held" in {one.reason for one in outcomes}
    assert len(story.events("customer", "C1")) == 6
    alone = HoldReleased(occurred_at=story.now, subject=subject, hold="H1", reason="closed", approver="M-1")
    with pytest.raises(RefusedError, match="second person"):
        release_hold(story.ledger, alone, OFFICER)
    release_hold(story.ledger, msgspec.structs.replace(alone, approver="M-2"), OFFICER)
    assert {one.result for batch in ("B0", "B1") for one in desk.run(batch).outcomes} == {"completed"}
    place_hold(story.ledger, hold(story, subject), OFFICER)  # the same number, once it is free


def test_a_hold_of_another_year(story: Story, desk: Desk) -> None:
    """A hold on the records of one year leaves those of another year alone, in the list and in the instant."""
    place_hold(story.ledger, hold(story, "account/A1", since=date(2020, 1, 1), until=date(2025, 12, 31)), OFFICER)
    assert desk.approved(record_class="transaction", subject=StreamName("account", "A1")) == ["B1.transaction.2026"]
    assert [one.result for one in desk.run().outcomes] == ["completed"]


def test_a_joint_account(story: Story, desk: Desk) -> None:
    """One holder is disposed of, the other stays: account, payments and the other's file are whole."""
    settle(story, "C3", "A3")
    open_account(story, "A9", "C3")
    story.record(
        HolderAdded(occurred_at=story.now, holder=Holder(customer="C2", role="joint"), on=story.today), "A9"
    )
    story.record(paid(story, "T9", "A9", "5.00"))
    story.record(HolderRemoved(occurred_at=story.now, customer="C3", on=story.today, reason="left"), "A9")
    leave(story, "C3", "A3")
    story.today = date(2046, 3, 20)
    desk.approved()
    outcomes = {(one.proposal.subject.key, one.proposal.record_class): one.result for one in desk.run().outcomes}
    assert outcomes["C3", "identity"] == "completed"
    assert ("A9", "account") not in outcomes
    assert story.events("customer", "C3") == []
    assert len(story.events("account", "A9")) == 3
    assert len(story.events("customer", "C2")) == 6


def test_files_that_others_count_by(story: Story, desk: Desk) -> None:
    """An account's file stays while its payments are there: who held it decides which holds lie on them."""
    desk.approved("B1", subject=StreamName("account", "A1"), record_class="account")
    (refused,) = desk.run("B1").outcomes
    assert refused.reason == "other records of the subject count by this file: transaction 2026 first"
    desk.approved("B2", subject=StreamName("account", "A1"), record_class="transaction")
    assert [one.result for one in desk.run("B2").outcomes] == ["completed"]
    assert [one.result for one in desk.run("B1").outcomes] == ["completed"]


def test_a_key_that_protects_somebody_else(story: Story, desk: Desk) -> None:
    """Records of another file under this key, by whatever error: the key is not destroyed."""
    other, name = StreamName("customer", "C2"), StreamName("customer", "C1")
    event = story.events("customer", "C2")[-1]
    (answer,) = story.log.append([Unit("wrong", OFFICER, (Entry(other, name, event),))])
    assert isinstance(answer, tuple)
    desk.approved(record_class="identity")
    (refused,) = desk.run().outcomes
    assert refused.reason == "the key protects somebody else's records too: never destroyed"
    assert len(story.events("customer", "C1")) == 6


def test_files_of_one_person(story: Story, desk: Desk) -> None:
    """The absorbed file goes with the surviving one, and before it."""
    story.today = date(2036, 4, 1)
    settle(story, "C5", "A5")
    settle(story, "C6", "A6")
    story.record(CustomersMerged(occurred_at=story.now, absorbed="C6", reason="same", approver="HQ-2"), "C5")
    leave(story, "C5", "A5")
    story.today = date(2046, 5, 1)
    numbers = desk.approved("B5", record_class="identity")
    assert len(numbers) == 3
    order = [one.proposal.subject.key for one in desk.run("B5").outcomes if one.result == "completed"]
    assert order.index("C6") < order.index("C5")
    assert story.events("customer", "C6") == story.events("customer", "C5") == []


def test_a_survivor_does_not_go_alone(story: Story, desk: Desk) -> None:
    """While the absorbed file is there the surviving one stays: its end is the other's clock."""
    story.today = date(2036, 4, 1)
    settle(story, "C5", "A5")
    settle(story, "C6", "A6")
    story.record(CustomersMerged(occurred_at=story.now, absorbed="C6", reason="same", approver="HQ-2"), "C5")
    leave(story, "C5", "A5")
    story.today = date(2046, 5, 1)
    desk.approved("B5", subject=StreamName("customer", "C5"))
    (refused,) = desk.run("B5").outcomes
    assert "absorbed" in refused.reason


class Attic:
    """A place with something left in it, until somebody cleans it."""

    def __init__(self) -> None:
        self.clean = False

    def clear(self, _: Sequence[Doomed]) -> None:
        """Somebody else's business."""

    def left(self, doomed: Sequence[Doomed]) -> dict[bytes, dict[str, int]]:
        """One box."""
        return {one.data_key: {"attic": 0 if self.clean else 1} for one in doomed}


def test_no_certificate_while_anything_is_left(story: Story, desk: Desk) -> None:
    """What is found after clearing is named, nothing is certified; once it is gone the run goes on to its end."""
    attic = Attic()
    place: Place = attic
    desk.approved(record_class="identity")
    (failed,) = desk.run("B1", place).outcomes
    assert (failed.result, failed.reason) == ("failed", "records are left behind: nothing is certified: attic")
    assert [type(one) for one in story.events("retention", "customer/C1")][-1] is KeyDestroyed
    attic.clean = True
    (done,) = desk.run("B1", place).outcomes
    assert done.result == "completed"
    assert len(done.certificate) == 64
    completed = story.events("retention", "customer/C1")[-1]
    assert isinstance(completed, RecordDisposed)
    assert "attic" in completed.places
    assert sum(isinstance(one, KeyDestroyed) for one in story.events("retention", "customer/C1")) == 1


def test_what_others_were_linked_with(story: Story, desk: Desk) -> None:
    """Whoever's holds counted has it on record that the records went."""
    desk.approved(record_class="transaction", subject=StreamName("account", "A1"))
    desk.run()
    (told,) = story.events("retention", "customer/C1")
    assert isinstance(told, LinkedDisposed)
    assert (told.other, told.record_class, told.span) == ("account/A1", RecordClass.TRANSACTION, "2026")
    assert story.refuse(told).rule == "a topic of the catalogue"
    assert retention_trigger.units(story.log, [desk_key(desk)]) == []


def desk_key(desk: Desk) -> bytes:
    """The key of the only disposal."""
    (entry,) = desk.register.entries()
    return UUID(entry.data_key).bytes
