"""Commands of those who supervise: branches, files, counterparties, large values, who looked, what left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from cyclopts import App, Parameter, validators

from kyc.cli.main import screen, service
from kyc.cli.records import moment
from kyc.cli.registers import day_of, named, policies_of, who
from kyc.clock import to_datetime
from kyc.domain.submission import StreamName
from kyc.errors import InputError

if TYPE_CHECKING:
    from kyc.wiring import Service
    from projections.access_log import Access

Count = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=100_000))]
Percent = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=100))]
_DAY = timedelta(days=1)
_WAYS = {"credit": "receipts", "debit": "payments"}


def register(app: App) -> None:
    """Add the commands."""
    reads = App(name="reads", help="Who looked at whose data, and who was refused.")
    reads.command(reads_of, name="of")
    reads.command(reads_by, name="by")
    reads.command(reads_busy, name="busy")
    reads.command(reads_flags, name="flags")
    app.command(reads)
    app.command(disclosures)
    app.command(large_value)
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
    with service() as opened:
        branches = opened.ledger.state(StreamName(BRANCHES.kind, BRANCHES.key))
        zone = supervised.zone_of(branches, branch, _zone(opened))
        found = supervised.summary(
            opened.log, branch, first, last, zone, policies_of(opened), opened.ledger.today(), reconcile=reconcile
        )
        screen().answer(supervised.as_dict(found), supervised.lines(found))


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

    with service() as opened:
        day, policies = day_of(opened, on), policies_of(opened)
        totals = data_quality.totals(opened.log, policies, day, branch)
        document: dict[str, Any] = {
            "on": day, "branches": [one._asdict() | {"score": str(one.score)} for one in totals]
        }  # fmt: skip
        lines = [
            f"{one.branch or '-':<12} {one.files:>8,} files, {one.score} % filled in;"
            f" {one.incomplete:,} incomplete, {one.contradictory:,} contradict"
            f" themselves, {one.undocumented:,} without valid document,"
            f" {one.unknown:,} with unknown retention triggers"
            for one in totals
        ]
        if branch is not None:
            files = data_quality.listed(opened.log, policies, day, branch=branch, faulty=not every, limit=limit)
            known = named(opened.log, (one.stream_id for one in files))
            document["files"] = [known[one.stream_id] | _plain(one) | {"score": str(one.score)} for one in files]
            for one in files:
                faults = [
                    *(f"no {name}" for name in one.missing), *one.findings,
                    *(() if one.documented else ("no valid document",)),
                    *(f"unknown trigger: {name}" for name in one.unknown),
                ]  # fmt: skip
                lines.append(f"  {who(known[one.stream_id])}: {one.score} %; {', '.join(faults) or 'complete'}")
        screen().answer(document, lines or ["no files"])


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
    from replay import render

    with service() as opened:
        zone = _zone(opened)
        start, stop = moment(since, zone, end=False), moment(until, zone)
        found = counterparty_edge.of_customer(opened.log, number, zone, start=start, stop=stop, by=by, limit=limit)
        known = named(opened.log, (holder for one in found for holder in one.holders))
        document, lines = [], []
        for one in found:
            ours = [known[holder] for holder in one.holders]
            party = {} if one.party is None else render.plain(one.party)
            document.append(_plain(one) | {"party": party or None, "holders": ours})
            said = [party[name] for name in ("name", "account", "institution") if name in party]
            lines.append(
                f"{_WAYS[one.direction]:<8} {one.amount:>18,} {one.currency} in {one.legs:>6,},"
                f" {one.first_at.astimezone(zone):%Y-%m-%d} to {one.last_at.astimezone(zone):%Y-%m-%d}:"
                f" {'; '.join([*map(who, ours), *said]) or '(disposed of)'}"
                f"{', known by name only' if one.known_by == 'name' else ''}"
            )
        screen().answer({"customer": number, "counterparties": document}, lines or ["nobody"])


def large_value(
    day: str, /, *, customer: str | None = None, near: Percent = 100, split: bool = False, limit: Count = 10_000
) -> None:
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
    """
    from projections import large_value_day
    from replay import render

    with service() as opened:
        on, zone, policies = day_of(opened, day), _zone(opened), policies_of(opened)
        found = large_value_day.reached(
            opened.log, on, policies, zone, customer=customer, share=Decimal(near) / 100, limit=limit
        )
        found = [one for one in found if not split or not one.threshold.reached(one.largest)]
        totals = [] if customer is None else large_value_day.totals(opened.log, customer, on, zone)
        unconverted = large_value_day.unconverted(opened.log, on, policies, zone)
        known = named(opened.log, (one.customer for one in found))
        document = {
            "day": on, "unconverted": unconverted,
            "totals": [one._asdict() for one in totals],
            "reached": [
                _plain(one) | {
                    "customer": known[one.customer]["customer"], "split": one.split, "ruling": one.ruling.explain(),
                    "threshold": render.plain(one.threshold),
                }
                for one in found
            ],
        }  # fmt: skip
        lines = [
            f"{_WAYS[one.direction]:<8} {one.means:<8} {one.reach:<12} {one.amount:>18,} {one.currency}"
            f" in {one.legs:,} at {', '.join(one.branches)}"
            for one in totals
        ]
        for one in found:
            lines.append(
                f"{who(known[one.customer])}: {_WAYS[one.direction]}, {one.means},"
                f" {'all' if one.reach == '*' else one.reach}: {one.total:,} {one.currency} in {one.legs:,}"
                f" at {', '.join(one.branches)} by {', '.join(one.channels)}"
                f"{', split' if one.split else '' if one.reached else ', below the threshold'}"
            )
            lines.append(f"    {one.ruling.explain()}")
        if unconverted:
            lines.append(f"in no sum, because their events name no rate: {unconverted:,}")
        screen().answer(document, lines or ["nobody"])


