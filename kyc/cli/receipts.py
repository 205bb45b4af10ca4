"""``kyc receipt``: whether the log kept what it promised. Needs what the log publishes, not our database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from cyclopts import App

from kyc.cli.main import screen
from kyc.errors import FormatError, InputError

if TYPE_CHECKING:
    from kyc.evidence.note import Verifier
    from kyc.evidence.receipt import ReceiptedEvent
    from kyc.evidence.tlog_proof import TlogProof
    from kyc.witness.receipts import Outcome, Promise, Proofs

_BROKEN: Final = 10
_SHOWN: Final = 20
"""Broken promises that are listed; the JSON document has all."""


def register(app: App) -> None:
    """Add the commands."""
    receipt = App(name="receipt", help="What the ledger promised when it recorded, and whether it kept it.")
    receipt.command(check)
    app.command(receipt)


def check(
    receipts: list[Path],
    /,
    *,
    log: str,
    log_key: str,
    receipt_key: str,
    policy: Path | None = None,
    proofs: Path | None = None,
) -> int:
    """Check receipts against the published log. Exit code 10 if a promise was not kept.

    Parameters
    ----------
    receipts
        Receipt files, or folders of them (kyc ingest --receipts).
    log
        Folder or URL of the published log (kyc publish).
    log_key
        The log's verifier key (kyc keys show).
    receipt_key
        The verifier key of its receipts.
    policy
        A witness policy (C2SP tlog-policy): a breach is provable to others only by a witness's time.
    proofs
        Folder of .tlog-proof files: those there are used instead of reading the log, new ones are added.
    """
    from kyc.clock import SystemClock
    from kyc.evidence.note import Verifier
    from kyc.evidence.policy import parse
    from kyc.witness import receipts as promised
    from kyc.witness.ask import followed, source

    key, chosen = Verifier.parse(log_key), parse(policy.read_bytes() if policy else b"quorum none\n")
    fetch = source(log)
    given = _read(receipts, followed(fetch, [Verifier.parse(receipt_key)]), key.name)
    with screen().progress("receipts") as step:
        now, keys = SystemClock().now_us(), followed(fetch, [key])
        outcomes = promised.check(given, fetch, chosen, keys, now, proofs=_kept(proofs), progress=step)
    if proofs is not None:
        _keep(proofs, outcomes)
    broken = [one for one in outcomes if not one.verdict.kept]
    counts = {verdict.name.lower(): 0 for verdict in promised.Verdict}
    for one in outcomes:
        counts[one.verdict.name.lower()] += 1
    listed = [{"event": _name(one.promise.event), "verdict": one.verdict.name.lower()} for one in broken]
    lines = [", ".join(f"{count:,} {name}" for name, count in counts.items() if count)]
    lines += [f"{_name(one.promise.event)}: {one.verdict.value}" for one in broken[:_SHOWN]]
    screen().answer(counts | {"broken": listed}, lines)
    return _BROKEN if broken else 0


def _read(paths: list[Path], keys: list[Verifier], origin: str) -> list[Promise]:
    from kyc.evidence.receipt import open_receipt
    from kyc.witness.receipts import promises

    files = [file for path in paths for file in (sorted(path.glob("*.receipt")) if path.is_dir() else [path])]
    if not files:
        raise InputError("no receipts there", field="receipts", rule="files, or folders of *.receipt")
    return [promise for file in files for promise in promises(open_receipt(file.read_bytes(), keys, origin))]


def _name(event: ReceiptedEvent) -> str:
    return f"{UUID(bytes=event.stream_id)} version {event.version}"


def _file(folder: Path, event: ReceiptedEvent) -> Path:
    return folder / f"{UUID(bytes=event.stream_id)}-{event.version}.tlog-proof"


def _kept(folder: Path | None) -> Proofs:
    """Proof files of a folder; a damaged one is as good as none."""
    from kyc.evidence import tlog_proof

    def read(event: ReceiptedEvent) -> TlogProof | None:
        if folder is None or not _file(folder, event).is_file():
            return None
        try:
            return tlog_proof.parse(_file(folder, event).read_bytes())
        except FormatError:
            return None

    return read


def _keep(folder: Path, outcomes: list[Outcome]) -> None:
    from kyc.evidence import tlog_proof

    folder.mkdir(parents=True, exist_ok=True)
    for one in outcomes:
        if one.proof is not None:
            _file(folder, one.promise.event).write_text(tlog_proof.format(one.proof), encoding="utf-8")
