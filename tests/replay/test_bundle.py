"""The bundle: verified by a stranger with one file, the same bytes twice."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from base64 import b64decode
from collections.abc import Callable
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fix_replay import BACK, FRONT, Bank
from fix_signed import KEY, export, keys_of, records

from kyc.domain.submission import StreamName
from kyc.publish import publish
from replay import verifier
from replay.bundle import fingerprint_of
from replay.shipped import verify_py

pytestmark = pytest.mark.pg15


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a bundle's own verify.py where nothing but the standard library and cryptography can be imported."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "verify.py").write_bytes(verify_py())
    for name in ("cryptography", "_cffi_backend"):
        spec = find_spec(name)
        assert spec is not None
        origin = Path(spec.origin or "")
        place = origin.parent if origin.name == "__init__.py" else origin
        (folder / place.name).symlink_to(place)
    start = (
        "import sys, runpy; sys.path.append(sys.argv.pop(1)); sys.argv.pop(0);"
        "[sys.exit(9) for n in ('kyc', 'replay', 'msgspec') if __import__('importlib.util').util.find_spec(n)];"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )

    def run(own: Path | None, *arguments: object) -> subprocess.CompletedProcess[str]:
        script = own or folder / "verify.py"
        command = [sys.executable, "-I", "-S", "-c", start, folder, script, *arguments]
        return subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, check=False, env={}, cwd=script.parent
        )

    return run


def test_a_stranger_verifies_it(bank: Bank, tmp_path: Path, alone) -> None:
    """The verify.py of the bundle, alone, proves a zip and a folder under keys told out of band, and their ends."""
    publish(bank.sealed, tmp_path / "site", bank.vkey)
    for out in (tmp_path / "c1.zip", tmp_path / "c1"):
        exported = export(bank, out)
        done = alone(
            tmp_path / "c1" / "verify.py" if out.is_dir() else None,
            out, "--log-key", exported.log_key, "--export-key", exported.fingerprint, "--log", tmp_path / "site",
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        said = done.stdout.splitlines()
        assert said[0] == "VERIFIED"
        assert "  proved      14 events lie in that log, no stream with a gap from its first version" in said
        assert "  proved      14 events and 2 documents say what was committed to" in said
        assert "  proved      they are of customer C1 and every account its own events name (2)" in said
        assert "  proved      the 5 streams end in the log where the trailer says, by its own files" in said
        assert any("signer's word" in line for line in said)
    assert (exported.events, exported.documents, exported.accounts) == (14, 2, ("A1", "A2"))


def test_a_key_inside_proves_only_itself(bank: Bank, tmp_path: Path, alone) -> None:
    """Without keys from outside the verdict is self-consistency, with an exit code of its own."""
    exported = export(bank, tmp_path / "c1.zip")
    for keys in ([], ["--log-key", exported.log_key], ["--export-key", exported.fingerprint]):
        done = alone(None, tmp_path / "c1.zip", *keys)
        assert done.returncode == 3
        assert done.stdout.startswith("CONSISTENT WITH ITSELF")
        assert "not proved  " in done.stdout


def test_other_keys_are_refused(bank: Bank, tmp_path: Path, alone) -> None:
    """Under another log key or another export key than the bank's the bundle is refused."""
    exported = export(bank, tmp_path / "c1.zip")
    other = Ed25519PrivateKey.generate()
    forged = export(bank, tmp_path / "forged.zip", keys=keys_of(bank, other))
    for keys in (
        ["--log-key", exported.log_key, "--export-key", forged.fingerprint],
        ["--log-key", "other.example/log+a3ea3d63+AZ8kGxjwBW8IyXmEZ0Bk9BcFKqAdlwXbGZNXIe1tA2oL"],
    ):
        done = alone(None, tmp_path / "c1.zip", *keys)
        assert done.returncode == 1
        assert done.stdout.startswith("REFUSED  ")


