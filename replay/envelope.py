"""A file that only its recipient can open: CMS AuthEnvelopedData (RFC 5083), written as a stream.

The content key is made anew, wrapped by RSA-OAEP with SHA-256 to the recipient's certificate; the content is
AES-256-GCM, so that a changed byte is noticed. ``openssl cms -decrypt -inform DER`` opens it. Nothing in clear
touches the disk, and memory does not grow with the content.
"""

from __future__ import annotations

from secrets import token_bytes
from typing import IO, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256

from kyc.clock import to_datetime
from kyc.errors import ConfigurationError
from replay import der

_AUTH_ENVELOPED: Final = der.oid("1.2.840.113549.1.9.16.1.23")
_DATA: Final = der.oid("1.2.840.113549.1.7.1")
_AES_256_GCM: Final = "2.16.840.1.101.3.4.1.46"
_OAEP: Final = der.sequence(
    der.oid("1.2.840.113549.1.1.7"),
    der.sequence(
        der.context(0, der.SHA256), der.context(1, der.sequence(der.oid("1.2.840.113549.1.1.8"), der.SHA256))
    ),
)
"""RSAES-OAEP with SHA-256 for hash and mask (RFC 4055 §4.1)."""
_OPEN: Final = b"\x80"  # a length that is not known yet (X.690 §8.1.3.6)
_END: Final = b"\x00\x00"
_CHUNK: Final = 65_536  # bytes of content in one piece
_RSA_BITS_MIN: Final = 2_048


def recipient(pem: bytes, now_us: int) -> x509.Certificate:
    """A recipient's certificate, fit to encrypt to.

    Raises:
        ConfigurationError: it cannot be read, is not valid today, or is of a key that cannot receive.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as cause:
        raise ConfigurationError("not a certificate", field="encrypt_to", rule="X.509 in PEM") from cause
    if not certificate.not_valid_before_utc <= to_datetime(now_us) <= certificate.not_valid_after_utc:
        raise ConfigurationError("not valid today", field="encrypt_to", remedy="ask for a valid certificate")
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _RSA_BITS_MIN:
        raise ConfigurationError(
            "no key that can receive", field="encrypt_to", rule=f"RSA, {_RSA_BITS_MIN} bits or more",
            remedy="ask for a certificate of such a key",
        )  # fmt: skip
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return certificate
    if not usage.key_encipherment:
        raise ConfigurationError("not a certificate to encrypt to", field="encrypt_to", rule="keyEncipherment")
    return certificate


class Envelope:
    """A binary file to write to; :meth:`close` ends the envelope and leaves the file below open."""

    def __init__(self, file: IO[bytes], certificate: x509.Certificate) -> None:
        self._file = file
        key, nonce = token_bytes(32), token_bytes(12)
        self._encryptor = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
        self._waiting = bytearray()
        algorithm = der.sequence(der.oid(_AES_256_GCM), der.sequence(der.octets(nonce), der.integer(16)))
        file.write(b"\x30" + _OPEN + _AUTH_ENVELOPED + b"\xa0" + _OPEN)
        file.write(b"\x30" + _OPEN + der.integer(0) + der.set_of(_transport(key, certificate)))
        file.write(b"\x30" + _OPEN + _DATA + algorithm + b"\xa0" + _OPEN)

    def write(self, data: bytes) -> int:
        """Encrypt and append."""
        self._waiting += data
        while len(self._waiting) >= _CHUNK:
            self._put(bytes(self._waiting[:_CHUNK]))
            del self._waiting[:_CHUNK]
        return len(data)

    def flush(self) -> None:
        """Pieces are written when they are full."""

    def close(self) -> None:
        """The last piece and the authentication tag."""
        if self._waiting:
            self._put(bytes(self._waiting))
            self._waiting.clear()
        self._encryptor.finalize()
        self._file.write(_END + _END + der.octets(self._encryptor.tag) + _END + _END + _END)

    def _put(self, piece: bytes) -> None:
        self._file.write(der.octets(self._encryptor.update(piece)))


def _transport(key: bytes, certificate: x509.Certificate) -> bytes:
    """KeyTransRecipientInfo (RFC 5652 §6.2.1)."""
    public = certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey), "recipient() lets nothing else through"
    wrapped = public.encrypt(key, padding.OAEP(padding.MGF1(SHA256()), SHA256(), None))
    issuer = certificate.issuer.public_bytes()
    named = der.sequence(issuer, der.integer(certificate.serial_number))
    return der.sequence(der.integer(0), named, _OAEP, der.octets(wrapped))
