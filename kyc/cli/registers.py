"""Commands about registers of customers: who is found, whose documents run out, each as of a day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter, validators

from kyc.cli.door import listing, looking
from kyc.cli.main import screen
from kyc.cli.records import moment
from kyc.errors import InputError

if TYPE_CHECKING:
    from kyc.wiring import Service

By = Literal["number", "name", "document", "phone", "email", "identifier", "account", "party", "party-document"]
Pending = Literal["expiring", "grace", "suspended", "expired"]
Count = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=100_000))]


def register(app: App) -> None:
    """Add the commands."""
    app.command(find)
    documents = App(name="documents", help="Documents of customers, and where each stands on a day.")
    documents.command(documents_show, name="show")
    documents.command(documents_due, name="due")
    app.command(documents)


def find(
    text: str = "",
    /,
    *,
    by: tuple[By, ...] = (),
    branch: str | None = None,
    former: bool = False,
    by_sound: bool = False,
    as_of: str | None = None,
    about: str | None = None,
    limit: Count = 1_000,
) -> None:
    """Customers by anything known of them: number, name in any script or in pinyin, document, phone, account.

    Names are found from the beginning of their words on, in any order; Chinese names also by any part of them, by
    pinyin and by its initials.

    Parameters
    ----------
    text
        What is looked for; without it, everybody of the branch.
    by
        Only in these; without it, in everything.
    branch
        Only customers this branch looks after.
    former
        Also by names, numbers and so on that are not valid any more.
    by_sound
        Chinese characters find whoever is read alike, in letters or other characters.
    as_of
        A date (its end, in the institution's zone) or an instant: who was found by what was recorded until then.
    about
        A date or an instant: by what was true then, as far as was known.
    limit
        Customers told at most.
    """
    from replay import found as register

    with listing() as page:
        opened = page.opened
        zone = opened.ledger.zone
        wanted = register.Wanted(
            text=text, fields=by, branch=branch, former=former, by_sound=by_sound, as_of=moment(as_of, zone),
            about=moment(about, zone), limit=limit,
        )  # fmt: skip
        found = register.find(opened.log, wanted)
        page.record(one.state.customer for one in found if one.state is not None)
        screen().answer({"customers": [register.as_dict(one) for one in found]}, register.lines(found))


# --- documents -----------------------------------------------------------------------------------------


def documents_show(number: str, /, *, on: str | None = None) -> None:
    """A customer's documents and where each stands on a day.

    Parameters
    ----------
    number
        The customer number.
    on
        The day in the institution's zone, such as 2026-03-01; today.
    """
    from projections import document_register
    from replay import registers

    with looking("customer", number) as opened:
        day = day_of(opened, on)
        rules = opened.ledger.policies().documents(day)
        found = document_register.of_streams(opened.log, [registers.stream_of(opened.log, number)], day, rules)
        lines = [
            f"{one.state:<14} {one.kind:<20} {one.printed.number if one.printed else '(disposed of)'}"
            f"  {one.country}, expires {one.expires_on or 'never'}"
            f"{f', {one.void} on {one.void_on}' if one.void else ''}"
            f"{f', check: {one.checked} on {one.checked_on}' if one.checked else ''}"
            for one in found
        ]
        told = {"customer": number, "on": day, "documents": [registers.document(one) for one in found]}
        screen().answer(told, lines or ["no documents"])


def documents_due(
    *, on: str | None = None, branch: str | None = None, state: tuple[Pending, ...] = (), limit: Count = 1_000
) -> None:
    """Customers of whom another document is wanted: what is valid longest expires soon or has expired.

    Parameters
    ----------
    on
        The day in the institution's zone, such as 2026-03-01; today.
    branch
        Only customers this branch looks after.
    state
        Only these: expiring, in grace (the reasonable period), suspended; expired where no rules are in use.
    limit
        Customers told at most.
    """
    from projections import document_register
    from replay import registers

    with listing("documents_due") as page:
        opened = page.opened
        day = day_of(opened, on)
        rules = opened.ledger.policies().documents(day)
        found = document_register.due(
            opened.log, day, rules, states=state or document_register.DUE, branch=branch, limit=limit
        )
        known = registers.named(opened.log, (one.stream_id for one in found))
        document = [
            known[one.stream_id] | {name: value for name, value in one._asdict().items() if name != "stream_id"}
            for one in found
        ]
        lines = [
            f"{one.expires_on}  {one.state:<10} {who(known[one.stream_id])}  {one.kind}, {one.branch}"
            f"{', service is suspended' if one.suspended else ''}"
            for one in found
        ]
        page.tell({"on": day, "documents": document}, lines or ["nothing is due"], numbers(known))


# --- what the commands share ----------------------------------------------------------------------------


def day_of(opened: Service, text: str | None) -> date:
    """The day a person means; today in the institution's zone where none is named.

    Raises:
        InputError: not a date.
    """
    if text is None:
        return opened.ledger.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError("not a date", field="on", rule="ISO 8601", remedy="2026-03-01") from None


def numbers(known: dict[bytes, dict[str, Any]]) -> list[str | None]:
    """The customer numbers among :func:`replay.registers.named`."""
    return [one["customer"] for one in known.values()]


def who(known: dict[str, Any]) -> str:
    """A customer as one line tells them."""
    return "(disposed of)" if known["customer"] is None else f"{known['customer']} {known['name']}"
