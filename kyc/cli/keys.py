"""Commands about keys: shown, handed over, declared compromised."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from kyc.cli.main import screen, service
from kyc.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from kyc.signing import Witnessed
    from kyc.wiring import Service


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """Who stamps, from outside."""

    timestamp: str = ""
    """Address of a timestamp authority (RFC 3161)."""
    timestamp_ca: Path | None = None
    """The authority's CA (PEM)."""


def register(app: App) -> None:
    """Add the commands."""
    keys = App(name="keys", help="Signing keys and key-encryption keys.")
    keys.command(show)
    keys.command(rotate)
    keys.command(history)
    keys.command(compromised)
    app.command(keys)


def authority(how: Stamp) -> Witnessed | None:
    """The timestamp authority that the options name, if they do.

    Raises:
        ConfigurationError: only its address is named, or only its CA.
    """
    from kyc.signing import Witnessed
    from replay.seals import http_authority

    if bool(how.timestamp) != (how.timestamp_ca is not None):
        raise ConfigurationError(
            "a timestamp and its CA go together", field="timestamp_ca", rule="both or neither",
            remedy="name the CA of the authority, so that its stamp can be checked",
        )  # fmt: skip
    if how.timestamp_ca is None:
        return None
    return Witnessed(http_authority(how.timestamp), *certificates([how.timestamp_ca]))


def certificates(paths: list[Path]) -> list[Certificate]:
    """The certificate in each file.

    Raises:
        InputError: one cannot be read.
    """
    from cryptography.x509 import load_pem_x509_certificate

    found = []
    for path in paths:
        try:
            found.append(load_pem_x509_certificate(path.read_bytes()))
        except (OSError, ValueError) as cause:
            raise InputError("cannot read the certificate", field=path.name, rule="a PEM file") from cause
    return found


def show() -> None:
    """The public keys to hand to auditors, and the key-encryption key in use."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from replay import bundle

    with service() as opened:
        signing = opened.provider.signing_key("export")
        pem = signing.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        document = {
            "log_key": opened.log_verifier_key, "receipt_key": opened.receipt_verifier_key, "export_key": pem,
            "export_fingerprint": bundle.fingerprint_of(signing), "ca_fingerprint": opened.seal.ca_fingerprint,
            "kek": opened.provider.kek_id,
        }  # fmt: skip
        screen().answer(
            document,
            [
                f"log verifier key     {document['log_key']}",
                f"receipt verifier key {document['receipt_key']}",
                f"export fingerprint   {document['export_fingerprint']}",
                f"CA fingerprint       {document['ca_fingerprint']}",
                f"key-encryption key   {document['kek']}",
                "",
                pem.rstrip(),
            ],
        )


def rotate(
    *,
    signing: Literal["log", "receipt", "export"] | None = None,
    actor: str = "cli",
    how: Annotated[Stamp, Parameter(name="*")] = Stamp(),
) -> None:
    """Make a new key: for wrapping data keys, or with --signing one that signs from now on.

    Old data keys stay readable. A signing key hands over to its successor in a statement that both sign, so whoever
    was told the old one can check the new one, and the other way round (kyc keys history).

    Parameters
    ----------
    signing
        Which signing key is replaced; without it the key-encryption key.
    actor
        Who does it, by pseudonym.
    """
    from kyc.keys.file_provider import FileKeyProvider
    from kyc.signing import rotate as hand_over

    with service() as opened:
        if signing is not None:
            said = hand_over(opened, signing, actor, authority(how))
            screen().answer(
                {"role": said.role, "old": str(said.old), "new": str(said.new), "size": said.size},
                [f"{said.new} signs from {said.size:,} leaves on, in place of", f"{said.old}"],
            )
            return
        if not isinstance(opened.provider, FileKeyProvider):
            raise ConfigurationError("this provider rotates its keys itself", field="KYC_KEYS")
        kek = opened.provider.rotate()
        screen().answer({"kek": kek}, [f"new data keys are wrapped under key-encryption key {kek}"])


def history(*, out: Path | None = None) -> None:
    """Every signing key there was and its time, as far as the keys in use lead.

    Parameters
    ----------
    out
        Where the signed statements go, for those who verify older exports (keys.ndjson).
    """
    from kyc import files

    with service() as opened:
        periods = _periods(opened)
        if out is not None:
            files.write(out, opened.sealed.key_history())
    screen().answer({"keys": periods}, [_told(period) for period in periods])


def _periods(opened: Service) -> list[dict[str, Any]]:
    from kyc.clock import to_datetime
    from kyc.evidence import key_history
    from kyc.evidence.key_history import Kept
    from kyc.signing import signer_of

    said = [Kept(key_history.open_statement(text)) for _, text in opened.sealed.key_statements()]
    found = []
    for role in key_history.NAMES:
        for period in key_history.line([signer_of(opened, role).verifier], said):
            times = {"since": period.since, "until": period.until, "compromised": period.compromised}
            found.append(
                {"role": role, "key": str(period.key), "after": period.after, "through": period.through}
                | {name: to_datetime(at).isoformat() if at is not None else None for name, at in times.items()}
            )
    return found


def _told(period: dict[str, Any]) -> str:
    span = f"{period['since'] or 'the beginning'} to {period['until'] or 'now'}"
    if period["role"] == "log":
        span += f", {(period['after'] or 0):,} to {period['through'] or 'all'} leaves"
    worse = f", COMPROMISED from {period['compromised']}" if period["compromised"] else ""
    return f"{period['role']:<8}{period['key']}\n        {span}{worse}"


def compromised(key: str, /, *, since: Annotated[str, Parameter(name="--from")], actor: str = "cli") -> None:
    """Declare that others may have signed with a key from a day on: what is shown to be older stays good.

    Parameters
    ----------
    key
        The verifier key, as kyc keys history prints it; it must have been handed over.
    since
        From when on: a day (its beginning, in the institution's zone) or an instant.
    actor
        Who declares it, by pseudonym.
    """
    from kyc.cli.records import moment
    from kyc.clock import from_datetime
    from kyc.signing import compromise

    with service() as opened:
        at = moment(since, opened.ledger.zone, end=False)
        assert at is not None, "a text gives a moment"
        said = compromise(opened, key, from_datetime(at), actor)
        screen().answer(
            {"role": said.role, "key": str(said.key), "from": at.isoformat()},
            [f"declared: {said.key} is not to be believed from {at.isoformat()} on"],
        )
