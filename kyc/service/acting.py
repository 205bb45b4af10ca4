"""Acts over HTTP: what a desk does. Decided by the matrix, recorded once, and answered again when it is said again.

An act is said under a key (``Idempotency-Key``), which the events that it leaves carry. So what is sent again
finds them, and is answered by them before anything is asked, as an append is; with other content it is a conflict.
What takes two people is first put into a proposal (:mod:`kyc.service.proposing`) and done when the second has
approved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from kyc.desk.clerk import Clerk, Desk, conflict
from kyc.domain import codec
from kyc.domain.answer import RecordedEvent
from kyc.domain.event import Event
from kyc.domain.submission import StreamName
from kyc.errors import InputError
from kyc.ledger import Ledger
from kyc.service import position
from kyc.service.append import recorded_event
from kyc.service.call import JSON, Answer, Call, Handler, encode
from kyc.service.door import stated
from kyc.store.log import receipt

Body = TypeVar("Body", bound=msgspec.Struct)
_KEY: Final = re.compile(r"[!-~]{1,64}")


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing more is to be said: ``{}``."""


class Done(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An act that was done."""

    act: str
    recorded: list[RecordedEvent]
    """The events that it left."""
    replayed: bool = False
    """It was done before under this key; these are the events of that time."""
    position: str = ""
    """Pass it as ``wait`` to a read that must see these events."""
    result: dict[str, Any] = {}
    """What came of it, where that is more than that it was done."""


@dataclass(frozen=True, slots=True)
class Said:
    """An act as somebody says it: the parameters of the path, and the body."""

    path: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act of a desk."""

    name: str
    """The act of the matrix."""
    path: str
    summary: str
    body: type[msgspec.Struct] = Nothing
    prepare: Callable[[Any], Any] = lambda body: body
    """Completes the body by what follows from it alone."""
    desk: type[Desk]
    subject: Callable[[Said], StreamName]
    """What the door is asked about."""
    streams: Callable[[Any, Said], tuple[StreamName, ...]] | None = None
    """Where its events stand, in their order; None: with the subject."""
    leaves: tuple[type[Event], ...]
    """What it leaves: any of these."""
    do: Callable[..., Any]
    """``do(desk, said)``, of two ``do(desk, said, second)``."""
    tell: Callable[[Any, Said, Any], dict[str, Any]] = lambda _, __, ___: {}
    """What came of it: by the desk, what was said, and what ``do`` gave (None where it was done before)."""


def single(act: Act) -> Handler:
    """The handler of what one person may do."""

    async def handler(call: Call) -> Answer:
        said, key = Said(call.path, act.prepare(await read(call, act.body))), key_of(call)
        clerk = clerk_of(call)
        return Answer(body=await call.parts.looks.run(call, lambda: perform(call, act, said, key, clerk)))

    return handler


def perform(call: Call, act: Act, said: Said, key: str, *people: Clerk) -> bytes:
    """Do an act in the name of the first of the people, or find it done under this key.

    Raises:
        AccessDeniedError: the matrix does not let them.
        ConflictError: the key stands for something else.
        KycError: as the desk says.
    """
    clerk, *others = people
    desk = desk_of(call, act, clerk, key)
    streams = act.streams(desk, said) if act.streams else (act.subject(said),)
    replayed, came = desk.before(*streams), None
    if replayed:
        _hold_to(act, said, [one.event for one in desk.done if one.event is not None])
    else:
        came = act.do(desk, said, *others)
    receipts = [receipt(one.row, replayed=replayed) for one in desk.done]
    return encode(
        Done(
            act=act.name, recorded=list(map(recorded_event, receipts)), replayed=replayed,
            position=position.format(position.vector(receipts)) if receipts else "",
            result=act.tell(desk, said, came),
        )
    )  # fmt: skip


def desk_of(call: Call, act: Act, clerk: Clerk, key: str = "") -> Desk:
    """The act's desk. The ledger of appends belongs to its own thread: this is another."""
    service = call.parts.service
    ledger = Ledger(service.log, ZoneInfo(service.configuration.zone))
    return act.desk(service, clerk, ledger=ledger, key=key)


def clerk_of(call: Call) -> Clerk:
    """The caller, at a desk."""
    actor = call.caller
    return Clerk(
        id=actor.id, roles=actor.roles, branch=actor.branch, authn=actor.authn, reason=stated(call, b"kyc-reason"),
        ticket=stated(call, b"kyc-ticket"),
    )  # fmt: skip


def key_of(call: Call) -> str:
    """What the caller calls the act.

    Raises:
        InputError: nothing, or what is no key.
    """
    key = call.header(b"idempotency-key").decode("latin-1")
    if not _KEY.fullmatch(key):
        raise InputError(
            "an act says its key", field="idempotency-key", rule="1 to 64 characters without blanks",
            remedy="a new one for each act, the same one to say it again",
        )  # fmt: skip
    return key


async def read(call: Call, kind: type[Body]) -> Body:
    """The body of a request.

    Raises:
        InputError: it is not of this form; names field and rule.
    """
    raw = await call.body(JSON)
    try:
        return msgspec.json.decode(raw, type=kind)
    except codec.UNREADABLE as cause:
        raise codec.input_error("not what is to be said here", cause) from None


def _hold_to(act: Act, said: Said, events: list[Event]) -> None:
    """Refuse where a key stands for another act, or for the same with another content."""
    if not all(isinstance(one, act.leaves) for one in events):
        raise conflict()
    for name, value in msgspec.structs.asdict(said.body).items():
        known = [getattr(one, name) for one in events if hasattr(one, name)]
        if value not in (None, "", ()) and known and value not in known:
            raise conflict()
