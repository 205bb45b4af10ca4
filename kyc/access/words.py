"""The access matrix for people: lines for a terminal, and the tables of docs/access.md. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from kyc.domain.access_rules import CONDITIONS, Matrix, Rule


def lines(matrix: Matrix, role: str | None = None) -> list[str]:
    """The matrix, or one role's part, for a terminal."""
    text = [f"matrix {matrix.name}"]
    for one in matrix.role:
        if role is not None and one.name != role:
            continue
        text += ["", f"{one.name}: {one.text}" + (" (not told to customers)" if one.secret else "")]
        rules = [rule for rule in matrix.rule if rule.role == one.name]
        for rule in rules:
            text += [f"  may {', '.join(rule.actions)} for {', '.join(rule.purposes)}"]
            text += [f"    {part}" for part in _parts(rule)]
        if not rules:
            text += ["  may nothing"]
        if one.never:
            text += [f"  never {', '.join(one.never)}"]
        if one.never_actions:
            text += [f"  never does {', '.join(one.never_actions)}"]
    return text


def as_dict(matrix: Matrix, role: str | None = None) -> dict[str, Any]:
    """The matrix, or one role's part, for JSON."""
    return {
        "edition": matrix.name,
        "roles": [msgspec.to_builtins(one) for one in matrix.role if role in {None, one.name}],
        "rules": [msgspec.to_builtins(one) for one in matrix.rule if role in {None, one.role}],
        "acts": [msgspec.to_builtins(one) for one in matrix.act],
        "classes": {one.name: list(one.fields) for one in matrix.class_},
        "limits": [msgspec.to_builtins(one) for one in matrix.limit],
    }


def markdown(matrix: Matrix) -> str:
    """The tables of the matrix."""
    parts = (_roles(matrix), _acts(matrix), _classes(matrix), _conditions(), _purposes(matrix), _limits(matrix))
    return "\n".join(line for part in parts for line in part)


def _parts(rule: Rule) -> Iterator[str]:
    if rule.show:
        yield f"in full: {', '.join(rule.show)}"
    if rule.masked:
        yield f"masked: {', '.join(rule.masked)}"
    if rule.conditions:
        yield f"only if: {', '.join(rule.conditions)}"
    if rule.obligations:
        yield f"then: {', '.join(rule.obligations)}"


def _roles(matrix: Matrix) -> Iterator[str]:
    yield "### Roles\n"
    yield "| role | may | for | in full | masked | only if | never |\n|---|---|---|---|---|---|---|"
    for role in matrix.role:
        never = ", ".join([*role.never, *(f"*{action}*" for action in role.never_actions)])
        rules = [rule for rule in matrix.rule if rule.role == role.name]
        for at, rule in enumerate(rules):
            cells = (rule.actions, rule.purposes, rule.show, rule.masked, (*rule.conditions, *rule.obligations))
            first = (f"**{role.name}**: {role.text} ({role.source})", never) if at == 0 else ("", "")
            yield f"| {first[0]} | {' | '.join(', '.join(cell) for cell in cells)} | {first[1]} |"
        if not rules:
            yield f"| **{role.name}**: {role.text} ({role.source}) | nothing | | | | | {never} |"
    yield ""


def _acts(matrix: Matrix) -> Iterator[str]:
    yield "### Acts\n"
    yield "| act | what is done | by | two people |\n|---|---|---|---|"
    for act in matrix.act:
        roles = dict.fromkeys(rule.role for rule in matrix.rule if act.name in rule.actions)
        yield f"| {act.name} | {act.text} | {', '.join(roles)} | {'yes' if act.two else ''} |"
    yield ""


def _classes(matrix: Matrix) -> Iterator[str]:
    yield "### Classes\n"
    yield "| class | what | fields | masked |\n|---|---|---|---|"
    for one in matrix.class_:
        fields = ", ".join(f"`{field}`" for field in one.fields)
        marks = [
            f"`{field}.{part}` {mark}" for field in one.fields for part, mark in matrix.parts.get(field, {}).items()
        ]
        yield f"| {one.name} | {one.text} | {fields} | {', '.join([*marks, f'else {one.mask}'])} |"
    yield ""


def _conditions() -> Iterator[str]:
    yield "### Conditions\n"
    yield "| condition | holds if |\n|---|---|"
    yield from (f"| {name} | {text} |" for name, text in CONDITIONS.items())
    yield ""


def _purposes(matrix: Matrix) -> Iterator[str]:
    yield "### Purposes\n"
    yield "| purpose | what for | may rest on | goes on under restriction |\n|---|---|---|---|"
    for one in matrix.purpose:
        bases = ", ".join(f"`{basis}`" for basis in one.bases)
        yield f"| {one.name} | {one.text} | {bases} | {'yes' if one.statutory else 'no'} |"
    yield ""


def _limits(matrix: Matrix) -> Iterator[str]:
    yield "### Limits\n"
    yield "| what | how many | within | roles | then |\n|---|---|---|---|---|"
    for one in matrix.limit:
        yield f"| {one.kind} | {one.count} | {one.minutes} min | {', '.join(one.roles)} | {one.effect} |"
    hours = matrix.hours
    yield f"| off-hours | 1 | before {hours.first}:00, from {hours.last + 1}:00 | {', '.join(hours.roles)} | flag |"
