"""Who looked at what, who may, what was refused and what left: reads are facts (窥视、窃取、复制、传播).

Reads of a customer's data stand in a stream of that customer's own, apart from the file; what concerns an operator
stands in the operator's. Whether a read is lawful is decided elsewhere; here it is recorded. Serves seed rules
27-31, AML24 art. 7, PIPL art. 23 and 51.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from kyc.domain.event import Event, Instant, RecordClass
from kyc.domain.policies import published
from kyc.domain.stream import POLICIES, Given, Stream, check, consults, mentions
from kyc.domain.submission import StreamName
from kyc.domain.values import Code, Digest, Line, Record, Text, Word
from kyc.errors import RefusedError

Fields = Annotated[tuple[Code, ...], msgspec.Meta(max_length=200)]


class AccessEvent(Event, frozen=True, kw_only=True):
    """An event about access to one customer's data."""

    STREAM: ClassVar[str] = "access"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.ACCESS
    KEY: ClassVar[str] = "customer"

    customer: Code

    def period(self) -> str:
        """The year: a log of reads has its own clock."""
        return str(self.occurred_at.year)


class RecordRead(AccessEvent, frozen=True, kw_only=True):
    """Data was shown; actor, purpose and legal basis stand in the header."""

    TOPIC: ClassVar[str] = "access.read"

    fields: Fields
    reason: Text
    ticket: Word = ""
    """Service ticket, case or order that allows it."""
    masked: bool = True


class AccessDenied(AccessEvent, frozen=True, kw_only=True):
    """Data was asked for and not shown."""

    TOPIC: ClassVar[str] = "access.denied"

    fields: Fields
    code: Code
    """Why, by code: the same whether nothing is held or it is held secretly."""


class DisclosureRecorded(AccessEvent, frozen=True, kw_only=True):
    """Data left the house (seed rule 28); to a partner, only the listed fields and with a separate consent."""

    TOPIC: ClassVar[str] = "access.disclosed"

    recipient: Code
    kind: Literal["authority", "partner", "group", "person", "auditor", "custodian"]
    fields: Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=200)]
    permitted_purpose: Code
    digest: Digest
    order: Word = ""


class OperatorEvent(Event, frozen=True, kw_only=True):
    """An event about an operator's rights and conduct."""

    STREAM: ClassVar[str] = "operator"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.ACCESS
    KEY: ClassVar[str] = "operator"

    operator: Code


class AccessGranted(OperatorEvent, frozen=True, kw_only=True):
    """A right was given, for a scope and a time."""

    TOPIC: ClassVar[str] = "access.granted"

    grant: Code
    role: Code
    scope: Annotated[tuple[Code, ...], msgspec.Meta(max_length=100)] = ()
    until: Instant
    approver: Code


class AccessRevoked(OperatorEvent, frozen=True, kw_only=True):
    """A right was taken back."""

    TOPIC: ClassVar[str] = "access.revoked"

    grant: Code
    reason: Line = ""


class AccessAnomalyFlagged(OperatorEvent, frozen=True, kw_only=True):
    """Conduct that a supervisor has to look at (seed rules 30-31)."""

    TOPIC: ClassVar[str] = "access.anomaly_flagged"

    kind: Literal["bulk-read", "own-record", "relative", "vip", "off-hours", "no-ticket", "repeated-denial"]
    count: Annotated[int, msgspec.Meta(ge=1, le=10**9)]
    since: Instant
    until: Instant


class BreakGlassUsed(OperatorEvent, frozen=True, kw_only=True):
    """Somebody helped themselves in an emergency."""

    TOPIC: ClassVar[str] = "access.break_glass_used"

    use: Code
    reason: Text
    until: Instant


class BreakGlassReviewed(OperatorEvent, frozen=True, kw_only=True):
    """Somebody else looked at it the next day."""

    TOPIC: ClassVar[str] = "access.break_glass_reviewed"

    use: Code
    finding: Literal["justified", "not-justified"]
    note: Line = ""


