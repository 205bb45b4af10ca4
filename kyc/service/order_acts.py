"""Acts of the order desk over HTTP: what ``kyc order`` does (docs/legal-orders.md), by the same desk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from kyc.desk.freezes import FreezeDesk, Lapsed
from kyc.desk.orders import OrderDesk, PaperFile, with_digests
from kyc.domain import authority as o
from kyc.domain.legal_order_rules import Violation
from kyc.domain.restraint import AccountFrozen, FreezeQueued, FreezeReleased, FreezeRenewed, FundsDeducted
from kyc.domain.submission import StreamName
from kyc.service import order_bodies as b
from kyc.service.acting import Act, Said


def _order(said: Said) -> StreamName:
    return StreamName("order", said.path["number"])


def _account(said: Said) -> StreamName:
    return StreamName("account", said.body.account)


def _digested(body: Any) -> Any:
    return msgspec.structs.replace(body, papers=with_digests(body.papers, _copies(body)))


def _copies(body: Any) -> list[PaperFile]:
    return [PaperFile(one.name, one.media_type, one.content) for one in body.copies]


def _receive(desk: OrderDesk, said: Said) -> tuple[Violation, ...]:
    fields = {name: value for name, value in msgspec.structs.asdict(said.body).items() if name != "copies"}
    order = o.OrderReceived(occurred_at=desk.now, handler=desk.clerk.id, **fields)
    return desk.receive(order, _copies(said.body))


def told(found: Iterable[Violation]) -> dict[str, Any]:
    """What stands against an order, as it is answered."""
    return {"violations": [one._asdict() for one in found]}


def _frozen(desk: FreezeDesk, said: Said, _: Any) -> dict[str, Any]:
    left = desk.done[-1].event
    amount = left.amount if isinstance(left, AccountFrozen) else None
    return {"account": said.body.account, "waits": isinstance(left, FreezeQueued), "amount": amount}


def _lapsed(_: FreezeDesk, __: Said, came: Lapsed) -> dict[str, Any]:
    return came._asdict()


def _objected(desk: OrderDesk, _: Said, __: Any) -> dict[str, Any]:
    left = desk.done[-1].event
    return {"answer_due": left.occurred_at.date() + o.OBJECTION_ANSWERED} if left else {}


_BY: Final[dict[str, Any]] = {"desk": OrderDesk, "subject": _order}
_FREEZES: Final[dict[str, Any]] = {"desk": FreezeDesk}
ACTS: Final = (
    Act(
        name="receive-order", path="/v1/orders", summary="Take an order in, with the copies of its papers",
        body=b.OrderAsItCame, prepare=_digested, desk=OrderDesk, leaves=(o.OrderReceived,), do=_receive,
        subject=lambda said: StreamName("order", said.body.order),
        tell=lambda desk, said, came: told(desk.validate(said.body.order) if came is None else came),
    ),
    Act(
        name="receive-order", path="/v1/orders:foreign", summary="Take in what a foreign authority demands",
        body=b.ForeignDemand, desk=OrderDesk, leaves=(o.ForeignRequestReceived,),
        subject=lambda said: StreamName("order", said.body.order),
        do=lambda desk, said: desk.receive_foreign(
            said.body.order, said.body.authority, said.body.country, said.body.demand, said.body.customer
        ),
        tell=lambda desk, said, came: told(desk.validate(said.body.order) if came is None else came),
    ),
    Act(
        name="accept-order", path="/v1/orders/{number}/acceptance", leaves=(o.OrderAccepted,), **_BY,
        summary="Accept an order that nothing stands against",
        do=lambda desk, said, second: desk.accept(said.path["number"], second),
    ),
    Act(
        name="reject-order", path="/v1/orders/{number}/rejection", body=b.Rejection, **_BY,
        leaves=(o.OrderRejected, o.ForeignRequestRefused),
        summary="Do not follow an order, or refuse a foreign request",
        do=lambda desk, said: desk.reject(said.path["number"], said.body.reasons, said.body.note),
    ),
    Act(
        name="fulfil-order", path="/v1/orders/{number}/fulfilment", body=b.Fulfilment, **_BY,
        leaves=(o.OrderFulfilled,), summary="An order is done, and its receipt went out",
        do=lambda desk, said: desk.fulfil(said.path["number"], said.body.result, said.body.receipt),
    ),
    Act(
        name="seal-evidence", path="/v1/orders/{number}/sealed-evidence", body=b.SealedEvidence,
        leaves=(o.EvidenceSealed,), summary="Originals were sealed here; they are not lent", **_BY,
        do=lambda desk, said: desk.seal_evidence(said.path["number"], said.body.items, said.body.counterpart),
    ),
    Act(
        name="secrecy", path="/v1/orders/{number}/secrecy", body=b.Secrecy, **_BY,
        leaves=(o.SecrecyImposed,), summary="The organ ordered secrecy",
        do=lambda desk, said: desk.impose_secrecy(said.path["number"], said.body.until),
    ),
    Act(
        name="secrecy", path="/v1/orders/{number}/secrecy/release", body=b.SecrecyRelease,
        leaves=(o.SecrecyReleased,), summary="The organ released secrecy; the customer is to be told", **_BY,
        do=lambda desk, said: desk.release_secrecy(said.path["number"], said.body.reference),
    ),
    Act(
        name="notify-order", path="/v1/orders/{number}/notification", body=b.Notification,
        leaves=(o.CustomerNotified,), summary="The customer was told of an order", **_BY,
        do=lambda desk, said: desk.notify(said.path["number"], said.body.channel),
    ),
    Act(
        name="object-order", path="/v1/orders/{number}/objections", body=b.Objection, **_BY,
        leaves=(o.ObjectionLodged,), tell=_objected,
        summary="Object to an order; tells the day by which it is answered",
        do=lambda desk, said: desk.object(said.path["number"], said.body.by, said.body.statement),
    ),
    Act(
        name="object-order", path="/v1/orders/{number}/objections/answer", body=b.ObjectionAnswer, **_BY,
        leaves=(o.OrderObjectionAnswered,), summary="The oldest open objection was answered",
        do=lambda desk, said: desk.objection_answered(said.path["number"], said.body.outcome, said.body.statement),
    ),
    Act(
        name="escalate-order", path="/v1/orders/{number}/escalation", body=b.Escalation, **_BY,
        leaves=(o.ForeignRequestEscalated,), summary="Pass a foreign request to the competent authority at home",
        do=lambda desk, said: desk.escalate(said.path["number"], said.body.to, said.body.reference),
    ),
    Act(
        name="accept-order", path="/v1/orders/{number}/permission", body=b.Permission, **_BY,
        leaves=(o.ForeignRequestApproved,), summary="The competent authority at home allowed an answer",
        do=lambda desk, said, second: desk.approve_foreign(
            said.path["number"], said.body.authority, said.body.reference, said.body.fields, second
        ),
    ),
    Act(
        name="freeze", path="/v1/orders/{number}/freezes", body=b.Freezing, subject=_account, **_FREEZES,
        tell=_frozen, leaves=(AccountFrozen, FreezeQueued),
        summary="Freeze an account as an accepted order says; where it is frozen already the order waits in line",
        do=lambda desk, said: desk.freeze(said.path["number"], said.body.account, said.body.amount),
    ),
    Act(
        name="freeze", path="/v1/orders/{number}/renewals", body=b.Renewal, subject=_account, **_FREEZES,
        leaves=(FreezeRenewed,), summary="Renew a freeze by a further order, before it lapses",
        do=lambda desk, said: desk.renew(said.path["number"], said.body.account, said.body.id),
        tell=lambda desk, _, __: {"until": desk.done[-1].event and desk.done[-1].event.until},
    ),
    Act(
        name="deduct", path="/v1/orders/{number}/deductions", body=b.Deduction, subject=_account, **_FREEZES,
        leaves=(FundsDeducted,), summary="Take money under an accepted order; the booking is recorded after it",
        do=lambda desk, said: desk.deduct(
            said.path["number"], said.body.account, said.body.amount, said.body.reference, said.body.freeze
        ),
    ),
    Act(
        name="release-freeze", path="/v1/accounts/{account}/freezes/{freeze}/release", body=b.Release, **_FREEZES,
        leaves=(FreezeReleased,), subject=lambda said: StreamName("account", said.path["account"]),
        summary="Lift a freeze, or take it out of the queue, on the organ's paper",
        do=lambda desk, said, second: desk.release(
            said.path["account"], said.path["freeze"], said.body.reason, second
        ),
    ),
    Act(
        name="lapse-freezes", path="/v1/orders:lapse", tell=_lapsed, leaves=(), **_FREEZES,
        summary="Record every freeze that has lapsed at its moment, and who is next in line",
        subject=lambda _: StreamName("operations", "freezes"), do=lambda desk, _: desk.lapse(),
    ),
)  # fmt: skip
