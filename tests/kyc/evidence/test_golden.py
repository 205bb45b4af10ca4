"""The worked example of docs/format.md, made by our code: these bytes may never change (tests/golden/format).

Binary files are kept as hexadecimal digits, so that a difference can be read.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kyc.evidence import (
    chain,
    checkpoint,
    commitment,
    header,
    key_history,
    leaf,
    merkle,
    note,
    receipt,
    tiles,
    tlog_proof,
)
from kyc.evidence.header import Context, Header
from kyc.evidence.key_history import Succession

GOLDEN = Path(__file__).parents[2] / "golden" / "format"

OPENING = bytes(range(32))
PAYLOAD = b'{"occurred_at":"2026-11-23T17:30:00+08:00","name":"example"}'
STREAM = UUID("0b2f6f0e-5c1d-4c7a-9b53-6d2d8f1f0a01").bytes
RECORDED_AT = 1_795_426_200_000_000
CONTEXT = Context("customer.registered", 1, "staff-0417", "310-0021", "account-opening", "AML24-29")
HEADER = Header(STREAM, 1, RECORDED_AT, bytes.fromhex("8d6c1f0a55e94b7e2a10c3d4e5f60718"), CONTEXT)
KEY = Ed25519PrivateKey.from_private_bytes(OPENING)
LOG = note.Signer("bank.example/log", KEY)
NEXT = note.Signer("bank.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64))))
RECEIPTS = note.Signer("bank.example/receipts", KEY)


class _Log:
    """Three entries in memory."""

    def __init__(self, entries: list[bytes]) -> None:
        self.entries = entries

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        assert (level, index) == (0, 0)
        return b"".join(leaf.leaf_hash(entry) for entry in self.entries[:width])

    def read_entries(self, start: int, stop: int) -> list[bytes]:
        return self.entries[start:stop]


def example() -> dict[str, bytes]:
    """File name in the page's folder → content, all of it made by the code under test."""
    committed = commitment.commit(OPENING, PAYLOAD)
    raw = header.encode(HEADER)
    link = chain.link(chain.GENESIS, raw, committed)
    entries = [
        leaf.entry(STREAM, 1, link),
        leaf.entry(STREAM, 2, sha256(b"second").digest()),
        leaf.entry(UUID("c4a1d2e3-f405-4617-a829-b0c1d2e3f405").bytes, 1, sha256(b"third").digest()),
    ]
    log = _Log(entries)
    root = merkle.root(3, log)
    signed = checkpoint.sign(checkpoint.Checkpoint("bank.example/log", 3, root), LOG)
    event = receipt.ReceiptedEvent(STREAM, 1, link, 0, 1, RECORDED_AT)
    promise = receipt.sign(receipt.Receipt("bank.example/log", 86_400, (event,)), RECEIPTS)
    handed = Succession("bank.example/log", "log", RECORDED_AT, 3, LOG.verifier, NEXT.verifier)
    proof = tlog_proof.for_event(entries[0], 0, merkle.inclusion_proof(0, 3, log), signed)
    return {
        "context.bin": header.encode_context(CONTEXT),
        "header.bin": raw,
        "commitment.bin": committed,
        "chain.bin": link,
        "entry.bin": entries[0],
        "leaf.bin": leaf.leaf_hash(entries[0]),
        "root.bin": root,
        **dict(tiles.files_for(0, 3, log, log)),
        "checkpoint": signed.encode(),
        "receipt": promise.encode(),
        "succession": key_history.sign(handed, LOG, NEXT).encode(),
        "event.tlog-proof": tlog_proof.format(proof).encode(),
    }


def golden(name: str) -> bytes:
    """The stored bytes of a file of the example."""
    if name in {"checkpoint", "receipt", "succession", "event.tlog-proof"}:
        return (GOLDEN / name).read_bytes()
    stored = GOLDEN / (name.removesuffix(".bin").replace("/", "-") + ".hex")
    return bytes.fromhex(stored.read_text())


@pytest.mark.parametrize("name", sorted(example()))
def test_format_1_is_set_in_stone(name):
    """Every byte we hash, sign or publish for the example is the one recorded when the format was decided."""
    assert example()[name] == golden(name)


def test_golden_files_are_all_compared():
    """No golden file lies there unread."""
    kept = {path.name for path in GOLDEN.iterdir()}
    assert len(kept) == len(example())


def test_golden_files_read_back():
    """Readers of today understand the bytes of the day the format was decided."""
    assert header.decode(golden("header.bin")) == HEADER
    assert header.decode_context(golden("context.bin")) == CONTEXT
    assert leaf.parse_entry(golden("entry.bin")) == (STREAM, 1, golden("chain.bin"))
    opened = checkpoint.open_checkpoint(golden("checkpoint"), LOG.verifier)
    assert (opened.checkpoint.size, opened.checkpoint.root) == (3, golden("root.bin"))
    promised = receipt.open_receipt(golden("receipt"), RECEIPTS.verifier, "bank.example/log")
    assert promised.events[0].entry == golden("entry.bin")
    handed = key_history.open_statement(golden("succession"))
    assert isinstance(handed, Succession)
    assert (handed.size, handed.old, handed.new) == (3, LOG.verifier, NEXT.verifier)
    proof = tlog_proof.parse(golden("event.tlog-proof"))
    assert tlog_proof.verify(proof, golden("entry.bin"), LOG.verifier).checkpoint == opened.checkpoint
    assert commitment.opens(golden("commitment.bin"), OPENING, PAYLOAD)
