"""Commands of holds and disposal: two people decide, a third run carries out, and nothing goes before its day."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import App

from kyc.cli.desk_acts import custodian_of
from kyc.cli.door import listing, looking
from kyc.cli.main import screen, service
from kyc.cli.retention import Count, Question, asked_of, named
from kyc.domain.disposal import Basis
from kyc.domain.submission import StreamName
from kyc.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from kyc.disposals import Disposals, Proposal, Run
    from kyc.wiring import Service

Status = Literal["proposed", "approved", "rejected", "destroyed", "completed"]


def register(app: App) -> None:
    """Add the commands."""
    disposal = App(name="disposal", help="What is due is proposed, approved by another, destroyed, certified.")
    disposal.command(show, name="list")
    for command in (propose, approve, reject, execute, certificate, reapply):
        disposal.command(command)
    hold = App(name="hold", help="Holds: while one lies on records, nothing of them is disposed of.")
    hold.command(place)
    hold.command(release)
    hold.command(holds, name="list")
    app.command(disposal)
    app.command(hold)


# --- disposal -------------------------------------------------------------------------------------------


def show(batch: str | None = None, /, *, status: tuple[Status, ...] = ()) -> None:
    """Disposals and where each stands; what could be proposed today is told by `kyc retention due`.

    Parameters
    ----------
    batch
        Only this batch.
    status
        Only in these states.
    """
    from projections.engine import Engine

    with listing("retention") as page:
        Engine(page.opened.log).catch_up()
        found = list(desk_of(page.opened, ()).proposals(batch, *status))
        lines = [f"{one.status:<10} {_name(one)}  {one.disposal}  proposed by {one.proposer}" for one in found]
        page.tell([_told(one) for one in found], lines or ["none"], subjects=[one.subject for one in found])


def propose(
    batch: str, /, *, actor: str, subject: str | None = None, record_class: str | None = None,
    branch: str | None = None, limit: Count = 1_000_000, jurisdiction: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Propose everything that is due today, or some of it, as one batch.

    Parameters
    ----------
    batch
        A name for what is proposed together, without full stop.
    actor
        Who proposes, by pseudonym.
    subject
        Only of this subject, such as customer/C00000001.
    record_class
        Only of this class.
    branch
        Only what was first recorded at this branch.
    limit
        Units at most.
    jurisdiction
        Home and host law; that of the published rules.
    """
    with service() as opened:
        _allow(opened, "propose-disposal", actor)
        numbers = desk_of(opened, jurisdiction).propose(
            batch, actor, subject=named(subject) if subject else None, record_class=record_class, branch=branch,
            limit=limit,
        )  # fmt: skip
    screen().answer({"batch": batch, "proposed": len(numbers)}, [f"{len(numbers):,} disposals proposed in {batch}"])


def approve(batch: str, /, *, actor: str) -> None:
    """Approve what waits in a batch; whoever proposed it may not.

    Parameters
    ----------
    batch
        The batch.
    actor
        The second person, by pseudonym.
    """
    with service() as opened:
        count = _decide(opened, batch, actor)
    screen().answer({"batch": batch, "approved": count}, [f"{count:,} disposals approved in {batch}"])


def reject(batch: str, /, *, actor: str, reason: str) -> None:
    """Reject what waits in a batch.

    Parameters
    ----------
    batch
        The batch.
    actor
        The second person, by pseudonym.
    reason
        Why.
    """
    if not reason:
        raise InputError("a rejection has a reason", field="reason", rule="not empty")
    with service() as opened:
        count = _decide(opened, batch, actor, reason)
    screen().answer({"batch": batch, "rejected": count}, [f"{count:,} disposals rejected in {batch}"])


def execute(batch: str, /, *, actor: str, jurisdiction: tuple[str, ...] = ()) -> int:
    """Destroy the keys of what is approved, remove all that lies under them, look again, certify.

    Killed at any moment, it goes on where it stood when it is run again. Exit code 2 where something may not go any
    more (a hold, a return, another law), 1 where something is left behind and not certified.

    Parameters
    ----------
    batch
        The batch.
    actor
        Who carries it out, by pseudonym.
    jurisdiction
        Home and host law; that of the published rules.
    """
    with service() as opened, screen().progress("dispose") as step:
        _allow(opened, "execute-disposal", actor)
        run = desk_of(opened, jurisdiction).execute(batch, actor, progress=step)
    _answer(run)
    results = {one.result for one in run.outcomes}
    return 1 if "failed" in results else 2 if "refused" in results else 0


def certificate(batch: str, folder: Path, /) -> None:
    """Write the certificates of a batch's completed disposals, and the program that verifies them.

    Each is made anew: what is there is looked at again, and must be what was certified. Seal before.

    Parameters
    ----------
    batch
        The batch.
    folder
        Where they go: a JSON file each, and verify_certificate.py.
    """
    from kyc.files import write
    from projections.engine import Engine
    from replay import bundle
    from replay.shipped import certificate_py

    with listing("retention", about=StreamName("disposal", batch)) as page:
        opened = page.opened
        Engine(opened.log).catch_up()
        desk, key = desk_of(opened, ()), opened.provider.signing_key("export")
        page.record(subjects=[one.subject for one in desk.proposals(batch, "completed")])
        names = []
        for name, raw in desk.certificates(batch, opened.sealed, key, opened.log_verifier_key):
            write(folder / name, raw)
            names.append(name)
        if not names:
            raise NotFoundError("nothing of this batch is completed", field="batch", remedy="kyc disposal execute")
        write(folder / "verify_certificate.py", certificate_py())
        fingerprint = bundle.fingerprint_of(key)
        told = {"certificates": names, "log_key": opened.log_verifier_key, "export_fingerprint": fingerprint}
    screen().answer(
        told,
        [
            f"{len(names):,} certificates in {folder}", "Tell the recipient on another way:",
            f"   log key             {told['log_key']}", f"   export fingerprint  {told['export_fingerprint']}",
            "They run: python verify_certificate.py CERTIFICATE --log-key … --export-key …",
        ],
    )  # fmt: skip


