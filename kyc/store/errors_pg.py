"""psycopg's errors in our words, once, at the edge of the store. Server messages may hold values: they stay out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg

from kyc.errors import CollisionError, KycError, StoreError, StoreUnavailableError


@contextmanager
def translated() -> Iterator[None]:
    """Turn a driver error into a :class:`~kyc.errors.StoreError` whose cause keeps the original.

    Raises:
        StoreUnavailableError: the server is gone or refuses connections.
        StoreError: anything else the database refused, with SQLSTATE and constraint name.
    """
    try:
        yield
    except KycError:
        raise
    except psycopg.Error as cause:
        raise translate(cause) from cause


def translate(cause: psycopg.Error) -> StoreError:
    """The error of ours that says what ``cause`` means."""
    if is_lost(cause):
        return StoreUnavailableError(
            "the database cannot be reached", rule=cause.sqlstate or type(cause).__name__, remedy="kyc doctor"
        )
    if isinstance(cause, (pg.UniqueViolation, pg.DeadlockDetected, pg.SerializationFailure)):
        return CollisionError(field=cause.diag.constraint_name, rule=cause.sqlstate, remedy="try again")
    if isinstance(cause, pg.InsufficientPrivilege):
        return StoreError("the database refuses this role", rule="append-only", field=cause.diag.table_name)
    return StoreError("the database refused the statement", field=cause.diag.constraint_name, rule=cause.sqlstate)


def is_lost(cause: psycopg.Error) -> bool:
    """Whether the connection is gone, so that the outcome of the last statement is unknown."""
    state = cause.sqlstate or ""
    return state.startswith(("08", "57P")) or (not state and isinstance(cause, psycopg.OperationalError))
