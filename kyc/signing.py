"""Signing keys over the years: handed over, declared compromised, and what they signed stamped by outsiders.

A statement is kept before the key it is about changes, and recorded as an event after; whatever is interrupted is
finished by the next call. The old private key is gone once the new one is in use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from kyc.clock import to_datetime
from kyc.domain.admit import HEAD_OFFICE
from kyc.domain.event import Event
from kyc.domain.fact import Submission
from kyc.domain.operations import ArchiveRenewed, CheckpointAnchored, SigningKeyCompromised, SigningKeySucceeded
from kyc.domain.submission import Origin
from kyc.errors import IntegrityError, NotFoundError, RefusedError
from kyc.evidence import key_history, note, renewal
from kyc.evidence.key_history import Compromise, Succession
from kyc.evidence.note import Signer, Verifier
from kyc.evidence.renewal import Renewal
from kyc.wiring import Service
from replay import renewals
from replay.renewals import Progress
from replay.seals import Authority, timestamp
from replay.signers import stamped

OFFICE: Final = "evidence"
"""Where what is done with keys is recorded."""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A timestamp authority: how it is asked, and its CA."""

    ask: Authority
    ca: Certificate

    def stamp(self, service: Service, kind: str, number: int, content: str) -> None:
        """Have a signed note stamped, and keep the stamp once it is checked.

        Raises:
            IntegrityError: the stamp is not one of this authority.
            KeyProviderError: it does not answer.
        """
        token = timestamp(content.encode(), self.ask)
        if isinstance(why := stamped(token, content.encode(), [self.ca]), str):
            raise IntegrityError(why, field="timestamp", rule="RFC 3161", remedy="name the CA of the authority")
        pem = self.ca.public_bytes(Encoding.PEM).decode()
        service.sealed.keep_anchor(kind, number, token, pem, service.clock.now_us())


def signer_of(service: Service, role: str, key: Ed25519PrivateKey | None = None) -> Signer:
    """Who signs in a role now, or would with another key."""
    name = key_history.key_name(service.log.database.origin(), role)
    return Signer(name, key or service.provider.signing_key(role))


def rotate(service: Service, role: str, actor: str, authority: Witnessed | None = None) -> Succession:
    """Hand the key of a role over to a new one.

    Of the log: everything committed is sealed under the old key first, and the hand-over itself under the new one.

    Raises:
        LeaseLostError: a sealer is at work; stop it, or wait.
        CollisionError: somebody else hands a key over at the same time.
    """
    present = signer_of(service, role)
    succession = _kept(service, present.verifier)
    if succession is None:
        succession = _state(service, role, present, authority)
    service.provider.succeed_signing_key(role)
    if role == "log":
        service.renew_sealer()
    record_statements(service, actor)
    if role == "log":
        service.sealer.seal()
    return succession


def _state(service: Service, role: str, present: Signer, authority: Witnessed | None) -> Succession:
    """Sign and keep the statement; from then on the present key signs nothing more."""
    sealed = service.sealer.seal() if role == "log" else service.sealed.checkpoint()
    now = service.clock.now_us()
    coming = signer_of(service, role, service.provider.next_signing_key(role))
    succession = Succession(
        service.log.database.origin(), role, now, sealed.size if sealed else 0, present.verifier, coming.verifier
    )
    signed = key_history.sign(succession, present, coming)
    if role == "log":
        number = service.sealer.hand_over(signed, now)
    else:
        number = service.sealed.keep_key_statement(signed, str(present.verifier), now)
    if authority is not None:
        authority.stamp(service, "key", number, signed)
    return succession


def _kept(service: Service, present: Verifier) -> Succession | None:
    """The statement by which the present key was handed over already, where that was interrupted."""
    for _, text in service.sealed.key_statements():
        said = key_history.open_statement(text)
        if isinstance(said, Succession) and said.old == present:
            return said
    return None


