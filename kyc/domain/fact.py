"""The wire form of a submission: one JSON object, one line of NDJSON.

``{"key": …, "topic": …, "stream": …, "origin": {…}, "data": {…}, "expected": …, "scans": […]}``. Decoding is strict
and names field, rule and remedy, never a value. In-process callers put a typed event into ``data`` instead.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from kyc.domain import codec
from kyc.domain.event import Event
from kyc.domain.submission import KEY_LENGTH_MAX, Origin, Scan, Word
from kyc.domain.transaction import BookTransaction
from kyc.errors import InputError, RefusedError

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


class WireScan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One captured image."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    media_type: Annotated[str, msgspec.Meta(pattern="^[a-z]+/[a-z0-9.+-]+$")]
    content: bytes
    """Base64 on the wire (RFC 4648 §4)."""


class WireOrigin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it comes from; what is left out is known otherwise, as that of a caller who has said who they are."""

    purpose: Word
    legal_basis: Word
    actor: Word = ""
    branch: Word = ""


class WireSubmission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One business fact on the wire; ``data`` is the event of its topic."""

    key: Key
    topic: str
    origin: WireOrigin
    data: msgspec.Raw
    stream: Annotated[str, msgspec.Meta(max_length=64)] = ""
    expected: Annotated[int, msgspec.Meta(ge=0)] | None = None
    scans: Annotated[tuple[WireScan, ...], msgspec.Meta(max_length=SCANS_MAX)] = ()


_decoder = msgspec.json.Decoder(WireSubmission)
_booking = msgspec.json.Decoder(BookTransaction)


def parse(line: bytes | msgspec.Raw, *, actor: str = "", branch: str = "") -> Submission:
    """The submission in one line. ``actor`` and ``branch`` are those of an authenticated caller, if there is one.

    Raises:
        InputError: not JSON of this form; names the field and the rule.
        RefusedError: it claims to come from another than the caller.
    """
    if len(memoryview(line)) > LINE_MAX:
        raise InputError("the line is too long", field="line", rule=f"at most {LINE_MAX} bytes")
    try:
        wire = _decoder.decode(line)
        data = _booking.decode(wire.data) if wire.topic == "transaction.booked" else None
    except codec.UNREADABLE as cause:
        raise codec.input_error("not a submission", cause) from None
    return Submission(
        key=wire.key,
        origin=_origin(wire.origin, actor, branch),
        data=data or codec.from_wire(wire.topic, wire.data),
        stream=wire.stream,
        expected=wire.expected,
        scans=tuple(
            [Scan(name=scan.name, media_type=scan.media_type, content=scan.content) for scan in wire.scans]
        ),
    )


def _origin(wire: WireOrigin, actor: str, branch: str) -> Origin:
    return Origin(
        actor=_own("actor", wire.actor, actor), branch=_own("branch", wire.branch, branch),
        purpose=wire.purpose, legal_basis=wire.legal_basis,
    )  # fmt: skip


def _own(field: str, claimed: str, known: str) -> str:
    """What is known of the caller, else what is said."""
    if not claimed and not known:
        raise InputError("not a submission", field=f"origin.{field}", rule="required", remedy="name it")
    if claimed and known and claimed != known:
        raise RefusedError(
            f"it claims another {field} than the caller's", field=f"origin.{field}",
            rule="a submission comes from who submits it", remedy="leave it out: it is filled in",
        )  # fmt: skip
    return known or claimed
