"""Records as text: values flattened to named lines, moments in the institution's zone, states compared.

Everything a person reads of a replay is made here, so that terminal, report and console say the same. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, tzinfo
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from kyc.clock import to_datetime
from kyc.domain.event import Event
from kyc.evidence.header import Context
from kyc.settings import ZONE_DEFAULT

ZONE: Final = ZoneInfo(ZONE_DEFAULT)
_WIDTH: Final = 34
"""Columns of a label; longer ones push their value to the right."""


class Difference(NamedTuple):
    """One value that is not now what it was then; None where there was or is none."""

    name: str
    then: str | None
    now: str | None


def moment(us: int, zone: tzinfo = ZONE) -> str:
    """An instant to the second, with its offset."""
    return to_datetime(us).astimezone(zone).isoformat(sep=" ", timespec="seconds")


def exact(us: int) -> str:
    """An instant to the microsecond in UTC, for machines."""
    return to_datetime(us).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """A struct as JSON-able builtins; decimals as strings, dates as ISO 8601."""
    return msgspec.to_builtins(value, str_keys=True)


def fields(value: Any) -> dict[str, str]:
    """Every value that is not empty, by name: nested names joined by a point, items of lists by their number."""
    return dict(_fields("", plain(value)))


def _fields(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if value is None or value in ("", (), [], {}):
        return
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _fields(f"{name}.{key}" if name else str(key), part)
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value, 1):
            yield from _fields(f"{name} {number}" if len(value) > 1 else name, part)
    else:
        yield name, ("yes" if value else "no") if isinstance(value, bool) else str(value)


def differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[Difference]:
    """Where two states differ, in the order of the fields."""
    names = dict.fromkeys((*then, *now))
    return [Difference(n, then.get(n), now.get(n)) for n in names if then.get(n) != now.get(n)]


def title(topic: str) -> str:
    """A topic in words: ``customer.name_changed`` → ``customer name changed``."""
    return topic.replace(".", " ").replace("_", " ")


def origin(context: Context) -> str:
    """Who recorded something, where and on which legal basis."""
    return f"by {context.actor} at {context.branch} for {context.purpose} on {context.legal_basis}"


def effective(event: Event) -> datetime | date:
    """From when on an event is true of the world: its own date of effect, else when it happened."""
    for name in ("effective_from", "on"):
        value = getattr(event, name, None)
        if isinstance(value, date):
            return value
    return event.occurred_at


def in_effect(event: Event, about: datetime) -> bool:
    """Whether an event is true of the world at ``about``; a date of effect is counted in ``about``'s own zone."""
    value = effective(event)
    return value <= about if isinstance(value, datetime) else value <= about.date()


def line(name: str, text: str, indent: int = 2) -> str:
    """One named value of a text."""
    return f"{' ' * indent}{name.replace('_', ' '):<{_WIDTH - indent}} {text}"


def marked(
    values: Mapping[str, str], now: Mapping[str, str], indent: int = 2, hindsight: Mapping[str, str] | None = None
) -> list[str]:
    """Values as they were; those that are different now say so.

    ``hindsight`` is what is known by now of the same day in the world, where a day was asked about.
    """
    lines = []
    for name in dict.fromkeys((*values, *now, *(hindsight or ()))):
        was, present = values.get(name), now.get(name)
        text = "(not known then)" if was is None else was
        if hindsight is not None and hindsight.get(name) != was:
            text += f"   >> known since of that day: {hindsight.get(name, '(none)')}"
        if was != present:
            text += f"   >> now: {'(none)' if present is None else present}"
        lines.append(line(name, text, indent))
    return lines
