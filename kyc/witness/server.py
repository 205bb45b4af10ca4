"""The witness over HTTP: ``POST /add-checkpoint``, ``GET /<origin hash>/checkpoint``, and the mirrored logs.

A copy of a log, where one is kept, is served below ``/mirror/<origin hash>/`` in the layout of C2SP tlog-tiles.
Requests carry no secrets and need no login; TLS and rate limits are a reverse proxy's business. Every request has a
bounded body and a time limit, and only so many are answered at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore
from typing import Final

from kyc.errors import FormatError, KycError
from kyc.evidence.tiles import Place
from kyc.logs import logger
from kyc.witness import protocol
from kyc.witness.protocol import Answer
from kyc.witness.state import CHECKPOINT, MIRROR, State
from kyc.witness.witness import Witness

SECONDS_PER_REQUEST: Final = 30
REQUESTS_AT_ONCE: Final = 64
_CHECKPOINT: Final = re.compile(r"/(?P<hash>[0-9a-f]{64})/checkpoint")
_MIRROR: Final = re.compile(r"/mirror/(?P<hash>[0-9a-f]{64})/(?P<path>.{1,200})")
_log = logger("witness")


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness; ``port`` 0 takes a free one."""

    daemon_threads = True

    def __init__(self, host: str, port: int, state: State, witness: Witness) -> None:
        super().__init__((host, port), _Handler)
        self.state = state
        self.witness = witness
        self.room = BoundedSemaphore(REQUESTS_AT_ONCE)

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "kyc-witness"
    sys_version = ""
    timeout = SECONDS_PER_REQUEST
    server: WitnessServer

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > protocol.BODY_MAX:
            self.close_connection = True  # the body was not read
            self._answer(Answer(413 if length.isdigit() else 411, "a body of known and bounded length\n"))
            return
        body = self.rfile.read(int(length))
        if self.path != protocol.PATH:
            self._answer(Answer(404, "no such call\n"))
            return
        self._guarded(lambda: self.server.witness.add_checkpoint(body))

    def do_GET(self) -> None:
        self._guarded(self._get)

    def _get(self) -> Answer | bytes:
        if found := _CHECKPOINT.fullmatch(self.path):
            text = self.server.witness.checkpoint(found["hash"])
            return Answer(200, text) if text is not None else Answer(404, "nothing cosigned of that log\n")
        if found := _MIRROR.fullmatch(self.path):
            return self._mirrored(found["hash"], found["path"])
        return Answer(404, "nothing here\n")

    def _mirrored(self, hashed: str, path: str) -> Answer | bytes:
        try:
            name = path if path == CHECKPOINT else Place.parse(path).path  # no other path is ever looked at
        except FormatError:
            return Answer(404, "not the path of a tile\n")
        file = self.server.state.folder / hashed / MIRROR / name
        return file.read_bytes() if file.is_file() else Answer(404, "not mirrored\n")

    def _guarded(self, work: Callable[[], Answer | bytes]) -> None:
        if not self.server.room.acquire(blocking=False):
            self._answer(Answer(503, "busy\n"))
            return
        try:
            answer = work()
        except KycError as fault:
            _log.error("not answered", error=fault.message)
            answer = Answer(500, "the witness's own record does not verify\n")
        finally:
            self.server.room.release()
        self._answer(answer)

    def _answer(self, answer: Answer | bytes) -> None:
        if isinstance(answer, bytes):
            status, type, content = 200, "application/octet-stream", answer
        else:
            status, type, content = answer.status, answer.type, answer.body.encode()
        self.send_response(status)
        self.send_header("Content-Type", type)
        self.send_header("Content-Length", str(len(content)))
        if status == 503:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        _log.info("request", line=format % arguments)
