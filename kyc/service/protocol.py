"""HTTP/1.1 on a connection: uvicorn's protocol, with the client's certificate in the scope and bounds on heads.

uvicorn 0.54 checks client certificates and does not show them to the application, and it waits without end for the
head of a request. Both are mended here; drop what a later uvicorn does by itself.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kyc.service.identity import CERTIFICATE
from kyc.service.limits import ServiceLimits

HEAD_BYTES_MAX: Final = 65_536
_LATE_SECONDS: Final = 1.0
"""A timer that comes so late says that this process was held up, not the client."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    limits = ServiceLimits()
    """Of the process."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._certificate: bytes | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self._certificate = tls.getpeercert(binary_form=True)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
                self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._certificate is not None:
            self.scope[CERTIFICATE] = self._certificate  # type: ignore[typeddict-unknown-key]
        self._begin_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()

    def _begin_head(self) -> None:
        if self._head_timer is None:
            self._head_bytes = 0
            self._head_timer = self.loop.call_later(self.limits.head_seconds, self._give_up)

    def _end_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        late = self._head_timer is not None and self.loop.time() - self._head_timer.when() > _LATE_SECONDS
        self._head_timer = None
        if late:  # it was we who stood still: what was sent may wait unread
            self._begin_head()
        elif not self.transport.is_closing():
            self.transport.abort()
