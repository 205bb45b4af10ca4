"""The commands of head office's rules: adopt what is shipped, publish the next version, ask which rule answers."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import App

from kyc.cli.main import screen, service
from kyc.cli.records import moment
from kyc.errors import InputError, KycError, NotFoundError

if TYPE_CHECKING:
    from kyc.domain.policies import Policies, PolicyEdition
    from kyc.wiring import Service

Rules = Literal["authorities", "documents", "retention", "rulebook"]
Jurisdiction = Literal["CN", "EU", "UK", "US"]


def register(app: App) -> None:
    """Add the commands."""
    app.command(adopt)
    law = App(name="law", help="The rules head office has published, and which of them answers on a day.")
    law.command(versions)
    law.command(publish)
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
        Whose law the rulebook is asked for.
    """
    from kyc.domain.policies import Policies, shipped_editions
    from kyc.domain.stream import POLICIES

    with service() as opened:
        known = opened.ledger.state(POLICIES) or Policies()
        missing = [edition for edition in shipped_editions() if not known.version(edition.rules)]
        for edition in missing:
            _publish(opened, edition, jurisdiction, actor, approver, "as shipped", f"adopt/{edition.rules}/1")
    names = [edition.rules for edition in missing]
    screen().answer({"adopted": names}, [f"adopted {name}" for name in names] or ["nothing new to adopt"])


def publish(
    rules: Rules, file: Path, /, *, start: date, actor: str, approver: str, reason: str,
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
    from kyc.domain.policies import PolicyEdition

    with service() as opened:
        known = _known(opened, None)
        version = known.version(rules) + 1
        edition = PolicyEdition(
            rules=rules, version=version, effective_from=start, text=file.read_text(encoding="utf-8")
        )
        place = jurisdiction or known.jurisdiction or "CN"
        _publish(opened, edition, place, actor, approver, reason, f"publish/{rules}/{version}")
    screen().answer(
        {"rules": rules, "version": version, "effective_from": start},
        [f"published {rules} version {version}, in use from {start}"],
    )


def versions(*, on: date | None = None, as_of: str | None = None) -> None:
    """Every published version of every rule set, and which of them are in use on a day.

    Parameters
    ----------
    on
        The day that is asked about; today where it is left out.
    as_of
        As known at this moment.
    """
    with service() as opened:
        known = _known(opened, as_of)
        day = on or opened.ledger.today()
        used = {(e.rules, e.version) for name in _names() if (e := known.edition(name, day)) is not None}
        found = [
            {
                "rules": edition.rules, "version": edition.version, "effective_from": edition.effective_from,
                "in_use": (edition.rules, edition.version) in used,
            }
            for edition in known.editions
        ]  # fmt: skip
    lines = [
        f"{one['rules']:<12} {one['version']:>3} from {one['effective_from']}{' in use' if one['in_use'] else ''}"
        for one in found
    ]
    screen().answer({"on": day, "versions": found}, lines or ["nothing is published: kyc adopt"])


def ask(
    rule: str, /, *choices: str, on: date | None = None, as_of: str | None = None,
    jurisdiction: Jurisdiction | None = None,
) -> None:  # fmt: skip
    """What the rulebook says on a day: the value, the version, the row, its source, and the days it is law.

    Parameters
    ----------
    rule
        Such as ``review.cycle``, ``cdd.one-off``, ``owner.share``, ``answer.objection``.
    choices
        What it depends on: ``tier=high``, ``currency=CNY`` …
    on
        The day that is asked about; today where it is left out.
    as_of
        As known at this moment: what was published later is left out.
    jurisdiction
        Whose law; the institution's own where it is left out.
    """
    import msgspec

    selectors = dict(_choice(text) for text in choices)
    with service() as opened:
        known = _known(opened, as_of)
        day = on or opened.ledger.today()
        book = known.in_use("rulebook", day)
        if book is None:
            raise NotFoundError("no rulebook was in use on that day", field="rulebook", remedy="kyc adopt")
        ruling = book.value(rule, day, jurisdiction=jurisdiction or known.jurisdiction, **selectors)
    answer = {
        "on": day, "rule": rule, "value": msgspec.to_builtins(ruling.value), "version": ruling.version,
        "source": ruling.row.source, "mark": ruling.row.mark, "effective_from": ruling.row.effective_from,
        "effective_to": ruling.row.effective_to,
    }  # fmt: skip
    value = " ".join(f"{part}" for name, part in msgspec.to_builtins(ruling.value).items() if name != "kind")
    screen().answer(answer, [value, ruling.explain()])


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
    with service() as opened:
        day = on or opened.ledger.today()
        law = _known(opened, as_of).retention(day)
    rows = [row for row in law.explain(day, jurisdiction, record_class) if row.policy.covers(record_class)]
    found: list[dict[str, Any]] = [
        {
            "policy": policy.policy_id, "applies": applies, "because": because, "keep": policy.min_len,
            "delete": policy.max_len, "source": policy.source, "mark": policy.mark,
        }
        for policy, applies, because in rows
    ]  # fmt: skip
    lines = [
        f"{'+' if one['applies'] else '-'} {one['policy']:<12} keep {one['keep'] or '-':<6} "
        f"delete {one['delete'] or '-':<6} {one['because']}; {one['source']}"
        for one in found
    ]
    screen().answer({"on": day, "version": law.version, "rows": found}, [f"version {law.version}", *lines])


def _names() -> tuple[Rules, ...]:
    return ("authorities", "documents", "retention", "rulebook")


def _choice(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise InputError("not a choice", field="choices", rule="name=value", remedy="such as tier=high")
    return name, value


def _known(opened: Service, as_of: str | None) -> Policies:
    """What head office had published by a moment."""
    from kyc.clock import from_datetime
    from kyc.domain.admit import evolve
    from kyc.domain.policies import NOTHING
    from kyc.domain.stream import POLICIES

    until = moment(as_of, opened.ledger.zone)
    state: Policies = NOTHING
    for recorded in opened.ledger.log.events(POLICIES):
        if recorded.event is not None and (until is None or recorded.row.recorded_at <= from_datetime(until)):
            state = evolve(POLICIES.kind, state, recorded.event)  # type: ignore[assignment]
    return state


def _publish(
    opened: Service, edition: PolicyEdition, jurisdiction: str, actor: str, approver: str, reason: str, key: str
) -> None:
    from kyc.clock import to_datetime
    from kyc.domain.admit import HEAD_OFFICE
    from kyc.domain.fact import Submission
    from kyc.domain.governance import PolicyPublished
    from kyc.domain.submission import Origin

    event = PolicyPublished(
        occurred_at=to_datetime(opened.clock.now_us()), edition=edition, jurisdiction=jurisdiction, reason=reason,
        approver=approver,
    )  # fmt: skip
    origin = Origin(actor=actor, branch=HEAD_OFFICE, purpose="governance", legal_basis="AML24-30")
    (answer,) = opened.ledger.record([Submission(key=key, origin=origin, data=event)])
    if isinstance(answer, KycError):
        raise answer
