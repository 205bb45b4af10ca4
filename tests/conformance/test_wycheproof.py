"""Wycheproof's Ed25519 vectors against the two functions we call."""

from __future__ import annotations

import gzip
import json

import pytest

from kyc.evidence import ed25519


@pytest.fixture(scope="module")
def cases(shared_data):
    """(public key, test case) of every vector."""
    with gzip.open(shared_data / "vectors/wycheproof/ed25519_test.json.gz") as file:
        groups = json.load(file)["testGroups"]
    found = [(bytes.fromhex(group["publicKey"]["pk"]), case) for group in groups for case in group["tests"]]
    assert len(found) == 151
    return found


def test_every_vector_has_its_verdict(cases):
    """Each of the 151 signatures is accepted or refused as Wycheproof says, none is left to taste."""
    for key, case in cases:
        verdict = ed25519.verify(ed25519.public_key(key), bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
        assert verdict is {"valid": True, "invalid": False}[case["result"]], (case["tcId"], case["comment"])
