"""Freezing and deducting under accepted orders: what an order says and no more, in turn, to the exact moment.

An account that is free is frozen, otherwise the order waits; what lapses by itself is noticed by a job that any
number of processes may run at once, because what it records is determined by the freeze alone. Whoever waited
longest comes next in the same stroke (轮候冻结自动生效). Of a joint account only the holder's share is frozen,
equal shares where none are agreed (civil code art. 308-309). Serves seed rule 32, AEL art. 29-33, AML24 art. 45.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Final, NamedTuple

from kyc.desk.clerk import SYSTEM, Clerk, Desk
from kyc.domain.account import OWNING, AccountState
from kyc.domain.authority import OrderReceived, OrderState
from kyc.domain.currencies import digits_of
from kyc.domain.facets import Freeze
from kyc.domain.restraint import (
    AccountFrozen,
    FreezeLapsed,
    FreezeQueued,
    FreezeReleased,
    FreezeRenewed,
    FundsDeducted,
)
from kyc.domain.submission import StreamName
from kyc.domain.transaction import TransactionBooked
from kyc.errors import RefusedError
from projections import orders
from projections.engine import Engine
from replay.named import names

_PAGE: Final = 200
"""Postings read at a time, from the newest on, when a balance is looked for."""
_WHOLE: Final = Decimal(100)


class Frozen(NamedTuple):
    """What became of a freeze."""

    account: str
    freeze: str
    waits: bool
    """Queued behind another."""
    amount: Decimal | None
    until: datetime | None


class Lapsed(NamedTuple):
    """What a run of the job noticed."""

    lapsed: list[tuple[str, str]]
    """Account and freeze."""
    in_force: list[tuple[str, str]]
    """Account and freeze that came next in line."""


class FreezeDesk(Desk):
    """Carries out orders to freeze and to deduct."""

    def freeze(self, number: str, account: str, amount: Decimal | None = None) -> Frozen:
        """Freeze an account as an accepted order says, or put the order in line.

        Args:
            number: of the order; the freeze bears it too.
            account: one that the order names.
            amount: less than the order names; None: as much as it names, of a joint account the holder's share.

        Raises:
            AccessDeniedError: not permitted: no accepted order of an organ that may.
            RefusedError: the order does not reach so far.
        """
        self.allow("freeze", _stream(account), number)
        order = self._order(number)
        self._settle(account, self.now)
        state: AccountState = self.state("account", account)
        at, held = self.now, self._amount(order, state, amount)
        holding = [one for one in state.restraints.freezes if one.holds_at(at)]
        if state.restraints.queue or any(one.amount is None for one in holding):
            self.record(FreezeQueued(occurred_at=at, id=number, order=number, organ=order.organ), account)
            return Frozen(account, number, waits=True, amount=held, until=order.freeze_until)
        self.record(self._frozen(order, number, held, state.currency, at), account)
        return Frozen(account, number, waits=False, amount=held, until=order.freeze_until)

    def renew(self, number: str, account: str, freeze: str) -> datetime:
        """Renew a freeze by a further order before it lapses; when it lapses now.

        Raises:
            AccessDeniedError, RefusedError: as above; the order is no renewal.
        """
        self.allow("freeze", _stream(account), number)
        order = self._order(number)
        if not order.renewals or order.freeze_until is None:
            raise RefusedError(
                "the order renews nothing", field="order", rule="a renewal", remedy="kyc order freeze"
            )
        self.record(FreezeRenewed(occurred_at=self.now, id=freeze, order=number, until=order.freeze_until), account)
        return order.freeze_until

    def deduct(self, number: str, account: str, amount: Decimal, reference: str, freeze: str | None = None) -> None:
        """Take money under an accepted order to deduct, to where it says; then the booking may be recorded.

        Args:
            number: of the order.
            account: one that it names.
            amount: in the account's currency.
            reference: of the transaction that books it.
            freeze: that it is taken from.

        Raises:
            AccessDeniedError, RefusedError: as above.
        """
        self.allow("deduct", _stream(account), number)
        order = self._order(number)
        taken = self._taken(order) + amount
        if order.amount is not None and not order.whole_account and taken > order.amount:
            raise RefusedError("more than the order names", field="amount", rule="the order's amount, in all")
        state: AccountState = self.state("account", account)
        self.record(
            FundsDeducted(
                occurred_at=self.now, order=number, amount=amount, currency=state.currency,
                destination=order.destination, freeze=freeze, reference=reference,
            ),
            account,
        )  # fmt: skip

    def release(self, account: str, freeze: str, paper: str, approver: Clerk) -> list[str]:
        """Lift a freeze, or take it out of the queue, on a paper of the organ that two people saw.

        Returns the freezes that came next in line.

        Raises:
            AccessDeniedError: not permitted to one of the two.
        """
        self.allow_two("release-freeze", _stream(account), approver)
        at = self.now
        self.record(FreezeReleased(occurred_at=at, id=freeze, reason=paper, approver=approver.id), account)
        return self._next(account, at)

    def lapse(self) -> Lapsed:
        """Record what has lapsed by now and who came next; run twice, also at once, it records nothing twice.

        Raises:
            AccessDeniedError: not permitted.
        """
        self.allow("lapse-freezes", StreamName("operations", "freezes"))
        log, at = self.service.log, self.now
        Engine(log).catch_up()
        found = Lapsed([], [])
        streams = orders.to_settle(log, at)
        known = names(log, streams)
        for account in [known[stream].key for stream in streams if stream in known]:
            lapsed, following = self._settle(account, at)
            found.lapsed.extend((account, freeze) for freeze in lapsed)
            found.in_force.extend((account, freeze) for freeze in following)
        return found

    # --- what happens by itself -------------------------------------------------------------------------

    def _settle(self, account: str, at: datetime) -> tuple[list[str], list[str]]:
        """Notice what has lapsed on an account, in the order it lapsed, and who came next."""
        lapsed: list[str] = []
        following: list[str] = []
        while ended := self._ended(account, at):
            freeze, until = ended
            self._by_itself(FreezeLapsed(occurred_at=until, id=freeze, at=until), account, f"{freeze}/{until}")
            lapsed.append(freeze)
            following += self._next(account, until)
        return lapsed, [*following, *self._next(account, at)]

    def _ended(self, account: str, at: datetime) -> tuple[str, datetime] | None:
        freezes = self.state("account", account).restraints.freezes
        ended = [(one.until, one.id) for one in freezes if one.until is not None and one.until <= at]
        if not ended:
            return None
        until, freeze = min(ended)
        return freeze, until

    def _next(self, account: str, at: datetime) -> list[str]:
        """Put into force whoever waited longest, as far as the account is free at a moment."""
        begun: list[str] = []
        while (waiting := self._first(account, at)) is not None:
            freeze, state = waiting
            order = self._order(freeze.order)
            if order.freeze_until is not None and order.freeze_until <= at:
                gone = FreezeReleased(occurred_at=at, id=freeze.id, reason="its order's term was over first")
                self._by_itself(gone, account, f"{freeze.id}/over")
                continue
            try:
                held = self._amount(order, state, None)
            except RefusedError:
                break  # how much is for a person to say: it stays first in line (kyc orders --due)
            event = self._frozen(order, freeze.id, held, state.currency, at)
            self._by_itself(event, account, f"{freeze.id}/in-force")
            begun.append(freeze.id)
        return begun

    def _first(self, account: str, at: datetime) -> tuple[Freeze, AccountState] | None:
        state: AccountState = self.state("account", account)
        whole = any(one.amount is None and one.holds_at(at) for one in state.restraints.freezes)
        return None if whole or not state.restraints.queue else (state.restraints.queue[0], state)

    def _by_itself(self, event: AccountFrozen | FreezeLapsed | FreezeReleased, account: str, key: str) -> None:
        """Record what nobody decides; where another process was first, that is as good."""
        try:
            self.record(event, account, actor=SYSTEM, key=f"freeze/{account}/{key}")
        except RefusedError:
            restraints = self.state("account", account).restraints
            in_force = event.id in {one.id for one in restraints.freezes}
            waits = event.id in {one.id for one in restraints.queue}
            if waits or in_force != isinstance(event, AccountFrozen):
                raise

    # --- what an order reaches --------------------------------------------------------------------------

    def _order(self, number: str) -> OrderReceived:
        state: OrderState = self.state("order", number)
        if state.received is None:
            raise RefusedError("a foreign request freezes nothing", field="order", rule="PIPL art. 41")
        return state.received

    def _frozen(
        self, order: OrderReceived, freeze: str, amount: Decimal | None, currency: str, at: datetime
    ) -> AccountFrozen:
        return AccountFrozen(
            occurred_at=at, id=freeze, order=order.order, organ=order.organ, amount=amount,
            currency=None if amount is None else currency, until=order.freeze_until,
            covers_fruits=order.fruits == "covered",
        )  # fmt: skip

    def _amount(self, order: OrderReceived, state: AccountState, wanted: Decimal | None) -> Decimal | None:
        """How much is frozen; None: everything. Never more, over all its accounts, than the order names."""
        left = None if order.whole_account else self._left(order, state)
        share = self._share(order, state, known=wanted is None)
        limits = [one for one in (left, share) if one is not None]
        amount = wanted if wanted is not None else min(limits) if limits else None
        if amount is not None and any(amount > limit for limit in limits):
            raise RefusedError("more than the order reaches", field="amount", rule="the order's amount, his share")
        if amount is not None and amount <= 0:
            raise RefusedError("nothing is left to freeze", field="amount", rule="above zero")
        return amount

    def _left(self, order: OrderReceived, state: AccountState) -> Decimal | None:
        if order.amount is None or order.currency != state.currency:
            return None
        return order.amount - sum((one.amount for one in self._under(order) if one.amount is not None), Decimal(0))

    def _under(self, order: OrderReceived) -> Iterator[Freeze]:
        """The freezes in force under an order, over all its accounts."""
        for account in order.accounts:
            state: AccountState = self.state("account", account)
            yield from (one for one in state.restraints.freezes if one.order == order.order)

    def _taken(self, order: OrderReceived) -> Decimal:
        """What was deducted under an order, over all its accounts."""
        return sum(
            (
                told.event.amount
                for account in order.accounts
                for told in self.service.log.events(StreamName("account", account))
                if isinstance(told.event, FundsDeducted) and told.event.order == order.order
            ),
            Decimal(0),
        )

    def _share(self, order: OrderReceived, state: AccountState, *, known: bool) -> Decimal | None:
        """The part of a joint account that is the subject's; None: all of it, or ``known`` need not be."""
        owners = {one.customer: one.share for one in state.holders if one.role in OWNING}
        if len(owners) < 2 or order.customer not in owners:
            return None
        balance = self._balance(state.account)
        if balance is None and not known:
            return None
        if balance is None:
            raise RefusedError(
                "the balance is not recorded", field="amount", rule="the share of a known balance",
                remedy="ask the core system and name the amount",
            )  # fmt: skip
        share = owners[order.customer]
        percent = _WHOLE / len(owners) if share is None else share
        unit = Decimal(1).scaleb(-digits_of(state.currency, ""))
        return (balance * percent / _WHOLE).quantize(unit, ROUND_DOWN)

    def _balance(self, account: str) -> Decimal | None:
        """The newest balance that a booking said; None: none did."""
        log, name = self.service.log, StreamName("postings", account)
        stream = log.stream_id(name)
        heads = log.reader.heads([stream])
        last = heads[stream].version if stream in heads else 0
        while last > 0:
            told = list(log.events(name, after=max(0, last - _PAGE), through=last))
            for one in reversed(told):
                if isinstance(one.event, TransactionBooked) and one.event.leg.balance_after is not None:
                    return one.event.leg.balance_after
            last -= _PAGE
        return None


def _stream(account: str) -> StreamName:
    return StreamName("account", account)
