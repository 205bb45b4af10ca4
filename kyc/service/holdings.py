"""What is kept and why, over HTTP: holds in force, and the units that may go, must go or are in conflict.

These lists are the house's: to whom a list is confined to branches nothing of them is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec

from kyc.access.gate import Grant
from kyc.domain.submission import StreamName
from kyc.errors import ConfigurationError, InputError, NotFoundError
from kyc.service.call import JSON, Answer, Call, decoded
from kyc.service.cursor import Place
from kyc.service.door import Look, Make, view
from kyc.service.door import asked as asked_of
from kyc.service.listing import Fetch, Found, Listing, Row, cut, listing, page
from projections import hold_register
from projections import retention_deadlines as deadlines
from projections.hold_register import Hold
from projections.retention_deadlines import Asked, Listed, State
from replay import deadlines_told
from replay import named as naming
from replay import registers as told

_FEB29: Final = ("28-feb", "1-mar")


def _holds(look: Look) -> Fetch:
    day, reference, every = look.day(), look.text("reference"), look.choice("released", ("no", "yes"))
    whose = _subject(look.text("subject"))

    def fetch(found: Found) -> list[Row]:
        some = hold_register.find(
            look.log, day, subject=whose, reference=reference, in_force=None if every == "yes" else True,
            after=_last_hold(found.after), limit=found.limit,
        )  # fmt: skip
        return [Row([one.subject.hex(), one.stream_id.hex(), one.version], None, _hold(one)) for one in some]

    return fetch


def _subject(text: str | None) -> StreamName | None:
    if text is None:
        return None
    kind, _, key = text.partition("/")
    if not (kind and key):
        raise InputError("no such subject", field="subject", rule="KIND/KEY", remedy="such as customer/C1")
    return StreamName(kind, key)


def _last_hold(place: Place | None) -> hold_register.Place | None:
    return (UUID(str(place[0])), UUID(str(place[1])), int(place[2])) if place else None


def _hold(one: Hold) -> dict[str, Any]:
    values = told.content(told.plain(one), "placed", "subject", "released")
    end = {"reason": one.released.reason, "approver": one.released.approver} if one.released else None
    kind, _, key = (one.placed.subject if one.placed else "").partition("/")
    return {"holds": values | {"release": end}} | ({"customer": key} if kind == "customer" else {})


def question(look: Look) -> Callable[[], Asked]:
    """Which day and whose law is asked about; the law is looked up once the read is permitted."""
    day, lands, feb29 = look.day(), look.text("jurisdiction"), look.choice("feb29", _FEB29)

    def asked() -> Asked:
        policies = look.policies()
        return Asked(
            day, policies.retention(day), tuple((lands or policies.jurisdiction or "CN").split(",")),
            "1-mar" if feb29 == "1-mar" else "28-feb",
        )  # fmt: skip

    return asked


def _units(look: Look, state: State) -> Fetch:
    asked, class_, branch = question(look), look.text("record_class"), look.text("made_at")

    def fetch(found: Found) -> list[Row]:
        some = deadlines.listed(
            look.log, asked(), state, record_class=class_, branch=branch, after=_last_unit(found.after),
            limit=found.limit,
        )  # fmt: skip
        names = naming.names(look.log, [one.subject for one in some])
        return [Row(_place(one), None, _unit(one, names.get(one.subject))) for one in some]

    return fetch


def _place(one: Listed) -> Place:
    days = [day.isoformat() if day else "" for day in (one.must_delete_by, one.keep_through)]
    return [*days, one.subject.hex(), one.record_class, one.period]


def _last_unit(place: Place | None) -> Listed | None:
    if place is None:
        return None
    delete, keep, subject, class_, period = map(str, place)
    return Listed(
        bytes.fromhex(subject), class_, period, "", "", _day(keep), _day(delete), "due", 0
    )  # fmt: skip


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _unit(one: Listed, name: StreamName | None) -> dict[str, Any]:
    values = one._asdict() | {"subject": f"{name.kind}/{name.key}" if name else one.subject.hex()}
    return {"retention": values} | _whose(name)


def _whose(name: StreamName | None) -> dict[str, str]:
    return {"customer": name.key} if name and name.kind == "customer" else {}


def _totals(look: Look) -> Fetch:
    asked, class_, branch = question(look), look.text("record_class"), look.text("made_at")

    def fetch(found: Found) -> list[Row]:
        some = deadlines.totals(look.log, asked(), record_class=class_, branch=branch)
        rows = (
            Row([one.record_class, one.branch, one.state], None, {"retention": one._asdict()}) for one in some
        )  # fmt: skip
        return cut(rows, found)

    return fetch


def _of_subject(look: Look) -> Make:
    asked, name = question(look), StreamName(look.call.path["kind"], look.key)

    def make(_: Grant) -> Any:
        found = [deadlines_told.as_dict(one, name) for one in deadlines.deadlines(look.log, asked(), name)]
        if not found:
            raise NotFoundError("no records of this subject", field="number")
        return found

    return make


class Preview(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another edition of retention law, as it would be published."""

    text: str
    """The whole rule set: TOML, as kyc/domain/rules/retention-*.toml together."""
    totals: bool = False
    """How many units of each class would move, instead of the units."""


async def preview(call: Call) -> Answer:
    """POST /v1/retention:preview: the units another edition would move, or how many."""
    look, body = Look(call), await call.body(JSON)
    wanted, asked = decoded(body, _preview_decoder), question(look)

    def fetch(found: Found) -> list[Row]:
        most = 0 if wanted.totals else _MOVED_MAX
        try:
            made = deadlines_told.Preview(look.log, asked(), wanted.text, "text", most)
        except ConfigurationError as cause:
            raise InputError(cause.message, field="text", rule="as the shipped rules of retention") from None
        if wanted.totals:
            sums = ((one.record_class, one.state, one.new_state, one) for one in made.totals)
            return cut((Row(list(place), None, {"retention": one._asdict()}) for *place, one in sums), found)
        rows = (
            Row(
                [unit.subject.hex(), unit.record_class, unit.period], None,
                {"retention": told} | _whose(made.names.get(unit.subject)),
            )
            for (unit, _), told in zip(made.moved, made.told(), strict=True)
        )  # fmt: skip
        return cut(rows, found)

    of = Listing(needs=("retention",), build=lambda _: fetch, house=True, named=False)
    return await page(look, of, asked_of(call, "list", None), None, body.decode("utf-8", "replace"))


_preview_decoder = msgspec.json.Decoder(Preview)
_MOVED_MAX: Final = 10_000

holds = listing(Listing(needs=("holds",), build=_holds, house=True, named=False))
due = listing(Listing(needs=("retention",), build=lambda look: _units(look, "due"), house=True, named=False))
conflicts = listing(
    Listing(needs=("retention",), build=lambda look: _units(look, "conflict"), house=True, named=False)
)
totals = listing(Listing(needs=("retention",), build=_totals, house=True, named=False))
of_subject = view("", "retention", _of_subject)