def test_manifest_says_for_whom_and_why(bank: Bank, tmp_path: Path) -> None:
    """The signed manifest has recipient, purpose, basis, actor, time, scope, schemas and counts."""
    export(bank, tmp_path / "c1")
    manifest = json.loads((tmp_path / "c1" / "manifest.json").read_text(encoding="utf-8"))
    assert {name: manifest[name] for name in ("recipient", "purpose", "legal_basis", "actor", "order")} == {
        "recipient": "NFRA Shanghai", "purpose": "inspection", "legal_basis": "AML24-45", "actor": "A-0007",
        "order": "2026/112",
    }  # fmt: skip
    assert manifest["created_at"] == "2026-03-03T14:00:00.000000Z"
    assert manifest["scope"] == {
        "kind": "customer", "key": "C1", "customers": ["C1"], "accounts": ["A1", "A2"], "others": [],
        "since": None, "until": None, "recorded_from": None, "recorded_until": None, "zone": "Asia/Shanghai",
        "withheld": [],
    }  # fmt: skip
    assert (manifest["permitted_purpose"], manifest["policies"]) == ("inspection", [])
    assert manifest["schemas"]["customer.registered"] == [2]
    assert (manifest["checkpoint"]["size"], manifest["counts"]["events"]) == (24, 14)
    assert {file["path"] for file in manifest["files"]} == {
        path.relative_to(tmp_path / "c1").as_posix()
        for path in (tmp_path / "c1").rglob("*")
        if path.is_file() and not path.name.startswith("manifest.")
    }


def test_payloads_are_verbatim(bank: Bank, tmp_path: Path) -> None:
    """Payload and opening are the very bytes that were committed to, beside a readable copy."""
    export(bank, tmp_path / "c1")
    (first, *_) = records(tmp_path / "c1", "events/00001-customer.ndjson")
    opening, payload = b64decode(first["opening"]), b64decode(first["payload"])
    (row, *_) = bank.log.reader.stream(bank.log.stream_id(StreamName("customer", "C1")))
    assert (opening, payload) == bank.log.openings([row])[0]
    assert json.loads(payload) == first["event"]
    assert first["read"]["actor"] == "T-0417"
    scans = {path.read_bytes() for path in (tmp_path / "c1" / "documents").iterdir()}
    assert scans == {FRONT + b"C1", BACK + b"C1"}


def test_two_exports_are_the_same_bytes(bank: Bank, tmp_path: Path) -> None:
    """With the same declared time two zips are equal; at another time only manifest and signature differ."""
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    export(bank, first)
    export(bank, second)
    assert first.read_bytes() == second.read_bytes()
    bank.later()
    export(bank, tmp_path / "3.zip")
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(tmp_path / "3.zip") as other:
        assert one.namelist() == other.namelist()
        differing = [name for name in one.namelist() if one.read(name) != other.read(name)]
        manifests = [json.loads(box.read("manifest.json")) for box in (one, other)]
    assert differing == ["manifest.json", *manifests[0]["declared_files"]]
    assert manifests[0]["declared_files"] == ["manifest.sig", "manifest.p7s"]
    for manifest in manifests:
        for name in manifest["declared_times"]:
            del manifest[name]
    assert manifests[0] == manifests[1]


def test_openssl_and_sha256sum_by_hand(bank: Bank, tmp_path: Path) -> None:
    """Every command of README.txt runs, and what it says must agree agrees."""
    bank.fill(600)
    bank.seal()
    bundle = tmp_path / "c1"
    exported = export(bank, bundle)
    readme = (bundle / "README.txt").read_text(encoding="utf-8").split("\nBy hand\n")[1]
    commands = "\n".join(line[4:] for line in readme.splitlines() if line.startswith("    "))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=bundle, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = [line.removesuffix("  -") for line in done.stdout.splitlines()]
    assert said[0] == exported.fingerprint
    assert said[1:3] == ["Signature Verified Successfully", exported.ca_fingerprint]
    assert said[3] == "Signature Verified Successfully"
    assert "CMS Verification successful" in done.stderr
    said = [line for line in said if re.fullmatch(r"[0-9a-f]{64}|[A-Za-z0-9+/]{43}=", line)]
    assert len(said) == 10
    assert said[2::2] == said[3::2]
    with (bundle / "documents" / "more.png").open("wb") as file:
        file.write(b"x")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=bundle, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0


def test_sums_for_sha256sum(bank: Bank, tmp_path: Path) -> None:
    """SHA256SUMS is what sha256sum checks."""
    export(bank, tmp_path / "c1")
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "c1", check=True)


def test_fingerprint_is_opensslls(bank: Bank, tmp_path: Path) -> None:
    """The fingerprint is that of the key's DER form; colons and capitals make no difference to the verifier."""
    exported = export(bank, tmp_path / "c1.zip")
    der = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert exported.fingerprint == fingerprint_of(KEY) == sha256(der).hexdigest()
    spelt = ":".join(re.findall("..", exported.fingerprint.upper()))
    assert verifier.verify(str(tmp_path / "c1.zip"), [exported.log_key], [spelt]).anchored
