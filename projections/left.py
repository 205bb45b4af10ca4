"""What read models still hold under a data key, looked for in every table of every build."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol

from psycopg import sql

from kyc.store import pgbinary
from kyc.store.log import EventLog
from projections.engine import Engine
from projections.projection import SCHEMA

_REGISTER: Final = "disposal_register"
"""Names destroyed keys on purpose, and nothing else of them."""
_TABLES: Final = """
select c.relname from pg_attribute a join pg_class c on c.oid = a.attrelid
where c.relnamespace = %s::regnamespace and c.relkind = 'r' and a.attname = 'data_key' and not a.attisdropped
"""
_ROWS: Final = "select data_key, count(*) from {} where data_key = any (%s) group by data_key"


class _Doomed(Protocol):
    @property
    def data_key(self) -> bytes: ...


class ReadModels:
    """Read models as a place of disposal (:class:`kyc.retention.disposal.Place`)."""

    def __init__(self, log: EventLog, engine: Engine) -> None:
        self._log = log
        self._engine = engine

    def clear(self, doomed: Sequence[_Doomed]) -> None:  # noqa: ARG002 - the port's
        """Take what was recorded, and sweep what destroyed keys protected."""
        self._engine.catch_up()

    def left(self, doomed: Sequence[_Doomed]) -> dict[bytes, dict[str, int]]:
        """Rows under each key, in builds that are read or being made; one look at each table."""
        found: Counter[bytes] = Counter({one.data_key: 0 for one in doomed})
        keys = pgbinary.uuids(list(found))
        with self._log.database.connection() as connection:
            tables = [name for (name,) in connection.execute(_TABLES, (SCHEMA,)).fetchall()]
            for table in tables:
                if table.rpartition("_b")[0] == _REGISTER:
                    continue
                query = sql.SQL(_ROWS).format(sql.Identifier(SCHEMA, table))
                found.update(dict(connection.execute(query, (keys,), binary=True).fetchall()))
        return {key: {"read-models": rows} for key, rows in found.items()}
