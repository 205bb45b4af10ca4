"""How the renderings of an export come to know it: each event in clear, with what its stream folds to so far.

Streams come one after another, each from its beginning, so the state of one customer or account is in memory at a
time. Who listens keeps what it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from kyc.domain.account import AccountOpened
from kyc.domain.stream import STREAMS
from kyc.domain.submission import StreamName
from kyc.store.log import Recorded
from replay.container import Container
from replay.scopes import Part

_FOLDED: Final = frozenset({"customer", "account", "case"})


@dataclass(slots=True)
class Told:
    """The stream that is being told."""

    name: StreamName
    state: Any = None
    """What it folds to so far; None where it is not folded, or its beginning is not given."""
    branch: str = ""
    """Where its first event was recorded."""
    product: str = ""
    """Of an account."""


class Listener(Protocol):
    """Who is told of an export."""

    def see(self, told: Told, recorded: Recorded) -> None:
        """An event in clear; ``told`` has it folded in already."""
        ...

    def ended(self, told: Told) -> None:
        """A stream is over."""
        ...

    def write(self, box: Container) -> None:
        """All is told: write the files."""
        ...

    def close(self) -> None:
        """Give the disk back."""
        ...


class Telling:
    """Folds what passes by and tells the listeners."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners
        self._told: Told | None = None

    def see(self, part: Part, recorded: Recorded) -> None:
        """An event that is given in clear."""
        if self._told is None or self._told.name != part.name:
            self.end()
            self._told = Told(part.name, branch=recorded.context.branch)
        told, event = self._told, recorded.event
        assert event is not None, "only what is in clear is told"
        if part.name.kind in _FOLDED:
            told.state = STREAMS[part.name.kind].evolve(told.state, event)
            told.product = event.product if isinstance(event, AccountOpened) else told.product
        for listener in self._listeners:
            listener.see(told, recorded)

    def end(self) -> None:
        """The stream that was told is over."""
        if self._told is not None:
            for listener in self._listeners:
                listener.ended(self._told)
        self._told = None

    def write(self, box: Container) -> None:
        """All files of all listeners."""
        self.end()
        for listener in self._listeners:
            listener.write(box)

    def close(self) -> None:
        """Give the disk back."""
        for listener in self._listeners:
            listener.close()
