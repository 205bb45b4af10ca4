"""Rows of registers as documents: what the command line and the service tell of them, made once.

Streams become the numbers of customers, encrypted cells their contents; what is left of something disposed of says
so. Who may see it is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from kyc.domain.policies import Policies
from kyc.errors import DisposedError, NotFoundError
from kyc.store.log import EventLog
from projections import consents, customer_profile, reviews
from projections.counterparty_edge import Edge as Dealing
from projections.document_register import Document
from projections.due_diligence import State
from projections.owners import Edge
from replay import render

Known = Mapping[bytes, Mapping[str, Any]]
"""Customers by stream, as :func:`named` gives them."""


def stream_of(log: EventLog, number: str) -> bytes:
    """The stream of a customer.

    Raises:
        NotFoundError: no such customer.
    """
    found = customer_profile.find(log, number=number)
    if not found:
        raise NotFoundError("no such customer", field="customer")
    return found[0].stream_id


def named(log: EventLog, streams: Iterable[bytes]) -> dict[bytes, dict[str, Any]]:
    """Customer number and first name by stream; empty where disposed of."""
    wanted = list(dict.fromkeys(streams))
    found: dict[bytes, dict[str, Any]] = {stream: {"customer": None, "name": None} for stream in wanted}
    for profile in customer_profile.of_streams(log, wanted):
        if profile.state is not None:
            name = profile.state.names[0].text if profile.state.names else None
            found[profile.stream_id] = {"customer": profile.state.customer, "name": name}
    return found


def plain(row: Any) -> dict[str, Any]:
    """A row without the ids of streams and what is told in other words."""
    return {name: value for name, value in row._asdict().items() if name not in {"stream_id", "version"}}


def spelled(row: Any) -> dict[str, Any]:
    """A row with the ids of streams in hexadecimal."""
    return {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in row._asdict().items()
    }  # fmt: skip


def content(values: dict[str, Any], cell: str, *hidden: str) -> dict[str, Any]:
    """A row with what was encrypted among its own values."""
    inner = values.pop(cell)
    shown = {name: value for name, value in values.items() if name not in hidden}
    return shown | (render.plain(inner) if inner is not None else {"disposed": True})


# --- of one customer -----------------------------------------------------------------------------------


def document(one: Document) -> dict[str, Any]:
    """A document and where it stands."""
    values = {name: value for name, value in plain(one).items() if name != "printed"}
    return values | (render.plain(one.printed) if one.printed is not None else {})


def edge(one: Edge, known: Known) -> dict[str, Any]:
    """Somebody behind a customer, and through whom."""
    values = content(plain(one), "person", "customer", "part", "through")
    return values | {"through": [known[stream]["customer"] for stream in one.through[1:]]}


def dealing(one: Dealing, known: Known) -> dict[str, Any]:
    """A counterparty, with those of our customers who hold the account."""
    party = {} if one.party is None else render.plain(one.party)
    return spelled(one) | {"party": party or None, "holders": [known[holder] for holder in one.holders]}


def diligence_of(log: EventLog, number: str) -> State:
    """Where a customer's due diligence stands.

    Raises:
        NotFoundError: no such customer, or nothing was done.
        DisposedError: it was disposed of.
    """
    stream = stream_of(log, number)
    found = reviews.of_streams(log, [stream])
    if stream not in found:
        raise NotFoundError("no due diligence was recorded", field="customer")
    state = found[stream]
    if state is None:
        raise DisposedError
    return state


def diligence(number: str, state: State, policies: Policies, day: date) -> dict[str, Any]:
    """Where due diligence stands, and what is due by the policy of a day."""
    answers = {one.id: reviews.answer_by(one, policies, day) for one in state.objections}
    due = reviews.due_on(state, policies, day)
    told: dict[str, Any] = render.plain(state)
    return told | {"customer": number, "on": day, "review_due": due, "answers_due": answers}


def privacy(log: EventLog, number: str, policies: Policies, day: date) -> dict[str, Any]:
    """What a customer was told and agreed to as of a day, restrictions and requests."""
    own = [stream_of(log, number)]
    return {
        "customer": number,
        "on": day,
        "notices": [plain(one) for one in consents.notices(log, own, day)],
        "consents": [content(plain(one), "given") for one in consents.consents(log, own, day)],
        "restrictions": [content(plain(one), "reason", "request") for one in consents.restrictions(log, own, day)],
        "requests": [
            content(plain(one), "asked", "customer") for one in consents.requests(log, day, policies, customers=own)
        ],
    }
