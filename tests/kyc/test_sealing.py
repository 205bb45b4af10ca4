"""Sealing round after round: what is recorded meanwhile is sealed, whoever else seals, and under whichever key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from fix_bank import booked, household

from kyc import signing
from kyc.errors import CiphertextDamagedError
from kyc.evidence import note
from kyc.sealing import follow
from kyc.wiring import Configuration, Service
from replay.audit import audit

Step = Callable[[], object]


class Script(Event):
    """Told to stop once what happens between the rounds has happened."""

    def __init__(self, *steps: Step) -> None:
        super().__init__()
        self._steps = list(steps)

    def wait(self, timeout: float | None = None) -> bool:
        """What happens next."""
        assert timeout == 7
        if self._steps:
            self._steps.pop(0)()
        else:
            self.set()
        return self.is_set()


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[Callable[[], Service]]:
    """Opens services over one log and one key folder."""
    opened: list[Service] = []

    def begin(dsn: str = database) -> Service:
        opened.append(Service(Configuration(home=tmp_path / "home", database=dsn, zone="UTC"), dsn))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()


def booking(service: Service, number: int) -> Step:
    """Books one transaction."""
    return lambda: service.ledger.record([booked(f"S{number}", ("A1", "debit", "1.00"))])


def unsealed(service: Service) -> int:
    """Events that no checkpoint covers."""
    newest = service.sealed.checkpoint()
    return sum(service.log.reader.positions().values()) - (newest.size if newest else 0)


def test_sealed_as_it_comes(house: Callable[[], Service]) -> None:
    """Each round seals what came since, another sealer finds the lease free between two, and idle signs nothing."""
    office, other = house(), house()
    office.ledger.record(household())
    sizes: list[int] = []

    def look() -> None:
        assert unsealed(office) == 0
        sizes.append(office.sealed.checkpoint().size)  # type: ignore[union-attr]

    def by_another() -> None:
        booking(office, 2)()
        assert other.sealer.seal().events == 1
        other.renew_sealer()

    sealed = follow(house(), Script(look, booking(office, 1), look, look, by_another, look), 7)
    assert sizes[1] == sizes[2] == sizes[0] + 1
    assert sizes[3] == sizes[2] + 1
    assert sealed == sizes[2], "what the other sealed is not counted"


def test_waits_for_another_sealer(house: Callable[[], Service]) -> None:
    """While somebody else holds the lease a round is passed over; after it everything is sealed."""
    office, other = house(), house()
    office.ledger.record(household())
    waiting: list[int] = []
    script = Script(
        other.sealer.seal, booking(office, 1), lambda: waiting.append(unsealed(office)),
        other.renew_sealer, lambda: waiting.append(unsealed(office)),
    )  # fmt: skip
    follow(house(), script, 7)
    assert waiting == [1, 0]


def test_goes_on_under_the_new_key(house: Callable[[], Service]) -> None:
    """The log's key is handed over while it runs: later checkpoints are signed by the successor."""
    office = house()
    office.ledger.record(household())
    before = note.Verifier.parse(office.log_verifier_key)
    script = Script(lambda: signing.rotate(office, "log", "K-1"), office.renew_sealer, booking(office, 1))
    follow(house(), script, 7)
    newest = office.sealed.checkpoint()
    assert newest is not None
    assert unsealed(office) == 0
    signers = {signature.key_id for signature in note.parse(newest.note).signatures}
    assert before.key_id not in signers
    assert note.Verifier.parse(office.log_verifier_key).key_id in signers
    assert audit(office.log, verifier_keys=[before]).ok


def test_survives_the_database(house: Callable[[], Service], database: str) -> None:
    """Cut off in the middle of a round, it says so in the log and seals in the next."""
    office = house()
    office.ledger.record(household())
    victims: list[int] = []

    def hold_and_cut() -> None:
        with psycopg.connect(database) as holder, psycopg.connect(database, autocommit=True) as superuser:
            holder.execute("select 1 from kyc.lease where name = 'sealer' for update")
            held.set()
            for _ in range(2_000):
                waiting = superuser.execute(
                    "select pid, pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and wait_event_type = 'Lock'"
                ).fetchone()
                if waiting is not None:
                    victims.append(waiting[0])
                    return
                time.sleep(0.01)

    held, cutter = Event(), Thread(target=hold_and_cut)

    def cut_off() -> None:
        booking(office, 1)()
        cutter.start()
        assert held.wait(20)

    follow(house(), Script(cut_off, cutter.join, lambda: None), 7)
    assert len(victims) == 1
    assert unsealed(office) == 0


def test_ends_at_what_does_not_fit(house: Callable[[], Service], database: str) -> None:
    """A row that was changed behind our back is not signed, and nothing after it."""
    office = house()
    office.ledger.record(household())
    with psycopg.connect(database, autocommit=True) as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute("update kyc.event set state = state || '\\x00' where version = 2")
    with pytest.raises(CiphertextDamagedError):
        follow(house(), Script(), 7)
    assert unsealed(office) == sum(office.log.reader.positions().values())
