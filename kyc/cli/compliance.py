"""Commands of compliance and its desks: where due diligence stands, what is due on a day, and whose it is."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter, validators

from kyc.cli.door import listing, looking
from kyc.cli.main import screen
from kyc.cli.registers import Count, day_of, numbers, who
from kyc.errors import InputError

if TYPE_CHECKING:
    from projections.due_diligence import Open, State

Days = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=3_660))]


def register(app: App) -> None:
    """Add the commands; those about one customer go to the others of their kind."""
    app["customer"].command(diligence)
    app["customer"].command(consent)
    app["customer"].command(owners)
    app.command(holds)
    reviews = App(name="reviews", help="What due diligence has to see to, and by when.")
    reviews.command(reviews_due, name="due")
    reviews.command(objections)
    reviews.command(screening)
    app.command(reviews)
    requests = App(name="requests", help="Requests of persons about their data.")
    requests.command(requests_due, name="due")
    app.command(requests)


def diligence(number: str, /, *, on: str | None = None) -> None:
    """Where a customer's due diligence stands: rating, exposure, funds, approval, what is open, the next review.

    Parameters
    ----------
    number
        The customer number.
    on
        The day whose policy says when the review is due; today.
    """
    from replay import registers

    with looking("customer", number) as opened:
        day = day_of(opened, on)
        state = registers.diligence_of(opened.log, number)
        document = registers.diligence(number, state, opened.ledger.policies(), day)
        screen().answer(document, _told(state, document["review_due"], document["answers_due"]))


def _told(state: State, review: date | None, answers: dict[str, date | None]) -> list[str]:
    rating = state.rating
    risk = f"{rating.level}, {rating.model} on {rating.rated_on}: {', '.join(rating.reasons)}" if rating else "no"
    funds = ", ".join(f"{one.kind} on {one.recorded_on}" for one in state.funds)
    lines = [
        f"level                {state.level}", f"risk                 {risk}",
        f"politically exposed  {state.pep or 'not determined'}", f"source of funds      {funds or 'not recorded'}",
        f"senior approval      {state.approved_on or 'none'}", f"next review          {review or 'no day'}",
        f"last review          {state.reviewed_on or 'none'}",
    ]  # fmt: skip
    lines += [
        f"screened             {one.list} {one.version} on {one.on}, {one.hits} hits" for one in state.screenings
    ]
    for name, part in (
        ("discrepancy", state.discrepancies), ("hit", state.hits), ("measure", state.measures),
    ):  # fmt: skip
        lines += [f"open {name:<15} {_item(one)}" for one in part]
    for one in state.objections:
        lines.append(f"open objection       {_item(one)}, answer due {answers[one.id] or 'no day'}")
    return lines


def _item(one: Open) -> str:
    return f"{one.id} since {one.since}: {one.what}{f' ({one.detail})' if one.detail else ''}"


def reviews_due(*, on: str | None = None, branch: str | None = None, ahead: Days = 0, limit: Count = 1_000) -> None:
    """Reviews due or overdue on a day, by the cycles that are policy that day; nobody records that one falls due.

    Parameters
    ----------
    on
        The day in the institution's zone, such as 2026-03-01; today.
    branch
        Only customers this branch looks after.
    ahead
        Also what falls due within so many days after it.
    limit
        Customers told at most.
    """
    from projections import reviews
    from replay import registers

    with listing("reviews_due") as page:
        opened = page.opened
        day = day_of(opened, on)
        by = day + timedelta(days=ahead)
        found = reviews.due(opened.log, day, opened.ledger.policies(), by=by, branch=branch, limit=limit)
        known = registers.named(opened.log, (one.stream_id for one in found))
        missing = reviews.unrated(opened.log, branch)
        document = {
            "on": day,
            "reviews": [known[one.stream_id] | registers.plain(one) for one in found],
            "unrated": missing,
        }
        lines = [
            f"{one.due_on}  {one.state:<7}  {one.tier or 'not rated':<9}  {who(known[one.stream_id])}, {one.branch}"
            for one in found
        ]
        lines = lines or ["nothing is due"]
        if missing:
            lines.append(f"not on the list: {missing:,} customers in a relationship who were never rated")
        page.tell(document, lines, numbers(known))


def objections(*, on: str | None = None, branch: str | None = None, ahead: Days = 15) -> None:
    """Objections to measures that wait for an answer, by the day it is due (AML24 art. 39).

    Parameters
    ----------
    on
        The day in the institution's zone, such as 2026-03-01; today.
    branch
        Only customers this branch looks after.
    ahead
        Also what falls due within so many days after it.
    """
    from projections import reviews
    from replay import registers

    with listing("reviews_due") as page:
        opened = page.opened
        day = day_of(opened, on)
        by = day + timedelta(days=ahead)
        found = reviews.objections(opened.log, day, opened.ledger.policies(), by=by, branch=branch)
        known = registers.named(opened.log, (one.stream_id for one in found))
        lines = [
            f"{one.due_on}  received {one.received_on}  {who(known[one.stream_id])}, {one.branch}" for one in found
        ]
        document = {"on": day, "objections": [known[one.stream_id] | registers.plain(one) for one in found]}
        page.tell(document, lines or ["nothing is due"], numbers(known))


def screening(name: str, version: str, /, *, branch: str | None = None, limit: Count = 1_000) -> None:
    """Customers to be screened again: their last screening was not against this version of the list.

    Parameters
    ----------
    name
        The list, as screenings name it.
    version
        Its version now.
    branch
        Only customers this branch looks after.
    limit
        Customers told at most.
    """
    from projections import reviews
    from replay import registers

    with listing("screening") as page:
        opened = page.opened
        found = reviews.stale(opened.log, name, version, branch=branch, limit=limit)
        known = registers.named(opened.log, (one.stream_id for one in found))
        lines = [
            f"{who(known[one.stream_id])}, {one.branch}  "
            f"{f'{one.list_version} on {one.screened_on}' if one.list_version else 'never screened'}"
            for one in found
        ]
        document = [known[one.stream_id] | registers.plain(one) for one in found]
        told = {"list": name, "version": version, "customers": document}
        page.tell(told, lines or ["nobody"], numbers(known))


def requests_due(*, on: str | None = None, branch: str | None = None, ahead: Days = 15) -> None:
    """Requests of persons about their data that wait for an answer, by the day it is due (PIPL art. 50).

    Parameters
    ----------
    on
        The day in the institution's zone, such as 2026-03-01; today.
    branch
        Only of customers this branch looks after.
    ahead
        Also what falls due within so many days after it.
    """
    from projections import consents
    from replay import registers

    with listing("requests") as page:
        opened = page.opened
        day = day_of(opened, on)
        by = day + timedelta(days=ahead)
        found = consents.due(opened.log, day, opened.ledger.policies(), by=by, branch=branch)
        known = registers.named(opened.log, (one.customer for one in found))
        document = [
            known[one.customer] | registers.content(registers.plain(one), "asked", "customer") for one in found
        ]
        lines = [
            f"{one.due_on}  {'overdue' if one.due_on < day else 'open   '}  "
            f"{one.asked.request if one.asked else '(disposed of)'} {one.kind}, received {one.received_on}  "
            f"{who(known[one.customer])}, {one.branch}"
            for one in found
        ]
        page.tell({"on": day, "requests": document}, lines or ["nothing is due"], numbers(known))


def consent(number: str, /, *, on: str | None = None, purpose: str | None = None) -> None:
    """What a customer was told and agreed to as of a day, whether data may only be stored, and requests.

    Parameters
    ----------
    number
        The customer number.
    on
        The day in the institution's zone, such as 2026-03-01; today.
    purpose
        Only whether this purpose, which rests on consent, may be served that day.
    """
    from projections import consents
    from replay import registers

    with looking("customer", number) as opened:
        day, stream = day_of(opened, on), registers.stream_of(opened.log, number)
        if purpose is not None:
            answer = consents.may(opened.log, stream, purpose, day)
            line = f"{'yes' if answer.allowed else 'no'}: {answer.because}{f' on {answer.on}' if answer.on else ''}"
            screen().answer(
                {"customer": number, "purpose": purpose, "on": day} | {"answer": answer._asdict()}, [line]
            )
            return
        document = registers.privacy(opened.log, number, opened.ledger.policies(), day)
        lines = [
            f"notice       {one['notice']} on {one['presented_on']}, {one['channel'] or 'registration'}"
            for one in document["notices"]
        ]
        lines += [
            f"consent      {one['purpose']} from {one['given_on']} to {one['withdrawn_on'] or 'now'}"
            for one in document["consents"]
        ]
        lines += [
            f"restricted   from {one['since']} to {one['until'] or 'now'}" for one in document["restrictions"]
        ]
        lines += [
            f"request      {one['kind']}, received {one['received_on']}, due {one['due_on']},"
            f" {one['outcome'] or 'open'}"
            for one in document["requests"]
        ]
        screen().answer(document, lines or ["nothing"])


def owners(number: str, /, *, as_of: str | None = None) -> None:
    """Who stands behind a customer on a day: owners, controllers, agents, relatives, also through other customers.

    Parameters
    ----------
    number
        The customer number.
    as_of
        The day in the institution's zone, such as 2026-03-01; today.
    """
    from projections import owners as graph
    from replay import registers

    with looking("customer", number) as opened:
        day, stream = day_of(opened, as_of), registers.stream_of(opened.log, number)
        found = graph.behind(opened.log, stream, day)
        known = registers.named(opened.log, (one for edge in found for one in edge.through))
        document, lines = [], []
        for edge in found:
            document.append(told := registers.edge(edge, known))
            way = told["through"]
            share = f", {edge.share.normalize():f} %" if edge.share is not None else ""
            name = edge.person.party.name if edge.person else "(disposed of)"
            via = f", through {' and '.join(one or 'an account' for one in way)}" if way else ""
            lines.append(f"{edge.role:<20} {name}{share}, since {edge.since}, {edge.source}{via}")
        screen().answer({"customer": number, "on": day, "people": document}, lines or ["nobody"])


def holds(
    *, subject: str | None = None, case: str | None = None, on: str | None = None, released: bool = False
) -> None:
    """Holds in force on a day, by whose records they lie on and by what they rest on.

    Parameters
    ----------
    subject
        Kind and key of whose records, such as customer/C1.
    case
        The case, order or claim they rest on.
    on
        The day in the institution's zone, such as 2026-03-01; today.
    released
        Also those that were released by then.
    """
    from kyc.domain.submission import StreamName
    from projections import hold_register
    from replay import registers

    with listing("holds") as page:
        opened = page.opened
        day = day_of(opened, on)
        whose = StreamName(*subject.split("/", 1)) if subject and "/" in subject else None
        if subject and whose is None:
            raise InputError("no such subject", field="subject", rule="KIND/KEY", remedy="customer/C1")
        found = hold_register.find(
            opened.log, day, subject=whose, reference=case, in_force=None if released else True
        )
        document = []
        for one in found:
            values = registers.content(registers.plain(one), "placed", "subject", "released")
            end = (
                {"release": {"reason": one.released.reason, "approver": one.released.approver}}
                if one.released
                else {}
            )
            document.append(values | end)
        lines = [
            f"{one.placed_on} to {one.ended_on or 'now':<10}  "
            f"{f'{one.placed.hold} on {one.placed.subject}' if one.placed else '(disposed of)'}  {one.basis}"
            f"{f' {one.placed.reference}' if one.placed and one.placed.reference else ''}"
            f", {', '.join(one.classes) or 'all records'}"
            for one in found
        ]
        held = [StreamName(*one.placed.subject.split("/", 1)) for one in found if one.placed]
        page.tell({"on": day, "holds": document}, lines or ["no holds"], subjects=held)
