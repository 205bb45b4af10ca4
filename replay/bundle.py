"""A signed export of one customer that anybody can verify without us: docs/bundle.md has the format.

Every event of the customer's stream, of the accounts held and of their postings is given with header, opening and
payload as they were committed to, its place in the chain, and the proof that it lies in the signed log. What was
disposed of is given by header and commitment; what happened on an account after the customer left it by its hash
alone. So each stream is complete from its first version to the newest sealed one, and a reader sees that it is.

Whatever is written here is checked first: nothing that would not verify is signed. Events and documents are
streamed; memory holds the list of files. Who may export, and that it is recorded, is decided elsewhere.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from itertools import islice
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kyc.domain import codec
from kyc.domain.customer import AccountLinked, AccountUnlinked
from kyc.domain.event import Image, Scanned, event_type
from kyc.domain.submission import StreamName
from kyc.errors import ChainBrokenError, CiphertextDamagedError, DisposedError, NotFoundError, RefusedError
from kyc.evidence import chain, header, leaf, merkle, suites
from kyc.evidence.checkpoint import Checkpoint, open_checkpoint
from kyc.evidence.note import Verifier
from kyc.store import pgbinary, statements
from kyc.store.log import EventLog, Recorded
from kyc.store.records import StoredEvent, lane_of
from kyc.store.sealed import SealedLog
from replay.container import Container, container
from replay.history import FOREVER, accounts_of
from replay.render import exact

FORMAT: Final = "kyc-ledger/bundle/v1"
_SQL: Final = statements.load("replay", "bundle.sql")
_PAGE: Final = 500
"""Events read, revealed and proved at a time."""
_TILES_KEPT: Final = 2_048
"""Tiles in memory while proofs are made: 16 MB."""
_SUFFIXES: Final = {"image/png": ".png", "image/jpeg": ".jpg", "image/tiff": ".tif", "application/pdf": ".pdf"}
_SPOOL_MAX: Final = 1_048_576  # bytes in memory before the list of documents goes to disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who gets the export, what for and why; all of it stands in the signed manifest."""

    recipient: str
    purpose: str
    legal_basis: str
    actor: str
    """Pseudonymous id of whoever exports."""
    order: str = ""
    """Number of the legal order or notice."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported, and what the recipient must be told on another way."""

    path: Path
    events: int
    documents: int
    fingerprint: str
    """SHA-256 of the export key (DER), in hexadecimal."""
    log_key: str
    """The log's verifier key."""
    accounts: tuple[str, ...]


def export_customer(
    log: EventLog,
    sealed: SealedLog,
    number: str,
    out: Path,
    *,
    signing_key: Ed25519PrivateKey,
    log_key: Verifier | str,
    order: Order,
    progress: Callable[[int], None] | None = None,
) -> Exported:
    """Write the bundle of a customer to ``out``: a zip where the name ends in ``.zip``, else a folder.

    Args:
        log: the event log, with its keys.
        sealed: the sealed log; what is not sealed yet is counted and left out.
        number: the customer number.
        out: a path where nothing is yet.
        signing_key: the institution's export key.
        log_key: the log's verifier key, under which the newest checkpoint must open.
        order: recipient, purpose, legal basis and actor.
        progress: called with the number of events written.

    Raises:
        NotFoundError: no such customer, or none of its events is sealed yet.
        DisposedError: everything of the customer was disposed of.
        RefusedError: the order leaves purpose, basis, recipient or actor open.
        ConflictError: there is something at ``out``.
        IntegrityError: something does not verify; nothing is written.
    """
    for name, value in asdict(order).items():
        if not value and name != "order":
            raise RefusedError("an export says what it is for", field=name, rule="not empty", remedy="name it")
    newest = sealed.checkpoint()
    if newest is None or not newest.size:
        raise NotFoundError("nothing is sealed yet", field="checkpoint", remedy="kyc seal")
    verifier = log_key if isinstance(log_key, Verifier) else Verifier.parse(log_key)
    tree = open_checkpoint(newest.note, verifier).checkpoint
    with container(out) as box, SpooledTemporaryFile(_SPOOL_MAX) as documents:
        export = _Export(log, sealed, tree, box, documents, progress)
        fingerprint = _begin(box, signing_key, verifier, newest.note)
        export.customer(number)
        export.finish()
        manifest = export.manifest(number, order, fingerprint)
        box.add("manifest.json", manifest)
        box.add("manifest.sig", signing_key.sign(manifest), packed=False)
    counts = export.counts
    accounts = tuple(export.accounts)
    return Exported(out, counts["events"], counts["documents"], fingerprint, str(verifier), accounts)


