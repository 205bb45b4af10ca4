"""Exports over HTTP: two people, a job that survives, a bundle that verifies, and nobody else's business."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import fix_service_reads as reads
import httpx
import pytest
from fix_bank import registered, submission
from fix_service import Serve
from fix_service_reads import AML, TELLER, Bank

from kyc.domain.monitoring import CaseClosed
from kyc.domain.operations import ExportSigned
from kyc.service.limits import ServiceLimits
from replay import verifier

ORDER = {"customer": ["C1"], "recipient": "court-7", "permitted_purpose": "trial"}


@pytest.fixture
def sealed(served: Bank) -> Bank:
    """The bank, sealed, with a second officer of compliance."""
    served.grant("compliance-2", "compliance")
    served.running.service.sealer.seal()
    return served


def settled(client: httpx.Client, number: str) -> dict[str, Any]:
    """An export once nothing more happens to it."""
    return reads.settled(client, f"/v1/exports/{number}")


def test_one_asks_another_approves_and_the_bundle_verifies(sealed: Bank, tmp_path: Path) -> None:
    """Nothing is written before somebody else approves; the bundle is for who asked, and what left is on record."""
    with sealed.client("investigator", AML) as asker, sealed.client("compliance", AML) as approver:
        begun = asker.post("/v1/exports", json=ORDER)
        assert begun.status_code == 202, begun.text
        number = begun.json()["id"]
        assert begun.json()["state"] == "waiting"
        assert asker.get(f"/v1/exports/{number}/bundle").status_code == 409
        assert asker.post(f"/v1/exports/{number}/approval").status_code == 403
        assert approver.get(f"/v1/exports/{number}").json()["order"]["customer"] == ["C1"]
        approved = approver.post(f"/v1/exports/{number}/approval")
        assert approved.status_code == 202, approved.text
        assert approver.post(f"/v1/exports/{number}/approval").status_code == 404
        done = settled(asker, number)
        assert (done["state"], done["approved_by"]) == ("ready", "compliance-1"), done
        assert approver.get(f"/v1/exports/{number}/bundle").status_code == 403
        taken = asker.get(f"/v1/exports/{number}/bundle")
        assert taken.headers["content-disposition"] == f'attachment; filename="export-{number}.zip"'
        assert int(taken.headers["content-length"]) == len(taken.content)
    path = tmp_path / "taken.zip"
    path.write_bytes(taken.content)
    names = zipfile.ZipFile(io.BytesIO(taken.content)).namelist()
    assert not [name for name in names if name.startswith("/") or ".." in name]
    manifest = json.loads(zipfile.ZipFile(path).read("manifest.json"))
    assert (manifest["recipient"], manifest["permitted_purpose"]) == ("court-7", "trial")
    vkey = sealed.running.service.log_verifier_key
    said = verifier.verify(str(path), [vkey], [manifest["export_key"]])
    assert said.anchored
    office = sealed.events("operations", "export")
    (left,) = [one for one in office if isinstance(one, ExportSigned)]
    assert (left.manifest, left.recipient) == (done["manifest"], "court-7")


def test_refused_before_anything_is_kept(sealed: Bank) -> None:
    """No recipient, two scopes, none, unknown fields: 400; not one's case, no right: the one refusal."""
    with sealed.client("investigator", AML) as asker:
        for body, field in (
            ({"customer": ["C1"], "recipient": " "}, "recipient"), ({"recipient": "court-7"}, "scope"),
            (ORDER | {"case": "CA-1"}, "case, customer"), (ORDER | {"path": "/etc"}, "body"),
            ({"customer": ["C1"]}, "body"),
        ):  # fmt: skip
            answer = asker.post("/v1/exports", json=body)
            assert (answer.status_code, answer.json()["field"]) == (400, field), body
        assert asker.post("/v1/exports", json=ORDER | {"customer": ["C3"]}).status_code == 403
        for number in ("0" * 32, "..%2f..%2fetc", "x", "0" * 31 + "g"):
            for path in ("", "/bundle"):
                assert asker.get(f"/v1/exports/{number}{path}").status_code == 404, number
    with sealed.client("teller", TELLER, sub="T-1") as teller:
        assert teller.post("/v1/exports", json=ORDER).status_code == 403
    assert not (sealed.running.service.configuration.home / "service-exports").exists()


def test_a_right_that_was_taken_back(sealed: Bank) -> None:
    """The case is closed between asking and approving: nothing is written."""
    with sealed.client("investigator", AML) as asker, sealed.client("compliance", AML) as approver:
        number = asker.post("/v1/exports", json=ORDER).json()["id"]
        closed = CaseClosed(occurred_at=sealed.now, case="CA-1", outcome="not-reported", reason="explained")
        sealed.submit(submission("CA-1/closed", closed))
        assert approver.post(f"/v1/exports/{number}/approval").status_code == 403
        assert asker.get(f"/v1/exports/{number}").json()["state"] == "waiting"


