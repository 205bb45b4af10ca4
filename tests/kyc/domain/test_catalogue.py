"""The catalogue: every event has its place, its page and its words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from fix_samples import PRODUCT

from kyc.cli import reference
from kyc.domain.catalogue import GROUPS, STREAMS
from kyc.domain.event import Event, RecordClass, event_type, topics
from kyc.domain.stream import CHECKS, CLAIMS, COMPANIONS, CONSULTS, MENTIONS

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_page_is_up_to_date():
    """docs/events.md is what the code says; after a change: kyc schema --markdown > docs/events.md."""
    assert (DOCS / "events.md").read_text(encoding="utf-8").rstrip() == reference.markdown().rstrip()


def test_every_event_has_a_place(topic):
    """Every event belongs to a stream of the catalogue, a record class and a group; its key is a field of it."""
    kind = PRODUCT[topic]
    assert kind.STREAM in STREAMS
    assert isinstance(kind.RECORD_CLASS, RecordClass)
    assert kind.__module__ in {group.__name__ for group in GROUPS}
    assert not kind.KEY or kind.KEY in kind.__struct_fields__
    assert kind.__doc__
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
