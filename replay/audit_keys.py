"""Step 7 of an audit: what lies behind the commitments.

With keys: every payload and scan opens its commitment and still reads, every reference has its claim and every
claim its event. Without keys: ciphertext is empty only where its key was destroyed, and no claim points to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from kyc.domain import catalogue, codec
from kyc.domain.document import DocumentCaptured, document_claim
from kyc.domain.event import Event, Scanned
from kyc.domain.operations import SigningKeyCompromised, SigningKeySucceeded
from kyc.domain.submission import Claim
from kyc.domain.transaction import TransactionBooked, TransactionRejected
from kyc.errors import CiphertextDamagedError, CommitmentMismatchError, FormatError, KeyProviderError
from kyc.evidence.commitment import EVENT_TAG, SCAN_TAG
from kyc.evidence.header import decode_context
from kyc.keys.blind import Blinder
from kyc.keys.ring import DataKey, KeyRing
from kyc.store import pgbinary
from kyc.store.log import context_of
from kyc.store.protect import reveal
from kyc.store.records import DIGEST_LENGTH, StoredEvent, digest_of, lane_of
from replay.audit_rows import EMPTY, data_key, decoded
from replay.findings import Kind, Place, Report
from replay.snapshot import SQL, Snapshot

_EMPTY_DIGEST: Final = digest_of(b"")
_SCANS_PER_FETCH: Final = 4
"""A scan may have 32 MiB."""
_CLAIMS_PER_PAGE: Final = 500
_KEYS_KNOWN: Final = 100_000
"""Keys whose state is remembered, some 15 MB; they repeat between the streams of a subject."""
_TOPICS: Final = catalogue.GROUPS  # importing it has registered every topic there is
_COMPARED: Final = frozenset({"transaction", "document"})
"""Kinds of claims that an event's content alone tells; of the others only the event must exist."""


def claim_of(event: Event) -> Claim | None:
    """The natural key that an event of this content holds, if its kind holds one."""
    if isinstance(event, TransactionBooked | TransactionRejected):
        return Claim("transaction", event.reference)
    if isinstance(event, DocumentCaptured):
        return document_claim(event)
    return None


