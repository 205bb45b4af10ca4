"""Bounds of the service: what one request, one caller and all callers together may ask of a process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLimits:
    """Names, units and reasons; what is beyond is refused, never queued without end."""

    body_bytes: int = 64 * 1024 * 1024
    """One JSON body, and one line of a stream: a document with twenty scans fits."""
    bodies_bytes: int = 192 * 1024 * 1024
    """All bodies held at once; an image is held about three times while it is decoded and encrypted."""
    batch_items: int = 10_000
    """Submissions of one JSON batch; more belong into a stream."""
    queue_items: int = 20_000
    """Submissions waiting for the ledger before callers are told to come back: a few seconds of work."""
    round_items: int = 1_000
    """Submissions admitted together: larger rounds gain nothing and make a lone caller wait."""
    caller_requests: int = 256
    """Unanswered requests of one caller."""
    stream_items: int = 500
    """Lines of a stream admitted together."""
    body_seconds: float = 30.0
    """How long a body may take, and how long a stream may be silent."""
    head_seconds: float = 10.0
    """How long a new connection may take to say what it wants."""
    write_seconds: float = 30.0
    """How long a client may leave an answer unread."""
    idle_seconds: int = 75
    """How long a connection is kept open between requests: longer than the minute of common proxies."""
    drain_seconds: int = 30
    """How long requests may go on after the service was told to stop."""
    retry_seconds: int = 1
    """What ``Retry-After`` says to those who are sent away."""
    wait_seconds: float = 5.0
    """How long a read waits for the read models to reach its position."""
    read_threads: int = 4
    """Reads looked up at once: each holds a connection of the pool, and writes need some too."""
    read_waiting: int = 256
    """Reads waiting for a thread, or for a position."""
    caller_reads: int = 32
    """Of these, one caller's."""
    answer_bytes: int = 32 * 1024 * 1024
    """Of one read; what is longer has pages, or belongs into an export."""
    exports_kept: int = 64
    """Exports asked for and not yet gone; each may be as large as its scope."""
    skew_seconds: float = 60.0
    """How far a branch's clock may be from ours before that is put on record; a slow line is less."""
    export_hours: int = 24
    """How long an export is kept from when it was asked for."""
    page_items: int = 100
    """Rows of a page, where the request does not say how many."""
    page_most: int = 1_000
    """Rows of the largest page: as many as one event of access names."""
