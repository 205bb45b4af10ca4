"""The desk of customers' files: two that are one person's become one, and what stands wrong in one is corrected.

By two people always, and the door is asked about each file that is touched: one may be somebody's own. What happens
on a person's request is done at the desk of their rights. Serves O2-07 art. 22, AML24 art. 34, PIPL art. 8 and 46.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from kyc.desk.clerk import Clerk, Desk
from kyc.domain import codec
from kyc.domain.customer import Attribute, AttributeCorrected
from kyc.domain.life import CustomersMerged, MergeReverted
from kyc.domain.submission import StreamName
from kyc.domain.values import Text


class Correction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is wrong in a customer's file, and what is right."""

    target: int
    """Version, in the customer's stream, of the event that was wrong."""
    attribute: Attribute
    was: str
    """What stands there."""
    now: str
    """What is right."""
    evidence: Text

    def event(self, at: datetime, reason: str, approver: str) -> AttributeCorrected:
        """As it is recorded; the old value stays where it was.

        Raises:
            InputError: there is no such attribute, or something else is none of its field.
        """
        made = AttributeCorrected(
            occurred_at=at, target=self.target, attribute=self.attribute, was=self.was, now=self.now, reason=reason,
            evidence=self.evidence, approver=approver,
        )  # fmt: skip
        codec.checked(made)  # the rules below take an attribute for one
        return made


class FileDesk(Desk):
    """Merges files, takes that back, and corrects them."""

    purpose = "data-quality"
    basis = "AML24-34"

    def merge(self, survivor: str, absorbed: str, reason: str, second: Clerk) -> None:
        """One file is the person's from now on; the other stays readable and takes nothing more.

        Raises:
            AccessDeniedError: one of the two people may not, or one of the files is theirs.
            RefusedError: the files cannot be one.
        """
        self._both("merge", second, survivor, absorbed)
        merged = CustomersMerged(occurred_at=self.now, absorbed=absorbed, reason=reason, approver=second.id)
        self.record(merged, survivor)

    def revert(self, survivor: str, absorbed: str, reason: str, second: Clerk) -> None:
        """They were two people: both files stand alone again.

        Raises:
            AccessDeniedError: as for merging.
            RefusedError: that file was not merged into this one.
        """
        self._both("merge", second, survivor, absorbed)
        reverted = MergeReverted(occurred_at=self.now, absorbed=absorbed, reason=reason, approver=second.id)
        self.record(reverted, survivor)

    def correct(self, customer: str, correction: Correction, reason: str, second: Clerk) -> None:
        """We were wrong, and nobody had to ask.

        Raises:
            AccessDeniedError: one of the two people may not, or the file is theirs.
            RefusedError: it is not what stands there, or no value of that attribute.
        """
        self._both("correct", second, customer)
        self.record(correction.event(self.now, reason, second.id), customer)

    def _both(self, act: str, second: Clerk, *customers: str) -> None:
        for customer in customers:
            self.allow_two(act, StreamName("customer", customer), second)