def reapply(*, actor: str) -> None:
    """Destroy again what the register says is destroyed: after a backup of the database was restored.

    Parameters
    ----------
    actor
        Who does it, by pseudonym.
    """
    from kyc.disposals import reapply as again
    from kyc.retention.register import destroyed_keys

    with service() as opened:
        count = again(opened.ledger, destroyed_keys(opened.configuration.home), actor)
    screen().answer({"destroyed_again": count}, [f"{count:,} keys had come back and are destroyed again"])


def _answer(run: Run) -> None:
    counts = {name: sum(one.result == name for one in run.outcomes) for name in ("completed", "refused", "failed")}
    emptied = run.emptied._asdict()
    removed = "removed: " + ", ".join(f"{rows:,} {name}" for name, rows in emptied.items())
    screen().answer(
        counts | {"emptied": emptied, "tables": [one._asdict() for one in run.tables]}
        | {"disposals": [_told(one.proposal) | {"result": one.result, "reason": one.reason,
                                                "certificate": one.certificate} for one in run.outcomes]},
        [
            ", ".join(f"{count:,} {name}" for name, count in counts.items()),
            removed,
        ]
        + [f"{one.table}: {one.before:,} bytes before, {one.after:,} after" for one in run.tables]
        + [f"{one.result}: {_name(one.proposal)}: {one.reason}" for one in run.outcomes if one.reason],
    )  # fmt: skip


# --- holds ----------------------------------------------------------------------------------------------


def place(
    subject: str, number: str, /, *, basis: Basis, actor: str, reference: str = "",
    record_class: tuple[str, ...] = (), since: date | None = None, until: date | None = None,
) -> None:  # fmt: skip
    """Place a hold: from now on nothing it lies on is disposed of, whatever was approved before.

    Parameters
    ----------
    subject
        Kind and number, such as customer/C00000001 or account/A1; linked records are held too.
    number
        Of the hold.
    basis
        What for.
    actor
        Who places it, by pseudonym.
    reference
        Number of the case, order or claim.
    record_class
        Only records of these classes.
    since
        Only records about days from this one on.
    until
        Only records about days until this one.
    """
    from kyc.desk.holds import HoldDesk
    from kyc.domain.event import RecordClass

    try:
        classes = tuple(RecordClass(one) for one in record_class)
    except ValueError:
        raise InputError("no such class", field="record_class", rule=", ".join(RecordClass)) from None
    with service() as opened:
        HoldDesk(opened, custodian_of(actor)).place(
            named(subject), number, basis, reference=reference, classes=classes, since=since, until=until
        )
    screen().answer({"subject": subject, "hold": number, "in_force": True}, [f"hold {number} lies on {subject}"])


def release(subject: str, number: str, /, *, actor: str, approver: str, reason: str) -> None:
    """Release a hold; a second person agrees.

    Parameters
    ----------
    subject
        Kind and number of the subject.
    number
        Of the hold.
    actor
        Who releases it, by pseudonym.
    approver
        The second person.
    reason
        Why it ends.
    """
    from kyc.desk.holds import HoldDesk

    with service() as opened:
        HoldDesk(opened, custodian_of(actor)).release(named(subject), number, reason, custodian_of(approver))
    screen().answer({"subject": subject, "hold": number, "in_force": False}, [f"hold {number} is released"])


def holds(subject: str, /) -> None:
    """The holds in force on a subject.

    Parameters
    ----------
    subject
        Kind and number.
    """
    from kyc.retention.disposal import retention_of, standing

    name = named(subject)
    with looking(name.kind, name.key, fields=("holds",)) as opened:
        _, state = standing(opened.log, retention_of(name))
    screen().answer(
        {"subject": subject, "holds": [{name: getattr(one, name) for name in one.__struct_fields__}
                                       for one in state.holds]},
        [f"{one.hold}  {one.basis}  {', '.join(one.classes) or 'everything'}" for one in state.holds] or ["none"],
    )  # fmt: skip


# --- what the commands share ----------------------------------------------------------------------------


def desk_of(opened: Service, jurisdiction: tuple[str, ...]) -> Disposals:
    """The desk, over the law and the places of this installation."""
    from kyc import disposals

    return disposals.opened(opened, opened.ledger, asked_of(opened, Question(jurisdiction=jurisdiction)))


def _decide(opened: Service, batch: str, actor: str, reject: str = "") -> int:
    from kyc import disposals

    desk = desk_of(opened, ())
    for proposer in disposals.proposers(desk, batch):
        _allow(opened, "approve-disposal", actor, proposer)
    return desk.decide(batch, actor, reject=reject)


def _allow(opened: Service, act: str, actor: str, second: str = "") -> None:
    from kyc import disposals

    clerk = custodian_of(actor)
    disposals.allow(opened, clerk.actor, act, clerk.reason, second=second)


def _name(one: Proposal) -> str:
    return f"{one.subject.kind}/{one.subject.key} {one.record_class} {one.span}".rstrip()


def _told(one: Proposal) -> dict[str, Any]:
    return {
        "subject": f"{one.subject.kind}/{one.subject.key}", "disposal": one.disposal,
        "record_class": one.record_class, "span": one.span, "status": one.status, "proposer": one.proposer,
        "earliest": one.case.earliest,
    }  # fmt: skip
