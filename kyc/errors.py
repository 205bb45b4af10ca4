"""The one error tree. A class docstring is the default message; attributes carry what a person can act on.

Nothing personal may enter an error: no payload values, no names, no document numbers. Name the field,
the rule it broke and the remedy. ``fault`` says who has to act: the caller, the stored data, or us.
"""

from __future__ import annotations

from typing import ClassVar, Literal

Fault = Literal["caller", "data", "us"]


class KycError(Exception):
    """The ledger could not do what was asked."""

    fault: ClassVar[Fault] = "us"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str | None = None,
        *,
        field: str | None = None,
        rule: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.field = field
        self.rule = rule
        self.remedy = remedy
        super().__init__(self.message)

    def diagnostics(self) -> str:
        """The text for a person: what, where, why, and what to do about it."""
        parts = [self.message]
        if self.field:
            parts.append(f"field: {self.field}")
        if self.rule:
            parts.append(f"rule: {self.rule}")
        if self.remedy:
            parts.append(f"remedy: {self.remedy}")
        return "\n  ".join(parts)


# --- the caller's fault -------------------------------------------------------------------------


class RefusedError(KycError):
    """The submitted event breaks a rule and was not recorded."""

    fault = "caller"
    exit_code = 2


class InputError(RefusedError):
    """The input cannot be read as what it claims to be."""


class ConflictError(RefusedError):
    """The key was used before with other content."""

    exit_code = 3


class VersionConflictError(ConflictError):
    """The stream is not at the expected version."""


class ClaimConflictError(ConflictError):
    """The reference is already taken by another record."""


class UnauthenticatedError(KycError):
    """Who is asking is not known."""

    fault = "caller"
    exit_code = 7


class NotFoundError(KycError):
    """Nothing is recorded under that identifier."""

    fault = "caller"
    exit_code = 4


class NotSealedError(NotFoundError):
    """It is recorded, and no checkpoint that may be given out covers it yet."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(
            message, field="checkpoint",
            remedy="again in a moment; if it stays, whoever runs the service starts kyc seal --follow",
        )  # fmt: skip


class AccessDeniedError(KycError):
    """This is not available to you under this request."""

    fault = "caller"
    exit_code = 7

    def __init__(self, code: str) -> None:
        super().__init__(
            rule="access matrix",
            remedy="name purpose, legal basis, reason and the ticket, case or order; or ask your supervisor",
        )
        self.code = code
        """For the record and for those who supervise, never for whoever asked: texts are the same for all codes."""


class ConfigurationError(KycError):
    """A setting is missing or contradicts another."""

    fault = "caller"
    exit_code = 5


# --- the stored data's fault: never repaired silently ---------------------------------------------


class IntegrityError(KycError):
    """What is stored does not agree with its own evidence."""

    fault = "data"
    exit_code = 10


class ChainBrokenError(IntegrityError):
    """An event does not continue the hash chain of its stream."""


class CommitmentMismatchError(IntegrityError):
    """A payload does not open its commitment."""


class CiphertextDamagedError(IntegrityError):
    """A ciphertext does not decrypt or does not match its digest."""


class LogMismatchError(IntegrityError):
    """The Merkle log does not agree with the events or the checkpoint."""


class SignatureError(IntegrityError):
    """A signature does not verify under the expected key."""


class FormatError(IntegrityError):
    """Bytes do not parse as the published format says."""


class DisposedError(KycError):
    """The record was lawfully disposed of; only its proof remains."""

    fault = "data"
    exit_code = 6


# --- ours ---------------------------------------------------------------------------------------


class StoreError(KycError):
    """The database could not do what was asked."""


class StoreUnavailableError(StoreError):
    """The database cannot be reached."""


class CollisionError(StoreError):
    """Another writer was first; what was believed must be read again."""


class BusyError(KycError):
    """More is waiting than can be taken now; come back."""


class SpoolError(KycError):
    """The spool on this machine's disk cannot be used."""


class LeaseLostError(StoreError):
    """Another process holds the lease; this one must not go on."""


class MigrationError(StoreError):
    """The database schema and the shipped migrations disagree."""


class UnreachableError(KycError):
    """Another machine cannot be reached, or does not answer as agreed."""


class KeyProviderError(KycError):
    """The key provider could not wrap, unwrap or sign."""
