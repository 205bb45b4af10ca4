"""The spool: what a branch has captured and the ledger has not answered, safe on the branch's own disk.

A folder with ``spool.db`` (SQLite, each commit on disk before it is answered) and ``key``. Lines are kept in the
order they came, encrypted under the key; once the ledger has recorded one, its content is erased and what is left
is the answer, which says nothing of anybody. A line that was refused stays until it is corrected or dropped.
Several processes may put; one sends (:mod:`kyc.ingest.sender`). Thread-safe.

======== ==================================================================================================
captured on this disk: the branch has not lost it, and it is not recorded in law
recorded the ledger has it and has signed for it
refused  a rule forbids it: the problem says what to mend; the same key with other content takes its place
======== ==================================================================================================
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kyc import files
from kyc.clock import Clock, SystemClock
from kyc.domain import codec, fact
from kyc.errors import ConflictError, InputError, SpoolError

State = Literal["captured", "recorded", "refused"]

VERSION: Final = 1
"""Of the tables below, kept in the database itself."""
_KEY_LENGTH: Final = 32
_NONCE_LENGTH: Final = 12
_BUSY_SECONDS: Final = 30.0
_TABLES: Final = """
create table line (
    id integer primary key autoincrement, key text not null unique, digest blob not null, content blob not null,
    captured_at integer not null, refused text
) strict;
create index waiting on line (id) where refused is null;
create table answer (
    key text primary key, digest blob not null, captured_at integer not null, answered_at integer not null,
    recorded text not null, receipt integer
) strict, without rowid;
create table receipt (id integer primary key autoincrement, note text not null) strict;
"""


class Line(NamedTuple):
    """A line that waits to be sent."""

    id: int
    key: str
    content: bytes


class Settled(NamedTuple):
    """What the ledger answered to a line; ``recorded`` or ``refused`` is the answer as JSON, the other is empty."""

    line: Line
    recorded: str = ""
    refused: str = ""


class Standing(NamedTuple):
    """Where one line stands, and the ledger's words about it (JSON), where it has said any."""

    state: State
    answer: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Where the spool stands."""

    captured: int
    """Lines that wait to be sent."""
    recorded: int
    refused: int
    oldest: int
    """When the oldest waiting line was captured, microseconds since 1970-01-01T00:00:00Z; 0 where none waits."""
    lag: int
    """Microseconds since then."""


class Spool:
    """One folder. Made where there is none."""

    def __init__(self, folder: Path, *, clock: Clock | None = None) -> None:
        self.folder = folder
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self.arrived = threading.Event()
        """Set whenever this process has put something."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with held(folder, "lock"):
                key = _key(folder)
                self._connection = _connect(folder / "spool.db")
        except (OSError, sqlite3.Error) as cause:
            raise SpoolError(field="spool", rule=type(cause).__name__, remedy="a folder of one's own") from cause
        self._aead = AESGCM(key)
        self._digests = blake2b(key=key, digest_size=16, person=b"kyc spool")

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            self._connection.close()

    # --- capture --------------------------------------------------------------------------------

    def put(self, lines: Iterable[bytes]) -> int:
        """Capture lines of the wire form (:mod:`kyc.domain.fact`), all or none; on disk when this returns.

        A line that is there already, or recorded already, is not captured again. The number of new ones.

        Raises:
            InputError: a line is no submission; names its number, the field and the rule.
            ConflictError: its key was used for other content.
            SpoolError: the disk is full or damaged; nothing was captured.
        """
        checked = [(_checked(number, line), line) for number, line in enumerate(lines, start=1)]
        with self._transaction() as connection:
            new = sum([self._capture(connection, key, line) for key, line in checked])
        if new:
            self.arrived.set()
        return new

    def _capture(self, connection: sqlite3.Connection, key: str, line: bytes) -> bool:
        digest = self._digest(line)
        known = connection.execute(
            "select digest, refused is not null from line where key = ?"
            " union all select digest, 0 from answer where key = ?", (key, key),
        ).fetchone()  # fmt: skip
        if known is not None:
            if known[0] == digest:
                return False
            if not known[1]:
                raise ConflictError(
                    "this idempotency key was used before with other content", field="key",
                    rule="a key names one fact for ever", remedy="a new key for a new fact",
                )  # fmt: skip
            connection.execute("delete from line where key = ?", (key,))  # refused: the corrected one follows
        nonce = os.urandom(_NONCE_LENGTH)
        content = nonce + self._aead.encrypt(nonce, line, key.encode())
        connection.execute(
            "insert into line (key, digest, content, captured_at) values (?, ?, ?, ?)",
            (key, digest, content, self._clock.now_us()),
        )
        return True

    # --- send -----------------------------------------------------------------------------------

    def waiting(self, items: int, size: int) -> list[Line]:
        """The next lines in their order: at most so many, and so many bytes unless the first alone is larger.

        Raises:
            SpoolError: a line does not decrypt: the key is another's, or the disk is damaged.
        """
        lines: list[Line] = []
        with self._locked() as connection:
            rows = connection.execute(
                "select id, key, content from line where refused is null order by id limit ?", (items,)
            )
            for id_, key, content in rows:
                size -= len(content)
                if lines and size < 0:
                    break
                lines.append(Line(id_, key, self._opened(key, content)))
        return lines

    def settle(self, settled: Sequence[Settled], receipt: str = "") -> None:
        """Take what the ledger answered, in one commit: recorded lines are erased, refused ones marked."""
        with self._transaction() as connection:
            now, signed = self._clock.now_us(), None
            if receipt:
                signed = connection.execute("insert into receipt (note) values (?)", (receipt,)).lastrowid
            for line, recorded, refused in settled:
                if refused:
                    connection.execute("update line set refused = ? where id = ?", (refused, line.id))
                    continue
                connection.execute(
                    "insert into answer (key, digest, captured_at, answered_at, recorded, receipt)"
                    " select key, digest, captured_at, ?, ?, ? from line where id = ?",
                    (now, recorded, signed, line.id),
                )
                connection.execute("delete from line where id = ?", (line.id,))

    # --- know -----------------------------------------------------------------------------------

    def status(self) -> Status:
        """Counts, and how long the oldest line has waited."""
        with self._locked() as connection:
            waiting, oldest = connection.execute(
                "select count(*), coalesce(min(captured_at), 0) from line where refused is null"
            ).fetchone()
            (refused,) = connection.execute("select count(*) from line where refused is not null").fetchone()
            (recorded,) = connection.execute("select count(*) from answer").fetchone()
        lag = max(0, self._clock.now_us() - oldest) if waiting else 0
        return Status(captured=waiting, recorded=recorded, refused=refused, oldest=oldest, lag=lag)

    def standing(self, key: str) -> Standing | None:
        """Where the line of a key stands; None where it was never captured here."""
        with self._locked() as connection:
            row = connection.execute("select refused from line where key = ?", (key,)).fetchone()
            if row is not None:
                return Standing("refused", row[0]) if row[0] is not None else Standing("captured")
            row = connection.execute("select recorded from answer where key = ?", (key,)).fetchone()
        return None if row is None else Standing("recorded", row[0])

    def refused(self) -> list[tuple[str, str]]:
        """Key and problem (JSON) of the lines that were refused, oldest first."""
        with self._locked() as connection:
            return connection.execute(
                "select key, refused from line where refused is not null order by id"
            ).fetchall()

    def drop(self, key: str) -> bool:
        """Erase a refused line that will not be corrected; whether there was one."""
        with self._transaction() as connection:
            gone = connection.execute("delete from line where key = ? and refused is not null", (key,))
            return gone.rowcount > 0

    def drop_older(self, microseconds: int) -> int:
        """Erase refused lines that were captured longer ago than this and never corrected; how many there were."""
        before = self._clock.now_us() - microseconds
        with self._transaction() as connection:
            gone = connection.execute("delete from line where captured_at < ? and refused is not null", (before,))
            return gone.rowcount

    def receipts(self, after: int = 0) -> Iterator[tuple[int, str]]:
        """Number and text of the signed receipts behind a number."""
        while True:
            with self._locked() as connection:
                page = connection.execute(
                    "select id, note from receipt where id > ? order by id limit 100", (after,)
                ).fetchall()
            if not page:
                return
            yield from page
            after = page[-1][0]

    # --- inside ---------------------------------------------------------------------------------

    def _digest(self, line: bytes) -> bytes:
        """Tells whether content is the same once it is erased; keyed, so that nothing can be guessed from it."""
        digest = self._digests.copy()
        digest.update(line)
        return digest.digest()

    def _opened(self, key: str, content: bytes) -> bytes:
        try:
            return self._aead.decrypt(content[:_NONCE_LENGTH], content[_NONCE_LENGTH:], key.encode())
        except InvalidTag as cause:
            raise SpoolError(
                "a captured line does not decrypt", field="spool", rule="AES-256-GCM",
                remedy="restore the spool's key file",
            ) from cause  # fmt: skip

    @contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as cause:
                raise SpoolError(field="spool", rule=type(cause).__name__, remedy="disk and rights") from cause

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._locked() as connection:
            connection.execute("begin immediate")
            try:
                yield connection
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")