def fingerprint_of(key: Ed25519PrivateKey) -> str:
    """The SHA-256 (hexadecimal) of the public half in DER, as ``openssl pkey -pubin -outform DER`` gives it."""
    return sha256(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _begin(box: Container, signing_key: Ed25519PrivateKey, verifier: Verifier, note: str) -> str:
    ours = files("replay")
    box.add("README.txt", (ours / "readme.txt").read_bytes())
    box.add("verify.py", (ours / "verifier.py").read_bytes())
    pem = signing_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    box.add("export-key.pem", pem)
    box.add("log.vkey", f"{verifier}\n".encode())
    box.add("checkpoint", note.encode())
    return fingerprint_of(signing_key)


@dataclass(slots=True)
class _Stream:
    """What the trailer will say of a stream."""

    file: str
    kind: str
    key: str
    stream: str
    through: int = 0
    head: str = chain.GENESIS.hex()
    disposed: int = 0
    outside: int = 0
    unsealed: int = 0


@dataclass(slots=True)
class _Export:
    """One export under way."""

    log: EventLog
    sealed: SealedLog
    tree: Checkpoint
    box: Container
    documents: IO[bytes]
    """Where the lines of documents.ndjson wait until all documents are written."""
    progress: Callable[[int], None] | None
    streams: list[_Stream] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    schemas: dict[str, set[int]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _tiles: _Tiles = field(init=False)

    def __post_init__(self) -> None:
        self._tiles = _Tiles(self.sealed)

    def customer(self, number: str) -> None:
        """The customer's stream, then account and postings of each account in the order they were linked."""
        links: list[Recorded] = []
        self._stream(StreamName("customer", number), FOREVER, links)
        if not self.streams[0].through:
            raise NotFoundError("nothing of this customer is sealed", field="customer", remedy="kyc seal")
        for held in accounts_of(links):
            self.accounts.append(held.account)
            for kind in ("account", "postings"):
                self._stream(StreamName(kind, held.account), held.until, [])
        if not self.schemas:
            raise DisposedError("everything of this customer was disposed of", field="customer")

    def finish(self) -> None:
        """The lists: documents, trailer, checksums."""
        with self.box.entry("documents.ndjson") as entry:
            self.documents.seek(0)
            for raw in self.documents:
                entry.write(raw)
        self.box.add("trailer.json", _pretty({"streams": [asdict(stream) for stream in self.streams]}))
        sums = "".join(f"{written.sha256}  {written.path}\n" for written in self.box.written)
        self.box.add("SHA256SUMS", sums.encode())

    def manifest(self, number: str, order: Order, fingerprint: str) -> bytes:
        """What is signed."""
        counted = ("events", "disposed", "outside", "unsealed", "documents")
        return _pretty(
            {
                "format": FORMAT,
                "created_at": exact(self.log.clock.now_us()),
                "declared_times": ["created_at"],
                "scope": {"kind": "customer", "customer": number, "accounts": self.accounts},
                "filters": {"versions": "from 1", "until": "the checkpoint"},
                **asdict(order),
                "export_key": fingerprint,
                "algorithms": asdict(suites.suite(header.FORMAT)),
                "checkpoint": {"origin": self.tree.origin, "size": self.tree.size, "root": self.tree.root.hex()},
                "schemas": {topic: sorted(found) for topic, found in sorted(self.schemas.items())},
                "counts": {name: self.counts[name] for name in counted},
                "files": [written._asdict() for written in self.box.written],
            }
        )

    def _stream(self, name: StreamName, until: int, links: list[Recorded]) -> None:
        """One stream into one file, then the documents its events refer to."""
        stream_id = self.log.stream_id(name)
        file = f"events/{len(self.streams) + 1:05d}-{name.kind}.ndjson"
        stream = _Stream(file, name.kind, name.key, str(UUID(bytes=stream_id)))
        self.streams.append(stream)
        images: list[tuple[Image, int]] = []
        previous = chain.GENESIS
        with self.box.entry(file) as entry:
            for row, index, opened in self._rows(stream_id):
                if index is None:
                    stream.unsealed += 1
                    continue
                if row.version != stream.through + 1 or row.previous != previous:
                    raise _broken(row)
                outside = row.recorded_at > until
                record = self._record(row, index, None if outside else opened, outside=outside)
                entry.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
                stream.through, previous = row.version, row.hash
                stream.outside += outside
                stream.disposed += opened is None and not outside
                if opened is not None and not outside:
                    self._collect(row, opened[1], images, links)
        stream.head = previous.hex()
        self.counts["events"] += stream.through
        for counted in ("disposed", "outside", "unsealed"):
            self.counts[counted] += getattr(stream, counted)
        for image, lane in images:
            self._document(image, lane)

    def _rows(self, stream_id: bytes) -> Iterator[tuple[StoredEvent, int | None, tuple[bytes, bytes] | None]]:
        """(row, global index or None, (opening, payload) or None) of each event, page by page."""
        rows = self.log.reader.stream(stream_id)
        while page := list(islice(rows, _PAGE)):
            arguments = (pgbinary.int8s([row.position for row in page]), page[0].lane)
            with self.log.database.connection() as connection:
                found = dict(connection.execute(_SQL["indexes"], arguments).fetchall())
            openings = self.log.openings(page)
            self._lawful([row for row, opened in zip(page, openings, strict=True) if opened is None])
            for row, opened in zip(page, openings, strict=True):
                index = found.get(row.position)
                yield row, index if index is not None and index < self.tree.size else None, opened
            if self.progress is not None:
                self.progress(self.counts["events"] + page[-1].version)

    def _lawful(self, rows: list[StoredEvent]) -> None:
        """What cannot be opened was disposed of: its key is destroyed, not lost."""
        ids = list({row.data_key for row in rows})
        destroyed = {key.id for key in self.log.key_store.by_id(ids) if not key.wrapped} if ids else set()
        for row in rows:
            if row.data_key not in destroyed:
                raise CiphertextDamagedError(
                    "an event cannot be opened though its key was not destroyed", field=_named(row),
                    rule="disposal destroys the key", remedy="kyc verify",
                )  # fmt: skip

    def _record(
        self, row: StoredEvent, index: int, opened: tuple[bytes, bytes] | None, *, outside: bool
    ) -> dict[str, Any]:
        """The line of one event; checked, so that nothing is signed that a verifier refuses."""
        context = header.decode_context(row.context)
        raw = header.encode(header.Header(row.stream_id, row.version, row.recorded_at, row.key, context))
        if chain.link(row.previous, raw, row.commitment) != row.hash:
            raise _broken(row)
        proof = merkle.inclusion_proof(index, self.tree.size, self._tiles)
        leaf_hash = leaf.leaf_hash(leaf.entry(row.stream_id, row.version, row.hash))
        merkle.verify_inclusion(index, self.tree.size, leaf_hash, proof, self.tree.root)
        record: dict[str, Any] = {"stream": str(UUID(bytes=row.stream_id)), "version": row.version, "index": index}
        if opened is None:
            record["withheld"] = "outside" if outside else "disposed"
        if not outside:
            record["header"] = _base64(raw)
        if opened is not None:
            record["opening"], record["payload"] = map(_base64, opened)
        if not outside:
            record["previous"], record["commitment"] = row.previous.hex(), row.commitment.hex()
        record["hash"] = row.hash.hex()
        record["proof"] = [_base64(value) for value in proof]
        if not outside:
            record["read"] = {"recorded_at": row.recorded_at, **context._asdict()}
        if opened is not None:
            record["event"] = json.loads(opened[1])
            self.schemas.setdefault(context.topic, set()).add(context.schema)
        return record

    def _collect(
        self, row: StoredEvent, payload: bytes, images: list[tuple[Image, int]], links: list[Recorded]
    ) -> None:
        """Remember what an event refers to: its images, and accounts of the customer."""
        context = header.decode_context(row.context)
        kind = event_type(context.topic)
        if not issubclass(kind, Scanned | AccountLinked | AccountUnlinked):
            return
        event = codec.decode(context.topic, context.schema, payload)
        if isinstance(event, Scanned):
            images += [(image, lane_of(row.data_key, self.log.lanes)) for image in event.images]
        else:
            links.append(Recorded(row, context, event))

    def _document(self, image: Image, lane: int) -> None:
        """One scan into one file, with its opening in the list of documents; a scan taken twice comes once."""
        if image.commitment in self._seen:
            return
        self._seen.add(image.commitment)
        entry: dict[str, Any] = {
            "commitment": image.commitment, "media_type": image.media_type, "size": image.size,
        }  # fmt: skip
        opening, content = self.log.scan(image, lane)  # under its event's key, so what was opened opens
        entry["file"] = f"documents/{image.commitment}{_SUFFIXES.get(image.media_type, '.bin')}"
        entry["opening"] = _base64(opening)
        self.box.add(entry["file"], content, packed=False)
        self.counts["documents"] += 1
        self.documents.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")


class _Tiles:
    """Tiles of the log, each read once for the many proofs it serves."""

    def __init__(self, sealed: SealedLog) -> None:
        self.read_tile = lru_cache(maxsize=_TILES_KEPT)(sealed.read_tile)


def _named(row: StoredEvent) -> str:
    return f"event {UUID(bytes=row.stream_id)} version {row.version}"


def _broken(row: StoredEvent) -> ChainBrokenError:
    return ChainBrokenError(
        "an event does not continue its stream", field=_named(row), rule="version, previous hash, hash",
        remedy="kyc verify",
    )  # fmt: skip


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()


def _pretty(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"
