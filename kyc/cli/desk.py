"""Commands of the order desk: taking orders in, deciding, telling whom they are about (docs/legal-orders.md).

What is done under an order once it is accepted is :mod:`kyc.cli.desk_acts`; what stands in the registers is asked
by ``kyc orders``.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import App

from kyc.cli.desk_acts import Number, Officer, acts, clerk_of, second_of
from kyc.cli.main import Note, screen, service
from kyc.cli.orders import assistance
from kyc.errors import InputError

if TYPE_CHECKING:
    from kyc.desk.orders import OrderDesk, PaperFile
    from kyc.domain.authority import OrderReceived
    from kyc.domain.legal_order_rules import Violation


def register(app: App) -> None:
    """Add the commands."""
    order = App(name="order", help="The order desk: orders of authorities taken in, decided, carried out.")
    commands: tuple[Callable[..., Any], ...] = (receive, validate, accept, reject, *acts(), notify, fulfil)
    for command in commands:
        order.command(command)
    order.command(seal_evidence, name="seal")
    order.command(assistance)
    secrecy = App(name="secrecy", help="Whether the customer may be told.")
    secrecy.command(impose)
    secrecy.command(secrecy_release, name="release")
    objection = App(name="objection", help="Objections to orders; the court answers in 15 days.")
    objection.command(lodge)
    objection.command(answered)
    foreign = App(name="foreign", help="Foreign authorities: nothing goes to them directly.")
    foreign.command(foreign_receive, name="receive")
    foreign.command(escalate)
    foreign.command(foreign_approve, name="approve")
    for group in (secrecy, objection, foreign):
        order.command(group)
    app.command(order)


# --- taken in and decided -------------------------------------------------------------------------------


def receive(file: Path, /, *, actor: Officer, copy: tuple[str, ...] = ()) -> None:
    """Take an order in, and say everything that stands against following it.

    Parameters
    ----------
    file
        The order as JSON: the fields of `order.received` (docs/events.md). `occurred_at` is now, `handler` the
        actor.
    copy
        The copy of a paper, such as `ruling=ruling.pdf`; several. Its hash is recorded with the paper.
    """
    with _orders(actor) as desk:
        order = _read(file, actor, desk.now.isoformat())
        found = desk.receive(order, _copies(copy))
    _tell_violations(order.order, found)


def validate(number: Number, /, *, actor: Officer) -> None:
    """Everything that stands against following an order: organ, level, officers, papers, rank, term, amounts."""
    with _orders(actor) as desk:
        found = desk.validate(number)
    _tell_violations(number, found)


def accept(number: Number, /, *, actor: Officer, approver: str) -> None:
    """Accept an order that nothing stands against: two people, and neither approver nor actor is one alone.

    Parameters
    ----------
    approver
        The second person, who did not take it in; holds the right order-desk or compliance.
    """
    with _orders(actor) as desk:
        desk.accept(number, second_of(approver))
    screen().answer({"order": number, "status": "accepted"}, [f"{number} is accepted"])


def reject(number: Number, /, *, actor: Officer, reason: tuple[str, ...] = (), note: Note = "") -> None:
    """Do not follow an order, or refuse a foreign request.

    Parameters
    ----------
    reason
        Codes of reasons; without, everything that validation found.
    """
    with _orders(actor) as desk:
        given = desk.reject(number, reason, note)
    screen().answer({"order": number, "reasons": given}, [f"{number} is rejected: {', '.join(given)}"])


def fulfil(number: Number, /, *, actor: Officer, result: str, receipt: str = "") -> None:
    """An order is done, and its receipt went out.

    Parameters
    ----------
    result
        What was done.
    receipt
        Number of the receipt (回执).
    """
    with _orders(actor) as desk:
        desk.fulfil(number, result, receipt)
    screen().answer({"order": number, "status": "fulfilled"}, [f"{number} is done"])


def seal_evidence(number: Number, /, *, actor: Officer, item: tuple[str, ...], counterpart: str) -> None:
    """Originals were sealed here; they are not lent.

    Parameters
    ----------
    item
        What was sealed; several.
    counterpart
        Who signed the list for the organ.
    """
    with _orders(actor) as desk:
        desk.seal_evidence(number, item, counterpart)
    screen().answer({"order": number, "sealed": len(item)}, [f"{len(item)} originals are sealed"])


# --- told, objected, foreign ----------------------------------------------------------------------------


def impose(number: Number, /, *, actor: Officer, until: date | None = None) -> None:
    """The organ ordered secrecy.

    Parameters
    ----------
    until
        As the organ says; only its release ends it.
    """
    with _orders(actor) as desk:
        desk.impose_secrecy(number, until)
    screen().answer({"order": number, "secret": True}, [f"{number} is secret"])


def secrecy_release(number: Number, /, *, actor: Officer, reference: str) -> None:
    """The organ released secrecy; the customer is to be told (kyc orders --due).

    Parameters
    ----------
    reference
        Of the organ's release.
    """
    with _orders(actor) as desk:
        desk.release_secrecy(number, reference)
    screen().answer({"order": number, "secret": False}, [f"{number} is no longer secret: tell the customer"])


def notify(number: Number, /, *, actor: Officer, channel: str) -> None:
    """The customer was told of an order.

    Parameters
    ----------
    channel
        How, such as letter.
    """
    with _orders(actor) as desk:
        desk.notify(number, channel)
    screen().answer({"order": number, "notified": True}, [f"the customer was told of {number}"])


def lodge(
    number: Number, /, *, actor: Officer, statement: str, by: Literal["bank", "customer", "third-party"] = "bank"
) -> None:
    """Object to an order.

    Parameters
    ----------
    statement
        Why.
    by
        Whose objection it is.
    """
    with _orders(actor) as desk:
        due = desk.object(number, by, statement)
    screen().answer({"order": number, "answer_due": due}, [f"the court answers by {due}"])


def answered(
    number: Number, /, *, actor: Officer, outcome: Literal["upheld", "rejected", "withdrawn"], statement: str
) -> None:
    """The oldest open objection was answered.

    Parameters
    ----------
    outcome
        What came of it.
    statement
        What was said.
    """
    with _orders(actor) as desk:
        desk.objection_answered(number, outcome, statement)
    screen().answer({"order": number, "outcome": outcome}, [f"the objection is {outcome}"])


def foreign_receive(
    number: Number, /, *, actor: Officer, authority: str, country: str, demand: str, customer: str = ""
) -> None:
    """Take in what a foreign authority demands.

    Parameters
    ----------
    authority
        Which authority.
    country
        Its country, as ISO 3166 alpha-3.
    demand
        What it wants.
    customer
        About whom.
    """
    with _orders(actor) as desk:
        found = desk.receive_foreign(number, authority, country, demand, customer)
    _tell_violations(number, found)


def escalate(number: Number, /, *, actor: Officer, to: str, reference: str = "") -> None:
    """Pass a foreign request to the competent authority at home.

    Parameters
    ----------
    to
        Which authority.
    reference
        Of the letter.
    """
    with _orders(actor) as desk:
        desk.escalate(number, to, reference)
    screen().answer({"order": number, "escalated": True}, [f"{number} was passed on"])


def foreign_approve(
    number: Number, /, *, actor: Officer, approver: str, authority: str, reference: str, field: tuple[str, ...]
) -> None:
    """The competent authority at home allowed an answer.

    Parameters
    ----------
    approver
        The second person who saw the paper.
    authority
        Which authority allowed it.
    reference
        Of its paper.
    field
        What may be given; several.
    """
    with _orders(actor) as desk:
        desk.approve_foreign(number, authority, reference, field, second_of(approver))
    screen().answer({"order": number, "fields": field}, [f"{number} may be answered: {', '.join(field)}"])


# --- helpers --------------------------------------------------------------------------------------------


@contextmanager
def _orders(actor: str) -> Iterator[OrderDesk]:
    from kyc.desk.orders import OrderDesk

    with service() as opened:
        yield OrderDesk(opened, clerk_of(actor))


def _read(file: Path, actor: str, now: str) -> OrderReceived:
    import msgspec

    from kyc.domain import codec
    from kyc.domain.authority import OrderReceived

    try:
        fields = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except OSError as cause:
        raise InputError("cannot read the order", field=file.name, rule="a JSON file") from cause
    except codec.UNREADABLE as cause:
        raise codec.input_error("not an order", cause) from None
    fields = {"occurred_at": now, "handler": actor} | fields
    order = codec.from_wire(OrderReceived.TOPIC, msgspec.json.encode(fields))
    assert isinstance(order, OrderReceived)
    return order


def _copies(copies: Sequence[str]) -> list[PaperFile]:
    from kyc.desk.orders import PaperFile

    found = []
    for one in copies:
        kind, _, name = one.partition("=")
        if not kind or not name:
            raise InputError("not a copy of a paper", field="copy", rule="KIND=FILE")
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        try:
            found.append(PaperFile(kind, media_type, Path(name).read_bytes()))
        except OSError as cause:
            raise InputError("cannot read the copy", field=kind, rule="a file") from cause
    return found


def _tell_violations(number: str, found: Sequence[Violation]) -> None:
    document = {"order": number, "violations": [one._asdict() for one in found]}
    lines = [f"{one.code:<28} {one.field}: {one.rule}; {one.remedy}" for one in found]
    screen().answer(document, lines or [f"nothing stands against {number}: have a second person accept it"])
