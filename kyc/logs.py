"""Structured logs: JSON lines on stderr, with everything that could be personal kept out.

Only the field names listed here may appear beside an event name; anything else is replaced before it is written,
so a careless call cannot leak. Pure rooms do not log at all.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

import structlog
from structlog.typing import EventDict, WrappedLogger

ALLOWED: Final = frozenset(
    {
        "event", "level", "timestamp", "logger", "component", "error", "field", "rule", "fault", "lane", "position",
        "version", "stream_id", "events", "seconds", "rate", "size", "root", "fence", "attempt", "projection",
        "file", "line", "count", "rejected", "accepted", "replayed", "pid", "path", "branch", "topic", "key_id",
        "migration", "request", "route", "method", "status", "host", "port", "development",
    }
)  # fmt: skip
"""Names of fields that hold codes, counts and places, never values of a customer's record."""

REDACTED: Final = "[redacted]"


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace the value of every field that is not known to be free of personal data."""
    return {name: value if name in ALLOWED else REDACTED for name, value in event.items()}


def configure(level: str = "warning") -> None:
    """Log JSON lines to stderr from ``level`` on."""
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # its words are not ours; what fails, our errors say
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=_to_stderr,
        cache_logger_on_first_use=False,
    )


def _to_stderr(*_: object) -> structlog.PrintLogger:
    """A logger to what is standard error now, which a test or a daemon may have exchanged."""
    return structlog.PrintLogger(sys.stderr)


def logger(component: str) -> Any:
    """A logger that names its component. Nothing is written to stdout, also where nobody configured anything."""
    if not structlog.is_configured():
        configure()
    return structlog.get_logger(component=component)
