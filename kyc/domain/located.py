"""A submission, or why there is none, and the place it came from."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kyc.domain.fact import Submission
from kyc.errors import InputError, RefusedError

Restated = Callable[[], Submission | None]


class NoticeError(InputError):
    """Something about a file that a person should look at; nothing of it was refused."""

    grave: bool = True
    """False for what is only good to know."""


class Located(NamedTuple):
    """What one place of a file gave."""

    file: str
    line: int
    item: Submission | RefusedError
    column: int = 0
    element: str = ""
    """The path of the element or field group, where the file has such."""
    restated: Restated | None = None
    """Not None: other messages may have told the same. Where its key is taken by other content this is no refusal,
    and what it makes is recorded instead."""
    either: bool = False
    """One of two neighbours of the same place, of whose accounts one may be another bank's."""
