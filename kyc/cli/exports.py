"""The command that writes exports: reads the scope off the options and records what leaves the house."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from kyc.cli.door import Page, asked, listing
from kyc.cli.main import screen
from kyc.domain.submission import StreamName
from kyc.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from kyc.wiring import Service
    from replay import bundle
    from replay.bundle import Exported, Keys
    from replay.scopes import Scope


def register(app: App) -> None:
    """Add the command."""
    app.command(export)


@dataclass(frozen=True, kw_only=True)
class What:
    """What is exported: one of these, or a period by itself."""

    customer: tuple[str, ...] = ()
    """A customer with all accounts; several with --notice."""
    account: tuple[str, ...] = ()
    """An account with its postings; several with --notice."""
    transaction: str = ""
    """A transaction by its reference: every leg, and who holds the accounts."""
    case: str = ""
    """A case with its alerts, reports and customers."""
    order: str = ""
    """What a legal order that was accepted names, and no more."""
    notice: str = ""
    """Number of an inspection notice: the customers and accounts named beside it, or all of a period."""
    since: date | None = None
    """Movements from this day on."""
    withhold: tuple[str, ...] = ()
    """A field of customers' files that is not given, such as phones; the rest stays proved."""
    until: date | None = None
    """Movements until this day; of all else what was recorded by its end. Both alone: everything recorded then."""


@dataclass(frozen=True, kw_only=True)
class Why:
    """For whom, what for, on which basis and by whom; the signed manifest says so."""

    recipient: str = ""
    """Who receives it; by default who asks."""
    purpose: str = "inspection"
    """What for."""
    legal_basis: str = "AML24-22"
    """The article that allows it."""
    permitted_purpose: str = ""
    """What the recipient may use it for; by default the purpose."""
    actor: str = "cli"
    """Who exports, by pseudonym."""


@dataclass(frozen=True, kw_only=True)
class How:
    """In which form."""

    encrypt_to: Path | None = None
    """Certificate (PEM, RSA) of the recipient: only its owner can open the file, which must end in .p7m."""
    timestamp: str = ""
    """Address of a timestamp authority (RFC 3161) that stamps the manifest."""
    timestamp_ca: Path | None = None
    """The authority's CA (PEM)."""
    no_tables: Annotated[bool, Parameter(negative="")] = False
    """Without the inspection tables."""
    no_report: Annotated[bool, Parameter(negative="")] = False
    """Without the report for people."""
    institution: str = "institution"
    """Code of the reporting institution, for tables and reports."""
    parquet: Annotated[bool, Parameter(negative="")] = False
    """The inspection tables as Parquet too; needs the extra `parquet`."""


def export(
    out: Annotated[Path, Parameter(name="--out")],
    why: Annotated[Why, Parameter(name="*")] = Why(),
    what: Annotated[What, Parameter(name="*")] = What(),
    how: Annotated[How, Parameter(name="*")] = How(),
) -> None:
    """Write a signed bundle that verifies without us: events, documents, proofs, verifier.

    Parameters
    ----------
    out
        A folder to be made, or a file that ends in .zip.
    """
    from replay import bundle
    from replay.renderings import Form

    why = replace(why, recipient=why.recipient or asked("export", None).actor.id)
    stated = bundle.Order(**asdict(why), order=what.order or what.notice)
    scope = scope_of(what)
    about = StreamName(scope.kind, scope.key or "period")
    with listing(about=about, action="export") as page, screen().progress("export") as step:
        opened = page.opened
        written = bundle.export(
            opened.log,
            opened.sealed,
            replace(scope, zone=opened.ledger.zone),
            out,
            keys=_keys(opened, how),
            order=stated,
            form=Form(
                tables=not how.no_tables,
                parquet=how.parquet,
                report=not how.no_report,
                institution=how.institution,
            ),
            watch=bundle.Watch(
                register=lambda exported: _register(page, exported, stated),
                progress=lambda events: step(events, 0),
            ),
        )
    _answer(written)


def scope_of(what: What) -> Scope:
    """The one scope that the options name.

    Raises:
        InputError: none, or more than one.
    """
    from kyc.service import export_scope

    return export_scope.scope_of(what)


def _keys(opened: Service, how: How) -> Keys:
    """What signs, stamps and encrypts.

    Raises:
        ConfigurationError: a certificate is missing or unfit.
    """
    from kyc.desk import handing
    from replay.envelope import recipient
    from replay.seals import http_authority

    if bool(how.timestamp) != (how.timestamp_ca is not None):
        raise ConfigurationError(
            "a timestamp and its CA go together", field="timestamp_ca", rule="both or neither",
            remedy="name the CA of the authority, so that the recipient can check its stamp",
        )  # fmt: skip
    certificate = None
    if how.encrypt_to is not None:
        certificate = recipient(_read(how.encrypt_to), opened.clock.now_us())
    return replace(
        handing.keys_of(opened),
        encrypt_to=certificate,
        authority=http_authority(how.timestamp) if how.timestamp else None,
        authority_ca=_read(how.timestamp_ca) if how.timestamp_ca is not None else b"",
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as cause:
        raise InputError("cannot read the certificate", field=path.name, rule="a PEM file") from cause


def _register(page: Page, exported: Exported, stated: bundle.Order) -> None:
    """Record whom the export shows, and the export, before it is there to be taken (seed rule 28)."""
    from kyc.desk import handing

    page.record(exported.customers)
    handing.note(page.opened, exported, stated)


def _answer(written: Exported) -> None:
    screen().answer(
        {
            "path": str(written.path), "events": written.events, "documents": written.documents,
            "customers": list(written.customers), "accounts": list(written.accounts), "log_key": written.log_key,
            "export_fingerprint": written.fingerprint, "ca_fingerprint": written.ca_fingerprint,
            "manifest": written.manifest,
        },
        [
            f"{written.path}: {written.events:,} events, {written.documents:,} documents",
            "Tell the recipient on another way:",
            f"   log key             {written.log_key}",
            f"   export fingerprint  {written.fingerprint}",
            f"   CA fingerprint      {written.ca_fingerprint}",
            f"They run: python verify.py {written.path.name} --log-key … --export-key …",
        ],
    )  # fmt: skip
