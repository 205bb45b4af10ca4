"""The end of a service, in order or by SIGKILL: what was answered is on record, and the next one goes on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fix_bank import registered
from fix_embedded import state_of, wait_until
from fix_service import NDJSON, Provider, Running, ndjson, wire

from kyc.domain.submission import StreamName
from kyc.keys.file_provider import FileKeyProvider
from kyc.store.database import Database
from kyc.store.log import EventLog

EVENTS, STREAM = "/v1/events", "/v1/events:stream"


class Process:
    """``kyc serve`` as an operator runs it, over the test's database."""

    def __init__(self, database: str, home: Path, identity: Path, *options: str) -> None:
        command = [sys.executable, "-m", "kyc", "--home", str(home), "--database", database, "--json", "serve"]
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--identity", str(identity), *options], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["url"]

    def end(self, signal_: int = signal.SIGTERM) -> int:
        """Tell it to stop, or make it; its exit code."""
        self.process.send_signal(signal_)
        return self.process.wait(60)

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.end()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def start(database: str, tmp_path: Path, identity_file: Path) -> Iterator:
    """Starts such processes; all are ended after the test."""
    made: list[Process] = []

    def begin(*options: str) -> Process:
        made.append(Process(database, tmp_path / "home", identity_file, *options))
        return made[-1]

    yield begin
    for one in made:
        one.close()


@pytest.fixture
def recorded(database: str, tmp_path: Path) -> Iterator:
    """Whether a customer is on record, asked beside the service."""
    log: EventLog | None = None

    def ask(number: str) -> bool:
        nonlocal log
        log = log or EventLog(Database(database), FileKeyProvider.open(tmp_path / "home" / "keys"))
        return len(list(log.reader.stream(log.stream_id(StreamName("customer", number))))) == 1

    yield ask
    if log is not None:
        log.close()


class Load:
    """Clients that record customer after customer until nobody answers; what was answered, and what was not."""

    def __init__(self, url: str, token: str, clients: int = 6) -> None:
        self.answered: list[str] = []
        self.refused: list[int] = []
        self._threads = [threading.Thread(target=self._run, args=(url, token, n)) for n in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self, url: str, token: str, client: int) -> None:
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
            for number in range(100_000):
                name = f"L{client}-{number}"
                try:
                    answer = http.post(EVENTS, json=wire(registered(name)))
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    self.answered.append(name)
                else:
                    self.refused.append(answer.status_code)
                    return

    def wait_for(self, count: int) -> None:
        """Until so many were answered."""
        wait_until(lambda: len(self.answered) >= count)

    def join(self) -> None:
        """Until every client has given up."""
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


@pytest.mark.slow
@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGTERM])
def test_ended_under_load(start, recorded, oidc: Provider, signal_: int) -> None:
    """Every answered event is on record; told to stop in order it ends by itself with code 0, refusing politely."""
    service = start()
    load = Load(service.url, oidc.token())
    load.wait_for(40)
    code = service.end(signal_)
    load.join()
    assert code == (0 if signal_ == signal.SIGTERM else -signal.SIGKILL)
    assert set(load.refused) <= {503}
    assert load.answered
    assert [name for name in load.answered if not recorded(name)] == []
    again = start()
    with httpx.Client(base_url=again.url, headers={"authorization": f"Bearer {oidc.token()}"}, timeout=60) as http:
        answer = http.post(EVENTS, json=[wire(registered(name)) for name in load.answered]).json()
    assert all(result["replayed"] for result in answer["results"])


@pytest.mark.slow
def test_several_processes(start, recorded, oidc: Provider, capfd: pytest.CaptureFixture[str]) -> None:
    """Two processes share the port; one is killed, everything answered is on record, all end together, in order."""
    service = start("--processes", "2")
    load = Load(service.url, oidc.token())
    load.wait_for(30)
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    assert len(children) == 2
    numbers = httpx.get(f"{service.url}/metrics", timeout=60).text
    assert 'kyc_append_submissions_total{outcome="recorded"}' in numbers
    os.kill(int(children[0]), signal.SIGKILL)
    load.wait_for(len(load.answered))
    assert service.end() == 0
    load.join()
    assert [name for name in load.answered if not recorded(name)] == []
    wait_until(lambda: all(state_of(int(pid)) in {"", "Z"} for pid in children))
    assert "Fatal" not in capfd.readouterr().err


def test_a_stream_is_cut_between_answers(running: Running, oidc: Provider) -> None:
    """Told to stop while a stream goes on: what was answered is on record, the end says that it is not complete."""
    parts = urlsplit(running.url)
    connection = socket.create_connection((str(parts.hostname), parts.port), timeout=60)
    head = (
        f"POST {STREAM} HTTP/1.1", "Host: x", f"Authorization: Bearer {oidc.token()}", f"Content-Type: {NDJSON}",
        "Transfer-Encoding: chunked", "", "",
    )  # fmt: skip
    said = b""
    with connection:
        connection.sendall("\r\n".join(head).encode())
        for number in range(1_000):
            line = ndjson(wire(registered(f"S{number}")))
            connection.sendall(b"%x\r\n%b\r\n" % (len(line), line))
            while said.count(b'"line"') <= number and b'"end"' not in said:
                said += connection.recv(65_536)
            if number == 5:
                running.server.stop()
            if b'"end"' in said:
                break
    running.thread.join(60)
    assert not running.thread.is_alive()
    lines = [json.loads(line) for line in said.split(b"\r\n") if line.startswith(b'{"end"')]
    (end,) = [line["end"] for line in lines]
    assert (end["complete"], end["problem"]["status"]) == (False, 503)
    assert end["recorded"] == said.count(b'"recorded":[') >= 5


def test_not_ready_while_stopping(running: Running) -> None:
    """Readiness says so from the first moment; a process that lives says that it lives."""
    assert httpx.get(f"{running.url}/readyz", timeout=60).status_code == 200
    running.server._application.drain()
    answer = httpx.get(f"{running.url}/readyz", timeout=60)
    assert (answer.status_code, answer.json()["writer"]) == (503, "stopping")
    assert httpx.get(f"{running.url}/livez", timeout=60).status_code == 200
