"""Commands about deadlines: what may go, what must, what is in conflict, and what another law would move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter, validators

from kyc.cli.door import listing, looking
from kyc.cli.main import screen
from kyc.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from kyc.domain.submission import StreamName
    from kyc.wiring import Service
    from projections.retention_deadlines import Asked, Due, State

Count = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=1_000_000))]


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which day and whose law."""

    on: str | None = None
    """The day in the institution's zone, such as 2026-03-01; today. Law and facts are those of that day."""
    jurisdiction: tuple[str, ...] = ()
    """Home and host law, such as CN and EU; that of the published rules."""
    feb29: Literal["28-feb", "1-mar"] = "28-feb"
    """The declared end of periods that begin on 29 February."""


@dataclass(frozen=True, kw_only=True)
class Narrow:
    """Which units are told."""

    record_class: str | None = None
    """Only of this class, such as identity."""
    branch: str | None = None
    """Only where the first record was made at this branch."""
    limit: Count = 1_000
    """Units told at most."""


_TODAY, _ALL = Question(), Narrow()
Asking = Annotated[Question, Parameter(name="*")]
Narrowing = Annotated[Narrow, Parameter(name="*")]


def register(app: App) -> None:
    """Add the commands."""
    retention = App(name="retention", help="Deadlines, computed on the day from triggers, holds and law.")
    for command in (due, conflicts, totals, show, preview):
        retention.command(command)
    app.command(retention)


def due(
    question: Asking = _TODAY,
    narrow: Narrowing = _ALL,
) -> None:
    """The units that may go on the day, and those that must: what is past its date first."""
    _list("due", question, narrow)


def conflicts(
    question: Asking = _TODAY,
    narrow: Narrowing = _ALL,
) -> None:
    """The units that one law wants deleted before another lets them go, with the rules and facts that say so."""
    _list("conflict", question, narrow, explain=True)


def totals(
    question: Asking = _TODAY,
    narrow: Narrowing = _ALL,
) -> None:
    """How many units of each class and branch may go, must stay, are held, are in conflict."""
    from projections import retention_deadlines

    with listing("retention") as page:
        opened = page.opened
        asked = asked_of(opened, question)
        found = retention_deadlines.totals(
            opened.log, asked, record_class=narrow.record_class, branch=narrow.branch
        )
        lines = [
            f"{one.record_class:<14} {one.branch:<8} {one.state:<10} {one.units:>10,}"
            f"{f'  from {one.earliest}' if one.earliest else ''}"
            for one in found
        ]
        document = {"on": asked.on, "totals": [one._asdict() for one in found]}
        page.tell(document, lines or ["nothing is recorded"])


def show(subject: str, /, *, question: Asking = _TODAY) -> None:
    """The deadline of each unit of a subject, with the rules, facts and holds it comes from.

    Parameters
    ----------
    subject
        Kind and number, such as customer/C00000001 or account/A1.
    """
    from projections import retention_deadlines
    from replay import deadlines_told as told

    name = named(subject)
    with looking(name.kind, name.key) as opened:
        found = list(retention_deadlines.deadlines(opened.log, asked_of(opened, question), name))
        if not found:
            raise NotFoundError("no records of this subject", field="subject", remedy="kyc project")
        screen().answer(
            [told.as_dict(one, name) for one in found],
            [line for one in found for line in (_head(one, name), *told.why(one), "")],
        )


def preview(
    file: Path,
    /,
    *,
    question: Asking = _TODAY,
    narrow: Narrowing = _ALL,
) -> None:
    """Which deadlines another version of retention law would move, before it is published.

    Parameters
    ----------
    file
        The whole rule set as it would be published: TOML, as kyc/domain/rules/retention-*.toml together.
    """
    from replay.deadlines_told import Preview, subject

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError("cannot read the rule set", field=file.name, rule="TOML in UTF-8") from None
    with listing("retention") as page:
        asked = asked_of(page.opened, question)
        found = Preview(page.opened.log, asked, text, file.name, narrow.limit)
        page.tell(
            {
                "on": asked.on, "version": asked.law.version, "totals": [one._asdict() for one in found.totals],
                "moved": list(found.told()),
            },
            [
                f"{one.record_class:<14} {one.state:>9} → {one.new_state:<9} {one.units:>10,}"
                f"  sooner {one.sooner:,}, later {one.later:,}"
                for one in found.totals
            ]
            + ["" for _ in found.moved[:1]]
            + [
                f"{subject(unit.subject, found.names.get(unit.subject))} {unit.record_class} {unit.period}:"
                f" keep through {one.was.keep_through or 'no date'} → {one.becomes.keep_through or 'no date'}"
                for unit, one in found.moved
            ]
            or ["no deadline moves"],
            subjects=found.names.values(),
        )  # fmt: skip


# --- what the commands share ----------------------------------------------------------------------------


def named(subject: str) -> StreamName:
    """The stream a person means by ``customer/C1``.

    Raises:
        InputError: no kind, or no number.
    """
    from kyc.domain.submission import StreamName

    kind, _, key = subject.partition("/")
    if not (kind and key):
        raise InputError("not a subject", field="subject", rule="kind/number", remedy="customer/C00000001")
    return StreamName(kind, key)


def asked_of(opened: Service, question: Question) -> Asked:
    """The question, under the law that was in use on its day.

    Raises:
        InputError: not a date.
    """
    from projections.retention_deadlines import Asked

    try:
        on = opened.ledger.today() if question.on is None else date.fromisoformat(question.on)
    except ValueError:
        raise InputError("not a date", field="on", rule="ISO 8601", remedy="2026-03-01") from None
    policies = opened.ledger.policies()
    lands = question.jurisdiction or ((policies.jurisdiction or "CN"),)
    return Asked(on, policies.retention(on), tuple(lands), question.feb29)


def _list(state: State, question: Question, narrow: Narrow, *, explain: bool = False) -> None:
    from projections import retention_deadlines
    from replay import deadlines_told as told
    from replay import named as naming

    with listing("retention") as page:
        opened = page.opened
        asked = asked_of(opened, question)
        found = retention_deadlines.listed(
            opened.log, asked, state, record_class=narrow.record_class, branch=narrow.branch, limit=narrow.limit
        )
        names = naming.names(opened.log, [one.subject for one in found])
        units = told.explained(opened.log, asked, found) if explain else ()
        by_unit = {(one.subject, one.record_class, one.period): told.why(one) for one in units}
        document, lines = [], []
        for one in found:
            why = by_unit.get((one.subject, one.record_class, one.period), [])
            whose = told.subject(one.subject, names.get(one.subject))
            document.append(one._asdict() | {"subject": whose} | ({"why": why} if why else {}))
            latest = f", at the latest {one.must_delete_by}" if one.must_delete_by else ""
            lines.append(
                f"{whose}  {one.record_class} {one.period}  {one.branch}  from {_next(one.keep_through)}{latest}"
            )
            lines += [f"    {line}" for line in why]
        page.tell({"on": asked.on, "units": document}, lines or ["none"], subjects=names.values())


def _next(keep_through: date | None) -> str:
    return "no date" if keep_through is None else date.fromordinal(keep_through.toordinal() + 1).isoformat()


def _head(one: Due, name: StreamName | None) -> str:
    from replay.deadlines_told import subject

    return f"{subject(one.subject, name)}  {one.record_class} {one.period}: {one.deadline.state}"
