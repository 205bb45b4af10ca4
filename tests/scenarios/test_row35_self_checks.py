"""Row 35: every day has its check of the whole, and what it finds is on record."""

from __future__ import annotations

import msgspec
from fix_samples import SAMPLES

from kyc.domain.governance import DayClosed, IntegrityVerified, IntegrityViolationDetected


def test_a_day_is_closed_and_checked(world):
    """A branch closes its day, the nightly check follows; a day of the future cannot be closed."""
    closed = DayClosed(occurred_at=world.now, office="B-1", day=world.today, recorded=120, late=3)
    world.record(closed)
    ahead = msgspec.structs.replace(closed, day=world.today.replace(day=9))
    assert "not in the future" in world.refuse(ahead).rule
    world.record(IntegrityVerified(occurred_at=world.now, office="sealer", scope="whole", size=120, root="ab" * 32))
    assert world.topics("operations", "B-1") == ["day.closed"]
    assert world.topics("operations", "sealer") == ["integrity.verified"]


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
