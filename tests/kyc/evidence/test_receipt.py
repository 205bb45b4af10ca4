"""Receipts: canonical text, signed promise, and no confusion with checkpoints."""

from __future__ import annotations

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kyc.errors import FormatError, SignatureError
from kyc.evidence import checkpoint, leaf, note, receipt
from kyc.evidence.note import Signer
from kyc.evidence.receipt import Receipt, ReceiptedEvent

ORIGIN = "bank.example/log"
KEY = Signer("bank.example/log/receipts", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
EVENT = ReceiptedEvent(bytes(range(16)), 3, bytes(range(32)), 7, 4_711, 1_795_426_200_000_000)
RECEIPT = Receipt(ORIGIN, 86_400, (EVENT, EVENT))

numbers = st.integers(1, 2**63 - 1)
events = st.builds(
    ReceiptedEvent,
    st.binary(min_size=16, max_size=16),
    numbers,
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**63 - 1),
    numbers,
    st.integers(0, 2**63 - 1),
)
origins = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=20)
receipts = st.builds(Receipt, origins, numbers, st.lists(events, min_size=1, max_size=5).map(tuple))


@given(receipts)
def test_parse_inverts_format(value):
    """Every receipt is read back equal, alone and signed."""
    assert receipt.parse(receipt.format(value)) == value
    assert receipt.open_receipt(receipt.sign(value, KEY), KEY.verifier, value.origin) == value


@given(st.data())
def test_format_inverts_parse(data):
    """A receipt changed in one character is refused or written back to the changed text: no second spelling."""
    text = receipt.format(RECEIPT)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.sampled_from("0123456789abcdefA+/=- \n") | st.characters()) + text[at + 1 :]
    try:
        value = receipt.parse(changed)
    except FormatError:
        return
    assert receipt.format(value) == changed


def test_text_is_what_the_format_says():
    """The lines of a receipt, written out."""
    stream, link = "00010203-0405-0607-0809-0a0b0c0d0e0f", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    event = f"{stream} 3 {link} 7 4711 1795426200000000"
    lines = ["kyc-ledger/receipt/v1", "bank.example/log", "merge-delay 86400", event, event]
    assert receipt.format(RECEIPT).splitlines() == lines


def test_an_event_is_due_after_the_merge_delay():
    """The promise is counted from when the event was recorded."""
    assert RECEIPT.due(EVENT) == EVENT.recorded_at + 86_400_000_000


def test_a_receipt_names_the_entry_the_log_will_have():
    """From a receipt follows the log entry, byte for byte, so inclusion can be looked for."""
    assert EVENT.entry == leaf.entry(EVENT.stream_id, EVENT.version, EVENT.hash)


@pytest.mark.parametrize(
    "change",
    [
        (str(UUID(bytes=EVENT.stream_id)), str(UUID(bytes=EVENT.stream_id)).upper()),
        (str(UUID(bytes=EVENT.stream_id)), EVENT.stream_id.hex()),
        (str(UUID(bytes=EVENT.stream_id)), "{" + str(UUID(bytes=EVENT.stream_id)) + "}"),
        (" 3 ", " 03 "),
        (" 3 ", " 0 "),
        (" 7 ", " -7 "),
        (" 4711 ", " 0 "),
        (" 4711 ", "  4711 "),
        ("h8= ", "h8 "),
        ("h8= ", "h9= "),
        ("merge-delay 86400", "merge-delay 0"),
        ("merge-delay 86400", "merge-delay 086400"),
        ("receipt/v1", "receipt/v2"),
        ("bank.example/log", ""),
        ("0000\n", "0000\n\n"),
        ("0000\n", "0000 \n"),
        ("0000\n", "0000 1\n"),
    ],
)
def test_other_spellings_are_refused(change):
    """Other cases, zeros, spaces, lengths and titles are no receipt."""
    text = receipt.format(RECEIPT)
    assert change[0] in text
    with pytest.raises(FormatError):
        receipt.parse(text.replace(*change))


@pytest.mark.parametrize("lines", [0, 1, 2, 3])
def test_a_cut_receipt_is_refused(lines):
    """A receipt without events, or without its head, is none."""
    with pytest.raises(FormatError):
        receipt.parse("".join(receipt.format(RECEIPT).splitlines(keepends=True)[:lines]))
    with pytest.raises(FormatError):
        receipt.parse(receipt.format(RECEIPT).removesuffix("\n"))


@pytest.mark.parametrize(
    "parts",
    [
        {"stream_id": bytes(15)},
        {"version": 0},
        {"version": 2**63},
        {"hash": bytes(31)},
        {"lane": -1},
        {"position": 0},
        {"recorded_at": -1},
        {"recorded_at": 2**63},
    ],
    ids=str,
)
def test_events_that_cannot_be_receipted(parts):
    """Lengths and ranges are checked before anything is signed."""
    fields = {name: getattr(EVENT, name) for name in EVENT.__slots__}
    with pytest.raises(FormatError):
        ReceiptedEvent(**fields | parts)


@pytest.mark.parametrize("parts", [("", 1, (EVENT,)), ("a\nb", 1, (EVENT,)), ("a", 0, (EVENT,)), ("a", 1, ())])
def test_receipts_that_cannot_be_given(parts):
    """A receipt has an origin, a delay and at least one event."""
    with pytest.raises(FormatError):
        Receipt(*parts)


def test_only_the_receipt_key_of_the_log_is_believed():
    """Another key or another log's receipt is refused, and so is every changed byte."""
    signed = receipt.sign(RECEIPT, KEY)
    stranger = Signer(KEY.name, Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
    with pytest.raises(SignatureError):
        receipt.open_receipt(signed, stranger.verifier, ORIGIN)
    with pytest.raises(SignatureError):
        receipt.open_receipt(signed, KEY.verifier, "other.example/log")
    raw = signed.encode()
    for at in range(len(raw)):
        changed = raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]
        with pytest.raises((FormatError, SignatureError)):
            receipt.open_receipt(changed, KEY.verifier, ORIGIN)


def test_receipts_and_checkpoints_are_never_taken_for_each_other():
    """Even under one key, a signed receipt is no checkpoint and a signed checkpoint no receipt."""
    point = checkpoint.Checkpoint(receipt.TITLE, 5, bytes(32), ("merge-delay 86400",))
    with pytest.raises(FormatError):
        receipt.open_receipt(note.sign(checkpoint.format(point), KEY), KEY.verifier, "5")
    for origin in (ORIGIN, "5"):
        signed = receipt.sign(Receipt(origin, 86_400, (EVENT,)), KEY)
        with pytest.raises(FormatError):
            checkpoint.open_checkpoint(signed, KEY.verifier, origin=receipt.TITLE)


def test_a_full_commit_fits_one_receipt():
    """The receipt of 10,000 events with the largest numbers stays within the limit of a note."""
    largest = ReceiptedEvent(b"\xff" * 16, 2**63 - 1, b"\xff" * 32, 1_023, 2**63 - 1, 2**63 - 1)
    signed = receipt.sign(Receipt(ORIGIN, 86_400, (largest,) * 10_000), KEY)
    assert len(receipt.open_receipt(signed, KEY.verifier, ORIGIN).events) == 10_000
