"""Commands about records: taking files in, customers, transactions."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from collections.abc import Callable

    from kyc.domain.submission import Receipt
    from kyc.ingest.setting import Setting
    from kyc.intake import Tally
    from kyc.wiring import Service

from kyc.cli.door import looking
from kyc.cli.main import screen, service
from kyc.errors import InputError

Kind = Literal["iso20022", "mt", "csv", "ndjson", "amlsim", "berka"]


def register(app: App) -> None:
    """Add the commands."""
    app.command(ingest)
    customer = App(name="customer", help="What is known of a customer.")
    customer.command(show)
    customer.command(history)
    transaction = App(name="transaction", help="Transactions in full.")
    transaction.command(show_transaction, name="show")
    transaction.command(prove)
    app.command(customer)
    app.command(transaction)


@dataclass(frozen=True, kw_only=True)
class Messages:
    """What messages do not say of themselves."""

    actor: str = "message-reader"
    """Who submits them."""
    branch: str = "HQ"
    """Whose books they are of."""
    purpose: str = "account-service"
    """What for."""
    legal_basis: str = "AML24-34"
    """On which legal basis."""
    accounts: Path | None = None
    """CSV of two columns: an account as messages name it (IBAN, BIC of a bank), its number here."""
    encoding: str = "utf-8"
    """Of mt files, such as latin-1."""


def ingest(
    kind: Kind,
    paths: list[Path],
    /,
    *,
    mapping: Path | None = None,
    dry_run: bool = False,
    strict: bool = False,
    rejects: Path | None = None,
    receipts: Path | None = None,
    messages: Annotated[Messages, Parameter(name="*")] = Messages(),
) -> int:
    """Record the lines or messages of files: good ones are kept, faulty ones explained in the reject file.

    Running the same file again records nothing twice. Exit code 2 if anything was refused.

    Parameters
    ----------
    kind
        What the files are: iso20022 or SWIFT mt messages, csv with a mapping, ndjson, or the public data sets
        amlsim or berka (folders).
    paths
        Files or folders.
    mapping
        TOML file that says how CSV columns become fields (docs/ingest.md).
    dry_run
        Check without recording.
    strict
        Exit code 2 also where a statement does not add up.
    rejects
        Reject file of all sources; default: for each its name with .rejects.ndjson in the present folder.
    receipts
        Folder for the signed receipts of what was recorded.
    messages
        What messages do not say of themselves.
    """
    from kyc import intake

    total = intake.Tally()
    with service() as opened, ExitStack() as stack:
        setting = _setting(messages, opened.ledger.zone)
        shared = None if rejects is None else stack.enter_context(intake.Rejects(rejects))
        for path in paths:
            target = rejects or Path(f"{path.name}.rejects.ndjson")
            lines = intake.read(kind, path, mapping, setting)
            keep = shared or stack.enter_context(intake.Rejects(target))
            with screen().progress(f"ingest {path.name}") as step:

                def told(tally: intake.Tally, step=step) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
                    step(tally.answered, tally.read)

                if dry_run:
                    tally = intake.rehearse(lines, opened.ledger, rejects=keep, progress=told)
                else:
                    tally = intake.take_in(
                        opened.ledger, lines, rejects=keep, progress=told, receipts=_receipts(opened, receipts)
                    )
            total.add(tally)
            _explain(path.name, tally, target)
    verb = "would be recorded" if dry_run else "recorded"
    line = (
        f"{total.recorded:,} {verb} ({total.events:,} events, {total.transactions:,} transactions), "
        f"{total.replayed:,} were there before, {total.refused:,} refused"
    )
    screen().answer(total.counts() | {"dry_run": dry_run}, [line])
    return 2 if total.refused or (strict and total.checks) else 0


def _setting(messages: Messages, zone: ZoneInfo) -> Setting:
    from kyc.ingest.setting import Setting, encoding, load_accounts, origin

    submitter = origin(messages.actor, messages.branch, messages.purpose, messages.legal_basis)
    accounts = load_accounts(messages.accounts) if messages.accounts else {}
    return Setting(submitter, zone, accounts, encoding(messages.encoding))


def _explain(name: str, tally: Tally, target: Path) -> None:
    """What was refused or noticed, where it is explained, and the most frequent reasons."""
    if not (tally.refused or tally.notices):
        return
    screen().say(f"{name}: {tally.refused:,} refused, {tally.notices:,} to look at, explained in {target}")
    for reason, count in tally.reasons.most_common(5):
        screen().say(f"  {count:>8,}  {reason}")


def _receipts(opened: Service, folder: Path | None) -> Callable[[list[Receipt]], None] | None:
    """Writes each batch's receipts as a signed note into the folder."""
    if folder is None:
        return None
    from kyc.publish import sign_receipt

    folder.mkdir(parents=True, exist_ok=True)
    origin, key = opened.log.database.origin(), opened.provider.signing_key("receipt")

    def write(batch: list[Receipt]) -> None:
        if batch:
            name = f"{batch[0].recorded_at}-{batch[0].lane}-{batch[0].position}.receipt"
            (folder / name).write_text(sign_receipt(origin, key, batch), encoding="utf-8")

    return write


