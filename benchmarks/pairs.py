"""What two processes reach on this machine whatever they do: hashing alone, and reading, decrypting and copying.

The processors of a machine may be threads of one core, and a server takes its part of them. A share of work between
two processes is held against this.
"""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from multiprocessing.synchronize import Barrier
from typing import Any
from uuid import UUID

import psycopg

from kyc.domain.catalogue import STREAMS
from kyc.keys.file_provider import FileKeyProvider
from kyc.settings import GC_THRESHOLDS
from kyc.store.database import Database
from kyc.store.log import EventLog

PAGE = 5_000
HASHES = 10_000_000
Part = tuple[Any, ...]


def seconds(work: Callable[..., None], parts: Sequence[Part]) -> float:
    """What it takes until a process for each part has done it, from when all of them are ready."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Barrier(len(parts) + 1), context.Barrier(len(parts) + 1)
    processes = [context.Process(target=work, args=(ready, done, *part)) for part in parts]
    for process in processes:
        process.start()
    ready.wait()
    start = time.perf_counter()
    done.wait()
    taken = time.perf_counter() - start
    for process in processes:
        process.join()
    return taken


def hash_alone(ready: Barrier, done: Barrier, count: int) -> None:
    """Nothing but the interpreter and a processor."""
    ready.wait()
    value = b""
    for _ in range(count):
        value = sha256(value).digest()
    done.wait()


def copy_decrypted(ready: Barrier, done: Barrier, dsn: str, keys: str, lanes: Sequence[int]) -> None:
    """Read, decrypt, decode, and copy a row for each event into a table without index."""
    assert STREAMS, "importing them makes all events known"
    gc.set_threshold(*GC_THRESHOLDS)
    log = EventLog(Database(dsn), FileKeyProvider.open(keys))
    heads = log.reader.positions()
    with log.database.connection() as connection:
        connection.execute("create temp table taken (lane smallint, position bigint, stream uuid, topic text)")
        ready.wait()
        for lane in lanes:
            for after in range(0, heads[lane], PAGE):
                _copied(connection, log, lane, after, min(PAGE, heads[lane] - after))
    done.wait()
    log.close()


def _copied(connection: psycopg.Connection[Any], log: EventLog, lane: int, after: int, count: int) -> None:
    events = log.reveal(log.reader.page(lane, after, count))
    with connection.transaction(), connection.cursor().copy("copy taken from stdin (format binary)") as copy:
        copy.set_types(["int2", "int8", "uuid", "text"])
        for one in events:
            copy.write_row((one.row.lane, one.row.position, UUID(bytes=one.row.stream_id), one.context.topic))
