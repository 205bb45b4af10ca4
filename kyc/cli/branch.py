"""``kyc branch``: a branch machine. Captures on its own disk, sends when the line allows; has no database."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter, validators

from kyc.cli.main import screen
from kyc.errors import ConfigurationError, InputError, NotFoundError

if TYPE_CHECKING:
    from kyc.ingest.sender import Sender
    from kyc.ingest.spool import Spool, Status

_LINES: Final = 1_000
"""Lines captured in one commit."""
_REFUSED: Final = 2

_DAY: Final = 86_400_000_000
Days = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=3_660))]
Folder = Annotated[Path, Parameter(help="Folder of the spool, on a disk of the branch's own.")]


def register(app: App) -> None:
    """Add the commands."""
    for command in (put, run, send, status, refused, drop, receipts):
        app["branch"].command(command)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """How the service is reached."""

    cert: Path | None = None
    """PEM file of the branch's certificate; exchanged files are taken up by themselves."""
    key: Path | None = None
    """PEM file of its private key."""
    ca: Path | None = None
    """PEM file of who vouches for the service; without it the machine's own list."""
    token: Path | None = None
    """File with a bearer token, where the service knows the branch by one."""
    receipt_key: str | None = None
    """The ledger's receipt key (kyc keys show): answers are then held against its signature."""


_PLAIN = _Line()


def put(spool: Folder, files: list[Path], /) -> None:
    """Capture submissions; done means they are on this machine's disk, not that they are recorded.

    Parameters
    ----------
    spool
        Folder of the spool.
    files
        NDJSON files of submissions (docs/ingest.md); - reads standard input.
    """
    with _opened(spool) as opened:
        captured = 0
        for batch in _batches(files):
            captured += opened.put(batch)
        waiting = opened.status().captured
    screen().answer(
        {"captured": captured, "waiting": waiting}, [f"{captured:,} captured, {waiting:,} wait to be sent"]
    )


def run(
    spool: Folder,
    /,
    *,
    url: str,
    line: Annotated[_Line, Parameter(name="*")] = _PLAIN,
    metrics: Path | None = None,
) -> None:
    """Send what is captured, as it comes, until terminated. A batch on its way is finished.

    Parameters
    ----------
    spool
        Folder of the spool.
    url
        Address of the service.
    metrics
        File that is rewritten with numbers for Prometheus (node exporter's textfile collector).
    """
    stop = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: stop.set())
    with _opened(spool) as opened, _sender(opened, url, line) as sender:
        screen().announce({"spool": str(spool), "url": url}, f"sending {spool} to {url}")
        sender.run(stop, _told(opened, sender, metrics))


def send(
    spool: Folder,
    /,
    *,
    url: str,
    line: Annotated[_Line, Parameter(name="*")] = _PLAIN,
    seconds: Annotated[float, Parameter(validator=validators.Number(gt=0))] = 60.0,
) -> int:
    """Send what waits now. Exit code 1 if something still waits in the end, 2 if something was refused.

    Parameters
    ----------
    spool
        Folder of the spool.
    url
        Address of the service.
    seconds
        For how long to try.
    """
    with _opened(spool) as opened, _sender(opened, url, line) as sender:
        done = sender.drain(seconds)
        found = opened.status()
        if sender.trouble is not None:
            screen().error(sender.trouble)
        screen().answer(_document(found), _lines(found))
    return (_REFUSED if found.refused else 0) if done else 1


def status(spool: Folder, key: str | None = None, /) -> None:
    """Where the spool stands, or one submission: captured here, recorded by the ledger, or refused by it.

    Parameters
    ----------
    spool
        Folder of the spool.
    key
        Idempotency key of one submission.
    """
    with _opened(spool, must_exist=True) as opened:
        if key is None:
            found = opened.status()
            screen().answer(_document(found), _lines(found))
            return
        standing = opened.standing(key)
    if standing is None:
        raise NotFoundError("no submission with this key was captured here", field="key")
    said: dict[str, Any] = msgspec.json.decode(standing.answer) if standing.answer else {}
    lines = [standing.state, *(f"  {name}: {value}" for name, value in said.items() if value)]
    screen().answer({"state": standing.state} | said, lines)


def refused(spool: Folder, /) -> None:
    """What the ledger refused and why. Capture it again, corrected, under the same key, or drop it.

    Parameters
    ----------
    spool
        Folder of the spool.
    """
    with _opened(spool, must_exist=True) as opened:
        found = [{"key": key, "problem": msgspec.json.decode(problem)} for key, problem in opened.refused()]
    words = ("detail", "field", "rule", "remedy")
    lines = [
        f"{one['key']}: " + "; ".join([one["problem"][word] for word in words if one["problem"].get(word)])
        for one in found
    ]
    screen().answer(found, lines or ["nothing was refused"])


