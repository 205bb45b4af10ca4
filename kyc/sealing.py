"""Sealing as a service does it: everything committed under a checkpoint, round after round, and cosigned.

A round holds the sealer's lease only while it works, so any number of these may run: they take turns. Each asks for
the log's key anew, so a hand-over (:func:`kyc.signing.rotate`) needs no restart.
"""

from __future__ import annotations

import time
from functools import partial
from threading import Event
from typing import Final

from kyc.clock import Clock
from kyc.errors import (
    FormatError,
    LeaseLostError,
    NotSealedError,
    SignatureError,
    StoreUnavailableError,
    UnreachableError,
)
from kyc.evidence import merkle, note
from kyc.evidence.policy import Policy
from kyc.logs import logger
from kyc.store.sealed import SealedCheckpoint, SealedLog
from kyc.wiring import Service
from kyc.witness import ask

EVERY_SECONDS: Final = 10
"""Between two rounds: a receipt promises a day (:data:`kyc.publish.MERGE_DELAY`)."""
_TURNS: Final = 100
_TURN_SECONDS: Final = 0.2

_log = logger("sealing")


def follow(service: Service, stop: Event, seconds: float = EVERY_SECONDS) -> int:
    """Seal what is committed, every so many seconds, until ``stop`` is set; the number of events sealed.

    Another sealer at work, a database that does not answer and witnesses too few to cosign are told in the log and
    tried again.

    Raises:
        IntegrityError: a row does not fit, or a witness has seen another history: nothing more is signed.
        ConfigurationError: the key was handed over, and its successor is not here.
    """
    sealed = 0
    while not stop.is_set():
        try:
            try:
                sealed += service.sealer.seal().events
                _cosigned(service)
            finally:
                service.renew_sealer()
        except (LeaseLostError, StoreUnavailableError) as error:
            _log.warning("not sealed in this round", error=error.message, rule=error.rule)
        stop.wait(seconds)
    return sealed


def now(service: Service) -> None:
    """Seal what is committed, so that all of it can be proved; after another sealer, where one is at work.

    Raises:
        LeaseLostError: another one was at work all the time.
        IntegrityError, ConfigurationError: as above.
    """
    sealer = service.new_sealer()
    try:
        for left in reversed(range(_TURNS)):
            try:
                sealer.seal()
                break
            except LeaseLostError:
                if not left:
                    raise
                time.sleep(_TURN_SECONDS)
    finally:
        sealer.release()
    _cosigned(service)


def _cosigned(service: Service) -> None:
    if service.policy is None:
        return
    try:
        cosign(service.sealed, service.policy, service.clock)
    except SignatureError as error:
        _log.warning("not cosigned in this round", error=error.message, rule=error.rule)


def cosign(sealed: SealedLog, policy: Policy, clock: Clock) -> SealedCheckpoint:
    """Have the newest checkpoint cosigned until the policy holds, and keep it; only then is it given out.

    A witness that does not answer is done without where the quorum allows it. One that has seen another history of
    this log stops everything, whatever the quorum: that is what witnesses are for.

    Raises:
        NotSealedError: nothing is sealed yet.
        LogMismatchError: a witness has cosigned more than there is, or another history.
        SignatureError: too few witnesses cosigned; the error says what each answered.
    """
    newest, published = sealed.checkpoint(), sealed.published()
    if newest is None:
        raise NotSealedError("nothing is sealed yet")
    if published is not None and published.size == newest.size:
        return published
    signatures: list[note.Signature] = []
    silent: list[str] = []
    for name, witness in policy.witnesses.items():
        if not witness.url:
            continue
        try:
            signatures.append(
                ask.cosignature(witness.url, witness.verifier, newest.note, partial(_consistency, sealed))
            )
        except (UnreachableError, SignatureError, FormatError) as fault:
            silent.append(f"{name}: {fault.message}")
    signed = note.add_signatures(newest.note, *signatures)
    try:
        policy.open(signed)
    except SignatureError as fault:
        raise SignatureError(
            fault.message, field=fault.field, rule="; ".join(silent) or fault.rule, remedy=fault.remedy
        ) from fault
    sealed.keep_cosigned(newest.size, signed, clock.now_us())
    return newest._replace(note=signed)


def _consistency(sealed: SealedLog, old: int, new: int) -> list[bytes]:
    return merkle.consistency_proof(old, new, sealed)
