"""The wire form of a submission: one JSON object, one line of NDJSON.

``{"key": …, "topic": …, "stream": …, "origin": {…}, "data": {…}, "expected": …, "scans": […]}``. Decoding is strict
and names field, rule and remedy, never a value. In-process callers put a typed event into ``data`` instead.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from kyc.domain import codec
from kyc.domain.event import Event
from kyc.domain.submission import KEY_LENGTH_MAX, Origin, Scan
from kyc.domain.transaction import BookTransaction
from kyc.errors import InputError

LINE_MAX: Final = 64 * 1024 * 1024
"""Bytes of one line: a document with scans fits, a bomb does not."""
SCANS_MAX: Final = 20

Key = Annotated[str, msgspec.Meta(min_length=1, max_length=KEY_LENGTH_MAX)]


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One business fact as submitted."""

    key: str
    """The caller's idempotency key."""
    origin: Origin
    data: Event
    """The event, or the command that admission turns into events."""
    stream: str = ""
    """The customer or account number, where the event itself does not hold it."""
    expected: int | None = None
    """Expected version of the stream, for callers that decided on one."""
    scans: tuple[Scan, ...] = ()


class _WireScan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    media_type: Annotated[str, msgspec.Meta(pattern="^[a-z]+/[a-z0-9.+-]+$")]
    content: bytes
    """Base64 on the wire (RFC 4648 §4)."""


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: Key
    topic: str
    origin: Origin
    data: msgspec.Raw
    stream: Annotated[str, msgspec.Meta(max_length=64)] = ""
    expected: Annotated[int, msgspec.Meta(ge=0)] | None = None
    scans: Annotated[tuple[_WireScan, ...], msgspec.Meta(max_length=SCANS_MAX)] = ()


_decoder = msgspec.json.Decoder(_Wire)
_booking = msgspec.json.Decoder(BookTransaction)


def parse(line: bytes) -> Submission:
    """The submission in one line.

    Raises:
        InputError: not JSON of this form; names the field and the rule.
    """
    if len(line) > LINE_MAX:
        raise InputError("the line is too long", field="line", rule=f"at most {LINE_MAX} bytes")
    try:
        wire = _decoder.decode(line)
        data = _booking.decode(wire.data) if wire.topic == "transaction.booked" else None
    except codec.UNREADABLE as cause:
        raise codec.input_error("not a submission", cause) from None
    return Submission(
        key=wire.key,
        origin=wire.origin,
        data=data or codec.from_wire(wire.topic, wire.data),
        stream=wire.stream,
        expected=wire.expected,
        scans=tuple(Scan(name=scan.name, media_type=scan.media_type, content=scan.content) for scan in wire.scans),
    )
