"""The account: opened, holders, standing orders, closed. Short on purpose: its postings have a stream of their own.

Whoever holds it has an event in their own stream too, so that a customer's file names all accounts ever held and
the disposal of one holder never blinds another's. Serves O2-07 art. 3, the account rules (settlement account file)
and US-CIP (last account).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from kyc.domain.currencies import check_number, check_positive, digits_of
from kyc.domain.customer import CUSTOMER, AccountLinked, AccountUnlinked, CustomerState, RelationshipEnded
from kyc.domain.dates import check_past
from kyc.domain.event import Event, RecordClass
from kyc.domain.facets import Restraints
from kyc.domain.stream import Given, Stream, check, companions, mentions
from kyc.domain.submission import Entry, StreamName
from kyc.domain.values import Code, Counterparty, Currency, Line, Percent, Record, Text
from kyc.errors import RefusedError


class AccountEvent(Event, frozen=True, kw_only=True):
    """An event of an account's stream."""

    STREAM: ClassVar[str] = "account"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.ACCOUNT


class Holder(Record, frozen=True, kw_only=True):
    """A customer's part in an account."""

    customer: Code
    role: Literal["owner", "joint", "agent", "guardian"] = "owner"
    share: Percent | None = None
    """Percent, where shares are agreed."""


class AccountOpened(AccountEvent, frozen=True, kw_only=True):
    """An account was opened for its holders."""

    TOPIC: ClassVar[str] = "account.opened"
    KEY: ClassVar[str] = "account"

    account: Code
    currency: Currency
    product: Code
    opened_on: date
    holders: Annotated[tuple[Holder, ...], msgspec.Meta(min_length=1, max_length=50)]
    mandate: Literal["single", "any", "all"] = "single"


class HolderAdded(AccountEvent, frozen=True, kw_only=True):
    """A holder joined."""

    TOPIC: ClassVar[str] = "account.holder_added"

    holder: Holder
    on: date


class HolderRemoved(AccountEvent, frozen=True, kw_only=True):
    """A holder left."""

    TOPIC: ClassVar[str] = "account.holder_removed"

    customer: Code
    on: date
    reason: Text


class StandingOrderRegistered(AccountEvent, frozen=True, kw_only=True):
    """The holder orders a repeated payment."""

    TOPIC: ClassVar[str] = "account.standing_order_registered"

    order: Code
    amount: Decimal
    currency: Currency
    counterparty: Counterparty
    purpose: Line = ""
    rhythm: Literal["monthly", "weekly", "quarterly", "yearly"] = "monthly"


class AccountClosed(AccountEvent, frozen=True, kw_only=True):
    """The account was closed."""

    TOPIC: ClassVar[str] = "account.closed"

    on: date
    reason: Text


class AccountReopened(AccountEvent, frozen=True, kw_only=True):
    """A closed account was opened again: closed by mistake, or money came back."""

    TOPIC: ClassVar[str] = "account.reopened"

    on: date
    reason: Text


