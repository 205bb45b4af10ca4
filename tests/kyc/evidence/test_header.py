"""Header and context: reading is the strict inverse of writing, and no two spellings mean the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.errors import FormatError
from kyc.evidence import header
from kyc.evidence.header import Context, Header

CONTEXT = Context("customer.registered", 1, "staff-0417", "310-0021", "account-opening", "AML24-29")
HEADER = Header(bytes(range(16)), 1, 1_795_426_200_000_000, bytes(range(16, 32)), CONTEXT)

texts = st.text(st.characters(codec="utf-8"), max_size=80).filter(lambda text: len(text.encode()) <= 255)
contexts = st.builds(Context, texts, st.integers(1, 0xFFFF), texts, texts, texts, texts)
ids = st.binary(min_size=16, max_size=16)
headers = st.builds(Header, ids, st.integers(1, 2**64 - 1), st.integers(-(2**63), 2**63 - 1), ids, contexts)


@given(headers)
def test_decode_inverts_encode(value):
    """Whatever can be written is read back equal, and the context is the part from offset 49 on."""
    raw = header.encode(value)
    assert header.decode(raw) == value
    assert raw[header.FIXED_LENGTH :] == header.encode_context(value.context)


@given(st.binary(max_size=120) | headers.map(header.encode), st.integers(0, 400), st.integers(0, 255))
def test_encode_inverts_decode(raw, at, byte):
    """Whatever can be read is written back to the same bytes: no header has two spellings."""
    changed = bytearray(raw)
    if changed:
        changed[at % len(changed)] = byte
    try:
        value = header.decode(bytes(changed))
    except FormatError:
        return
    assert header.encode(value) == bytes(changed)


def test_truncated_and_trailing_bytes_are_refused():
    """Every prefix of a header and every header with one byte more is refused."""
    raw = header.encode(HEADER)
    for end in range(len(raw)):
        with pytest.raises(FormatError):
            header.decode(raw[:end])
    with pytest.raises(FormatError):
        header.decode(raw + b"\0")


def test_every_changed_byte_means_something_else():
    """A header changed in any one byte is refused or read as another header, never as the same."""
    raw = header.encode(HEADER)
    for at in range(len(raw)):
        for byte in {0, 1, 255, raw[at] ^ 1} - {raw[at]}:
            changed = raw[:at] + bytes((byte,)) + raw[at + 1 :]
            try:
                assert header.decode(changed) != HEADER
            except FormatError:
                continue


@pytest.mark.parametrize(
    "flaw",
    [
        {"stream_id": bytes(15)},
        {"key": bytes(17)},
        {"version": 0},
        {"version": 2**64},
        {"recorded_at": 2**63},
        {"recorded_at": -(2**63) - 1},
        {"context": CONTEXT._replace(schema=0)},
        {"context": CONTEXT._replace(schema=65_536)},
        {"context": CONTEXT._replace(actor="x" * 256)},
        {"context": CONTEXT._replace(branch="支" * 86)},
        {"context": CONTEXT._replace(purpose="\ud800")},
    ],
    ids=str,
)
def test_what_has_no_place_in_a_header_is_refused(flaw):
    """Lengths and ranges are checked before anything is written."""
    with pytest.raises(FormatError):
        header.encode(HEADER._replace(**flaw))


@pytest.mark.parametrize(
    "change", [(0, 2), (0, 0), (24, 0), (50, 0)], ids=["format 2", "format 0", "version", "schema"]
)
def test_unknown_format_and_zero_numbers_are_refused(change):
    """A format of the future, version 0 and schema 0 are refused when read."""
    at, byte = change
    raw = bytearray(header.encode(HEADER))
    raw[at] = byte
    with pytest.raises(FormatError):
        header.decode(bytes(raw))
