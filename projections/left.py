"""What read models still hold under a data key, looked for in every table of every build."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol
from uuid import UUID

from psycopg import sql

from kyc.store.log import EventLog
from projections.engine import Engine
from projections.projection import SCHEMA

_REGISTER: Final = "disposal_register"
"""Names destroyed keys on purpose, and nothing else of them."""
_TABLES: Final = """
select c.relname from pg_attribute a join pg_class c on c.oid = a.attrelid
where c.relnamespace = %s::regnamespace and c.relkind = 'r' and a.attname = 'data_key' and not a.attisdropped
"""


class _Doomed(Protocol):
    @property
    def data_key(self) -> bytes: ...


class ReadModels:
    """Read models as a place of disposal (:class:`kyc.retention.disposal.Place`)."""

    names = ("read-models",)

    def __init__(self, log: EventLog, engine: Engine) -> None:
        self._log = log
        self._engine = engine

    def clear(self, doomed: Sequence[_Doomed]) -> None:  # noqa: ARG002 - the port's
        """Take what was recorded, and sweep what destroyed keys protected."""
        self._engine.catch_up()

    def left(self, doomed: _Doomed) -> dict[str, int]:
        """Rows under the key, in builds that are read and in builds that are being made."""
        return {"read-models": sum(rows_under(self._log, doomed.data_key, self._tables()).values())}

    def _tables(self) -> list[str]:
        with self._log.database.connection() as connection:
            found = connection.execute(_TABLES, (SCHEMA,)).fetchall()
        return [name for (name,) in found if name.rpartition("_b")[0] != _REGISTER]


def rows_under(log: EventLog, key: bytes, tables: Sequence[str]) -> dict[str, int]:
    """Table → rows under a data key."""
    found: dict[str, int] = {}
    with log.database.connection() as connection:
        for table in tables:
            query = sql.SQL("select count(*) from {} where data_key = %s").format(sql.Identifier(SCHEMA, table))
            row = connection.execute(query, (UUID(bytes=key),)).fetchone()
            found[table] = int(row[0]) if row else 0
    return found
