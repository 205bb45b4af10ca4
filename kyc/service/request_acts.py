"""Acts about a person's data over HTTP: what ``kyc request`` does (docs/rights.md), by the same desk.

A request is answered in words that are the same whatever is held, or held secretly; what is handed over has a route
of its own (:mod:`kyc.service.answers`).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kyc.desk import rights
from kyc.desk.files import Correction
from kyc.desk.rights import Deletion, Kind, Requester, RightsDesk
from kyc.domain import privacy as p
from kyc.domain.customer import AttributeCorrected
from kyc.domain.submission import StreamName
from kyc.domain.values import Code, Note, Text, Word
from kyc.service.acting import Act, Said


class _Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said in an act."""


class Request(_Body, frozen=True, kw_only=True):
    """What somebody asks for, and what they showed."""

    request: Code
    """The bank's own number of it."""
    kind: Kind
    customer: Code
    """Whose data."""
    proof: Text
    """Of identity, mandate, guardianship, kinship."""
    requester: Requester = "person"
    detail: Note = ""


class Refusal(_Body, frozen=True, kw_only=True):
    """By which law, and in which words."""

    law: Text
    answer: Note


class Restriction(_Body, frozen=True, kw_only=True):
    """Why data are only stored, or no longer only stored."""

    reason: Text


class DoneOtherwise(_Body, frozen=True, kw_only=True):
    """What the person was told."""

    answer: Note


class Notice(_Body, frozen=True, kw_only=True):
    """A notice that was presented."""

    notice: Code
    channel: Code
    language: Word = ""


class Consent(_Body, frozen=True, kw_only=True):
    """What the person agreed to."""

    purpose: Code
    """Such as marketing, or share:RECIPIENT."""
    notice: Code
    method: Code
    scope: tuple[Code, ...] = ()
    separate: bool = False


class Withdrawal(_Body, frozen=True, kw_only=True):
    """Which purpose ends; without it, every one that rests on consent."""

    purpose: Word = ""
    method: Code


def _request(said: Said) -> StreamName:
    return StreamName("request", said.path["number"])


def _customer(said: Said) -> StreamName:
    return StreamName("customer", said.path["number"])


def _customer_and_request(desk: RightsDesk, said: Said) -> tuple[StreamName, ...]:
    """Where the events of an act on a request stand that also changes the customer's file."""
    known = desk.ledger.state(_request(said))
    whose = () if known is None else (StreamName("customer", known.customer),)
    return (*whose, _request(said))


def _refused(desk: RightsDesk, _: Said, came: Deletion | None) -> dict[str, Any]:
    """The refusal as it is on record: law, rules, day, complaint, court; or that nothing keeps the records."""
    left = next((one.event for one in desk.done if isinstance(one.event, p.RightsRequestRefused)), None)
    if left is None:
        return {} if came is None else {"outcome": came.outcome, "law": came.law, "policies": came.policies}
    return {
        "outcome": "refused", "law": left.law, "policies": left.policies, "answer": left.answer,
        "complaint": left.complaint_route, "court": left.court_route,
    }  # fmt: skip


_OF: Final[dict[str, Any]] = {"desk": RightsDesk, "subject": _request}
_CUSTOMER: Final[dict[str, Any]] = {"desk": RightsDesk, "subject": _customer}
ACTS: Final = (
    Act(
        name="receive-request", path="/v1/requests", body=Request, desk=RightsDesk,
        leaves=(p.RightsRequestReceived,),
        summary="Take a person's request in; tells the day by which it is answered",
        subject=lambda said: StreamName("customer", said.body.customer),
        streams=lambda _, said: (StreamName("request", said.body.request),),
        do=lambda desk, said: desk.receive(
            said.body.request, said.body.kind, said.body.customer, said.body.proof, requester=said.body.requester,
            detail=said.body.detail,
        ),
        tell=lambda desk, _, __: {"due": desk.done[-1].event and desk.done[-1].event.due},
    ),
    Act(
        name="decide-request", path="/v1/requests/{number}/refusal", body=Refusal, leaves=(p.RightsRequestRefused,),
        summary="Refuse a request by law; where to complain and to sue is always told", **_OF,
        do=lambda desk, said: desk.refuse(said.path["number"], said.body.law, said.body.answer),
        tell=lambda _, __, ___: {"complaint": rights.COMPLAINT, "court": rights.COURT},
    ),
    Act(
        name="decide-request", path="/v1/requests/{number}/deletion", **_OF, tell=_refused,
        leaves=(p.ProcessingRestricted, p.RightsRequestRefused), streams=_customer_and_request,
        summary="Refuse a deletion that is not lawful yet, with law, complaint, court and day; or have it proposed",
        do=lambda desk, said: desk.delete(said.path["number"]),
    ),
    Act(
        name="decide-request", path="/v1/requests/{number}/restriction", body=Restriction, **_OF,
        leaves=(p.ProcessingRestricted, p.RightsRequestFulfilled), summary="Store only, from now on",
        streams=_customer_and_request,
        do=lambda desk, said: desk.restrict(said.path["number"], said.body.reason),
    ),
    Act(
        name="correct", path="/v1/requests/{number}/correction", body=Correction, **_OF,
        leaves=(AttributeCorrected, p.RightsRequestFulfilled), streams=_customer_and_request,
        summary="Correct an attribute by a new event; the old value stays on record",
        do=lambda desk, said, second: desk.correct(said.path["number"], said.body, second),
    ),
    Act(
        name="decide-request", path="/v1/requests/{number}/fulfilment", body=DoneOtherwise, **_OF,
        leaves=(p.RightsRequestFulfilled,), summary="A request was done on another way",
        do=lambda desk, said: desk.fulfil(said.path["number"], said.body.answer),
    ),
    Act(
        name="decide-request", path="/v1/customers/{number}/restoration", body=Restriction, **_CUSTOMER,
        leaves=(p.ProcessingRestored,), summary="Lift a restriction",
        do=lambda desk, said: desk.restore(said.path["number"], said.body.reason),
    ),
    Act(
        name="consent", path="/v1/customers/{number}/notices", body=Notice, **_CUSTOMER,
        leaves=(p.NoticePresented,), summary="A notice was presented",
        do=lambda desk, said: desk.notice(
            said.path["number"], said.body.notice, said.body.channel, said.body.language
        ),
    ),
    Act(
        name="consent", path="/v1/customers/{number}/consents", body=Consent, leaves=(p.ConsentGiven,), **_CUSTOMER,
        summary="The person agreed to one purpose",
        do=lambda desk, said: desk.consent(
            said.path["number"], said.body.purpose, said.body.notice, said.body.method, scope=said.body.scope,
            separate=said.body.separate,
        ),
    ),
    Act(
        name="consent", path="/v1/customers/{number}/consents/withdrawal", body=Withdrawal, **_CUSTOMER,
        leaves=(p.ConsentWithdrawn,), summary="End one purpose, or every purpose that rests on consent",
        do=lambda desk, said: desk.withdraw(said.path["number"], said.body.method, said.body.purpose),
        tell=lambda desk, _, __: {"ended": [one.event.purpose for one in desk.done if one.event]},
    ),
)  # fmt: skip
