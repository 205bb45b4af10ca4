"""What every event is: an immutable struct with a stable topic, a schema version and a record class.

These structs are storage formats. Fields may be added with a default (an absent default never changes old
bytes); anything else needs a new ``SCHEMA`` and an upcast in :mod:`kyc.domain.codec`. This module is pure.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with its offset; naive ones do not decode."""


class RecordClass(StrEnum):
    """What the law disposes of together: with subject and period it names one data key."""

    IDENTITY = "identity"
    TRANSACTION = "transaction"
    ACCOUNT = "account"
    DUE_DILIGENCE = "due-diligence"
    MONITORING = "monitoring"
    AUTHORITY = "authority"
    PRIVACY = "privacy"
    ACCESS = "access"
    GOVERNANCE = "governance"


_TOPICS: dict[str, type[Event]] = {}


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fact. Subclasses give ``TOPIC``, ``SCHEMA``, ``RECORD_CLASS`` and, in the docstring, the article served."""

    TOPIC: ClassVar[str]
    SCHEMA: ClassVar[int] = 1
    RECORD_CLASS: ClassVar[RecordClass]
    STREAM: ClassVar[str] = ""
    """Kind of the stream it belongs to (:mod:`kyc.domain.stream`)."""
    KEY: ClassVar[str] = ""
    """The field that holds the stream's key; empty where the submission names the stream."""
    SUBMITTED: ClassVar[bool] = True
    """False where it is only recorded together with another event, never submitted."""

    BY_FIELD: ClassVar[bool] = False
    """Committed to field by field, so that single fields can be withheld from an export and the rest proved. It
    takes some 25 µs more to record; a change holds for what is recorded from then on."""

    occurred_at: Instant
    """When it happened in the world, with its offset; when it was recorded stands in the header."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        topic = cls.__dict__.get("TOPIC")
        if topic is None:
            return  # an abstract helper between Event and the real ones
        known = _TOPICS.get(topic)
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise TypeError(f"topic {topic!r} belongs to {known.__qualname__}")
        _TOPICS[topic] = cls

    def period(self) -> str:
        """The clock period of this record within its class; empty where the whole class shares one clock."""
        return ""


class Image(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One captured image as an event refers to it: provable by its salted commitment, destroyable like a field."""

    name: str
    """Role within the event, such as ``front`` or ``back``."""
    media_type: str
    size: int
    """Bytes of the unencrypted image."""
    commitment: str
    """Salted commitment in hexadecimal, 64 digits."""
    pages: int = 1


class Scanned(Event, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An event that carries scans. Submissions leave ``images`` empty; the log fills it when it protects them."""

    images: tuple[Image, ...] = ()

    def with_images(self, images: tuple[Image, ...]) -> Self:
        """The same event referring to these images."""
        return msgspec.structs.replace(self, images=images)


def event_type(topic: str) -> type[Event]:
    """The current struct of ``topic``.

    Raises:
        KeyError: no such topic.
    """
    return _TOPICS[topic]


def topics() -> dict[str, type[Event]]:
    """All registered topics, sorted by name."""
    return dict(sorted(_TOPICS.items()))
