"""Commands of customers' files: two that are one person's, and what stands wrong in one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from kyc.cli.desk_acts import custodian_of
from kyc.cli.main import screen, service

if TYPE_CHECKING:
    from kyc.desk.files import Correction, FileDesk


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """What is wrong in a file, and what is right."""

    target: int
    """Version, in the customer's stream, of the event that was wrong."""
    attribute: str
    """Which attribute."""
    was: str
    """What stands there."""
    now: str
    """What is right."""
    evidence: str
    """What shows it."""

    def correction(self) -> Correction:
        """As the desks take it."""
        from kyc.desk.files import Correction

        return Correction(
            target=self.target, attribute=self.attribute, was=self.was, now=self.now,  # type: ignore[arg-type]
            evidence=self.evidence,
        )  # fmt: skip


def register(app: App) -> None:
    """Add the commands to those about customers."""
    for command in (merge, unmerge, correct):
        app["customer"].command(command)


def merge(survivor: str, absorbed: str, /, *, actor: str, approver: str, reason: str) -> None:
    """Two files are one person's: one survives, the other stays readable and takes nothing more.

    Parameters
    ----------
    survivor
        Customer number of the file that goes on.
    absorbed
        Of the one that belongs to it.
    actor
        Who merges.
    approver
        The second person.
    reason
        How it is known.
    """
    with _desk(actor) as desk:
        desk.merge(survivor, absorbed, reason, custodian_of(approver))
    screen().answer({"survivor": survivor, "absorbed": absorbed}, [f"{absorbed} belongs to {survivor}"])


def unmerge(survivor: str, absorbed: str, /, *, actor: str, approver: str, reason: str) -> None:
    """The merger was wrong: both files stand alone again.

    Parameters
    ----------
    survivor
        Customer number of the file that went on.
    absorbed
        Of the one that does not belong to it.
    actor
        Who takes it back.
    approver
        The second person.
    reason
        How it is known.
    """
    with _desk(actor) as desk:
        desk.revert(survivor, absorbed, reason, custodian_of(approver))
    screen().answer({"restored": absorbed}, [f"{survivor} and {absorbed} stand alone"])


def correct(
    number: str, /, *, wrong: Annotated[Wrong, Parameter(name="*")], actor: str, approver: str, reason: str
) -> None:
    """Correct an attribute that nobody asked about; the old value stays on record (kyc request correct).

    Parameters
    ----------
    number
        The customer number.
    wrong
        What is wrong, and what is right.
    actor
        Who corrects.
    approver
        The second person.
    reason
        How it came out.
    """
    with _desk(actor) as desk:
        desk.correct(number, wrong.correction(), reason, custodian_of(approver))
    screen().answer({"customer": number, "corrected": wrong.attribute}, [f"{wrong.attribute} is corrected"])


@contextmanager
def _desk(actor: str) -> Iterator[FileDesk]:
    from kyc.desk.files import FileDesk

    with service() as opened:
        yield FileDesk(opened, custodian_of(actor))
