"""Who may see and do what, on which conditions: the access matrix as data, strictly loaded. Pure.

A class is a group of fields; a rule gives a role some classes, in full or masked, for purposes and on conditions.
A rule of an act gives the act and shows nothing of anybody. What no rule gives is refused. Rules only add: whoever
has more roles never sees less. What a role must never see, and which acts take two people, is said beside them and
held against the rules when the file is read, so an edition that shows a teller a report, or has one person accept
an order, cannot be published. What the conditions mean is decided in :mod:`kyc.access.policy`.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

import msgspec

from kyc.domain.rulefile import parse, read, refuse

Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9-]{0,39}$")]
Field = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Mark = Literal["show", "hide", "last4", "first1", "year", "domain"]
"""How a value is masked: not, wholly, to its last four or first character, to its year, to what follows the @."""

Condition = Literal[
    "own-branch", "ticket-open", "serving", "not-own-record", "granted", "reason", "second-person", "case-open",
    "order-valid", "organ-may", "certificate", "strong-authentication", "own-data", "mandate", "heir", "guardian",
    "consent", "allowance", "fiu-request", "break-glass", "not-found-out", "at-the-machine",
]  # fmt: skip
CONDITIONS: Final[dict[Condition, str]] = {
    "own-branch": "the customer, or the list, is of the asker's own branch",
    "ticket-open": "an open ticket of that customer at the asker's branch, not run out",
    "serving": "that ticket names the asker as who serves",
    "not-own-record": "not the asker's own file",
    "granted": "a right somebody else gave the asker, not run out or taken back, whose scope covers the customer",
    "reason": "a reason is given",
    "second-person": "somebody else approved",
    "case-open": "an open case that names the customer",
    "order-valid": "an order accepted by a second person that names the customer; its fields, no others",
    "organ-may": "the table of authorities lets the organ do that to such a subject",
    "certificate": "a client certificate",
    "strong-authentication": "two factors, or a client certificate",
    "own-data": "the customer asks for their own data, or for an account they hold",
    "mandate": "the customer's agent or legal representative, within the mandate's days",
    "heir": "a near relative's request about a deceased customer who did not decide otherwise",
    "guardian": "the guardian, until the ward comes of age",
    "consent": "the customer's separate consent to sharing with the asker",
    "allowance": "head office allowed the asker these fields for this purpose",
    "fiu-request": "an open request of the intelligence unit in the case",
    "break-glass": "the asker declared an emergency that has not run out",
    "not-found-out": "the asker is below the limits that stop",
    "at-the-machine": "the asker holds the keys, at the machine itself: never over the network",
}
"""What each condition says, for the matrix as it is printed."""
SCOPING: Final = frozenset({"own-branch", "granted"})
"""Conditions that a list answers by its filter."""


class Class(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields that are seen together, and how each is masked."""

    name: Name
    text: str
    fields: Annotated[tuple[Field, ...], msgspec.Meta(min_length=1)]
    mask: Mark = "hide"
    """Where nothing else is said of a field."""


class Mask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the parts of one field are masked; parts that are not named are hidden."""

    field: Field
    parts: dict[Field, Mark]


class Purpose(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What data may be asked for, and what it may rest on."""

    name: Name
    text: str
    bases: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """Legal bases; ``consent`` asks for the person's consent to the purpose; what ends in ``*`` is a prefix."""
    statutory: bool
    """Goes on where processing is restricted to storage (PIPL art. 47) and consents are withdrawn."""

    def rests_on(self, basis: str) -> bool:
        """Whether this basis carries the purpose."""
        return any(basis.startswith(known[:-1]) if known.endswith("*") else basis == known for known in self.bases)


class Role(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who asks."""

    name: Name
    text: str
    kind: Literal["staff", "machine", "person", "authority", "company"]
    never: tuple[Name, ...] = ()
    """Classes that no rule of this role may show."""
    never_actions: tuple[Name, ...] = ()
    secret: bool = False
    """Who reads in this role is not told to the customer."""
    source: str


class Act(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that is done, and recorded by the event it leaves."""

    name: Name
    text: str
    two: bool = False
    """Takes a second person, who is asked for by the same rules with the first as their second."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a role may, and when."""

    role: Name
    actions: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]
    purposes: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]
    show: tuple[Name, ...] = ()
    masked: tuple[Name, ...] = ()
    conditions: tuple[Condition, ...] = ()
    obligations: tuple[Name, ...] = ()


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many reads or refusals within a time: from then on somebody is told, or nothing more is shown."""

    kind: Literal["bulk-read", "repeated-denial"]
    roles: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]
    count: Annotated[int, msgspec.Meta(ge=2, le=1_000_000)]
    minutes: Annotated[int, msgspec.Meta(ge=1, le=10_080)]
    effect: Literal["flag", "stop"]

    @property
    def window(self) -> timedelta:
        """The time."""
        return timedelta(minutes=self.minutes)


class Hours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours of the institution's day within which these roles are at work; looking at others is flagged."""

    roles: tuple[Name, ...]
    first: Annotated[int, msgspec.Meta(ge=0, le=23)]
    last: Annotated[int, msgspec.Meta(ge=0, le=23)]
    """The last hour, included."""


