"""Canonical bytes: equal to RFC 8785, equal to the golden files for ever, read back as what they were."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from pathlib import Path

import msgspec
import pytest
import rfc8785
from fix_samples import AT, PRODUCT, SAMPLES, structs
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.domain import codec
from kyc.domain.customer import CustomerRegistered, NameChanged
from kyc.domain.document import DocumentCaptured
from kyc.domain.values import Name
from kyc.errors import FormatError, InputError

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "events"
MARK = "4T-MARK-X9"


def golden(topic: str, schema: int) -> bytes:
    """The stored bytes of a topic's sample in one of its schemas, without the file's line end."""
    return (GOLDEN / f"{topic}.v{schema}.json").read_bytes().removesuffix(b"\n")


def test_every_event_has_a_sample():
    """No event of the catalogue is without a sample, so none is without a golden file."""
    assert sorted(PRODUCT) == sorted(SAMPLES)


def test_bytes_are_golden(topic):
    """The canonical bytes of every event are those of its golden file, and read back as the same event."""
    sample, schema = SAMPLES[topic], PRODUCT[topic].SCHEMA
    stored = golden(topic, schema)
    assert codec.encode(sample) == stored
    assert codec.decode(topic, schema, stored) == sample


def test_old_schemas_are_read():
    """Every golden file is read, those of earlier schemas through their upcasts; none is left without an event."""
    for path in sorted(GOLDEN.glob("*.json")):
        topic, _, schema = path.name.removesuffix(".json").rpartition(".v")
        assert topic == codec.decode(topic, int(schema), golden(topic, int(schema))).TOPIC
    assert (GOLDEN / "customer.registered.v1.json").exists()


def test_registration_of_schema_1():
    """Schema 1 had one name without kind or script; it is read as the legal name."""
    event = codec.decode("customer.registered", 1, golden("customer.registered", 1))
    assert isinstance(event, CustomerRegistered)
    assert event.names == (Name(text="Ada Lovelace"),)
    assert json.loads(golden("customer.registered", 1))["name"] == "Ada Lovelace"
    assert event.customer == "C1"


def test_suspension_of_schema_1():
    """Before schema 2 a suspension that named nothing left utilities closed; it is still read so."""
    old = b'{"occurred_at":"2026-03-02T10:15:30+08:00"}'
    before, after = (codec.decode("document.service_suspended", schema, old) for schema in (1, 2))
    assert before.exempt == ("incoming", "medical", "social-security")
    assert after.exempt == (*before.exempt, "utilities")
    named = codec.decode("document.service_suspended", 1, golden("document.service_suspended", 1))
    assert named.exempt == ("exempt-1",)


@pytest.mark.parametrize("name", sorted(PRODUCT))
@settings(max_examples=15)
@given(data=st.data())
def test_bytes_are_rfc_8785(name, data):
    """Whatever an event holds, its bytes are those of RFC 8785, and they read back as the event."""
    event = data.draw(structs(PRODUCT[name]))
    encoded = codec.encode(event)
    assert encoded == rfc8785.dumps(msgspec.to_builtins(event))
    assert codec.decode(name, PRODUCT[name].SCHEMA, encoded) == event


def test_a_schema_of_tomorrow_is_not_guessed():
    """Bytes of a schema newer than the program, or of an unknown topic, are a format error."""
    with pytest.raises(FormatError, match="newer"):
        codec.decode("customer.registered", 3, b"{}")
    with pytest.raises(FormatError, match="unknown topic"):
        codec.decode("customer.vanished", 1, b"{}")
    with pytest.raises(FormatError, match="no upcast"):
        codec.decode("customer.registered", 0, b"{}")


def test_damaged_payload_is_a_format_error():
    """Bytes that do not fit the schema raise, and say nothing of what they hold."""
    with pytest.raises(FormatError) as caught:
        codec.decode("customer.name_changed", 1, f'{{"names":"{MARK}"}}'.encode())
    assert MARK not in caught.value.diagnostics()


WRONG = {
    "unknown field": ({"religion": MARK}, "data", "unknown field religion"),
    "unknown field with a value for a name": ({f"{MARK} - at `$.names`": 1}, "data", "unknown field"),
    "unknown enumeration": ({"gender": f"'{MARK}' \" {MARK}"}, "gender", "one of the listed values"),
    "wrong type": ({"names": [{"text": {MARK: MARK}}]}, "names[0].text", "Expected `str`, got `object`"),
    "control character": ({"names": [{"text": f"{MARK}\x00"}]}, "names[0].text", "the documented form"),
    "unknown script": ({"names": [{"text": "x", "script": MARK}]}, "names[0].script", "the documented form"),
    "too long": ({"employer": MARK * 100}, "employer", "Expected `str` of length <= 500"),
    "empty list": ({"names": []}, "names", "Expected `array` of length >= 1"),
    "too many": ({"nationalities": ["GBR"] * 11}, "nationalities", "Expected `array` of length <= 10"),
    "not a date": ({"birth_date": MARK}, "birth_date", "Invalid RFC3339 encoded date"),
    "no such day": ({"birth_date": "2025-02-29"}, "birth_date", "Invalid RFC3339 encoded date"),
    "time without offset": (
        {"occurred_at": "2026-03-01T10:00:00"}, "occurred_at", "Expected `datetime` with a timezone component",
    ),
    "country by name": ({"nationalities": [MARK]}, "nationalities[0]", "the documented form"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(WRONG))
def test_wrong_fields_are_named_without_their_values(case):
    """What does not fit is refused with field and rule; nothing of what the caller wrote is repeated."""
    changes, field, rule = WRONG[case]
    data = json.loads(golden("customer.registered", 2)) | changes
    with pytest.raises(InputError) as caught:
        codec.from_wire("customer.registered", json.dumps(data).encode())
    assert caught.value.field == field
    assert caught.value.rule == rule
    assert MARK not in caught.value.diagnostics()


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"names":"' + MARK.encode(), b'{"a":"\\ud800"}', b"null"])
def test_what_is_no_json_is_refused(data):
    """Bytes that are no JSON object, or no UTF-8, are refused without being repeated."""
    with pytest.raises(InputError) as caught:
        codec.from_wire("customer.registered", data)
    assert caught.value.rule
    assert MARK not in caught.value.diagnostics()


def test_missing_field_is_named():
    """A missing field is named."""
    with pytest.raises(InputError) as caught:
        codec.from_wire("customer.relationship_ended", b'{"occurred_at":"2026-03-01T10:00:00Z","on":"2026-03-01"}')
    assert caught.value.rule == "Object missing required field `reason`"


def test_unknown_topic_is_refused():
    """A topic that is not in the catalogue is refused."""
    with pytest.raises(InputError) as caught:
        codec.from_wire("customer.vanished", b"{}")
    assert caught.value.field == "topic"


def test_built_events_are_held_against_their_schema():
    """What constructors do not check is checked on request, so that nothing unreadable is recorded."""
    good = NameChanged(occurred_at=AT, names=(Name(text="Ada"),), evidence="deed", effective_from=AT.date())
    assert codec.checked(good) == good
    for wrong in (
        msgspec.structs.replace(good, names=(Name(text=MARK * 60),)),
        msgspec.structs.replace(good, occurred_at=AT.replace(tzinfo=None)),
        msgspec.structs.replace(good, evidence="\ud800"),
        msgspec.structs.replace(good, evidence=object()),
    ):
        with pytest.raises(InputError) as caught:
            codec.checked(wrong)
        assert MARK not in caught.value.diagnostics()


def test_absent_defaults_leave_no_bytes():
    """A field that keeps its default is not in the bytes, so that a new field changes no old record."""
    event = DocumentCaptured(occurred_at=AT, kind="passport", number="P1", issuing_country="GBR", no_expiry=True)
    assert codec.encode(event) == (
        b'{"issuing_country":"GBR","kind":"passport","no_expiry":true,"number":"P1",'
        b'"occurred_at":"2026-03-02T10:15:30.250000+08:00"}'
    )


@given(st.timedeltas(timedelta(hours=-14), timedelta(hours=14)))
def test_offsets_are_kept(offset):
    """An instant keeps the offset it was given with, to the minute."""
    offset = timedelta(minutes=offset // timedelta(minutes=1))
    moment = AT.replace(tzinfo=timezone(offset))
    event = NameChanged(occurred_at=moment, names=(Name(text="A"),), evidence="e", effective_from=AT.date())
    again = codec.decode(event.TOPIC, 1, codec.encode(event))
    assert again.occurred_at.utcoffset() == offset
