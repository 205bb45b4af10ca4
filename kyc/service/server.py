"""Running the service: sockets, TLS, signals; one process, or several that share the port (SO_REUSEPORT).

Told to stop, a process takes no more connections, answers what it has begun, and only then lets go of the ledger.
"""

from __future__ import annotations

import gc
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

import msgspec
import uvicorn

from kyc.clock import SystemClock
from kyc.errors import ConfigurationError
from kyc.logs import logger
from kyc.service import development, identity
from kyc.service.application import Application
from kyc.service.identity import Identity
from kyc.service.limits import ServiceLimits
from kyc.service.oidc import Issuer
from kyc.service.parts import Parts
from kyc.service.protocol import Protocol
from kyc.service.sessions import Sessions
from kyc.settings import GC_THRESHOLDS
from kyc.wiring import Configuration, Service, open_service

SWITCH_SECONDS: Final = 0.001
"""How long the ledger's thread may keep the event loop from answering; Python's own default is five times that."""
_BACKLOG: Final = 1_024

_log = logger("server")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How the service is reached, and by whom."""

    host: str = "127.0.0.1"
    port: int = 8443
    processes: int = 1
    certificate: str = ""
    """PEM file of the server's certificate chain; empty: plain HTTP."""
    key: str = ""
    """PEM file of its key."""
    client_ca: str = ""
    """PEM file of the authorities of client certificates."""
    identity: str = ""
    """The identity file."""
    development: bool = False
    behind_proxy: bool = False
    """Somebody else on this network ends TLS."""

    @property
    def url(self) -> str:
        """Where the service answers."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.certificate else 'http'}://{host}:{self.port}"


def check(configuration: Configuration, options: Options) -> None:
    """Refuse what cannot work, or what nobody should run.

    Raises:
        ConfigurationError: names the option.
    """
    if options.development:
        development.allow(configuration, options.host)
    elif not options.identity:
        raise ConfigurationError(
            "nobody could log in", field="--identity", rule="accounts or issuers",
            remedy="--identity FILE, or --development to try it out",
        )  # fmt: skip
    if options.client_ca and not options.certificate:
        raise ConfigurationError(
            "client certificates need TLS", field="--client-ca", remedy="--tls-cert, --tls-key"
        )
    if bool(options.certificate) != bool(options.key):
        raise ConfigurationError("half of a key pair", field="--tls-cert", rule="both --tls-cert and --tls-key")
    if not options.certificate and not options.behind_proxy and not development.loopback(options.host):
        raise ConfigurationError(
            "tokens would travel in the clear", field="--host", rule="TLS, or a loopback address",
            remedy="--tls-cert and --tls-key, or --behind-proxy where a proxy ends TLS",
        )  # fmt: skip
    if options.identity:
        identity.read(Path(options.identity))


def bind(options: Options) -> socket.socket:
    """A socket bound to the address, not listening yet; others of ours may bind to it too.

    Raises:
        ConfigurationError: the address is taken, or not ours.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if options.processes > 1:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((options.host, options.port))
    except OSError as cause:
        bound.close()
        raise ConfigurationError(
            "the address cannot be used", field="--port", rule=cause.strerror, remedy="another port or host"
        ) from None
    return bound


def run(configuration: Configuration, options: Options, bound: socket.socket, ready: Callable[[], None]) -> None:
    """Serve on a bound socket until told to stop; ``ready`` is called once connections are taken."""
    gc.set_threshold(*GC_THRESHOLDS)
    sys.setswitchinterval(SWITCH_SECONDS)
    if options.development:
        _log.warning("DEVELOPMENT ISSUER: anyone on this machine can make a token", development=True)
    with open_service(configuration) as service:
        Server(service, options, ready).run(sockets=[bound])


class Server(uvicorn.Server):
    """uvicorn around the application of one open service."""

    def __init__(
        self, service: Service, options: Options, ready: Callable[[], None], limits: ServiceLimits | None = None
    ) -> None:
        chosen = limits or ServiceLimits()
        callers = _identity(service, options)
        self._application = Application(lambda description: Parts(service, callers, description, chosen))
        self._ready = ready
        _quiet()
        super().__init__(uvicorn.Config(
            self._application, http=type("Bounded", (Protocol,), {"limits": chosen}), ws="none", loop="auto",
            lifespan="on", log_config=None, access_log=False, server_header=False, proxy_headers=False,
            backlog=_BACKLOG, timeout_keep_alive=chosen.idle_seconds,
            timeout_graceful_shutdown=chosen.drain_seconds, **_tls(options),
        ))  # fmt: skip

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  what signals hand over
        """Stop in order, at a second SIGINT at once. The signal is not raised again: the ledger is closed."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.stop()

    def stop(self) -> None:
        """Take no more connections, answer what was begun, end; from any thread."""
        self.should_exit = True
        self._application.drain()


def _identity(service: Service, options: Options) -> Identity:
    clock = SystemClock()
    found = identity.read(Path(options.identity)) if options.identity else identity.IdentityFile()
    issuers = [Issuer(settings, clock) for settings in found.issuer]
    if options.development:
        issuers.append(development.issuer(service.provider.signing_key(development.KEY), clock))
    return Identity(found.account, issuers, clock, Sessions(service.configuration.home, clock))


def _tls(options: Options) -> dict[str, Any]:
    if not options.certificate:
        return {}
    tls: dict[str, Any] = {"ssl_certfile": options.certificate, "ssl_keyfile": options.key}
    if options.client_ca:
        people = bool(options.identity) and bool(identity.read(Path(options.identity)).issuer)
        tls["ssl_ca_certs"] = options.client_ca
        # where people log in by token too, a line without certificate must be possible; a wrong one never is
        tls["ssl_cert_reqs"] = ssl.CERT_OPTIONAL if people else ssl.CERT_REQUIRED
    return tls


class _Words(logging.Handler):
    """The server's own warnings as lines of ours: their templates, never what was put into them."""

    def emit(self, record: logging.LogRecord) -> None:
        _log.warning("http server", rule=str(record.msg)[:200], level=record.levelname.lower())


def _quiet() -> None:
    server = logging.getLogger("uvicorn")
    server.handlers, server.propagate = [_Words()], False
    server.setLevel(logging.WARNING)
