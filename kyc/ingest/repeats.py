"""Which of several equals: counts them exactly within one message, in memory that does not grow with the message.

The counts lie in a temporary database of SQLite that nobody else can open: in its cache while they are few, in a
file without a name (in ``TMPDIR``) beyond that. What is counted is kept there as a digest under a key that is in
memory only, so that the file says nothing of anybody.
"""

from __future__ import annotations

import os
import sqlite3
from hashlib import blake2b, sha256
from types import TracebackType
from typing import Final, Self

from kyc.errors import KycError

CACHE_KIB: Final = 2_048
"""Of the database's pages; about 70,000 counts."""
_COUNT: Final = (
    "insert into seen (digest, number) values (?, 1)"
    " on conflict (digest) do update set number = number + 1 returning number"
)


def digest(text: bytes) -> str:
    """What keys of messages are made of: 160 bits in hexadecimal."""
    return sha256(text).hexdigest()[:40]


def numbered(text: str, number: int) -> str:
    """What tells a text from its equals that came before."""
    return digest(f"{text}|{number}".encode())


class Repeats:
    """The counts of one message after another; one message at a time. A context: the file goes with its end."""

    def __init__(self) -> None:
        self._digests = blake2b(key=os.urandom(32), digest_size=16, person=b"kyc repeats")
        self._seen = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for setting in ("journal_mode = off", "synchronous = off", f"cache_size = -{CACHE_KIB}"):
            self._seen.execute(f"pragma {setting}")
        self._seen.execute(
            "create table seen (digest blob primary key, number integer not null) strict, without rowid"
        )
        self._seen.execute("begin")  # never committed: pages go to the file only where the cache is too small

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._seen.close()

    def begin(self) -> None:
        """Another message begins: nothing of it was seen.

        Raises:
            KycError: the file cannot be written.
        """
        self._run("delete from seen")

    def identity(self, text: str) -> str:
        """The digest of a text with its number among the equals of the message, from 1.

        Raises:
            KycError: the file cannot be written.
        """
        seen = self._digests.copy()
        seen.update(text.encode())
        ((number,),) = self._run(_COUNT, seen.digest())
        return numbered(text, number)

    def _run(self, statement: str, *values: bytes) -> list[tuple[int]]:
        try:
            return self._seen.execute(statement, values).fetchall()
        except sqlite3.Error as cause:
            raise KycError(
                "the temporary folder cannot be used", field="TMPDIR", rule=type(cause).__name__,
                remedy="make room there, or name another folder",
            ) from cause  # fmt: skip
