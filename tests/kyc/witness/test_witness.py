"""The witness answers as C2SP tlog-witness says, over HTTP, remembers durably, and never signs two histories."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest
from fix_liar import GROWN, ORIGIN, SEEN, HonestLog, entry, grown, honest

from kyc.clock import FixedClock
from kyc.errors import (
    ConfigurationError,
    ConflictError,
    FormatError,
    KycError,
    LogMismatchError,
    NotFoundError,
    SignatureError,
    UnreachableError,
)
from kyc.evidence import checkpoint, merkle, note
from kyc.evidence.edge import EMPTY_ROOT
from kyc.witness import ask, protocol
from kyc.witness.protocol import Request
from kyc.witness.server import WitnessServer
from kyc.witness.state import State
from kyc.witness.witness import Witness

NOW = 1_790_000_000  # seconds


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A witness's state that trusts the log."""
    made = State.create(tmp_path / "witness", "witness.example/w1")
    made.trust(honest().vkey)
    return made


@pytest.fixture
def clock() -> FixedClock:
    """The witness's clock."""
    return FixedClock(NOW * 1_000_000)


@pytest.fixture
def server(state: State, clock: FixedClock) -> Iterator[WitnessServer]:
    """The witness over HTTP."""
    with WitnessServer("127.0.0.1", 0, state, Witness(state, clock)) as served:
        thread = Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def call(server: WitnessServer, method: str, path: str, body: bytes | None = None) -> tuple[int, str, str]:
    """(status, content type, body) of a call."""
    connection = HTTPConnection(*server.server_address[:2], timeout=60)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()
    finally:
        connection.close()


def add(server: WitnessServer, old: int, signed: str, proof: tuple[bytes, ...] = ()) -> tuple[int, str, str]:
    """Call add-checkpoint."""
    return call(server, "POST", "/add-checkpoint", protocol.format(Request(old, proof, signed)))


def proof(log: HonestLog, old: int) -> tuple[bytes, ...]:
    """The consistency proof to the log's present size."""
    return tuple(merkle.consistency_proof(old, len(log.entries), log.reader))


def test_cosigns_what_grows(server: WitnessServer, state: State) -> None:
    """First from nothing, then with proof: a cosignature line that verifies, with the witness's time."""
    for log, old in ((honest(), 0), (grown(), SEEN)):
        status, _, body = add(server, old, log.signed, proof(log, old) if old else ())
        assert status == 200
        opened = checkpoint.open_checkpoint(log.signed + body, log.signer.verifier, [state.verifier])
        ((_, signature),) = opened.cosignatures
        assert signature.time == NOW
        assert opened.checkpoint.size == len(log.entries)


def test_same_again(server: WitnessServer) -> None:
    """The same checkpoint is cosigned again, with the old size it was told of."""
    assert add(server, 0, honest().signed)[0] == 200
    status, type, body = add(server, 0, honest().signed)
    assert (status, type, body) == (409, "text/x.tlog.size", f"{SEEN}\n")
    assert add(server, SEEN, honest().signed)[0] == 200


@pytest.mark.parametrize(
    ("status", "old", "make"),
    [
        (404, 0, lambda: (HonestLog([entry(1)], origin="other.example/log").signed, ())),
        (403, 0, lambda: (HonestLog([entry(1)], seed=2).signed, ())),
        (403, 0, lambda: (honest().signed.replace("\n300\n", "\n301\n"), ())),
        (400, SEEN + 1, lambda: (honest().signed, ())),
        (409, 7, lambda: (grown().signed, ())),
        (409, SEEN - 1, lambda: (grown().signed, proof(grown(), SEEN - 1))),
        (422, SEEN, lambda: (grown().signed, ())),
        (422, SEEN, lambda: (grown().signed, proof(grown(), SEEN - 1))),
        (422, SEEN, lambda: (grown().signed, (*proof(grown(), SEEN), bytes(32)))),
        (422, SEEN, lambda: (honest().sign(SEEN, bytes(32)), ())),
        (422, SEEN, lambda: (honest().signed, (bytes(32),))),
    ],
)  # fmt: skip
def test_refusals(server: WitnessServer, state: State, status: int, old: int, make) -> None:
    """Each way a request can be wrong has the status the specification gives it; nothing is cosigned."""
    assert add(server, 0, honest().signed)[0] == 200
    signed, hashes = make()
    assert add(server, old, signed, hashes)[0] == status
    latest = state.log(ORIGIN).latest()
    assert latest is not None
    assert latest.checkpoint.size == SEEN


