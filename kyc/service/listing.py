"""Lists over HTTP: what the grant covers, a page at a time, who stands on it recorded before it is told.

Three things keep a branch to itself. The door confines the list; the query is asked for that branch alone; and the
customers' numbers and names are read behind the second wall (docs/decisions/0011-scope.md), so a row that a wrong
query would bring has nobody's name, and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from kyc.access.ask import Ask
from kyc.access.policy import Permit
from kyc.domain.submission import StreamName
from kyc.errors import InputError
from kyc.service.call import Answer, Call, Handler, encode
from kyc.service.cursor import Cursors, Place
from kyc.service.door import Look, asked
from kyc.store.database import Connection, Database
from kyc.store.log import EventLog
from kyc.store.scope import ScopedDatabase
from replay import registers

PAGE: Final = "rows of a page, 1 to 1000; 100"
CURSOR: Final = "the `next` of the page before, all else the same"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list, as far as the caller may see."""

    items: list[dict[str, Any]]
    """Fields by their names, masked where the matrix of access says so."""
    next: str = ""
    """Where the next page begins, for `cursor`; empty: this is the last."""


class Row(NamedTuple):
    """One row before it is masked: its sort key, whose it is, and its fields."""

    place: Place
    customer: bytes | None
    """Stream id; None: nobody's in particular."""
    view: dict[str, Any]
    about: tuple[StreamName, ...] = ()
    """Further records whose customers it tells of, such as accounts."""


class Found(NamedTuple):
    """What a list is fetched with."""

    log: EventLog
    """Behind the second wall where the list is confined."""
    branch: str | None
    permit: Permit
    after: Place | None
    limit: int


Fetch = Callable[[Found], list[Row]]
"""The rows after a place, in the order of their places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list: which fields it cannot do without, which it shows besides, and what reads the parameters."""

    needs: tuple[str, ...]
    besides: tuple[str, ...] = ()
    build: Callable[[Look], Fetch]
    action: str = "list"
    house: bool = False
    """Of the house as a whole: to whom a list is confined to branches nothing of it is shown."""
    named: bool = True
    """Whether rows say whose they are: a row of nobody known is left out where the list is confined."""


def listing(of: Listing, kind: str = "", key: str = "") -> Handler:
    """A handler of a list; of one subject where ``kind`` and the parameter of the path are named."""

    async def handler(call: Call) -> Answer:
        look = Look(call, call.path[key] if key else "")
        branch = None if kind else look.text("branch")
        subject = StreamName(kind, look.key) if kind else StreamName("branch", branch) if branch else None
        return await page(look, of, asked(call, of.action, subject), branch)

    return handler


async def page(look: Look, of: Listing, ask: Ask, branch: str | None, said: str = "") -> Answer:
    """The page that a request asks for; ``said`` is what else it said, which its cursors stand for."""
    call, limits = look.call, look.call.parts.limits
    fetch, limit = of.build(look), look.number("limit", limits.page_items, limits.page_most)
    secret = look.service.provider.secret("cursor")
    cursors = Cursors(secret, ask.actor.id, call.scope["path"], call.query() | {"": said})
    cursor = look.text("cursor")
    after = cursors.open(cursor) if cursor is not None else None

    def work() -> bytes:
        gate = look.service.gate
        permit = gate.scope(ask)
        fields = tuple(one for one in (*of.needs, *of.besides) if one in permit.fields)
        if not permit.fields.issuperset(of.needs):
            gate.admit(msgspec.structs.replace(ask, fields=of.needs))  # refuses, on record
        log = behind(look.log, look.service.readers, permit)
        where, nothing = _confined(permit, branch, of)
        found = [] if nothing else fetch(Found(log, where, permit, after, limit + 1))
        rows = _named(log, found[:limit], permit, of)
        shown = dict.fromkeys(row.view["customer"] for row in rows if row.view.get("customer"))
        customers = tuple(shown | dict.fromkeys(gate.concerned(one for row in rows for one in row.about)))
        grant = gate.admit(msgspec.structs.replace(ask, fields=fields), customers)
        more = cursors.seal(found[limit - 1].place) if len(found) > limit else ""
        return encode(Page(items=grant.show_all([row.view for row in rows]), next=more))

    return Answer(body=await call.parts.looks.run(call, work))


def behind(log: EventLog, readers: ScopedDatabase, permit: Permit) -> EventLog:
    """The log with its read models behind the second wall, where a permission is confined to branches."""
    if permit.branches is None:
        return log
    walled = copy(log)
    walled.database = _Walled(readers, permit.branches)
    return walled


class _Walled(Database):
    """Connections that see some branches."""

    def __init__(self, readers: ScopedDatabase, branches: frozenset[str]) -> None:
        self._readers, self._branches = readers, branches

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        with self._readers.reading(self._branches) as connection:
            yield connection

    def close(self) -> None:
        """Nothing: the readers are the service's."""


def cut(rows: Iterable[Row], found: Found) -> list[Row]:
    """The rows after the place asked for, of a list that is short enough to be made whole for each page."""
    ordered = sorted(rows, key=lambda row: row.place)
    return [row for row in ordered if found.after is None or row.place > found.after][: found.limit]


def _confined(permit: Permit, branch: str | None, of: Listing) -> tuple[str | None, bool]:
    """The branch a list is asked for, and whether there is nothing to ask.

    Raises:
        InputError: the caller has several and named none.
    """
    if permit.branches is None:
        return branch, False
    if of.house:
        return None, True
    if branch is None and len(permit.branches) > 1 and of.named:
        raise InputError("a branch is to be named", field="branch", rule="one of yours", remedy="name it")
    if branch is None:
        return next(iter(permit.branches), None), not permit.branches
    return branch, branch not in permit.branches


def _named(log: EventLog, rows: list[Row], permit: Permit, of: Listing) -> list[Row]:
    """The rows with numbers and names of their customers; those the wall hides are left out."""
    streams = [row.customer for row in rows if row.customer is not None]
    if not streams:
        return rows
    known = registers.named(log, streams)
    told = []
    for row in rows:
        one = known[row.customer] if row.customer is not None else {"customer": None, "name": None}
        if of.named and permit.branches is not None and one["customer"] is None:
            continue
        names = {"names": [{"text": one["name"]}]} if one["name"] else {}
        told.append(row._replace(view={"customer": one["customer"]} | names | row.view))
    return told
