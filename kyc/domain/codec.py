"""Canonical payload bytes, made once when an event is admitted and never re-serialised. Pure.

JSON with sorted ASCII keys, decimals as strings, instants with their offset, no floats: byte-equal to RFC 8785
for what our structs can hold (a property test compares them). Old schemas are read through upcasts, which work
on the decoded mapping and never on stored bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from kyc.domain.event import Event, event_type
from kyc.errors import FormatError, InputError

Upcast = Callable[[dict[str, Any]], dict[str, Any]]

_QUOTED = re.compile(r"'[^']*'")

_encoder = msgspec.json.Encoder(order="sorted", decimal_format="string")
_decoders: dict[type[Event], msgspec.json.Decoder[Event]] = {}
_upcasts: dict[tuple[str, int], Upcast] = {}

encode = _encoder.encode
"""``encode(event)`` → the canonical payload bytes."""


def upcast(topic: str, from_schema: int) -> Callable[[Upcast], Upcast]:
    """Register the step that turns a payload of ``from_schema`` into one of ``from_schema + 1``."""

    def register(step: Upcast) -> Upcast:
        _upcasts[topic, from_schema] = step
        return step

    return register


def decode(topic: str, schema: int, payload: bytes) -> Event:
    """The event in ``payload``, in its current shape.

    Raises:
        FormatError: unknown topic, a schema newer than this program, or bytes that do not fit the schema.
    """
    try:
        kind = event_type(topic)
    except KeyError:
        raise FormatError("unknown topic", field="topic", remedy="upgrade to a version that knows it") from None
    try:
        if schema == kind.SCHEMA:
            return _decoder(kind).decode(payload)
        return msgspec.convert(_raised(topic, schema, kind.SCHEMA, payload), kind, strict=False)
    except msgspec.MsgspecError as cause:
        raise FormatError("payload does not fit its schema", field="payload") from cause


def from_wire(topic: str, data: bytes | msgspec.Raw) -> Event:
    """A submitted event in its current shape, decoded strictly.

    Raises:
        InputError: unknown topic or a payload that breaks the schema; names the field, never its value.
    """
    try:
        kind = event_type(topic)
    except KeyError:
        raise InputError("unknown event topic", field="topic", remedy="see: kyc schema") from None
    try:
        return _decoder(kind).decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as cause:
        raise input_error("event does not fit its schema", cause) from None


def input_error(message: str, cause: Exception) -> InputError:
    """What the JSON reader found wrong, in our words: place and rule, never a value."""
    return InputError(message, field=_place(cause), rule=_rule(cause), remedy="see: kyc schema")


def _decoder(kind: type[Event]) -> msgspec.json.Decoder[Event]:
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    return decoder


def _raised(topic: str, schema: int, current: int, payload: bytes) -> dict[str, Any]:
    if schema > current:
        raise FormatError("payload is newer than this program", field="schema", remedy="upgrade")
    mapping: dict[str, Any] = msgspec.json.decode(payload)
    for step in range(schema, current):
        try:
            mapping = _upcasts[topic, step](mapping)
        except KeyError:
            raise FormatError("no upcast for this schema", field="schema", rule=f"{topic} {step}") from None
    return mapping


def _place(cause: Exception) -> str:
    text = str(cause)
    return text.rsplit("`", 2)[1].removeprefix("$.") if " - at `" in text else "payload"


def _rule(cause: Exception) -> str:
    """msgspec's own words without the place and without quoted values."""
    return _QUOTED.sub("…", str(cause).split(" - at `", 1)[0])