def show(number: str, /, *, as_of: str | None = None, about: str | None = None) -> None:
    """A customer as known now, or as recorded until a moment, about now or another day.

    Parameters
    ----------
    number
        The customer number.
    as_of
        A date (its end, in the institution's zone) or an instant such as 2026-03-01T12:00:00+08:00.
    about
        A date or an instant: what was true then, as far as was known; what is known of it by now is marked.
    """
    from replay import history as past

    with looking("customer", number) as opened:
        zone = opened.ledger.zone
        found = past.customer(
            opened.log, number, as_of=moment(as_of, zone), about=moment(about, zone), with_postings=False
        )
        document = past.as_dict(found)
        document.pop("events", None)
        screen().answer(document, past.lines(replace(found, told=()), zone))


def history(
    number: str,
    /,
    *,
    as_of: str | None = None,
    about: str | None = None,
    since: str | None = None,
    postings: bool = True,
) -> None:
    """Everything recorded about a customer and their accounts, and what differs from today.

    Parameters
    ----------
    number
        The customer number.
    as_of
        A date or an instant: what was recorded until then.
    about
        A date or an instant: what was true then, as far as was known; what is known of it by now is marked.
    since
        A date (its beginning) or an instant: only what was recorded from then on is told.
    postings
        Whether the transactions of the accounts are told.
    """
    from replay import history as past

    with looking("customer", number, "replay") as opened:
        zone = opened.ledger.zone
        found = past.customer(
            opened.log, number, as_of=moment(as_of, zone), about=moment(about, zone),
            since=moment(since, zone, end=False), with_postings=postings,
        )  # fmt: skip
        screen().answer(past.as_dict(found), past.lines(found, zone))


def show_transaction(reference: str, /, *, as_of: str | None = None) -> None:
    """One transaction in full: every field, each party as known then and now, documents, proof.

    Parameters
    ----------
    reference
        The bank's transaction reference.
    as_of
        A date or an instant: what was recorded until then.
    """
    from replay import reconstruct

    with looking("transaction", reference) as opened:
        zone = opened.ledger.zone
        found = reconstruct.transaction(opened.log, opened.sealed, reference, as_of=moment(as_of, zone))
        screen().answer(reconstruct.as_dict(found), reconstruct.lines(found, zone))


def prove(reference: str, /, *, out: Path) -> None:
    """The proof that a transaction's first leg is in the signed log, as a .tlog-proof file others can check.

    Parameters
    ----------
    reference
        The bank's transaction reference.
    out
        The file to write.
    """
    from kyc.errors import NotFoundError
    from kyc.publish import prove as proof_of

    with looking("transaction", reference, fields=("proof",)) as opened:
        log = opened.log
        found = log.reader.claim("transaction", log.blinder.claim_key("transaction", reference))
        if found is None:
            raise NotFoundError("no such transaction", field="reference")
        stream, version = found
        (row,) = log.reader.stream(stream, after=version - 1, through=version)
        out.write_text(proof_of(opened.sealed, row), encoding="utf-8")
    screen().answer({"proof": str(out)}, [f"{out}: to be checked under the log key of kyc keys show"])


def moment(text: str | None, zone: ZoneInfo, *, end: bool = True) -> datetime | None:
    """The instant a person means: a date is the end of that day in the zone, or its beginning.

    Raises:
        InputError: neither a date nor an instant with offset.
    """
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is not None and len(text) == len("2026-03-01"):
        return datetime.combine(parsed.date(), time.max if end else time.min, zone)
    if parsed is None or parsed.tzinfo is None:
        raise InputError(
            "neither a date nor an instant", field="as-of", rule="ISO 8601",
            remedy="2026-03-01 or 2026-03-01T12:00:00+08:00",
        )  # fmt: skip
    return parsed
