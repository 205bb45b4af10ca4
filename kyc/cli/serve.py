"""``kyc serve`` and ``kyc token``: the HTTP service, and a token to try it out with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter, validators

from kyc.cli.main import configuration, screen, service


def register(app: App) -> None:
    """Add the commands."""
    for command in (serve, token):
        app.command(command)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tls:
    """Transport security."""

    tls_cert: Path | None = None
    """PEM file of the server's certificate chain."""
    tls_key: Path | None = None
    """PEM file of its key."""
    client_ca: Path | None = None
    """PEM file of the authorities whose client certificates are believed."""
    behind_proxy: Annotated[bool, Parameter(negative="")] = False
    """Plain HTTP on another address than loopback, because a proxy ends TLS."""


_PLAIN = _Tls()


def serve(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65_535))] = 8443,
    processes: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=64))] = 1,
    identity: Path | None = None,
    development: Annotated[bool, Parameter(negative="")] = False,
    tls: Annotated[_Tls, Parameter(name="*")] = _PLAIN,
) -> None:
    """Run the HTTP service until terminated (docs/api.md).

    Parameters
    ----------
    host
        Address to listen on.
    port
        Port to listen on; 0 takes a free one.
    processes
        How many processes share the port.
    identity
        Who may call: service accounts and OpenID issuers (docs/api.md, Callers).
    development
        Believe tokens of `kyc token`; for the embedded database on this machine only.
    """
    import msgspec

    from kyc.service import server
    from kyc.service.crew import run_many

    options = server.Options(
        host=host, port=port, processes=processes, certificate=str(tls.tls_cert or ""), key=str(tls.tls_key or ""),
        client_ca=str(tls.client_ca or ""), identity=str(identity or ""), development=development,
        behind_proxy=tls.behind_proxy,
    )  # fmt: skip
    chosen = configuration()
    server.check(chosen, options)
    bound = server.bind(options)
    options = msgspec.structs.replace(options, port=bound.getsockname()[1])

    def ready() -> None:
        screen().announce({"url": options.url, "processes": processes}, f"listening on {options.url}")

    if processes == 1:
        server.run(chosen, options, bound, ready)
    else:
        run_many(chosen, options, bound, ready)


def token(
    *,
    actor: str,
    branch: str,
    role: list[str],
    minutes: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=720))] = 60,
) -> None:
    """A token for a service that runs with --development; refused where the database is not the embedded one.

    Parameters
    ----------
    actor
        Code of who is to call.
    branch
        Code of the branch.
    role
        Role; may be given several times.
    minutes
        How long it holds.
    """
    from kyc.service import development

    chosen = configuration()
    development.allow(chosen)
    with service() as opened:
        made = development.token(
            opened.provider.signing_key(development.KEY), opened.clock, actor=actor, branch=branch, roles=role,
            seconds=minutes * 60,
        )  # fmt: skip
    screen().answer({"token": made}, [made])
