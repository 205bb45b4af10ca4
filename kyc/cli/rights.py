"""Commands of the rights of persons: notices, consents, requests and their answers (docs/rights.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from kyc.cli.desk_acts import custodian_of
from kyc.cli.files import Wrong
from kyc.cli.main import screen, service

if TYPE_CHECKING:
    from kyc.desk.rights import Kind, Requester, RightsDesk
else:
    from typing import Literal

    Kind = Literal[
        "access", "copy", "correction", "deletion", "restriction", "transfer", "explanation", "withdrawal"
    ]
    Requester = Literal["person", "agent", "guardian", "near-relative"]

Flag = Annotated[bool, Parameter(negative="")]


def register(app: App) -> None:
    """Add the commands."""
    request = App(name="request", help="A person's request about their data: taken in, answered, refused by law.")
    commands: tuple[Callable[..., None], ...] = (
        receive, answer, correct, delete, dispose, restrict, restore, fulfil, refuse, notice, consent, withdraw,
    )  # fmt: skip
    for command in commands:
        request.command(command)
    app.command(request)


def receive(
    number: str, kind: Kind, customer: str, /, *, actor: str, proof: str, requester: Requester = "person",
    detail: str = "",
) -> None:  # fmt: skip
    """Take a request in; tells the day by which it is answered (kyc requests due).

    Parameters
    ----------
    number
        The bank's own number of the request.
    kind
        What is asked for.
    customer
        Whose data.
    actor
        Who takes it in.
    proof
        What was shown: identity, mandate, guardianship, kinship.
    requester
        Who asks.
    detail
        In their words.
    """
    with _desk(actor) as desk:
        due = desk.receive(number, kind, customer, proof, requester=requester, detail=detail)
    screen().answer({"request": number, "due": due}, [f"{number} is to be answered by {due}"])


def answer(number: str, /, *, actor: str, out: Path, requester: str = "") -> None:
    """Hand over what whoever asks may be told, as a signed file.

    Parameters
    ----------
    number
        Of a request for access, a copy, transfer or explanation.
    actor
        Who answers, and vouches for who asks.
    out
        A folder to be made.
    requester
        Customer number of the agent, guardian or heir.
    """
    with _desk(actor) as desk:
        given = desk.answer(number, out, requester)
    screen().answer(
        {"request": number, "path": str(given.path), "fields": given.fields, "digest": given.digest},
        [f"{given.path}: {len(given.fields)} kinds of data, {given.digest}"],
    )


def correct(number: str, /, *, wrong: Annotated[Wrong, Parameter(name="*")], actor: str, approver: str) -> None:
    """Correct an attribute by a new event; the old value stays on record.

    Parameters
    ----------
    number
        Of a request for correction.
    wrong
        What is wrong, and what is right.
    actor
        Who corrects.
    approver
        The second person.
    """
    with _desk(actor) as desk:
        desk.correct(number, wrong.correction(), custodian_of(approver))
    screen().answer({"request": number, "corrected": wrong.attribute}, [f"{wrong.attribute} is corrected"])


def delete(number: str, /, *, actor: str) -> None:
    """Refuse a deletion that is not lawful yet, with law, complaint, court and day; or say what to propose.

    Parameters
    ----------
    number
        Of a request for deletion.
    actor
        Who decides it.
    """
    with _desk(actor) as desk:
        found = desk.delete(number)
    if found.outcome == "dispose":
        lines = [f"nothing keeps the records: kyc request dispose --now, then kyc request fulfil {number}"]
    else:
        lines = [
            f"refused: {found.law} ({', '.join(found.policies)})",
            f"possible on {found.possible_on or 'a day that cannot be named yet'}; until then only stored",
            f"complaint: {found.complaint}", f"court: {found.court}",
        ]  # fmt: skip
    screen().answer(found._asdict(), lines)


def dispose(*, now: Flag = False) -> None:
    """Propose the disposal of what persons asked to have deleted, once nothing keeps it any more. A job: any number
    of processes may run it at once; people then approve and carry out (kyc disposal).

    Parameters
    ----------
    now
        Do it; without, only say how many persons asked.
    """
    from kyc.cli.disposal import desk_of
    from kyc.desk.clerk import SYSTEM
    from kyc.domain.submission import StreamName
    from projections import consents
    from projections.engine import Engine

    with _desk(SYSTEM) as desk:
        today = desk.ledger.today()
        if not now:
            Engine(desk.service.log).catch_up()
            count = len(consents.deletions(desk.service.log, today))
            screen().answer({"persons": count}, [f"{count} persons asked: kyc request dispose --now"])
            return
        batch = f"asked-{today}"
        desk.allow("propose-disposal", StreamName("disposal", batch))
        made = desk_of(desk.service, ()).propose_asked(batch, SYSTEM)
    screen().answer({"batch": batch, "proposed": made}, [f"{len(made)} disposals proposed in {batch}"])


def restrict(number: str, /, *, actor: str, reason: str) -> None:
    """Store only from now on.

    Parameters
    ----------
    number
        Of a request for restriction.
    actor
        Who restricts.
    reason
        Why.
    """
    with _desk(actor) as desk:
        desk.restrict(number, reason)
    screen().answer({"request": number, "restricted": True}, ["the data are only stored from now on"])


def restore(customer: str, /, *, actor: str, reason: str) -> None:
    """Lift a restriction.

    Parameters
    ----------
    customer
        The customer number.
    actor
        Who lifts it.
    reason
        Why.
    """
    with _desk(actor) as desk:
        desk.restore(customer, reason)
    screen().answer({"customer": customer, "restricted": False}, ["the restriction is lifted"])


def fulfil(number: str, /, *, actor: str, answer: str) -> None:
    """A request was done on another way.

    Parameters
    ----------
    number
        Of the request.
    actor
        Who saw to it.
    answer
        What the person was told.
    """
    with _desk(actor) as desk:
        desk.fulfil(number, answer)
    screen().answer({"request": number, "fulfilled": True}, [f"{number} is done"])


def refuse(number: str, /, *, actor: str, law: str, answer: str) -> None:
    """Refuse a request by law; where to complain and to sue is always told.

    Parameters
    ----------
    number
        Of the request.
    actor
        Who refuses.
    law
        The article.
    answer
        What the person is told.
    """
    from kyc.desk.rights import COMPLAINT, COURT

    with _desk(actor) as desk:
        desk.refuse(number, law, answer)
    told = {"request": number, "law": law, "complaint": COMPLAINT, "court": COURT}
    screen().answer(told, [f"refused: {law}", f"complaint: {COMPLAINT}", f"court: {COURT}"])


def notice(customer: str, name: str, /, *, actor: str, channel: str, language: str = "") -> None:
    """A notice was presented.

    Parameters
    ----------
    customer
        The customer number.
    name
        Of the published notice.
    actor
        Who presented it.
    channel
        Where.
    language
        In which.
    """
    with _desk(actor) as desk:
        desk.notice(customer, name, channel, language)
    screen().answer({"customer": customer, "notice": name}, [f"{name} was presented"])


def consent(
    customer: str, purpose: str, /, *, actor: str, notice: str, method: str, scope: tuple[str, ...] = (),
    separate: Flag = False,
) -> None:  # fmt: skip
    """The person agreed to one purpose.

    Parameters
    ----------
    customer
        The customer number.
    purpose
        Such as marketing, or share:RECIPIENT.
    actor
        Who records it.
    notice
        That was presented before.
    method
        How the person agreed.
    scope
        Fields it is confined to; several.
    separate
        A consent of its own, as sharing takes.
    """
    with _desk(actor) as desk:
        desk.consent(customer, purpose, notice, method, scope=scope, separate=separate)
    screen().answer({"customer": customer, "purpose": purpose}, [f"agreed to {purpose}"])


def withdraw(customer: str, purpose: str = "", /, *, actor: str, method: str) -> None:
    """End one purpose, or every purpose that rests on consent; duties under law go on.

    Parameters
    ----------
    customer
        The customer number.
    purpose
        Which; without it, all.
    actor
        Who records it.
    method
        How the person withdrew.
    """
    with _desk(actor) as desk:
        ended = desk.withdraw(customer, method, purpose)
    screen().answer({"customer": customer, "ended": ended}, [f"ended: {', '.join(ended) or 'nothing'}"])


@contextmanager
def _desk(actor: str) -> Iterator[RightsDesk]:
    from kyc.desk.rights import RightsDesk

    with service() as opened:
        yield RightsDesk(opened, custodian_of(actor))
