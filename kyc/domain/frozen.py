"""What may be booked on a frozen account: money comes in; none goes past a freeze without naming its order. Pure.

A freeze of the whole account holds every debit, a freeze of an amount those that leave less than is frozen, as far
as the booking says what it leaves; what waits in the queue holds nothing yet. Measured at the moment of booking, so
that what was booked before a freeze and arrives after it is recorded as it was. A debit that happened all the same
is a fact and has to be kept (AML24 art. 34): it is recorded once it names, among its documents, the order it went
against, or once the deduction it books is recorded (docs/decisions/0018-frozen.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from kyc.domain.account import AccountState
from kyc.domain.facets import Restraints
from kyc.domain.transaction import Leg, TransactionBooked
from kyc.errors import RefusedError


def decide_frozen(event: TransactionBooked, legs: Sequence[tuple[Leg, AccountState | None]]) -> None:
    """Hold the legs of a booking against the freezes of their accounts, which were found to be open.

    Raises:
        RefusedError: money would leave past a freeze.
    """
    for at, (leg, state) in enumerate(legs):
        assert state is not None, "found to be open"
        restraints = state.restraints
        if restraints.freezes and leg.direction == "debit" and event.reference not in restraints.deducted:
            past = _past(restraints, leg, event.booked_at)
            if past and not past & {*event.documents}:
                raise RefusedError(
                    "the account is frozen", field=f"legs[{at}]", rule="no debit past a freeze: CBL art. 30",
                    remedy="record the deduction first; if it was booked all the same, name the order in documents",
                )  # fmt: skip


def _past(restraints: Restraints, leg: Leg, booked_at: datetime) -> set[str]:
    """The orders of the freezes that a debit goes past; none where it leaves what is frozen."""
    holding = [freeze for freeze in restraints.freezes if freeze.holds_at(booked_at)]
    whole = {freeze.order for freeze in holding if freeze.amount is None}
    if whole or leg.balance_after is None:
        return whole
    frozen = sum((freeze.amount - freeze.taken for freeze in holding if freeze.amount is not None), Decimal(0))
    return {freeze.order for freeze in holding} if leg.balance_after < frozen else set()
