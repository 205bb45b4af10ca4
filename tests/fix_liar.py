"""A lying log server: publishes a log as C2SP tlog-tiles over HTTP, and tells every lie we can think of.

An :class:`HonestLog` is a log of 56-byte entries with its own key, as ``kyc publish`` would write it. A lie is a
function that takes the honest log, as others have seen it at :data:`SEEN` leaves, and gives the files a liar serves
from then on. Each has the log's own private key: these are the lies of a bank, not of a stranger, unless it says
otherwise. ``LIES`` says for each which word the witness, or whoever copies the log, must answer with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kyc.evidence import checkpoint, leaf, note, tiles
from kyc.evidence.edge import Edge
from kyc.evidence.tiles import TileReader

ORIGIN = "bank.example/log"
SEEN = 300
"""Leaves the witness had cosigned before the lying began."""
GROWN = 700
"""Leaves the log has when it lies."""
Files = dict[str, bytes]


def entry(number: int, text: str = "") -> bytes:
    """The log entry of a made-up event."""
    hashed = sha256(f"{number} {text}".encode()).digest()
    return leaf.entry(hashed[:16], number + 1, hashed)


class HonestLog:
    """A log that only grows; ``files`` is what it has published of its present size and all earlier ones."""

    def __init__(self, entries: Sequence[bytes] = (), *, seed: int = 1, origin: str = ORIGIN) -> None:
        self.signer = note.Signer(origin, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))
        self.entries: list[bytes] = []
        self.files: Files = {}
        self.grow(entries)

    @property
    def vkey(self) -> str:
        """The log's verifier key."""
        return str(self.signer.verifier)

    @property
    def signed(self) -> str:
        """The newest checkpoint."""
        return self.files["checkpoint"].decode()

    @property
    def reader(self) -> TileReader:
        """The published tiles."""
        return TileReader(self.files.get)

    def sign(self, size: int, root: bytes) -> str:
        """Any checkpoint, signed with the log's key."""
        return checkpoint.sign(checkpoint.Checkpoint(self.signer.name, size, root), self.signer)

    def grow(self, entries: Sequence[bytes]) -> None:
        """Append entries and publish."""
        old = len(self.entries)
        self.entries += entries
        size = len(self.entries)
        edge = Edge()
        found = edge.append(map(leaf.leaf_hash, self.entries)) + edge.unfinished()
        for tile in found:
            self.files[tiles.Place(tile.level, tile.index, len(tile.hashes) // 32).path] = tile.hashes
        for place in tiles.bundles_for(old, size):
            start = place.index * 256
            self.files[place.path] = tiles.bundle(self.entries[start : start + place.width])
        self.files["checkpoint"] = self.sign(size, edge.root()).encode()


def honest() -> HonestLog:
    """The log as it was seen."""
    return HonestLog([entry(n) for n in range(SEEN)])


def grown() -> HonestLog:
    """The same log, honestly grown."""
    log = honest()
    log.grow([entry(n) for n in range(SEEN, GROWN)])
    return log


def _other(entries: Sequence[bytes]) -> Files:
    """A consistent log of other entries under the same key."""
    return HonestLog(entries).files


def _entries(size: int = GROWN) -> list[bytes]:
    return [entry(n) for n in range(size)]


def _changed(path: str, change: Callable[[bytes], bytes | None]) -> Files:
    """The grown log with one file changed, or gone where the change gives None."""
    files = dict(grown().files)
    content = change(files[path])
    del files[path]
    return files if content is None else files | {path: content}


def _flip(raw: bytes) -> bytes:
    return raw[:1000] + bytes([raw[1000] ^ 1]) + raw[1001:]


def other_root() -> Files:
    """A checkpoint of the size that was seen, with another root."""
    log = honest()
    return log.files | {"checkpoint": log.sign(SEEN, sha256(b"other").digest()).encode()}


def other_root_of_more() -> Files:
    """A larger checkpoint whose root is of nothing."""
    log = grown()
    return log.files | {"checkpoint": log.sign(GROWN, sha256(b"other").digest()).encode()}


def other_order() -> Files:
    """Two events that were seen change places, everything else fits."""
    entries = _entries()
    entries[10], entries[11] = entries[11], entries[10]
    return _other(entries)


def withheld_event() -> Files:
    """An event that was seen is left out, everything else fits."""
    entries = _entries()
    return _other(entries[:100] + entries[101:])


def invented_event() -> Files:
    """An event that never was stands among those that were seen."""
    entries = _entries()
    return _other([*entries[:100], entry(100, "invented"), *entries[100:]])


def changed_event() -> Files:
    """The first event of all is another one."""
    return _other([entry(0, "changed"), *_entries()[1:]])


def forged_tail() -> Files:
    """The last event that was seen is another one, and the log goes on from there."""
    entries = _entries()
    return _other([*entries[: SEEN - 1], entry(SEEN - 1, "forged"), *entries[SEEN:]])


def forged_tail_of_the_same_size() -> Files:
    """The same, without anything after it."""
    return _other([*_entries(SEEN - 1), entry(SEEN - 1, "forged")])


def old_checkpoint() -> Files:
    """An earlier state of the log, as if nothing had come after it."""
    return _other(_entries(SEEN - 50))


def empty_again() -> Files:
    """The log starts anew."""
    return _other([])


def other_history_shorter() -> Files:
    """Another, shorter history."""
    return _other([entry(n, "other") for n in range(SEEN - 50)])


def stranger_signs() -> Files:
    """The checkpoint is signed by a key of the same name that is not the log's."""
    return HonestLog(_entries(), seed=2).files


def unsigned() -> Files:
    """The signature is of another key only."""
    text = note.parse(grown().signed).text
    other = note.Signer("someone.example", Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32))
    return grown().files | {"checkpoint": note.sign(text, other).encode()}


def edited_size() -> Files:
    """The size in the checkpoint was changed after it was signed."""
    return _changed("checkpoint", lambda raw: raw.replace(b"\n700\n", b"\n701\n"))


def other_log() -> Files:
    """The log of somebody else."""
    return HonestLog(_entries(), seed=4, origin="other.example/log").files


def garbage() -> Files:
    """Not a checkpoint at all."""
    return {"checkpoint": b"\xff\xfe<html>"}


def nothing() -> Files:
    """No files."""
    return {}


def wrong_hash_in_tile() -> Files:
    """One hash of a finished tile is another one."""
    return _changed("tile/0/001", _flip)


def wrong_entry() -> Files:
    """An entry is not the one that was logged."""
    return _changed("tile/entries/001", _flip)


def missing_tile() -> Files:
    """A tile is not there."""
    return _changed("tile/0/001", lambda _: None)


def missing_entries() -> Files:
    """The entries of a tile are withheld, its hashes are there."""
    return _changed("tile/entries/001", lambda _: None)


def short_tile() -> Files:
    """A tile lacks its last hash."""
    return _changed("tile/0/001", lambda raw: raw[:-32])


def short_bundle() -> Files:
    """A bundle lacks its last entry."""
    return _changed("tile/entries/001", lambda raw: raw[:-58])


def entry_and_hash_forged() -> Files:
    """Entry and leaf hash fit each other, not the tree above."""
    files = dict(grown().files)
    other = _entries()
    other[600] = entry(600, "forged")
    forged = HonestLog(other).files
    path = tiles.Place(0, 2, GROWN - 512).path
    bundle = tiles.Place(tiles.ENTRIES, 2, GROWN - 512).path
    return files | {path: forged[path], bundle: forged[bundle]}


LIES: dict[Callable[[], Files], str] = {
    other_root: "forked",
    other_root_of_more: "rewritten",
    other_order: "rewritten",
    withheld_event: "rewritten",
    invented_event: "rewritten",
    changed_event: "rewritten",
    forged_tail: "rewritten",
    forged_tail_of_the_same_size: "forked",
    old_checkpoint: "rolled_back",
    empty_again: "rolled_back",
    other_history_shorter: "rolled_back",
    stranger_signs: "no signature of a trusted key",
    unsigned: "no signature of a trusted key",
    edited_size: "a signature of a trusted key is wrong",
    other_log: "does not watch that log",
    garbage: "not UTF-8",
    nothing: "no checkpoint",
    wrong_hash_in_tile: "not shown to continue",
    wrong_entry: "not the one that was logged",
    missing_tile: "no such tile",
    missing_entries: "no such entries",
    short_tile: "wrong length",
    short_bundle: "truncated|too few entries",
    entry_and_hash_forged: "not shown to continue|do not give the cosigned root",
}
"""Each lie, and a word of what it must be answered with."""


@contextmanager
def serving(files: Files) -> Iterator[str]:
    """Serve files over HTTP; yields the address. ``files`` may change meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.get(self.path[1:])
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
