"""One request while it is answered: what a handler is given, and what it gives back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs

import msgspec
from starlette.types import Receive, Scope

from kyc.access.ask import Actor
from kyc.domain import codec
from kyc.errors import BusyError, InputError
from kyc.service.limits import ServiceLimits
from kyc.service.problem import MediaTypeError, SlowError, TooLargeError

if TYPE_CHECKING:
    from kyc.service.parts import Parts

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
WHOLE: Final = "kyc.whole"
"""What the server puts into the scope once all of the request has come."""
_QUERY_MAX: Final = 50
"""Parameters of one query."""

_REQUEST_ID = re.compile(rb"^[A-Za-z0-9._-]{1,64}$")
_PREFIX: Final = token_hex(6)
_numbers = count(1)

encode = msgspec.json.Encoder(decimal_format="string").encode
T = TypeVar("T")


class Memory:
    """The bodies that are held at once, in bytes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    def take(self, size: int) -> None:
        """Make room.

        Raises:
            BusyError: there is none.
        """
        if self.held + size > self.most:
            raise BusyError(rule=f"at most {self.most} bytes of bodies at once", remedy="try again later")
        self.held += size

    def give(self, size: int) -> None:
        """Give room back."""
        self.held -= size


@dataclass(slots=True, kw_only=True)
class Answer:
    """What is sent back: whole, or piece by piece."""

    status: int = 200
    body: bytes | AsyncIterator[bytes] = b""
    media_type: str = JSON
    cache: str = "no-store"
    """What caches on the way may do."""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


@dataclass(slots=True)
class Call:
    """One request. ``actor`` is set where the route asks for one."""

    scope: Scope
    receive: Receive
    parts: Parts
    id: str
    actor: Actor | None = None
    held: int = 0
    """Bytes taken of the memory, given back when the request is answered."""

    @property
    def caller(self) -> Actor:
        """Who calls, on a route that only lets in who is known."""
        assert self.actor is not None, "the route is public"
        return self.actor

    @property
    def path(self) -> dict[str, Any]:
        """The parameters of the path."""
        return self.scope.get("path_params", {})  # type: ignore[no-any-return]

    def query(self) -> dict[str, str]:
        """The parameters of the query; the last of several counts.

        Raises:
            InputError: there are too many.
        """
        text = self.scope["query_string"].decode("ascii", "replace")
        try:
            found = parse_qs(text, keep_blank_values=True, max_num_fields=_QUERY_MAX)
        except ValueError:
            raise InputError("too many parameters", field="query", rule=f"at most {_QUERY_MAX}") from None
        return {name: values[-1] for name, values in found.items()}

    def header(self, name: bytes) -> bytes:
        """A header, named in lower case; empty where there is none."""
        return header(self.scope, name)

    def hold(self, size: int) -> None:
        """Count bytes that the request makes us hold.

        Raises:
            BusyError: all requests together hold too much.
        """
        self.parts.memory.take(size)
        self.held += size

    def release(self, size: int | None = None) -> None:
        """So many bytes are no longer held; None: the request is answered."""
        given = self.held if size is None else min(size, self.held)
        self.parts.memory.give(given)
        self.held -= given

    async def body(self, *media_types: str) -> bytes:
        """The whole body.

        Raises:
            MediaTypeError: it is said to be something else.
            TooLargeError: it is longer than is taken.
            SlowError: it did not arrive in time.
            BusyError: there is no room for it now.
        """
        self.expect(*media_types)
        limits = self.parts.limits
        said = self.header(b"content-length")
        if said and (not said.isdigit() or int(said) > limits.body_bytes):
            raise _too_large(limits)
        self.hold(int(said) if said else 0)
        message = await self.first(limits.body_seconds)
        body: bytes = message.get("body", b"")
        if len(body) > limits.body_bytes:
            raise _too_large(limits)
        if len(body) > self.held:
            self.hold(len(body) - self.held)
        if not message.get("more_body", False):
            return body
        return await self._rest(body, limits)

    async def first(self, seconds: float) -> Any:
        """The next piece of the body."""
        if WHOLE in self.scope:
            return await self.receive()  # it is here: no timer
        try:
            async with asyncio.timeout(seconds):
                return await self.receive()
        except TimeoutError:
            raise SlowError(rule=f"within {seconds:g} seconds", remedy="send it again") from None

    def expect(self, *media_types: str) -> None:
        """Refuse a body that is said to be of another kind."""
        said = self.header(b"content-type").decode("latin-1")
        if said not in media_types and said.partition(";")[0].strip().lower() not in media_types:
            raise MediaTypeError(field="content-type", rule=" or ".join(media_types), remedy="name it")
        if self.header(b"content-encoding").lower() not in {b"", b"identity"}:  # nothing is unpacked: no bombs
            raise MediaTypeError(field="content-encoding", rule="none", remedy="send it unpacked")

    async def _rest(self, first: bytes, limits: ServiceLimits) -> bytes:
        pieces, size, counted = [first], len(first), self.held
        try:
            async with asyncio.timeout(limits.body_seconds):
                while True:
                    message = await self.receive()
                    if message["type"] == "http.disconnect":
                        raise SlowError("the client went away")
                    piece = message.get("body", b"")
                    size += len(piece)
                    if size > limits.body_bytes:
                        raise _too_large(limits)
                    if size > counted:
                        self.hold(size - counted)
                        counted = size
                    pieces.append(piece)
                    if not message.get("more_body", False):
                        return b"".join(pieces)
        except TimeoutError:
            raise SlowError(rule=f"within {limits.body_seconds:g} seconds", remedy="send it again") from None


Handler = Callable[[Call], Awaitable[Answer]]


def header(scope: Scope, name: bytes) -> bytes:
    """A header of a request, named in lower case; empty where there is none."""
    for known, value in scope["headers"]:
        if known == name:
            return value  # type: ignore[no-any-return]
    return b""


def request_id(scope: Scope) -> str:
    """The id the client gave the request, where it is a plain one, else one of ours."""
    given = header(scope, b"x-request-id")
    return given.decode() if _REQUEST_ID.match(given) else f"{_PREFIX}-{next(_numbers):x}"


def answer_json(document: Any, status: int = 200) -> Answer:
    """A JSON answer."""
    return Answer(status=status, body=encode(document))


def decoded(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """A body as what it is to be.

    Raises:
        InputError: it is something else; says what, never a value.
    """
    try:
        return decoder.decode(body)
    except codec.UNREADABLE as cause:
        raise InputError(str(cause).split(" - ")[0], field="body", rule="see /openapi.json") from None


def _too_large(limits: ServiceLimits) -> TooLargeError:
    return TooLargeError(
        field="body", rule=f"at most {limits.body_bytes} bytes", remedy="smaller batches, or /v1/events:stream"
    )
