"""Commands of an investigation: a customer at two moments, paths between two, a day at a branch."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from cyclopts import App, Parameter, validators

from kyc.cli.door import listing, looking
from kyc.cli.main import screen
from kyc.cli.records import moment
from kyc.domain.submission import StreamName
from kyc.errors import InputError


def register(app: App) -> None:
    """Add the commands; those about customers go to the others of their kind."""
    customer = app["customer"]
    customer.command(compare)
    customer.command(paths)
    branch = App(name="branch", help="What happened at a branch.")
    branch.command(day)
    app.command(branch)


def compare(
    number: str, /, *, first: str, second: str | None = None, about: str | None = None, postings: bool = True
) -> None:
    """A customer at two moments: what differs, and what was recorded between.

    Parameters
    ----------
    number
        The customer number.
    first
        A date (its end, in the institution's zone) or an instant: as recorded until then.
    second
        The later moment; without it, now.
    about
        A date or an instant in the world that both are asked about.
    postings
        Whether the transactions between are told.
    """
    from replay import compare as both

    with looking("customer", number, "replay") as opened:
        zone = opened.ledger.zone
        start = moment(first, zone)
        assert start is not None, "an option that must be given"
        found = both.customer(
            opened.log, number, start, moment(second, zone), about=moment(about, zone), with_postings=postings
        )
        screen().answer(both.as_dict(found), both.lines(found, zone))


def paths(
    first: str,
    second: str,
    /,
    *,
    follow: bool = False,
    since: str | None = None,
    until: str | None = None,
    steps: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=8))] = 4,
    most: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=1_000))] = 10,
) -> None:
    """The shortest paths between two customers through transactions.

    Parameters
    ----------
    first
        The number of the customer where paths begin.
    second
        The number of the customer where they end.
    follow
        Follow the money: every step from payer to payee, none earlier than the one before.
    since
        Only transactions booked from this date (its beginning) or instant on.
    until
        Only transactions booked until this date (its end) or instant.
    steps
        Transactions of a path at most.
    most
        Paths told at most.
    """
    from replay import paths_told
    from replay.paths import Wanted

    with listing("paths") as page:
        opened = page.opened
        zone = opened.ledger.zone
        wanted = Wanted(
            follow=follow, since=moment(since, zone, end=False), until=moment(until, zone), steps=steps, paths=most
        )
        found = paths_told.between(opened.log, first, second, wanted)
        page.record((first, second, *found.customers))
        screen().answer(paths_told.as_dict(found), paths_told.lines(found, zone))


def day(branch: str, on: str, /, *, as_of: str | None = None) -> None:
    """A day at a branch: what was recorded there that day, and what was booked there and recorded later.

    Parameters
    ----------
    branch
        The code of the branch.
    on
        The day in the institution's zone, such as 2026-03-01.
    as_of
        A date or an instant: what was recorded until then.
    """
    from replay import day as past

    try:
        asked = date.fromisoformat(on)
    except ValueError:
        raise InputError("not a date", field="on", rule="ISO 8601", remedy="2026-03-01") from None
    with listing(about=StreamName("branch", branch), action="supervise") as page:
        opened = page.opened
        zone = opened.ledger.zone
        found = past.day(opened.log, branch, asked, zone, moment(as_of, zone))
        page.record(subjects=[one.stream for one in (*found.told, *found.late)])
        screen().answer(past.as_dict(found), past.lines(found, zone))
