"""Reading over HTTP, through the one read door: decided and recorded first, and only then looked up and shown.

What for, on which basis, why and under which ticket stand in headers (``KYC-Purpose``, ``KYC-Legal-Basis``,
``KYC-Reason``, ``KYC-Ticket``; percent-encoded where they are not ASCII), so that no proxy logs them with the path.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, time
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import msgspec

from kyc.access.ask import Ask
from kyc.domain.submission import StreamName
from kyc.errors import InputError
from kyc.service.call import Answer, Call, answer_json
from kyc.wiring import Service
from replay import history, render


class CustomerView(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as far as the caller may see."""

    customer: str
    as_of: str
    """Until when what was recorded counts."""
    about: str | None
    """The day it is about, where another than ``as_of``."""
    shown: dict[str, Any]
    """Fields by their names, masked where the matrix of access says so (docs/access.md)."""
    accounts: list[dict[str, Any]]


async def customer(call: Call) -> Answer:
    """GET /v1/customers/{number}.

    Raises:
        AccessDeniedError: not permitted; the refusal is recorded, and every refusal reads the same.
        NotFoundError: permitted, and nothing is recorded.
        InputError: ``as_of`` or ``about`` is no moment.
    """
    query, zone = call.query(), ZoneInfo(call.parts.service.configuration.zone)
    as_of, about = moment(query.get("as_of"), "as_of", zone), moment(query.get("about"), "about", zone)
    action = "read" if as_of is None and about is None else "replay"
    ask = asked(call, action, StreamName("customer", call.path["number"]))
    return answer_json(await asyncio.to_thread(_customer, call.parts.service, ask, as_of, about))


def asked(call: Call, action: str, subject: StreamName) -> Ask:
    """What a request asks of the read door."""
    return Ask(
        actor=call.caller, action=action, subject=subject, purpose=_word(call, b"kyc-purpose"),
        legal_basis=_word(call, b"kyc-legal-basis"), reason=_word(call, b"kyc-reason"),
        ticket=_word(call, b"kyc-ticket"),
    )  # fmt: skip


def _word(call: Call, name: bytes) -> str:
    return unquote(call.header(name).decode("latin-1"))


def moment(text: str | None, field: str, zone: ZoneInfo) -> datetime | None:
    """An instant with its offset, or the end of a day in the institution's zone.

    Raises:
        InputError: neither.
    """
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is not None and len(text) == len("2026-03-01"):
        return datetime.combine(parsed.date(), time.max, zone)
    if parsed is None or parsed.tzinfo is None:
        raise InputError(
            "neither a date nor an instant", field=field, rule="ISO 8601", remedy="such as 2026-03-01T12:00:00Z"
        )
    return parsed


def _customer(service: Service, ask: Ask, as_of: datetime | None, about: datetime | None) -> CustomerView:
    grant = service.gate.admit(ask)
    assert ask.subject is not None
    found = history.customer(service.log, ask.subject.key, as_of=as_of, about=about, with_postings=False)
    accounts = [grant.show({"account": one.stream.key} | _plain(one.then)) for one in found.accounts]
    return CustomerView(
        customer=found.number, as_of=render.exact(found.as_of),
        about=found.about.isoformat() if found.about is not None else None,
        shown=grant.show({"customer": found.number} | _plain(found.customer.then)),
        accounts=[one for one in accounts if one],
    )  # fmt: skip


def _plain(state: Any) -> dict[str, Any]:
    shown = None if state is None else render.plain(state)
    return shown if isinstance(shown, dict) else {}
