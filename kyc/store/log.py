"""The event log: typed units in, receipts out; stored rows in, typed events out.

Here protect and append meet: canonical bytes are made once, committed to, encrypted under the subject's data key
and handed to the writer. Admission rules are the ledger's business, not ours. Thread-safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from uuid import UUID

from kyc.clock import Clock, SystemClock
from kyc.domain import codec
from kyc.domain.event import Event, Image, Scanned
from kyc.domain.submission import EXISTS, Entry, Origin, Receipt, StreamName, Unit
from kyc.errors import ConflictError, DisposedError, KycError, NotFoundError, RefusedError
from kyc.evidence.commitment import SCAN_TAG
from kyc.evidence.header import Context, decode_context, encode_context
from kyc.keys.blind import Blinder
from kyc.keys.provider import KeyProvider
from kyc.keys.ring import DataKey, KeyName, KeyRing
from kyc.settings import PAYLOAD_MAX, KeyLimits, WriterLimits
from kyc.store.append import Outcome, Writer
from kyc.store.data_keys import DataKeyStore
from kyc.store.database import Database
from kyc.store.protect import payload_of, protect, protect_scan, reveal, salts
from kyc.store.read import VERSION_MAX, Reader
from kyc.store.records import Batch, ClaimRow, Draft, ScanRow, StoredEvent, digest_of, lane_of

Answer = tuple[Receipt, ...] | KycError
"""What one unit gets: a receipt per entry, or the reason why nothing of it was recorded."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as recorded: its row, its context, and the event itself, None once it is disposed of."""

    row: StoredEvent
    context: Context
    event: Event | None


