"""The account: opened, holders, standing orders, closed. Short on purpose: its postings have a stream of their own.

Serves O2-07 art. 3, the account rules (settlement account file) and US-CIP (last account).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

import msgspec

from kyc.domain.event import Event, RecordClass
from kyc.domain.values import Code, Counterparty, Currency, Record, Text


class Holder(Record, frozen=True, kw_only=True):
    """A customer's part in an account."""

    customer: Code
    role: Literal["owner", "joint", "agent", "guardian"] = "owner"
    share: Decimal | None = None
    """Percent, where shares are agreed."""


class AccountOpened(Event, frozen=True, kw_only=True):
    """An account was opened for its holders."""

    TOPIC: ClassVar[str] = "account.opened"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.ACCOUNT

    account: Code
    currency: Currency
    product: Code
    opened_on: date
    holders: Annotated[tuple[Holder, ...], msgspec.Meta(min_length=1, max_length=50)]
    mandate: Literal["single", "any", "all"] = "single"


class HolderAdded(Event, frozen=True, kw_only=True):
    """A holder joined."""

    TOPIC: ClassVar[str] = "account.holder_added"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.ACCOUNT

    holder: Holder
    on: date


class HolderRemoved(Event, frozen=True, kw_only=True):
    """A holder left."""

    TOPIC: ClassVar[str] = "account.holder_removed"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.ACCOUNT

    customer: Code
    on: date
    reason: Text


class StandingOrderRegistered(Event, frozen=True, kw_only=True):
    """The holder orders a repeated payment."""

    TOPIC: ClassVar[str] = "account.standing_order_registered"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.ACCOUNT

    order: Code
    amount: Decimal
    currency: Currency
    counterparty: Counterparty
    purpose: str = ""
    rhythm: Literal["monthly", "weekly", "quarterly", "yearly"] = "monthly"


class AccountClosed(Event, frozen=True, kw_only=True):
    """The account was closed."""

    TOPIC: ClassVar[str] = "account.closed"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.ACCOUNT

    on: date
    reason: Text


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an account now."""

    account: str
    currency: str
    opened_on: date
    holders: tuple[Holder, ...]
    closed_on: date | None = None


def evolve(state: AccountState | None, event: Event) -> AccountState | None:
    """The state after an event; events of other kinds change nothing."""
    if isinstance(event, AccountOpened):
        return AccountState(
            account=event.account, currency=event.currency, opened_on=event.opened_on, holders=event.holders
        )
    if state is None:
        return None
    if isinstance(event, HolderAdded):
        return msgspec.structs.replace(state, holders=(*state.holders, event.holder))
    if isinstance(event, HolderRemoved):
        kept = tuple(holder for holder in state.holders if holder.customer != event.customer)
        return msgspec.structs.replace(state, holders=kept)
    if isinstance(event, AccountClosed):
        return msgspec.structs.replace(state, closed_on=event.on)
    return state
