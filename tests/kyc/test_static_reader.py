"""A published folder behind a plain file server, audited by a reader that shares no code with ours.

The reader below knows the specifications only: C2SP tlog-tiles, tlog-checkpoint and signed-note, RFC 6962.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fix_bank import booked, household

from kyc.evidence import note
from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from kyc.publish import publish
from kyc.store.seal import Sealer
from kyc.store.sealed import SealedLog


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, as any static server gives them."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(ledger: Ledger, provider: FileKeyProvider, tmp_path: Path) -> Iterator[tuple[str, str, Path]]:
    """Address, verifier key and folder of a published log of more than two full tiles."""
    ledger.record(household())
    ledger.record([booked(f"P{number}", ("A1", "debit", "1.00")) for number in range(600)])
    sealer = Sealer(ledger.log.database, provider.signing_key("log"))
    sealer.seal()
    sealer.release()
    vkey = str(note.Signer(ledger.log.database.origin(), provider.signing_key("log")).verifier)
    publish(SealedLog(ledger.log.database, ledger.log.reader), tmp_path / "site", vkey)
    handler = partial(Quiet, directory=str(tmp_path / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", vkey, tmp_path / "site"
        server.shutdown()


def get(address: str, path: str) -> bytes:
    """A file of the log."""
    with urlopen(f"{address}/{path}", timeout=60) as answer:  # noqa: S310 - our own server
        return bytes(answer.read())


def numbered(index: int) -> str:
    """A tile's number in a path: groups of three digits, all but the last with an x before."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03d}")
    return "/".join(groups)


def tiles(size: int) -> Iterator[tuple[int, str]]:
    """Width and path of all tiles of a level with ``size`` hashes."""
    for index in range((size + 255) // 256):
        width = min(256, size - 256 * index)
        yield width, numbered(index) + ("" if width == 256 else f".p/{width}")


def head(hashes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + head(hashes[:half]) + head(hashes[half:])).digest()


def audited(address: str, vkey: str) -> int:
    """Verify checkpoint, entries and every tile of every level; returns the size."""
    text, _, signatures = get(address, "checkpoint").decode().partition("\n\n")
    origin, size_line, root = text.split("\n")
    name, key_id, raw = vkey.split("+", 2)
    assert name == origin
    signature = b64decode(next(one for one in signatures.splitlines() if one.startswith(f"— {name} ")).split()[2])
    assert signature[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(b64decode(raw)[1:]).verify(signature[4:], f"{text}\n".encode())
    size, leaves = int(size_line), []
    for width, path in tiles(size):
        bundle, at = get(address, f"tile/entries/{path}"), 0
        for _ in range(width):
            length = int.from_bytes(bundle[at : at + 2], "big")
            leaves.append(sha256(b"\0" + bundle[at + 2 : at + 2 + length]).digest())
            at += 2 + length
        assert at == len(bundle)
    assert head(leaves) == b64decode(root)
    level, hashes = 0, leaves
    while hashes:
        for number, (width, path) in enumerate(tiles(len(hashes))):
            assert get(address, f"tile/{level}/{path}") == b"".join(hashes[256 * number : 256 * number + width])
        hashes = [head(hashes[256 * number : 256 * number + 256]) for number in range(len(hashes) // 256)]
        level += 1
    assert level == 2
    return size


class Prover:
    """Inclusion proofs from tiles alone (RFC 9162, section 2.1.3); remembers what it had to read."""

    def __init__(self, address: str, size: int) -> None:
        self.address, self.size = address, size
        self.files: dict[str, bytes] = {}

    def subtree(self, start: int, stop: int) -> bytes:
        """The hash over a range of leaves: out of one tile where the range is a whole subtree."""
        count = stop - start
        if count & count - 1:
            half = start + (1 << (count - 1).bit_length() - 1)
            return sha256(b"\x01" + self.subtree(start, half) + self.subtree(half, stop)).digest()
        level = (count.bit_length() - 1) // 8
        first, last = start >> 8 * level, stop >> 8 * level
        path = f"tile/{level}/{list(tiles(self.size >> 8 * level))[first // 256][1]}"
        if path not in self.files:
            self.files[path] = get(self.address, path)
        raw = self.files[path]
        return head([raw[32 * (at % 256) :][:32] for at in range(first, last)])

    def root(self, value: bytes, index: int, start: int, stop: int) -> bytes:
        """Where the leaf leads to, with the hashes beside its path."""
        if stop - start == 1:
            return value
        half = start + (1 << (stop - start - 1).bit_length() - 1)
        if index < half:
            parts = self.root(value, index, start, half), self.subtree(half, stop)
        else:
            parts = self.subtree(start, half), self.root(value, index, half, stop)
        return sha256(b"\x01" + b"".join(parts)).digest()


@pytest.mark.pg15
def test_that_reader_proves_one_entry(site: tuple[str, str, Path]) -> None:
    """One bundle and the few tiles on the way to the root prove an entry; another entry they do not prove."""
    address, _, _ = site
    _, size, root = get(address, "checkpoint").decode().split("\n")[:3]
    for index in (0, 255, 256, 300, int(size) - 1):
        path = f"tile/entries/{list(tiles(int(size)))[index // 256][1]}"
        start = 58 * (index % 256)  # 56 bytes of entry behind two of length
        entry = get(address, path)[start + 2 : start + 58]
        prover = Prover(address, int(size))
        leaf = sha256(b"\0" + entry).digest()
        assert prover.root(leaf, index, 0, int(size)) == b64decode(root)
        assert len(prover.files) <= 3
        assert prover.root(sha256(b"\0" + entry[::-1]).digest(), index, 0, int(size)) != b64decode(root)


@pytest.mark.pg15
def test_a_reader_of_the_specification(site: tuple[str, str, Path]) -> None:
    """All of the log is read and proved from plain files, and no key or content is among them."""
    address, vkey, folder = site
    assert audited(address, vkey) > 2 * 256
    assert b"Lovelace" not in b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.pg15
def test_that_reader_notices(site: tuple[str, str, Path]) -> None:
    """A changed entry, tile or checkpoint, and a missing file, do not pass."""
    address, vkey, folder = site
    for path in ("tile/entries/001", "tile/0/000", "checkpoint"):
        file = folder / path
        raw = file.read_bytes()
        file.write_bytes(raw[:20] + bytes([raw[20] ^ 1]) + raw[21:])
        with pytest.raises((AssertionError, InvalidSignature)):
            audited(address, vkey)
        file.write_bytes(raw)
    (folder / "tile/0/001").unlink()
    with pytest.raises(HTTPError):
        audited(address, vkey)
