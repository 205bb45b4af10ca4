"""The witness: cosigns a checkpoint only if it continues everything cosigned before (C2SP tlog-witness).

Each refusal has the status of the specification and is named in the body: 404 a log nobody asked us to watch, 403
not signed by it, 409 another old size, 422 not a continuation. Where the log itself signed what cannot be, the two
notes are kept as evidence: ``forked`` (two roots at one size), ``rewritten`` (larger, and not shown to continue;
struck out once it is), ``rolled_back`` (smaller than what was cosigned, of a size nobody asked for before). With a
copy of the log at hand (:mod:`kyc.witness.mirror`) an old checkpoint that comes late is told from a fork. HTTP is
left to :mod:`kyc.witness.server`.
"""

from __future__ import annotations

from typing import Final

from kyc.clock import Clock
from kyc.errors import FormatError, LogMismatchError, NotFoundError, SignatureError
from kyc.evidence import checkpoint, merkle, note
from kyc.evidence.checkpoint import Checkpoint, SignedCheckpoint
from kyc.evidence.edge import EMPTY_ROOT
from kyc.evidence.note import Note
from kyc.logs import logger
from kyc.witness import protocol
from kyc.witness.protocol import SIZE_TYPE, Answer, Request
from kyc.witness.state import LogState, State

FORKED: Final = "forked"
REWRITTEN: Final = "rewritten"
ROLLED_BACK: Final = "rolled_back"
MEANINGS: Final = {
    FORKED: "the log signed two different trees of one size",
    REWRITTEN: "the log's larger tree is not shown to continue the one cosigned before",
    ROLLED_BACK: "the log's tree is smaller than the one cosigned before, or an old checkpoint came late",
}
_SECOND: Final = 1_000_000
_log = logger("witness")


class Witness:
    """Answers add-checkpoint calls out of a state folder."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def add_checkpoint(self, body: bytes) -> Answer:
        """The answer to a call; when it is a cosignature, the record is already durable."""
        try:
            request = protocol.parse(body)
            origin = note.parse(request.checkpoint).text.split("\n", 1)[0]
            log = self._state.log(origin)
        except FormatError as fault:
            return _refusal(400, fault.message)
        except NotFoundError as fault:
            return _refusal(404, fault.message)
        try:
            opened = note.open_note(request.checkpoint, log.keys)
        except SignatureError as fault:
            return _refusal(403, fault.message)
        try:
            tree = checkpoint.parse(opened.text)
        except FormatError as fault:
            empty = opened.text.split("\n")[1:2] == ["0"]
            return _refusal(422 if empty else 400, fault.message)
        if request.old > tree.size:
            return _refusal(400, "the old size is larger than the checkpoint")
        with log.hold():
            return self._compare(log, request, tree, opened)

    def checkpoint(self, hashed: str) -> str | None:
        """The latest cosigned checkpoint of the log whose origin has that hash, or None."""
        for origin in self._state.logs():
            if protocol.origin_hash(origin) == hashed:
                return self._state.log(origin).latest_text()
        return None

    def _compare(self, log: LogState, request: Request, tree: Checkpoint, opened: Note) -> Answer:
        latest = log.latest()
        known = latest.checkpoint if latest is not None else Checkpoint(tree.origin, 0, EMPTY_ROOT)
        kind = self._misbehaviour(log, tree, known)
        if kind is None and request.old == known.size:
            fault = _continuation_fault(request, tree, known)
            if fault is None:
                return self._cosign(log, tree, opened, latest)
            if not known.size or tree.size == known.size:
                return _refusal(422, fault)
            kind = REWRITTEN
        if kind is not None:
            seen = log.cosigned(tree.size) or (log.latest_text() or "")
            log.accuse(kind, tree, request.checkpoint, seen)
            _log.warning("refused to cosign", kind=kind, size=tree.size, known=known.size)
        if request.old != known.size:
            return Answer(409, f"{known.size}\n", SIZE_TYPE)
        assert kind is not None, "everything else was answered"
        return _refusal(422, f"{kind}: {MEANINGS[kind]}")

    @staticmethod
    def _misbehaviour(log: LogState, tree: Checkpoint, known: Checkpoint) -> str | None:
        """What a signed checkpoint alone shows, whatever the request says of it."""
        if tree.size > known.size:
            return None
        if tree.size == known.size:
            return FORKED if tree.root != known.root else None
        root = log.root(tree.size)
        if root is None:
            return ROLLED_BACK
        return FORKED if root != tree.root else None

    def _cosign(self, log: LogState, tree: Checkpoint, opened: Note, latest: SignedCheckpoint | None) -> Answer:
        before = max((signature.time for _, signature in latest.cosignatures), default=0) if latest else 0
        # Time never runs backwards in what we say, whatever the machine's clock does; and zero would mean "none".
        signature = self._state.cosigner(max(self._clock.now_us() // _SECOND, before, 1)).signature(opened.text)
        kept = [good for _, good in opened.verified]
        log.acquit(REWRITTEN, tree)
        log.record(note.format(opened.text, [*kept, signature]), tree.size)
        _log.info("cosigned", size=tree.size, root=tree.root.hex())
        return Answer(200, signature.line())


def _continuation_fault(request: Request, tree: Checkpoint, known: Checkpoint) -> str | None:
    """Why the proof does not show that ``tree`` continues ``known``, whose sizes fit the request."""
    if known.size == 0:
        return "a proof from the empty tree must be empty" if request.proof else None
    try:
        merkle.verify_consistency(known.size, tree.size, request.proof, known.root, tree.root)
    except LogMismatchError as fault:
        return fault.message
    return None


def _refusal(status: int, why: str) -> Answer:
    return Answer(status, f"{why}\n")
