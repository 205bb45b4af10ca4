"""HTTP/1.1 on a connection: uvicorn's protocol, with the client's certificate in the scope and bounds on clients.

uvicorn 0.54 checks client certificates and does not show them to the application. It waits without end for the head
of a request, for the rest of one it has answered, and for a client that reads no answers; it keeps whatever stands
in trailers, takes requests with two hosts, and refuses what is no HTTP in plain text. All that is mended here; drop
what a later uvicorn does by itself.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kyc.errors import InputError
from kyc.logs import logger
from kyc.service.call import WHOLE
from kyc.service.identity import CERTIFICATE
from kyc.service.limits import ServiceLimits
from kyc.service.outgoing import Outgoing
from kyc.service.problem import MEDIA_TYPE, problem_of

OVERHEAD_BYTES_MAX: Final = 65_536
"""What a request may have beside its body, and as much again as that is long: head, sizes of chunks, trailers."""
_LATE_SECONDS: Final = 1.0
"""A timer that comes so late says that this process was held up, not the client."""
_ONCE: Final = frozenset({b"host", b"authorization", b"content-type", b"content-encoding"})
"""Headers of which two would let two readers of one request understand two things (RFC 9112 §3.2)."""
_NO_HTTP: Final = msgspec.json.encode(
    problem_of(InputError("not an HTTP request", field="head", rule="RFC 9112", remedy="use an HTTP client"))
)

_log = logger("server")


class TwiceError(ValueError):
    """A header that may stand once stands twice, or the host is missing."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    limits = ServiceLimits()
    """Of the process."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._certificate: bytes | None = None
        self._reading: asyncio.TimerHandle | None = None
        """Until when the client must have sent what we wait for."""
        self._writing: asyncio.TimerHandle | None = None
        """Until when it must have read what it is owed."""
        self._overhead = 0
        self._in_head = False
        self._whole = True
        """Whether all of the last request has come."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = Outgoing(transport, self.loop)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self._certificate = tls.getpeercert(binary_form=True)
        self._await_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._await_nothing()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > OVERHEAD_BYTES_MAX and not self.transport.is_closing():
            self.transport.abort()
        elif self._in_head:  # a head that came whole needs no timer
            self._await_more()

    # --- what the parser finds ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._certificate is not None:
            self.scope[CERTIFICATE] = self._certificate  # type: ignore[typeddict-unknown-key]
        self._in_head, self._whole = True, False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # a trailer could say what the head must say, and is nothing we asked for
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        once = [name for name, _ in self.headers if name in _ONCE]
        if len(set(once)) < len(once) or (b"host" not in once and self.parser.get_http_version() == "1.1"):
            raise TwiceError
        self._await_nothing()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._overhead -= 2 * len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._overhead = 0
        self._whole = True
        self.scope[WHOLE] = True  # type: ignore[typeddict-unknown-key]
        self._await_nothing()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and not self._whole:
            self._await_more()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's words
        head = (
            "HTTP/1.1 400 Bad Request", f"content-type: {MEDIA_TYPE}", f"content-length: {len(_NO_HTTP)}",
            "cache-control: no-store", "connection: close", "", "",
        )  # fmt: skip
        self.transport.write("\r\n".join(head).encode() + _NO_HTTP)
        self.transport.close()

    # --- clients that stall ---------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(self.limits.write_seconds, self._unread)

    def resume_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        super().resume_writing()

    def _unread(self) -> None:
        self._writing = None
        _log.warning("client does not read", seconds=self.limits.write_seconds)
        self.transport.abort()

    def _await_more(self) -> None:
        if self._reading is None:
            self._reading = self.loop.call_later(self.limits.head_seconds, self._give_up)

    def _await_nothing(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _give_up(self) -> None:
        late = self._reading is not None and self.loop.time() - self._reading.when() > _LATE_SECONDS
        self._reading = None
        if late:  # it was we who stood still: what was sent may wait unread
            self._await_more()
        elif not self.transport.is_closing():
            self.transport.abort()
