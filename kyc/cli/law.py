"""The commands of head office's rules: adopt what is shipped, publish the next version, ask which rule answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from cyclopts import App

from kyc.cli.desk_acts import custodian_of
from kyc.cli.main import screen, service
from kyc.cli.records import moment
from kyc.domain.policies import RuleSet
from kyc.errors import InputError

if TYPE_CHECKING:
    from kyc.domain.policies import Policies
    from kyc.wiring import Service

Jurisdiction = Literal["CN", "EU", "UK", "US"]


def register(app: App) -> None:
    """Add the commands."""
    app.command(adopt)
    law = App(name="law", help="The rules head office has published, and which of them answers on a day.")
    law.command(versions)
    law.command(publish)
    law.command(forms)
    law.command(ask)
    law.command(retention)
    app.command(law)


def adopt(*, actor: str, approver: str, jurisdiction: Jurisdiction = "CN") -> None:
    """Publish the shipped rules for this institution; rule sets that are published already are left alone.

    Parameters
    ----------
    actor
        Who publishes, at head office.
    approver
        The second person.
    jurisdiction
        Whose law the institution goes by: its authorities, documents and forms, and what the rulebook is asked for.
    """
    from kyc.desk.policies import PolicyDesk
    from kyc.domain.policies import shipped_editions

    with service() as opened:
        desk, second = PolicyDesk(opened, custodian_of(actor)), custodian_of(approver)
        known = opened.ledger.policies()
        missing = [edition for edition in shipped_editions(jurisdiction) if not known.version(edition.rules)]
        for edition in missing:
            desk.edition(edition, jurisdiction, second, "as shipped", f"adopt/{edition.rules}/1")
    names = [edition.rules for edition in missing]
    screen().answer({"adopted": names}, [f"adopted {name}" for name in names] or ["nothing new to adopt"])


def publish(
    rules: RuleSet, file: Path, /, *, start: date, actor: str, approver: str, reason: str,
    jurisdiction: Jurisdiction | None = None,
) -> None:  # fmt: skip
    """Publish the next version of a rule set; versions before it stay, and answer for their days.

    Parameters
    ----------
    rules
        Which rule set.
    file
        Its whole text, written as the shipped rule files.
    start
        From this day on it is in use.
    actor
        Who publishes, at head office.
    approver
        The second person.
    reason
        Why there is another version.
    jurisdiction
        Whose law the rulebook is asked for; as before where it is left out.
    """
    from kyc.desk.policies import PolicyDesk

    text = file.read_text(encoding="utf-8")
    with service() as opened:
        version = PolicyDesk(opened, custodian_of(actor)).publish(
            rules, text, start, custodian_of(approver), reason=reason, jurisdiction=jurisdiction
        )
    screen().answer(
        {"rules": rules, "version": version, "effective_from": start},
        [f"published {rules} version {version}, in use from {start}"],
    )


def forms(file: Path, /, *, actor: str, approver: str) -> None:
    """Publish the registration forms of a file, each under a name that was never used; known ones are left alone.

    Parameters
    ----------
    file
        Forms, written as the shipped ``templates.toml``, each with the days on which it is in use.
    actor
        Who publishes, at head office.
    approver
        The second person.
    """
    from kyc.desk.policies import PolicyDesk

    with service() as opened:
        names = PolicyDesk(opened, custodian_of(actor)).forms(
            file.read_text(encoding="utf-8"), custodian_of(approver), file.name
        )
    screen().answer({"published": names}, [f"published {name}" for name in names] or ["nothing new to publish"])


def versions(*, on: date | None = None, as_of: str | None = None) -> None:
    """Every published version of every rule set, every registration form, and which are in use on a day.

    Parameters
    ----------
    on
        The day that is asked about; today where it is left out.
    as_of
        As known at this moment.
    """
    from replay import lawbook

    with service() as opened:
        found = lawbook.versions(_known(opened, as_of), on or opened.ledger.today())
    lines = [
        f"{one['rules']:<12} {one['version']:>3} from {one['effective_from']}{' in use' if one['in_use'] else ''}"
        for one in found["versions"]
    ] or ["nothing is published: kyc adopt"]
    lines += [
        f"form {one['name']:<18} {one['type']:<11} {one['effective_from'] or 'always'} to "
        f"{one['effective_to'] or 'further'}{' in use' if one['in_use'] else ''}"
        for one in found["forms"]
    ]
    screen().answer(found, lines)


def ask(
    rule: str, /, *choices: str, on: date | None = None, as_of: str | None = None,
    jurisdiction: Jurisdiction | None = None,
) -> None:  # fmt: skip
    """What the rules say on a day: the value, the version, the row, its source, and the days it is law.

    Parameters
    ----------
    rule
        Such as ``review.cycle``, ``cdd.one-off``, ``owner.share``, ``answer.objection``; ``template`` for the
        registration form in use, ``calendar`` for whether a day is worked.
    choices
        What it depends on: ``tier=high``, ``currency=CNY``, ``type=natural``, ``purpose=relationship`` …
    on
        The day that is asked about; today where it is left out.
    as_of
        As known at this moment: what was published later is left out.
    jurisdiction
        Whose law; the institution's own where it is left out.
    """
    from replay import lawbook

    selectors = dict(_choice(text) for text in choices)
    with service() as opened:
        day = on or opened.ledger.today()
        answer = lawbook.ask(_known(opened, as_of), rule, day, selectors, jurisdiction)
    screen().answer(answer, _LINES.get(rule, _value_lines)(answer))


def _value_lines(answer: dict[str, Any]) -> list[str]:
    value = " ".join(f"{part}" for name, part in answer["value"].items() if name != "kind")
    return [value, answer["explained"]]


def _form_lines(answer: dict[str, Any]) -> list[str]:
    form = answer["form"]
    return [
        f"{form['name']}: {form.get('source') or 'published by head office'}",
        f"mandatory {' '.join(form.get('mandatory', ()))}", f"allowed   {' '.join(form.get('optional', ()))}",
    ]  # fmt: skip


def _calendar_lines(answer: dict[str, Any]) -> list[str]:
    said = f"{'a working day' if answer['working'] else 'not worked'}, calendar {answer['calendar']}"
    version = f"version {answer['version']}" if answer["version"] else "as shipped"
    lines = [f"{said} {version}, known to {answer['known_to']}"]
    return lines if answer["after"] is None else [*lines, f"that many working days later: {answer['after']}"]


_LINES: Final[dict[str, Callable[[dict[str, Any]], list[str]]]] = {
    "template": _form_lines, "calendar": _calendar_lines,
}  # fmt: skip


def retention(
    record_class: str, /, *, on: date | None = None, as_of: str | None = None,
    jurisdiction: tuple[Jurisdiction, ...] = (),
) -> None:  # fmt: skip
    """Every row of retention law about a class of records, whether it applies on a day, and why not.

    Parameters
    ----------
    record_class
        Such as ``identity`` or ``transaction``.
    on
        The day that is asked about; today where it is left out.
    as_of
        As known at this moment.
    jurisdiction
        Only law of these.
    """
    from replay import lawbook

    with service() as opened:
        day = on or opened.ledger.today()
        found = lawbook.retention(_known(opened, as_of), record_class, day, jurisdiction)
    lines = [
        f"{'+' if one['applies'] else '-'} {one['policy']:<12} keep {one['keep'] or '-':<6} "
        f"delete {one['delete'] or '-':<6} {one['because']}; {one['source']}"
        for one in found["rows"]
    ]
    screen().answer(found, [f"version {found['version']}", *lines])


def _choice(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise InputError("not a choice", field="choices", rule="name=value", remedy="such as tier=high")
    return name, value


def _known(opened: Service, as_of: str | None) -> Policies:
    """What head office had published by a moment."""
    from replay import lawbook

    return lawbook.known(opened.log, moment(as_of, opened.ledger.zone))
