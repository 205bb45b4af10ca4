"""Canonical payload bytes, made once when an event is admitted and never re-serialised. Pure.

JSON with sorted ASCII keys, decimals as strings, instants with their offset, no floats: byte-equal to RFC 8785
for what our structs can hold (a property test compares them). Old schemas are read through upcasts, which work
on the decoded mapping and never on stored bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from kyc.domain.event import Event, event_type
from kyc.errors import FormatError, InputError

Upcast = Callable[[dict[str, Any]], dict[str, Any]]

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What the JSON reader raises on bytes that are none, do not fit, or nest too deep."""

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
        raise InputError(
            "unknown event topic", field="topic", rule="a topic of the catalogue", remedy="see: kyc schema"
        ) from None
    try:
        return _decoder(kind).decode(data)
    except UNREADABLE as cause:
        raise input_error("event does not fit its schema", cause) from None


def input_error(message: str, cause: Exception) -> InputError:
    """What the JSON reader found wrong, in our words: place and rule, never a value."""
    return InputError(message, field=_place(cause), rule=_rule(cause), remedy="see: kyc schema")


def checked(event: Event) -> Event:
    """An event built in this process, held against its schema as if it had been read.

    Constructors do not check what they are given; whoever builds events out of foreign data asks here, so that
    nothing is recorded that could not be read again.

    Raises:
        InputError: names the field and the rule, never a value.
    """
    try:
        return _decoder(type(event)).decode(encode(event))
    except (msgspec.MsgspecError, UnicodeError, TypeError) as cause:
        raise input_error("event does not fit its schema", cause) from None


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


_PLACE = re.compile(r"^[a-z0-9_.\[\]]{1,200}$")
_FIELD = re.compile(r"^[a-z][a-z0-9_]{0,63}$")
_HARMLESS = (
    "Expected ", "Input data was ", "Invalid ", "JSON is malformed", "Object missing required field",
    "maximum recursion depth",
)  # fmt: skip


def _place(cause: Exception) -> str:
    """The field, as a path; the reader appends it behind everything the caller may have written."""
    text = str(cause)
    place = text.rsplit("`", 2)[1].removeprefix("$").removeprefix(".") if " - at `$" in text else ""
    return place if _PLACE.match(place) else "data"


def _rule(cause: Exception) -> str:
    """msgspec's own words; those that would repeat what the caller wrote are replaced by ours."""
    text = str(cause).split(" - at `$", 1)[0]
    if text.startswith("Object contains unknown field"):
        name = text.partition("`")[2].removesuffix("`")
        return f"unknown field {name}" if _FIELD.match(name) else "unknown field"
    if text.startswith("Invalid enum value"):
        return "one of the listed values"
    if " matching regex" in text:
        return "the documented form"
    return text if text.startswith(_HARMLESS) else "the schema"
