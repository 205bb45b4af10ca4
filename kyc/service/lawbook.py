"""The published rules over HTTP: versions, which rule answers on a day, what retention law says, the access matrix.

Nobody's data: whoever works here may know the rules by which they work, so no door is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from kyc.access import words
from kyc.domain.rulebook import shipped_rulebook
from kyc.service.call import Answer, Call, encode
from kyc.service.door import ON, Look
from replay import lawbook

_AS_KNOWN: Final = "a date or an instant: what was published later is left out"
_SELECTORS: Final = sorted({name for rule in shipped_rulebook().rules.values() for name in rule.selectors})
_OWN: Final = frozenset({"on", "as_of", "jurisdiction"})
PARAMETERS: Final[dict[str, dict[str, str]]] = {
    "versions": {"on": ON, "as_of": _AS_KNOWN},
    "ask": dict.fromkeys(_SELECTORS, "what the rule depends on") | {
        "on": ON, "as_of": _AS_KNOWN, "jurisdiction": "whose law; the institution's own",
        "type": "of `template`: of the customer", "purpose": "of `template`: what the form is for",
        "after": "of `calendar`: so many working days later",
    },
    "retention": {"on": ON, "as_of": _AS_KNOWN, "jurisdiction": "only law of these, such as CN,EU"},
    "matrix": {"on": ON, "role": "only this role"},
}  # fmt: skip


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the published rules say."""

    answer: dict[str, Any]


def _told(build: Callable[[Look], Callable[[], dict[str, Any]]]) -> Any:
    async def handler(call: Call) -> Answer:
        make = build(Look(call))
        return Answer(body=await call.parts.looks.run(call, lambda: encode(Rules(answer=make()))))

    return handler


def _versions(look: Look) -> Callable[[], dict[str, Any]]:
    day, until = look.day(), look.moment("as_of")
    return lambda: lawbook.versions(lawbook.known(look.log, until), day)


def _ask(look: Look) -> Callable[[], dict[str, Any]]:
    day, until, land = look.day(), look.moment("as_of"), look.text("jurisdiction")
    choices = {name: value for name, value in look.call.query().items() if name not in _OWN}
    return lambda: lawbook.ask(lawbook.known(look.log, until), look.call.path["rule"], day, choices, land)


def _retention(look: Look) -> Callable[[], dict[str, Any]]:
    day, until, lands = look.day(), look.moment("as_of"), look.text("jurisdiction")
    about = look.call.path["record_class"]
    return lambda: lawbook.retention(lawbook.known(look.log, until), about, day, lands.split(",") if lands else ())


def _matrix(look: Look) -> Callable[[], dict[str, Any]]:
    day, role = look.day(), look.text("role")
    return lambda: words.as_dict(look.policies().access(day), role)


versions, ask, retention, matrix = map(_told, (_versions, _ask, _retention, _matrix))
