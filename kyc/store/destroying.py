"""The instant of destruction: the event that says so and the end of the key, in one transaction or not at all.

Events are recorded at the versions they were decided on. So whatever was recorded meanwhile in one of these
streams, such as a hold, wins: nothing is destroyed, and the caller decides anew. The writer, whose memory of these
lanes is stale afterwards, collides once and reloads, as after any other writer.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from kyc.errors import CollisionError
from kyc.store import pgbinary, statements
from kyc.store.database import Connection
from kyc.store.log import EventLog
from kyc.store.plan import Plan, Planner
from kyc.store.records import Batch, Head, StoredEvent, lane_of

_BINARY: Final = 1


def destroy(log: EventLog, batch: Batch, key_id: bytes) -> int:
    """Record a batch and destroy a data key; the moment, in microseconds.

    Raises:
        CollisionError, VersionConflictError: something was recorded in one of the streams meanwhile, or the key is
            destroyed already; nothing happened.
        StoreError: the database refuses; nothing happened.
    """
    with log.database.connection() as connection, connection.transaction():
        plan = _planned(log, connection, batch)
        at = max(row.recorded_at for row in plan.rows)
        _insert(connection, sorted(plan.rows, key=lambda row: (row.lane, row.position)))
        arguments = (lane_of(key_id, log.lanes), UUID(bytes=key_id), at)
        done = connection.execute(statements.DESTROY_KEY, arguments).fetchone()
        if not done or not done[0]:
            raise CollisionError("the key is destroyed already", field="data_key", rule="destroyed once")
    log.ring.forget(key_id)
    return at


def _planned(log: EventLog, connection: Connection, batch: Batch) -> Plan:
    """The rows of the batch, on what the database says now."""
    planner = Planner(len(batch.drafts))
    streams = {draft.stream_id: draft.lane for draft in batch.drafts}
    wanted = (pgbinary.int2s(list(streams.values())), pgbinary.uuids(list(streams)))
    heads = connection.execute(statements.HEADS, wanted, binary=True).fetchall()
    planner.set_positions(dict(connection.execute(statements.LAST_POSITIONS, (log.lanes,)).fetchall()))
    planner.set_heads(streams, {row[0]: Head(row[1], row[2], row[3]) for row in heads})
    plan = planner.plan([batch], [0], log.clock.now_us())
    for _, refusal in plan.refused:
        raise refusal
    return plan


def _insert(connection: Connection, rows: list[StoredEvent]) -> None:
    statement = statements.insert_of(len(rows))
    result = connection.pgconn.exec_params(
        statement.text, pgbinary.event_parameters(rows), statement.types, statement.formats, _BINARY
    )
    if result.status != ExecStatus.COMMAND_OK:
        raise error_from_result(result)