# --- state ----------------------------------------------------------------------------------------------


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an account now."""

    account: str
    currency: str
    opened_on: date
    holders: tuple[Holder, ...]
    closed_on: date | None = None
    restraints: Restraints = Restraints()


ACCOUNT: Final = Stream("account", AccountState)


@ACCOUNT.begins(AccountOpened)
def _opened(event: AccountOpened) -> AccountState:
    return AccountState(
        account=event.account, currency=event.currency, opened_on=event.opened_on, holders=event.holders
    )


@ACCOUNT.changes(HolderAdded)
def _added(state: AccountState, event: HolderAdded) -> AccountState:
    return msgspec.structs.replace(state, holders=(*state.holders, event.holder))


@ACCOUNT.changes(HolderRemoved)
def _removed(state: AccountState, event: HolderRemoved) -> AccountState:
    kept = tuple(holder for holder in state.holders if holder.customer != event.customer)
    return msgspec.structs.replace(state, holders=kept)


@ACCOUNT.changes(AccountClosed)
def _closed(state: AccountState, event: AccountClosed) -> AccountState:
    return msgspec.structs.replace(state, closed_on=event.on)


@ACCOUNT.changes(AccountReopened)
def _reopened(state: AccountState, _: AccountReopened) -> AccountState:
    return msgspec.structs.replace(state, closed_on=None)


# --- rules ----------------------------------------------------------------------------------------------


@check(AccountOpened)
def _check_opening(event: AccountOpened, today: date) -> None:
    digits_of(event.currency, "", event.opened_on)
    check_past(event.opened_on, today, "opened_on")
    customers = [holder.customer for holder in event.holders]
    if len(set(customers)) < len(customers):
        raise RefusedError("a holder is named twice", field="holders", rule="each customer once")
    if not any(holder.role in OWNING for holder in event.holders):
        raise RefusedError("nobody owns the account", field="holders", rule="at least one owner or joint owner")
    _check_shares(event.holders, "holders")


@check(HolderAdded)
def _check_added(event: HolderAdded, today: date) -> None:
    check_past(event.on, today, "on")
    _check_shares((event.holder,), "holder")


@check(HolderRemoved, AccountClosed, AccountReopened)
def _check_on(event: HolderRemoved | AccountClosed | AccountReopened, today: date) -> None:
    check_past(event.on, today, "on")


@check(StandingOrderRegistered)
def _check_order(event: StandingOrderRegistered, _: date) -> None:
    check_positive(event.amount, event.currency, "", event.occurred_at.date())


@mentions(AccountOpened)
def _opening_holders(event: AccountOpened) -> tuple[StreamName, ...]:
    return tuple(StreamName("customer", holder.customer) for holder in event.holders)


@mentions(HolderAdded)
def _added_holder(event: HolderAdded) -> tuple[StreamName, ...]:
    return (StreamName("customer", event.holder.customer),)


@mentions(HolderRemoved)
def _removed_holder(event: HolderRemoved) -> tuple[StreamName, ...]:
    return (StreamName("customer", event.customer),)


@ACCOUNT.rule(AccountOpened)
def _holders_known(_: AccountState, event: AccountOpened, given: Given) -> None:
    for at, holder in enumerate(event.holders):
        given.state("customer", holder.customer, f"holders[{at}].customer")


@CUSTOMER.rule(RelationshipEnded)
def _all_closed(state: CustomerState, event: RelationshipEnded, given: Given) -> None:
    """The relationship ends with its last product (31 CFR 1010.430; gotcha: not with any closing)."""
    if unnamed := [held for held in state.accounts if held.account not in event.accounts]:
        raise RefusedError(
            "not all accounts are named", field="accounts", rule=f"{len(unnamed)} more held",
            remedy="name every account the customer holds",
        )  # fmt: skip
    for at, number in enumerate(event.accounts):
        closed_on = given.state("account", number, f"accounts[{at}]").closed_on
        if closed_on is None or closed_on > event.on:
            raise RefusedError(
                "an account is still open", field=f"accounts[{at}]",
                rule="the relationship ends with its last product", remedy="close the account first",
            )  # fmt: skip


@mentions(RelationshipEnded)
def _ended_accounts(event: RelationshipEnded) -> tuple[StreamName, ...]:
    return tuple(StreamName("account", number) for number in event.accounts)


@ACCOUNT.always
def _still_open(state: AccountState, event: Event, _: Given) -> None:
    if isinstance(event, AccountReopened):
        if state.closed_on is None or event.on < state.closed_on:
            raise RefusedError("the account is not closed", field="on", rule="closed before it is reopened")
    elif state.closed_on is not None:
        raise RefusedError("the account is closed", field="stream", rule="not after closed_on")


@ACCOUNT.rule(HolderAdded)
def _joins(state: AccountState, event: HolderAdded, given: Given) -> None:
    given.state("customer", event.holder.customer, "holder.customer")
    if any(holder.customer == event.holder.customer for holder in state.holders):
        raise RefusedError("a holder of this account already", field="holder.customer", rule="each customer once")
    _check_shares((*state.holders, event.holder), "holder")


@ACCOUNT.rule(HolderRemoved)
def _leaves(state: AccountState, event: HolderRemoved, _: Given) -> None:
    left = [holder for holder in state.holders if holder.customer != event.customer]
    if len(left) == len(state.holders):
        raise RefusedError("not a holder of this account", field="customer", rule="only holders leave")
    if not any(holder.role in OWNING for holder in left):
        raise RefusedError(
            "nobody would own the account", field="customer", rule="at least one owner or joint owner",
            remedy="add the new owner first, or close the account",
        )  # fmt: skip


@ACCOUNT.rule(AccountClosed, HolderRemoved)
def _not_before_opening(state: AccountState, event: AccountClosed | HolderRemoved, _: Given) -> None:
    if event.on < state.opened_on:
        raise RefusedError("before the account was opened", field="on", rule="not before opened_on")


@companions(AccountOpened)
def _link_all(_: StreamName, event: AccountOpened) -> tuple[Entry, ...]:
    return tuple(_linked(event, event.account, holder, event.opened_on) for holder in event.holders)


@companions(HolderAdded)
def _link_one(account: StreamName, event: HolderAdded) -> tuple[Entry, ...]:
    return (_linked(event, account.key, event.holder, event.on),)


@companions(HolderRemoved)
def _unlink_one(account: StreamName, event: HolderRemoved) -> tuple[Entry, ...]:
    name = StreamName("customer", event.customer)
    gone = AccountUnlinked(occurred_at=event.occurred_at, account=account.key, on=event.on)
    return (Entry(name, name, gone),)


def _linked(event: Event, account: str, holder: Holder, on: date) -> Entry:
    name = StreamName("customer", holder.customer)
    return Entry(name, name, AccountLinked(occurred_at=event.occurred_at, account=account, role=holder.role, on=on))


def _check_shares(holders: tuple[Holder, ...], field: str) -> None:
    total = Decimal(0)
    for holder in holders:
        if holder.share is not None:
            check_number(holder.share, f"{field}.share")
            total += holder.share
            if holder.share <= 0 or total > _WHOLE:
                raise RefusedError("impossible share", field=f"{field}.share", rule="above 0, together at most 100")


OWNING: Final = frozenset({"owner", "joint"})
"""Roles of holders whose money it is."""
_WHOLE: Final = Decimal(100)
