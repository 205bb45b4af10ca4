"""Several processes on one port: started, watched, started again when one dies, stopped together.

Each worker is a process of its own, told on its standard input what to run; the end of that input tells it that the
one who started it is gone. Nothing secret stands on a command line.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from prometheus_client.multiprocess import mark_process_dead

from kyc.logs import logger
from kyc.service.server import Options
from kyc.wiring import Configuration, open_service

READY: Final = "ready\n"
_PAUSE: Final = 1.0
"""Seconds before a worker that died is started again."""
_PATIENCE: Final = 45.0
"""Seconds for workers to finish before they are killed: longer than they give their requests."""

_log = logger("crew")


class Order(NamedTuple):
    """What a worker is told to run."""

    configuration: dict[str, str | int | None]
    options: Options


def run_many(
    configuration: Configuration, options: Options, bound: socket.socket, ready: Callable[[], None]
) -> None:
    """Run the workers until told to stop. ``bound`` only keeps the port: nobody listens on it."""
    stop = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: stop.set())
    folder = Path(tempfile.mkdtemp(prefix="kyc-metrics-"))
    with bound, open_service(configuration):  # starts and migrates the embedded database once for all
        crew = [_Worker(configuration, options, folder) for _ in range(options.processes)]
        try:
            for worker in crew:
                worker.wait()
            if not stop.is_set():
                ready()
            while not stop.wait(_PAUSE):
                for worker in crew:
                    worker.revive()
        finally:
            deadline = time.monotonic() + _PATIENCE
            for worker in crew:
                worker.end()
            for worker in crew:
                worker.reap(max(0.0, deadline - time.monotonic()))
            shutil.rmtree(folder, ignore_errors=True)


class _Worker:
    def __init__(self, configuration: Configuration, options: Options, folder: Path) -> None:
        plain = {
            name: str(value) if isinstance(value, Path) else value for name, value in asdict(configuration).items()
        }
        self._order = msgspec.json.encode(Order(plain, options)) + b"\n"
        self._folder = folder
        self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "kyc.service.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(self._folder)},
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(self._order)
        process.stdin.flush()
        return process

    def wait(self) -> None:
        """Until it takes connections, or has ended."""
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def revive(self) -> None:
        """Start it again if it ended."""
        if self._process.poll() is None:
            return
        _log.error("a worker ended", rule=f"exit code {self._process.returncode}", pid=self._process.pid)
        self._buried()
        self._process = self._started()

    def end(self) -> None:
        """Tell it to stop."""
        if self._process.poll() is None:
            self._process.terminate()

    def reap(self, seconds: float) -> None:
        """Wait for its end, or make one."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._buried()

    def _buried(self) -> None:
        mark_process_dead(self._process.pid, str(self._folder))  # type: ignore[no-untyped-call]
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