def test_empty_tree(server: WitnessServer) -> None:
    """The empty log is cosigned with its own root only; from it everything continues, without a proof."""
    log = honest()
    wrong = f"{ORIGIN}\n0\n{'A' * 43}=\n"
    assert add(server, 0, note.sign(wrong, log.signer))[0] == 422
    assert add(server, 0, log.signed, (bytes(32),))[0] == 422
    assert add(server, 0, log.sign(0, EMPTY_ROOT))[0] == 200
    assert add(server, 0, log.signed)[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        b"", b"old 0\n", b"old 00\n\n", b"new 0\n\n", b"old -1\n\n", b"old 0\nAAAA\n\n", b"\xff\n\n",
        b"old 0\n\nnot a note", b"old 0\r\n\r\n",
        b"old 0\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + honest().signed.encode(),
    ],
)  # fmt: skip
def test_malformed_requests(server: WitnessServer, body: bytes) -> None:
    """What is not a request is answered with 400, never with a signature or a traceback."""
    assert call(server, "POST", "/add-checkpoint", body)[0] == 400


def test_every_changed_byte_is_refused(state: State, clock: FixedClock) -> None:
    """No one-byte change of a good request is cosigned as something else."""
    witness = Witness(state, clock)
    assert witness.add_checkpoint(protocol.format(Request(0, (), honest().signed))).status == 200
    log = grown()
    good = protocol.format(Request(SEEN, proof(log, SEEN), log.signed))
    for at in range(len(good)):
        bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        assert witness.add_checkpoint(bad).status in {400, 403, 404, 409, 422}, at
    assert witness.add_checkpoint(good).status == 200


def test_paths_and_methods(server: WitnessServer) -> None:
    """Only the paths of the specification answer; the checkpoint is served with both signatures."""
    hashed = protocol.origin_hash(ORIGIN)
    assert call(server, "GET", f"/{hashed}/checkpoint")[0] == 404
    add(server, 0, honest().signed)
    status, _, body = call(server, "GET", f"/{hashed}/checkpoint")
    assert status == 200
    assert len(note.parse(body).signatures) == 2
    for path in (
        "/",
        "/../name",
        f"/{hashed}/../../keys",
        "/mirror/" + hashed + "/../../../name",
        f"/mirror/{hashed}/x",
    ):
        assert call(server, "GET", path)[0] == 404
    assert call(server, "POST", "/elsewhere", b"")[0] == 404
    assert call(server, "PUT", "/add-checkpoint", b"")[0] == 501


def test_too_long_and_too_busy(server: WitnessServer) -> None:
    """A body above the limit is not read; beyond so many at once callers are asked to come back."""
    connection = HTTPConnection(*server.server_address[:2], timeout=60)
    connection.putrequest("POST", "/add-checkpoint")
    connection.putheader("Content-Length", str(protocol.BODY_MAX + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    while server.room.acquire(blocking=False):
        pass
    assert add(server, 0, honest().signed)[0] == 503


def test_remembers(state: State, clock: FixedClock) -> None:
    """A witness started anew on its folder knows what it cosigned; its time never runs back."""
    assert Witness(state, clock).add_checkpoint(protocol.format(Request(0, (), honest().signed))).status == 200
    clock.advance(-3_600_000_000)
    log = grown()
    request = protocol.format(Request(SEEN, proof(log, SEEN), log.signed))
    answer = Witness(State(state.folder), clock).add_checkpoint(request)
    (signature,) = protocol.parse_cosignatures(answer.body)
    assert signature.time == NOW


def test_damaged_record_stops_the_witness(server: WitnessServer, state: State) -> None:
    """A record that was edited does not verify: the witness signs nothing until a person has looked."""
    add(server, 0, honest().signed)
    file = state.log(ORIGIN).folder / "checkpoint"
    file.write_text(file.read_text().replace("\n300\n", "\n200\n"))
    assert add(server, 200, grown().signed, proof(grown(), 200))[0] == 500
    file.write_text(honest().signed)
    assert add(server, SEEN, grown().signed, proof(grown(), SEEN))[0] == 500


def test_torn_history_line(state: State, clock: FixedClock) -> None:
    """A line torn by a crash hides neither the lines before nor those after it."""
    witness = Witness(state, clock)
    witness.add_checkpoint(protocol.format(Request(0, (), honest().signed)))
    log = state.log(ORIGIN)
    with (log.folder / "history").open("a") as file:
        file.write('{"size": 5, "check')
    later = grown()
    witness.add_checkpoint(protocol.format(Request(SEEN, proof(later, SEEN), later.signed)))
    assert log.cosigned(SEEN)
    assert log.cosigned(GROWN)
    assert log.cosigned(5) is None


def test_race(state: State, clock: FixedClock) -> None:
    """Of many calls at once for two forks, one history is cosigned, and the record ends at its newest."""
    entries = [entry(n) for n in range(20)]
    forks = [
        HonestLog([*entries[:n], entry(99, f"{fork}"), *entries[n + 1 :]]) for fork in range(2) for n in range(10)
    ]
    witness = Witness(state, clock)
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda log: witness.add_checkpoint(protocol.format(Request(0, (), log.signed))), forks)
        )
    assert sorted(answer.status for answer in answers) == [200] + [409] * (len(forks) - 1)


