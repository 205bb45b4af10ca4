"""CMS signatures (RFC 5652) and timestamps (RFC 3161), read strictly: what is not signed may not vary.

A part of the shipped verifier: nothing of KYC Ledger but other parts may be imported here. Only what bundles hold
is understood: one signer, SHA-2, RSA (PKCS #1 v1.5) or ECDSA, certificates up to a CA trusted by its fingerprint.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    ExtendedKeyUsage,
    ExtensionNotFound,
    load_der_x509_certificate,
    load_pem_x509_certificate,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from replay.verifier_base import Refused, need

SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
DATA = bytes.fromhex("06092a864886f70d010701")
TST_INFO = bytes.fromhex("060b2a864886f70d0109100104")
CONTENT_TYPE = bytes.fromhex("06092a864886f70d010903")
MESSAGE_DIGEST = bytes.fromhex("06092a864886f70d010904")
NULL = b"\x05\x00"
HASHES = {
    bytes.fromhex("0609608648016503040201"): ("sha256", hashes.SHA256()),
    bytes.fromhex("0609608648016503040202"): ("sha384", hashes.SHA384()),
    bytes.fromhex("0609608648016503040203"): ("sha512", hashes.SHA512()),
}
RSA = {
    "sha256": bytes.fromhex("06092a864886f70d01010b"), "sha384": bytes.fromhex("06092a864886f70d01010c"),
    "sha512": bytes.fromhex("06092a864886f70d01010d"),
}  # fmt: skip
RSA_ANY = bytes.fromhex("06092a864886f70d010101")
ECDSA = {
    "sha256": bytes.fromhex("06082a8648ce3d040302"), "sha384": bytes.fromhex("06082a8648ce3d040303"),
    "sha512": bytes.fromhex("06082a8648ce3d040304"),
}  # fmt: skip
Element = tuple[int, bytes, bytes]
"""Tag, value, and the whole element as it stands."""


def elements(raw: bytes, place: str) -> list[Element]:
    """The elements of a DER value, lengths in their one form (X.690)."""
    found, at = [], 0
    while at < len(raw):
        need(at + 2 <= len(raw) and raw[at] & 0x1F != 0x1F, place, "not DER")
        tag, size, start = raw[at], raw[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(raw[start : start + count], "big")
            need(0 < count <= 4 and size >= 0x80 and size >> 8 * (count - 1), place, "not DER")
            start += count
        need(start + size <= len(raw), place, "cut off")
        found.append((tag, raw[start : start + size], raw[at : start + size]))
        at = start + size
    return found


def inside(raw: bytes, tags: list[int], place: str) -> list[Element]:
    """The elements of a value, which must have these tags."""
    found = elements(raw, place)
    need([tag for tag, _, _ in found] == tags, place, "not of the expected form")
    return found


def only(raw: bytes, tag: int, place: str) -> bytes:
    """The value of the one element there is."""
    return inside(raw, [tag], place)[0][1]


def hash_named(algorithm: bytes, place: str) -> tuple[str, hashes.HashAlgorithm]:
    """The hash of an AlgorithmIdentifier; its parameters are absent or NULL."""
    for known, found in HASHES.items():
        if algorithm in {known, known + NULL}:
            return found
    raise Refused(f"{place}: not SHA-2")


class Cms:
    """A SignedData of one signer, parsed: whether it holds, :meth:`check` says."""

    def __init__(self, raw: bytes, version: int, place: str) -> None:
        self.place = place
        kind, wrapped = inside(only(raw, 0x30, place), [0x06, 0xA0], place)
        need(kind[2] == SIGNED_DATA, place, "not a CMS signature")
        parts = elements(only(wrapped[1], 0x30, place), place)
        tags = [tag for tag, _, _ in parts]
        need(tags == [0x02, 0x31, 0x30, 0xA0, 0x31], place, "not a CMS signature with its certificates")
        need(parts[0][1] == bytes((version,)), place, "of another version")
        content = elements(parts[2][1], place)
        self.content_type = content[0][2]
        self.content = only(content[1][1], 0x04, place) if len(content) == 2 else None
        need(len(content) <= 2 and (len(content) == 1 or content[1][0] == 0xA0), place, "not of the expected form")
        self.certificates = [load_der_x509_certificate(whole) for _, _, whole in elements(parts[3][1], place)]
        self._signer(only(parts[4][1], 0x30, place), parts[1][1])

    def _signer(self, raw: bytes, digests: bytes) -> None:
        fields = elements(raw, self.place)
        tags = [tag for tag, _, _ in fields]
        signed = tags == [0x02, 0x30, 0x30, 0xA0, 0x30, 0x04]
        need(signed or tags == [0x02, 0x30, 0x30, 0x30, 0x04], self.place, "not of the expected form")
        need(fields[0][1] == b"\x01", self.place, "the signer is named another way")
        need(fields[2][2] == digests, self.place, "its algorithms do not agree")
        self.signer = [whole for _, _, whole in inside(fields[1][1], [0x30, 0x02], self.place)]
        self.hash_name, self.hash = hash_named(fields[2][1], self.place)
        self.attributes = fields[3] if signed else None
        self.algorithm, self.signature = fields[-2][1], fields[-1][1]

    def check(self, content: bytes, trusted: Certificate, at: datetime) -> Certificate:
        """Refuse unless the content is signed by a certificate that leads to the CA, valid at that time."""
        message = content
        if self.attributes is not None:
            message = b"\x31" + self.attributes[2][1:]  # signed as a SET (RFC 5652, section 5.4)
            values = {}
            for _, attribute, _ in elements(self.attributes[1], self.place):
                kind, value = inside(attribute, [0x06, 0x31], self.place)
                need(kind[2] not in values, self.place, "an attribute comes twice")
                values[kind[2]] = value[1]
            digest = hashlib.new(self.hash_name, content).digest()
            need(values.get(CONTENT_TYPE) == self.content_type, self.place, "signs another kind of content")
            stated = only(values.get(MESSAGE_DIGEST, b""), 0x04, self.place)
            need(stated == digest, self.place, "signs another content")
        path = self._path(trusted, at)
        key, name = path[0].public_key(), self.hash_name
        if isinstance(key, rsa.RSAPublicKey):
            need(self.algorithm in {RSA_ANY + NULL, RSA[name] + NULL}, self.place, "signed in an unknown way")
            key.verify(self.signature, message, padding.PKCS1v15(), self.hash)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            need(self.algorithm == ECDSA[name], self.place, "signed in an unknown way")
            key.verify(self.signature, message, ec.ECDSA(self.hash))
        else:
            raise Refused(f"{self.place}: signed in an unknown way")
        return path[0]

    def _path(self, trusted: Certificate, at: datetime) -> list[Certificate]:
        """The certificates from the signer's up to the one that the CA issued; no other may be there."""
        signers = [
            found for found in self.certificates
            if self.signer == [found.issuer.public_bytes(), self._serial(found.serial_number)]
        ]  # fmt: skip
        need(len(signers) == 1, self.place, "the signer's certificate is not there")
        path, rest = signers, [found for found in self.certificates if found not in {*signers, trusted}]
        while path[-1].issuer != trusted.subject:
            above = [found for found in rest if found.subject == path[-1].issuer]
            need(len(above) == 1, self.place, "its certificates do not lead to the CA")
            rest.remove(above[0])
            path.append(above[0])
        need(not rest, self.place, "a certificate too many")
        for at_level, (certificate, issuer) in enumerate(zip(path, [*path[1:], trusted])):  # noqa: B905 - 3.10
            certificate.verify_directly_issued_by(issuer)
            in_time = certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
            need(in_time, self.place, "a certificate was not valid at that time")
            need(at_level == 0 or is_ca(certificate), self.place, "a certificate that may issue none")
        need(is_ca(trusted), self.place, "the CA is none")
        return path

    @staticmethod
    def _serial(number: int) -> bytes:
        raw = number.to_bytes(number.bit_length() // 8 + 1, "big")
        return bytes((2, len(raw))) + raw


def moment(text: str, form: str) -> datetime:
    """A moment in UTC."""
    return datetime.strptime(text, form).replace(tzinfo=timezone(timedelta(0)))


def is_ca(certificate: Certificate) -> bool:
    """Whether a certificate may issue others."""
    try:
        return bool(certificate.extensions.get_extension_for_class(BasicConstraints).value.ca)
    except ExtensionNotFound:
        return False


def stamps(certificate: Certificate) -> bool:
    """Whether a certificate is for timestamps and nothing else (RFC 3161, section 2.3)."""
    try:
        usage = certificate.extensions.get_extension_for_class(ExtendedKeyUsage)
        return usage.critical and list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
    except ExtensionNotFound:
        return False


def trusted_ca(pem: bytes, fingerprints: list[str], place: str) -> tuple[Certificate, str]:
    """The CA in the bundle and its fingerprint, which must be one of those told out of band, if any were."""
    certificate = load_pem_x509_certificate(pem)
    found = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    need(found in fingerprints or not fingerprints, place, "not the expected CA")
    return certificate, found


def check_seal(raw: bytes, manifest: bytes, ca: Certificate, created_at: str) -> str:
    """Refuse a bundle whose manifest is not signed under the CA; says who signed it."""
    place = "manifest.p7s"
    try:
        cms = Cms(raw, 1, place)
        need(cms.content_type == DATA and cms.content is None, place, "not a detached signature")
        at = moment(created_at, "%Y-%m-%dT%H:%M:%S.%fZ")
        return cms.check(manifest, ca, at).subject.rfc4514_string()
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, IndexError, KeyError):
        raise Refused(f"{place}: the signature is wrong") from None


