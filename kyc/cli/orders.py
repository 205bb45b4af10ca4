"""Commands of the order desk: orders of authorities, freezes and secrecy at an instant, and every assistance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from cyclopts import App

from kyc.cli.compliance import Days
from kyc.cli.door import Page, listing, looking
from kyc.cli.main import screen
from kyc.cli.records import moment
from kyc.cli.registers import Count, numbers, who
from kyc.errors import NotFoundError

if TYPE_CHECKING:
    from kyc.domain.submission import StreamName
    from kyc.wiring import Service
    from projections.orders import Assistance, Due, Freeze, Order


def register(app: App) -> None:
    """Add the commands."""
    orders = App(name="orders", help="Orders of authorities, freezes and secrecy, and what was done for them.")
    orders.default(listed)
    orders.command(show)
    app.command(orders)


def listed(
    *,
    on: str | None = None,
    due: bool = False,
    ahead: Days = 14,
    customer: str | None = None,
    account: str | None = None,
    organ: str | None = None,
    limit: Count = 1_000,
) -> None:
    """Orders received, and where they and freezes stood at an instant: a freeze lapses at its moment by itself.

    Parameters
    ----------
    on
        A date (its end, in the institution's zone) or an instant such as 2026-03-01T12:00:00+08:00; now.
    due
        What is to be seen to instead: freezes that lapse, the first in queues of accounts that are free, customers
        to be told because secrecy was released or its day has come.
    ahead
        Of what is due: freezes that lapse within so many days.
    customer
        Only of this customer number.
    account
        Only of this account.
    organ
        Only of this kind of organ, such as court.
    limit
        Orders, and freezes, told at most.
    """
    from projections import orders

    with listing("orders", "secret_orders") as page:
        opened = page.opened
        at, zone = _instant(opened, on)
        if due:
            found = orders.due(opened.log, at, at + timedelta(days=ahead), at.astimezone(zone).date(), limit)
            _tell_due(page, found, at, zone)
            return
        chosen: Any = {"customer": customer, "account": account, "organ": organ}
        known = orders.find(opened.log, at, limit=limit, **chosen)
        frozen = orders.freezes(opened.log, at, limit=limit, **chosen)
        document = {
            "at": at.isoformat(),
            "orders": [_order(one) for one in known],
            "freezes": [_freeze(one) for one in frozen],
        }
        lines = [_order_line(one, zone) for one in known] + [_freeze_line(one, zone) for one in frozen]
        page.tell(
            document,
            lines or ["no orders"],
            subjects=[*_named(known), *_accounts(opened, [one.stream_id for one in frozen])],
        )


def show(number: str, /, *, on: str | None = None) -> None:
    """One order: where it stood, its freezes, and the register of what was done under it.

    Parameters
    ----------
    number
        The bank's own number of the order.
    on
        A date (its end, in the institution's zone) or an instant; now.
    """
    from projections import orders

    with looking("order", number) as opened:
        at, zone = _instant(opened, on)
        found = orders.find(opened.log, at, number=number)
        if not found:
            raise NotFoundError("no such order", field="order")
        (order,) = found
        frozen = orders.freezes(opened.log, at, number=number)
        acts = orders.assistance(opened.log, at, orders=[order.stream_id])
        document = _order(order) | {
            "at": at.isoformat(),
            "freezes": [_freeze(one) for one in frozen],
            "assistance": [_act(one) for one in acts],
        }
        lines = [_order_line(order, zone), *(_freeze_line(one, zone) for one in frozen)]
        screen().answer(document, lines + [_act_line(one, zone) for one in acts])


def assistance(*, since: str | None = None, until: str | None = None, limit: Count = 1_000) -> None:
    """The register of every assistance: disclosed, frozen, queued, renewed, released, deducted, refused.

    Parameters
    ----------
    since
        A date (its beginning, in the institution's zone) or an instant.
    until
        A date (its end) or an instant; now.
    limit
        Entries told at most.
    """
    from projections import orders
    from replay import registers

    with listing("orders", "secret_orders") as page:
        at, zone = _instant(page.opened, until)
        start = moment(since, zone, end=False)
        span: dict[str, Any] = {} if start is None else {"since": start}
        found = orders.assistance(page.opened.log, at, limit=limit, **span)
        known = registers.named(page.opened.log, (one.customer for one in found if one.customer))
        lines = [_act_line(one, zone) for one in found] or ["nothing was done for any authority"]
        document = {"assistance": [_act(one) for one in found]}
        page.tell(document, lines, numbers(known), _accounts(page.opened, [one.account for one in found]))


def _tell_due(page: Page, found: Due, at: datetime, zone: ZoneInfo) -> None:
    from replay import registers

    known = registers.named(page.opened.log, (one.customer for one in found.notices))
    document = {
        "at": at.isoformat(),
        "lapsing": [_freeze(one) for one in found.lapsing],
        "next_in_line": [_freeze(one) for one in found.next_in_line],
        "notices": [
            known[one.customer] | {"notify_after": one.notify_after, "released_at": one.released_at}
            for one in found.notices
        ],
    }
    lines = [f"lapses   {_freeze_line(one, zone)}" for one in found.lapsing]
    lines += [f"in line  {_freeze_line(one, zone)}" for one in found.next_in_line]
    lines += [f"tell     {who(known[one.customer])}" for one in found.notices]
    freezes = _accounts(page.opened, [one.stream_id for one in (*found.lapsing, *found.next_in_line)])
    page.tell(document, lines or ["nothing is due"], numbers(known), freezes)


def _instant(opened: Service, on: str | None) -> tuple[datetime, ZoneInfo]:
    from kyc.clock import to_datetime

    zone = opened.ledger.zone
    return moment(on, zone) or to_datetime(opened.clock.now_us()), zone


def _order(one: Order) -> dict[str, Any]:
    from replay import registers

    return registers.content(registers.plain(one), "papers", "accounts", "customer")


def _freeze(one: Freeze) -> dict[str, Any]:
    from replay import registers

    return registers.content(registers.plain(one), "named", "order_id")


def _act(one: Assistance) -> dict[str, Any]:
    from replay import render

    done = {"kind": one.kind, "at": one.at, "amount": one.amount, "currency": one.currency}
    return done | (render.plain(one.act) if one.act else {"disposed": True})


def _act_line(one: Assistance, zone: ZoneInfo) -> str:
    told = ", ".join(filter(None, [*one.act.what, one.act.to, one.act.reference])) if one.act else "(disposed of)"
    amount = f"  {one.amount} {one.currency}" if one.amount is not None else ""
    return f"{_time(one.at, zone)}  {one.kind:<10}{amount}  {told}"


def _order_line(one: Order, zone: ZoneInfo) -> str:
    number = one.papers.order if one.papers else "(disposed of)"
    return (
        f"{_time(one.received_at, zone)}  {one.status:<9}  {number}  {one.action}, {one.organ}"
        f"{', secret' if one.secret else ''}"
    )


def _freeze_line(one: Freeze, zone: ZoneInfo) -> str:
    name = f"{one.named.freeze} by {one.named.order}" if one.named else "(disposed of)"
    amount = "whole account" if one.amount is None else f"{one.amount} {one.currency}"
    place = f", place {one.place}" if one.place else ""
    until = f"until {_time(one.until, zone)}" if one.until else "no end"
    return f"{until}  {one.state:<9}  {name}, {amount}{place}"


def _named(orders: Sequence[Order]) -> list[StreamName]:
    """Orders, whose streams say which customers they name, and the accounts they name."""
    from kyc.domain.submission import StreamName

    known = [one.papers for one in orders if one.papers is not None]
    accounts = [StreamName("account", number) for one in known for number in one.accounts]
    return [*(StreamName("order", one.order) for one in known), *accounts]


def _accounts(opened: Service, streams: Sequence[bytes | None]) -> list[StreamName]:
    """The accounts of streams."""
    from replay import named as naming

    return list(naming.names(opened.log, [one for one in streams if one is not None]).values())


def _time(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(sep=" ", timespec="seconds")
