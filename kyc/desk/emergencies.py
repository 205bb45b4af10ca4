"""Emergencies: somebody helps themselves for hours, and somebody else says afterwards whether it was right."""

from __future__ import annotations

from datetime import timedelta

from kyc.desk.clerk import Desk
from kyc.domain.access_log import BreakGlassReviewed, BreakGlassUsed, Finding
from kyc.domain.submission import StreamName
from kyc.errors import RefusedError

HOURS_MOST = 24


class EmergencyDesk(Desk):
    """Declares and reviews emergencies (seed rule 30, gotcha 33)."""

    purpose = "supervision"
    basis = "AML24-27"

    def declare(self, operator: str, use: str, reason: str, hours: int) -> None:
        """The clerk has what the matrix gives in an emergency, from now on for hours; it waits for a review.

        Raises:
            AccessDeniedError: not permitted.
            RefusedError: it is declared for somebody else.
        """
        self.allow("declare-emergency", StreamName("operator", operator))
        if operator != self.clerk.id:
            raise RefusedError("declared for somebody else", field="operator", rule="who declares it")
        at = self.now
        self.record(
            BreakGlassUsed(
                occurred_at=at, operator=operator, use=use, reason=reason, until=at + timedelta(hours=hours)
            )
        )

    def review(self, operator: str, use: str, finding: Finding, note: str = "") -> None:
        """Somebody else looked at what was done.

        Raises:
            AccessDeniedError: not permitted.
            RefusedError: no such use waits, or it is the reviewer's own.
        """
        self.allow("review-emergency", StreamName("operator", operator))
        self.record(
            BreakGlassReviewed(occurred_at=self.now, operator=operator, use=use, finding=finding, note=note)
        )