def test_false_accusation_is_struck_out(server: WitnessServer, state: State) -> None:
    """A stranger who sends the log's own checkpoint with a bad proof does no lasting harm."""
    add(server, 0, honest().signed)
    log = grown()
    assert add(server, SEEN, log.signed, (bytes(32),))[0] == 422
    assert [one.kind for one in state.log(ORIGIN).misbehaviours()] == ["rewritten"]
    assert add(server, SEEN, log.signed, proof(log, SEEN))[0] == 200
    assert not state.log(ORIGIN).misbehaviours()


# --- the log's side ---------------------------------------------------------------------------------------


def prover(log: HonestLog):
    """Proofs out of a log's tiles."""
    return lambda old, new: merkle.consistency_proof(old, new, log.reader)


def test_log_asks(server: WitnessServer, state: State) -> None:
    """The log needs to remember nothing of the witness: it is told the old size and proves from there."""
    for log in (honest(), honest(), grown()):
        signature = ask.cosignature(server.url, state.verifier, log.signed, prover(log))
        assert state.verifier.verify(note.parse(log.signed).text, signature)
    seen = ask.seen(server.url, state.verifier, [honest().signer.verifier])
    assert seen is not None
    assert seen.checkpoint.size == GROWN


@pytest.mark.parametrize(
    ("error", "word", "make"),
    [
        (LogMismatchError, "rolled back", lambda: HonestLog([entry(n) for n in range(SEEN - 1)])),
        (LogMismatchError, "another history", lambda: HonestLog([entry(n) for n in range(1, SEEN + 1)])),
        (LogMismatchError, "another history", lambda: HonestLog([entry(n) for n in range(1, GROWN)])),
        (SignatureError, "does not accept", lambda: HonestLog([entry(1)], seed=2)),
        (SignatureError, "does not accept", lambda: HonestLog([entry(1)], origin="other.example/log")),
    ],
)
def test_log_is_told_what_is_wrong(
    server: WitnessServer, state: State, error: type[KycError], word: str, make
) -> None:
    """Whoever runs a log that was rolled back, forked or rewritten learns it from the witness, by name."""
    ask.cosignature(server.url, state.verifier, honest().signed, prover(honest()))
    log = make()
    with pytest.raises(error, match=word) as said:
        ask.cosignature(server.url, state.verifier, log.signed, prover(log))
    assert said.value.field == state.name


def test_lying_witness(server: WitnessServer, state: State, tmp_path: Path) -> None:
    """A witness whose answer is not signed by the key it is known by is not believed, nor is what it serves."""
    other = State.create(tmp_path / "other", "witness.example/w1")
    with pytest.raises(SignatureError):
        ask.cosignature(server.url, other.verifier, honest().signed, prover(honest()))
    with pytest.raises(SignatureError):
        ask.seen(server.url, other.verifier, [honest().signer.verifier])
    assert ask.seen(server.url, state.verifier, [HonestLog(origin="other.example/log").signer.verifier]) is None


@pytest.mark.parametrize("url", ["ftp://example.com", "witness.example", "file:///etc/passwd", "http://"])
def test_not_an_address(state: State, url: str) -> None:
    """Only http and https are spoken."""
    with pytest.raises(ConfigurationError):
        ask.cosignature(url, state.verifier, honest().signed, prover(honest()))


def test_nobody_answers(state: State) -> None:
    """A witness that is gone is said to be."""
    with pytest.raises(UnreachableError):
        ask.cosignature("http://127.0.0.1:9", state.verifier, honest().signed, prover(honest()))


# --- the folder -------------------------------------------------------------------------------------------


def test_folder(tmp_path: Path, state: State) -> None:
    """A folder holds one witness; keys are its own; what is not a log's key is not trusted."""
    with pytest.raises(ConflictError):
        State.create(state.folder, "witness.example/w2")
    with pytest.raises(ConfigurationError):
        State(tmp_path / "none")
    with pytest.raises(FormatError):
        State.create(tmp_path / "bad", "two words")
    with pytest.raises(FormatError):
        state.trust(str(state.verifier))
    with pytest.raises(NotFoundError):
        state.log("other.example/log")
    assert state.verifier != state.mirror_cosigner(0).verifier
    assert state.trust(honest().vkey) == honest().signer.verifier
    assert len(state.logs()[ORIGIN]) == 1
    state.trust(HonestLog(seed=2).vkey)
    assert len(state.logs()[ORIGIN]) == 2
    for file in (state.folder / "keys").iterdir():
        assert not file.stat().st_mode & 0o077
    assert re.fullmatch(r"witness\.example/w1\+[0-9a-f]{8}\+\S+", str(state.verifier))
