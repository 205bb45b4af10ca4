"""``kyc verify``: what is stored against its own evidence, all of it or a part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

from cyclopts import App, Parameter, validators

from kyc.cli.keys import certificates
from kyc.cli.main import screen, service
from kyc.errors import InputError, IntegrityError, UnreachableError

if TYPE_CHECKING:
    from kyc.evidence.checkpoint import Checkpoint
    from kyc.evidence.note import Verifier
    from kyc.wiring import Service
    from replay.findings import Report
    from replay.signers import Outside, Retired

_RECORDED: Final = 20
"""Bad places of one verification that are recorded as events; the report has more."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What whoever verifies was told on another way, or has kept."""

    log_key: str | None = None
    """The log's verifier key as you were given it, any of its line; by default the one of the key folder."""
    trusted: Path | None = None
    """A checkpoint you kept: the log must continue it."""
    policy: Path | None = None
    """A witness policy (C2SP tlog-policy): the log must continue what its witnesses have seen (KYC_POLICY)."""
    tsa: tuple[Path, ...] = ()
    """The CA (PEM) of a timestamp authority you trust: what it stamped before a key was compromised stays good."""
    retired: tuple[str, ...] = ()
    """A hash algorithm that is broken from a day on (sha256=2040-01-01): what was renewed before stays good."""


@dataclass(frozen=True, kw_only=True)
class Much:
    """How much is verified."""

    keyless: Annotated[bool, Parameter(negative="")] = False
    """Without data keys: commitments are not opened."""
    no_models: Annotated[bool, Parameter(negative="")] = False
    """Without comparing the read models with the log."""
    customer: str = ""
    """Only this customer's events, with those of every account held."""
    state: Path | None = None
    """Only what was added since the last time: a file that keeps the checkpoint verified last."""
    processes: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=256))] = 1
    """How many processes share the work, each with lanes of its own."""

    @property
    def scope(self) -> str:
        """What a recorded outcome is about."""
        parts = {"customer": self.customer, "added": self.state, "keyless": self.keyless}
        return next((name for name, chosen in parts.items() if chosen), "whole")


def register(app: App) -> None:
    """Add the command."""
    app.command(verify)


def verify(
    *,
    told: Annotated[Told, Parameter(name="*")] = Told(),
    much: Annotated[Much, Parameter(name="*")] = Much(),
    record_as: str = "",
) -> int:
    """Verify chains, tree, checkpoints, read models, and open every commitment. Exit code 10: something is wrong.

    Parameters
    ----------
    record_as
        Record the outcome as an event, by this actor: for the check of every night.
    """
    from kyc.evidence.note import Verifier
    from replay.audit_since import Verified
    from replay.signers import Outside

    if much.customer and (much.keyless or much.state):
        raise InputError("one customer at a time", field="customer", rule="with keys, and without --state")
    with service() as opened:
        key = Verifier.parse(told.log_key or opened.log_verifier_key)
        kept: list[Checkpoint | str] = (
            [told.trusted.read_text(encoding="utf-8")] if told.trusted is not None else []
        )
        policy = told.policy or opened.configuration.policy
        silent = _ask(opened, policy, key, kept)
        retired = _retired(told.retired, opened.configuration.zone)
        outside = Outside(certificates(list(told.tsa)), _witnesses(policy), retired)
        report = _audited(opened, key, kept, outside, much)
        report.not_proved += silent
        screen().answer(report.as_dict(), report.lines())  # before it is recorded, which what was found may prevent
        newest = opened.sealed.checkpoint(report.counts["through"])
        if much.state is not None and report.ok and newest is not None:
            Verified(newest.note, opened.clock.now_us()).write(much.state, opened.provider.secret("verified"))
        if record_as:
            _record(opened, report, record_as, much.scope)
    return 0 if report.ok else 10


def _audited(opened: Service, key: Verifier, kept: list[Checkpoint | str], outside: Outside, much: Much) -> Report:
    from replay.audit import How, audit
    from replay.audit_crew import Hands
    from replay.audit_scope import audit_customer
    from replay.audit_since import Verified

    if much.customer:
        return audit_customer(opened.log, much.customer, verifier_keys=[key], outside=outside, trusted=kept)
    since = Verified.read(much.state, opened.provider.secret("verified")) if much.state is not None else None
    hands = Hands(much.processes, "" if much.keyless else opened.keys)
    with screen().progress("verify") as step:
        return audit(
            opened.log.database if much.keyless else opened.log,
            verifier_keys=[key],
            keys=None if much.keyless else opened.log.ring,
            trusted=kept,
            outside=outside,
            progress=step,
            how=How(models=not (much.keyless or much.no_models), since=since, hands=hands),
        )


def _retired(texts: tuple[str, ...], zone: str) -> tuple[Retired, ...]:
    from kyc.cli.records import moment
    from kyc.clock import from_datetime
    from replay.signers import Retired

    found = []
    for text in texts:
        algorithm, _, day = text.partition("=")
        at = moment(day, ZoneInfo(zone), end=False)
        assert at is not None, "a text gives a moment"
        found.append(Retired(algorithm, from_datetime(at)))
    return tuple(found)


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
    from kyc.domain.operations import IntegrityVerified, IntegrityViolationDetected
    from kyc.domain.submission import Origin

    now = opened.clock.now_us()
    said: dict[str, Any] = {"occurred_at": to_datetime(now), "office": "verification"}
    events: list[Event] = [
        IntegrityViolationDetected(**said, step=str(found.step), place=str(found.place), found=found.kind.meaning)
        for found in report.findings[:_RECORDED]
    ]
    sealed = opened.sealed.checkpoint(report.counts["through"])
    if report.ok and sealed is not None:
        events = [IntegrityVerified(**said, scope=scope, size=sealed.size, root=sealed.root.hex())]
    origin = Origin(actor=actor, branch=HEAD_OFFICE, purpose="integrity", legal_basis="AML24-34")
    lines = [Submission(key=f"verify/{now}/{at}", origin=origin, data=event) for at, event in enumerate(events)]
    opened.ledger.must_record(*lines)
