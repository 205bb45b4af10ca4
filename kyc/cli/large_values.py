"""The commands of large-value reports: whose day reaches a threshold, record it, what is due."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from cyclopts import App, Parameter, validators

from kyc.cli.door import listing
from kyc.cli.main import screen, service
from kyc.cli.registers import Count, day_of, numbers, who
from kyc.cli.supervision import WAYS

Percent = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=100))]


def register(app: App) -> None:
    """Add the commands."""
    large = App(name="large-value", help="Customers whose day reaches a threshold; reports that are due.")
    large.default(reached)
    large.command(due)
    app.command(large)


def reached(
    day: str, /, *, customer: str | None = None, near: Percent = 100, split: bool = False, limit: Count = 10_000,
    record: bool = False, actor: str = "",
) -> None:  # fmt: skip
    """Customers whose day reaches a threshold for large-value reports, over all accounts, branches and channels.

    Parameters
    ----------
    day
        The day in the institution's zone, such as 2026-03-01.
    customer
        Only this customer: the sums of the day too, whatever they come to.
    near
        Also whose day comes to this share of a threshold, in percent.
    split
        Only days that reach a threshold, or come near it, though no single transaction does.
    limit
        Days told at most.
    record
        Record what reaches a threshold, of everybody and once; the day has to be over.
    actor
        Who records.
    """
    if record:
        _record(day, actor)
        return
    from projections import large_value_day
    from replay import registers, render

    with listing("large_value_reports") as page:
        opened = page.opened
        on, zone, policies = day_of(opened, day), opened.ledger.zone, opened.ledger.policies()
        found = large_value_day.reached(
            opened.log, on, policies, zone, customer=customer, share=Decimal(near) / 100, limit=limit
        )
        found = [one for one in found if not split or not one.threshold.reached(one.largest)]
        totals = [] if customer is None else large_value_day.totals(opened.log, customer, on, zone)
        unconverted = large_value_day.unconverted(opened.log, on, policies, zone)
        known = registers.named(opened.log, (one.customer for one in found))
        document = {
            "day": on, "unconverted": unconverted,
            "totals": [one._asdict() for one in totals],
            "reached": [
                registers.spelled(one) | {
                    "customer": known[one.customer]["customer"], "split": one.split, "ruling": one.ruling.explain(),
                    "threshold": render.plain(one.threshold),
                }
                for one in found
            ],
        }  # fmt: skip
        lines = [
            f"{WAYS[one.direction]:<8} {one.means:<8} {one.reach:<12} {one.amount:>18,} {one.currency}"
            f" in {one.legs:,} at {', '.join(one.branches)}"
            for one in totals
        ]
        for one in found:
            lines.append(
                f"{'no customer' if one.without_file else who(known[one.customer])}:"
                f" {WAYS[one.direction]}, {one.means},"
                f" {'all' if one.reach == '*' else one.reach}: {one.total:,} {one.currency} in {one.legs:,}"
                f" at {', '.join(one.branches)} by {', '.join(one.channels)}"
                f"{', split' if one.split else '' if one.reached else ', below the threshold'}"
            )
            lines.append(f"    {one.ruling.explain()}")
        if unconverted:
            lines.append(f"in no sum, because their events name no rate: {unconverted:,}")
        page.tell(document, lines or ["nobody"], [customer if totals else None, *numbers(known)])


def _record(day: str, actor: str) -> None:
    from kyc import large_values
    from kyc.cli.door import ACTOR
    from projections.engine import Engine

    with service() as opened:
        Engine(opened.log).catch_up()
        made = large_values.record(
            opened.ledger, day_of(opened, day), opened.ledger.policies(), opened.ledger.zone, actor or ACTOR
        )
        Engine(opened.log).catch_up()
    screen().answer(
        made._asdict(), [f"recorded {made.recorded:,}, on record before {made.known:,}, disposed of {made.gone:,}"]
    )


def due(*, on: str | None = None, late: bool = False, limit: Count = 10_000) -> None:
    """What was detected and stands in no report that was filed, with the last day for it, in working days.

    Parameters
    ----------
    on
        The day that is asked about; today where it is left out.
    late
        Only what is overdue.
    limit
        Sums told at most.
    """
    from kyc import large_values

    with listing("large_value_reports") as page:
        opened = page.opened
        day = day_of(opened, on)
        found = large_values.due(opened.log, day, opened.ledger.policies(), limit)
        found = [one for one in found if one.late or not late]
        lines = [
            f"{one.due or 'no term'}{' LATE' if one.late else ''}: {one.customer or '(disposed of)'} on {one.day},"
            f" {one.direction}, {one.feature}: {one.amount:,} {one.currency}"
            for one in found
        ]
        document = {"on": day, "due": [one._asdict() for one in found]}
        page.tell(document, lines or ["nothing"], [one.customer for one in found])
