"""Row 35: every day has its check of the whole, and what it finds is on record."""

from __future__ import annotations

from uuid import UUID

import msgspec
from fix_cli import Call
from fix_samples import SAMPLES
from fix_world_china import onboard

from kyc.domain.operations import DayClosed, IntegrityVerified, IntegrityViolationDetected


def test_a_day_is_closed_and_checked(world):
    """A branch closes its day, the nightly check follows; a day of the future cannot be closed."""
    closed = DayClosed(
        occurred_at=world.now, office="B-1", day=world.today, recorded=120, late=3, explanation="flood"
    )
    world.record(closed)
    ahead = msgspec.structs.replace(closed, day=world.today.replace(day=9))
    assert "not in the future" in world.refuse(ahead).rule
    world.record(IntegrityVerified(occurred_at=world.now, office="sealer", scope="whole", size=120, root="ab" * 32))
    assert world.topics("operations", "B-1") == ["day.closed"]
    assert world.topics("operations", "sealer") == ["integrity.verified"]


def test_the_check_of_every_night(china, call: Call):
    """Each night's check of everything is an event of the day, under the name of who let it run."""
    onboard(china, "C1")
    for _ in range(2):
        china.seal()
        assert call("verify", "--record-as", "night")[0] == 0
    first, second = china.events("operations", "verification")
    assert (first.TOPIC, first.scope) == ("integrity.verified", "whole")
    assert second.size == first.size + 1, "the first check was itself sealed and checked"
    assert china.recorded("operations", "verification")[0].context.actor == "night"
    assert china.verify().ok


def test_a_bad_night(china, call: Call):
    """Somebody changed a name in the database: the night names the place, and that stays on record."""
    onboard(china, "C1")
    china.seal()
    row = china.recorded("customer", "C1")[0].row
    with china.unguarded() as superuser:
        superuser.execute(
            "update kyc.event set state = set_byte(state, 30, get_byte(state, 30) # 1) where stream_id = %s"
            " and version = 1",
            (row.stream_id.hex(),),
        )
    assert call("verify", "--record-as", "night")[0] == 10
    found = china.events("operations", "verification")
    assert {event.TOPIC for event in found} == {"integrity.violation_detected"}
    assert str(UUID(bytes=row.stream_id)) in found[0].place


def test_what_a_check_finds_is_on_record(world):
    """A violation names the place and the step; anchors, rebuilds, exports, skew and hand-overs stand beside it."""
    world.record(
        IntegrityViolationDetected(occurred_at=world.now, office="audit", step="chain", place="stream 1 version 7")
    )
    for topic in (
        "integrity.checkpoint_anchored", "projection.rebuilt", "export.signed", "clock.skew_observed",
        "custody.transferred", "institution.risk_assessed", "breach.notified", "impact.assessed",
    ):  # fmt: skip
        world.record(msgspec.structs.replace(SAMPLES[topic], occurred_at=world.now, office="audit"))
    assert len(world.events("operations", "audit")) == 9
