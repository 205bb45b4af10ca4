"""The Ed25519 edge cases of C2SP/CCTV against the two functions we call, so that our acceptance rule is pinned."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kyc.errors import FormatError
from kyc.evidence import ed25519

KEY_FLAWS = {"low_order_A", "non_canonical_A"}
SIGNATURE_FLAWS = {"low_order_residue", "non_canonical_R"}


@pytest.fixture(scope="module")
def vectors(shared_data):
    """(public key, signature, message, flags) of the 914 cases."""
    with gzip.open(shared_data / "vectors/cctv/ed25519vectors.json.gz") as file:
        cases = json.load(file)
    assert len(cases) == 914
    return [
        (bytes.fromhex(case["key"]), bytes.fromhex(case["sig"]), case["msg"].encode(), {*(case["flags"] or ())})
        for case in cases
    ]


def _verdict(key: bytes, signature: bytes, message: bytes) -> str:
    try:
        known = ed25519.public_key(key)
    except FormatError:
        return "key refused"
    return "accepted" if ed25519.verify(known, signature, message) else "refused"


def test_every_edge_case_has_its_verdict(vectors):
    """Keys of small order or not canonical are refused, then exactly the cofactorless equation decides."""
    verdicts = Counter()
    for key, signature, message, flags in vectors:
        expected = "key refused" if flags & KEY_FLAWS else "refused" if flags & SIGNATURE_FLAWS else "accepted"
        assert _verdict(key, signature, message) == expected, (key.hex(), signature.hex(), sorted(flags))
        verdicts[expected] += 1
    assert verdicts == {"key refused": 526, "refused": 302, "accepted": 86}


def test_openssl_alone_takes_keys_we_refuse(vectors):
    """Without our check of the key the library accepts keys of small order: the check is needed."""
    taken = [
        flags
        for key, signature, message, flags in vectors
        if flags & KEY_FLAWS and ed25519.verify(Ed25519PublicKey.from_public_bytes(key), signature, message)
    ]
    assert len(taken) > 100
    assert all("low_order_A" in flags for flags in taken)