def reads_of(number: str, /, *, since: str | None = None, until: str | None = None, limit: Count = 1_000) -> None:
    """Who looked at a customer's data, was refused or gave it out, the latest first.

    Parameters
    ----------
    number
        The customer number.
    since
        A date (its beginning, in the institution's zone) or an instant.
    until
        A date (its end) or an instant.
    limit
        Accesses told at most.
    """
    from projections import access_log

    with service() as opened:
        start, stop = _span(opened, since, until)
        _tell(opened, access_log.of_customer(opened.log, number, start=start, stop=stop, limit=limit))


def reads_by(reader: str, /, *, since: str | None = None, until: str | None = None, limit: Count = 1_000) -> None:
    """What somebody looked at, was refused or gave out, the latest first.

    Parameters
    ----------
    reader
        The actor, as accesses are recorded.
    since
        A date (its beginning, in the institution's zone) or an instant.
    until
        A date (its end) or an instant.
    limit
        Accesses told at most.
    """
    from projections import access_log

    with service() as opened:
        start, stop = _span(opened, since, until)
        _tell(opened, access_log.of_reader(opened.log, reader, start=start, stop=stop, limit=limit))


def reads_busy(
    *, since: str | None = None, until: str | None = None, least: Count = 100, limit: Count = 1_000
) -> None:
    """Who read, or was refused, so often within a clock hour; without a span of time, in the last 24 hours.

    Parameters
    ----------
    since
        A date (its beginning, in the institution's zone) or an instant.
    until
        A date (its end) or an instant.
    least
        Reads, or refusals, of an hour at least.
    limit
        Hours told at most.
    """
    from projections import access_log

    with service() as opened:
        now = to_datetime(opened.log.clock.now_us())
        start, stop = _span(opened, since, until)
        start = start if since or until else now - _DAY
        found = access_log.hours(opened.log, start, stop, least=least, limit=limit)
        lines = [
            f"{one.hour.astimezone(_zone(opened)):%Y-%m-%d %H:%M}  {one.reader:<20} {one.reads:>7,} reads"
            f" of {one.customers:,} customers, {one.refused:,} refused, {one.disclosed:,} given out"
            for one in found
        ]
        screen().answer({"hours": [one._asdict() for one in found]}, lines or ["nobody"])


