"""Registers over HTTP: what is due on a day, whose files have gaps, what is held, what left, who looked."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from kyc.domain.event import Event
from kyc.domain.submission import StreamName
from kyc.errors import InputError
from kyc.service.call import JSON, Answer, Call, decoded
from kyc.service.cursor import Place
from kyc.service.door import Look, Make, asked, moment, view
from kyc.service.listing import Fetch, Found, Listing, Row, listing, page
from projections import (
    access_log,
    branch_supervision,
    consents,
    data_quality,
    disclosure_register,
    document_register,
    reviews,
    transaction_index,
)
from projections.customer_search import FIELDS
from replay import found as search
from replay import registers as told
from replay import render, supervised

_AHEAD: Final = 3_660
_STATES: Final = ("", "expiring", "grace", "suspended", "expired")
_NAMED: Final = ("names", "branch")


def _stream(place: Place, at: int = 0) -> bytes:
    return bytes.fromhex(str(place[at]))


def _date(place: Place) -> date:
    return date.fromisoformat(str(place[0]))


# --- what is due ----------------------------------------------------------------------------------------


def _documents_due(look: Look) -> Fetch:
    day, state = look.day(), look.choice("state", _STATES)

    def fetch(found: Found) -> list[Row]:
        after = found.after and document_register.Due(
            _stream(found.after, 1), 0, "", _date(found.after), None, None, "valid", suspended=False
        )
        due = document_register.due(
            look.log, day, look.policies().documents(day), branch=found.branch, after=after or None,
            states=(state,) if state else document_register.DUE, limit=found.limit,  # type: ignore[arg-type]
        )  # fmt: skip
        return [
            Row(
                [one.expires_on.isoformat(), one.stream_id.hex()], one.stream_id,
                {"branch": one.branch, "documents_due": told.plain(one)},
            )
            for one in due
        ]  # fmt: skip

    return fetch


def _reviews_due(look: Look) -> Fetch:
    day, ahead = look.day(), look.number("ahead", 0, _AHEAD, 0)

    def fetch(found: Found) -> list[Row]:
        after = found.after and reviews.Review(
            _stream(found.after, 1), _date(found.after), None, None, None, None, "due"
        )
        due = reviews.due(
            look.log, day, look.policies(), by=day + timedelta(days=ahead), branch=found.branch,
            after=after or None, limit=found.limit,
        )  # fmt: skip
        return [
            Row(
                [one.due_on.isoformat(), one.stream_id.hex()], one.stream_id,
                {"branch": one.branch, "reviews_due": {"due_on": one.due_on, "state": one.state}},
            )
            for one in due
        ]  # fmt: skip

    return fetch


def _requests_due(look: Look) -> Fetch:
    day, ahead = look.day(), look.number("ahead", 15, _AHEAD, 0)

    def fetch(found: Found) -> list[Row]:
        place = found.after and (_date(found.after), UUID(bytes=_stream(found.after, 1)), int(found.after[2]))
        due = consents.due(
            look.log, day, look.policies(), by=day + timedelta(days=ahead), branch=found.branch,
            after=place or None, limit=found.limit,
        )  # fmt: skip
        return [
            Row(
                [one.due_on.isoformat(), one.stream_id.hex(), one.version], one.customer,
                {"branch": one.branch, "requests": told.content(told.plain(one), "asked", "customer")},
            )
            for one in due
        ]  # fmt: skip

    return fetch


def _quality(look: Look) -> Fetch:
    day, faulty = look.day(), look.choice("every", ("no", "yes")) == "no"

    def fetch(found: Found) -> list[Row]:
        files = data_quality.listed(
            look.log, look.policies(), day, branch=found.branch, faulty=faulty, limit=found.limit,
            after=_stream(found.after) if found.after else None,
        )  # fmt: skip
        return [
            Row(
                [one.stream_id.hex()], one.stream_id,
                {"branch": one.branch, "missing": one.missing, "findings": one.findings, "filled": str(one.score)},
            )
            for one in files
        ]  # fmt: skip

    return fetch


# --- who looked, what left --------------------------------------------------------------------------------


def _span(look: Look) -> tuple[datetime, datetime]:
    start, stop = look.moment("since", end=False), look.moment("until")
    return start or access_log.FIRST, stop or access_log.LAST


def _latest(after: Place | None) -> tuple[datetime, UUID, int] | None:
    """The place of the last one told, of lists with the latest first."""
    if after is None:
        return None
    return datetime.fromisoformat(str(after[0])), UUID(bytes=_stream(after, 1)), int(after[2])


def _after(place: Place | None) -> access_log.Place | None:
    """The same, with the customer: a page of a list has a row for each."""
    latest = _latest(place)
    return None if place is None or latest is None else (*latest, UUID(bytes=_stream(place, 3)))


def _accesses(look: Look, *, reader: bool) -> Fetch:
    start, stop = _span(look)

    def fetch(found: Found) -> list[Row]:
        ask = access_log.of_reader if reader else access_log.of_customer
        some = ask(
            look.log, look.key, start=start, stop=stop, limit=found.limit,
            after=_after(found.after),
            branches=None if found.permit.branches is None or not reader else sorted(found.permit.branches),
        )  # fmt: skip
        return [
            Row(
                [one.at.isoformat(), one.stream_id.hex(), one.version, one.customer.hex()],
                None,
                {"access_log": _access(one)},
            )
            for one in some
        ]

    return fetch


def _access(one: access_log.Access) -> dict[str, Any]:
    values = told.plain(one)
    values["read_by"] = values.pop("reader")
    values["shown"] = values.pop("fields")
    return {
        name: value for name, value in values.items() if name not in {"customer", "branch", "purpose"}
    } | {"at_branch": one.branch, "for": one.purpose}  # fmt: skip


def _disclosures(look: Look) -> Fetch:
    start, stop = _span(look)
    wanted = disclosure_register.Wanted(
        customer=look.key or look.text("customer"), matter=look.text("matter"), recipient=look.text("recipient"),
        digest=look.text("digest"), branch=None if look.key else look.text("branch"), start=start, stop=stop,
    )  # fmt: skip

    def fetch(found: Found) -> list[Row]:
        some = disclosure_register.search(look.log, wanted, found.limit, after=_latest(found.after))
        return [
            Row(
                [one.at.isoformat(), one.stream_id.hex(), one.version], one.customer,
                {"disclosures": told.spelled(one) | {
                    "said": None if one.said is None else render.plain(one.said), "customer": None,
                }},
            )
            for one in some
        ]  # fmt: skip

    return fetch


def _transactions(look: Look) -> Fetch:
    least, most = look.amount("least"), look.amount("most")
    wanted = transaction_index.Wanted(
        accounts=[look.log.stream_id(StreamName("account", look.key))], start=look.moment("since", end=False),
        stop=look.moment("until"), least=least, most=most, currency=look.text("currency"),
        channel=look.text("channel"), kind=look.text("kind"),
    )  # fmt: skip

    def fetch(found: Found) -> list[Row]:
        after = found.after and (datetime.fromisoformat(str(found.after[0])), found.after[1], found.after[2])
        some = transaction_index.search(look.log, wanted, found.limit, after=after or None)
        told = look.log.at((one.postings, one.version) for one in some)
        return [
            Row(
                [one.booked_at.isoformat(), one.lane, one.position], None,
                {"transactions": _leg(one, told[one.postings, one.version].event)},
            )
            for one in some
        ]  # fmt: skip

    return fetch


def _leg(one: transaction_index.Place, event: Event | None) -> dict[str, Any]:
    known = {
        "direction": one.direction, "amount": one.amount, "money": one.currency, "booked_at": one.booked_at,
        "value_date": one.value_date, "channel": one.channel, "kind": one.kind,
    }  # fmt: skip
    return known | ({"disposed": True} if event is None else {"event": render.plain(event)})


# --- customers by what is known of them -------------------------------------------------------------------


class Find(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to find. It stands in the body: what people are found by belongs in no address and no log."""

    text: str = ""
    """A number, name in any script, document, telephone, e-mail, account; empty: everybody of the branch."""
    by: list[str] = []
    """Only in these: number, name, document, phone, email, identifier, account, party, party-document."""
    branch: str | None = None
    former: bool = False
    """Also by what is not valid any more."""
    by_sound: bool = False
    as_of: str | None = None
    about: str | None = None


