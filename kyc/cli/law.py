"""The command of head office: adopt the rules that are shipped, so that admission goes by them."""

from __future__ import annotations

from typing import Literal

from cyclopts import App

from kyc.cli.main import screen, service


def register(app: App) -> None:
    """Add the command."""
    app.command(adopt)


def adopt(*, actor: str, approver: str, jurisdiction: Literal["CN", "EU", "UK", "US"] = "CN") -> None:
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
    from kyc.clock import to_datetime
    from kyc.domain.admit import HEAD_OFFICE
    from kyc.domain.fact import Submission
    from kyc.domain.governance import PolicyPublished
    from kyc.domain.policies import Policies, shipped_editions
    from kyc.domain.stream import POLICIES
    from kyc.domain.submission import Origin
    from kyc.errors import KycError

    with service() as opened:
        known = opened.ledger.state(POLICIES) or Policies()
        origin = Origin(actor=actor, branch=HEAD_OFFICE, purpose="governance", legal_basis="AML24-30")
        missing = [edition for edition in shipped_editions() if not known.version(edition.rules)]
        for edition in missing:
            event = PolicyPublished(
                occurred_at=to_datetime(opened.clock.now_us()), edition=edition, jurisdiction=jurisdiction,
                reason="as shipped", approver=approver,
            )  # fmt: skip
            (answer,) = opened.ledger.record(
                [Submission(key=f"adopt/{edition.rules}/{edition.version}", origin=origin, data=event)]
            )
            if isinstance(answer, KycError):
                raise answer
    names = [edition.rules for edition in missing]
    screen().answer({"adopted": names}, [f"adopted {name}" for name in names] or ["nothing new to adopt"])
