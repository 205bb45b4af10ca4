"""The wire form of a submission: strict, bounded, and silent about what it was given."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import msgspec
import pytest
from fix_samples import SAMPLES, booking, structs
from hypothesis import given

from kyc.domain import codec, fact
from kyc.domain.submission import Origin, Scan
from kyc.domain.transaction import BookTransaction
from kyc.errors import InputError, RefusedError

MARK = "4T-MARK-X9"
ORIGIN = {"actor": "T-1", "branch": "B-1", "purpose": "service", "legal_basis": "AML24-29"}


def line(**changes: Any) -> bytes:
    """A submission of a change of name, one thing changed."""
    data = json.loads(codec.encode(SAMPLES["customer.name_changed"]))
    whole = {"key": "k1", "topic": "customer.name_changed", "stream": "C1", "origin": ORIGIN, "data": data}
    return json.dumps(whole | changes).encode()


def test_a_line_is_a_submission():
    """A line gives key, origin, stream, expected version, scans and the typed event."""
    scan = {"name": "front", "media_type": "image/png", "content": b64encode(b"png").decode()}
    document = json.loads(codec.encode(SAMPLES["document.captured"]))
    submission = fact.parse(line(topic="document.captured", data=document, expected=3, scans=[scan]))
    assert submission.data == SAMPLES["document.captured"]
    assert submission.scans == (Scan(name="front", media_type="image/png", content=b"png"),)
    assert (submission.key, submission.stream, submission.expected) == ("k1", "C1", 3)
    assert submission.origin == Origin(**ORIGIN)


@given(structs(BookTransaction))
def test_a_booking_is_one_line(command):
    """Any booking survives the wire as it was meant, all legs in one line."""
    text = codec.encode(command)
    assert fact.parse(line(topic="transaction.booked", data=json.loads(text), stream="")).data == command


def test_a_booking_on_the_wire_is_the_command():
    """The topic of the recorded leg is submitted as a booking of all legs, never as one leg."""
    leg = json.loads(codec.encode(SAMPLES["transaction.booked"]))
    with pytest.raises(InputError) as caught:
        fact.parse(line(topic="transaction.booked", data=leg))
    assert caught.value.rule == "unknown field leg"
    whole = json.loads(codec.encode(booking()))
    assert isinstance(fact.parse(line(topic="transaction.booked", data=whole)).data, BookTransaction)


BAD = {
    "no key": ({"key": ""}, "key", "length >= 1"),
    "overlong key": ({"key": MARK * 30}, "key", "length <= 200"),
    "unknown field": ({"password": MARK}, "data", "unknown field password"),
    "unknown topic": ({"topic": MARK}, "topic", "a topic of the catalogue"),
    "no origin": ({"origin": None}, "origin", "Expected `object`"),
    "blank in the actor": ({"origin": ORIGIN | {"actor": f"{MARK} Smith"}}, "origin.actor", "documented form"),
    "long actor": ({"origin": ORIGIN | {"actor": MARK * 10}}, "origin.actor", "length <= 64"),
    "empty basis": ({"origin": ORIGIN | {"legal_basis": ""}}, "origin.legal_basis", "length >= 1"),
    "field beside the origin": ({"origin": ORIGIN | {"name": MARK}}, "origin", "unknown field name"),
    "negative version": ({"expected": -1}, "expected", ">= 0"),
    "version as text": ({"expected": MARK}, "expected", "Expected `int | null`"),
    "overlong stream": ({"stream": MARK * 10}, "stream", "length <= 64"),
    "too many scans": (
        {"scans": [{"name": "a", "media_type": "a/b", "content": ""}] * 21}, "scans", "length <= 20",
    ),
    "scan without base64": (
        {"scans": [{"name": "a", "media_type": "a/b", "content": f"{MARK}!"}]}, "scans[0].content", "base64",
    ),
    "scan of no media type": (
        {"scans": [{"name": "a", "media_type": MARK, "content": ""}]}, "scans[0].media_type", "documented form",
    ),
    "data is a list": ({"data": [MARK]}, "data", "Expected `object`"),
    "event's field": ({"data": {"occurred_at": MARK}}, "occurred_at", "Invalid RFC3339"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(BAD))
def test_wrong_lines_are_refused(case):
    """Every wrong line is refused by field and rule, and nothing it holds is repeated."""
    changes, field, rule = BAD[case]
    with pytest.raises(InputError) as caught:
        fact.parse(line(**changes))
    assert caught.value.field == field
    assert rule in str(caught.value.rule)
    assert MARK not in caught.value.diagnostics()


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[]", b'"x"', b"{}{}", b'{"key":' + b"[" * 2000])
def test_no_submission_at_all(text):
    """Bytes that are no object of this form are refused, however deep they are nested."""
    with pytest.raises(InputError):
        fact.parse(text)


def test_the_origin_is_the_callers():
    """Who has said who they are may leave actor and branch out or name their own, not another's."""
    said = {"purpose": "service", "legal_basis": "AML24-29"}
    for origin in (said, ORIGIN):
        parsed = fact.parse(line(origin=origin), actor="T-1", branch="B-1")
        assert parsed.origin == Origin(**ORIGIN)
    for field, who in (("actor", {"actor": "T-2", "branch": "B-1"}), ("branch", {"actor": "T-1", "branch": "B-2"})):
        with pytest.raises(RefusedError) as caught:
            fact.parse(line(), **who)
        assert caught.value.field == f"origin.{field}"
        with pytest.raises(InputError) as missing:
            fact.parse(line(origin=said | {name: value for name, value in ORIGIN.items() if name != field}))
        assert missing.value.field == f"origin.{field}"


def test_a_line_is_bounded(monkeypatch):
    """A line above the limit is refused before it is decoded."""
    monkeypatch.setattr(fact, "LINE_MAX", 10)
    with pytest.raises(InputError, match="too long"):
        fact.parse(line())


def test_deep_nesting_is_refused():
    """Data nested a hundred thousand deep neither crashes nor passes."""
    for topic in ("customer.name_changed", "transaction.booked"):
        head = json.dumps({"key": "k", "topic": topic, "origin": ORIGIN}).encode()[:-1]
        for depth in (1_100, 100_000):
            for data in (b"[" * depth + b"]" * depth, b'{"names":' * depth + b"1" + b"}" * depth):
                with pytest.raises(InputError):
                    fact.parse(head + b',"data":' + data + b"}")


def test_submissions_carry_typed_events():
    """In process, a submission carries the event itself; no text is in between."""
    event = SAMPLES["customer.name_changed"]
    submission = fact.Submission(key="k", origin=Origin(**ORIGIN), data=event, stream="C1")
    assert submission.data is event
    assert msgspec.structs.replace(submission, expected=4).expected == 4
