"""What compliance has to see to, over HTTP: objections, screenings, large values, how complete files are."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from kyc import large_values
from kyc.service.door import Look
from kyc.service.listing import Fetch, Found, Listing, Row, cut, listing
from projections import data_quality, large_value_day, reviews
from replay import registers as told
from replay import render

_AHEAD: Final = 3_660
_MOST: Final = 10_000
"""Rows that a list is made of which is made whole for each page."""


def _objections(look: Look) -> Fetch:
    day, ahead = look.day(), look.number("ahead", 15, _AHEAD, 0)

    def fetch(found: Found) -> list[Row]:
        some = reviews.objections(
            look.log, day, look.policies(), by=day + timedelta(days=ahead), branch=found.branch, limit=_MOST
        )
        return cut(
            (
                Row(
                    [one.due_on.isoformat(), one.stream_id.hex(), one.version], one.stream_id,
                    {"branch": one.branch, "measures": told.plain(one)},
                )
                for one in some
            ), found,
        )  # fmt: skip

    return fetch


def _screening(look: Look) -> Fetch:
    name, version = look.needed("list"), look.needed("version")

    def fetch(found: Found) -> list[Row]:
        after = bytes.fromhex(str(found.after[0])) if found.after else None
        some = reviews.stale(look.log, name, version, branch=found.branch, after=after, limit=found.limit)
        return [
            Row([one.stream_id.hex()], one.stream_id, {"branch": one.branch, "screening": told.plain(one)})
            for one in some
        ]

    return fetch


def _quality_totals(look: Look) -> Fetch:
    day = look.day()

    def fetch(found: Found) -> list[Row]:
        some = data_quality.totals(look.log, look.policies(), day, found.branch)
        return cut(
            (
                Row(
                    [one.branch or ""], None,
                    {"branch": one.branch, "findings": one._asdict() | {"score": str(one.score)}},
                )
                for one in some
            ), found,
        )  # fmt: skip

    return fetch


def _large_values(look: Look) -> Fetch:
    look.needed("on")
    day, near = look.day(), look.number("near", 100, 100)
    split = look.choice("split", ("no", "yes")) == "yes"
    customer, sums = look.text("customer"), look.choice("sums", ("no", "yes")) == "yes"

    def fetch(found: Found) -> list[Row]:
        policies = look.policies()
        some = large_value_day.reached(
            look.log, day, policies, look.zone, customer=customer, share=Decimal(near) / 100, limit=_MOST
        )
        rows = [_reached(one) for one in some if not split or not one.threshold.reached(one.largest)]
        if customer is not None and sums:
            totals = large_value_day.totals(look.log, customer, day, look.zone)
            rows += [
                Row(
                    ["sum", one.direction, one.means, one.reach, one.currency], None,
                    {"customer": customer, "large_value_reports": one._asdict()},
                )
                for one in totals
            ]  # fmt: skip
        if unconverted := large_value_day.unconverted(look.log, day, policies, look.zone):
            rows.append(Row(["without-rate"], None, {"large_value_reports": {"unconverted": unconverted}}))
        return cut(rows, found)

    return fetch


def _reached(one: large_value_day.Reached) -> Row:
    values = told.plain(one) | {
        "split": one.split, "ruling": one.ruling.explain(), "threshold": render.plain(one.threshold),
    }  # fmt: skip
    whose = values.pop("customer")
    place = ["reached", one.customer.hex(), one.direction, one.means, one.reach, one.currency]
    known: dict[str, Any] = {
        "large_value_reports": values | ({"document": whose.hex()} if one.without_file else {})
    }
    return Row([*place], None if one.without_file else one.customer, known)


def _large_values_due(look: Look) -> Fetch:
    day, late = look.day(), look.choice("late", ("no", "yes")) == "yes"

    def fetch(found: Found) -> list[Row]:
        some = large_values.due(look.log, day, look.policies(), _MOST)
        return cut(
            (
                Row(
                    [one.day.isoformat(), one.customer or "", one.direction, one.feature, one.currency], None,
                    {"customer": one.customer, "large_value_reports": one._asdict()},
                )
                for one in some if one.late or not late
            ), found,
        )  # fmt: skip

    return fetch


_LARGE: Final = ("large_value_reports",)
objections = listing(
    Listing(needs=("customer", "measures"), besides=("names", "branch"), build=_objections)
)  # fmt: skip
screening = listing(
    Listing(needs=("customer", "screening"), besides=("names", "branch"), build=_screening)
)  # fmt: skip
quality_totals = listing(Listing(needs=("findings",), besides=("branch",), build=_quality_totals, named=False))
reached = listing(
    Listing(needs=_LARGE, besides=("customer", "names"), build=_large_values, house=True, named=False)
)  # fmt: skip
due = listing(Listing(needs=_LARGE, besides=("customer",), build=_large_values_due, house=True, named=False))
