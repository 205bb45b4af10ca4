"""The only source of chance of the simulator: Mersenne Twister reached through ``random()`` alone.

``random.Random.random`` is specified bit by bit and the arithmetic here is multiplication and truncation of
IEEE doubles, so a seed gives the same bytes on every platform and Python version. Methods whose algorithm
CPython may change (``choice``, ``shuffle``, ``gauss``), libm functions and set order are not used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def chance(seed: int, *purpose: int | str) -> Random:
    """A generator of its own for ``purpose``, so that drawing more for one thing never changes another."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


def below(random: Random, limit: int) -> int:
    """0 up to ``limit`` - 1."""
    return int(random.random() * limit)


def between(random: Random, low: int, high: int) -> int:
    """``low`` up to and with ``high``."""
    return low + int(random.random() * (high - low + 1))


def pick(random: Random, items: Sequence[T]) -> T:
    """One of ``items``, each as likely."""
    return items[int(random.random() * len(items))]


def skewed(random: Random, items: Sequence[T]) -> T:
    """One of ``items``, the front more likely: the first tenth gets a third of the draws."""
    return items[int(random.random() * random.random() * len(items))]


def shuffled(random: Random, items: Sequence[T]) -> list[T]:
    """``items`` in random order (Fisher-Yates)."""
    result = list(items)
    for last in range(len(result) - 1, 0, -1):
        other = int(random.random() * (last + 1))
        result[last], result[other] = result[other], result[last]
    return result
