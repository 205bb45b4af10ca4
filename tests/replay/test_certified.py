"""Certificates of disposal in the hands of a stranger: what they prove, and that every change is noticed."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fix_world_ledger import Story
from fix_world_retired import Desk

from kyc.domain.submission import StreamName
from kyc.errors import LogMismatchError, NotFoundError
from kyc.evidence import note
from replay import bundle
from replay.shipped import certificate_py
from replay.verifier_base import Refused
from replay.verifier_certificate import verify


def log_key(story: Story) -> str:
    """The log's verifier key."""
    signer = note.Signer(story.log.database.origin(), story.log.provider.signing_key("log"))
    return str(signer.verifier)


def export_key(story: Story) -> Ed25519PrivateKey:
    """The key certificates are signed with."""
    return story.log.provider.signing_key("export")


@pytest.fixture
def issued(story: Story, desk: Desk) -> bytes:
    """The certificate of a customer's identity records."""
    desk.approved(subject=StreamName("customer", "C1"))
    assert [one.result for one in desk.run().outcomes] == ["completed"]
    story.seal()
    ((_, raw),) = desk.at().certificates("B1", story.sealed, export_key(story), log_key(story))
    return raw


def changed(raw: bytes, change: Callable[[Any], None]) -> bytes:
    """The certificate with something in it changed."""
    document = json.loads(raw)
    change(document)
    return json.dumps(document).encode()


def test_a_stranger_verifies_it(story: Story, desk: Desk, issued: bytes, tmp_path: Path) -> None:
    """Where nothing of ours can be imported: proposed, approved, destroyed, nothing left, nobody named."""
    (tmp_path / "certificate.json").write_bytes(issued)
    (tmp_path / "verify_certificate.py").write_bytes(certificate_py())
    keys = ("--log-key", log_key(story), "--export-key", bundle.fingerprint_of(export_key(story)))
    command = [sys.executable, "-I", str(tmp_path / "verify_certificate.py"), str(tmp_path / "certificate.json")]
    said = subprocess.run([*command, *keys], check=False, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    lines = said.stdout.splitlines()
    assert lines[0] == "VERIFIED"
    assert any("proposed by R-1 and approved by R-2" in line for line in lines)
    assert any("6 events lie in that log" in line for line in lines)
    alone = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (alone.returncode, "CONSISTENT" in alone.stdout) == (3, True)
    told = json.loads(issued)
    shown = [b64decode(given.get("value", "")) for one in told["retention"] for given in one.get("fields", ())]
    for text in (issued, b64decode(told["statement"]), *shown):
        assert not [secret for secret in (b"customer/C1", b"PASS-C1", b"Person") if secret in text]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.update(statement=b64encode(b"{}").decode()), "signature"),
        (lambda d: d["events"].pop(), "not as many as stated"),
        (lambda d: d["events"].append(d["events"][0]), "not as many as stated"),
        (lambda d: d["events"][0].update(version=2), "not in the signed log"),
        (lambda d: d["events"][1].update(commitment="0" * 64), "not that of header and commitment"),
        (lambda d: d["retention"].pop(), "in this order"),
        (lambda d: d["retention"].reverse(), "not behind the one before"),
        (lambda d: d["retention"][0]["event"].update(proposer="R-9"), "differs from the fields"),
        (lambda d: d["retention"][1].update(withheld="disposed"), "not an event record"),
        (lambda d: d.update(checkpoint=d["checkpoint"].replace("/log\n", "/log\n9", 1)), "checkpoint"),
        (lambda d: d.update(more=1), "not of this format"),
    ],
)
def test_every_change_is_noticed(story: Story, issued: bytes, change: Callable[[Any], None], says: str) -> None:
    """Whatever is changed, left out or added: refused, with the place."""
    keys = [log_key(story)], [bundle.fingerprint_of(export_key(story))]
    assert verify(issued, *keys).anchored
    with pytest.raises(Refused, match=says):
        verify(changed(issued, change), *keys)


def test_of_another_bank(story: Story, issued: bytes) -> None:
    """Under other keys than those inside it is refused."""
    other = Ed25519PrivateKey.generate()
    with pytest.raises(Refused, match="not the expected key"):
        verify(issued, [log_key(story)], [bundle.fingerprint_of(other)])
    with pytest.raises(Refused):
        verify(issued, [str(note.Signer("elsewhere.example/log", other).verifier)], [])


def test_issued_is_looked_at_again(story: Story, desk: Desk, issued: bytes) -> None:
    """A certificate is made anew from what is there: the same statement, or none at all."""
    ((name, again),) = desk.at().certificates("B1", story.sealed, export_key(story), log_key(story))
    assert json.loads(again)["statement"] == json.loads(issued)["statement"]
    assert name.startswith("B1.identity-")
    with story.unguarded() as connection:
        connection.execute("update kyc.event set data_key = gen_random_uuid() where state = '' and version = 1")
    with pytest.raises(LogMismatchError):
        list(desk.at().certificates("B1", story.sealed, export_key(story), log_key(story)))


def test_not_before_it_is_sealed(story: Story, desk: Desk) -> None:
    """Without a checkpoint over the disposal there is no proof, so no certificate."""
    desk.approved(subject=StreamName("customer", "C1"))
    story.seal()
    desk.run()
    with pytest.raises(NotFoundError, match="not sealed"):
        list(desk.at().certificates("B1", story.sealed, export_key(story), log_key(story)))
