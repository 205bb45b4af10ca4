"""Receipts: what the ledger answers to an append, signed before the events are in the log.

A receipt is a promise: these events are stored, and within the merge delay a signed checkpoint covers them. It is a
signed note (C2SP signed-note) under the receipt key, whose text is::

    kyc-ledger/receipt/v1
    <origin>                                          the log the events will be in
    merge-delay <seconds>                             decimal
    <stream> <version> <hash> <lane> <position> <recorded-at>      a line per event, at least one

``stream`` is a UUID in lower case with hyphens, ``hash`` the base64 of the chain hash, ``recorded-at`` microseconds
since 1970-01-01T00:00:00Z; the numbers are decimal without leading zeros. Once sealed, an event has a proof
(:mod:`kyc.evidence.tlog_proof`), and a verifier prefers proof to promise. A checkpoint made after
:meth:`Receipt.due` that does not cover the event is a breach anyone can show with receipt and log alone.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kyc.errors import FormatError, SignatureError
from kyc.evidence import leaf, note, strict
from kyc.evidence.note import NoteSigner, Signer, Verifier

TITLE: Final = "kyc-ledger/receipt/v1"
_DELAY: Final = "merge-delay "
_MICROSECONDS: Final = 1_000_000
_NOT_IN_ORIGIN: Final = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class ReceiptedEvent:
    """One stored event.

    Raises:
        FormatError: a part is out of range.
    """

    stream_id: bytes
    version: int
    hash: bytes
    """The chain hash, 32 bytes."""
    lane: int
    position: int
    """Place in the lane, from 1."""
    recorded_at: int
    """Microseconds since 1970-01-01T00:00:00Z."""

    def __post_init__(self) -> None:
        leaf.entry(self.stream_id, self.version, self.hash)  # checks these three
        for name, value, least in (
            ("version", self.version, 1),
            ("lane", self.lane, 0),
            ("position", self.position, 1),
            ("recorded_at", self.recorded_at, 0),
        ):
            if not least <= value <= strict.NUMBER_MAX:
                raise FormatError("a number of a receipt is out of range", field=name, rule=f"{least} to 2**63 - 1")

    @property
    def entry(self) -> bytes:
        """The log entry that this event will have."""
        return leaf.entry(self.stream_id, self.version, self.hash)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The events of one append, and when a checkpoint will cover them.

    Raises:
        FormatError: no events, or a part cannot stand in a receipt.
    """

    origin: str
    merge_delay: int
    """Seconds from ``recorded_at`` within which a checkpoint covers the event."""
    events: tuple[ReceiptedEvent, ...]

    def __post_init__(self) -> None:
        if not self.origin or _NOT_IN_ORIGIN.search(self.origin):
            raise FormatError("not the name of a log", field="origin", rule="one line, not empty")
        if not 0 < self.merge_delay <= strict.NUMBER_MAX:
            raise FormatError("merge delay out of range", field="merge_delay", rule="1 second or more")
        if not self.events:
            raise FormatError("a receipt without events", field="events", rule="at least one")

    def due(self, event: ReceiptedEvent) -> int:
        """The instant (microseconds since 1970-01-01T00:00:00Z) by which a checkpoint covers ``event``."""
        return event.recorded_at + self.merge_delay * _MICROSECONDS


def format(receipt: Receipt) -> str:
    """The text of a receipt."""
    lines = [TITLE, receipt.origin, f"{_DELAY}{receipt.merge_delay}"]
    for event in receipt.events:
        stream, link = strict.uuid(event.stream_id), b64encode(event.hash).decode()
        lines.append(f"{stream} {event.version} {link} {event.lane} {event.position} {event.recorded_at}")
    return "\n".join(lines) + "\n"


def parse(text: str) -> Receipt:
    """The strict inverse of :func:`format`.

    Raises:
        FormatError: it would not be written that way.
    """
    lines = text.removesuffix("\n").split("\n")
    if not text.endswith("\n") or len(lines) < 3 or lines[0] != TITLE or not lines[2].startswith(_DELAY):
        raise FormatError("not a receipt", field="receipt", rule=f"{TITLE}, origin, merge-delay, events")
    seconds = strict.decimal(lines[2].removeprefix(_DELAY), "merge-delay")
    return Receipt(lines[1], seconds, tuple(_parse_event(line) for line in lines[3:]))


def _parse_event(line: str) -> ReceiptedEvent:
    parts = line.split(" ")
    if len(parts) != 6:
        raise FormatError("not an event of a receipt", field="event", rule="six words, one space between")
    stream, version, link, lane, position, recorded_at = parts
    try:
        stream_id = UUID(stream)
    except ValueError as cause:
        raise FormatError("not a stream id", field="stream", rule="UUID") from cause
    if str(stream_id) != stream:
        raise FormatError("the stream id is not written the one way", field="stream", rule="lower case, hyphens")
    return ReceiptedEvent(
        stream_id.bytes,
        strict.decimal(version, "version"),
        strict.base64(link, "hash", leaf.CHAIN_HASH_LENGTH),
        strict.decimal(lane, "lane"),
        strict.decimal(position, "position"),
        strict.decimal(recorded_at, "recorded-at"),
    )


def signer(origin: str, key: Ed25519PrivateKey) -> Signer:
    """Signs the receipts of a log, under the name of its receipt key."""
    return Signer(f"{origin}/receipts", key)


def sign(receipt: Receipt, *signers: NoteSigner) -> str:
    """The receipt as a signed note."""
    return note.sign(format(receipt), *signers)


def open_receipt(text: str | bytes, key: Verifier | Iterable[Verifier], origin: str) -> Receipt:
    """The receipt, once its signature under a receipt key of the log ``origin`` is checked.

    Raises:
        FormatError: not a receipt.
        SignatureError: not signed by this key, or for another log.
    """
    receipt = parse(note.open_note(text, (key,) if isinstance(key, Verifier) else key).text)
    if receipt.origin != origin:
        raise SignatureError("a receipt of another log", field="origin", rule="the log the caller asked for")
    return receipt
