"""Commands about access: the matrix, rights given and taken, emergencies, and who looked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter, validators

from kyc.cli.accesses import reads_by, reads_flags, reads_of
from kyc.cli.desk_acts import custodian_of
from kyc.cli.door import listing, looking
from kyc.cli.main import Note, screen, service

if TYPE_CHECKING:
    from datetime import datetime

    from kyc.domain.access_log import OperatorEvent
    from kyc.wiring import Service

Hours = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=24 * 366))]
Few = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=24))]


def register(app: App) -> None:
    """Add the commands."""
    access = App(name="access", help="Who may see what, who looked, and who was refused.")
    access.command(matrix)
    access.command(reads_of, name="who-read")
    access.command(reads_by, name="read-by")
    access.command(reads_flags, name="anomalies")
    access.command(declare)
    access.command(extract)
    grants = App(name="grants", help="Rights of operators, each given by somebody else for a time.")
    grants.command(show)
    grants.command(grant)
    grants.command(revoke)
    glass = App(name="breakglass", help="Emergency access: declared, for hours, looked at by another the next day.")
    glass.command(use)
    glass.command(unreviewed, name="list")
    glass.command(review)
    access.command(grants)
    access.command(glass)
    app.command(access)


def matrix(role: str | None = None, /, *, markdown: bool = False, shipped: bool = False) -> None:
    """The access matrix in use: roles, what they may see, on which conditions.

    Parameters
    ----------
    role
        Only this role.
    markdown
        The tables of docs/access.md.
    shipped
        The matrix this program comes with, without asking the database.
    """
    from kyc.access import words
    from kyc.domain.access_rules import shipped_matrix

    if shipped:
        found = shipped_matrix()
    else:
        with service() as opened:
            found = opened.ledger.policies().access(opened.ledger.today())
    if markdown:
        print(words.markdown(found))
    else:
        screen().answer(words.as_dict(found, role), words.lines(found, role))


def show(operator: str, /) -> None:
    """The rights of an operator, and the emergencies nobody has reviewed.

    Parameters
    ----------
    operator
        Whose rights.
    """
    import msgspec

    from kyc.domain.access_log import Operator
    from kyc.domain.submission import StreamName

    with looking("operator", operator, "audit") as opened:
        state = opened.ledger.state(StreamName("operator", operator)) or Operator()
    lines = [
        f"{one.grant}  {one.role} until {one.until:%Y-%m-%d %H:%M %z}, approved by {one.approver}"
        f"{f', only {chr(44).join(one.scope)}' if one.scope else ''}"
        for one in state.rights
    ]
    lines += [f"{one.use}  emergency access until {one.until:%Y-%m-%d %H:%M %z}" for one in state.emergencies]
    screen().answer(msgspec.to_builtins(state), lines or ["no rights"])


def grant(
    operator: str, role: str, /, *, actor: str, approver: str, hours: Hours = 24 * 90, scope: str = ""
) -> None:
    """Give an operator a role for a time; two people, neither of them the operator's own approval.

    Parameters
    ----------
    operator
        Who gets it.
    role
        A role of the matrix.
    actor
        Who records it.
    approver
        The second person.
    hours
        How long it lasts.
    scope
        Branches, customers or cases it is confined to, with commas; without, no limit.
    """
    from uuid import uuid4

    from kyc.domain.access_log import AccessGranted
    from kyc.errors import InputError

    with service() as opened:
        known = opened.ledger.policies().access(opened.ledger.today())
        if role not in known.roles:
            raise InputError("no such role", field="role", rule=", ".join(known.roles), remedy="kyc access matrix")
        now = _now(opened)
        number = uuid4().hex[:12]
        given = AccessGranted(
            occurred_at=now, operator=operator, grant=number, role=role, until=now + timedelta(hours=hours),
            scope=tuple(part for part in scope.split(",") if part), approver=approver,
        )  # fmt: skip
        _record(opened, given, actor)
    screen().answer({"grant": number}, [f"{operator} is {role} for {hours} h: {number}"])


def revoke(operator: str, number: str, /, *, actor: str, reason: str = "") -> None:
    """Take a right back; it counts at once, in every process.

    Parameters
    ----------
    operator
        Whose right.
    number
        Of the right.
    actor
        Who takes it back.
    reason
        Why.
    """
    from kyc.domain.access_log import AccessRevoked

    with service() as opened:
        gone = AccessRevoked(occurred_at=_now(opened), operator=operator, grant=number, reason=reason)
        _record(opened, gone, actor)
    screen().answer({"revoked": number}, [f"{number} is taken back"])


def declare(operator: str, /, *, actor: str, approver: str, own: str = "", relatives: str = "") -> None:
    """Say which customers an operator is, or is related to: their files are closed, or looks at them are told.

    Parameters
    ----------
    operator
        Who declares.
    actor
        Who records it.
    approver
        The second person.
    own
        The operator's own customer numbers, with commas.
    relatives
        Customer numbers of relatives, with commas.
    """
    from kyc.domain.access_log import OperatorDeclared

    with service() as opened:
        said = OperatorDeclared(
            occurred_at=_now(opened), operator=operator, approver=approver,
            own=tuple(part for part in own.split(",") if part),
            relatives=tuple(part for part in relatives.split(",") if part),
        )  # fmt: skip
        _record(opened, said, actor)
    screen().answer({"operator": operator}, [f"declared for {operator}"])


def extract(number: str, /) -> None:
    """What the customer may be told of who looked and what was given out; secret readers and orders are not in it.

    Parameters
    ----------
    number
        The customer number.
    """
    from kyc.desk import own_data

    with looking("access", number) as opened:
        found = own_data.accesses(opened.ledger, number)
    lines = [f"{one['day']}  looked at: {', '.join(one['fields'])}" for one in found["access_log"]]
    lines += [
        f"{one['day']}  given to {one['recipient']} for {one['purpose']}: {', '.join(one['fields'])}"
        for one in found["disclosures"]
    ]
    screen().answer(found, [*lines, found["closing"]])


def use(operator: str, /, *, reason: str, hours: Few = 1) -> None:
    """Declare an emergency: access beyond one's rights for hours, flagged, to be reviewed by somebody else.

    Parameters
    ----------
    operator
        Who helps themselves.
    reason
        What the emergency is.
    hours
        How long it lasts.
    """
    from uuid import uuid4

    from kyc.desk.emergencies import EmergencyDesk

    number = uuid4().hex[:12]
    with service() as opened:
        EmergencyDesk(opened, custodian_of(operator, reason)).declare(operator, number, reason, hours)
    screen().answer({"use": number}, [f"{operator} has emergency access for {hours} h: {number}"])


def unreviewed() -> None:
    """Emergency accesses nobody has reviewed, with what they were for."""
    from kyc.domain.access_log import BreakGlassUsed
    from projections import access_log

    with listing("emergencies", action="audit") as page:
        opened = page.opened
        waiting = access_log.unreviewed(opened.log)
        told = opened.log.at((one.stream_id, one.version) for one in waiting)
        events = [(one.at, told[one.stream_id, one.version].event) for one in waiting]
        found = [(at, event) for at, event in events if isinstance(event, BreakGlassUsed)]
        document = [
            {"operator": one.operator, "use": one.use, "at": at.isoformat(), "reason": one.reason}
            for at, one in found
        ]
        lines = [f"{at:%Y-%m-%d %H:%M}  {one.operator:<20} {one.use}  {one.reason}" for at, one in found]
        page.tell({"unreviewed": document}, lines or ["nothing to review"])


def review(
    operator: str, number: str, /, *, actor: str, finding: Literal["justified", "not-justified"], note: Note = ""
) -> None:
    """Say what was found of an emergency access; nobody reviews themselves.

    Parameters
    ----------
    operator
        Who helped themselves.
    number
        Of the use.
    actor
        Who reviewed it.
    finding
        What was found.
    """
    from kyc.desk.emergencies import EmergencyDesk

    with service() as opened:
        EmergencyDesk(opened, custodian_of(actor)).review(operator, number, finding, note)
    screen().answer({"reviewed": number}, [f"{number} is {finding}"])


def _now(opened: Service) -> datetime:
    from kyc.clock import to_datetime

    return to_datetime(opened.clock.now_us())


def _record(opened: Service, event: OperatorEvent, actor: str) -> None:
    from uuid import uuid4

    from kyc.domain.admit import HEAD_OFFICE
    from kyc.domain.fact import Submission
    from kyc.domain.submission import Origin

    origin = Origin(actor=actor, branch=HEAD_OFFICE, purpose="supervision", legal_basis="AML24-27")
    opened.ledger.must_record(Submission(key=f"access/{uuid4().hex}", origin=origin, data=event))
