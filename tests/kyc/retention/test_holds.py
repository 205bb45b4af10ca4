"""Holds: what their scope covers, from when to when, and that nothing is outside by not being known."""

from __future__ import annotations

from datetime import date

import pytest

from kyc.retention.holds import Held, Hold, Scope, holding

ON = date(2030, 6, 1)
RECORD = Held(
    record_class="transaction", customers=frozenset({"C1", "C2"}), accounts=frozenset({"A1"}),
    about_from=date(2025, 3, 1), about_to=date(2025, 3, 31),
)  # fmt: skip


def lies(record: Held = RECORD, on: date = ON, ended_on: date | None = None, **scope) -> bool:
    """Whether a hold placed on 2030-05-01 with that scope lies on the record."""
    hold = Hold(hold="H", kind="HOLD-ORD", scope=Scope(**scope), placed_on=date(2030, 5, 1), ended_on=ended_on)
    return holding([hold], record, on) == ("H",)


@pytest.mark.parametrize(
    ("expected", "scope"),
    [
        (True, {"customers": {"C2"}}),
        (True, {"customers": {"C9", "C1"}}),
        (False, {"customers": {"C9"}}),
        (True, {"customers": {"C1"}, "accounts": {"A1"}}),
        (False, {"customers": {"C1"}, "accounts": {"A2"}}),
        (False, {"cases": {"K1"}}),
        (True, {"customers": {"C1"}, "record_classes": {"identity", "transaction"}}),
        (False, {"customers": {"C1"}, "record_classes": {"identity"}}),
        (True, {"customers": {"C1"}, "period_from": date(2025, 3, 31)}),
        (False, {"customers": {"C1"}, "period_from": date(2025, 4, 1)}),
        (True, {"customers": {"C1"}, "period_to": date(2025, 3, 1)}),
        (False, {"customers": {"C1"}, "period_to": date(2025, 2, 28)}),
    ],
)
def test_scope(expected, scope) -> None:
    """Every part that is given must fit, each by any of its values; periods count their first and last day."""
    assert (
        lies(**{name: frozenset(value) if isinstance(value, set) else value for name, value in scope.items()})
        is expected
    )


def test_unknown_days_are_held() -> None:
    """A record whose days are not known, or that is still being written, is inside every period."""
    unknown = Held(record_class="transaction", customers=frozenset({"C1"}))
    assert lies(unknown, customers=frozenset({"C1"}), period_from=date(2029, 1, 1), period_to=date(2029, 1, 2))


def test_from_when_to_when() -> None:
    """A hold holds from the day it is placed until the day before it has ended."""
    scope = {"customers": frozenset({"C1"})}
    assert not lies(on=date(2030, 4, 30), **scope)
    assert lies(on=date(2030, 5, 1), **scope)
    assert lies(on=date(2030, 5, 31), ended_on=date(2030, 6, 1), **scope)
    assert not lies(on=date(2030, 6, 1), ended_on=date(2030, 6, 1), **scope)


def test_several_holds() -> None:
    """All holds that lie on a record are named; ending one leaves the others."""
    scope = Scope(customers=frozenset({"C1"}))
    holds = [Hold(hold=name, kind="HOLD-AML", scope=scope, placed_on=ON) for name in ("H2", "H1")]
    assert holding(holds, RECORD, ON) == ("H1", "H2")


@pytest.mark.parametrize(
    "scope",
    [{}, {"record_classes": frozenset({"identity"})},
     {"customers": frozenset({"C1"}), "period_from": date(2025, 1, 2), "period_to": date(2025, 1, 1)}],
)  # fmt: skip
def test_scopes_that_name_nothing(scope) -> None:
    """A hold over nobody, hence over everybody, and one that ends before it begins are refused."""
    with pytest.raises(ValueError, match=r"hold names|period_to"):
        Scope(**scope)