def check_timestamp(raw: bytes, content: bytes, ca: Certificate, place: str) -> datetime:
    """Refuse a token that is not about the content or not of the authority; says when it was given."""
    return read_timestamp(raw, content, ca, place)[0]


def read_timestamp(raw: bytes, content: bytes, ca: Certificate, place: str) -> tuple[datetime, set[str]]:
    """The same, and the hash algorithms on which the token rests."""
    try:
        cms = Cms(raw, 3, place)
        need(cms.content_type == TST_INFO and cms.content is not None, place, "not a timestamp")
        info = elements(only(cms.content or b"", 0x30, place), place)
        need([tag for tag, _, _ in info[:5]] == [0x02, 0x06, 0x30, 0x02, 0x18], place, "not a timestamp")
        algorithm, digest = inside(info[2][1], [0x30, 0x04], place)
        name, _ = hash_named(algorithm[1], place)
        need(digest[1] == hashlib.new(name, content).digest(), place, "stamps something else")
        text = info[4][1].decode().removesuffix("Z").split(".")[0]
        at = moment(text, "%Y%m%d%H%M%S")
        need(stamps(cms.check(cms.content or b"", ca, at)), place, "its certificate is not one for timestamps")
        return at, {name, cms.hash_name}
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, IndexError, KeyError):
        raise Refused(f"{place}: the timestamp is wrong") from None