# --- state ----------------------------------------------------------------------------------------------


class Operator(Record, frozen=True, kw_only=True):
    """An operator's rights and open matters."""

    grants: tuple[str, ...] = ()
    unreviewed: tuple[str, ...] = ()
    """Uses of the emergency access nobody has reviewed yet."""


ACCESS: Final = Stream[None]("access")
OPERATOR: Final = Stream("operator", Operator, empty=Operator())
consults(POLICIES, DisclosureRecorded)


@OPERATOR.changes(AccessGranted)
def _granted(state: Operator, event: AccessGranted) -> Operator:
    return msgspec.structs.replace(state, grants=(*state.grants, event.grant))


@OPERATOR.changes(AccessRevoked)
def _revoked(state: Operator, event: AccessRevoked) -> Operator:
    return msgspec.structs.replace(state, grants=tuple(known for known in state.grants if known != event.grant))


@OPERATOR.changes(BreakGlassUsed)
def _used(state: Operator, event: BreakGlassUsed) -> Operator:
    return msgspec.structs.replace(state, unreviewed=(*state.unreviewed, event.use))


@OPERATOR.changes(BreakGlassReviewed)
def _reviewed(state: Operator, event: BreakGlassReviewed) -> Operator:
    return msgspec.structs.replace(state, unreviewed=tuple(use for use in state.unreviewed if use != event.use))


# --- rules ----------------------------------------------------------------------------------------------


@check(AccessGranted, BreakGlassUsed)
def _check_until(event: AccessGranted | BreakGlassUsed, _: date) -> None:
    if event.until <= event.occurred_at:
        raise RefusedError("ends before it begins", field="until", rule="after occurred_at")


@mentions(DisclosureRecorded)
def _about(event: DisclosureRecorded) -> tuple[StreamName, ...]:
    return (
        StreamName("customer", event.customer),
        *((StreamName("order", event.order),) if event.order else ()),
    )


@ACCESS.rule(DisclosureRecorded)
def _lawful(_: None, event: DisclosureRecorded, given: Given) -> None:
    """Partners get listed fields under a separate consent; authorities what an accepted order names."""
    if event.kind == "authority":
        if not event.order or given.state("order", event.order, "order").status != "accepted":
            raise RefusedError("no accepted order", field="order", rule="order.accepted")
        if set(event.fields) - set(given.state("order", event.order, "order").scope):
            raise RefusedError("more than the order asks for", field="fields", rule="the order's scope")
    if event.kind == "partner":
        consents = given.state("customer", event.customer, "customer").privacy.consents
        if f"share:{event.recipient}" not in consents:
            raise RefusedError("no separate consent", field="recipient", rule="PIPL art. 23")
        allowed = {
            field
            for known in published(given).allowances
            if (known.recipient, known.purpose) == (event.recipient, event.permitted_purpose)
            for field in known.fields
        }
        if set(event.fields) - allowed:
            raise RefusedError("fields that may not leave", field="fields", rule="the published allowance")


@OPERATOR.rule(AccessGranted)
def _by_another(state: Operator, event: AccessGranted, _: Given) -> None:
    if event.approver == event.operator:
        raise RefusedError("nobody grants themselves", field="approver", rule="somebody else")
    if event.grant in state.grants:
        raise RefusedError("this grant exists", field="grant", rule="unique for the operator")


@OPERATOR.rule(AccessRevoked)
def _was_granted(state: Operator, event: AccessRevoked, _: Given) -> None:
    if event.grant not in state.grants:
        raise RefusedError("no such grant", field="grant", rule="granted before it is revoked")


@OPERATOR.rule(BreakGlassReviewed)
def _by_somebody_else(state: Operator, event: BreakGlassReviewed, given: Given) -> None:
    if given.origin.actor == event.operator:
        raise RefusedError("nobody reviews themselves", field="operator", rule="somebody else")
    if event.use not in state.unreviewed:
        raise RefusedError("nothing to review", field="use", rule="used and not reviewed")
