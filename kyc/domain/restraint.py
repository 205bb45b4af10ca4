"""What stands against free use of an account: mandates of agents, suspension, dormancy, freezes and deductions.

A freeze follows an accepted order, waits its turn where the account is frozen already, is renewed before it lapses
and lapses at its exact moment. What may be booked meanwhile is :mod:`kyc.domain.frozen`'s business. Serves CBL
art. 29-30, AEL art. 29-33, AML24 art. 45 and the procedure rules of the police (公安机关程序规定 237-243).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec

from kyc.domain.account import ACCOUNT, OWNING, AccountClosed, AccountEvent, AccountState
from kyc.domain.authority import OrderReceived, OrderState
from kyc.domain.codec import upcast
from kyc.domain.currencies import check_positive
from kyc.domain.dates import check_date
from kyc.domain.event import Event, Instant
from kyc.domain.facets import Freeze, Restraints
from kyc.domain.stream import Given, check, mentions
from kyc.domain.submission import StreamName
from kyc.domain.two_people import two_people
from kyc.domain.values import Code, Currency, Line, Party, Text, Word
from kyc.errors import RefusedError


class AgentAuthorised(AccountEvent, frozen=True, kw_only=True):
    """Somebody may act on the account (RO285 art. 7; AML24 art. 31)."""

    TOPIC: ClassVar[str] = "account.agent_authorised"

    id: Code
    agent: Party
    scope: Text
    since: date
    until: date | None = None
    proof: Text


class AgentRevoked(AccountEvent, frozen=True, kw_only=True):
    """Somebody may no longer act on the account."""

    TOPIC: ClassVar[str] = "account.agent_revoked"

    id: Code
    reason: Line = ""


class AccountSuspended(AccountEvent, frozen=True, kw_only=True):
    """Use is limited by the bank, not by an order: expired documents, risk (AML24 art. 30)."""

    TOPIC: ClassVar[str] = "account.suspended"

    reason: Text
    exempt: Annotated[tuple[Code, ...], msgspec.Meta(max_length=20)] = ()


class AccountResumed(AccountEvent, frozen=True, kw_only=True):
    """The bank's limit is lifted."""

    TOPIC: ClassVar[str] = "account.resumed"

    reason: Line = ""


class AccountDormant(AccountEvent, frozen=True, kw_only=True):
    """Nothing moved for so long that the account sleeps; no relationship ends by that in China."""

    TOPIC: ClassVar[str] = "account.dormant"

    since: date


class AccountFrozen(AccountEvent, frozen=True, kw_only=True):
    """An accepted order freezes the account or an amount on it."""

    TOPIC: ClassVar[str] = "account.frozen"

    id: Code
    order: Code
    organ: Code
    amount: Decimal | None = None
    """None: the whole account."""
    currency: Currency | None = None
    until: Instant | None = None
    """The moment it lapses by itself."""
    covers_fruits: bool = False
    """孳息."""


class FreezeQueued(AccountEvent, frozen=True, kw_only=True):
    """The account is frozen already: the order waits its turn (轮候冻结)."""

    TOPIC: ClassVar[str] = "account.freeze_queued"

    id: Code
    order: Code
    organ: Code


class FreezeRenewed(AccountEvent, frozen=True, kw_only=True):
    """A freeze was renewed before it lapsed."""

    TOPIC: ClassVar[str] = "account.freeze_renewed"

    id: Code
    order: Code
    until: Instant


class FreezeReleased(AccountEvent, frozen=True, kw_only=True):
    """A freeze was lifted by the organ, or dropped from the queue."""

    TOPIC: ClassVar[str] = "account.freeze_released"
    SCHEMA: ClassVar[int] = 2

    id: Code
    reason: Text
    """The organ's paper."""
    approver: Word = ""
    """The second person who saw it; nobody where an order left the queue by itself, and before schema 2."""


