"""The second wall: over a reader's connection no query sees another branch, however it is forged."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from fix_world_china import onboard, open_account, paid, passport, person
from fix_world_ledger import Story
from psycopg.conninfo import make_conninfo

from kyc.clock import SystemClock
from kyc.domain.monitoring import CaseOpened
from kyc.errors import InputError
from kyc.store.scope import ScopedDatabase, add_login, capability, install
from kyc.wiring import Configuration, Service
from projections.customer_profile import CustomerProfile
from projections.engine import Engine
from projections.registry import PROJECTIONS

pytestmark = pytest.mark.pg15
SECRET = b"s" * 32


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


@pytest.fixture
def reader_dsn(china: Story) -> Iterator[str]:
    """A login of a reader's own, on a bank of two branches whose read models are built."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    china.record(paid(china, "T1", "A1", "10.00"))
    china.record(person("C2", china), branch="B-2")
    china.record(passport("PASS-C2", china), "C2", branch="B-2")
    china.record(CaseOpened(occurred_at=china.now, case="CA-1", customers=("C1",), trigger="model"), branch="B-1")
    china.project()
    owner, name, password = china.log.database.dsn, f"kyc_test_{secrets.token_hex(6)}", secrets.token_hex(16)
    install(owner, SECRET)
    add_login(owner, name, "first")
    add_login(owner, name, password)
    yield make_conninfo(owner, user=name, password=password, passfile="")
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"drop role {name}")


def seen(connection: psycopg.Connection) -> list[str]:
    """Branches of the profiles a query sees."""
    return sorted(branch for (branch,) in connection.execute("select branch from kyc_read.customer_profile"))


def test_a_scope_shows_its_branches(reader_dsn, china):
    """Branch one, branch two, both, nobody, everything: each sees its customers, bookings, events, no more."""
    scoped = ScopedDatabase(reader_dsn, SECRET)
    try:
        for branches, expected in (
            (frozenset({"B-1"}), ["B-1"]), (frozenset({"B-2"}), ["B-2"]), (frozenset({"B-1", "B-2"}), ["B-1",
            "B-2"]),
            (frozenset(), []), (frozenset({"B-9"}), []), (None, ["B-1", "B-2"]),
        ):  # fmt: skip
            with scoped.reading(branches) as connection:
                assert seen(connection) == expected
                told = connection.execute("select count(*) from kyc_read.retention_trigger").fetchone()
                assert (told[0] > 0) == (branches is None), "what names no branch is head office's"
        with scoped.reading(frozenset({"B-1"})) as connection:
            events = connection.execute(
                "select kyc_scope.branch_of(context), kyc_scope.topic_of(context) from kyc_scope.event"
            ).fetchall()
            assert {branch for branch, _ in events} == {"B-1"}
            assert "customer.registered" in {topic for _, topic in events}
            assert not [topic for _, topic in events if topic.startswith(("case.", "access."))]
        with scoped.reading(None) as connection:
            total = connection.execute("select count(*) from kyc_scope.event").fetchone()
            assert total == (sum(china.log.reader.positions().values()),)
    finally:
        scoped.close()


FORGED = {
    "no scope": "select 1",
    "a plain word": "select set_config('kyc.scope', '*', false)",
    "everything under a mac of zeros": (
        "select set_config('kyc.scope', repeat('0', 64) || pg_backend_pid() || '|0|9999999999999999|*', false)"
    ),
    "a mac of its own": (
        "select set_config('kyc.scope', encode(sha256(convert_to(body, 'UTF8')), 'hex') || body, false)"
        " from (select pg_backend_pid() || '|0|9999999999999999|*') as b (body)"
    ),
    "not even text": "select set_config('kyc.scope', repeat('|', 5000), false)",
}
REFUSED = {
    "the owner again": "set role kyc_owner",
    "the service": "set role kyc_service",
    "somebody else's session": "set session authorization kyc_owner",
    "the key": "select * from kyc_scope.capability",
    "a new key": "insert into kyc_scope.capability values (true, repeat('a', 64)::bytea, repeat('b', 64)::bytea)",
    "the events": "select * from kyc.event",
    "the data keys": "select * from kyc_keys.data_key",
    "no security": "alter table kyc_read.customer_profile_b1 disable row level security",
    "a policy": "create policy mine on kyc_read.customer_profile_b1 using (true)",
    "a function with another's power": (
        "create function kyc_read.all_of_it() returns setof text language sql security definer as"
        " 'select branch from kyc_read.customer_profile'"
    ),
    "a write": "delete from kyc_read.customer_profile_b1",
    "what the scope is made of": "select kyc_scope.said()",
    "another database's power": "copy kyc_read.customer_profile to program 'cat'",
}


