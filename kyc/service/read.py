"""A customer as known, over HTTP: decided and recorded first, and only then looked up and shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from kyc.access.ask import Ask
from kyc.domain.submission import StreamName
from kyc.service.call import Answer, Call, encode
from kyc.service.door import Look, asked
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
    look = Look(call, call.path["number"])
    as_of, about = look.moment("as_of"), look.moment("about")
    action = "read" if as_of is None and about is None else "replay"
    ask = asked(call, action, StreamName("customer", look.key))
    body = await call.parts.looks.run(call, lambda: encode(_customer(look.service, ask, as_of, about)))
    return Answer(body=body)


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
