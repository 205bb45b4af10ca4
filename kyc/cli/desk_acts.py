"""Commands that carry out accepted orders: answering, freezing, deducting, and what lapses by itself.

Whoever does so holds the right ``order-desk``, given by two others (``kyc access grants grant``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from kyc.cli.door import REASON
from kyc.cli.main import GLOBALS, screen, service

if TYPE_CHECKING:
    from kyc.desk.clerk import Clerk
    from kyc.desk.freezes import FreezeDesk, Frozen

Flag = Annotated[bool, Parameter(negative="")]
Number = Annotated[str, Parameter(help="The bank's own number of the order, or of the foreign request.")]
Account = Annotated[str, Parameter(help="The account; the order names it.")]
Officer = Annotated[str, Parameter(help="Who does it, by pseudonym; holds the right order-desk.")]
Reason = Annotated[str, Parameter(help="Why, for the record of reads.")]


def acts() -> tuple[Callable[..., Any], ...]:
    """The commands, in their order."""
    return answer, freeze, renew, lapse, deduct, release


def answer(number: Number, /, *, actor: Officer, out: Path, reason: Reason = REASON, plain: Flag = False) -> None:
    """Answer a query: a signed export of exactly what the order names; it stands in the registers by its hash.

    Parameters
    ----------
    out
        A folder to be made, or a file that ends in .zip.
    plain
        Without tables and report: events, documents and proofs only.
    """
    from kyc import sealing
    from kyc.desk.answers import AnswerDesk
    from replay.renderings import Form

    with service() as opened:
        desk = AnswerDesk(opened, clerk_of(actor, reason))
        sealing.now(opened)  # what is not sealed yet would be left out
        written = desk.answer(number, out, form=Form(tables=not plain, report=not plain))
    screen().answer(
        {
            "order": number, "path": str(written.path), "events": written.events, "manifest": written.manifest,
            "customers": list(written.customers), "accounts": list(written.accounts),
        },
        [
            f"{written.path}: {written.events:,} events, manifest {written.manifest}",
            "tell the organ on another way:",
            f"   log key             {written.log_key}",
            f"   export fingerprint  {written.fingerprint}",
        ],
    )  # fmt: skip


def freeze(
    number: Number, account: Account, /, *, actor: Officer, amount: Decimal | None = None, reason: Reason = REASON
) -> None:
    """Freeze an account as an accepted order says; where it is frozen already the order waits in line.

    Parameters
    ----------
    amount
        Less than the order names; of a joint account, without it, the holder's share.
    """
    with _freezes(actor, reason) as desk:
        done = desk.freeze(number, account, amount)
    _tell_frozen(done)


def renew(number: Number, account: Account, freeze_id: str, /, *, actor: Officer, reason: Reason = REASON) -> None:
    """Renew a freeze by a further order, before it lapses.

    Parameters
    ----------
    freeze_id
        The freeze: the number of the order that froze.
    """
    with _freezes(actor, reason) as desk:
        until = desk.renew(number, account, freeze_id)
    screen().answer({"freeze": freeze_id, "until": until}, [f"{freeze_id} lapses at {until.isoformat()}"])


def lapse(*, now: Flag = False) -> None:
    """Record every freeze that has lapsed at its moment, and put into force who is next in line. A job: any number
    of processes may run it at once.

    Parameters
    ----------
    now
        Do it; without, only say what is due.
    """
    from kyc.desk.clerk import SYSTEM
    from kyc.desk.freezes import FreezeDesk
    from projections import orders
    from projections.engine import Engine

    with service() as opened:
        desk = FreezeDesk(opened, custodian_of(SYSTEM))
        if not now:
            Engine(opened.log).catch_up()
            count = len(orders.to_settle(opened.log, desk.now))
            screen().answer({"accounts": count}, [f"{count} accounts to look at: kyc order lapse --now"])
            return
        found = desk.lapse()
    lines = [f"lapsed    {freeze} on {account}" for account, freeze in found.lapsed]
    lines += [f"in force  {freeze} on {account}" for account, freeze in found.in_force]
    screen().answer(found._asdict(), lines or ["nothing has lapsed"])


def deduct(
    number: Number, account: Account, amount: Decimal, /, *, actor: Officer, reference: str,
    freeze_id: str | None = None, reason: Reason = REASON,
) -> None:  # fmt: skip
    """Take money under an accepted order to deduct, to the account it names; the booking is recorded after it.

    Parameters
    ----------
    amount
        In the account's currency.
    reference
        Of the transaction that books it.
    freeze_id
        The freeze it is taken from.
    """
    with _freezes(actor, reason) as desk:
        desk.deduct(number, account, amount, reference, freeze_id)
    screen().answer({"order": number, "amount": str(amount)}, [f"{amount} of {account} are deducted"])


def release(account: Account, freeze_id: str, /, *, actor: Officer, approver: str, paper: str) -> None:
    """Lift a freeze, or take it out of the queue, on the organ's paper.

    Parameters
    ----------
    freeze_id
        The freeze.
    approver
        The second person who saw the paper; holds the right order-desk or compliance.
    paper
        Kind and number of the organ's paper.
    """
    with _freezes(actor) as desk:
        following = desk.release(account, freeze_id, paper, second_of(approver))
    lines = [f"{freeze_id} is lifted", *(f"{one} is in force now" for one in following)]
    screen().answer({"freeze": freeze_id, "in_force": following}, lines)


def clerk_of(actor: str, reason: str = "", *, roles: Iterable[str] = ("order-desk",)) -> Clerk:
    """Somebody at the machine itself, by default of the order desk."""
    from kyc.desk.clerk import Clerk

    return Clerk(id=actor, roles=frozenset(roles), reason=GLOBALS.reason or reason or REASON)


def custodian_of(actor: str, reason: str = "") -> Clerk:
    """Somebody who holds the keys, at the machine itself."""
    return clerk_of(actor, reason, roles=("custodian",))


def second_of(approver: str) -> Clerk:
    """The second person of an order: of the desk, or of compliance."""
    return clerk_of(approver, roles=("order-desk", "compliance"))


@contextmanager
def _freezes(actor: str, reason: str = REASON) -> Iterator[FreezeDesk]:
    from kyc.desk.freezes import FreezeDesk

    with service() as opened:
        yield FreezeDesk(opened, clerk_of(actor, reason))


def _tell_frozen(done: Frozen) -> None:
    amount = "the whole account" if done.amount is None else f"{done.amount}"
    until = done.until.isoformat() if done.until else "it is released"
    line = f"{done.freeze} waits in line on {done.account}" if done.waits else f"{amount} frozen until {until}"
    screen().answer(done._asdict() | {"until": done.until}, [line])
