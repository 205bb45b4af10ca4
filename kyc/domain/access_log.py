"""Who looked at what, who may, what was refused and what left: reads are facts (窥视、窃取、复制、传播).

Reads of a customer's data stand in a stream of that customer's own, apart from the file, and are counted in a
stream of whoever looked; refusals stand with whoever asked, in one stream whether the subject exists or not. What
concerns an operator's rights stands in the operator's stream. Whether a read is lawful is decided in
:mod:`kyc.access`; here it is recorded. Serves seed rules 27-31, AML24 art. 7, PIPL art. 23 and 51.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from kyc.domain import codec
from kyc.domain.event import Event, Instant, RecordClass
from kyc.domain.policies import published
from kyc.domain.stream import POLICIES, Given, Stream, check, companions, consults, mentions
from kyc.domain.submission import Entry, StreamName
from kyc.domain.two_people import two_people
from kyc.domain.values import Code, Digest, Line, Record, Text, Word
from kyc.errors import RefusedError

Fields = Annotated[tuple[Code, ...], msgspec.Meta(max_length=200)]
Finding = Literal["justified", "not-justified"]
Roles = Annotated[tuple[Code, ...], msgspec.Meta(max_length=20)]


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
    SCHEMA: ClassVar[int] = 3

    fields: Fields
    reason: Text
    ticket: Word = ""
    """Service ticket, case or order that allows it."""
    masked: bool = True
    """Whether any of it was shown masked."""
    operator: Word = ""
    """Who looked, as in the header: their stream counts it. Empty before schema 2."""
    action: Word = ""
    about: Word = ""
    """Kind of the record that was asked for, where it is not the customer's file: ``account``, ``transaction``."""
    roles: Roles = ()
    """The roles that the permission rests on."""
    policy: Word = ""
    """Version of the access matrix and the beginning of its SHA-256."""
    hidden: bool = False
    """Not told to the customer: who is under a duty of secrecy (AML24 art. 35)."""
    authn: Word = ""
    """How they were authenticated, as ``oidc-mfa`` (seed rule 24); empty in earlier schemas."""


class ConductEvent(Event, frozen=True, kw_only=True):
    """An event about what an operator did with customers' data: recorded, never folded."""

    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.ACCESS
    KEY: ClassVar[str] = "operator"

    operator: Word

    def period(self) -> str:
        """The year: a log of reads has its own clock."""
        return str(self.occurred_at.year)


class LookedUp(ConductEvent, frozen=True, kw_only=True):
    """A read of a customer, as it counts for whoever looked; recorded with the read."""

    TOPIC: ClassVar[str] = "access.looked_up"
    STREAM: ClassVar[str] = "lookups"
    SUBMITTED: ClassVar[bool] = False

    customer: Code
    ticket: Word = ""


class RecordsListed(ConductEvent, frozen=True, kw_only=True):
    """Several customers at once, or records of the house, were shown: one event for a page of a list."""

    TOPIC: ClassVar[str] = "access.listed"
    SCHEMA: ClassVar[int] = 2
    STREAM: ClassVar[str] = "lookups"

    action: Code
    about: Word = ""
    """What was asked for, such as ``case CA-1``; empty: a list."""
    customers: Annotated[tuple[Code, ...], msgspec.Meta(max_length=1_000)] = ()
    """Who was shown; none: nobody was found."""
    fields: Fields
    reason: Text
    ticket: Word = ""
    masked: bool = True
    roles: Roles = ()
    policy: Word = ""
    hidden: bool = False
    authn: Word = ""


class AccessDenied(ConductEvent, frozen=True, kw_only=True):
    """Data was asked for and not shown: one event of whoever asked, whether the subject exists or not."""

    TOPIC: ClassVar[str] = "access.denied"
    SCHEMA: ClassVar[int] = 3
    STREAM: ClassVar[str] = "refusals"

    operator: Word = ""
    """Empty before schema 2, when refusals stood in the customer's access log."""
    customer: Word = ""
    """As it was asked for; there may be no such customer."""
    fields: Fields
    code: Code
    """Why, by code: for those who supervise; whoever asked was told one neutral text."""
    action: Word = ""
    about: Word = ""
    """What else was asked for, such as ``case CA-1``."""
    reason: Line = ""
    ticket: Word = ""
    policy: Word = ""
    authn: Word = ""


@codec.upcast("access.read", 2)
@codec.upcast("access.listed", 1)
@codec.upcast("access.denied", 2)
def _before_authn(payload: dict[str, Any]) -> dict[str, Any]:
    """The schemas before these did not say how whoever asked was authenticated."""
    return payload


