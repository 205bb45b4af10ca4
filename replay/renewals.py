"""Renewals made and verified: every event, its content and all evidence hashed anew (:mod:`kyc.evidence.renewal`).

Making one and verifying one are one walk along the log; where content was disposed of since, the hash that the
renewal kept stands in for it. An algorithm that is declared broken from a date on carries nothing by itself any
more: events that no renewal under another one, stamped before that date, covers are named (step 10 of an audit).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from kyc.clock import from_datetime, to_datetime
from kyc.domain.event import Scanned
from kyc.errors import (
    CommitmentMismatchError,
    DisposedError,
    FormatError,
    IntegrityError,
    NotFoundError,
    SignatureError,
)
from kyc.evidence import header, renewal
from kyc.evidence.note import NoteSigner, Verifier
from kyc.evidence.renewal import LENGTH, Hash, Renewal, Tree
from kyc.store.database import Connection
from kyc.store.log import EventLog
from kyc.store.records import StoredEvent, lane_of
from kyc.store.sealed import SealedLog
from kyc.store.statements import load
from replay.findings import Kind, Place, Report
from replay.seals import Authority, timestamp
from replay.signers import Outside, Retired
from replay.verifier_base import Refused
from replay.verifier_seals import read_timestamp

SQL: Final = load("replay", "renewal.sql")
WIDTH: Final = 256
"""Events whose content hashes are kept in one row."""
_GONE: Final = bytes(LENGTH)
Progress = Callable[[int, int], None]


class _Walk:
    """Hashes the events of a log anew, 256 at a time."""

    def __init__(self, log: EventLog, sealed: SealedLog, algorithm: str, size: int) -> None:
        self._log = log
        self._sealed = sealed
        self._hash = Hash(algorithm)
        self._size = size
        self.tree = Tree(self._hash)

    def run(self, settle: Callable[[int, list[bytes]], Sequence[bytes]], progress: Progress | None) -> None:
        """``settle`` is given index and contents of each 256 events and says which contents count."""
        for start in range(0, self._size, WIDTH):
            rows = [row for _, row in self._sealed.rows(start, min(start + WIDTH, self._size))]
            contents = settle(start // WIDTH, self._contents(rows))
            for row, content in zip(rows, contents, strict=True):
                raw = header.pack_fixed(header.FORMAT, row.stream_id, row.version, row.recorded_at, row.key)
                self.tree.append(self._hash.leaf(row.previous, raw + row.context, row.commitment, content))
            if progress is not None:
                progress(self.tree.size, self._size)

    def _contents(self, rows: list[StoredEvent]) -> list[bytes]:
        """The hash of each event's content; zeros where it is gone."""
        contents = []
        for row, opened, recorded in zip(rows, self._log.openings(rows), self._log.reveal(rows), strict=True):
            if opened is None or recorded.event is None:
                contents.append(_GONE)
                continue
            images = recorded.event.images if isinstance(recorded.event, Scanned) else ()
            lane = lane_of(row.data_key, self._log.lanes)
            scans = []
            for image in images:
                try:
                    scans.append(self._hash.scan(*self._log.scan(image, lane)))
                except (DisposedError, NotFoundError):
                    scans.append(_GONE)
            contents.append(self._hash.content(*opened, scans))
        return contents


def renew(
    log: EventLog, sealed: SealedLog, algorithm: str, signer: NoteSigner, ask: Authority, ca: Certificate,
    progress: Progress | None = None,
) -> Renewal:  # fmt: skip
    """Hash everything sealed anew, have it stamped, keep it.

    Raises:
        NotFoundError: nothing is sealed yet.
        IntegrityError: an event does not open its commitment, or the stamp is not one of this authority.
    """
    newest = sealed.checkpoint()
    if newest is None or not newest.size:
        raise NotFoundError("nothing is sealed yet", field="checkpoint", remedy="kyc seal")
    with log.database.connection() as connection, connection.transaction():
        connection.execute(SQL["alone"])
        number = 1 + max((row[0] for row in connection.execute(SQL["renewals"])), default=0)

        def keep(index: int, contents: list[bytes]) -> list[bytes]:
            connection.execute(SQL["insert_contents"], (number, index, b"".join(contents)))
            return contents

        at = log.clock.now_us()
        walk = _Walk(log, sealed, algorithm, newest.size)
        walk.run(keep, progress)
        evidence = _evidence(connection, Hash(algorithm), number, newest.size, at)
        made = Renewal(log.database.origin(), number, at, algorithm, newest.size, walk.tree.root(), evidence)
        signed = renewal.sign(made, signer)
        token = timestamp(signed.encode(), ask, "sha512")
        try:
            read_timestamp(token, signed.encode(), ca, "timestamp")
        except Refused as refusal:
            raise IntegrityError(str(refusal), field="timestamp", remedy="name the CA of the authority") from None
        pem = ca.public_bytes(Encoding.PEM).decode()
        connection.execute(SQL["insert_renewal"], (number, signed, token, pem))
    return made


