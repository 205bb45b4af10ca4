"""Every proof vector of transparency-dev/merkle gives its stated verdict; most of them must be refused."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter

import pytest

from kyc.errors import LogMismatchError
from kyc.evidence import merkle


def _bytes(text: str | None) -> bytes:
    return b64decode(text) if text else b""


def _verify(kind: str, case: dict) -> None:
    proof = [_bytes(part) for part in case["proof"] or ()]
    if kind == "inclusion":
        leaf, root = _bytes(case["leafHash"]), _bytes(case["root"])
        merkle.verify_inclusion(case["leafIdx"], case["treeSize"], leaf, proof, root)
    elif kind == "consistency":
        old, new = _bytes(case["root1"]), _bytes(case["root2"])
        merkle.verify_consistency(case["size1"], case["size2"], proof, old, new)
    elif kind == "subtreeinclusion":
        leaf, root = _bytes(case["leafHash"]), _bytes(case["root"])
        merkle.verify_subtree_inclusion(case["leafIdx"], case["start"], case["end"], leaf, proof, root)
    elif kind == "subtreeconsistency":
        subtree, root = _bytes(case["root1"]), _bytes(case["root2"])
        merkle.verify_subtree_consistency(case["start"], case["end"], case["size"], proof, subtree, root)
    else:
        pytest.fail(f"a kind of vector nobody verifies: {kind}")


def test_every_vector_has_its_verdict(shared_data):
    """All 355 inclusion, consistency and subtree vectors: 26 proved, 329 refused with LogMismatchError."""
    cases = json.loads((shared_data / "vectors/merkle/proofs.json").read_text())
    verdicts = Counter()
    for name, case in cases.items():
        try:
            _verify(name.partition("/")[0], case)
        except LogMismatchError:
            refused = True
        else:
            refused = False
        assert refused is case["wantErr"], name
        verdicts[refused] += 1
    assert verdicts == {False: 26, True: 329}
