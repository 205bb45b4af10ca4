"""Asking the read door over HTTP, and the parameters of reads: what all of them take in the same form.

What for, on which basis, why and under which ticket stand in headers (``KYC-Purpose``, ``KYC-Legal-Basis``,
``KYC-Reason``, ``KYC-Ticket``; percent-encoded where they are not ASCII), so that no proxy logs them with the path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import msgspec

from kyc.access.ask import Ask
from kyc.access.gate import Grant
from kyc.clock import to_datetime
from kyc.domain.governance import BRANCHES
from kyc.domain.policies import Policies
from kyc.domain.submission import StreamName
from kyc.errors import InputError
from kyc.ledger import Ledger
from kyc.service import sight
from kyc.service.call import Answer, Call, Handler, encode
from kyc.store.log import EventLog
from kyc.wiring import Service

_AMOUNT: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,6})?")
_DAY: Final = len("2026-03-01")

AS_OF: Final = "a date or an instant: only what was recorded until then"
ABOUT: Final = "a date or an instant: what was true then, as far as was known"
ON: Final = "a day in the institution's zone; today"
WAIT: Final = "a position that an append answered: wait until the read models have seen it"


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A record as far as the caller may see."""

    kind: str
    key: str
    """Number or reference of what was asked for."""
    shown: dict[str, Any]
    """Fields by their names, masked where the matrix of access says so (docs/access.md)."""


class Look:
    """One read: its parameters, and the parts that answer it."""

    def __init__(self, call: Call, key: str = "") -> None:
        self.call = call
        self.key = key
        self.service: Service = call.parts.service
        self.zone = ZoneInfo(self.service.configuration.zone)
        self._query = call.query()

    @property
    def log(self) -> EventLog:
        """The event log."""
        return self.service.log

    def policies(self) -> Policies:
        """What head office has published. The ledger of appends belongs to its own thread: this is another."""
        return Ledger(self.log, self.zone).policies()

    def text(self, name: str) -> str | None:
        """A parameter as it was given; empty counts as not given."""
        return self._query.get(name) or None

    def needed(self, name: str) -> str:
        """A parameter that must be given.

        Raises:
            InputError: it is not.
        """
        found = self.text(name)
        if found is None:
            raise InputError("a parameter is missing", field=name, rule="not empty", remedy="name it")
        return found

    def moment(self, name: str, *, end: bool = True) -> datetime | None:
        """An instant with its offset, or the end (or beginning) of a day in the institution's zone."""
        return moment(self._query.get(name), name, self.zone, end=end)

    def day(self, name: str = "on") -> date:
        """A day; today in the institution's zone where none is named.

        Raises:
            InputError: not a date.
        """
        text = self._query.get(name)
        if text is None:
            return to_datetime(self.log.clock.now_us()).astimezone(self.zone).date()
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise InputError("not a date", field=name, rule="ISO 8601", remedy="such as 2026-03-01") from None

    def branches(self) -> Any:
        """The branches, as head office has opened and closed them."""
        return Ledger(self.log, self.zone).state(StreamName(BRANCHES.kind, BRANCHES.key))

    def amount(self, name: str) -> Decimal | None:
        """An amount of money.

        Raises:
            InputError: it is none.
        """
        text = self.text(name)
        if text is None:
            return None
        if not _AMOUNT.fullmatch(text):
            raise InputError("not an amount", field=name, rule="digits, a point", remedy="such as 1000.00")
        return Decimal(text)

    def number(self, name: str, default: int, most: int, least: int = 1) -> int:
        """A whole number.

        Raises:
            InputError: it is none, or out of bounds.
        """
        text = self._query.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
            raise InputError("not such a number", field=name, rule=f"{least} to {most}", remedy="a whole number")
        return int(text)

    def choice(self, name: str, options: Sequence[str]) -> str:
        """One of some words; the first where none is given.

        Raises:
            InputError: another one.
        """
        text = self._query.get(name, options[0])
        if text not in options:
            raise InputError("not one of the words", field=name, rule=", ".join(options), remedy="one of them")
        return text


Make = Callable[[Grant], Any]
"""What fills the one field of a view, once the read is permitted and recorded."""


def view(
    kind: str, field: str, build: Callable[[Look], Make], *, action: str = "read", key: str = "number"
) -> Handler:
    """A handler that shows one field of the matrix about one subject; without a ``kind``, of that in the path.

    ``build`` reads the parameters, before anything is asked; what it returns looks the record up.
    """

    async def handler(call: Call) -> Answer:
        look = Look(call, call.path[key])
        whose = kind or call.path["kind"]
        make, subject = build(look), StreamName(whose, look.key)
        ask = asked(call, action, subject, (field,))

        def work() -> bytes:
            grant = look.service.gate.admit(ask)
            shown = grant.show({field: sight.seen(make(grant), grant)})
            return encode(View(kind=whose, key=look.key, shown=shown))

        return Answer(body=await call.parts.looks.run(call, work))

    return handler


def asked(call: Call, action: str, subject: StreamName | None, fields: tuple[str, ...] = ()) -> Ask:
    """What a request asks of the read door. Looking at a log of accesses is an audit to an auditor."""
    if action == "supervise" and "auditor" in call.caller.roles:
        action = "audit"
    return Ask(
        actor=call.caller, action=action, subject=subject, fields=fields, purpose=stated(call, b"kyc-purpose"),
        legal_basis=stated(call, b"kyc-legal-basis"), reason=stated(call, b"kyc-reason"),
        ticket=stated(call, b"kyc-ticket"),
    )  # fmt: skip


def stated(call: Call, name: bytes) -> str:
    """What a header says, percent-decoded; empty where there is none."""
    return unquote(call.header(name).decode("latin-1"))


def moment(text: str | None, field: str, zone: ZoneInfo, *, end: bool = True) -> datetime | None:
    """An instant with its offset, or the end (or beginning) of a day in the institution's zone.

    Raises:
        InputError: neither.
    """
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is not None and len(text) == _DAY:
        return datetime.combine(parsed.date(), time.max if end else time.min, zone)
    if parsed is None or parsed.tzinfo is None:
        raise InputError(
            "neither a date nor an instant", field=field, rule="ISO 8601", remedy="such as 2026-03-01T12:00:00Z"
        )
    return parsed
