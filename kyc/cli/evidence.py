"""Commands about evidence: sealing, anchoring, publishing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import App, Parameter, validators

from kyc.cli.keys import Stamp, authority
from kyc.cli.main import screen, service
from kyc.cli.operations import stopped_by_signals
from kyc.errors import ConfigurationError

if TYPE_CHECKING:
    from kyc.wiring import Service

_UNSTAMPED: Final = Stamp()
Seconds = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=3_600))]
"""A receipt promises a day: an hour is the slowest that still leaves time to notice that nobody seals."""


def register(app: App) -> None:
    """Add the commands."""
    app.command(seal)
    app.command(publish)
    app.command(anchor)
    app.command(renew)


def seal(*, follow: bool = False, every: Seconds = 10) -> None:
    """Seal what is committed into the Merkle log and sign a checkpoint; with KYC_POLICY, have it cosigned.

    Parameters
    ----------
    follow
        Go on with what is recorded from now on, until interrupted or terminated. Several take turns.
    every
        Seconds between two rounds.
    """
    from kyc import sealing

    with service() as opened:
        if follow:
            count = sealing.follow(opened, stopped_by_signals(), every)
            screen().answer({"sealed": count}, [f"{count:,} events sealed"])
            return
        with screen().progress("seal") as step:
            sealed = opened.sealer.seal(step)
        screen().answer(
            {
                "sealed": sealed.events, "size": sealed.size, "root": sealed.root.hex(), "checkpoint": sealed.note,
                "log_key": opened.log_verifier_key,
            },
            [f"{sealed.events:,} events sealed; the log has {sealed.size:,}", "", sealed.note.rstrip()],
        )  # fmt: skip
        if opened.policy is not None:
            sealing.cosign(opened.sealed, opened.policy, opened.clock)


def anchor(
    *, how: Annotated[Stamp, Parameter(name="*")] = _UNSTAMPED, out: Path | None = None, actor: str = "cli"
) -> None:
    """Have the newest checkpoint stamped by a timestamp authority: nobody can backdate one of that size.

    Parameters
    ----------
    out
        A folder for the checkpoint and its stamp, to be checked with openssl ts -verify.
    actor
        Who does it, by pseudonym.
    """
    from kyc.signing import anchor as stamp

    chosen = authority(how)
    if chosen is None:
        raise ConfigurationError("no authority is named", field="timestamp", remedy="--timestamp, --timestamp-ca")
    with service() as opened:
        size = stamp(opened, chosen, how.timestamp, actor)
        if out is not None:
            _write_anchor(opened, size, out)
    screen().answer({"size": size}, [f"the checkpoint of {size:,} leaves is stamped"])


def _write_anchor(opened: Service, size: int, folder: Path) -> None:
    from kyc import files

    *_, (token, ca) = [
        (token, ca) for kind, of, token, ca in opened.sealed.anchors() if (kind, of) == ("checkpoint", size)
    ]
    stamped = opened.sealed.checkpoint(size)
    assert stamped is not None, "what was stamped is there"
    for name, content in (
        ("checkpoint", stamped.note.encode()),
        ("checkpoint.tst", token),
        ("tsa.pem", ca.encode()),
    ):
        files.write(folder / name, content)


def renew(
    *,
    algorithm: Literal["sha512", "sha3-512"] = "sha512",
    how: Annotated[Stamp, Parameter(name="*")] = _UNSTAMPED,
    actor: str = "cli",
) -> None:
    """Hash all events and their evidence anew and have that stamped, before the present algorithm is broken.

    Parameters
    ----------
    algorithm
        The other hash algorithm.
    actor
        Who does it, by pseudonym.
    """
    from kyc.signing import renew as again

    chosen = authority(how)
    if chosen is None:
        raise ConfigurationError("no authority is named", field="timestamp", remedy="--timestamp, --timestamp-ca")
    with service() as opened:
        with screen().progress("renew") as step:
            made = again(opened, algorithm, chosen, actor, step)
        screen().answer(
            {"number": made.number, "size": made.size, "algorithm": made.algorithm, "root": made.root.hex()},
            [f"{made.size:,} events and their evidence renewed under {made.algorithm}"],
        )


def publish(folder: Path, /) -> None:
    """Write the sealed log as static files (C2SP tlog-tiles, hashes only) for auditors and mirrors.

    Parameters
    ----------
    folder
        Where the files go; run again to add what is new.
    """
    from kyc.publish import publish as write
    from kyc.sealing import cosign

    with service() as opened:
        if opened.policy is not None:
            cosign(opened.sealed, opened.policy, opened.clock)
        files, size = write(opened.sealed, folder, opened.log_verifier_key)
    screen().answer(
        {"files": files, "size": size}, [f"{files:,} files written; the log in {folder} has {size:,} entries"]
    )
