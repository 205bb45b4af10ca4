"""Commands about evidence: sealing, verifying, publishing, keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import App, Parameter

from kyc.cli.main import screen, service
from kyc.errors import ConfigurationError, InputError, KycError, NotFoundError, UnreachableError

if TYPE_CHECKING:
    from kyc.evidence.checkpoint import Checkpoint
    from kyc.evidence.note import Verifier
    from kyc.wiring import Service
    from replay.findings import Report

_RECORDED: Final = 20
"""Bad places of one verification that are recorded as events; the report has more."""


def register(app: App) -> None:
    """Add the commands."""
    app.command(seal)
    app.command(verify)
    app.command(publish)
    keys = App(name="keys", help="Signing keys, key-encryption keys, and the destruction of data keys.")
    keys.command(show_keys, name="show")
    keys.command(rotate)
    keys.command(destroy)
    app.command(keys)


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


def verify(
    *,
    log_key: str | None = None,
    trusted: Path | None = None,
    policy: Path | None = None,
    keyless: Annotated[bool, Parameter(negative="")] = False,
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
    keyless
        Without data keys: commitments are not opened.
    record_as
        Record the outcome as an event, by this actor: for the check of every night.
    """
    from kyc.evidence.note import Verifier
    from replay.audit import audit

    with service() as opened, screen().progress("verify") as step:
        key = Verifier.parse(log_key or opened.log_verifier_key)
        kept: list[Checkpoint | str] = [trusted.read_text(encoding="utf-8")] if trusted is not None else []
        silent = _ask(policy or opened.configuration.policy, key, kept)
        report = audit(
            opened.log if not keyless else opened.log.database,
            verifier_keys=[key],
            keys=None if keyless else opened.log.ring,
            trusted=kept,
            progress=step,
        )
        report.not_proved += silent
        screen().answer(report.as_dict(), report.lines())  # before it is recorded, which what was found may prevent
        if record_as:
            _record(opened, report, record_as, "keyless" if keyless else "whole")
    return 0 if report.ok else 10


def _ask(policy: Path | None, key: Verifier, kept: list[Checkpoint | str]) -> list[str]:
    """Add what the witnesses of a policy have seen to ``kept``; a sentence for each that does not answer."""
    from kyc.evidence.policy import parse
    from kyc.witness.ask import seen

    silent = []
    for name, witness in parse(policy.read_bytes()).witnesses.items() if policy is not None else ():
        try:
            found = seen(witness.url, witness.verifier, [key]) if witness.url else None
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


def show_keys() -> None:
    """The public keys to hand to auditors, and the key-encryption key in use."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from replay import bundle

    with service() as opened:
        signing = opened.provider.signing_key("export")
        pem = signing.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        document = {
            "log_key": opened.log_verifier_key, "receipt_key": opened.receipt_verifier_key, "export_key": pem,
            "export_fingerprint": bundle.fingerprint_of(signing), "ca_fingerprint": opened.seal.ca_fingerprint,
            "kek": opened.provider.kek_id,
        }  # fmt: skip
        screen().answer(
            document,
            [
                f"log verifier key     {document['log_key']}",
                f"receipt verifier key {document['receipt_key']}",
                f"export fingerprint   {document['export_fingerprint']}",
                f"CA fingerprint       {document['ca_fingerprint']}",
                f"key-encryption key   {document['kek']}",
                "",
                pem.rstrip(),
            ],
        )


def rotate() -> None:
    """Make a new key-encryption key; new data keys are wrapped under it, old ones stay readable."""
    from kyc.keys.file_provider import FileKeyProvider

    with service() as opened:
        if not isinstance(opened.provider, FileKeyProvider):
            raise ConfigurationError("this provider rotates its keys itself", field="KYC_KEYS")
        kek = opened.provider.rotate()
        screen().answer({"kek": kek}, [f"new data keys are wrapped under key-encryption key {kek}"])


def destroy(customer: str, /, *, yes: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Destroy the data keys of a customer for ever: payloads and scans become unreadable, every proof stays.

    Retention periods, holds and the second person come with the disposal workflow; this is the bare act.

    Parameters
    ----------
    customer
        The customer number.
    yes
        Really.
    """
    from kyc.domain.submission import StreamName

    if not yes:
        raise InputError("destruction cannot be undone", field="yes", rule="--yes", remedy="repeat with --yes")
    with service() as opened:
        log = opened.log
        rows = list(log.reader.stream(log.stream_id(StreamName("customer", customer))))
        if not rows:
            raise NotFoundError("no such customer", field="customer")
        scans = [
            bytes.fromhex(image.commitment)
            for recorded in log.reveal(rows)
            for image in getattr(recorded.event, "images", ())
        ]
        destroyed = emptied = 0
        for key_id in dict.fromkeys(row.data_key for row in rows):
            destroyed += log.key_store.destroy(key_id)
            log.ring.forget(key_id)
            emptied += log.key_store.empty(key_id, [rows[0].stream_id], scans)
        screen().answer(
            {"keys_destroyed": destroyed, "records_emptied": emptied},
            [f"{destroyed} keys destroyed, {emptied} records emptied; proofs unchanged (kyc verify)"],
        )
