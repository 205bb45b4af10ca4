"""What is kept and why, over HTTP: holds in force, and the units that may go, must go or are in conflict.

These lists are the house's: to whom a list is confined to branches nothing of them is shown.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final
from uuid import UUID

from kyc.domain.submission import StreamName
from kyc.errors import InputError
from kyc.service.cursor import Place
from kyc.service.door import Look
from kyc.service.listing import Fetch, Found, Listing, Row, listing
from projections import hold_register
from projections import retention_deadlines as deadlines
from projections.hold_register import Hold
from projections.retention_deadlines import Asked, Listed, State
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


def _units(look: Look, state: State) -> Fetch:
    day, class_, branch = look.day(), look.text("record_class"), look.text("made_at")
    lands, feb29 = look.text("jurisdiction"), look.choice("feb29", _FEB29)

    def fetch(found: Found) -> list[Row]:
        policies = look.policies()
        asked = Asked(
            day, policies.retention(day), tuple((lands or policies.jurisdiction or "CN").split(",")),
            "1-mar" if feb29 == "1-mar" else "28-feb",
        )  # fmt: skip
        some = deadlines.listed(
            look.log, asked, state, record_class=class_, branch=branch, after=_last_unit(found.after),
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
    return {"retention": values} | ({"customer": name.key} if name and name.kind == "customer" else {})


holds = listing(Listing(needs=("holds",), build=_holds, house=True, named=False))
due = listing(Listing(needs=("retention",), build=lambda look: _units(look, "due"), house=True, named=False))
conflicts = listing(
    Listing(needs=("retention",), build=lambda look: _units(look, "conflict"), house=True, named=False)
)
