"""Holds and disposals over HTTP: two people with two tokens, a hold beats an approval, certificates are taken."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from fix_bank import AT, captured, registered, submission, verified
from fix_service_reads import AML, SUPERVISION, Bank, items

from kyc.domain.access_log import AccessDenied
from kyc.domain.customer import RelationshipEnded, RelationshipEstablished
from kyc.domain.disposal import HoldReleased, KeyDestroyed
from replay import bundle

DUTY = AML | {"kyc-purpose": "retention", "kyc-ticket": ""}


@pytest.fixture
def old(served: Bank) -> Bank:
    """C9, who left in 2015 and whom no law keeps any longer; three officers of compliance."""
    served.adopt("retention", "documents", "rulebook")
    served.submit(
        registered("C9", "Emil Post"), captured("C9", "P9"), verified("C9"),
        submission("C9/since", RelationshipEstablished(occurred_at=AT, on=date(2010, 1, 1)), "C9"),
        submission(
            "C9/left", RelationshipEnded(occurred_at=AT, on=date(2015, 6, 30), reason="moved", accounts=()), "C9"
        ),
    )  # fmt: skip
    for number in ("2", "3"):
        served.grant(f"compliance-{number}", "compliance")
    served.project()
    return served


def officer(bank: Bank, number: int) -> httpx.Client:
    """An officer of compliance."""
    return bank.client("compliance", DUTY, sub=f"compliance-{number}")


def done(answer: httpx.Response) -> dict[str, Any]:
    """What an act left."""
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def test_from_proposal_to_certificate(old: Bank, tmp_path: Path) -> None:
    """One proposes, who may not approve; another approves; carried out, C9 is gone, and an outsider verifies it."""
    with officer(old, 1) as first, officer(old, 2) as second, old.client("teller", DUTY, sub="T-1") as teller:
        assert teller.post("/v1/disposals", json={"batch": "D1"}).status_code == 403
        made = done(first.post("/v1/disposals", json={"batch": "D1", "subject": "customer/C9"}))
        assert made["disposals"] >= 1
        assert done(first.post("/v1/disposals", json={"batch": "D1", "subject": "customer/C9"}))["disposals"] == 0
        assert first.post("/v1/disposals/D1/approval").status_code == 403
        denied = [one for one in old.events("refusals", "compliance-1") if isinstance(one, AccessDenied)]
        assert denied[-1].action == "approve-disposal"
        assert done(second.post("/v1/disposals/D1/approval"))["disposals"] == made["disposals"]
        assert second.post("/v1/disposals/D1/approval").status_code == 404, "nothing waits"
        listed = [one["retention"] for one in items(first.get("/v1/disposals", params={"batch": "D1"}))]
        assert {one["status"] for one in listed} == {"approved"}
        assert first.get("/v1/disposals/D1/certificates").status_code == 404
        ended = done(first.post("/v1/disposals/D1/execution"))
        assert (ended["disposals"], ended["refused"], ended["failed"]) == (made["disposals"], [], [])
        assert first.get("/v1/disposals/D1/certificates").json()["type"] == "urn:kyc-ledger:problem:not-sealed"
        old.running.service.sealer.seal()
        old.project()
        taken = first.get("/v1/disposals/D1/certificates")
    assert taken.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(taken.content)) as archive:
        assert not [name for name in archive.namelist() if "/" in name]
        archive.extractall(tmp_path)
    assert "Emil Post" not in str(list(old.events("customer", "C9")))
    assert any(isinstance(one, KeyDestroyed) for one in old.events("retention", "customer/C9"))
    certificates = list(tmp_path.glob("D1*.json"))
    assert len(certificates) == made["disposals"]
    service = old.running.service
    keys = ("--log-key", service.log_verifier_key, "--export-key")
    fingerprint = bundle.fingerprint_of(service.provider.signing_key("export"))
    for path in certificates:
        said = subprocess.run(
            [sys.executable, "-I", str(tmp_path / "verify_certificate.py"), str(path), *keys, fingerprint],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert said.returncode == 0, said.stdout + said.stderr


def test_rejected_with_a_reason(old: Bank) -> None:
    """What is rejected stays, may be proposed again, and says why."""
    with officer(old, 1) as first, officer(old, 2) as second:
        done(first.post("/v1/disposals", json={"batch": "D1", "subject": "customer/C9"}))
        assert second.post("/v1/disposals/D1/rejection", json={}).status_code == 400
        assert done(second.post("/v1/disposals/D1/rejection", json={"reason": "a suit"}))["disposals"] >= 1
        assert done(first.post("/v1/disposals/D1/execution"))["disposals"] == 0
        assert done(first.post("/v1/disposals", json={"batch": "D2", "subject": "customer/C9"}))["disposals"] >= 1


def test_a_manager_proposes_for_the_own_branch(old: Bank) -> None:
    """And for no other, nor for the house; what others may do is not theirs."""
    why = SUPERVISION | {"kyc-purpose": "retention"}
    with old.client("branch-manager", why) as manager:
        assert manager.post("/v1/disposals", json={"batch": "D1"}).status_code == 403
        assert manager.post("/v1/disposals", json={"batch": "D1", "made_at": "B-2"}).status_code == 403
        assert done(manager.post("/v1/disposals", json={"batch": "D1", "made_at": "B-1"}))["disposals"] >= 1
        assert manager.post("/v1/disposals/D1/execution").status_code == 403
        assert manager.post("/v1/disposals/D1/approval").status_code == 403


def test_a_hold_beats_an_approval_and_takes_two_to_release(old: Bank) -> None:
    """Placed after the approval it stops the execution; released by two with two tokens, the rest goes on."""
    placed = {"subject": "customer/C9", "hold": "H1", "basis": "litigation", "reference": "suit-7"}
    release = {"subject": "customer/C9", "reason": "settled"}
    with officer(old, 1) as first, officer(old, 2) as second:
        done(first.post("/v1/disposals", json={"batch": "D1", "subject": "customer/C9"}))
        done(second.post("/v1/disposals/D1/approval"))
        for _ in range(2):
            held = done(first.post("/v1/holds", json=placed, headers={"idempotency-key": "k1"}))
            assert len(held["recorded"]) == 1
        assert held["replayed"]
        stopped = done(first.post("/v1/disposals/D1/execution"))
        assert stopped["disposals"] == 0
        assert stopped["refused"]
        proposal = first.post("/v1/holds/H1/release", json=release, headers={"idempotency-key": "k2"})
        assert proposal.status_code == 202, proposal.text
        assert first.post("/v1/holds/H1/release/approval", json=proposal.json()).status_code == 403
        done(second.post("/v1/holds/H1/release/approval", json=proposal.json()))
        (freed,) = [one for one in old.events("retention", "customer/C9") if isinstance(one, HoldReleased)]
        assert freed.approver == "compliance-2"
        assert done(first.post("/v1/disposals/D1/execution"))["disposals"] >= 1
    with old.client("teller", DUTY, sub="T-1") as teller:
        refused = teller.post("/v1/holds", json=placed | {"hold": "H2"}, headers={"idempotency-key": "k3"})
        assert refused.status_code == 403
