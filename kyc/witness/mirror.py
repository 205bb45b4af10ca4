"""An auditor's own look at a published log: its newest checkpoint put to the witness, its files copied.

:func:`pull` needs no call from the log: it reads the checkpoint where the log publishes it, makes the consistency
proof from the log's own tiles and puts both to the witness. :func:`copy` then takes over entries and tiles, every
hash computed anew from the entries, and cosigns as a mirror only what it has durably (C2SP tlog-mirror; the entries
are fetched rather than pushed). The copy holds hashes only. What a witness with a mirror has cosigned, nobody can
take back even with all the bank's keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from kyc import files
from kyc.clock import Clock
from kyc.errors import LogMismatchError, NotFoundError
from kyc.evidence import checkpoint, merkle, note, tiles
from kyc.evidence.checkpoint import SignedCheckpoint
from kyc.evidence.edge import TILE_WIDTH, Edge
from kyc.evidence.leaf import leaf_hash
from kyc.evidence.tiles import ENTRIES, Fetch, Place, TileReader
from kyc.witness import protocol
from kyc.witness.ask import followed, published
from kyc.witness.protocol import Answer, Request
from kyc.witness.state import CHECKPOINT, MIRROR, LogState, State
from kyc.witness.witness import MEANINGS, ROLLED_BACK, Witness

Progress = Callable[[int, int], None]


def pull(state: State, witness: Witness, fetch: Fetch) -> tuple[Answer, str]:
    """Put the published checkpoint of a log to the witness; its answer, and the checkpoint.

    Raises:
        UnreachableError: the log publishes nothing, or its server does not answer.
        NotFoundError: the witness does not watch it, or a tile is missing.
        LogMismatchError: a tile has a wrong length, or the log is smaller than what was cosigned.
        FormatError, SignatureError: the checkpoint is not one of that log, or the statements about its keys do not
            hold together.
    """
    signed = published(fetch)
    origin = note.parse(signed).text.split("\n", 1)[0]
    known = state.log(origin).keys
    for key in followed(fetch, known):
        if key not in known:
            state.trust(str(key))  # a key we trust has handed over to it, or took over from it
    log = state.log(origin)
    tree = checkpoint.open_checkpoint(signed, log.keys).checkpoint
    latest = log.latest()
    old = latest.checkpoint.size if latest is not None else 0
    if old > tree.size:
        witness.add_checkpoint(protocol.format(Request(tree.size, (), signed)))  # keeps the evidence
        raise LogMismatchError(
            f"{ROLLED_BACK}: {MEANINGS[ROLLED_BACK]}", field=tree.origin, rule=f"{old} leaves, {tree.size} now"
        )
    proof = merkle.consistency_proof(old, tree.size, TileReader(fetch)) if old else []
    return witness.add_checkpoint(protocol.format(Request(old, tuple(proof), signed))), signed


def copy(state: State, origin: str, fetch: Fetch, clock: Clock, progress: Progress | None = None) -> int:
    """Bring the copy of a log to what the witness cosigned last; returns its size.

    Raises:
        NotFoundError: nothing was cosigned, or a file is missing.
        LogMismatchError, FormatError: the files do not give the cosigned root; the copy stays where it was.
    """
    log = state.log(origin)
    with log.hold(MIRROR):
        latest = log.latest()
        if latest is None:
            raise NotFoundError("nothing of this log was cosigned yet", field=origin)
        folder = log.folder / MIRROR
        mirrored = _mirrored(folder, log)
        edge = tiles.edge(mirrored, TileReader(files.Folder(folder)))
        for path, content in _files(edge, latest.checkpoint.size, TileReader(fetch)):
            files.write(folder / path, content, folder_mode=0o700)
            if progress is not None:
                progress(edge.size, latest.checkpoint.size)
        if edge.root() != latest.checkpoint.root:
            raise LogMismatchError(
                "the files of the log do not give the cosigned root", field=f"entries {mirrored} to {edge.size}",
                rule="RFC 6962 §2.1",
            )  # fmt: skip
        files.write(folder / CHECKPOINT, _cosigned(state, latest, clock).encode(), folder_mode=0o700)
        return edge.size


def _mirrored(folder: Path, log: LogState) -> int:
    """How many entries the copy has."""
    try:
        text = (folder / CHECKPOINT).read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0
    return checkpoint.open_checkpoint(text, log.keys).checkpoint.size


def _cosigned(state: State, latest: SignedCheckpoint, clock: Clock) -> str:
    signature = state.mirror_cosigner(clock.now_us() // 1_000_000).signature(latest.note.text)
    return note.format(latest.note.text, [*latest.note.signatures, signature])


def _files(edge: Edge, size: int, log: TileReader) -> Iterator[tuple[str, bytes]]:
    """(path, content) of what the copy lacks; ``edge`` moves on with the entries, of which tiles are made anew."""
    start = edge.size - edge.size % TILE_WIDTH  # the last bundle may have been an unfinished one
    while start < size:
        stop = min(start + TILE_WIDTH, size)
        entries = list(log.read_entries(start, stop))
        yield Place(ENTRIES, start // TILE_WIDTH, stop - start).path, tiles.bundle(entries)
        for tile in edge.append(leaf_hash(entry) for entry in entries[edge.size - start :]):
            yield Place(tile.level, tile.index).path, tile.hashes
        start = stop
    for tile in edge.unfinished():
        yield Place(tile.level, tile.index, len(tile.hashes) // 32).path, tile.hashes
