"""Settings and limits: names, units and reasons in one frozen place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LANES_DEFAULT: Final = 16
"""Lanes of a new log: enough for parallel readers on one machine; chosen once, kept for ever (kyc init --lanes)."""

LANES_MAX: Final = 1024
"""A lane is the first ten bits of the stream id, or fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterLimits:
    """Bounds of the group-commit writer."""

    events_per_commit: int = 10_000
    """Larger commits gain nothing and hold memory (measured: 10,000 is within 3 % of the best)."""
    connections: int = 2
    """Connections that share the lanes: while the server works on one commit the next is prepared (measured: 1.4
    times the events of one connection at 32 callers, and no more with three)."""
    copy_from_events: int = 128
    """From this many events a commit uses COPY instead of INSERT: two round trips more, and less work an event (at
    128 callers a tenth more events than with 64; each number of rows below is a statement the server keeps)."""
    heads_cached: int = 1_000_000
    """Stream heads kept in memory; about 200 bytes each."""
    queue_events: int = 100_000
    """Events waiting before callers are held back."""
    attempts: int = 20
    """Collisions with other writers before a batch is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """Bounds of the data-key cache: a destroyed key may linger in another process at most ``seconds_cached``."""

    keys_cached: int = 50_000
    """About 0.7 kB each; 3.3 kB where it was written under."""
    seconds_cached: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SealerLimits:
    """Bounds of one sealing step."""

    events_per_step: int = 50_000
    """Leaves signed under one checkpoint; bounds memory and the length of the transaction."""
    lease_seconds: int = 30
    """How long a silent sealer keeps others out."""


GC_THRESHOLDS: Final = (200_000, 20, 100)
"""For :func:`gc.set_threshold` in a process of our own: the caches of a bulk load are large and hold no
cycles; walking them again and again took a third of the time."""

PAYLOAD_MAX: Final = 1_048_576
"""Bytes of one canonical payload; larger content belongs into a scan."""

SCAN_MAX: Final = 33_554_432
"""Bytes of one scan: 32 MiB hold a colour A4 page at 600 dpi as PNG."""

ZONE_DEFAULT: Final = "Asia/Shanghai"
"""The institution's zone: days, years and deadlines are counted in it (KYC_ZONE)."""

ORIGIN_DEFAULT: Final = "kyc-ledger.example/log"
"""Origin line of checkpoints, chosen when the log is created (KYC_ORIGIN): a name of the institution's own."""
