"""Seals of a bundle in formats everybody has tools for: a CMS signature (RFC 5652) and a timestamp (RFC 3161).

The institution's export certificate comes from files: ``key.pem``, ``certificate.pem`` (with what lies between it
and the CA, if anything) and ``ca.pem``. Where there are none, a development CA is made once; it proves nothing to
anybody outside and says so in its name. The signature is detached and has no attributes of its own, so that the
same manifest under an RSA key is signed by the same bytes; the time of signing stands in the manifest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from secrets import randbits
from typing import Final
from urllib.error import URLError
from urllib.request import Request, urlopen

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs7,
)
from cryptography.x509.oid import NameOID

from kyc.clock import to_datetime
from kyc.errors import ConfigurationError, IntegrityError, KeyProviderError
from replay import der

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Authority = Callable[[bytes], bytes]
"""A timestamp authority: a request in DER → its answer in DER."""
DEVELOPMENT: Final = "KYC Ledger development CA, not for production"
_RSA_BITS: Final = 3_072
_YEARS: Final = timedelta(days=3_650)
_FILES: Final = ("key.pem", "certificate.pem", "ca.pem")
_ANSWER_MAX: Final = 1_048_576  # bytes of a timestamp authority's answer; real ones have a few thousand
_TIMEOUT: Final = 30.0  # seconds
_OPTIONS: Final = (
    pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoAttributes,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seal:
    """What manifests are signed with, and the CA that vouches for it."""

    key: SigningKey
    certificates: tuple[x509.Certificate, ...]
    """The signer's own first, then what lies between it and the CA."""
    ca: x509.Certificate

    @property
    def ca_fingerprint(self) -> str:
        """SHA-256 of the CA's certificate (DER), in hexadecimal: what the recipient must be told."""
        return self.ca.fingerprint(SHA256()).hex()

    @property
    def ca_pem(self) -> bytes:
        """The CA's certificate."""
        return self.ca.public_bytes(Encoding.PEM)

    @property
    def subject(self) -> str:
        """Who signs (RFC 4514)."""
        return self.certificates[0].subject.rfc4514_string()

    def sign(self, content: bytes) -> bytes:
        """A detached CMS SignedData in DER, as ``openssl cms -verify -inform DER`` takes it."""
        own, *between = self.certificates
        builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(own, self.key, SHA256())
        for certificate in between:
            builder = builder.add_certificate(certificate)
        return builder.sign(Encoding.DER, list(_OPTIONS))


def open_seal(folder: Path, now_us: int) -> Seal:
    """The seal in a folder; where there is no such folder, one of a development CA is made there.

    Raises:
        ConfigurationError: a file is missing, cannot be read, or does not belong to the others.
    """
    if not folder.exists():
        _develop(folder, now_us)
    try:
        raw_key, raw_certificates, raw_ca = [(folder / name).read_bytes() for name in _FILES]
        key = load_pem_private_key(raw_key, password=None)
        seal = Seal(key, tuple(x509.load_pem_x509_certificates(raw_certificates)), _one(raw_ca))  # type: ignore[arg-type]
    except (OSError, ValueError, TypeError) as cause:
        raise ConfigurationError(
            "the export certificate cannot be read", field="seal", rule=", ".join(_FILES),
            remedy=f"put the three PEM files into {folder}",
        ) from cause  # fmt: skip
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ConfigurationError("not a key that CMS signs with", field="seal", rule="RSA or elliptic curve")
    if key.public_key() != seal.certificates[0].public_key():
        raise ConfigurationError("the certificate is of another key", field="seal", rule="key.pem, certificate.pem")
    _check_chain(seal)
    return seal


def _one(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def _check_chain(seal: Seal) -> None:
    for certificate, issuer in zip(seal.certificates, (*seal.certificates[1:], seal.ca), strict=True):
        try:
            certificate.verify_directly_issued_by(issuer)
        except Exception as cause:  # the library names many; each means the same here
            raise ConfigurationError(
                "the certificates are no chain", field="seal", rule="certificate.pem up to ca.pem, each by the next"
            ) from cause


def _develop(folder: Path, now_us: int) -> None:
    """A development CA and a signer of its own; the CA's key is thrown away."""
    start = to_datetime(now_us) - timedelta(days=1)
    authority = ec.generate_private_key(ec.SECP256R1())
    key = rsa.generate_private_key(65_537, _RSA_BITS)

    def certificate(name: str, public: SigningKey, *, ca: bool) -> x509.Certificate:
        issuer = DEVELOPMENT
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False,
        )  # fmt: skip
        usage |= {"key_cert_sign": True} if ca else {"digital_signature": True, "content_commitment": True}
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(issuer))
            .public_key(public.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + (2 if ca else 1) * _YEARS)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False
            )
            .sign(authority, SHA256())
        )

    own = certificate("KYC Ledger exports, not for production", key, ca=False)
    contents = (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        own.public_bytes(Encoding.PEM),
        certificate(DEVELOPMENT, authority, ca=True).public_bytes(Encoding.PEM),
    )
    draft = folder.with_name(f".{folder.name}.{randbits(64):016x}")
    draft.mkdir(mode=0o700, parents=True)
    for name, content in zip(_FILES, contents, strict=True):
        descriptor = os.open(draft / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    draft.rename(folder)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


# --- timestamps -------------------------------------------------------------------------------------------


def timestamp(content: bytes, authority: Authority, algorithm: str = "sha256") -> bytes:
    """A timestamp token over ``content`` (RFC 3161), in DER; the verifier checks it against the authority's CA.

    Raises:
        IntegrityError: the authority refused, or answered about something else.
    """
    named = der.SHA512 if algorithm == "sha512" else der.SHA256
    imprint = der.sequence(named, der.octets(hashlib.new(algorithm, content).digest()))
    nonce = der.integer(randbits(64))
    answer = authority(der.sequence(der.integer(1), imprint, nonce, der.TRUE))
    status, token = _split(answer)
    if not status.startswith(b"\x02\x01\x00") or imprint not in token or nonce not in token:
        raise IntegrityError(
            "the timestamp authority did not stamp this", field="timestamp", rule="RFC 3161: granted",
            remedy="ask it again, or export without",
        )  # fmt: skip
    return token


def _split(answer: bytes) -> tuple[bytes, bytes]:
    """(contents of the status, token) of an answer: SEQUENCE { status, token }."""
    try:
        contents, after = _value(answer)
        status, token = _value(contents)
    except IndexError:
        contents, after, status, token = b"", b"x", b"", b""
    return (status, token) if not after else (b"", b"")


def _value(raw: bytes) -> tuple[bytes, bytes]:
    """The value of the first element, and what follows it."""
    size, start = raw[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(raw[2:start], "big")
    return raw[start : start + size], raw[start + size :]


def http_authority(url: str) -> Authority:
    """An authority that is asked over HTTP (RFC 3161 §3.4).

    Raises:
        ConfigurationError: not an address of the web.
    """
    if not url.startswith(("https://", "http://")):
        raise ConfigurationError("not an address of a timestamp authority", field="timestamp", rule="https://…")

    def ask(request: bytes) -> bytes:
        message = Request(url, request, {"Content-Type": "application/timestamp-query"})  # noqa: S310 - checked above
        try:
            with urlopen(message, timeout=_TIMEOUT) as answer:  # noqa: S310 - same
                return bytes(answer.read(_ANSWER_MAX))
        except (URLError, OSError) as cause:
            raise KeyProviderError(
                "the timestamp authority cannot be reached", field="timestamp", remedy="try again, or leave it out"
            ) from cause

    return ask
