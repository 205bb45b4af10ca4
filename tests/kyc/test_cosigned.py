"""Nothing is given out under a checkpoint that the witness policy does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from fix_bank import booked, household

from kyc.clock import FixedClock, SystemClock
from kyc.domain.submission import StreamName
from kyc.errors import LogMismatchError, NotFoundError, SignatureError
from kyc.evidence import checkpoint, leaf, note, policy, tlog_proof
from kyc.evidence.policy import Party, Policy
from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from kyc.publish import prove, publish
from kyc.sealing import cosign
from kyc.store.seal import Sealer
from kyc.store.sealed import SealedLog
from kyc.witness.server import WitnessServer
from kyc.witness.state import State
from kyc.witness.witness import Witness
from replay.audit import audit
from replay.findings import Kind

CLOCK = FixedClock(1_790_000_000_000_000)


@dataclass
class World:
    """A ledger, its key, and three witnesses of whom two are enough."""

    ledger: Ledger
    signer: note.Signer
    servers: dict[str, WitnessServer]
    stop: Callable[[str], None]

    @property
    def policy(self) -> Policy:
        """Two of three."""
        lines = [f"witness {name} {one.state.verifier} {one.url}\n" for name, one in self.servers.items()]
        read = policy.parse("".join([*lines, "group g 2 a b c\n", "quorum g\n"]).encode())
        return replace(read, logs=(Party(self.signer.verifier),))

    @property
    def sealed(self) -> SealedLog:
        """The sealed log under the policy."""
        return SealedLog(self.ledger.log.database, self.ledger.log.reader, self.policy)

    def seal(self) -> None:
        """Seal what there is."""
        sealer = Sealer(self.ledger.log.database, self.signer.private_key)
        sealer.seal()
        sealer.release()


@pytest.fixture
def world(ledger: Ledger, provider: FileKeyProvider, tmp_path: Path) -> Iterator[World]:
    """A sealed household and its witnesses."""
    signer = note.Signer(ledger.log.database.origin(), provider.signing_key("log"))
    servers: dict[str, WitnessServer] = {}
    with ExitStack() as stack:

        def start(name: str) -> None:
            state = State.create(tmp_path / name, f"{name}.example/witness")
            state.trust(str(signer.verifier))
            server = stack.enter_context(WitnessServer("127.0.0.1", 0, state, Witness(state, SystemClock())))
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            stack.callback(server.shutdown)
            servers[name] = server

        def stop(name: str) -> None:
            servers[name].shutdown()
            servers[name].socket.close()

        for name in "abc":
            start(name)
        ledger.record(household())
        made = World(ledger, signer, servers, stop)
        made.seal()
        yield made


def test_nothing_before_the_quorum(world: World, tmp_path: Path) -> None:
    """Sealed is not published: neither files nor proofs, until two of three witnesses have cosigned."""
    (row,) = world.ledger.log.reader.stream(world.ledger.log.stream_id(StreamName("postings", "A1")))
    vkey = str(world.signer.verifier)
    world.stop("a")
    world.stop("b")
    with pytest.raises(SignatureError, match="too few") as refused:
        cosign(world.sealed, world.policy, CLOCK)
    assert "a: " in (refused.value.rule or "")
    with pytest.raises(NotFoundError, match="cosigned"):
        publish(world.sealed, tmp_path / "log", vkey)
    with pytest.raises(NotFoundError, match="cosigned"):
        prove(world.sealed, row)
    assert not (tmp_path / "log").exists()


def test_given_out_once_it_holds(world: World, tmp_path: Path) -> None:
    """One witness of three may be away; what is given out carries the cosignatures, and they verify."""
    world.stop("b")
    signed = cosign(world.sealed, world.policy, CLOCK)
    assert cosign(world.sealed, world.policy, CLOCK) == world.sealed.published() == signed
    publish(world.sealed, tmp_path / "log", str(world.signer.verifier))
    opened = world.policy.open((tmp_path / "log" / "checkpoint").read_bytes())
    assert {verifier.name for verifier, _ in opened.cosignatures} == {"a.example/witness", "c.example/witness"}
    (row,) = world.ledger.log.reader.stream(world.ledger.log.stream_id(StreamName("postings", "A1")))
    proof = tlog_proof.parse(prove(world.sealed, row))
    witnesses = [party.verifier for party in world.policy.witnesses.values()]
    entry = leaf.entry(row.stream_id, row.version, row.hash)
    assert len(tlog_proof.verify(proof, entry, world.signer.verifier, witnesses).cosignatures) == 2


def test_newer_events_wait(world: World, tmp_path: Path) -> None:
    """What was sealed since is not given out: the older checkpoint is, and the newer one once it is cosigned."""
    first = cosign(world.sealed, world.policy, CLOCK)
    world.ledger.record([booked("P9", ("A1", "debit", "1.00"))])
    world.seal()
    assert publish(world.sealed, tmp_path / "log", str(world.signer.verifier))[1] == first.size
    *_, row = world.ledger.log.reader.stream(world.ledger.log.stream_id(StreamName("postings", "A1")))
    with pytest.raises(NotFoundError):
        prove(world.sealed, row)
    cosign(world.sealed, world.policy, CLOCK)
    assert publish(world.sealed, tmp_path / "log", str(world.signer.verifier))[1] == first.size + 1
    assert prove(world.sealed, row)


def test_a_witness_with_another_history_stops_everything(world: World) -> None:
    """Even where two others would be enough: a witness that has seen a fork is never outvoted."""
    state = world.servers["a"].state
    newest = world.sealed.checkpoint()
    assert newest is not None
    fork = checkpoint.Checkpoint(world.signer.name, newest.size, bytes(32))
    signed = checkpoint.sign(fork, world.signer, state.cosigner(1))
    state.log(world.signer.name).record(signed, newest.size)
    with pytest.raises(LogMismatchError, match="another history"):
        cosign(world.sealed, world.policy, CLOCK)
    assert world.sealed.published() is None


def test_stricter_policy_asks_again(world: World) -> None:
    """What held a laxer policy is not given out under a stricter one before the others have cosigned too."""
    world.stop("c")
    cosign(world.sealed, world.policy, CLOCK)
    strict = replace(world.policy, groups={"g": policy.Group(3, ("a", "b", "c"))})
    sealed = SealedLog(world.ledger.log.database, world.ledger.log.reader, strict)
    assert sealed.published() is None
    with pytest.raises(SignatureError):
        cosign(sealed, strict, CLOCK)
    other = replace(world.policy, groups={"g": policy.Group(2, ("a", "b"))})
    assert SealedLog(world.ledger.log.database, world.ledger.log.reader, other).published() is not None


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("update kyc.cosigned set note = replace(note, E'\\n— ', E'x\\n— ')", Kind.SIGNATURE_WRONG),
        ("update kyc.cosigned set size = size + 1", Kind.CHECKPOINT_DIFFERS),
        ("update kyc.cosigned set note = ''", Kind.SIGNATURE_WRONG),
    ],
)
def test_edited_cosigned_checkpoint(world: World, statement: str, kind: Kind) -> None:
    """A superuser's edit of what was given out is found by the audit, and is not given out."""
    cosign(world.sealed, world.policy, CLOCK)
    log = world.ledger.log
    assert audit(log, verifier_keys=[world.signer.verifier], keys=log.ring).ok
    with psycopg.connect(log.database.dsn, autocommit=True) as owner:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute(statement.encode())
        owner.execute("alter table kyc.cosigned disable trigger all")
        owner.execute(statement.encode())
    report = audit(log, verifier_keys=[world.signer.verifier], keys=log.ring)
    assert {one.kind for one in report.findings} == {kind}
    assert report.findings[0].place.item.startswith("cosigned checkpoint")
    assert world.sealed.published() is None
