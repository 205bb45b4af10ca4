"""Paths between two customers as people read them: numbers of accounts and customers, and each transaction in full.

Only the transactions of the paths are read, and the first events of the accounts and customers on them. Whose
registration was disposed of keeps the stream id for a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from itertools import pairwise
from typing import Any
from uuid import UUID

from kyc.domain.transaction import TransactionBooked
from kyc.store.log import EventLog
from replay import names, paths, render
from replay.history import Told, certified, told_dict, told_lines
from replay.paths import Found, Place, Reached, Wanted


@dataclass(frozen=True, slots=True)
class Side:
    """An account on a path."""

    account: str
    ours: bool
    holders: tuple[str, ...]
    """Customer numbers of all who hold or held it; of another bank's the name it was booked with."""


@dataclass(frozen=True, slots=True)
class Hop:
    """From one account to the next."""

    source: Side
    target: Side
    told: Told | None
    """The transaction, by one of its legs; None where both accounts are of the same holder."""
    outgoing: bool = True
    """Whether money went from source to target."""


@dataclass(frozen=True, slots=True)
class Paths:
    """What was found between two customers."""

    first: str
    second: str
    wanted: Wanted
    paths: tuple[tuple[Hop, ...], ...]
    """Those of the least number of transactions; one of no hops: they share an account."""
    shared: tuple[Side, ...]
    """The account of each path without hops."""
    complete: bool
    looked_at: int

    @property
    def customers(self) -> tuple[str, ...]:
        """The numbers of our customers on the paths, each once."""
        hops = [side for way in self.paths for hop in way for side in (hop.source, hop.target)]
        sides = [side for side in (*hops, *self.shared) if side.ours]
        return tuple(dict.fromkeys(holder for side in sides for holder in side.holders))


def between(log: EventLog, first: str, second: str, wanted: Wanted | None = None) -> Paths:
    """The shortest paths from one customer to another, told.

    Raises:
        InputError: the same customer twice, or more steps than can be searched.
        NotFoundError: one of them holds no account, or the read models are not built yet.
        CiphertextDamagedError: an event does not decrypt; names it.
    """
    wanted = wanted or Wanted()
    found = paths.search(log, first, second, wanted)
    ways = [one.way() for one in found.paths]
    told = _told(log, {reached.step.place for way in ways for reached in way if reached.step is not None})
    sides = _sides(log, found, ways, told)
    return Paths(
        first, second, wanted, tuple(_hops(way, sides, told) for way in ways),
        tuple(sides[way[0].account] for way in ways if len(way) == 1), found.complete, found.looked_at,
    )  # fmt: skip


def _told(log: EventLog, places: set[Place]) -> dict[Place, Told]:
    """The legs of the steps."""
    found = log.at((place.postings, place.version) for place in places)
    recorded = {place: found[place.postings, place.version] for place in places}
    called = names.of(log, list(recorded.values()))
    told = certified(log, (Told(called[place.postings], one) for place, one in recorded.items()))
    return dict(zip(recorded, told, strict=True))


def _sides(log: EventLog, found: Found, ways: list[list[Reached]], told: Mapping[Place, Told]) -> dict[bytes, Side]:
    met = {reached.account for way in ways for reached in way}
    ours = {number: found.ours[number] for number in met if number in found.ours}
    streams = {stream for one in ours.values() for stream in (one.stream, *one.holders)}
    begins = names.firsts(log, streams) if streams else {}

    def called(stream: bytes) -> str:
        first = begins.get(stream)
        return (names.said(first.event) if first is not None else "") or str(UUID(bytes=stream))

    sides = {
        number: Side(called(one.stream), ours=True, holders=tuple(map(called, one.holders)))
        for number, one in ours.items()
    }
    for one in told.values():
        event = one.recorded.event
        if isinstance(event, TransactionBooked) and event.leg.counterparty is not None:
            other = event.leg.counterparty
            digest = log.blinder.index("account", other.account)
            sides.setdefault(digest, Side(other.account, ours=False, holders=(other.name,) if other.name else ()))
    return {number: sides.get(number, Side(number.hex(), ours=False, holders=())) for number in met}


def _hops(way: list[Reached], sides: Mapping[bytes, Side], told: Mapping[Place, Told]) -> tuple[Hop, ...]:
    hops = []
    for before, reached in pairwise(way):
        source, target, step = sides[before.account], sides[reached.account], reached.step
        if step is None:
            hops.append(Hop(source, target, None))
        else:
            hops.append(Hop(source, target, told[step.place], step.outgoing))
    return tuple(hops)


def lines(found: Paths, zone: tzinfo = render.ZONE) -> list[str]:
    """The paths for a terminal."""
    how = "as money flows, in the order of time" if found.wanted.follow else "in either direction, in any order"
    text = [f"From customer {found.first} to customer {found.second}, {how}"]
    if not found.paths:
        text.append(f"No path of at most {found.wanted.steps} transactions was found")
    text += [f"They share account {side.account}" for side in found.shared]
    for number, hops in enumerate([hops for hops in found.paths if hops], 1):
        text += ["", f"Path {number}: {sum(hop.told is not None for hop in hops)} transactions"]
        for hop in hops:
            text += _hop_lines(hop, zone)
    text.append("")
    text.append(f"{found.looked_at:,} accounts looked at" + ("" if found.complete else ", not all within reach"))
    return text


def _hop_lines(hop: Hop, zone: tzinfo) -> list[str]:
    if hop.told is None:
        return [f"  {_side(hop.source)} and {_side(hop.target)}: the same holder"]
    arrow = "→" if hop.outgoing else "←"
    return [f"  {_side(hop.source)} {arrow} {_side(hop.target)}", *told_lines(hop.told, zone)]


def _side(side: Side) -> str:
    held = f" ({', '.join(side.holders)})" if side.holders else ""
    return f"account {side.account}{'' if side.ours else ' elsewhere'}{held}"


def as_dict(found: Paths) -> dict[str, Any]:
    """The paths for JSON."""
    return {
        "first": found.first,
        "second": found.second,
        "follow": found.wanted.follow,
        "steps": found.wanted.steps,
        "paths": [
            [
                {
                    "source": _side_dict(hop.source),
                    "target": _side_dict(hop.target),
                    "outgoing": hop.outgoing,
                    "transaction": None if hop.told is None else told_dict(hop.told),
                }
                for hop in hops
            ]
            for hops in found.paths
        ],
        "shared": [_side_dict(side) for side in found.shared],
        "complete": found.complete,
        "looked_at": found.looked_at,
    }


def _side_dict(side: Side) -> dict[str, Any]:
    return {"account": side.account, "ours": side.ours, "holders": list(side.holders)}