class OpeningCheck:
    """Holds events, scans and claims against keys and each other. ``ring`` and ``blinder`` come together."""

    def __init__(
        self, view: Snapshot, fresh: Snapshot, report: Report, ring: KeyRing | None, blinder: Blinder | None
    ) -> None:
        self._view = view
        self._fresh = fresh
        self._report = report
        self._ring = ring
        self._blinder = blinder
        self._destroyed: dict[bytes, bool] = {}  # of the keys asked for; one that is not in it is gone

    # --- events ---------------------------------------------------------------------------------

    def check_raw(self, rows: list[bytes]) -> None:
        """The same as :meth:`check`, of rows as they came; without keys no more than needed is taken apart."""
        if self._ring is None:  # nothing to open: only what is empty or has no living key is looked at
            ids = set(map(data_key, rows))
            self._keys(ids)
            dead = {i for i in ids if self._destroyed.get(i) is not False}
            rows = [raw for raw in rows if raw.endswith(EMPTY) or (dead and data_key(raw) in dead)]
        self.check([StoredEvent._make(decoded(raw)) for raw in rows])

    def check(self, rows: list[StoredEvent]) -> None:
        """Hold a batch of well-formed rows against keys, scans and claims."""
        keys = self._keys([row.data_key for row in rows], [row.data_key for row in rows if not row.state])
        revealed = [(row, event) for row in rows if (event := self._event(row, keys)) is not None]
        self._check_scans_present(revealed)
        self._check_claims_present(revealed)
        self._check_statements(revealed)

    def _event(self, row: StoredEvent, keys: dict[bytes, DataKey | None]) -> Event | None:
        living = row.state and self._destroyed.get(row.data_key) is False
        if living and self._ring is None:
            return None
        if not living and not self._lawful(row.data_key, row.state, _place(row), keys):
            return None
        key = keys.get(row.data_key)
        if key is None:
            return None  # what is wrong with it was said when it was asked for
        try:
            _, payload = reveal(key, row.commitment, row.state, EVENT_TAG)
        except (CiphertextDamagedError, CommitmentMismatchError) as fault:
            self._report.add(Kind.PAYLOAD_WRONG, _place(row), f"commitment {row.commitment.hex()}", fault.message)
            return None
        self._report.counts["opened"] += 1
        try:
            context = context_of(row)
            return codec.decode(context.topic, context.schema, payload)
        except FormatError as fault:
            self._report.add(Kind.PAYLOAD_UNREADABLE, _place(row), "a known topic and schema", fault.message)
            return None

    def _lawful(self, key_id: bytes, state: bytes, place: Place, keys: dict[bytes, DataKey | None]) -> bool:
        """Whether a ciphertext can be opened here; reports one that is empty or keyless without right."""
        destroyed = self._destroyed.get(key_id)
        if not state:
            self._report.counts["disposed"] += 1
            if not destroyed:
                found = "a living key" if destroyed is False else "no key"
                self._report.add(Kind.EMPTIED_UNLAWFULLY, place, "a destroyed key", found)
            return False
        if destroyed is None:
            self._report.add(Kind.KEY_MISSING, place, f"data key {key_id.hex()}", "nothing")
            return False
        if destroyed:
            self._report.counts["to_be_emptied"] += 1
            return False
        return keys.get(key_id) is not None

    def _keys(self, ids: Iterable[bytes], emptied: Iterable[bytes] = ()) -> dict[bytes, DataKey | None]:
        """Learn what became of these keys, and get those that can be used; what ``emptied`` locked is gone."""
        wanted = dict.fromkeys(ids)
        if len(self._destroyed) > _KEYS_KNOWN:
            self._destroyed.clear()
        # One that lived when it was asked for is asked for again where it should be destroyed by now.
        asked = [i for i in wanted if i not in self._destroyed]
        asked += [i for i in dict.fromkeys(emptied) if self._destroyed.get(i) is False]
        if asked:
            arguments = (pgbinary.int2s([lane_of(i, self._view.lanes) for i in asked]), pgbinary.uuids(asked))
            # The newest state, not the snapshot's: a key destroyed meanwhile is not a key that was lost.
            found = self._fresh.rows(SQL["keys"], arguments)
            self._destroyed.update((key_id, destroyed and not length) for key_id, destroyed, length in found)
        if self._ring is None:
            return {}
        try:
            return self._ring.opening(wanted)
        except KeyProviderError:
            return {key_id: self._key(key_id) for key_id in wanted}

    def _key(self, key_id: bytes) -> DataKey | None:
        assert self._ring is not None
        try:
            return self._ring.opening([key_id])[key_id]
        except KeyProviderError as fault:
            self._report.add(
                Kind.KEY_UNUSABLE, Place(item=f"data key {key_id.hex()}"), "a key that unwraps", fault.message
            )
            return None

    def _check_statements(self, events: Sequence[tuple[StoredEvent, Event]]) -> None:
        """What was recorded of signing keys is still told to those who have no data keys."""
        for row, event in events:
            if not isinstance(event, SigningKeySucceeded | SigningKeyCompromised):
                continue
            if event.statement not in {note for _, note in self._view.rows(SQL["key_statements"])}:
                self._report.add(Kind.KEY_STATEMENT_MISSING, _place(row), f"a statement about the {event.role} key")

    # --- scans ----------------------------------------------------------------------------------

    def _check_scans_present(self, events: Sequence[tuple[StoredEvent, Event]]) -> None:
        wanted: dict[tuple[int, bytes], Place] = {}
        for row, event in events:
            for image in event.images if isinstance(event, Scanned) else ():
                try:
                    commitment = bytes.fromhex(image.commitment)
                except ValueError:
                    commitment = b""
                wanted[lane_of(row.data_key, self._view.lanes), commitment] = _place(row)
        if not wanted:
            return
        arguments = (pgbinary.int2s([lane for lane, _ in wanted]), pgbinary.byteas([c for _, c in wanted]))
        found = set(self._view.rows(SQL["scans_present"], arguments))
        for (lane, commitment), place in wanted.items():
            if (lane, commitment) not in found:
                self._report.add(Kind.SCAN_MISSING, place, f"scan {commitment.hex()} in lane {lane}", "nothing")

    def check_scans(self) -> None:
        """Hold every stored scan against its digest, its key and its commitment."""
        for lane, commitment, key_id, digest, state in self._view.stream(
            SQL["all_scans"], rows_per_fetch=_SCANS_PER_FETCH
        ):
            self._report.counts["scans"] += 1
            place = Place(lane=lane, item=f"scan {(commitment or b'').hex()}")
            if None in {commitment, key_id, digest, state} or len(digest) != DIGEST_LENGTH:
                self._report.add(Kind.ROW_MALFORMED, place, "all columns", "null or a wrong length")
                continue
            if digest_of(state) != digest:
                self._report.add(Kind.SCAN_CHANGED, place, f"digest {digest.hex()}", digest_of(state).hex())
            keys = self._keys([key_id], [] if state else [key_id])
            if not self._lawful(key_id, state, place, keys):
                continue
            key = keys[key_id]
            assert key is not None, "a lawful ciphertext has its key"
            try:
                reveal(key, commitment, state, SCAN_TAG)
                self._report.counts["scans_opened"] += 1
            except (CiphertextDamagedError, CommitmentMismatchError) as fault:
                self._report.add(Kind.SCAN_WRONG, place, f"commitment {commitment.hex()}", fault.message)

    # --- claims ---------------------------------------------------------------------------------

    def _check_claims_present(self, events: Sequence[tuple[StoredEvent, Event]]) -> None:
        """Every reference of an event is claimed; by the right event, as :meth:`check_claims` says."""
        if self._blinder is None:
            return
        wanted: dict[tuple[str, bytes], list[StoredEvent]] = {}
        for row, event in events:
            claim = claim_of(event)
            if claim is not None:
                wanted.setdefault((claim.kind, self._blinder.claim_key(claim.kind, claim.key)), []).append(row)
        if not wanted:
            return
        arguments = (
            pgbinary.int2s([lane_of(key, self._view.lanes) for _, key in wanted]),
            pgbinary.texts([kind for kind, _ in wanted]),
            pgbinary.uuids([key for _, key in wanted]),
        )
        found = {(kind, key): target for kind, key, *target in self._view.rows(SQL["claims"], arguments)}
        for (kind, key), rows in wanted.items():
            target = found.get((kind, key))
            if target is None:
                self._report.add(Kind.CLAIM_MISSING, _place(rows[-1]), f"claim {kind} {key.hex()}", "nothing")
            else:
                self._report.counts["claims_met"] += [rows[0].stream_id, rows[0].version] == target or any(
                    [row.stream_id, row.version] == target for row in rows[1:]
                )

    def check_claims(self) -> None:
        """Every claim points to an event, and with keys: to one of its own reference.

        Where the events met as many claims that point to them as there are, each of those claims was met.
        """
        ((claims, compared),) = self._view.rows(SQL["claim_counts"], (list(_COMPARED),))
        self._report.counts["claims"] += claims
        met = self._blinder is not None and compared == self._report.counts["claims_met"]
        settled = list(_COMPARED) if met else []
        for _, kind, key, stream, version in self._view.stream(SQL["dangling_claims"], (self._view.lanes, settled)):
            place, found = Place(item=f"claim {kind} {(key or b'').hex()}"), Place(stream or b"", version)
            self._report.add(Kind.CLAIM_DANGLING, place, "an event", str(found))
        if self._blinder is not None and not met:
            self._compare_claims(self._blinder)

    def _compare_claims(self, blinder: Blinder) -> None:
        claims = self._view.stream(SQL["all_claims"], (list(_COMPARED),))
        while page := list(islice(claims, _CLAIMS_PER_PAGE)):
            targets = self._targets([(row[3], row[4]) for row in page if None not in row])
            events = self._events_of(targets.values())
            for _, kind, key, stream, version in page:
                event = events.get((stream, version))
                if event is None:
                    continue  # it dangles, or the walk has said why it does not open
                claim = claim_of(event)
                if claim is None or blinder.claim_key(claim.kind, claim.key) != key:
                    place, found = Place(item=f"claim {kind} {key.hex()}"), targets[stream, version]
                    self._report.add(Kind.CLAIM_WRONG, place, "an event of that reference", str(_place(found)))

    def _targets(self, named: Sequence[tuple[bytes, int]]) -> dict[tuple[bytes, int], StoredEvent]:
        arguments = (
            pgbinary.int2s([lane_of(stream, self._view.lanes) for stream, _ in named]),
            pgbinary.uuids([stream for stream, _ in named]),
            pgbinary.int8s([version for _, version in named]),
        )
        rows = map(StoredEvent._make, self._view.rows(SQL["events_named"], arguments))
        return {(row.stream_id, row.version): row for row in rows}

    def _events_of(self, rows: Iterable[StoredEvent]) -> dict[tuple[bytes, int], Event]:
        """The events behind claims, as far as they open; the walk through the lanes reported the others."""
        if self._ring is None:
            return {}
        rows = [row for row in rows if row.state and row.data_key and row.commitment]
        keys = self._keys([row.data_key for row in rows])
        events = {}
        for row in rows:
            key = keys.get(row.data_key)
            if key is None:
                continue
            try:
                context = decode_context(row.context)
                payload = reveal(key, row.commitment, row.state)[1]
                events[row.stream_id, row.version] = codec.decode(context.topic, context.schema, payload)
            except (CiphertextDamagedError, CommitmentMismatchError, FormatError):
                continue
        return events


def _place(row: StoredEvent) -> Place:
    return Place(row.stream_id, row.version, row.lane, row.position)
