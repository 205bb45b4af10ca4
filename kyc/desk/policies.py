"""The desk of head office's rules: the next version of a rule set, and registration forms, published by two.

Whether they may is asked over HTTP. At the machine it is not: an edition of the matrix that gives the right to
nobody would lock head office out of publishing the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from hashlib import sha256

import msgspec

from kyc.desk.clerk import Clerk, Desk
from kyc.domain.governance import PolicyPublished, TemplatePublished
from kyc.domain.policies import PolicyEdition, RuleSet
from kyc.domain.stream import POLICIES
from kyc.domain.templates import parse_templates, usable
from kyc.errors import ConfigurationError, InputError


class PolicyDesk(Desk):
    """Publishes; versions before stay, and answer for their days."""

    purpose = "data-quality"
    basis = "AML24-30"

    def publish(
        self, rules: RuleSet, text: str, start: date, second: Clerk, *, reason: str = "",
        jurisdiction: str | None = None,
    ) -> int:  # fmt: skip
        """The whole text of a rule set, in use from a day on; its version.

        Raises:
            RefusedError: it is no such rule set, or begins before the one before, or the two are one.
        """
        known = self.ledger.policies()
        version = known.version(rules) + 1
        edition = PolicyEdition(rules=rules, version=version, effective_from=start, text=text)
        self.edition(
            edition, jurisdiction or known.jurisdiction or "CN", second, reason, f"publish/{rules}/{version}"
        )
        return version

    def edition(self, edition: PolicyEdition, place: str, second: Clerk, reason: str, key: str) -> None:
        """Record an edition."""
        event = PolicyPublished(
            occurred_at=self.now, edition=edition, jurisdiction=place, reason=reason, approver=second.id
        )
        self.record(event, POLICIES.key, key="" if self._key else key)

    def forms(self, text: str, second: Clerk, source: str = "text") -> Sequence[str]:
        """Publish forms, each under a name that was never used; known ones are left alone. The names of the new.

        Raises:
            RefusedError: a name is used already, or the two are one.
            InputError: these are no forms.
        """
        known = usable(self.ledger.policies().templates)
        try:
            written = parse_templates(text, source)
        except ConfigurationError as cause:
            raise InputError(cause.message, field="text", rule="as the shipped templates.toml") from None
        new = [form for form in written if known.get(form.name) != form]
        for form in new:
            digest = sha256(msgspec.json.encode(form)).hexdigest()[:16]
            event = TemplatePublished(occurred_at=self.now, form=form, approver=second.id)
            self.record(event, POLICIES.key, key="" if self._key else f"form/{form.name}/{digest}")
        return [form.name for form in new]