def reads_flags(*, operator: str | None = None, limit: Count = 1_000) -> None:
    """What a supervisor has to look at: flagged conduct, and emergency accesses nobody has reviewed.

    Parameters
    ----------
    operator
        Only flags of this operator.
    limit
        Flags, and emergency accesses, told at most.
    """
    from projections import access_log

    with service() as opened:
        flags = access_log.flags(opened.log, operator=operator, limit=limit)
        pending = [
            one for one in access_log.unreviewed(opened.log, limit) if operator is None or one.operator == operator
        ]
        zone = _zone(opened)
        document = {"flags": [_plain(one) for one in flags], "unreviewed": [_plain(one) for one in pending]}
        lines = [
            *(
                f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}  {one.operator:<20} {one.kind}, {one.number:,}"
                f" from {one.since.astimezone(zone):%Y-%m-%d %H:%M}, flagged by {one.actor}"
                for one in flags
            ),
            *(
                f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}  {one.operator:<20} emergency access at {one.branch},"
                " not reviewed"
                for one in pending
            ),
        ]
        screen().answer(document, lines or ["nothing to look at"])


def disclosures(
    *,
    customer: str | None = None,
    matter: str | None = None,
    recipient: str | None = None,
    digest: str | None = None,
    branch: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: Count = 1_000,
) -> None:
    """What left the house, the latest first: recipient, purpose, legal basis, fields and hash.

    Parameters
    ----------
    customer
        Only what was disclosed of this customer alone, by number.
    matter
        Only answers to this order or request.
    recipient
        Only what this recipient got.
    digest
        Only what has this SHA-256: whose copy is it?
    branch
        Only what was recorded at this branch.
    since
        A date (its beginning, in the institution's zone) or an instant.
    until
        A date (its end) or an instant.
    limit
        Disclosures told at most.
    """
    from projections import disclosure_register
    from projections.disclosure_register import Wanted
    from replay import render

    with service() as opened:
        start, stop = _span(opened, since, until)
        wanted = Wanted(
            customer=customer, matter=matter, recipient=recipient, digest=digest, branch=branch,
            start=start, stop=stop,
        )  # fmt: skip
        found = disclosure_register.search(opened.log, wanted, limit)
        known = named(opened.log, (one.customer for one in found if one.customer is not None))
        zone = _zone(opened)
        document, lines = [], []
        for one in found:
            said = {} if one.said is None else render.plain(one.said)
            about = known[one.customer] if one.customer is not None else {}
            document.append(_plain(one) | {"customer": about.get("customer"), "said": said or None})
            lines.append(
                f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}  {one.kind:<10}"
                f" {said.get('recipient') or ('the person' if said else '(disposed of)')}"
                f"{f', about {who(about)}' if about else ''}; {one.legal_basis}"
                f"{f', for {purpose}' if (purpose := said.get('permitted_purpose')) else ''}"
                f"{f', {matter}' if (matter := said.get('matter')) else ''}"
                f"; {', '.join(one.fields) or 'whole records'}; {said.get('digest', '')[:16]}"
            )
        screen().answer({"disclosures": document}, lines or ["nothing left"])


# --- what the commands share ----------------------------------------------------------------------------


def _zone(opened: Service) -> ZoneInfo:
    return ZoneInfo(opened.configuration.zone)


def _span(opened: Service, since: str | None, until: str | None) -> tuple[datetime, datetime]:
    """The span of time a person means, everything where nothing is given."""
    from projections import access_log

    zone = _zone(opened)
    return moment(since, zone, end=False) or access_log.FIRST, moment(until, zone) or access_log.LAST


def _plain(row: Any) -> dict[str, Any]:
    """A row for JSON, streams as UUID text."""
    return {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in row._asdict().items()
    }  # fmt: skip


def _tell(opened: Service, found: Sequence[Access]) -> None:
    """Accesses, with the numbers of the customers."""
    known = named(opened.log, (one.customer for one in found))
    zone = _zone(opened)
    document = [_plain(one) | {"customer": known[one.customer]["customer"]} for one in found]
    lines = [
        f"{one.at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {one.kind:<9} {one.reader:<12}"
        f" {who(known[one.customer])}: {', '.join(one.fields)}"
        f"; {one.purpose}, {one.legal_basis}, {one.branch}{f' ({one.code})' if one.code else ''}"
        for one in found
    ]
    screen().answer({"accesses": document}, lines or ["nobody"])
