"""Row 34: what leaves the house is for one recipient and one purpose, and nobody else can open it."""

from __future__ import annotations

import json
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from fix_cli import Call, document
from fix_world_china import onboard, open_account, paid

from replay import verifier

FAR = datetime(2099, 1, 1, tzinfo=UTC)


def recipient(folder: Path, name: str) -> Path:
    """A recipient with a key and a certificate, made with no help of the bank; the certificate."""
    key = rsa.generate_private_key(65_537, 2_048)
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(FAR - timedelta(days=36_500))
        .not_valid_after(FAR)
        .sign(key, SHA256())
    )
    (folder / f"{name}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate = folder / f"{name}.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    return certificate


def opened(folder: Path, name: str) -> Path | None:
    """The bundle as somebody opens it with openssl; None where that fails."""
    out = folder / f"{name}.zip"
    command = f"openssl cms -decrypt -binary -inform DER -in c1.p7m -inkey {name}.key -recip {name}.pem -out {out}"
    done = subprocess.run(command.split(), cwd=folder, capture_output=True, check=False)
    return out if done.returncode == 0 and zipfile.is_zipfile(out) else None


def test_sent_to_the_wrong_address(china, call: Call, tmp_path: Path):
    """The file for the inspector reaches a journalist, who cannot open it; the inspector can, and verifies it."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    china.record(paid(china, "T1", "A1", "10.00"))
    china.seal()
    inspector, _ = recipient(tmp_path, "inspector"), recipient(tmp_path, "journalist")
    said = document(
        call(
            "--json", "export", "--customer", "C1", "--recipient", "NFRA", "--permitted-purpose", "inspection 7",
            "--encrypt-to", str(inspector), "--out", str(tmp_path / "c1.p7m"),
        )
    )  # fmt: skip
    assert opened(tmp_path, "journalist") is None
    bundle = opened(tmp_path, "inspector")
    assert bundle is not None
    assert verifier.verify(str(bundle), [said["log_key"]], [said["export_fingerprint"]]).anchored
    with zipfile.ZipFile(bundle) as parts:
        manifest = json.loads(parts.read("manifest.json"))
    assert (manifest["recipient"], manifest["permitted_purpose"]) == ("NFRA", "inspection 7")
    (left,) = china.events("operations", "export")
    assert (left.recipient, left.permitted_purpose, left.encrypted) == ("NFRA", "inspection 7", True)