def test_a_forged_scope_shows_nothing(reader_dsn):
    """Whatever is written into the setting without the key, also after leaving the role: not a row."""
    for what, statement in FORGED.items():
        with psycopg.connect(reader_dsn, autocommit=True) as connection:
            for leaving in ("select 1", "reset role", "reset session authorization"):
                connection.execute(leaving)
                connection.execute(statement)
                assert seen(connection) == [], what
                assert connection.execute("select count(*) from kyc_scope.event").fetchone() == (0,), what


def test_no_way_out(reader_dsn):
    """Other roles, the key, the tables behind, another policy, a function with more power: all refused."""
    with psycopg.connect(reader_dsn, autocommit=True) as connection:
        for what, statement in REFUSED.items():
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(statement)
            assert caught.value.sqlstate in {"42501", "22P02"}, what
        connection.execute("set row_security = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            seen(connection)


def test_a_capability_is_for_one_backend_one_time_one_scope(reader_dsn):
    """Moved to another connection, run out, its branches changed, signed by another key: nothing is seen."""
    now = SystemClock().now_us()
    with (
        psycopg.connect(reader_dsn, autocommit=True) as one,
        psycopg.connect(reader_dsn, autocommit=True) as other,
    ):
        backend = one.execute(
            "select pg_backend_pid(), (extract(epoch from backend_start) * 1000000)::bigint"
            " from pg_stat_get_activity(pg_backend_pid())"
        ).fetchone()
        good = capability(SECRET, backend, frozenset({"B-1"}), now + 10**9)
        for connection, said, expected in (
            (one, good, ["B-1"]), (other, good, []), (one, good.replace("B-1", "B-2"), []),
            (one, good.replace("B-1", "*"), []), (one, good + "\x1fB-2", []),
            (one, capability(SECRET, backend, None, now - 10**9), []),
            (one, capability(b"t" * 32, backend, None, now + 10**9), []),
            (one, capability(SECRET, (backend[0], backend[1] - 1), None, now + 10**9), []),
            (one, good, ["B-1"]),
        ):  # fmt: skip
            connection.execute("select set_config('kyc.scope', %s, false)", (said,))
            assert seen(connection) == expected
    for branch in ("", "*", "B|1", "B\x1f2"):
        with pytest.raises(InputError):
            capability(SECRET, backend, frozenset({branch}), now)


def test_a_scope_ends_with_its_transaction(reader_dsn):
    """The next transaction of the same connection sees nothing until it is given a scope of its own."""
    scoped = ScopedDatabase(reader_dsn, SECRET, connections=1)
    try:
        with scoped.reading(None) as connection:
            assert seen(connection) == ["B-1", "B-2"]
            session = connection
        assert seen(session) == []
        with scoped.reading(frozenset({"B-2"})) as connection:
            assert seen(connection) == ["B-2"]
    finally:
        scoped.close()


def test_every_build_has_its_wall(reader_dsn, china):
    """All tables of all builds are guarded, and those of a rebuild from its first moment on."""
    Engine(china.log, [CustomerProfile()]).rebuild("customer_profile")
    with china.log.database.connection() as connection:
        tables = connection.execute(
            "select relname, relrowsecurity from pg_class where relnamespace = 'kyc_read'::regnamespace"
            " and relkind = 'r' and relname ~ '_b[0-9]+$'"
        ).fetchall()
    assert len(tables) >= len(PROJECTIONS)
    assert all(guarded for _, guarded in tables)
    scoped = ScopedDatabase(reader_dsn, SECRET)
    try:
        with scoped.reading(frozenset({"B-2"})) as connection:
            assert seen(connection) == ["B-2"]
    finally:
        scoped.close()


def test_the_service_has_readers(china, tmp_path):
    """The wiring makes a login of its own behind the wall; a URL of yours is used as it is."""
    onboard(china, "C1")
    china.project()
    dsn = china.log.database.dsn
    opened = Service(Configuration(home=tmp_path / "home", database=dsn), dsn)
    with opened.readers.reading(frozenset({"B-1"})) as connection:
        assert seen(connection) == ["B-1"]
        made = connection.execute("select session_user, current_user").fetchone()
        assert made[0] == made[1] != "kyc_service"
    opened.close()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"drop role {made[0]}")
    given = Service(Configuration(home=tmp_path / "home", database=dsn, reader="dbname=nowhere"), dsn)
    assert "nowhere" in given.readers._pool.conninfo
