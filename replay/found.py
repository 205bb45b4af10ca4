"""Customers found by what is known of them now, or was until a moment, about now or another day.

Candidates come from the read model, former names and numbers included; the state of a past moment is folded from
the customer's own events, and only who matched then is found. Costs the histories of the candidates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from kyc.clock import from_datetime
from kyc.domain.customer import CustomerState
from kyc.errors import InputError
from kyc.store.log import EventLog
from projections import customer_file, customer_profile, customer_search
from projections.customer_profile import Profile
from projections.customer_search import FIELDS, Asked
from replay import history, render

NUMBER: Final = "number"
"""Beside the fields of the index: the customer number itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for; without ``text`` everybody of the branch."""

    text: str = ""
    fields: Sequence[str] = ()
    """Empty: in everything (:data:`NUMBER` and :data:`projections.customer_search.FIELDS`)."""
    branch: str | None = None
    former: bool = False
    by_sound: bool = False
    as_of: datetime | None = None
    """Recorded time; what was recorded later counts as unknown."""
    about: datetime | None = None
    """Effective time; what takes effect later is left out."""
    after: bytes | None = None
    """Only customers whose stream id comes after this one."""
    limit: int = customer_profile.FOUND


@dataclass(frozen=True, slots=True)
class Found:
    """A customer, and by what; ``state`` None: disposed of."""

    profile: Profile
    state: CustomerState | None
    status: str
    branch: str | None
    by: tuple[str, ...]
    formerly: tuple[str, ...]
    """Fields whose former values match."""


def find(log: EventLog, wanted: Wanted) -> list[Found]:
    """Customers who match, in the order of their stream ids.

    Raises:
        InputError: neither a text nor a branch, or too little of a text.
        NotFoundError: the read model is not built yet.
    """
    past = wanted.as_of is not None or wanted.about is not None
    if not wanted.text:
        if wanted.branch is None or past:
            raise InputError(
                "nothing to look for", field="text", rule="a text; or a branch, as of now", remedy="name one"
            )
        everybody = customer_profile.of_branch(log, wanted.branch, after=wanted.after, limit=wanted.limit)
        return [found for profile in everybody if (found := _found(log, profile, wanted, ())) is not None]
    asked = _asked(wanted)
    ways = tuple(way for some in asked.values() for way in some)
    matching: list[Found] = []
    after = wanted.after
    while True:
        page = _candidates(log, wanted, asked, after)
        known = [_found(log, profile, wanted, ways) for profile in page]
        matching += [one for one in known if one is not None]
        if len(matching) >= wanted.limit or len(page) < wanted.limit:
            return matching[: wanted.limit]
        after = page[-1].stream_id


def _candidates(log: EventLog, wanted: Wanted, asked: Iterable[str], after: bytes | None) -> list[Profile]:
    """The first customers after a stream id who match in any field, by the read model of now."""
    past = wanted.as_of is not None or wanted.about is not None
    candidates: dict[bytes, Profile] = {}
    for field in asked:
        given: dict[str, Any] = {field.replace("-", "_"): wanted.text}
        for profile in customer_profile.find(
            log, **given, former=wanted.former or past, by_sound=wanted.by_sound,
            branch=None if past else wanted.branch, after=after, limit=wanted.limit,
        ):  # fmt: skip
            candidates.setdefault(profile.stream_id, profile)
    return [candidates[stream] for stream in sorted(candidates)][: wanted.limit]


def _asked(wanted: Wanted) -> dict[str, tuple[Asked, ...]]:
    """Field → the ways to write what is looked for there; where no field was named, those it is enough for.

    Raises:
        InputError: it is enough for none.
    """
    asked: dict[str, tuple[Asked, ...]] = {}
    chosen: Sequence[str] = wanted.fields or (NUMBER, *FIELDS)
    for field in FIELDS:
        if field in chosen:
            try:
                asked[field] = customer_search.asked(field, wanted.text, by_sound=wanted.by_sound)
            except InputError:
                if wanted.fields:
                    raise
    return ({NUMBER: ()} if NUMBER in chosen else {}) | asked


def _found(log: EventLog, profile: Profile, wanted: Wanted, ways: Sequence[Asked]) -> Found | None:
    """The customer as of the moment that was asked about; None where nothing matches then."""
    state: CustomerState | None = profile.state
    branch, status = profile.branch, profile.status
    past = wanted.as_of is not None or wanted.about is not None
    if past and state is not None:
        events = list(log.events(profile.stream_id))
        until = history.FOREVER if wanted.as_of is None else from_datetime(wanted.as_of)
        state = history.fold("customer", events, until, wanted.about)
        if state is None:
            return None
        branch, status = state.life.branch or events[0].context.branch, customer_file.status(state)
    if wanted.branch is not None and branch != wanted.branch:
        return None
    known = customer_search.values(state) if state is not None else frozenset()
    by: list[str] = [way.field for way in ways if customer_search.matches(way, known)]
    if state is None or state.customer == wanted.text:
        by = [NUMBER, *by]  # a disposed one is only found by its number
    once = () if past else profile.once
    formerly = [way.field for way in ways if way.field not in by and customer_search.matches(way, once)]
    if wanted.text and not by and not (formerly and wanted.former):
        return None
    return Found(profile, state, status, branch, tuple(dict.fromkeys(by)), tuple(dict.fromkeys(formerly)))


def as_dict(found: Found) -> dict[str, Any]:
    """What it takes to tell customers apart, for JSON; more is told by ``kyc customer show``."""
    state = found.state
    return {
        "customer": state.customer if state is not None else None,
        "stream": found.profile.stream_id.hex(),
        "type": found.profile.type,
        "status": found.status,
        "branch": found.branch,
        "names": [render.plain(name) for name in state.names] if state is not None else [],
        "birth_date": state.registered.birth_date if state is not None else None,
        "found_by": list(found.by),
        "formerly": list(found.formerly),
    }


def lines(found: Sequence[Found]) -> list[str]:
    """The customers for a terminal, one line each."""
    if not found:
        return ["nobody found"]
    return [_line(one) for one in found]


def _line(found: Found) -> str:
    state = found.state
    if state is None:
        return f"(disposed of)  {found.profile.stream_id.hex()}"
    names = " / ".join(name.text for name in state.names)
    born = f"  born {state.registered.birth_date}" if state.registered.birth_date else ""
    by = f"  by {', '.join(found.by)}" if found.by else ""
    formerly = f"  formerly: {', '.join(found.formerly)}" if found.formerly else ""
    return f"{state.customer:<20} {names}{born}  {found.status}, {found.branch}{by}{formerly}"
