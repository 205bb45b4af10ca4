"""A bank for stories: the same words as the bank without a database (fix_world.py), said to the real ledger.

Events are admitted by the ledger, encrypted, chained and stored in PostgreSQL; states, events and topics are read
back from there. Its keys lie where the command line of the same test looks for them (fix_cli.py), so a story may go
on with ``call``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import psycopg
import pytest
from fix_world import TODAY, World, texts

from kyc.clock import FixedClock, from_datetime, to_datetime
from kyc.domain.admit import shape
from kyc.domain.event import Event
from kyc.domain.submission import StreamName, Unit
from kyc.errors import KycError, RefusedError
from kyc.evidence import note
from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from kyc.store.database import Database
from kyc.store.log import EventLog, Recorded
from kyc.store.seal import Sealer
from kyc.store.sealed import SealedLog
from projections.engine import Engine
from replay.audit import audit
from replay.findings import Report


class Story(World):
    """A bank in a real log; its clock stands at ten in the morning of ``today``, UTC, and moves only when told."""

    def __init__(self, log: EventLog, clock: FixedClock) -> None:
        self.log = log
        self.clock = clock
        self.ledger = Ledger(log, ZoneInfo("UTC"))
        self._named: dict[StreamName, None] = {}
        super().__init__(TODAY)

    @property
    def today(self) -> date:  # type: ignore[override]
        """The bank's day."""
        return self.now.date()

    @today.setter
    def today(self, day: date) -> None:
        """Ten in the morning of that day."""
        self.clock.us = from_datetime(datetime(day.year, day.month, day.day, 10, tzinfo=UTC))

    @property
    def now(self) -> datetime:
        """What the bank's clock says."""
        return to_datetime(self.clock.us)

    def later(self, **length: int) -> None:
        """Let time pass: ``hours=3``."""
        self.clock.us = from_datetime(self.now + timedelta(**length))

    def record(self, data: Event, stream: str = "", **options: Any) -> Unit:
        """Record one submission.

        Raises:
            KycError: the ledger's answer, where it is not a receipt.
        """
        submission = self.submission(data, stream, **options)
        (answer,) = self.ledger.record([submission])
        if isinstance(answer, KycError):
            raise answer
        unit = shape(submission, self.today)
        self._named.update(dict.fromkeys(entry.stream for entry in unit.entries))
        return unit

    def refuse(self, data: Event, stream: str = "", **options: Any) -> RefusedError:
        """The refusal of a submission that must be refused; nothing of it is stored, nor repeated."""
        before = self._stored()
        with pytest.raises(RefusedError) as caught:
            self.record(data, stream, **options)
        assert self._stored() == before
        told = caught.value.diagnostics()
        assert not [value for value in texts(msgspec.to_builtins(data)) if value in told], told
        return caught.value

    def state(self, kind: str, key: str) -> Any:
        """The folded state of a stream, None where there is none."""
        return self.ledger.state(StreamName(kind, key))

    def events(self, kind: str, key: str) -> list[Event]:
        """The events of a stream in their order, decrypted; what was disposed of is left out."""
        return [one.event for one in self.recorded(kind, key) if one.event is not None]

    def recorded(self, kind: str, key: str) -> list[Recorded]:
        """The events of a stream as they were recorded, with who recorded them where."""
        return list(self.log.events(StreamName(kind, key)))

    def named(self, kind: str) -> list[str]:
        """The keys of the streams of a kind that something was recorded in."""
        return [name.key for name in self._named if name.kind == kind]

    @property
    def sealed(self) -> SealedLog:
        """The sealed log."""
        return SealedLog(self.log.database, self.log.reader)

    def seal(self) -> str:
        """Seal; returns the signed checkpoint."""
        sealer = Sealer(self.log.database, self.log.provider.signing_key("log"), clock=self.clock)
        try:
            return sealer.seal().note
        finally:
            sealer.release()

    def verify(self, **options: Any) -> Report:
        """What an audit with the bank's own keys finds."""
        signer = note.Signer(self.log.database.origin(), self.log.provider.signing_key("log"))
        return audit(self.log, verifier_keys=[signer.verifier], keys=self.log.ring, **options)

    def project(self) -> Engine:
        """Bring the read models up to date; returns their engine."""
        engine = Engine(self.log)
        engine.catch_up()
        return engine

    def unguarded(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A superuser's connection on which no trigger and no constraint stands in the way."""
        connection = psycopg.connect(self.log.database.dsn, autocommit=True)
        connection.execute("set session_replication_role = replica")
        for constraint in ("event_hash_fits", "event_lengths", "event_position", "event_key"):
            connection.execute(f"alter table kyc.event drop constraint if exists {constraint}")
        return connection

    def _stored(self) -> int:
        return sum(self.log.reader.positions().values())


@pytest.fixture
def story(database: str, tmp_path: Path) -> Iterator[Story]:
    """An empty bank on 2 March 2026, in a fresh database."""
    clock = FixedClock(0)
    log = EventLog(Database(database), FileKeyProvider.open(tmp_path / "home" / "keys"), clock=clock)
    yield Story(log, clock)
    log.close()
