"""The branch's client and sender against the real service: in order, once, whatever the line does."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fix_bank import household, opened, registered
from fix_certificates import Make
from fix_line import BadLine
from fix_service import Provider, Running, Serve, wire

from kyc.clock import FixedClock
from kyc.domain.operations import ClockSkewObserved
from kyc.domain.submission import StreamName
from kyc.errors import ConfigurationError, FormatError, SignatureError, UnreachableError
from kyc.evidence.note import Verifier
from kyc.ingest.client import AsyncClient, Client, Credentials, ServiceError
from kyc.ingest.limits import BranchLimits
from kyc.ingest.sender import Sender
from kyc.ingest.spool import Spool
from kyc.service.limits import ServiceLimits

QUICK = BranchLimits(linger_seconds=0.0, pause_seconds=0.01, pause_most_seconds=0.05, answer_seconds=60.0)


def lines(*submissions: Any) -> list[bytes]:
    """Submissions as they are captured."""
    return [msgspec.json.encode(wire(one)) for one in submissions]


@pytest.fixture
def credentials(oidc: Provider, tmp_path: Path) -> Credentials:
    """A token in a file, as the machine of branch B-1 has one."""
    path = tmp_path / "token"
    path.write_text(oidc.token() + "\n")
    return Credentials(token=path)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """An empty spool."""
    opened_one = Spool(tmp_path / "spool")
    yield opened_one
    opened_one.close()


@pytest.fixture
def dial() -> Iterator[Callable[..., Client]]:
    """Makes clients that hang up after the test."""
    made: list[Client] = []

    def client(url: str, credentials: Credentials, limits: BranchLimits | None = None) -> Client:
        made.append(Client(url, credentials, limits=limits))
        return made[-1]

    yield client
    for one in made:
        one.close()


Dial = Callable[..., Client]


def test_a_batch_with_its_receipt(running: Running, credentials: Credentials) -> None:
    """Each submission has its result in order, and the signed receipt covers them."""
    key = Verifier.parse(running.service.receipt_verifier_key)
    with Client(running.url, credentials, receipt_key=key) as client:
        first = client.append(lines(registered("C1"), opened("A1", "C9"), registered("C2")))
        again = client.append(lines(registered("C1")))
    assert [bool(result.recorded) for result in first.results] == [True, False, True]
    assert first.results[1].problem.status == 422
    assert first.results[1].problem.field == "holders[0].customer"
    assert again.results[0].replayed
    assert again.results[0].recorded == first.results[0].recorded


def test_the_same_in_asyncio(running: Running, credentials: Credentials) -> None:
    """The asynchronous face does the same."""

    async def run() -> None:
        async with AsyncClient(running.url, credentials) as client:
            answers = await asyncio.gather(*[client.append(lines(registered(f"C{n}"))) for n in range(4)])
        assert [len(answer.results[0].recorded) for answer in answers] == [1] * 4

    asyncio.run(run())


def test_receipts_of_somebody_else(running: Running, credentials: Credentials) -> None:
    """What another key signed is not believed, though the service may have recorded it."""
    wrong = Verifier.parse(running.service.log_verifier_key)
    with (
        Client(running.url, credentials, receipt_key=wrong) as client,
        pytest.raises((SignatureError, FormatError)),
    ):
        client.append(lines(registered("C1")))


def test_whole_requests_refused(running: Running, tmp_path: Path) -> None:
    """A request without a login is an error with the problem, not an answer."""
    with Client(running.url, Credentials()) as client, pytest.raises(ServiceError) as refused:
        client.append(lines(registered("C1")))
    assert refused.value.problem.status == 401
    with pytest.raises(UnreachableError), Client("http://127.0.0.1:9", Credentials()) as client:
        client.append([])
    for url in ("http://bank.example", "ftp://127.0.0.1", "https://", "https://a@b"):
        with pytest.raises(ConfigurationError):
            Client(url, Credentials())
    with pytest.raises(ConfigurationError), Client(running.url, Credentials(token=tmp_path / "none")) as client:
        client.append([])


def test_everything_in_order(running: Running, credentials: Credentials, spool: Spool, dial: Dial) -> None:
    """A household is recorded as it was captured, refusals are put aside, nothing waits and receipts are kept."""
    spool.put(lines(*household()[:4], opened("A9", "C9"), *household()[4:]))
    sender = Sender(spool, dial(running.url, credentials), BranchLimits(batch_items=3, linger_seconds=0.0))
    assert sender.drain(60)
    found = spool.status()
    assert (found.captured, found.recorded, found.refused) == (0, len(household()), 1)
    ((key, problem),) = spool.refused()
    assert key == opened("A9", "C9").key
    assert json.loads(problem)["field"] == "holders[0].customer"
    assert len(list(spool.receipts())) == 4
    for one in household():
        assert spool.standing(one.key).state == "recorded"


def test_lost_answers(
    running: Running, credentials: Credentials, spool: Spool, bad_line: list[BadLine], dial: Dial
) -> None:
    """Requests whose answers are lost are sent again, and nothing is recorded twice."""
    bad_line.append(BadLine(running.url))
    (line,) = bad_line
    line.mood = "deaf"
    spool.put(lines(*[registered(f"C{n}") for n in range(6)]))
    sender = Sender(spool, dial(line.url, credentials, QUICK), QUICK)
    for _ in range(3):
        assert sender.step() > 0
    assert line.lost >= 3
    assert isinstance(sender.trouble, UnreachableError)
    assert spool.status().captured == 6
    line.set("dead")
    assert sender.step() > 0
    line.set("good")
    assert sender.drain(60)
    assert sender.trouble is None
    for number in range(6):
        assert len(list(running.service.log.events(StreamName("customer", f"C{number}")))) == 1


def test_a_batch_too_large(serve: Serve, credentials: Credentials, spool: Spool, dial: Dial) -> None:
    """A batch that is too large for the service is cut until it fits."""
    running = serve(ServiceLimits(batch_items=2))
    spool.put(lines(*[registered(f"C{n}") for n in range(7)]))
    assert Sender(spool, dial(running.url, credentials, QUICK), QUICK).drain(60)
    assert spool.status().recorded == 7


def test_certificates_are_exchanged(serve: Serve, make: Make, tmp_path: Path, spool: Spool) -> None:
    """A new certificate is used from the next request on; files that do not fit together yet change nothing."""
    root = make("root")
    server, old, new = make("server", root), make("old", root), make("new", root)
    identity = tmp_path / "accounts.toml"
    identity.write_text(
        f'[[account]]\nid = "core-old"\nbranch = "B-1"\ncertificates = ["{old.fingerprint}"]\n'
        f'[[account]]\nid = "core-new"\nbranch = "B-1"\ncertificates = ["{new.fingerprint}"]\n'
    )
    running = serve(
        certificate=str(server.path), key=str(server.key_path), client_ca=str(root.path), identity=str(identity)
    )
    mine = Credentials(certificate=tmp_path / "mine.pem", key=tmp_path / "mine.key", authorities=root.path)
    with pytest.raises(ConfigurationError), Client(running.url, mine) as client:
        client.append([])
    shutil.copy(old.path, tmp_path / "mine.pem")
    shutil.copy(old.key_path, tmp_path / "mine.key")
    with Client(running.url, mine) as client:
        client.append(lines(registered("C1")))
        shutil.copy(new.path, tmp_path / "mine.pem")  # and the old key, for a moment
        client.append(lines(registered("C2")))
        shutil.copy(new.key_path, tmp_path / "mine.key")
        client.append(lines(registered("C3")))
    actors = [next(running.service.log.events(StreamName("customer", f"C{n}"))).context.actor for n in (1, 2, 3)]
    assert actors == ["core-old", "core-old", "core-new"]


def test_a_service_that_cannot_be_believed(spool: Spool, dial: Dial) -> None:
    """Lines stay where the answer says less than it must."""
    spool.put(lines(registered("C1"), registered("C2")))
    for body in (b"{}", b'{"results": []}', b'{"results": [{"key": "a"}, {"key": "b"}]}', b"<html>"):
        with _answering(body) as url:
            sender = Sender(spool, dial(url, Credentials(), QUICK), QUICK)
            assert sender.step() > 0
            assert isinstance(sender.trouble, FormatError)
    assert spool.status().captured == 2


class _answering:  # noqa: N801  reads as the verb it is
    """A server that answers everything with one body."""

    def __init__(self, body: bytes) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing to say."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Passing:
    """A service that is in trouble for one submission of a batch."""

    def __init__(self, inner: Client) -> None:
        self._inner = inner
        self.calls: list[int] = []

    def append(self, given: Sequence[bytes]) -> Any:
        """The first time, the second submission is not recorded for now."""
        self.calls.append(len(given))
        if len(self.calls) > 1:
            return self._inner.append(given)
        answer = self._inner.append([given[0]])
        later = msgspec.convert(
            {"key": "k", "problem": {"type": "about:blank", "title": "", "status": 503}}, type(answer.results[0])
        )
        return msgspec.structs.replace(answer, results=[answer.results[0], later])


def test_trouble_with_one_of_a_batch(running: Running, credentials: Credentials, spool: Spool, dial: Dial) -> None:
    """What was recorded leaves the spool, what was not for now stays and is sent again."""
    spool.put(lines(registered("C1"), registered("C2")))
    service = Passing(dial(running.url, credentials))
    sender = Sender(spool, service, QUICK)
    assert sender.step() > 0
    assert spool.status().recorded == 1
    assert sender.drain(60)
    assert service.calls == [2, 1]


def test_a_branch_says_what_time_it_is(running: Running, credentials: Credentials) -> None:
    """A branch whose clock is a day behind is served all the same, and it is on record how far it is off."""
    yesterday = FixedClock(running.service.clock.now_us() - 86_400_000_000)
    with Client(running.url, credentials, clock=yesterday) as client:
        client.append(lines(registered("C1")))
    (skew,) = running.service.log.events(StreamName("operations", "service"))
    assert isinstance(skew.event, ClockSkewObserved)
    assert -90_000_000 < skew.event.milliseconds <= -86_400_000