class EventLog:
    """Appends units and reads them back."""

    def __init__(
        self,
        database: Database,
        provider: KeyProvider,
        *,
        clock: Clock | None = None,
        writer_limits: WriterLimits | None = None,
        key_limits: KeyLimits | None = None,
    ) -> None:
        self.database = database
        self.clock = clock or SystemClock()
        self.lanes = database.lanes()
        self.reader = Reader(database, self.lanes)
        self.provider = provider
        self.blinder = Blinder(provider.secret("blind"))
        self.key_store = DataKeyStore(database, self.lanes, self.clock)
        self.ring = KeyRing(self.key_store, provider, key_limits)
        self._writer_limits = writer_limits or WriterLimits()
        self._writer: Writer | None = None
        self._starting = Lock()

    @property
    def writer(self) -> Writer:
        """The group-commit writer, started on first use."""
        with self._starting:
            if self._writer is None:
                self._writer = Writer(self.database.dsn, self.lanes, clock=self.clock, limits=self._writer_limits)
            return self._writer

    def close(self) -> None:
        """Finish what is queued, stop the writer, return the connections."""
        if self._writer is not None:
            self._writer.close()
        self.database.close()

    # --- append ---------------------------------------------------------------------------------

    def append(self, units: Sequence[Unit]) -> list[Answer]:
        """Record units; one answer each, in their order. Units of one call share commits with other callers.

        Raises:
            StoreUnavailableError: the database is out of reach; retry with the same keys.
        """
        return self.settle(*self.submit(units))

    def submit(self, units: Sequence[Unit]) -> tuple[list[Batch | KycError], Future[list[Outcome | KycError]]]:
        """Protect units and queue them; :meth:`settle` turns the pair into answers."""
        batches = self.protect(units)
        return batches, self.writer.submit([batch for batch in batches if isinstance(batch, Batch)])

    def settle(
        self, batches: Sequence[Batch | KycError], outcomes: Future[list[Outcome | KycError]]
    ) -> list[Answer]:
        """Wait for queued batches and answer each."""
        results = iter(outcomes.result())
        return [self._answer(batch, next(results)) if isinstance(batch, Batch) else batch for batch in batches]

    def protect(self, units: Sequence[Unit]) -> list[Batch | KycError]:
        """Encrypt and commit; a unit that cannot be encoded is answered with its error."""
        if len(units) == 1 and len(units[0].entries) == 1:
            key = self.ring.cached(self._key_name(units[0].entries[0]))
            if key is not None:  # a lone fact of a known subject: no lists to make
                return [self._protected(units[0], (key,), iter(salts(1)))]
        names = [[self._key_name(entry) for entry in unit.entries] for unit in units]
        keys = self.ring.sealing([name for group in names for name in group])
        fresh = iter(salts(sum([len(group) for group in names])))
        return [
            self._protected(unit, [keys[name] for name in group], fresh)
            for unit, group in zip(units, names, strict=True)
        ]

    def _key_name(self, entry: Entry) -> KeyName:
        event = entry.event
        return KeyName(self.stream_id(entry.subject), event.RECORD_CLASS, event.period())

    def _protected(self, unit: Unit, keys: Sequence[DataKey], fresh: Iterator[bytes]) -> Batch | KycError:
        try:
            return self._batch(unit, keys, fresh)
        except RefusedError as refusal:
            return refusal

    def stream_id(self, name: StreamName) -> bytes:
        """The 16-byte id of a stream."""
        return self.blinder.stream_id(*name)

    def _batch(self, unit: Unit, keys: Sequence[DataKey], fresh: Iterator[bytes]) -> Batch:
        batch = Batch([])
        seen: dict[bytes, int] = {}
        needed: Mapping[StreamName, int] = unit.seen
        for entry, key in zip(unit.entries, keys, strict=True):
            stream = self.stream_id(entry.stream)
            ordinal = seen.get(stream, 0)
            seen[stream] = ordinal + 1
            event = self._with_scans(entry, key, batch.scans) if entry.scans else entry.event
            payload = codec.encode(event)
            if len(payload) > PAYLOAD_MAX:
                raise RefusedError("the event is too large", field="data", rule=f"at most {PAYLOAD_MAX} bytes")
            commitment, state = protect(key, payload, next(fresh), by_field=event.BY_FIELD)
            draft = Draft(
                lane_of(stream, self.lanes),
                stream,
                self.blinder.key_digest(stream, unit.key, ordinal),
                _context(event.TOPIC, event.SCHEMA, unit.origin),
                commitment,
                key.id,
                digest_of(state),
                state,
                entry.expected,
            )
            batch.drafts.append(draft)
            if entry.requires and not unit.seen:  # what was decided on includes what must exist
                needed = {**needed, **dict.fromkeys(entry.requires, EXISTS)}
        for name, version in needed.items():
            required = self.stream_id(name)
            batch.requires.append((lane_of(required, self.lanes), required, version))
        for claim in unit.claims:
            claimed = self.blinder.claim_key(claim.kind, claim.key)
            batch.claims.append(ClaimRow(lane_of(claimed, self.lanes), claim.kind, claimed))
        return batch

    def _with_scans(self, entry: Entry, key: DataKey, rows: list[ScanRow]) -> Event:
        images = []
        lane = lane_of(key.id, self.lanes)
        for scan in entry.scans:
            commitment, state = protect_scan(key, scan.content)
            rows.append(ScanRow(lane, commitment, key.id, digest_of(state), state))
            images.append(
                Image(
                    name=scan.name, media_type=scan.media_type, size=len(scan.content), commitment=commitment.hex()
                )
            )
        if not isinstance(entry.event, Scanned):
            raise RefusedError("this event carries no scans", field="scans", rule=entry.event.TOPIC)
        return entry.event.with_images(tuple(images))

    def _answer(self, batch: Batch, outcome: Outcome | KycError) -> Answer:
        if isinstance(outcome, KycError):
            return outcome
        if outcome.found and not self._same(batch, outcome.rows):
            return ConflictError(
                "this idempotency key was used before with other content",
                field="key",
                rule="a key names one fact for ever",
                remedy="use a new key for a new fact, or resend the first content to get its receipt",
            )
        return tuple(receipt(row, replayed=outcome.found) for row in outcome.rows)

    def _same(self, batch: Batch, rows: Sequence[StoredEvent]) -> bool:
        """Whether stored rows hold the content of the drafts; a disposed row is taken at its key's word."""
        if len(rows) != len(batch.drafts):
            return False
        keys = self.ring.opening([*(row.data_key for row in rows), *(draft.data_key for draft in batch.drafts)])
        for row, draft in zip(rows, batch.drafts, strict=True):
            stored, ours = keys[row.data_key], keys[draft.data_key]
            if stored is None or ours is None or not row.state:
                continue
            if _topic(row.context) != _topic(draft.context):
                return False
            if payload_of(stored, row.commitment, row.state) != payload_of(ours, draft.commitment, draft.state):
                return False
        return True

    def recorded(self, units: Sequence[Unit]) -> list[Answer | None]:
        """What units got when they were recorded before: receipts, a conflict, or None for a unit never seen."""
        batches = [batch if isinstance(batch, Batch) else Batch([]) for batch in self.protect(units)]
        wanted = [(draft.lane, draft.key) for batch in batches for draft in batch.drafts]
        stored = {row.key: row for row in self.reader.by_keys(wanted)}
        answers: list[Answer | None] = []
        for batch in batches:
            rows = tuple(stored[draft.key] for draft in batch.drafts if draft.key in stored)
            answers.append(self._answer(batch, Outcome(rows, found=True)) if rows else None)
        return answers

    # --- read -----------------------------------------------------------------------------------

    def events(
        self, stream: StreamName | bytes, *, after: int = 0, through: int = VERSION_MAX
    ) -> Iterator[Recorded]:
        """Events of one stream by version, revealed; a disposed one has no event."""
        stream_id = stream if isinstance(stream, bytes) else self.stream_id(stream)
        page: list[StoredEvent] = []
        for row in self.reader.stream(stream_id, after=after, through=through):
            page.append(row)
            if len(page) == _REVEAL_PAGE:
                yield from self.reveal(page)
                page = []
        yield from self.reveal(page)

    def at(self, places: Iterable[tuple[bytes, int]]) -> dict[tuple[bytes, int], Recorded]:
        """The events at (stream id, version), revealed, in that order; where there is none, none.

        Raises:
            CiphertextDamagedError: a ciphertext does not decrypt; names stream and version.
        """
        wanted = list(dict.fromkeys(places))
        stored = {(row.stream_id, row.version): row for row in self.reader.at(wanted)}
        found = [place for place in wanted if place in stored]
        return dict(zip(found, self.reveal([stored[place] for place in found]), strict=True))

    def reveal(self, rows: Sequence[StoredEvent]) -> list[Recorded]:
        """Stored rows as typed events, checked by AES-GCM against their commitments.

        Raises:
            CiphertextDamagedError: a ciphertext does not decrypt; names stream and version.
        """
        keys = self.ring.opening([row.data_key for row in rows])
        result = []
        for row in rows:
            context = _decoded(row.context)
            key = keys[row.data_key]
            if key is None or not row.state:
                result.append(Recorded(row, context, None))
                continue
            try:
                payload = payload_of(key, row.commitment, row.state)
            except KycError as cause:
                cause.field, cause.rule = f"event {UUID(bytes=row.stream_id)} version {row.version}", "AES-256-GCM"
                raise
            result.append(Recorded(row, context, codec.decode(context.topic, context.schema, payload)))
        return result

    def holders(self, kind: str, keys: Sequence[str]) -> dict[str, Recorded]:
        """Natural key → the event that holds it, revealed; free ones are left out."""
        digests = {self.blinder.claim_key(kind, key): key for key in keys}
        rows = self.reader.held(kind, list(digests))
        return {
            digests[digest]: recorded
            for digest, recorded in zip(rows, self.reveal(list(rows.values())), strict=True)
        }

    def under(self, name: StreamName, key: str) -> Recorded | None:
        """The event recorded in a stream under a caller's idempotency key, revealed."""
        stream = self.stream_id(name)
        rows = self.reader.by_keys([(lane_of(stream, self.lanes), self.blinder.key_digest(stream, key, 0))])
        return next(iter(self.reveal(rows)), None)

    def openings(self, rows: Iterable[StoredEvent]) -> list[tuple[bytes, bytes] | None]:
        """(opening, canonical payload) of each row, re-checked against its commitment; None for a disposed one."""
        rows = list(rows)
        keys = self.ring.opening([row.data_key for row in rows])
        result: list[tuple[bytes, bytes] | None] = []
        for row in rows:
            key = keys[row.data_key]
            result.append(reveal(key, row.commitment, row.state) if key is not None and row.state else None)
        return result

    def scan(self, image: Image, lane: int) -> tuple[bytes, bytes]:
        """(opening, content) of a scan that an event in ``lane`` refers to.

        Raises:
            NotFoundError: no such scan is stored.
            DisposedError: its key is destroyed.
            CiphertextDamagedError, CommitmentMismatchError: it is not what was committed to.
        """
        commitment = bytes.fromhex(image.commitment)
        found = self.reader.scan(lane, commitment)
        if found is None:
            raise NotFoundError("no scan is stored under this commitment", field=image.name)
        key_id, _, state = found
        key = self.ring.opening([key_id])[key_id]
        if key is None or not state:
            raise DisposedError(field=image.name)
        return reveal(key, commitment, state, SCAN_TAG)


_REVEAL_PAGE = 500


def receipt(row: StoredEvent, *, replayed: bool = False) -> Receipt:
    """The receipt of a stored row."""
    return Receipt(row.stream_id, row.version, row.hash, row.lane, row.position, row.recorded_at, replayed)


def context_of(row: StoredEvent) -> Context:
    """The context of a stored row; needs no key."""
    return _decoded(row.context)


@lru_cache(maxsize=10_000)
def _context(topic: str, schema: int, origin: Origin) -> bytes:
    return encode_context(Context(topic, schema, origin.actor, origin.branch, origin.purpose, origin.legal_basis))


@lru_cache(maxsize=10_000)
def _decoded(raw: bytes) -> Context:
    return decode_context(raw)


def _topic(context: bytes) -> str:
    return _decoded(context).topic
