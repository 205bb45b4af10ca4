"""Renewals: the tree and the record under another algorithm."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kyc.errors import FormatError, SignatureError
from kyc.evidence import renewal
from kyc.evidence.note import Signer
from kyc.evidence.renewal import ALGORITHMS, Hash, Renewal, Tree

LOG, OTHER = (Signer("bank.example/log", Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in (1, 2))
RECORD = Renewal("bank.example/log", 1, 1_795_426_200_000_000, "sha512", 3, bytes(64), bytes(range(64)))
KNOWN = (
    "5eedc6aa8adb4fd2b0d352d4977dc8cacfbf3d314e785356661c40b832d45039"
    "bf6b6533d295db869216793287b9134586252fc9f238069fb4ca4292094497d1"
)


def plain(hashed: Hash, leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashed()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashed(b"\1", plain(hashed, leaves[:half]), plain(hashed, leaves[half:]))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tree_of_every_size(algorithm: str) -> None:
    """The tree that grows leaf by leaf is the one of the definition."""
    hashed = Hash(algorithm)
    leaves = [hashed(b"\0", bytes([n])) for n in range(40)]
    tree = Tree(hashed)
    for size in range(41):
        assert tree.root() == plain(hashed, leaves[:size])
        if size < 40:
            tree.append(leaves[size])


def test_known_answer_of_the_page() -> None:
    """The root that docs/format.md makes with openssl."""
    hashed, tree = Hash("sha512"), Tree(Hash("sha512"))
    for leaf in (b"\0", b"\0\1", b"\0\2"):
        tree.append(hashed(leaf))
    assert tree.root().hex() == KNOWN


def test_every_part_counts() -> None:
    """Opening, payload, each scan and their order, header, commitment and content change what comes out."""
    hashed = Hash("sha512")
    assert hashed.content(b"o", b"p", [b"s"]) == hashlib.sha512(b"kyc-ledger/content/v1\0ops").digest()
    assert hashed.scan(b"o", b"c") == hashlib.sha512(b"kyc-ledger/scan-content/v1\0oc").digest()
    assert hashed.leaf(b"a", b"b", b"c", b"d") == hashlib.sha512(b"\0abcd").digest()
    assert len({hashed.evidence(one) for one in ([], [b""], [b"ab"], [b"a", b"b"], [b"b", b"a"])}) == 5
    with pytest.raises(FormatError):
        Hash("sha256")


def test_record_is_read_back() -> None:
    """A record has one spelling, and counts under the log's signature only."""
    signed = renewal.sign(RECORD, LOG)
    assert renewal.open_renewal(signed, [LOG.verifier]) == RECORD
    with pytest.raises(SignatureError):
        renewal.open_renewal(signed, [OTHER.verifier])
    text = renewal.format(RECORD)
    for at in range(len(text)):
        changed = text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]
        try:
            assert renewal.parse(changed) != RECORD
        except FormatError:
            continue
    for broken in (
        "",
        text[:-1],
        text + "x 1\n",
        text.replace("sha512", "sha256"),
        text.replace("size 3", "size -3"),
    ):
        with pytest.raises(FormatError):
            renewal.parse(broken)