def test_for_the_recipient_alone(sealed: Bank, tmp_path: Path) -> None:
    """Encrypted to a certificate in the order: its owner opens it, who takes it cannot; an unfit one fails."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout own.key -out own.pem -days 9 -subj /CN=inspector"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    order = ORDER | {"encrypt_to": (tmp_path / "own.pem").read_text()}
    with sealed.client("compliance", AML) as asker, sealed.client("compliance", AML, sub="compliance-2") as second:
        number = asker.post("/v1/exports", json=order).json()["id"]
        second.post(f"/v1/exports/{number}/approval").raise_for_status()
        assert settled(asker, number)["state"] == "ready"
        taken = asker.get(f"/v1/exports/{number}/bundle")
        assert taken.headers["content-disposition"].endswith('.zip.p7m"')
        unfit = asker.post("/v1/exports", json=ORDER | {"encrypt_to": "no certificate"}).json()["id"]
        second.post(f"/v1/exports/{unfit}/approval").raise_for_status()
        failed = settled(asker, unfit)
    assert (failed["state"], failed["problem"]["field"]) == ("failed", "encrypt_to")
    (tmp_path / "taken.p7m").write_bytes(taken.content)
    assert not zipfile.is_zipfile(tmp_path / "taken.p7m")
    assert b"Lovelace" not in taken.content
    opening = "openssl cms -decrypt -binary -inform DER -in taken.p7m -inkey own.key -recip own.pem -out taken.zip"
    subprocess.run(opening.split(), cwd=tmp_path, check=True)
    path = tmp_path / "taken.zip"
    manifest = json.loads(zipfile.ZipFile(path).read("manifest.json"))
    vkey = sealed.running.service.log_verifier_key
    assert verifier.verify(str(path), [vkey], [manifest["export_key"]]).anchored


def test_asked_for_before_it_is_sealed(served: Bank) -> None:
    """Nothing of the customer is sealed: it fails and says to come back; asked again it is ready."""
    served.grant("compliance-2", "compliance")
    with served.client("compliance", AML) as asker, served.client("compliance", AML, sub="compliance-2") as second:

        def export(customer: str) -> dict[str, Any]:
            number = asker.post("/v1/exports", json=ORDER | {"customer": [customer]}).json()["id"]
            second.post(f"/v1/exports/{number}/approval").raise_for_status()
            return settled(asker, number)

        nothing = export("C1")
        served.running.service.sealer.seal()
        served.submit(registered("C9"))
        for failed in (nothing, export("C9")):
            assert (failed["state"], failed["problem"]["status"]) == ("failed", 503)
            assert failed["problem"]["type"] == "urn:kyc-ledger:problem:not-sealed"
            assert "kyc seal --follow" in failed["problem"]["remedy"]
        served.running.service.sealer.seal()
        assert export("C9")["state"] == "ready"


def test_what_became_of_it(sealed: Bank, serve: Serve) -> None:
    """A failed one says why; after a restart a finished one is there, one that was under way is interrupted."""
    with sealed.client("compliance", AML) as asker, sealed.client("compliance", AML, sub="compliance-2") as second:
        ready = asker.post("/v1/exports", json=ORDER).json()["id"]
        second.post(f"/v1/exports/{ready}/approval").raise_for_status()
        assert settled(asker, ready)["state"] == "ready"
        lost = asker.post("/v1/exports", json=ORDER).json()["id"]
        empty = asker.post("/v1/exports", json={"case": "CA-2", "recipient": "court-7"})
        assert empty.status_code == 202, empty.text
        second.post(f"/v1/exports/{empty.json()['id']}/approval").raise_for_status()
        failed = settled(asker, empty.json()["id"])
        assert (failed["state"], failed["problem"]["status"]) == ("failed", 404)
    sealed.running.stop()
    folder = sealed.running.service.configuration.home / "service-exports" / lost
    kept = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps(kept | {"state": "running"}))
    again = Bank(serve(), sealed.oidc)
    with again.client("compliance", AML) as asker:
        assert asker.get(f"/v1/exports/{lost}").json()["state"] == "interrupted"
        assert asker.get(f"/v1/exports/{ready}/bundle").status_code == 200
    short = Bank(serve(ServiceLimits(export_hours=0)), sealed.oidc)
    with short.client("compliance", AML) as asker:
        assert asker.get(f"/v1/exports/{ready}").status_code == 404
        assert not folder.exists()
