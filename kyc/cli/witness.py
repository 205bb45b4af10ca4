"""``kyc witness``: run by an auditor or regulator, without our database. Own keys, own folder."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from kyc.cli.main import screen
from kyc.errors import ConfigurationError, InputError

_MISBEHAVED: Final = 10


def register(app: App) -> None:
    """Add the commands."""
    witness = App(
        name="witness", help="Watch a bank's log from outside: cosign what only grows, name what does not."
    )
    witness.command(init)
    witness.command(trust)
    witness.command(serve)
    witness.command(pull)
    witness.command(show)
    app.command(witness)


def init(folder: Path, /, *, name: str) -> None:
    """Make a witness: keys and state in a folder of its own.

    Parameters
    ----------
    folder
        Where it keeps its keys and what it has seen; back it up, or it forgets.
    name
        The witness's name, an address without scheme such as witness.example/kyc.
    """
    from kyc.witness.state import State

    state = State.create(folder, name)
    keys = {"witness_key": str(state.verifier), "mirror_key": str(state.mirror_cosigner(0).verifier)}
    screen().answer(
        keys,
        [f"witness verifier key  {keys['witness_key']}", f"mirror verifier key   {keys['mirror_key']}"],
    )


def trust(folder: Path, vkey: str, /) -> None:
    """Watch a log from now on; repeat with the next key when the log rotates its keys.

    Parameters
    ----------
    folder
        The folder of the witness.
    vkey
        The log's verifier key as its owner handed it out (kyc keys show).
    """
    from kyc.witness.state import State

    verifier = State(folder).trust(vkey)
    screen().answer({"origin": verifier.name, "log_key": vkey}, [f"watching {verifier.name}"])


def serve(folder: Path, /, *, host: str = "127.0.0.1", port: int = 8471) -> None:
    """Answer the add-checkpoint calls of logs (C2SP tlog-witness), and serve what was cosigned and copied.

    Parameters
    ----------
    folder
        The folder of the witness.
    host
        The address to answer at; put a TLS proxy before it where it is not local.
    port
        0 takes a free one.
    """
    from kyc.clock import SystemClock
    from kyc.witness.server import WitnessServer
    from kyc.witness.state import State
    from kyc.witness.witness import Witness

    state = State(folder)
    try:
        server = WitnessServer(host, port, state, Witness(state, SystemClock()))
    except OSError as cause:
        raise ConfigurationError("cannot answer at this address", field=f"{host}:{port}") from cause
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job inherits SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    with server:
        screen().answer({"url": server.url, "witness_key": str(state.verifier)}, [f"answering at {server.url}"])
        server.serve_forever()


def pull(folder: Path, source: str, /, *, mirror: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Look at a published log, cosign what it shows if it continues what was seen. Exit code 10 if it does not.

    Parameters
    ----------
    folder
        The folder of the witness.
    source
        Folder or URL of the published log (kyc publish).
    mirror
        Keep a copy of the log too, every hash computed anew; it holds hashes only.
    """
    from kyc.clock import SystemClock
    from kyc.evidence import checkpoint, note
    from kyc.witness import mirror as copies
    from kyc.witness.ask import source as reader
    from kyc.witness.state import State
    from kyc.witness.witness import Witness

    state, clock, fetch = State(folder), SystemClock(), reader(source)
    answer, signed = copies.pull(state, Witness(state, clock), fetch)
    tree = checkpoint.parse(note.parse(signed).text)
    document: dict[str, Any] = {"origin": tree.origin, "size": tree.size, "cosigned": answer.status == 200}
    if answer.status != 200:
        document["refused"] = answer.body.strip()
        screen().answer(document, [f"refused to cosign {tree.origin} at {tree.size:,}: {answer.body.strip()}"])
        return _MISBEHAVED
    lines = [f"cosigned {tree.origin} at {tree.size:,} leaves"]
    if mirror:
        with screen().progress("mirror") as step:
            document["mirrored"] = copies.copy(state, tree.origin, fetch, clock, step)
        lines.append(f"copied: {document['mirrored']:,} entries")
    screen().answer(document, lines)
    return 0


def show(folder: Path, /) -> int:
    """What the witness has seen of each log. Exit code 10 if one was caught at anything.

    Parameters
    ----------
    folder
        The folder of the witness.
    """
    from kyc.witness.state import State
    from kyc.witness.witness import MEANINGS

    state = State(folder)
    logs, lines, caught = [], [f"witness {state.verifier}"], 0
    if not state.logs():
        raise InputError("this witness watches no log", field=str(folder), remedy="kyc witness trust")
    for origin in state.logs():
        log = state.log(origin)
        latest, faults = log.latest(), log.misbehaviours()
        size, root = (latest.checkpoint.size, latest.checkpoint.root.hex()) if latest is not None else (None, None)
        evidence = [{"kind": one.kind, "evidence": str(one.file)} for one in faults]
        logs.append({"origin": origin, "size": size, "root": root, "misbehaviour": evidence})
        lines.append(f"{origin}: " + ("nothing cosigned yet" if size is None else f"{size:,} leaves cosigned"))
        lines += [f"  {one.kind}: {MEANINGS[one.kind]} ({one.file})" for one in faults]
        caught += len(faults)
    screen().answer({"witness_key": str(state.verifier), "logs": logs}, lines)
    return _MISBEHAVED if caught else 0