_find_decoder = msgspec.json.Decoder(Find)
_FIND_MAX: Final = 200


async def find(call: Call) -> Answer:
    """POST /v1/customers:find."""
    look, body = Look(call), await call.body(JSON)
    wanted = decoded(body, _find_decoder)
    if len(wanted.text) > _FIND_MAX:
        raise InputError("too long to look for", field="text", rule=f"at most {_FIND_MAX} characters")
    if bad := [one for one in wanted.by if one not in (search.NUMBER, *FIELDS)]:
        raise InputError("no such field", field="by", rule=f"{len(bad)} unknown", remedy="see /openapi.json")
    as_of, about = (moment(getattr(wanted, one), one, look.zone) for one in ("as_of", "about"))

    def fetch(found: Found) -> list[Row]:
        chosen = search.Wanted(
            text=wanted.text, fields=wanted.by, branch=found.branch, former=wanted.former,
            by_sound=wanted.by_sound, as_of=as_of, about=about, limit=found.limit,
            after=_stream(found.after) if found.after else None,
        )  # fmt: skip
        return [
            Row([one.profile.stream_id.hex()], one.profile.stream_id, search.as_dict(one))
            for one in search.find(found.log, chosen)
        ]

    of = Listing(
        needs=("customer",), besides=("type", "status", "branch", "names", "birth_date"), build=lambda _: fetch
    )
    subject = StreamName("branch", wanted.branch) if wanted.branch else None
    return await page(look, of, asked(call, "list", subject), wanted.branch, body.decode("utf-8", "replace"))


