"""A bad line between a branch and the service: passes bytes on, loses answers, hangs up, or is dead."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Literal
from urllib.parse import urlsplit

import pytest

Mood = Literal["good", "deaf", "dead"]


class BadLine:
    """A TCP relay on loopback. ``deaf`` carries requests and loses the answers, ``dead`` takes no connection."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (str(parts.hostname), int(parts.port or 0))
        self._scheme = parts.scheme
        self.mood: Mood = "good"
        self.lost = 0
        """Answers that were lost."""
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, name="bad-line", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the branch finds the service."""
        return f"{self._scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def set(self, mood: Mood) -> None:
        """Change, and hang up what is open."""
        self.mood = mood
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def retarget(self, target: str) -> None:
        """The service has moved."""
        parts = urlsplit(target)
        self._target = (str(parts.hostname), int(parts.port or 0))

    def close(self) -> None:
        """Hang up and stop."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.set("dead")
        self._thread.join(60)

    def _accept(self) -> None:
        while True:
            try:
                branch, _ = self._listener.accept()
            except OSError:
                return
            if self.mood == "dead":
                branch.close()
                continue
            try:
                service = socket.create_connection(self._target, timeout=60)
            except OSError:
                branch.close()
                continue
            with self._lock:
                self._open |= {branch, service}
            for source, sink in ((branch, service), (service, branch)):
                threading.Thread(target=self._carry, args=(source, sink, sink is branch), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if answers and self.mood == "deaf":
                    self.lost += 1
                    break
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open -= {source, sink}
        source.close()


@pytest.fixture
def bad_line(request: pytest.FixtureRequest) -> Iterator[list[BadLine]]:
    """Lines of the test, closed after it; append to it."""
    lines: list[BadLine] = []
    yield lines
    for one in lines:
        one.close()
