"""A submission, or why there is none, and the place it came from."""

from __future__ import annotations

from typing import NamedTuple

from kyc.domain.fact import Submission
from kyc.errors import RefusedError


class Located(NamedTuple):
    """What one line of a file gave."""

    file: str
    line: int
    item: Submission | RefusedError
