"""Certificates of a test's own: roots, servers and clients, in files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

TODAY = datetime(2026, 1, 1, tzinfo=UTC)
FOREVER = datetime(2126, 1, 1, tzinfo=UTC)


@dataclass
class Made:
    """A certificate with its key, in files."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    path: Path
    key_path: Path

    @property
    def der(self) -> bytes:
        """As it travels."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def fingerprint(self) -> str:
        """As the identity file has it."""
        return sha256(self.der).hexdigest()


Make = Callable[..., Made]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes certificates: a root without ``by``, else one for a server or client."""

    def certificate(name: str, by: Made | None = None, until: datetime = FOREVER, dns: str = "") -> Made:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        names: list[x509.GeneralName] = [x509.IPAddress(ip_address("127.0.0.1"))]
        if dns:
            names.append(x509.UniformResourceIdentifier(dns) if ":" in dns else x509.DNSName(dns))
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(by.certificate.subject if by else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(TODAY, until - timedelta(days=2)))
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if by is not None:
            authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
            builder = builder.add_extension(authority, critical=False)
        signed = builder.sign(by.key if by else key, hashes.SHA256())
        made = Made(signed, key, tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        made.path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        made.key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return made

    return certificate
