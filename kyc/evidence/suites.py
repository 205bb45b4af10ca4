"""Which algorithms a format version means. Archives outlive algorithms, so every record names its own.

The first byte of a header, and the ``v1`` in the domain tags and first lines of the other formats, is the format
version. A version is never redefined: a new algorithm is a new version beside the old ones, which stay readable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kyc.errors import FormatError


@dataclass(frozen=True, slots=True)
class Suite:
    """The algorithms of one format version, by their common names."""

    format: int
    commitment: str
    """How a payload is committed to."""
    chain: str
    """How the events of a stream are linked."""
    log: str
    """How leaves and nodes of the log are hashed."""
    signature: str
    """How checkpoints and receipts are signed."""
    cosignature: str
    """How witnesses sign checkpoints."""


SUITES: Final = {
    1: Suite(
        format=1,
        commitment="SHA-256, 32-byte opening",
        chain="SHA-256",
        log="SHA-256, RFC 6962",
        signature="Ed25519, C2SP signed-note type 0x01",
        cosignature="Ed25519, C2SP signed-note type 0x04",
    ),
}
"""Format version → its algorithms."""


def suite(format: int) -> Suite:
    """The algorithms of a format version.

    Raises:
        FormatError: this version of the software does not know it.
    """
    known = SUITES.get(format)
    if known is None:
        raise FormatError(
            "unknown format version", field="format", rule=f"one of {sorted(SUITES)}", remedy="use a newer release"
        )
    return known
