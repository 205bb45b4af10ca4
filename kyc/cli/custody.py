"""The command of dissolution: records handed to another body, with everything it takes to go on proving them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from kyc.cli.door import Page, listing
from kyc.cli.main import screen
from kyc.domain.submission import StreamName
from kyc.errors import ConflictError

if TYPE_CHECKING:
    from replay.bundle import Exported

Reason = Literal["dissolution", "revocation", "bankruptcy", "sale", "succession"]


def register(app: App) -> None:
    """Add the command."""
    custody = App(name="custody", help="Handing records to the body that keeps them from now on (AML24 art. 34).")
    custody.command(transfer)
    app.command(custody)


@dataclass(frozen=True, kw_only=True)
class Hand:
    """Who hands what to whom."""

    receiver: str
    """Code of the body that receives the records."""
    reason: Reason
    """Why."""
    actor: str
    """Who hands them over, by pseudonym."""
    witness: str
    """The second person."""
    customer: str = ""
    """Only this customer with all accounts; everybody's records otherwise."""


def transfer(out: Path, /, *, hand: Annotated[Hand, Parameter(name="*")]) -> None:
    """Write the hand-over package: a signed bundle of the records, and the log itself to be continued.

    Parameters
    ----------
    out
        A folder to be made: bundle.zip, and log/ as static files.
    """
    from kyc.publish import publish
    from replay import bundle
    from replay.bundle import Keys, Watch
    from replay.scopes import Scope

    if out.exists():
        raise ConflictError("there is something already", field=out.name, remedy="name a new folder")
    about = StreamName("customer", hand.customer) if hand.customer else StreamName("period", "period")
    with listing(about=about, action="export") as page:
        opened = page.opened
        ledger = opened.ledger
        scope = (
            Scope(kind="customer", key=hand.customer)
            if hand.customer
            else Scope(kind="period", since=date(1970, 1, 1), until=ledger.today(), zone=ledger.zone)
        )
        keys = Keys(export=opened.provider.signing_key("export"), log=opened.log_verifier_key, seal=opened.seal)
        stated = bundle.Order(
            recipient=hand.receiver, purpose="custody", legal_basis="AML24-34", actor=hand.actor, order=hand.reason
        )
        opened.sealer.seal()
        out.mkdir(mode=0o700, parents=True)
        written = bundle.export(
            opened.log, opened.sealed, scope, out / "bundle.zip", keys=keys, order=stated,
            watch=Watch(register=lambda exported: _record(page, exported, hand)),
        )  # fmt: skip
        opened.sealer.seal()
        files, size = publish(opened.sealed, out / "log", opened.log_verifier_key)
    screen().answer(
        {
            "package": str(out), "manifest": written.manifest, "events": written.events, "log_size": size,
            "log_key": written.log_key, "export_fingerprint": written.fingerprint,
        },
        [
            f"{out}/bundle.zip: {written.events:,} events, {written.documents:,} documents",
            f"{out}/log: {size:,} entries in {files:,} files; the receiver continues this log",
            f"manifest {written.manifest}",
            "Tell the receiver on another way:",
            f"   log key             {written.log_key}",
            f"   export fingerprint  {written.fingerprint}",
        ],
    )  # fmt: skip


def _record(page: Page, exported: Exported, hand: Hand) -> None:
    """Record the hand-over before the package is there to be taken."""
    from kyc.clock import to_datetime
    from kyc.disposals import origin
    from kyc.domain.operations import CustodyTransferred
    from kyc.retention.disposal import record
    from kyc.retention.register import own_exports
    from replay.handed_out import note

    opened = page.opened
    page.record(exported.customers)
    event = CustodyTransferred(
        occurred_at=to_datetime(opened.clock.now_us()), office="custody", receiver=hand.receiver,
        reason=hand.reason, manifest=exported.manifest, witness=hand.witness,
        streams=len(exported.customers) + 2 * len(exported.accounts),
    )  # fmt: skip
    record(opened.ledger, event, f"custody/{exported.manifest}", origin(hand.actor))
    note(opened.log, own_exports(opened.configuration.home), exported)
