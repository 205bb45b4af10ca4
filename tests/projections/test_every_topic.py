"""Every event our registers take, twice: rebuilt equal however it is cut, nothing of anybody in clear, none left.

The events are appended below the rules, every text of them planted, so that no case is left out because admission
would not let it come about. Which texts stand in clear is said here, field by field.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import fix_samples
import msgspec
import pytest
from fix_bank import TELLER, receipts
from fix_samples import PRODUCT, full

from kyc.domain.admit import subject_of
from kyc.domain.customer import AttributeChanged, AttributeCorrected
from kyc.domain.event import Event
from kyc.domain.submission import Entry, StreamName, Unit
from kyc.store.binaries import Binaries
from kyc.store.log import EventLog
from projections import runner
from projections.engine import Engine
from projections.projection import Projection
from projections.registry import PROJECTIONS

pytestmark = pytest.mark.pg15
REGISTERS = {
    "due_diligence": {"list", "list_version", "model"},
    "order_register": {"organ"},
    "ownership_graph": {"role"},
    "hold_register": set(),
    "consent_register": {"purpose", "notice", "channel", "language"},
}
"""Register → the fields that stand in clear: codes."""
PLANTED = "Zq-"


def planted(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The planted texts of an event: field, text."""
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(type(value)):
            yield from planted(getattr(value, field.name), field.name)
    elif isinstance(value, tuple):
        for one in value:
            yield from planted(one, name)
    elif isinstance(value, str) and value.startswith(PLANTED):
        yield name, value


def samples(projection: Projection, monkeypatch: pytest.MonkeyPatch) -> dict[str, Event]:
    """One event of each topic of a register, each text its field's name behind ``Zq-``."""
    ordinary = fix_samples._value

    def value(kind: Any, name: str) -> Any:
        found = ordinary(kind, name)
        return f"{PLANTED}{found}" if found == name.replace("_", "-") else found

    with monkeypatch.context() as planting:
        planting.setattr(fix_samples, "_value", value)
        return {topic: full(PRODUCT[topic]) for topic in sorted(projection.topics)}


def record(log: EventLog, events: dict[str, Event]) -> None:
    """Each event in a stream of its kind, then all again the other way round."""
    for step in (1, -1):
        for topic, event in list(events.items())[::step]:
            name = StreamName(event.STREAM, "S1")
            unit = Unit(f"{step}/{topic}", TELLER, (Entry(name, subject_of(name), event),))
            receipts(log.append([unit])[0])


def rows(log: EventLog, projection: Projection) -> list[int]:
    """How many rows each table has."""
    with log.database.connection() as connection:
        counts = [connection.execute(f"select count(*) from kyc_read.{t}".encode()) for t in projection.tables]
        return [row[0] for count in counts for row in count.fetchall()]


@pytest.mark.parametrize("name", REGISTERS)
def test_every_topic(log: EventLog, name: str, monkeypatch: pytest.MonkeyPatch, pg_binaries: Binaries) -> None:
    """In every table something; rebuilt equal; nothing planted in a dump but codes; no row without its key."""
    (projection,) = (one for one in PROJECTIONS if one.name == name)
    engine = Engine(log, [projection])
    events = samples(projection, monkeypatch)
    record(log, events)
    with monkeypatch.context() as small:
        small.setattr(runner, "PAGE", 3)
        engine.catch_up()
    assert [one.failure for one in engine.status()] == [None]
    assert all(rows(log, projection)), rows(log, projection)
    assert engine.rebuild(name).equal is True
    command = [str(pg_binaries.bin / "pg_dump"), "--dbname", log.database.dsn, "--schema", "kyc_read"]
    dump = subprocess.run(command, check=True, capture_output=True).stdout
    seen = {field for event in events.values() for field, text in planted(event) if text.encode() in dump}
    assert seen == REGISTERS[name]
    with log.database.connection() as connection:
        keys = connection.execute("select id from kyc_keys.data_key", binary=True).fetchall()
    for (key,) in keys:
        log.key_store.destroy(key)
        log.ring.forget(key)
    assert engine.sweep()
    assert not any(rows(log, projection))
    assert engine.rebuild(name).equal is True


CLEAR = {
    "channel", "code", "exempt", "feature", "field", "fields", "kind", "language", "list", "list_version", "model",
    "notice", "office", "operator", "organ", "product", "purpose", "role", "span", "template", "to",
}  # fmt: skip
"""Fields of any event that stand in clear in some read model: codes, names of fields, branches, pseudonyms."""


def test_nothing_of_any_event_in_clear(
    log: EventLog, monkeypatch: pytest.MonkeyPatch, pg_binaries: Binaries
) -> None:
    """Every text of every event any read model takes is planted: a dump of the whole database has codes alone."""
    engine = Engine(log)
    events: dict[str, Event] = {}
    for projection in PROJECTIONS:
        events |= samples(projection, monkeypatch)
    for kind in (AttributeChanged, AttributeCorrected):  # of the first attribute the sample is no value
        events[kind.TOPIC] = msgspec.structs.replace(events[kind.TOPIC], attribute="occupation")
    record(log, events)
    engine.catch_up()
    assert {one.failure for one in engine.status()} == {None}
    command = [str(pg_binaries.bin / "pg_dump"), "--dbname", log.database.dsn]
    dump = subprocess.run(command, check=True, capture_output=True).stdout
    texts = {(field, text) for event in events.values() for field, text in planted(event)}
    assert len(texts) > 100
    assert {field for field, text in texts if text.encode() in dump} == CLEAR
