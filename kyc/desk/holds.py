"""The desk of holds: records are kept longer than their law says, until two people agree that it is enough."""

from __future__ import annotations

from datetime import date

from kyc.desk.clerk import Clerk, Desk
from kyc.domain.disposal import Basis, HoldPlaced, HoldReleased
from kyc.domain.event import RecordClass
from kyc.domain.submission import Origin, StreamName
from kyc.retention.disposal import place_hold, release_hold, retention_of


class HoldDesk(Desk):
    """Places and releases holds."""

    purpose = "retention"
    basis = "AML24-34"

    def place(
        self, subject: StreamName, hold: str, basis: Basis, *, reference: str = "",
        classes: tuple[RecordClass, ...] = (), since: date | None = None, until: date | None = None,
    ) -> None:  # fmt: skip
        """From now on nothing it lies on is disposed of, whatever was approved before.

        Raises:
            AccessDeniedError: not permitted; that is recorded.
            RefusedError: a hold of that number is in force.
        """
        self.allow("place-hold", subject)
        event = HoldPlaced(
            occurred_at=self.now, subject=retention_of(subject).key, hold=hold, basis=basis, reference=reference,
            classes=classes, since=since, until=until,
        )  # fmt: skip
        if self._key:
            self.record(event)
        else:  # the number of the hold is the key
            place_hold(self.ledger, event, self._origin)

    def release(self, subject: StreamName, hold: str, reason: str, second: Clerk) -> None:
        """Release a hold; a second person agrees.

        Raises:
            AccessDeniedError: one of the two may not, or they are one; that is recorded.
            RefusedError: no such hold.
        """
        self.allow_two("release-hold", subject, second)
        event = HoldReleased(
            occurred_at=self.now, subject=retention_of(subject).key, hold=hold, reason=reason, approver=second.id
        )
        if self._key:
            self.record(event)
        else:
            release_hold(self.ledger, event, self._origin)

    @property
    def _origin(self) -> Origin:
        return Origin(actor=self.clerk.id, branch=self.clerk.branch, purpose=self.purpose, legal_basis=self.basis)