def drop(spool: Folder, key: str = "", /, *, older_than: Days | None = None) -> None:
    """Erase a refused submission that will not be corrected, or all that nobody has corrected for so long.

    Parameters
    ----------
    spool
        Folder of the spool.
    key
        Its idempotency key.
    older_than
        Days since they were captured, instead of a key.
    """
    if bool(key) == (older_than is not None):
        raise InputError("which ones is not clear", field="key", rule="a key, or --older-than", remedy="name one")
    with _opened(spool, must_exist=True) as opened:
        if older_than is not None:
            count = opened.drop_older(older_than * _DAY)
            screen().answer({"dropped": count}, [f"{count:,} dropped"])
            return
        if not opened.drop(key):
            raise NotFoundError("no refused submission with this key", field="key", remedy="kyc branch refused")
    screen().answer({"dropped": key}, [f"{key} dropped"])


def receipts(spool: Folder, folder: Path, /) -> None:
    """Write the signed receipts of what was recorded as files, for `kyc receipt check`; new ones only.

    Parameters
    ----------
    spool
        Folder of the spool.
    folder
        Where they are written.
    """
    from kyc import files

    written = 0
    with _opened(spool, must_exist=True) as opened:
        last = max([int(path.stem) for path in folder.glob("*.receipt") if path.stem.isdecimal()], default=0)
        for number, note in opened.receipts(last):
            files.write(folder / f"{number:09d}.receipt", note.encode())
            written += 1
    screen().answer({"written": written}, [f"{written:,} receipts written"])


@contextmanager
def _opened(folder: Path, *, must_exist: bool = False) -> Iterator[Spool]:
    """A spool while a command uses it."""
    from kyc.ingest.spool import Spool

    if must_exist and not (folder / "spool.db").is_file():
        raise NotFoundError("there is no spool", field="spool", remedy="kyc branch put")
    opened = Spool(folder)
    try:
        yield opened
    finally:
        opened.close()


def _batches(paths: list[Path]) -> Iterator[list[bytes]]:
    for path in paths:
        if str(path) == "-":
            yield from _cut(sys.stdin.buffer)
            continue
        try:
            file = path.open("rb")
        except OSError as cause:
            raise NotFoundError("the file cannot be read", field=path.name, rule=type(cause).__name__) from None
        with file:
            yield from _cut(file)


def _cut(file: Any) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for line in file:
        if line.strip():
            batch.append(line.strip())
        if len(batch) == _LINES:
            yield batch
            batch = []
    if batch:
        yield batch


@contextmanager
def _sender(spool: Spool, url: str, line: _Line) -> Iterator[Sender]:
    from kyc.evidence.note import Verifier
    from kyc.ingest.client import Client
    from kyc.ingest.sender import Sender
    from kyc.ingest.transport import Credentials

    if (line.cert is None) != (line.key is None):
        raise ConfigurationError("half of a key pair", field="--cert", rule="both --cert and --key")
    credentials = Credentials(certificate=line.cert, key=line.key, authorities=line.ca, token=line.token)
    verifier = Verifier.parse(line.receipt_key) if line.receipt_key else None
    with Client(url, credentials, receipt_key=verifier) as client:
        yield Sender(spool, client)


def _told(spool: Spool, sender: Sender, metrics: Path | None) -> Any:
    """Rewrites the numbers, at most once a second."""
    if metrics is None:
        return None
    import time

    from kyc import files

    written = 0.0

    def write() -> None:
        nonlocal written
        if time.monotonic() - written < 1.0:
            return
        written = time.monotonic()
        found = spool.status()
        numbers = {
            "kyc_branch_captured": found.captured,
            "kyc_branch_recorded_total": found.recorded,
            "kyc_branch_refused": found.refused,
            "kyc_branch_lag_microseconds": found.lag,
            "kyc_branch_trouble": int(sender.trouble is not None),
        }
        files.write(metrics, "".join([f"{name} {value}\n" for name, value in numbers.items()]).encode())

    return write


def _document(found: Status) -> dict[str, int]:
    return {"captured": found.captured, "recorded": found.recorded, "refused": found.refused, "lag": found.lag}


def _lines(found: Status) -> list[str]:
    waited = f", the oldest for {found.lag / 1e6:,.1f} s" if found.captured else ""
    return [
        f"captured  {found.captured:,} on this disk, not recorded in law yet{waited}",
        f"recorded  {found.recorded:,} by the ledger, which has signed for them",
        f"refused   {found.refused:,}" + (" (kyc branch refused)" if found.refused else ""),
    ]
