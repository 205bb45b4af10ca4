"""A signed export that anybody can verify without us: docs/bundle.md has the format.

A scope is resolved into streams (:mod:`replay.scopes`); every event meant is given with header, opening and payload
as they were committed to, its place in the chain, and the proof that it lies in the signed log
(:mod:`replay.extract`). What was disposed of is given by header and commitment; what is outside by its hash alone.
The trailer says where each stream begins and ends, so that a reader sees that nothing between is missing.

Whatever is written here is checked first: nothing that would not verify is signed. Events and documents are
streamed; memory holds the lists of streams, files and documents, some 2 kB for each stream. Who may export is
decided elsewhere.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate

from kyc.domain.event import Image, Scanned
from kyc.domain.policies import Policies
from kyc.domain.stream import POLICIES
from kyc.errors import DisposedError, NotSealedError, RefusedError
from kyc.evidence import header, key_history, suites
from kyc.evidence.checkpoint import Checkpoint, open_checkpoint
from kyc.evidence.note import Verifier
from kyc.store.log import EventLog, Recorded
from kyc.store.records import lane_of
from kyc.store.sealed import SealedLog
from replay.container import Container, container
from replay.extract import Extract, Extractor
from replay.history import fold
from replay.listening import Telling
from replay.render import exact
from replay.renderings import Form, renderings
from replay.report import Cover
from replay.scopes import Part, Plan, Scope, resolve
from replay.seals import Authority, Seal, timestamp
from replay.shipped import verify_py

FORMAT: Final = "kyc-ledger/bundle/v1"
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
    permitted_purpose: str = ""
    """What the recipient may use it for (AML24 art. 7); empty: the purpose, and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What an export is signed with, the log's verifier key, and what else seals it."""

    export: Ed25519PrivateKey
    log: Verifier | str
    """The newest checkpoint must open under it."""
    seal: Seal
    """Signs the manifest once more, in a form that ``openssl cms`` verifies."""
    authority: Authority | None = None
    """Stamps the manifest with the time."""
    authority_ca: bytes = b""
    """The authority's CA, in PEM."""
    encrypt_to: Certificate | None = None
    """Only the owner of this certificate can open the bundle."""


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
    ca_fingerprint: str
    """SHA-256 of the certificate (DER) of the CA of the CMS signature, in hexadecimal."""
    accounts: tuple[str, ...]
    customers: tuple[str, ...]
    manifest: str
    """SHA-256 of the manifest, in hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is told of an export."""

    register: Callable[[Exported], None] = lambda _: None
    """Told what was written before it is at its place; where it raises, there is no bundle."""
    progress: Callable[[int], None] = lambda _: None
    """Told the number of events written."""


_PLAIN: Final = Form()
_NOBODY: Final = Watch()


def export(
    log: EventLog,
    sealed: SealedLog,
    scope: Scope,
    out: Path,
    *,
    keys: Keys,
    order: Order,
    form: Form = _PLAIN,
    watch: Watch = _NOBODY,
) -> Exported:
    """Write the bundle of a scope to ``out``: a zip where the name ends in ``.zip``, else a folder.

    Args:
        log: the event log, with its keys.
        sealed: the sealed log; what is not sealed yet is counted and left out.
        scope: what is exported.
        out: a path where nothing is yet.
        keys: the institution's export key and the log's verifier key.
        order: recipient, purpose, legal basis and actor.
        form: what is given besides events, documents and proofs.
        watch: who is told.

    Raises:
        NotFoundError: nothing is recorded under the scope.
        NotSealedError: nothing of it is sealed yet.
        DisposedError: everything of the scope was disposed of.
        RefusedError: purpose, basis, recipient or actor are left open, or the legal order does not allow it.
        ConflictError: there is something at ``out``.
        ConfigurationError: a form is asked for that is not installed.
        IntegrityError: something does not verify; nothing is written.
    """
    for name, value in asdict(order).items():
        if not value and name not in {"order", "permitted_purpose"}:
            raise RefusedError("an export says what it is for", field=name, rule="not empty", remedy="name it")
    newest = sealed.published()
    if newest is None or not newest.size:
        raise NotSealedError("nothing is sealed yet")
    verifier = keys.log if isinstance(keys.log, Verifier) else Verifier.parse(keys.log)
    tree = open_checkpoint(newest.note, sealed.keys(verifier)).checkpoint
    plan = resolve(log, sealed, scope)
    cover = Cover(
        stated={"order_number" if name == "order" else name: value for name, value in _stated(order).items()},
        scope=plan.as_dict(), checkpoint=f"{tree.origin}, {tree.size:,}, {tree.root.hex()}",
    )  # fmt: skip
    with (
        container(out, keys.encrypt_to) as box,
        SpooledTemporaryFile(_SPOOL_MAX) as documents,
        closing(_Export(log, sealed, tree, box, documents, renderings(log, form, cover), watch)) as under_way,
    ):
        _begin(box, keys, verifier, newest.note, sealed.key_history())
        for part in plan.parts:
            under_way.stream(part)
        under_way.finish(plan)
        manifest = under_way.manifest(plan, order, keys)
        _sign(box, keys, manifest)
        counts = under_way.counts
        exported = Exported(
            out, counts["events"], counts["documents"], fingerprint_of(keys.export), str(verifier),
            keys.seal.ca_fingerprint, tuple(plan.accounts), tuple(plan.customers), sha256(manifest).hexdigest(),
        )  # fmt: skip
        watch.register(exported)
    return exported


