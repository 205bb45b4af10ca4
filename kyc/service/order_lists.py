"""What stands in the registers of the order desk, over HTTP: as ``kyc orders`` tells it, at any instant.

A freeze lapses at its moment by itself, whether or not anybody noted it. Who is told of is recorded first: whom an
order names, and the holders of the accounts it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final, cast, get_args

import msgspec

from kyc.access.gate import Grant
from kyc.clock import to_datetime
from kyc.desk.orders import OrderDesk
from kyc.domain.submission import StreamName
from kyc.errors import NotFoundError
from kyc.ledger import Ledger
from kyc.service.acting import clerk_of
from kyc.service.call import Answer, Call, Handler, encode
from kyc.service.door import Look, Make, asked, view
from kyc.service.listing import Fetch, Found, Listing, Page, Row, listing
from projections import access_log
from projections import orders as register
from projections.orders import Assistance, Freeze, Order
from replay import named as naming
from replay import registers as told
from replay import render

_FIELDS: Final = ("orders", "secret_orders")
_STATUS: Final = ("", *get_args(register.Status))
_NAMED: Final = ("customer", "names")
_AHEAD: Final = 3_660
_ROWS: Final = 1_000
Rows = tuple[list[dict[str, Any]], Iterable[StreamName]]
"""Rows of a list, and the records whose customers they tell of."""


class Violations(msgspec.Struct, frozen=True, kw_only=True):
    """What stands against following an order; empty where nothing does."""

    violations: list[dict[str, str]]


async def violations(call: Call) -> Answer:
    """GET /v1/orders/{number}/violations."""
    clerk, service = clerk_of(call), call.parts.service

    def work() -> bytes:
        desk = OrderDesk(service, clerk, ledger=Ledger(service.log, Look(call).zone))
        return encode(Violations(violations=[one._asdict() for one in desk.validate(call.path["number"])]))

    return Answer(body=await call.parts.looks.run(call, work))


# --- orders, page by page -----------------------------------------------------------------------------------


def _orders(look: Look) -> Fetch:
    at, chosen = _instant(look), _chosen(look)
    status = cast("register.Status | None", look.choice("status", _STATUS) or None)

    def fetch(found: Found) -> list[Row]:
        some = register.find(
            look.log,
            at,
            status=status or None,
            after=_last(found.after),
            limit=found.limit,
            **chosen,
        )
        return [
            Row([one.received_at.isoformat(), one.stream_id.hex()], one.customer, _order(one), _about(one))
            for one in some
        ]

    return fetch


def _last(place: list[int | str] | None) -> Order | None:
    if place is None:
        return None
    at, stream = datetime.fromisoformat(str(place[0])), bytes.fromhex(str(place[1]))
    return Order(stream, 0, "", "", None, "received", at, [], None, None, False, None, None, 0, None)  # noqa: FBT003


# --- freezes, what is due, what was done --------------------------------------------------------------------


def _listed(build: Callable[[Look], Callable[[int], Rows]]) -> Handler:
    """A handler of a list that is told at once, up to a thousand rows; a narrower question tells the rest."""

    async def handler(call: Call) -> Answer:
        look = Look(call)
        rows, limit = build(look), look.number("limit", _ROWS, _ROWS)
        ask = asked(call, "list", None, (*_FIELDS, *_NAMED))

        def work() -> bytes:
            gate = look.service.gate
            if gate.scope(ask).branches is not None:
                return encode(Page(items=[]))
            items, subjects = rows(limit)
            grant = gate.admit_pages(ask, gate.concerned(subjects))
            return encode(Page(items=grant.show_all(items)))

        return Answer(body=await call.parts.looks.run(call, work))

    return handler


def _freezes(look: Look) -> Callable[[int], Rows]:
    at, chosen = _instant(look), _chosen(look)
    chosen["number"] = look.text("order")

    def rows(limit: int) -> Rows:
        return _frozen(look, register.freezes(look.log, at, limit=limit, **chosen))

    return rows


def _due(look: Look) -> Callable[[int], Rows]:
    at, ahead = _instant(look), look.number("ahead", 14, _AHEAD, 0)

    def rows(limit: int) -> Rows:
        found = register.due(look.log, at, at + timedelta(days=ahead), at.astimezone(look.zone).date(), limit)
        items, subjects = _frozen(look, [*found.lapsing, *found.next_in_line])
        known = told.named(look.log, [one.customer for one in found.notices])
        tell = [
            {"secret_orders": {"notify_after": one.notify_after, "released_at": one.released_at}}
            | _whose(known[one.customer])
            for one in found.notices
        ]
        people = [StreamName("customer", one["customer"]) for one in known.values() if one["customer"]]
        return [*items, *tell], [*subjects, *people]

    return rows


def _assistance(look: Look) -> Callable[[int], Rows]:
    start, until = look.moment("since", end=False) or access_log.FIRST, look.moment("until") or _now(look)

    def rows(limit: int) -> Rows:
        some = register.assistance(look.log, until, since=start, limit=limit)
        known = told.named(look.log, [one.customer for one in some if one.customer])
        people = [StreamName("customer", one["customer"]) for one in known.values() if one["customer"]]
        accounts = naming.names(look.log, [one.account for one in some if one.account]).values()
        return [{"secret_orders": _act(one)} for one in some], [*people, *accounts]

    return rows


def _one(look: Look) -> Make:
    at = _instant(look)

    def make(_: Grant) -> Any:
        found = register.find(look.log, at, number=look.key)
        if not found:
            raise NotFoundError("no such order", field="order")
        done = register.assistance(look.log, at, orders=[found[0].stream_id])
        (values,) = _order(found[0]).values()
        told_of: dict[str, Any] = values | {
            "freezes": [_freeze(one) for one in register.freezes(look.log, at, number=look.key)],
            "assistance": [_act(one) for one in done],
        }  # fmt: skip
        return told_of

    return make


# --- rows ---------------------------------------------------------------------------------------------------


def _instant(look: Look) -> datetime:
    return look.moment("on") or _now(look)


def _now(look: Look) -> datetime:
    return to_datetime(look.log.clock.now_us())


def _chosen(look: Look) -> register.Chosen:
    return {"customer": look.text("customer"), "account": look.text("account"), "organ": look.text("organ")}


def _order(one: Order) -> dict[str, Any]:
    values = told.content(told.plain(one), "papers", "accounts", "customer")
    return {"secret_orders" if one.secret else "orders": values}


def _about(one: Order) -> tuple[StreamName, ...]:
    return () if one.papers is None else tuple(StreamName("account", number) for number in one.papers.accounts)


def _frozen(look: Look, some: list[Freeze]) -> Rows:
    accounts = naming.names(look.log, [one.stream_id for one in some])
    rows = [
        {
            "secret_orders": _freeze(one)
            | {"account": accounts[one.stream_id].key if one.stream_id in accounts else None}
        }
        for one in some
    ]
    return rows, accounts.values()


def _freeze(one: Freeze) -> dict[str, Any]:
    return told.content(told.plain(one), "named", "order_id")


def _act(one: Assistance) -> dict[str, Any]:
    done = {"kind": one.kind, "at": one.at, "amount": one.amount, "currency": one.currency}
    return done | (render.plain(one.act) if one.act else {"disposed": True})


def _whose(known: dict[str, Any]) -> dict[str, Any]:
    return {"customer": known["customer"]} | ({"names": [{"text": known["name"]}]} if known["name"] else {})


orders = listing(Listing(needs=_FIELDS, besides=_NAMED, build=_orders, house=True, named=False))
freezes = _listed(_freezes)
due = _listed(_due)
assistance = _listed(_assistance)
order = view("order", "secret_orders", _one, action="order")
