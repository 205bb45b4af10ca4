"""Folding is total: whatever was recorded, in whatever order it is read, gives a state and never an exception."""

from __future__ import annotations

import msgspec
import pytest
from fix_samples import AT, PRODUCT, SAMPLES, structs
from fix_world import TODAY
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.domain.admit import STATEFUL, STREAMS
from kyc.domain.event import Event
from kyc.domain.stream import CHECKS
from kyc.errors import RefusedError


def possible(event: Event) -> bool:
    """Whether the event passes the checks on what it says of itself, so that it may have been recorded."""
    try:
        for check in CHECKS.get(type(event), ()):
            check(event, TODAY)
    except RefusedError:
        return False
    return True


@pytest.mark.parametrize("kind", sorted(STATEFUL))
@settings(max_examples=20)
@given(data=st.data())
def test_any_order_gives_a_state(kind: str, data: st.DataObject):
    """Events of a stream fold in any order, as replays of what was known or in effect on a day do."""
    stream = STREAMS[kind]
    events = sorted(topic for topic, event in PRODUCT.items() if kind == event.STREAM)
    state = (stream.initial and None) or stream.empty
    for begin in list(stream.initial)[:1]:
        state = stream.evolve(None, SAMPLES[begin.TOPIC])
        assert state is not None
    for topic in data.draw(st.lists(st.sampled_from(events), max_size=12)):
        event = data.draw(st.one_of(st.just(SAMPLES[topic]), structs(PRODUCT[topic])))
        if possible(event):
            state = stream.evolve(state, event)
            assert isinstance(state, stream.state)
    assert msgspec.json.decode(msgspec.json.encode(state), type=stream.state) == state


@pytest.mark.parametrize("kind", sorted(STATEFUL))
def test_nothing_begins_in_the_middle(kind: str):
    """A later event makes no state where there is none, unless any event may be the first."""
    stream = STREAMS[kind]
    for topic, event in PRODUCT.items():
        if kind == event.STREAM and event not in stream.initial and stream.empty is None:
            assert stream.evolve(None, msgspec.structs.replace(SAMPLES[topic], occurred_at=AT)) is None