def fingerprint_of(key: Ed25519PrivateKey) -> str:
    """The SHA-256 (hexadecimal) of the public half in DER, as ``openssl pkey -pubin -outform DER`` gives it."""
    return sha256(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _begin(box: Container, keys: Keys, verifier: Verifier, note: str, history: bytes) -> None:
    box.add("README.txt", (files("replay") / "readme.txt").read_bytes())
    box.add("verify.py", verify_py())
    pem = keys.export.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    box.add("export-key.pem", pem)
    box.add("ca.pem", keys.seal.ca_pem)
    if keys.authority is not None:
        box.add("tsa.pem", keys.authority_ca)
    box.add("log.vkey", f"{verifier}\n".encode())
    if history:
        box.add(key_history.FILE, history)
    box.add("checkpoint", note.encode())


def _sign(box: Container, keys: Keys, manifest: bytes) -> None:
    """The manifest and what seals it."""
    token = timestamp(manifest, keys.authority) if keys.authority is not None else None
    box.add("manifest.json", manifest)
    box.add("manifest.sig", keys.export.sign(manifest), packed=False)
    box.add("manifest.p7s", keys.seal.sign(manifest), packed=False)
    if token is not None:
        box.add("manifest.tst", token, packed=False)


@dataclass(slots=True)
class _Export:
    """One export under way."""

    log: EventLog
    sealed: SealedLog
    tree: Checkpoint
    box: Container
    documents: IO[bytes]
    """Where the lines of documents.ndjson wait until all documents are written."""
    renderings: Telling
    watch: Watch
    streams: list[Extract] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _seen: set[str] = field(default_factory=set)
    _images: list[tuple[Image, int]] = field(default_factory=list)
    """Scans that the present stream refers to, each with its lane."""
    _extractor: Extractor = field(init=False)

    def __post_init__(self) -> None:
        self._extractor = Extractor(self.log, self.sealed, self.tree.size, self.tree.root)

    def close(self) -> None:
        """Give the disk back."""
        self.renderings.close()

    def stream(self, part: Part) -> None:
        """One stream into one file, then the documents its events refer to."""
        file = f"events/{len(self.streams) + 1:05d}-{part.name.kind}.ndjson"
        self._images.clear()
        with self.box.entry(file) as entry:
            found = self._extractor.write(part, file, entry, self._see)
        self.streams.append(found)
        if found.first:
            self.counts["events"] += found.through - found.first + 1
        for counted in ("disposed", "outside", "fields", "unsealed"):
            self.counts[counted] += getattr(found, counted)
        for image, lane in self._images:
            self._document(image, lane)
        self.watch.progress(self.counts["events"])

    def finish(self, plan: Plan) -> None:
        """The lists: documents, trailer, checksums.

        Raises:
            NotSealedError: nothing of the scope is sealed yet.
            DisposedError: nothing of it can be read any more.
        """
        if not self.counts["events"]:
            raise NotSealedError("nothing of this is sealed yet")
        if not self._extractor.schemas:
            raise DisposedError("everything of this was disposed of", field=plan.scope.kind)
        self.renderings.write(self.box)
        with self.box.entry("documents.ndjson") as entry:
            self.documents.seek(0)
            for raw in self.documents:
                entry.write(raw)
        self.box.add("trailer.json", _pretty({"streams": [stream.as_dict() for stream in self.streams]}))
        sums = "".join(f"{written.sha256}  {written.path}\n" for written in self.box.written)
        self.box.add("SHA256SUMS", sums.encode())

    def manifest(self, plan: Plan, order: Order, keys: Keys) -> bytes:
        """What is signed."""
        counted = ("events", "disposed", "outside", "fields", "unsealed", "documents")
        return _pretty(
            {
                "format": FORMAT,
                "created_at": exact(self.log.clock.now_us()),
                "declared_times": ["created_at"],
                "declared_files": ["manifest.sig", "manifest.p7s", "manifest.tst"][: 3 if keys.authority else 2],
                "scope": plan.as_dict(),
                **_stated(order),
                "policies": self._policies(),
                "export_key": fingerprint_of(keys.export),
                "seal": {"subject": keys.seal.subject, "ca": keys.seal.ca_fingerprint},
                "algorithms": asdict(suites.suite(header.FORMAT)),
                "checkpoint": {"origin": self.tree.origin, "size": self.tree.size, "root": self.tree.root.hex()},
                "schemas": {topic: sorted(found) for topic, found in sorted(self._extractor.schemas.items())},
                "counts": {name: self.counts[name] for name in counted},
                "files": [written._asdict() for written in self.box.written],
            }
        )

    def _policies(self) -> list[dict[str, Any]]:
        """The published rule sets the institution goes by; empty: the shipped ones."""
        state: Policies | None = fold("policies", list(self.log.events(POLICIES)))
        return [
            {
                "rules": edition.rules,
                "version": edition.version,
                "effective_from": edition.effective_from.isoformat(),
                "sha256": sha256(edition.text.encode()).hexdigest(),
            }
            for edition in (state.editions if state is not None else ())
        ]

    def _see(self, part: Part, recorded: Recorded) -> None:
        """Remember the images that an event refers to; tell the tables and the report."""
        self.renderings.see(part, recorded)
        if isinstance(recorded.event, Scanned):
            lane = lane_of(recorded.row.data_key, self.log.lanes)
            self._images += [(image, lane) for image in recorded.event.images]

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
        entry["opening"] = b64encode(opening).decode()
        self.box.add(entry["file"], content, packed=False)
        self.counts["documents"] += 1
        self.documents.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")


def _stated(order: Order) -> dict[str, str]:
    """What manifest and report say of the order."""
    return asdict(order) | {"permitted_purpose": order.permitted_purpose or order.purpose}


def _pretty(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"