@upcast("account.freeze_released", 1)
def _seen_by(payload: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 named the second person within the reason, if at all."""
    return payload


class FreezeLapsed(AccountEvent, frozen=True, kw_only=True):
    """The system noticed that a freeze had lapsed at its moment."""

    TOPIC: ClassVar[str] = "account.freeze_lapsed"

    id: Code
    at: Instant


class FundsDeducted(AccountEvent, frozen=True, kw_only=True):
    """An accepted order took money from the account (扣划)."""

    TOPIC: ClassVar[str] = "account.funds_deducted"

    order: Code
    amount: Decimal
    currency: Currency
    destination: Text
    freeze: Code | None = None
    """The freeze it was taken from."""
    reference: Code
    """The transaction that booked it."""


# --- state ----------------------------------------------------------------------------------------------


def _restrain(event: type[Event], change: Any) -> None:
    @ACCOUNT.changes(event)
    def fold(state: AccountState, event: Event) -> AccountState:
        old = state.restraints
        return msgspec.structs.replace(state, restraints=msgspec.structs.replace(old, **change(old, event)))


def _drop(freezes: tuple[Freeze, ...], id_: str) -> tuple[Freeze, ...]:
    return tuple(known for known in freezes if known.id != id_)


def _freeze(event: AccountFrozen) -> Freeze:
    return Freeze(
        id=event.id, order=event.order, organ=event.organ, amount=event.amount, since=event.occurred_at,
        until=event.until,
    )  # fmt: skip


def _deduct(old: Restraints, event: FundsDeducted) -> dict[str, Any]:
    freezes = tuple(
        msgspec.structs.replace(known, taken=known.taken + event.amount) if known.id == event.freeze else known
        for known in old.freezes
    )
    return {"freezes": freezes, "deducted": (*old.deducted, event.reference)}


_restrain(AgentAuthorised, lambda r, event: {"agents": (*r.agents, event.id)})
_restrain(AgentRevoked, lambda r, event: {"agents": tuple(known for known in r.agents if known != event.id)})
_restrain(AccountSuspended, lambda _, __: {"suspended": True})
_restrain(AccountResumed, lambda _, __: {"suspended": False, "dormant": False})
_restrain(AccountDormant, lambda _, __: {"dormant": True})
_restrain(
    AccountFrozen,
    lambda r, event: {"freezes": (*r.freezes, _freeze(event)), "queue": _drop(r.queue, event.id)},
)
_restrain(
    FreezeQueued,
    lambda r, event: {"queue": (*r.queue, Freeze(id=event.id, order=event.order, organ=event.organ))},
)
_restrain(
    FreezeRenewed,
    lambda r, event: {
        "freezes": tuple(
            msgspec.structs.replace(known, until=event.until) if known.id == event.id else known
            for known in r.freezes
        )
    },
)
_restrain(FundsDeducted, _deduct)
for _kind in (FreezeReleased, FreezeLapsed):
    _restrain(_kind, lambda r, event: {"freezes": _drop(r.freezes, event.id), "queue": _drop(r.queue, event.id)})


# --- rules ----------------------------------------------------------------------------------------------


@check(AgentAuthorised)
def _check_agent(event: AgentAuthorised, _: date) -> None:
    check_date(event.since, "since")
    check_date(event.until, "until")
    if event.until is not None and event.until < event.since:
        raise RefusedError("ends before it begins", field="until", rule="not before since")


@check(AccountFrozen)
def _check_frozen(event: AccountFrozen, _: date) -> None:
    if (event.amount is None) != (event.currency is None):
        raise RefusedError("an amount and its currency go together", field="amount", rule="both or neither")
    if event.amount is not None and event.currency is not None:
        check_positive(event.amount, event.currency, "")
    if event.until is not None and event.until <= event.occurred_at:
        raise RefusedError("lapses before it begins", field="until", rule="after occurred_at")


@check(FundsDeducted)
def _check_deducted(event: FundsDeducted, _: date) -> None:
    check_positive(event.amount, event.currency, "")


@mentions(AccountFrozen)
def _frozen_by(event: AccountFrozen) -> tuple[StreamName, ...]:
    return (StreamName("order", event.order),)


@mentions(FreezeQueued)
def _queued_by(event: FreezeQueued) -> tuple[StreamName, ...]:
    return (StreamName("order", event.order),)


@mentions(FreezeRenewed)
def _renewed_by(event: FreezeRenewed) -> tuple[StreamName, ...]:
    return (StreamName("order", event.order),)


@mentions(FundsDeducted)
def _deducted_by(event: FundsDeducted) -> tuple[StreamName, ...]:
    return (StreamName("order", event.order),)


@ACCOUNT.rule(AccountFrozen, FreezeQueued, FreezeRenewed, FundsDeducted)
def _by_an_order(
    state: AccountState, event: AccountFrozen | FreezeQueued | FreezeRenewed | FundsDeducted, given: Given
) -> None:
    """Nobody freezes or deducts without an accepted order that names the account (CBL art. 29-30; AEL art. 30)."""
    order: OrderState = given.state("order", event.order, "order")
    action = "deduct" if isinstance(event, FundsDeducted) else "freeze"
    if order.status != "accepted" or order.action != action:
        raise RefusedError(
            "no accepted order for this", field="order", rule=f"an accepted order to {action}",
            remedy="have the order checked and accepted first",
        )  # fmt: skip
    if order.accounts and state.account not in order.accounts:
        raise RefusedError("the order names other accounts", field="order", rule="its accounts only")


@ACCOUNT.rule(AccountFrozen)
def _first_come(state: AccountState, event: AccountFrozen, _: Given) -> None:
    if event.currency is not None and event.currency != state.currency:
        raise RefusedError("not the account's currency", field="currency", rule=state.currency)
    _unused(state.restraints, event.id, queued=True)
    whole = [known for known in in_force(state.restraints, event) if known.amount is None]
    if whole:
        raise RefusedError(
            "the account is frozen already", field="stream", rule="no double freeze: orders wait in a queue",
            remedy="queue it",
        )  # fmt: skip
    queue = state.restraints.queue
    if queue and queue[0].id != event.id:
        raise RefusedError("another order comes first", field="id", rule="first come first", remedy="queue it")


@ACCOUNT.rule(FreezeQueued)
def _behind_another(state: AccountState, event: FreezeQueued, _: Given) -> None:
    _unused(state.restraints, event.id, queued=False)
    if not in_force(state.restraints, event):
        raise RefusedError("the account is not frozen", field="stream", rule="queued behind a freeze")


@ACCOUNT.rule(AccountFrozen, FreezeRenewed)
def _within_its_term(_: AccountState, event: AccountFrozen | FreezeRenewed, given: Given) -> None:
    """A freeze lapses when its order says at the latest; that the order is lawful was found at its acceptance."""
    order: OrderState = given.state("order", event.order, "order")
    if order.until is not None and (event.until is None or event.until > order.until):
        raise RefusedError(
            "longer than the order says", field="until", rule="the order's term",
            remedy="freeze for its term, renew by a further order before it lapses",
        )  # fmt: skip


@ACCOUNT.rule(FreezeRenewed)
def _before_it_lapses(state: AccountState, event: FreezeRenewed, _: Given) -> None:
    freeze = _known(state.restraints, event.id)
    if freeze.until is not None and event.occurred_at > freeze.until:
        raise RefusedError("it has lapsed", field="occurred_at", rule="renewed before it lapses")
    if freeze.until is not None and event.until <= freeze.until:
        raise RefusedError("a renewal lasts longer", field="until", rule="after the present end")


@ACCOUNT.rule(FreezeReleased)
def _something_to_release(state: AccountState, event: FreezeReleased, given: Given) -> None:
    """Two people lift what is in force; who waits may leave the line by itself, its order's own term over."""
    waits = event.id in {known.id for known in state.restraints.queue}
    if not waits:
        _known(state.restraints, event.id)
    if not waits or event.approver:
        two_people(given.origin.actor, event.approver)


@ACCOUNT.rule(FreezeLapsed)
def _at_its_moment(state: AccountState, event: FreezeLapsed, _: Given) -> None:
    freeze = _known(state.restraints, event.id)
    if freeze.until is None or event.at != freeze.until:
        raise RefusedError("not its moment", field="at", rule="the end of the freeze")
    if event.occurred_at < freeze.until:
        raise RefusedError("it has not lapsed", field="at", rule="not before its moment")


@ACCOUNT.rule(AccountFrozen)
def _no_more_than_ordered(state: AccountState, event: AccountFrozen, given: Given) -> None:
    """The amount the order names, its fruits if it says so, and of a joint account the holder's share only."""
    order = _received(event.order, given)
    _within_amount(order, event.amount, event.currency)
    if event.covers_fruits and order.fruits != "covered":
        raise RefusedError("the order does not cover fruits", field="covers_fruits", rule="as the order says")
    owners = {holder.customer for holder in state.holders if holder.role in OWNING}
    if event.amount is None and len(owners) > 1 and order.customer in owners:
        raise RefusedError(
            "others hold the account too", field="amount", rule="the holder's share: civil code art. 308-309",
            remedy="freeze the share as an amount",
        )  # fmt: skip


@ACCOUNT.rule(FundsDeducted)
def _from_its_freeze(state: AccountState, event: FundsDeducted, given: Given) -> None:
    """As the order says, out of the same organ's freeze in force, never past somebody else's."""
    if event.currency != state.currency:
        raise RefusedError("not the account's currency", field="currency", rule=state.currency)
    order = _received(event.order, given)
    _within_amount(order, event.amount, event.currency)
    if event.destination != order.destination:
        raise RefusedError("not where the order says", field="destination", rule="the order's destination")
    holding = in_force(state.restraints, event)
    if event.freeze is None:
        if any(known.amount is None for known in holding):
            raise RefusedError(
                "the account is frozen", field="freeze", rule="taken from its own freeze", remedy="name the freeze"
            )
        return
    freeze = _known(state.restraints, event.freeze)
    if freeze not in holding:
        raise RefusedError("it has lapsed", field="freeze", rule="a freeze in force")
    if freeze.organ != order.organ:
        raise RefusedError("frozen by another organ", field="freeze", rule="a freeze of the same organ")
    if freeze.amount is not None and freeze.taken + event.amount > freeze.amount:
        raise RefusedError("more than was frozen", field="amount", rule="the amount of the freeze")


@ACCOUNT.rule(AccountClosed)
def _nothing_frozen(state: AccountState, event: AccountClosed, _: Given) -> None:
    if in_force(state.restraints, event) or state.restraints.queue:
        raise RefusedError("the account is frozen", field="stream", rule="no closing under a freeze")


@ACCOUNT.rule(AgentAuthorised)
def _new_agent(state: AccountState, event: AgentAuthorised, _: Given) -> None:
    if event.id in state.restraints.agents:
        raise RefusedError("this mandate exists", field="id", rule="unique on the account")


@ACCOUNT.rule(AgentRevoked)
def _known_agent(state: AccountState, event: AgentRevoked, _: Given) -> None:
    if event.id not in state.restraints.agents:
        raise RefusedError("no such mandate", field="id", rule="given before it is revoked")


@ACCOUNT.rule(AccountResumed)
def _was_limited(state: AccountState, _: AccountResumed, __: Given) -> None:
    if not state.restraints.suspended and not state.restraints.dormant:
        raise RefusedError("the account is in use", field="stream", rule="suspended or dormant")


def in_force(restraints: Restraints, event: Event) -> tuple[Freeze, ...]:
    """The freezes that have not lapsed when an event happens."""
    return tuple(known for known in restraints.freezes if known.until is None or known.until > event.occurred_at)


def _received(number: str, given: Given) -> OrderReceived:
    """An accepted order; a foreign request is none, and has no right to freeze or deduct."""
    order: OrderState = given.state("order", number, "order")
    assert order.received is not None, "found to be an order to freeze or deduct"
    return order.received


def _within_amount(order: OrderReceived, amount: Decimal | None, currency: str | None) -> None:
    if order.whole_account:
        return
    if amount is None:
        raise RefusedError("the order names an amount", field="amount", rule="the order's amount")
    if order.amount is not None and order.currency == currency and amount > order.amount:
        raise RefusedError("more than the order names", field="amount", rule="the order's amount")


def _known(restraints: Restraints, id_: str) -> Freeze:
    for freeze in restraints.freezes:
        if freeze.id == id_:
            return freeze
    raise RefusedError("no such freeze", field="id", rule="a freeze of this account")


def _unused(restraints: Restraints, id_: str, *, queued: bool) -> None:
    taken = {known.id for known in restraints.freezes}
    if not queued:
        taken |= {known.id for known in restraints.queue}
    if id_ in taken:
        raise RefusedError("this freeze exists", field="id", rule="unique on the account")