# --- a branch -----------------------------------------------------------------------------------------------


def _summary(look: Look) -> Make:
    span, anew = look.needed("span"), look.choice("reconcile", ("no", "yes")) == "yes"
    try:
        monthly = len(span) == len("2026-03")
        first, last = branch_supervision.month(span) if monthly else (date.fromisoformat(span),) * 2
    except ValueError:
        raise InputError("neither a day nor a month", field="span", rule="ISO 8601", remedy="2026-03") from None

    def make(_: Any) -> Any:
        zone = supervised.zone_of(look.branches(), look.key, look.zone)
        return supervised.as_dict(
            supervised.summary(
                look.log, look.key, first, last, zone, look.policies(), look.day("today"), reconcile=anew
            )
        )

    return make


documents_due = listing(Listing(needs=("customer", "documents_due"), besides=_NAMED, build=_documents_due))
reviews_due = listing(Listing(needs=("customer", "reviews_due"), besides=_NAMED, build=_reviews_due))
requests_due = listing(Listing(needs=("customer", "requests"), besides=_NAMED, build=_requests_due))
quality = listing(Listing(needs=("customer", "missing", "findings"), besides=(*_NAMED, "filled"), build=_quality))
reads_of = listing(
    Listing(
        needs=("access_log",), build=lambda look: _accesses(look, reader=False), action="supervise", named=False
    ),
    "access", "number",
)  # fmt: skip
reads_by = listing(
    Listing(
        needs=("access_log",), build=lambda look: _accesses(look, reader=True), action="supervise", named=False
    ),
    "operator", "operator",
)  # fmt: skip
disclosures = listing(
    Listing(needs=("disclosures",), besides=("customer", "names"), build=_disclosures, house=True)
)
disclosures_of = listing(
    Listing(needs=("disclosures",), build=_disclosures, action="read", named=False), "customer", "number"
)
transactions = listing(
    Listing(needs=("transactions",), build=_transactions, action="read", named=False), "account", "number"
)
summary = view("branch", "summary", _summary, action="list", key="branch")
