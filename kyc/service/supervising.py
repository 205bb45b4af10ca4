"""Who looks after those who look, over HTTP: busy readers, flagged conduct, emergencies, rights, a day at a branch.

A list is confined to the branches of whoever asks: of conduct, to where it was flagged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

from kyc.clock import from_datetime, to_datetime
from kyc.desk import own_data
from kyc.domain.access_log import BreakGlassUsed, Operator
from kyc.domain.submission import StreamName
from kyc.errors import InputError
from kyc.ledger import Ledger
from kyc.service import sight
from kyc.service.call import Answer, Call, encode
from kyc.service.cursor import Place
from kyc.service.door import Look, Make, View, asked, view
from kyc.service.listing import Fetch, Found, Listing, Row, cut, listing
from projections import access_log
from replay import day as past
from replay import registers as told

_DAY: Final = timedelta(days=1)
_MOST: Final = 10_000


def _busy(look: Look) -> Fetch:
    start, stop = look.moment("since", end=False), look.moment("until")
    least = look.number("least", 100, 1_000_000)
    if start is None and stop is None:
        start = to_datetime(look.log.clock.now_us()) - _DAY

    def fetch(found: Found) -> list[Row]:
        some = access_log.hours(
            look.log, start or access_log.FIRST, stop or access_log.LAST, least=least, limit=_MOST
        )
        return cut((Row([*_latest(one.hour), one.reader], None, {"lookups": one._asdict()}) for one in some), found)

    return fetch


def _flags(look: Look) -> Fetch:
    operator = look.text("operator")

    def fetch(found: Found) -> list[Row]:
        some = access_log.flags(look.log, operator=operator, limit=_MOST)
        return cut(
            (
                Row([*_latest(one.at), one.stream_id.hex(), one.version], None, {"anomalies": _at_branch(one)})
                for one in some if _within(found, one.branch)
            ), found,
        )  # fmt: skip

    return fetch


def _emergencies(look: Look) -> Fetch:
    operator = look.text("operator")

    def fetch(found: Found) -> list[Row]:
        some = [one for one in access_log.unreviewed(look.log, operator=operator) if _within(found, one.branch)]
        events = look.log.at((one.stream_id, one.version) for one in some)

        def rows() -> Iterable[Row]:
            for one in some:
                event = events[one.stream_id, one.version].event
                said = {"use": event.use, "reason": event.reason} if isinstance(event, BreakGlassUsed) else {}
                place: Place = [one.at.isoformat(), one.stream_id.hex(), one.version]
                yield Row(place, None, {"emergencies": _at_branch(one) | said})

        return cut(rows(), found)

    return fetch


def _latest(at: datetime) -> list[int]:
    """A sort key of lists with the latest first."""
    return [-from_datetime(at)]


def _within(found: Found, branch: str) -> bool:
    return found.permit.branches is None or branch in found.permit.branches


def _at_branch(one: Any) -> dict[str, Any]:
    """A row whose inner names are no fields of customers: the branch is the operator's."""
    values = told.plain(one)
    return values | {"at_branch": values.pop("branch")}


def _rights(look: Look) -> Make:
    def make(_: Any) -> Any:
        state = Ledger(look.log, look.zone).state(StreamName("operator", look.key)) or Operator()
        return msgspec.to_builtins(state)

    return make


def _extract(look: Look) -> Make:
    return lambda _: own_data.accesses(Ledger(look.log, look.zone), look.key)


async def day(call: Call) -> Answer:
    """GET /v1/branches/{branch}/day: what was recorded there that day, and what was booked there and came later."""
    look = Look(call, call.path["branch"])
    look.needed("on")
    on, as_of = look.day(), look.moment("as_of")
    ask = asked(call, "replay", StreamName("branch", look.key), ("day",))
    if on >= date.max - _DAY:
        raise InputError("no such day", field="on", rule="before the end of time")

    def work() -> bytes:
        gate = look.service.gate
        gate.scope(ask)
        found = past.day(look.log, look.key, on, look.zone, as_of)
        grant = gate.admit_pages(ask, gate.concerned(one.stream for one in (*found.told, *found.late)))
        document = past.as_dict(found)
        document["topics"] = {
            topic: count for topic, count in document["topics"].items() if not grant.withholds(sight.needs(topic))
        }
        return encode(View(kind="branch", key=look.key, shown=grant.show({"day": sight.seen(document, grant)})))

    return Answer(body=await call.parts.looks.run(call, work))


def _list(field: str, build: Callable[[Look], Fetch], *, house: bool = False) -> Any:
    return listing(Listing(needs=(field,), build=build, action="supervise", named=False, house=house))


busy = _list("lookups", _busy, house=True)
flags = _list("anomalies", _flags)
emergencies = _list("emergencies", _emergencies)
rights = view("operator", "operator", _rights, action="supervise", key="operator")
extract = view("access", "access_log", _extract)
