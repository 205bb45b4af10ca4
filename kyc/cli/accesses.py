"""Commands about accesses: who looked at whose data, who was refused, what left the house."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from kyc.cli.door import listing
from kyc.cli.records import moment
from kyc.cli.registers import Count, numbers, who
from kyc.clock import to_datetime
from kyc.domain.submission import StreamName

if TYPE_CHECKING:
    from kyc.wiring import Service
    from projections.access_log import Access

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Span:
    """Which time is told of."""

    since: str | None = None
    """A date (its beginning, in the institution's zone) or an instant."""
    until: str | None = None
    """A date (its end) or an instant."""

    def within(self, opened: Service) -> tuple[datetime, datetime]:
        """The span of time a person means, everything where nothing is given."""
        from projections import access_log

        zone = opened.ledger.zone
        return moment(self.since, zone, end=False) or access_log.FIRST, moment(self.until, zone) or access_log.LAST


_ALL = Span()
Within = Annotated[Span, Parameter(name="*")]


def register(app: App) -> None:
    """Add the commands."""
    reads = App(name="reads", help="Who looked at whose data, and who was refused.")
    reads.command(reads_of, name="of")
    reads.command(reads_by, name="by")
    reads.command(reads_busy, name="busy")
    reads.command(reads_flags, name="flags")
    app.command(reads)
    app.command(disclosures)


def reads_of(number: str, /, *, span: Within = _ALL, limit: Count = 1_000) -> None:
    """Who looked at a customer's data, was refused or gave it out, the latest first.

    Parameters
    ----------
    number
        The customer number.
    limit
        Accesses told at most.
    """
    from projections import access_log

    _tell("access_log", StreamName("access", number), access_log.of_customer, span, limit)


def reads_by(reader: str, /, *, span: Within = _ALL, limit: Count = 1_000) -> None:
    """What somebody looked at, was refused or gave out, the latest first.

    Parameters
    ----------
    reader
        The actor, as accesses are recorded.
    limit
        Accesses told at most.
    """
    from projections import access_log

    _tell("lookups", StreamName("operator", reader), access_log.of_reader, span, limit)


def reads_busy(*, span: Within = _ALL, least: Count = 100, limit: Count = 1_000) -> None:
    """Who read, or was refused, so often within a clock hour; without a span of time, in the last 24 hours.

    Parameters
    ----------
    least
        Reads, or refusals, of an hour at least.
    limit
        Hours told at most.
    """
    from projections import access_log

    with listing("lookups", action="audit") as page:
        opened = page.opened
        now = to_datetime(opened.log.clock.now_us())
        start, stop = span.within(opened)
        start = start if span.since or span.until else now - _DAY
        found = access_log.hours(opened.log, start, stop, least=least, limit=limit)
        lines = [
            f"{one.hour.astimezone(opened.ledger.zone):%Y-%m-%d %H:%M}  {one.reader:<20} {one.reads:>7,} reads,"
            f" {one.pages:,} pages of lists of {one.customers:,} customers, {one.refused:,} refused,"
            f" {one.disclosed:,} given out"
            for one in found
        ]
        page.tell({"hours": [one._asdict() for one in found]}, lines or ["nobody"])


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
    from replay import registers

    with listing("anomalies", action="audit") as page:
        opened = page.opened
        flags = access_log.flags(opened.log, operator=operator, limit=limit)
        pending = access_log.unreviewed(opened.log, operator=operator, limit=limit)
        zone = opened.ledger.zone
        document = {
            "flags": [registers.spelled(one) for one in flags],
            "unreviewed": [registers.spelled(one) for one in pending],
        }
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
        page.tell(document, lines or ["nothing to look at"])


def disclosures(
    *,
    customer: str | None = None,
    matter: str | None = None,
    recipient: str | None = None,
    digest: str | None = None,
    branch: str | None = None,
    span: Within = _ALL,
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
    limit
        Disclosures told at most.
    """
    from projections import disclosure_register
    from projections.disclosure_register import Wanted
    from replay import registers, render

    with listing("disclosures", action="audit") as page:
        opened = page.opened
        start, stop = span.within(opened)
        wanted = Wanted(
            customer=customer, matter=matter, recipient=recipient, digest=digest, branch=branch,
            start=start, stop=stop,
        )  # fmt: skip
        found = disclosure_register.search(opened.log, wanted, limit)
        known = registers.named(opened.log, (one.customer for one in found if one.customer is not None))
        zone = opened.ledger.zone
        document, lines = [], []
        for one in found:
            said = {} if one.said is None else render.plain(one.said)
            about = known[one.customer] if one.customer is not None else {}
            document.append(registers.spelled(one) | {"customer": about.get("customer"), "said": said or None})
            lines.append(
                f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}  {one.kind:<10}"
                f" {said.get('recipient') or ('the person' if said else '(disposed of)')}"
                f"{f', about {who(about)}' if about else ''}; {one.legal_basis}"
                f"{f', for {purpose}' if (purpose := said.get('permitted_purpose')) else ''}"
                f"{f', {matter}' if (matter := said.get('matter')) else ''}"
                f"; {', '.join(one.fields) or 'whole records'}; {said.get('digest', '')[:16]}"
            )
        page.tell({"disclosures": document}, lines or ["nothing left"], numbers(known))


# --- what the commands share ----------------------------------------------------------------------------


def _tell(field: str, whose: StreamName, asked: Callable[..., Sequence[Access]], span: Span, limit: int) -> None:
    """Accesses of somebody in a span of time, with the numbers of the customers."""
    from replay import registers

    with listing(field, about=whose, action="audit") as page:
        opened, zone = page.opened, page.opened.ledger.zone
        start, stop = span.within(opened)
        found = asked(opened.log, whose.key, start=start, stop=stop, limit=limit)
        known = registers.named(opened.log, (one.customer for one in found))
        document = [registers.spelled(one) | {"customer": known[one.customer]["customer"]} for one in found]
        lines = [
            f"{one.at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {one.kind:<9} {one.reader:<12}"
            f" {who(known[one.customer])}: {', '.join(one.fields)}"
            f"; {one.purpose}, {one.legal_basis}, {one.branch}{f' ({one.code})' if one.code else ''}"
            for one in found
        ]
        page.tell({"accesses": document}, lines or ["nobody"], numbers(known))
