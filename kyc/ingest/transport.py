"""One line to the service: TLS with the branch's certificate, kept open between requests, made anew when it breaks.

Certificate, key and authorities are read again whenever their files change, so that a certificate is exchanged
without a restart; while the new files do not fit together yet, the line goes on with the old ones.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from kyc.clock import Clock, SystemClock, to_datetime
from kyc.errors import ConfigurationError, UnreachableError
from kyc.ingest.limits import BranchLimits
from kyc.logs import logger

_log = logger("branch")
_CHUNK: Final = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who we are and whom we believe; all are files that may be exchanged while we run."""

    certificate: Path | None = None
    """PEM: the branch's certificate chain."""
    key: Path | None = None
    """PEM: its private key."""
    authorities: Path | None = None
    """PEM: who may vouch for the service; None: the machine's own list."""
    token: Path | None = None
    """A bearer token, where the service knows us by one."""

    def stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Changes when a file does."""
        return tuple([_stamp(path) for path in (self.certificate, self.key, self.authorities)])


class Response(NamedTuple):
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Transport:
    """A line to one service. Not thread-safe: one request after the other."""

    def __init__(
        self, url: str, credentials: Credentials, limits: BranchLimits | None = None, clock: Clock | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
            raise ConfigurationError("not the address of a service", field="url", rule="https://HOST[:PORT]")
        if parts.scheme == "http" and not _loopback(parts.hostname):
            raise ConfigurationError(
                "customers' data would travel in the clear", field="url", rule="https, or a loopback address"
            )
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._base = parts.path.rstrip("/")
        self._credentials = credentials
        self._limits = limits or BranchLimits()
        self._clock = clock or SystemClock()
        self._stamp: tuple[tuple[int, int, int] | None, ...] = ()
        self._context: ssl.SSLContext | None = None
        self._line: http.client.HTTPConnection | None = None

    def post(self, path: str, body: bytes, media_type: str) -> Response:
        """Send a body and read the answer.

        Raises:
            UnreachableError: no answer; the request may have been served all the same.
            ConfigurationError: the certificate or the token cannot be used.
        """
        headers = {"content-type": media_type, "accept": "application/json"} | self._authorization()
        self._renew()
        kept = self._line is not None
        try:
            return self._exchange(path, body, headers)
        except (OSError, http.client.HTTPException) as cause:
            self.close()
            if not kept or isinstance(cause, TimeoutError):
                raise self._unreachable(cause) from cause
        try:
            return self._exchange(path, body, headers)  # a kept line may have been closed from the other side
        except (OSError, http.client.HTTPException) as cause:
            self.close()
            raise self._unreachable(cause) from cause

    def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _exchange(self, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        line = self._opened()
        now = {"date": format_datetime(to_datetime(self._clock.now_us()), usegmt=True)}
        line.request("POST", self._base + path, body, dict(headers) | now)
        with line.getresponse() as answer:
            content = bytearray()
            while piece := answer.read(_CHUNK):
                content += piece
                if len(content) > self._limits.answer_bytes:
                    raise http.client.HTTPException("the answer does not end")
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Response(answer.status, found, bytes(content))

    def _opened(self) -> http.client.HTTPConnection:
        if self._line is None:
            if self._secure:
                assert self._context is not None, "renewed before every request"
                line: http.client.HTTPConnection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=self._limits.connect_seconds, context=self._context
                )
            else:
                line = http.client.HTTPConnection(self._host, self._port, timeout=self._limits.connect_seconds)
            line.connect()
            line.sock.settimeout(self._limits.answer_seconds)
            self._line = line
        return self._line

    def _renew(self) -> None:
        """Take up exchanged certificate files."""
        if not self._secure:
            return
        stamp = self._credentials.stamp()
        if stamp == self._stamp:
            return
        try:
            context = _context(self._credentials)
        except (OSError, ssl.SSLError) as cause:
            if self._context is None:
                raise ConfigurationError(
                    "the certificate cannot be used", field="certificate", rule=type(cause).__name__,
                    remedy="a PEM certificate and its key",
                ) from None  # fmt: skip
            _log.warning("exchanged certificate files do not fit together", error=type(cause).__name__)
            return
        self.close()
        self._context, self._stamp = context, stamp

    def _authorization(self) -> dict[str, str]:
        if self._credentials.token is None:
            return {}
        try:
            token = self._credentials.token.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError("the token cannot be read", field="token", rule="a file") from None
        return {"authorization": f"Bearer {token}"}

    def _unreachable(self, cause: Exception) -> UnreachableError:
        return UnreachableError(field="url", rule=type(cause).__name__, remedy="line, address and certificates")


def _context(credentials: Credentials) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=credentials.authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if credentials.certificate is not None:
        context.load_cert_chain(credentials.certificate, credentials.key, password=_no_password)
    return context


def _no_password() -> str:
    """Nobody is there to be asked: an encrypted key is refused."""
    raise ssl.SSLError("the key is encrypted")


def _stamp(path: Path | None) -> tuple[int, int, int] | None:
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
