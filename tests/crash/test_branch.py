"""A branch under load while client, service, database and line die in turn: nothing lost, nothing doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from fix_bank import registered
from fix_embedded import wait_until
from fix_line import BadLine
from fix_service import wire

from kyc.domain.submission import StreamName
from kyc.ingest.spool import Spool
from kyc.wiring import Configuration, open_service

KYC = (sys.executable, "-m", "kyc")
PATIENCE = 60.0


@dataclass
class House:
    """A bank's service and one of its branches, as processes of their own with a bad line between them."""

    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """Keys and database of the bank."""
        return self.folder / "home"

    def kyc(self, *arguments: str) -> str:
        """A command of the bank's, run to its end."""
        command = [*KYC, "--home", str(self.home), *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=2 * PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, name: str, *arguments: str) -> str:
        """Start a process; the address it names in its first line."""
        process = subprocess.Popen([*KYC, "--home", str(self.home), "--json", *arguments], stdout=subprocess.PIPE)
        assert process.stdout is not None
        self.running[name] = process
        return str(json.loads(process.stdout.readline())["url"])

    def kill(self, name: str) -> None:
        """Kill a process at once."""
        process = self.running.pop(name)
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

    def kill_database(self) -> None:
        """Kill the database's first process, and start it again as any command does."""
        (lock,) = self.home.rglob("postmaster.pid")
        os.kill(int(lock.read_text().split()[0]), signal.SIGKILL)
        self.kyc("status")

    def serve(self) -> str:
        """Start the service on a port that is free; its address."""
        return self.start("service", "serve", "--development", "--port", "0")

    def send(self, line: BadLine) -> None:
        """Start the branch's daemon."""
        token = str(self.folder / "token")
        self.start("branch", "branch", "run", str(self.folder / "spool"), "--url", line.url, "--token", token)


def captures(spool: Spool, stop: threading.Event, captured: list[str]) -> None:
    """A branch at work: customers one after the other, a few in each commit."""
    number = 0
    while not stop.is_set():
        batch = [registered(f"C{number + n}") for n in range(4)]
        spool.put([msgspec.json.encode(wire(one)) for one in batch])
        captured += [one.key for one in batch]
        number += len(batch)
        stop.wait(0.02)


@pytest.mark.slow
def test_nothing_lost_nothing_doubled(tmp_path: Path) -> None:
    """Every submission captured is recorded exactly once, with the hash the branch was told."""
    house = House(tmp_path)
    line = BadLine(house.serve())
    token = house.kyc("token", "--actor", "core-b1", "--branch", "B001", "--role", "branch-system")
    (tmp_path / "token").write_text(token)
    house.send(line)
    spool, stop, captured = Spool(tmp_path / "spool"), threading.Event(), []
    worker = threading.Thread(target=captures, args=(spool, stop, captured))
    worker.start()

    def client_dies() -> None:
        house.kill("branch")
        house.send(line)

    def service_dies() -> None:
        house.kill("service")
        line.retarget(house.serve())

    def line_dies() -> None:
        line.set("dead")
        time.sleep(0.5)
        line.set("good")

    def answers_are_lost() -> None:
        line.set("deaf")
        time.sleep(0.5)
        line.set("good")

    deaths: list[Callable[[], None]] = [answers_are_lost, client_dies, service_dies, line_dies, house.kill_database]

    def at_work() -> bool:
        return spool.status().recorded > before + 8

    try:
        for die in deaths:
            before = spool.status().recorded
            wait_until(at_work)
            die()
    finally:
        stop.set()
        worker.join()
    house.kill("branch")
    sent = house.kyc("--json", "branch", "send", str(tmp_path / "spool"), "--url", line.url,
                     "--token", str(tmp_path / "token"), "--seconds", str(PATIENCE))  # fmt: skip
    assert json.loads(sent)["recorded"] == len(captured)
    with house.running.pop("service") as service:
        service.send_signal(signal.SIGTERM)
        assert service.wait(PATIENCE) == 0
    _compare(house, spool, captured)
    line.close()
    spool.close()
    house.kyc("stop")


def _compare(house: House, spool: Spool, captured: list[str]) -> None:
    """What the branch was told is what the ledger has, and the ledger has nothing else."""
    with open_service(Configuration.read(house.home, None, {})) as service:
        assert sum(service.log.reader.positions().values()) == len(captured)
        for key in captured:
            (stored,) = service.log.events(StreamName("customer", key.partition("/")[0]))
            standing = spool.standing(key)
            assert standing is not None
            assert standing.state == "recorded"
            (told,) = json.loads(standing.answer)["recorded"]
            assert (told["version"], told["hash"]) == (1, stored.row.hash.hex())