def compromise(service: Service, vkey: str, since: int, actor: str) -> Compromise:
    """Declare that others may have signed with a key from a moment on (microseconds).

    Raises:
        RefusedError: the key is in use, or was never ours, or the moment lies ahead.
    """
    key = Verifier.parse(vkey)
    before = [
        said for _, text in service.sealed.key_statements()
        if isinstance(said := key_history.open_statement(text), Succession) and said.old == key
    ]  # fmt: skip
    if not before:
        raise RefusedError(
            "not a key that was handed over", field="key", rule="the successor declares it",
            remedy="kyc keys rotate --signing first; kyc keys history lists the keys",
        )  # fmt: skip
    if since > service.clock.now_us():
        raise RefusedError("lies ahead", field="from", rule="not in the future")
    role = before[0].role
    present = signer_of(service, role)
    said = Compromise(service.log.database.origin(), role, since, key, present.verifier)
    service.sealed.keep_key_statement(key_history.sign(said, present), "", service.clock.now_us())
    record_statements(service, actor)
    return said


def record_statements(service: Service, actor: str) -> None:
    """Record every statement as an event; one that is recorded already stays the one event it is."""
    events: list[tuple[int, Event]] = []
    for number, text in service.sealed.key_statements():
        said = key_history.parse(note.parse(text).text)
        if isinstance(said, Succession):
            events.append((
                number,
                SigningKeySucceeded(
                    occurred_at=to_datetime(said.at), office=OFFICE, role=said.role,  # type: ignore[arg-type]
                    old=str(said.old), new=str(said.new), size=said.size, statement=text,
                ),
            ))  # fmt: skip
        else:
            events.append((
                number,
                SigningKeyCompromised(
                    occurred_at=to_datetime(said.since), office=OFFICE, role=said.role,  # type: ignore[arg-type]
                    key=str(said.key), since=to_datetime(said.since), statement=text,
                ),
            ))  # fmt: skip
    _record(service, actor, [(f"key/{number}", event) for number, event in events])


def anchor(service: Service, authority: Witnessed, where: str, actor: str) -> int:
    """Have the newest checkpoint stamped, keep the stamp and record it; returns the size it is of.

    Raises:
        NotFoundError: nothing is sealed yet.
        IntegrityError, KeyProviderError: no stamp of this authority could be had.
    """
    newest = service.sealed.checkpoint()
    if newest is None or not newest.size:
        raise NotFoundError("nothing is sealed yet", field="checkpoint", remedy="kyc seal")
    authority.stamp(service, "checkpoint", newest.size, newest.note)
    event = CheckpointAnchored(
        occurred_at=to_datetime(service.clock.now_us()), office=OFFICE, size=newest.size, root=newest.root.hex(),
        where=where, receipt="RFC 3161",
    )  # fmt: skip
    _record(service, actor, [(f"anchor/{newest.size}/{service.clock.now_us()}", event)])
    return newest.size


def renew(service: Service, algorithm: str, authority: Witnessed, actor: str, progress: Progress | None) -> Renewal:
    """Hash everything sealed anew under another algorithm, have it stamped, record it.

    Raises:
        NotFoundError: nothing is sealed yet.
        IntegrityError, KeyProviderError: something does not open, or no stamp could be had.
    """
    made = renewals.renew(
        service.log, service.sealed, algorithm, signer_of(service, "log"), authority.ask, authority.ca, progress
    )
    event = ArchiveRenewed(
        occurred_at=to_datetime(made.at), office=OFFICE, number=made.number, size=made.size, algorithm=algorithm,
        record=renewal.format(made),
    )  # fmt: skip
    _record(service, actor, [(f"renewal/{made.number}", event)])
    return made


def _record(service: Service, actor: str, events: list[tuple[str, Event]]) -> None:
    origin = Origin(actor=actor, branch=HEAD_OFFICE, purpose="integrity", legal_basis="AML24-34")
    service.ledger.must_record(*(Submission(key=key, origin=origin, data=event) for key, event in events))