@codec.upcast("access.read", 1)
@codec.upcast("access.denied", 1)
def _before_the_gate(payload: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 did not say who asked, in which role and under which edition of the matrix."""
    return payload


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


class OperatorDeclared(OperatorEvent, frozen=True, kw_only=True):
    """Which customers an operator is, or is related to; the latest declaration counts (seed rule 30)."""

    TOPIC: ClassVar[str] = "access.operator_declared"

    own: Annotated[tuple[Code, ...], msgspec.Meta(max_length=20)] = ()
    """Their own customer numbers."""
    relatives: Annotated[tuple[Code, ...], msgspec.Meta(max_length=100)] = ()
    approver: Code


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
    finding: Finding
    note: Line = ""


# --- state ----------------------------------------------------------------------------------------------


class Right(Record, frozen=True, kw_only=True):
    """A right that was given and not taken back."""

    grant: str
    role: str
    scope: tuple[str, ...] = ()
    """Branches, cases or customers it is confined to; none: no limit."""
    until: datetime
    approver: str


class Glass(Record, frozen=True, kw_only=True):
    """A use of the emergency access."""

    use: str
    reason: str
    since: datetime
    until: datetime


class Operator(Record, frozen=True, kw_only=True):
    """An operator's rights and open matters."""

    rights: tuple[Right, ...] = ()
    emergencies: tuple[Glass, ...] = ()
    """Uses of the emergency access nobody has reviewed yet."""
    own: tuple[str, ...] = ()
    relatives: tuple[str, ...] = ()
    flagged: dict[str, datetime] = msgspec.field(default_factory=dict)
    """Kind of anomaly → end of the span for which it was flagged last."""

    @property
    def grants(self) -> tuple[str, ...]:
        """The rights by their numbers."""
        return tuple(right.grant for right in self.rights)

    @property
    def unreviewed(self) -> tuple[str, ...]:
        """Uses of the emergency access by their numbers."""
        return tuple(glass.use for glass in self.emergencies)


ACCESS: Final = Stream[None]("access")
LOOKUPS: Final = Stream[None]("lookups")
REFUSALS: Final = Stream[None]("refusals")
OPERATOR: Final = Stream("operator", Operator, empty=Operator())
consults(POLICIES, DisclosureRecorded)


@OPERATOR.changes(AccessGranted)
def _granted(state: Operator, event: AccessGranted) -> Operator:
    right = Right(
        grant=event.grant, role=event.role, scope=event.scope, until=event.until, approver=event.approver
    )  # fmt: skip
    return msgspec.structs.replace(state, rights=(*state.rights, right))


@OPERATOR.changes(AccessRevoked)
def _revoked(state: Operator, event: AccessRevoked) -> Operator:
    return msgspec.structs.replace(
        state, rights=tuple(known for known in state.rights if known.grant != event.grant)
    )


@OPERATOR.changes(OperatorDeclared)
def _declared(state: Operator, event: OperatorDeclared) -> Operator:
    return msgspec.structs.replace(state, own=event.own, relatives=event.relatives)


@OPERATOR.changes(AccessAnomalyFlagged)
def _flagged(state: Operator, event: AccessAnomalyFlagged) -> Operator:
    return msgspec.structs.replace(state, flagged=state.flagged | {event.kind: event.until})


@OPERATOR.changes(BreakGlassUsed)
def _used(state: Operator, event: BreakGlassUsed) -> Operator:
    glass = Glass(use=event.use, reason=event.reason, since=event.occurred_at, until=event.until)
    return msgspec.structs.replace(state, emergencies=(*state.emergencies, glass))


@OPERATOR.changes(BreakGlassReviewed)
def _reviewed(state: Operator, event: BreakGlassReviewed) -> Operator:
    return msgspec.structs.replace(
        state, emergencies=tuple(glass for glass in state.emergencies if glass.use != event.use)
    )


@companions(RecordRead)
def _counted(_: StreamName, event: RecordRead) -> tuple[Entry, ...]:
    if not event.operator:
        return ()
    name = StreamName("lookups", event.operator)
    counted = LookedUp(
        occurred_at=event.occurred_at, operator=event.operator, customer=event.customer, ticket=event.ticket
    )  # fmt: skip
    return (Entry(name, name, counted),)


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


@OPERATOR.rule(OperatorDeclared)
def _declared_by_two(_: Operator, event: OperatorDeclared, __: Given) -> None:
    two_people(event.operator, event.approver)


@ACCESS.rule(RecordRead)
def _by_who_looked(_: None, event: RecordRead, given: Given) -> None:
    if event.operator not in {"", given.origin.actor}:
        raise RefusedError("a read is told by who looked", field="operator", rule="the actor of the submission")


@OPERATOR.rule(AccessGranted)
def _by_others(state: Operator, event: AccessGranted, given: Given) -> None:
    two_people(given.origin.actor, event.approver, event.operator)
    if event.grant in state.grants:
        raise RefusedError("this grant exists", field="grant", rule="unique for the operator")


@OPERATOR.rule(AccessRevoked)
def _was_granted(state: Operator, event: AccessRevoked, _: Given) -> None:
    if event.grant not in state.grants:
        raise RefusedError("no such grant", field="grant", rule="granted before it is revoked")


@OPERATOR.rule(BreakGlassReviewed)
def _by_somebody_else(state: Operator, event: BreakGlassReviewed, given: Given) -> None:
    two_people(event.operator, given.origin.actor, field="operator")
    if event.use not in state.unreviewed:
        raise RefusedError("nothing to review", field="use", rule="used and not reviewed")
