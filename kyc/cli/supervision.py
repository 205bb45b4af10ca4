"""Commands of those who supervise: branches, files of customers, counterparties, large values."""

from __future__ import annotations

from datetime import date
from typing import Any, Final, Literal

from cyclopts import App

from kyc.cli.door import listing, looking
from kyc.cli.main import screen
from kyc.cli.records import moment
from kyc.cli.registers import Count, day_of, numbers, who
from kyc.domain.submission import StreamName
from kyc.errors import InputError

WAYS: Final = {"credit": "receipts", "debit": "payments"}


def register(app: App) -> None:
    """Add the commands."""
    app["customer"].command(counterparties)
    app["branch"].command(summary)
    app.command(quality)


def summary(branch: str, span: str, /, *, reconcile: bool = False) -> None:
    """A branch's day or month: what it recorded, what came late, how it was closed, what it left undone.

    Parameters
    ----------
    branch
        The code of the branch.
    span
        A day or a month in the branch's own zone, such as 2026-03-01 or 2026-03.
    reconcile
        Count the events of the log itself anew, and compare.
    """
    from kyc.domain.governance import BRANCHES
    from projections import branch_supervision
    from replay import supervised

    try:
        monthly = len(span) == len("2026-03")
        first, last = branch_supervision.month(span) if monthly else (date.fromisoformat(span),) * 2
    except ValueError:
        raise InputError(
            "neither a day nor a month", field="span", rule="ISO 8601", remedy="2026-03-01 or 2026-03"
        ) from None
    with listing("summary", about=StreamName("branch", branch), action="supervise") as page:
        opened = page.opened
        branches = opened.ledger.state(StreamName(BRANCHES.kind, BRANCHES.key))
        zone = supervised.zone_of(branches, branch, opened.ledger.zone)
        policies, today = opened.ledger.policies(), opened.ledger.today()
        found = supervised.summary(opened.log, branch, first, last, zone, policies, today, reconcile=reconcile)
        page.tell(supervised.as_dict(found), supervised.lines(found))


def quality(*, branch: str | None = None, on: str | None = None, every: bool = False, limit: Count = 1_000) -> None:
    """How complete customers' files are, what contradicts itself and what is missing: by branch, or file by file.

    Parameters
    ----------
    branch
        The files of this branch, one by one.
    on
        The day in the institution's zone, such as 2026-03-01; today.
    every
        Also the files with nothing to mend.
    limit
        Files told at most.
    """
    from projections import data_quality
    from replay import registers

    with listing("findings") as page:
        opened = page.opened
        day, policies = day_of(opened, on), opened.ledger.policies()
        totals = data_quality.totals(opened.log, policies, day, branch)
        document: dict[str, Any] = {
            "on": day, "branches": [one._asdict() | {"score": str(one.score)} for one in totals]
        }  # fmt: skip
        known: dict[bytes, dict[str, Any]] = {}
        lines = [
            f"{one.branch or '-':<12} {one.files:>8,} files, {one.score} % filled in;"
            f" {one.incomplete:,} incomplete, {one.contradictory:,} contradict"
            f" themselves, {one.undocumented:,} without valid document,"
            f" {one.unknown:,} with unknown retention triggers"
            for one in totals
        ]
        if branch is not None:
            files = data_quality.listed(opened.log, policies, day, branch=branch, faulty=not every, limit=limit)
            known = registers.named(opened.log, (one.stream_id for one in files))
            document["files"] = [
                known[one.stream_id] | registers.spelled(one) | {"score": str(one.score)} for one in files
            ]
            for one in files:
                faults = [
                    *(f"no {name}" for name in one.missing), *one.findings,
                    *(() if one.documented else ("no valid document",)),
                    *(f"unknown trigger: {name}" for name in one.unknown),
                ]  # fmt: skip
                lines.append(f"  {who(known[one.stream_id])}: {one.score} %; {', '.join(faults) or 'complete'}")
        page.tell(document, lines or ["no files"], numbers(known))


def counterparties(
    number: str,
    /,
    *,
    since: str | None = None,
    until: str | None = None,
    by: Literal["sum", "count"] = "sum",
    limit: Count = 100,
) -> None:
    """With whom a customer dealt: counts and sums by currency and direction, through accounts while they were held.

    Parameters
    ----------
    number
        The customer number.
    since
        Booked from this date (its beginning, in the institution's zone) or instant on.
    until
        Booked until this date (its end) or instant.
    by
        The largest sums of each currency first, or the most transactions.
    limit
        Counterparties told at most; by sum, of each currency.
    """
    from projections import counterparty_edge
    from replay import registers

    with looking("customer", number) as opened:
        zone = opened.ledger.zone
        start, stop = moment(since, zone, end=False), moment(until, zone)
        found = counterparty_edge.of_customer(opened.log, number, zone, start=start, stop=stop, by=by, limit=limit)
        known = registers.named(opened.log, (holder for one in found for holder in one.holders))
        document, lines = [], []
        for one in found:
            document.append(told := registers.dealing(one, known))
            ours, party = told["holders"], told["party"] or {}
            said = [party[name] for name in ("name", "account", "institution") if name in party]
            lines.append(
                f"{WAYS[one.direction]:<8} {one.amount:>18,} {one.currency} in {one.legs:>6,},"
                f" {one.first_at.astimezone(zone):%Y-%m-%d} to {one.last_at.astimezone(zone):%Y-%m-%d}:"
                f" {'; '.join([*map(who, ours), *said]) or '(disposed of)'}"
                f"{', known by name only' if one.known_by == 'name' else ''}"
            )
        screen().answer({"customer": number, "counterparties": document}, lines or ["nobody"])
