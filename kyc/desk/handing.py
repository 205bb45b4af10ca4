"""Handing over: an export is written, and recorded before it is there to be taken (seed rule 28)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from kyc.clock import to_datetime
from kyc.domain.admit import HEAD_OFFICE
from kyc.domain.fact import Submission
from kyc.domain.operations import ExportSigned
from kyc.domain.submission import Origin
from kyc.ledger import Ledger
from kyc.retention.register import own_exports
from kyc.wiring import Service
from replay import handed_out
from replay.bundle import Exported, Keys, Order

_CODE_MAX: Final = 64  # characters of a code in an event


def keys_of(opened: Service) -> Keys:
    """What exports of this service are signed with."""
    return Keys(
        export=opened.provider.signing_key("export"), log=opened.log_verifier_key, seal=opened.seal
    )  # fmt: skip


def note(opened: Service, exported: Exported, stated: Order, ledger: Ledger | None = None) -> None:
    """Record an export, and list it as ours to clear away; without the record there is no bundle.

    ``ledger`` is one of the caller's own where that of the service belongs to another thread.

    Raises:
        KycError: it could not be recorded.
    """
    signed = ExportSigned(
        occurred_at=to_datetime(opened.clock.now_us()), office="export", recipient=stated.recipient[:_CODE_MAX],
        permitted_purpose=(stated.permitted_purpose or stated.purpose)[:_CODE_MAX], manifest=exported.manifest,
        key=exported.fingerprint, events=exported.events, encrypted=_encrypted(exported.path),
    )  # fmt: skip
    origin = Origin(actor=stated.actor, branch=HEAD_OFFICE, purpose=stated.purpose, legal_basis=stated.legal_basis)
    submission = Submission(key=f"export/{exported.manifest}", origin=origin, data=signed)
    (ledger or opened.ledger).must_record(submission)
    handed_out.note(opened.log, own_exports(opened.configuration.home), exported)


def _encrypted(path: Path) -> bool:
    return path.suffix == ".p7m"