class Matrix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The whole matrix."""

    strong: tuple[Name, ...]
    """Ways of authentication with two factors or a certificate."""
    certificates: tuple[Name, ...]
    class_: tuple[Class, ...] = msgspec.field(name="class")
    mask: tuple[Mask, ...] = ()
    purpose: tuple[Purpose, ...]
    act: tuple[Act, ...] = ()
    role: tuple[Role, ...]
    rule: tuple[Rule, ...]
    limit: tuple[Limit, ...]
    hours: Hours

    text: str = ""
    version: int = 0
    """Of the published edition; 0: shipped and not published."""

    @cached_property
    def name(self) -> str:
        """What stands in every event: the edition's version and the beginning of its text's SHA-256."""
        return f"{self.version}:{sha256(self.text.encode()).hexdigest()[:40]}"

    @cached_property
    def classes(self) -> dict[str, Class]:
        """Classes by name."""
        return {one.name: one for one in self.class_}

    @cached_property
    def fields(self) -> dict[str, Class]:
        """The class of each field; a field without one is shown to nobody."""
        return {field: one for one in self.class_ for field in one.fields}

    @cached_property
    def parts(self) -> dict[str, dict[str, Mark]]:
        """How parts of a field are masked, by field."""
        return {one.field: one.parts for one in self.mask}

    @cached_property
    def purposes(self) -> dict[str, Purpose]:
        """Purposes by name."""
        return {one.name: one for one in self.purpose}

    @cached_property
    def acts(self) -> dict[str, Act]:
        """Acts by name; the other actions show something."""
        return {one.name: one for one in self.act}

    @cached_property
    def roles(self) -> dict[str, Role]:
        """Roles by name."""
        return {one.name: one for one in self.role}

    @cached_property
    def rules(self) -> dict[tuple[str, str], tuple[Rule, ...]]:
        """Rules by role and action."""
        found: dict[tuple[str, str], tuple[Rule, ...]] = {}
        for one in self.rule:
            for action in one.actions:
                found[one.role, action] = (*found.get((one.role, action), ()), one)
        return found

    @cached_property
    def limits(self) -> dict[str, tuple[Limit, ...]]:
        """Limits by role."""
        return {role: tuple(one for one in self.limit if role in one.roles) for role in self.roles}


def parse_matrix(text: str, version: int = 0, name: str = "access") -> Matrix:
    """The matrix in a file's text.

    Raises:
        ConfigurationError: not TOML, unknown names, a field in two classes, a rule that shows what its role must
            never see, or gives one person what takes two.
    """
    matrix = msgspec.structs.replace(parse(text, name, Matrix), text=text, version=version)
    _once(name, "class", [one.name for one in matrix.class_])
    _once(name, "class.fields", [field for one in matrix.class_ for field in one.fields])
    _once(name, "purpose", [one.name for one in matrix.purpose])
    _once(name, "act", [one.name for one in matrix.act])
    _once(name, "role", [one.name for one in matrix.role])
    _once(name, "mask", [one.field for one in matrix.mask])
    classes, roles = frozenset(matrix.classes), frozenset(matrix.roles)
    _known(name, "mask.field", [one.field for one in matrix.mask], matrix.fields)
    for role in matrix.role:
        _known(name, f"role {role.name}: never", role.never, classes)
    for limit in matrix.limit:
        _known(name, "limit.roles", limit.roles, roles)
    _known(name, "hours.roles", matrix.hours.roles, roles)
    for rule in matrix.rule:
        place = f"rule of {rule.role}"
        _known(name, place, [rule.role], roles)
        _known(name, place, (*rule.show, *rule.masked), classes)
        _known(name, place, rule.purposes, matrix.purposes)
        role = matrix.roles[rule.role]
        if forbidden := sorted({*rule.show, *rule.masked} & {*role.never}):
            raise refuse(name, place, f"never shown to this role: {', '.join(forbidden)}")
        if forbidden := sorted({*rule.actions} & {*role.never_actions}):
            raise refuse(name, place, f"never done by this role: {', '.join(forbidden)}")
        _acts(name, place, rule, matrix)
    return matrix


def _acts(name: str, place: str, rule: Rule, matrix: Matrix) -> None:
    acts = [matrix.acts[action] for action in rule.actions if action in matrix.acts]
    if acts and (len(acts) < len(rule.actions) or rule.show or rule.masked):
        raise refuse(name, f"{place}: {acts[0].name}", "an act shows nothing")
    alone = [one.name for one in acts if one.two and "second-person" not in rule.conditions]
    if alone:
        raise refuse(name, f"{place}: {', '.join(alone)}", "two people: the condition second-person")


def _once(name: str, place: str, values: list[str]) -> None:
    if twice := sorted({value for value in values if values.count(value) > 1}):
        raise refuse(name, f"{place} {twice[0]}", "named once")


def _known(name: str, place: str, values: Any, known: Any) -> None:
    if unknown := sorted(set(values) - set(known)):
        raise refuse(name, place, f"unknown: {', '.join(unknown)}")


@lru_cache
def shipped_matrix() -> Matrix:
    """The matrix as shipped."""
    return parse_matrix(read("matrix.toml", "kyc.access"))
