"""Commands about evidence: sealing, anchoring, verifying, publishing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import App, Parameter

from kyc.cli.keys import Stamp, authority, certificates
from kyc.cli.main import screen, service
from kyc.errors import ConfigurationError, IntegrityError, KycError, UnreachableError

if TYPE_CHECKING:
    from kyc.evidence.checkpoint import Checkpoint
    from kyc.evidence.note import Verifier
    from kyc.wiring import Service
    from replay.findings import Report

_UNSTAMPED: Final = Stamp()
_RECORDED: Final = 20
"""Bad places of one verification that are recorded as events; the report has more."""


def register(app: App) -> None:
    """Add the commands."""
    app.command(seal)
    app.command(verify)
    app.command(publish)
    app.command(anchor)


def seal() -> None:
    """Seal what is committed into the Merkle log and sign a checkpoint; with KYC_POLICY, have it cosigned."""
    from kyc.publish import cosign

    with service() as opened:
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
            cosign(opened.sealed, opened.policy, opened.clock)


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


def verify(
    *,
    log_key: str | None = None,
    trusted: Path | None = None,
    policy: Path | None = None,
    tsa: list[Path] | None = None,
    keyless: Annotated[bool, Parameter(negative="")] = False,
    no_models: Annotated[bool, Parameter(negative="")] = False,
    record_as: str = "",
) -> int:
    """Verify chains, tree and checkpoints, and open every commitment. Exit code 10 if anything is wrong.

    Parameters
    ----------
    log_key
        The log's verifier key as you were given it; by default the one of the key folder.
    trusted
        A checkpoint you kept: the log must continue it.
    policy
        A witness policy (C2SP tlog-policy): the log must continue what its witnesses have seen (KYC_POLICY).
    tsa
        The CA (PEM) of a timestamp authority you trust: what it stamped before a key was compromised stays good.
    keyless
        Without data keys: commitments are not opened.
    no_models
        Without comparing the read models with the log.
    record_as
        Record the outcome as an event, by this actor: for the check of every night.
    """
    from kyc.evidence.note import Verifier
    from replay.audit import Outside, audit

    with service() as opened, screen().progress("verify") as step:
        key = Verifier.parse(log_key or opened.log_verifier_key)
        kept: list[Checkpoint | str] = [trusted.read_text(encoding="utf-8")] if trusted is not None else []
        silent = _ask(opened, policy or opened.configuration.policy, key, kept)
        report = audit(
            opened.log if not keyless else opened.log.database,
            verifier_keys=[key],
            keys=None if keyless else opened.log.ring,
            trusted=kept,
            outside=Outside(certificates(tsa or []), _witnesses(policy or opened.configuration.policy)),
            progress=step,
            models=not (keyless or no_models),
        )
        report.not_proved += silent
        screen().answer(report.as_dict(), report.lines())  # before it is recorded, which what was found may prevent
        if record_as:
            _record(opened, report, record_as, "keyless" if keyless else "whole")
    return 0 if report.ok else 10


def _witnesses(policy: Path | None) -> list[Verifier]:
    from kyc.evidence.policy import parse

    return [one.verifier for one in parse(policy.read_bytes()).witnesses.values()] if policy is not None else []


def _ask(opened: Service, policy: Path | None, key: Verifier, kept: list[Checkpoint | str]) -> list[str]:
    """Add what the witnesses of a policy have seen to ``kept``; a sentence for each that does not answer."""
    from kyc.evidence.policy import parse
    from kyc.witness.ask import seen

    silent: list[str] = []
    if policy is None:
        return silent
    try:
        keys = opened.sealed.keys(key)
    except IntegrityError:
        keys = [key]  # what is wrong with the others the audit says
    for name, witness in parse(policy.read_bytes()).witnesses.items():
        try:
            found = seen(witness.url, witness.verifier, keys) if witness.url else None
        except UnreachableError as fault:
            silent.append(f"that witness {name} has seen this log: {fault.message}")
            continue
        if found is None:
            silent.append(
                f"that witness {name} has seen this log: it has cosigned nothing of it, or has no address"
            )
        else:
            kept.append(found.checkpoint)
    return silent


def _record(opened: Service, report: Report, actor: str, scope: str) -> None:
    """Record that a verification found nothing, or each bad place up to a bound (seed rule 35)."""
    from kyc.clock import to_datetime
    from kyc.domain.admit import HEAD_OFFICE
    from kyc.domain.event import Event
    from kyc.domain.fact import Submission
    from kyc.domain.governance import IntegrityVerified, IntegrityViolationDetected
    from kyc.domain.submission import Origin

    now = opened.clock.now_us()
    said: dict[str, Any] = {"occurred_at": to_datetime(now), "office": "verification"}
    events: list[Event] = [
        IntegrityViolationDetected(**said, step=str(found.step), place=str(found.place), found=found.kind.meaning)
        for found in report.findings[:_RECORDED]
    ]
    sealed = opened.sealed.checkpoint(report.counts["sealed"])
    if report.ok and sealed is not None:
        events = [IntegrityVerified(**said, scope=scope, size=sealed.size, root=sealed.root.hex())]
    origin = Origin(actor=actor, branch=HEAD_OFFICE, purpose="integrity", legal_basis="AML24-34")
    lines = [Submission(key=f"verify/{now}/{at}", origin=origin, data=event) for at, event in enumerate(events)]
    for answer in opened.ledger.record(lines):
        if isinstance(answer, KycError):
            raise answer


def publish(folder: Path, /) -> None:
    """Write the sealed log as static files (C2SP tlog-tiles, hashes only) for auditors and mirrors.

    Parameters
    ----------
    folder
        Where the files go; run again to add what is new.
    """
    from kyc.publish import cosign
    from kyc.publish import publish as write

    with service() as opened:
        if opened.policy is not None:
            cosign(opened.sealed, opened.policy, opened.clock)
        files, size = write(opened.sealed, folder, opened.log_verifier_key)
    screen().answer(
        {"files": files, "size": size}, [f"{files:,} files written; the log in {folder} has {size:,} entries"]
    )
