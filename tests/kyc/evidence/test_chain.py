"""Commitment and chain: what a hash covers, and that no hash made for one purpose passes for another."""

from __future__ import annotations

from hashlib import sha256

import pytest

from kyc.evidence import chain, commitment, leaf, merkle
from kyc.evidence.commitment import EVENT_TAG, SCAN_TAG

OPENING = bytes(range(32))
PAYLOAD = b'{"name":"example"}'


def test_tags_never_collide():
    """No tag is the beginning of another, so no two purposes ever hash the same bytes."""
    tags = [chain.CHAIN_TAG, EVENT_TAG, SCAN_TAG, leaf.LEAF_PREFIX, merkle.NODE_PREFIX]
    assert not [(a, b) for a in tags for b in tags if a is not b and b.startswith(a)]


def test_link_is_the_hash_of_its_parts():
    """The chain hash is SHA-256 over tag, previous hash, header and commitment, in this order."""
    parts = [b"p" * 32, b"header", b"c" * 32]
    assert chain.link(*parts) == sha256(b"kyc-ledger/event/v1\0" + b"".join(parts)).digest()
    assert bytes(32) == chain.GENESIS


def test_every_part_of_a_link_counts():
    """A chain hash changes with any bit of previous hash, header or commitment."""
    parts = [b"p" * 32, b"header", b"c" * 32]
    intact = chain.link(*parts)
    for which, part in enumerate(parts):
        for at in range(len(part)):
            changed = part[:at] + bytes((part[at] ^ 1,)) + part[at + 1 :]
            assert chain.link(*parts[:which], changed, *parts[which + 1 :]) != intact


@pytest.mark.parametrize("tag", [EVENT_TAG, SCAN_TAG])
def test_commitment_opens_with_its_own_parts_only(tag):
    """A commitment opens with its opening, payload and tag; any other bit of them and it does not."""
    made = commitment.commit(OPENING, PAYLOAD, tag)
    assert commitment.opens(made, OPENING, PAYLOAD, tag)
    other = SCAN_TAG if tag == EVENT_TAG else EVENT_TAG
    assert not commitment.opens(made, OPENING, PAYLOAD, other)
    for at in range(32):
        flipped = OPENING[:at] + bytes((OPENING[at] ^ 128,)) + OPENING[at + 1 :]
        assert not commitment.opens(made, flipped, PAYLOAD, tag)
        assert not commitment.opens(made[:at] + bytes((made[at] ^ 1,)) + made[at + 1 :], OPENING, PAYLOAD, tag)
    for at in range(len(PAYLOAD)):
        assert not commitment.opens(made, OPENING, PAYLOAD[:at] + b"?" + PAYLOAD[at + 1 :], tag)


def test_opening_and_payload_have_a_border():
    """Bytes moved between opening and payload do not open the commitment: an opening has 32 bytes."""
    made = commitment.commit(OPENING, PAYLOAD)
    assert not commitment.opens(made, OPENING[:-1], OPENING[-1:] + PAYLOAD)
    assert not commitment.opens(made, OPENING + PAYLOAD[:1], PAYLOAD[1:])
