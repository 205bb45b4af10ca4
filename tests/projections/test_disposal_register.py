"""Certificates found by the key that was destroyed."""

from __future__ import annotations

from uuid import UUID

import pytest
from fix_bank import AT, TELLER

from kyc.domain.disposal import KeyDestroyed, RecordDisposed
from kyc.domain.event import Event
from kyc.domain.submission import Entry, StreamName, Unit
from kyc.errors import NotFoundError
from kyc.ledger import Ledger
from projections import disposal_register
from projections.engine import Engine

pytestmark = pytest.mark.pg15
SUBJECT = "customer/C1"


def record(ledger: Ledger, *events: Event) -> None:
    """Record events of one subject's retention stream."""
    name = StreamName("retention", SUBJECT)
    for event in events:
        (answer,) = ledger.log.append([Unit(f"{event.TOPIC}{hash(event)}", TELLER, (Entry(name, name, event),))])
        assert isinstance(answer, tuple), answer


def destroyed(number: str, key: bytes) -> KeyDestroyed:
    """The event of a destroyed key."""
    return KeyDestroyed(occurred_at=AT, subject=SUBJECT, disposal=number, data_key=str(UUID(bytes=key)))


def test_found_by_key(ledger: Ledger, engine: Engine) -> None:
    """Each key leads to the event of its destruction and to its certificate; what names no key is passed."""
    one, two = bytes(range(16)), bytes(range(16, 32))
    with pytest.raises(NotFoundError):
        disposal_register.of_keys(ledger.log, [one])
    record(ledger, destroyed("X1", one), destroyed("X2", two))
    engine.catch_up()
    stream = ledger.log.stream_id(StreamName("retention", SUBJECT))
    assert disposal_register.of_keys(ledger.log, [one]) == [disposal_register.Place(one, stream, 1, None)]
    certificate = RecordDisposed(
        occurred_at=AT, subject=SUBJECT, disposal="X2", certificate="ab" * 32, places=("events",), events=3
    )
    other = KeyDestroyed(occurred_at=AT, subject=SUBJECT, disposal="X3", data_key="vault-7")
    record(ledger, certificate, other)
    engine.catch_up()
    assert disposal_register.of_keys(ledger.log, [two]) == [disposal_register.Place(two, stream, 2, 3)]
    assert disposal_register.of_keys(ledger.log, [bytes(16)]) == []
    assert engine.rebuild("disposal_register").equal is True


def test_swept_with_the_record_of_the_disposal(ledger: Ledger, engine: Engine) -> None:
    """When the record of a disposal is disposed of itself, nothing is left; a rebuild gives the same."""
    record(ledger, destroyed("X1", bytes(range(16))))
    engine.catch_up()
    (row,) = ledger.log.reader.stream(ledger.log.stream_id(StreamName("retention", SUBJECT)))
    assert ledger.log.key_store.destroy(row.data_key)
    ledger.log.ring.forget(row.data_key)
    assert engine.sweep() >= 1
    assert disposal_register.of_keys(ledger.log, [bytes(range(16))]) == []
    assert engine.rebuild("disposal_register").equal is True
