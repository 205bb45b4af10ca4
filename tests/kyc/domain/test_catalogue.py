"""The catalogue: every event has its place, its page and its words."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from fix_samples import PRODUCT

from kyc.cli import reference
from kyc.domain.catalogue import GROUPS, STREAMS
from kyc.domain.event import Event, RecordClass, event_type, topics
from kyc.domain.stream import CHECKS, CLAIMS, COMPANIONS, CONSULTS, MENTIONS

DOCS = Path(__file__).resolve().parents[3] / "docs"

SERVES = re.compile(r"\b(art\.|AML24|FATF R\.|RFC|seed rule|gotcha)")
"""How a docstring, the event's or its group's, names the law it serves."""
ASKED = {
    "customer": "registered name_changed contact_changed address_changed attribute_changed attribute_corrected"
    " party_added party_ended guardianship_ended duplicate_suspected merged merge_reverted deceased"
    " relationship_established relationship_ended relationship_reopened branch_transferred",
    "prospect": "refused",
    "document": "captured verified verification_failed expired grace_started grace_ended superseded invalidated"
    " service_suspended service_resumed",
    "cdd": "started identity_verified discrepancy_raised discrepancy_resolved beneficial_owner_identified"
    " beneficial_owner_changed beneficial_owner_ended registry_difference_reported pep_determined"
    " source_of_funds_recorded senior_approval_granted risk_rated review_scheduled review_completed"
    " review_overdue enhanced_applied simplified_applied failed measure_applied measure_lifted"
    " objection_received objection_answered screening_performed screening_hit_decided reliance_recorded",
    "account": "opened holder_added holder_removed agent_authorised agent_revoked suspended frozen freeze_queued"
    " freeze_renewed freeze_released freeze_lapsed funds_deducted dormant closed reopened",
    "transaction": "instructed authorised booked rejected reversed corrected counterparty_completed"
    " document_attached",
    "service": "one_off_completed attempt_recorded",
    "large_value": "detected",
    "alert": "raised dismissed",
    "case": "opened note_added closed str_confirmed fiu_requested fiu_provided",
    "report": "filed corrected follow_up_due",
    "order": "received rejected accepted data_disclosed evidence_sealed secrecy_imposed secrecy_released"
    " customer_notified objection_lodged foreign_received foreign_refused foreign_escalated",
    "privacy": "notice_presented consent_given consent_withdrawn processing_restricted processing_restored"
    " cross_border_approved",
    "request": "received fulfilled refused",
    "breach": "notified",
    "impact": "assessed",
    "retention": "clock_started clock_restarted clock_stopped deadline_computed",
    "hold": "placed released",
    "disposal": "proposed approved rejected key_destroyed completed",
    "custody": "transferred",
    "access": "granted revoked read denied anomaly_flagged break_glass_used break_glass_reviewed",
    "policy": "published",
    "template": "published",
    "branch": "opened merged closed",
    "day": "closed",
    "month": "closed",
    "integrity": "checkpoint_anchored verified violation_detected",
    "projection": "rebuilt",
    "export": "signed",
    "clock": "skew_observed",
}
"""What a complete model of the regulation has to say, stream by stream; a filed follow-up is a ``report.filed``."""


def test_the_page_is_up_to_date():
    """docs/events.md is what the code says; after a change: kyc schema --markdown > docs/events.md."""
    assert (DOCS / "events.md").read_text(encoding="utf-8").rstrip() == reference.markdown().rstrip()


def test_what_the_regulation_asks_for_can_be_said():
    """Every event of the regulation's streams is in the catalogue, under its own topic."""
    asked = [f"{stream}.{name}" for stream, names in ASKED.items() for name in names.split()]
    assert [topic for topic in asked if topic not in PRODUCT] == []
    assert len(asked) == len(set(asked))


def test_every_event_has_a_place(topic):
    """Every event belongs to a stream, a record class and a group, says what law it serves, and is immutable."""
    kind = PRODUCT[topic]
    assert kind.STREAM in STREAMS
    assert isinstance(kind.RECORD_CLASS, RecordClass)
    assert kind.__module__ in {group.__name__ for group in GROUPS}
    assert not kind.KEY or kind.KEY in kind.__struct_fields__
    assert kind.__doc__
    assert kind.__struct_config__.frozen
    assert SERVES.search(kind.__doc__) or SERVES.search(sys.modules[kind.__module__].__doc__ or "")
    assert "period" not in kind.__struct_fields__  # it would hide the event's own clock period


def test_tables_hold_events_of_their_own_stream():
    """What a stream begins with, folds and rules are events of that stream."""
    for stream in STREAMS.values():
        for table in (stream.initial, stream.folds, stream.rules):
            assert {event.STREAM for event in table} <= {stream.kind}
        for event in stream.initial:
            assert event.KEY, event.TOPIC
    for table in (CHECKS, CLAIMS, COMPANIONS, CONSULTS, MENTIONS):
        assert all(event.TOPIC in PRODUCT for event in table if hasattr(event, "TOPIC"))


def test_every_folded_stream_can_begin():
    """A stream with a state has an event that begins it, or a state before the first one."""
    assert [kind for kind, s in STREAMS.items() if s.state is not None and not s.initial and s.empty is None] == []


def test_a_topic_belongs_to_one_event():
    """A second class under a known topic is our own mistake and fails at once."""
    with pytest.raises(TypeError, match=r"customer\.registered"):
        type("Impostor", (Event,), {"TOPIC": "customer.registered", "__module__": __name__})
    assert event_type("customer.registered").__name__ == "CustomerRegistered"
    assert list(topics()) == sorted(topics())


def test_events_are_told_apart_by_name():
    """No two events have the same class name: descriptions of the API name schemas by it."""
    names = Counter(kind.__name__ for kind in PRODUCT.values())
    assert [name for name, count in names.items() if count > 1] == []