def _evidence(connection: Connection, hashed: Hash, number: int, size: int, at: int) -> bytes:
    rows = connection.execute(SQL["evidence"], {"number": number, "size": size, "at": at})
    return hashed.evidence(row[0] for row in rows)


def check_renewals(
    log: EventLog,
    sealed: SealedLog,
    keys: Sequence[Verifier],
    outside: Outside,
    report: Report,
) -> None:
    """Step 10: verify every renewal, and name what an algorithm that is declared broken leaves bare."""
    good: list[tuple[Renewal, int, set[str]]] = []
    with log.database.connection() as connection:
        kept = connection.execute(SQL["renewals"]).fetchall()
        if kept and not outside.authorities:
            report.not_proved.append("what renewals cover: no timestamp authority was given")
        for number, text, token, _ in kept if outside.authorities else ():
            place = Place(item=f"renewal {number}")
            try:
                said = renewal.open_renewal(text, keys)
                at, rests_on = _stamped(token, text, outside.authorities)
                _check(log, sealed, connection, said, number)
            except (FormatError, SignatureError, CommitmentMismatchError, Refused) as fault:
                report.add(Kind.RENEWAL_WRONG, place, "a renewal that verifies", str(fault))
                continue
            report.counts["renewals"] += 1
            good.append((said, at, rests_on))
            day = to_datetime(at).date().isoformat()
            report.proved.append(
                f"renewal {number} of {day}: {said.size} events and their evidence, anew under {said.algorithm}"
            )
    for one in outside.retired:
        _bare(one, good, report)


def _stamped(token: bytes, text: str, authorities: Sequence[Certificate]) -> tuple[int, set[str]]:
    """When one of the authorities stamped a record, and the algorithms the stamp rests on."""
    why = Refused("no timestamp authority was given")
    for authority in authorities:
        try:
            at, rests_on = read_timestamp(token, text.encode(), authority, "timestamp")
            return from_datetime(at), rests_on
        except Refused as refusal:
            why = refusal
    raise why


def _check(log: EventLog, sealed: SealedLog, connection: Connection, said: Renewal, number: int) -> None:
    """Hash everything anew, and compare.

    Raises:
        CommitmentMismatchError: something is not what was renewed.
    """

    def held(index: int, contents: list[bytes]) -> list[bytes]:
        row = connection.execute(SQL["contents"], (number, index)).fetchone()
        raw = row[0] if row else b""
        kept = [raw[at : at + LENGTH] for at in range(0, len(raw), LENGTH)]
        if len(kept) != len(contents):
            raise CommitmentMismatchError(f"contents {index} are gone")
        # What was disposed of since stands as it was kept; the root says whether it was kept well.
        return [
            theirs if ours == _GONE else ours
            for ours, theirs in zip(contents, kept, strict=True)
        ]  # fmt: skip

    walk = _Walk(log, sealed, said.algorithm, said.size)
    walk.run(held, None)
    evidence = _evidence(connection, Hash(said.algorithm), number, said.size, said.at)
    if (said.number, walk.tree.root()) != (number, said.root):
        raise CommitmentMismatchError("an event is not what was renewed")
    if evidence != said.evidence:
        raise CommitmentMismatchError("a checkpoint, timestamp or statement is not what was renewed")


def _bare(one: Retired, good: Sequence[tuple[Renewal, int, set[str]]], report: Report) -> None:
    """Name what rests on a broken algorithm alone."""
    covered = max(
        (said.size for said, at, rests_on in good
         if at < one.since and one.algorithm not in {said.algorithm, *rests_on}), default=0,
    )  # fmt: skip
    through = report.counts["through"]
    if covered < through:
        report.add(
            Kind.ALGORITHM_RETIRED, Place(index=covered),
            f"renewed under another algorithm before {to_datetime(one.since).date().isoformat()}",
            f"{through - covered} events rest on {one.algorithm} alone",
        )  # fmt: skip
    if covered:
        report.proved.append(f"the first {covered} events were renewed before {one.algorithm} was broken")