class _Claimed(msgspec.Struct, frozen=True):
    actor: str = ""
    branch: str = ""


class _Claims(msgspec.Struct, frozen=True):
    origin: _Claimed = _Claimed()


_claims = msgspec.json.Decoder(_Claims)


def _checked(number: int, line: bytes) -> str:
    """The idempotency key of a line that the ledger can read.

    Whether its rules admit it is the ledger's to say; who submits it, the certificate.
    """
    try:
        claimed = _claims.decode(line).origin
    except codec.UNREADABLE:
        claimed = _Claimed()  # the reader below says what is wrong
    try:
        return fact.parse(line, actor=claimed.actor or _ANYBODY, branch=claimed.branch or _ANYBODY).key
    except InputError as cause:
        cause.message = f"line {number}: {cause.message}"
        raise


_ANYBODY: Final = "-"


def _key(folder: Path) -> bytes:
    """The key of a spool, made with it. Whoever loses the key loses what waits; whoever has it can read that."""
    path, draft = folder / "key", folder / f".key.{os.getpid()}"
    if not path.exists():
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(_KEY_LENGTH))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first
            os.link(draft, path)
        draft.unlink()
        files.sync(folder)
    key = path.read_bytes()
    if len(key) != _KEY_LENGTH:
        raise SpoolError("the spool's key is damaged", field="key", rule=f"{_KEY_LENGTH} bytes")
    return key


def _connect(path: Path) -> sqlite3.Connection:
    fresh = not path.exists()
    connection: sqlite3.Connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    for setting in ("journal_mode = wal", "synchronous = full", "secure_delete = on"):
        connection.execute(f"pragma {setting}")
    if fresh:
        path.chmod(0o600)
    connection.execute("begin immediate")
    (version,) = connection.execute("pragma user_version").fetchone()
    if version == 0:
        for statement in filter(str.strip, _TABLES.split(";")):
            connection.execute(statement)
        connection.execute(f"pragma user_version = {VERSION}")
    connection.execute("commit")
    if version not in {0, VERSION}:
        raise SpoolError("the spool was made by another version", field="spool", rule=f"version {VERSION}")
    files.sync(path.parent)
    return connection


@contextmanager
def held(folder: Path, name: str, *, wait: bool = True) -> Iterator[None]:
    """A lock file of the spool, held.

    Raises:
        SpoolError: somebody else holds it, and we do not wait.
    """
    with (folder / name).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise SpoolError(
                "somebody else sends this spool", field="spool", rule="one sender", remedy="kyc branch status"
            ) from None
        yield
