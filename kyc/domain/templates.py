"""Registration templates: which fields a customer of a type must and may give (seed rule 2; PIPL art. 6).

A template is effective-dated data with a version; the version stands on the event, so that old events stay valid
under their own. What is not in the allow-list is refused: nothing is collected because it happened to be at hand.
Forms are readable files, shipped for some jurisdictions; head office publishes further ones
(:mod:`kyc.domain.governance`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Annotated, Final, Literal

import msgspec

from kyc.domain.rulefile import Row, parse, read, refuse
from kyc.domain.values import Code, Line, Record, Word
from kyc.errors import RefusedError

CustomerType = Literal["natural", "legal", "sole-trader", "trust"]
Fields = Annotated[tuple[Code, ...], msgspec.Meta(max_length=100)]

ALWAYS: Final = frozenset({"occurred_at", "customer", "type", "template", "notice", "names"})
"""Fields of every registration."""
FILES: Final = ("templates.toml", "templates-eu.toml", "templates-uk.toml", "templates-us.toml")
RELATIONSHIP: Final = "relationship"
"""The purpose of a form for customers, where no other is said."""


class Template(Record, frozen=True, kw_only=True):
    """What one version of a registration form asks for, beyond :data:`ALWAYS`."""

    name: Code
    """Name and version, such as ``natural/1``."""
    type: CustomerType
    mandatory: Fields
    optional: Fields
    effective_from: date | None = None
    """First day of use; None: ever since."""
    effective_to: date | None = None
    """Last day on which what it asks for may be collected; None: still in use."""
    purpose: Code = RELATIONSHIP
    """What the data are collected for (PIPL art. 6: related to the purpose, at the least scope)."""
    jurisdiction: Word = ""
    """Whose law asks for it; empty: usable everywhere."""
    source: Line = ""
    """Instrument, article, and how far it was confirmed."""

    def in_use(self, on: date) -> bool:
        """Whether it is the form of a day: begun, and not ended."""
        begun = self.effective_from is None or self.effective_from <= on
        return begun and (self.effective_to is None or on <= self.effective_to)


class Form(Row, frozen=True, kw_only=True):
    """A template as a rule file writes it, with the law it comes from."""

    name: str
    type: CustomerType
    purpose: str = RELATIONSHIP
    jurisdiction: str = ""
    mandatory: tuple[str, ...]
    optional: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    form: tuple[Form, ...] = ()


def parse_templates(text: str, name: str) -> tuple[Template, ...]:
    """The forms in a file's text.

    Raises:
        ConfigurationError: not TOML, unknown or missing fields, a name used twice, a field asked for twice.
    """
    forms = parse(text, name, _File).form
    names = [form.name for form in forms]
    for form in forms:
        asked = (*form.mandatory, *form.optional)
        if names.count(form.name) > 1:
            raise refuse(name, f"form {form.name}", "a name is used once")
        if len({*asked} - ALWAYS) != len(asked):
            raise refuse(name, f"form {form.name}", "a field is asked for once, and none that is always there")
    return tuple(
        Template(
            name=form.name, type=form.type, purpose=form.purpose, jurisdiction=form.jurisdiction,
            mandatory=form.mandatory, optional=form.optional, effective_from=form.effective_from,
            effective_to=form.effective_to, source=f"{form.source}; {form.mark}",
        )
        for form in forms
    )  # fmt: skip


@lru_cache
def shipped_templates() -> Mapping[str, Template]:
    """All shipped forms by name."""
    return {form.name: form for name in FILES for form in parse_templates(read(name), name)}


def usable(published: Mapping[str, Template], jurisdiction: str = "") -> dict[str, Template]:
    """Every form an institution may use: shipped ones of its jurisdiction or of none, and all it published itself.

    An institution that has not said whose law it goes by may use any.
    """
    fitting = {
        name: form
        for name, form in shipped_templates().items()
        if not jurisdiction or form.jurisdiction in {"", jurisdiction}
    }
    return {**fitting, **published}


def form_on(
    published: Mapping[str, Template], type_: str, on: date, *, purpose: str = RELATIONSHIP, jurisdiction: str = ""
) -> Template | None:
    """The form in use for a type of customer and a purpose on a day: of those that have begun, the latest."""
    known = usable(published, jurisdiction).values()
    begun = [form for form in known if (form.type, form.purpose) == (type_, purpose) and form.in_use(on)]
    return max(begun, key=lambda form: form.effective_from or date.min, default=None)


def in_force(
    name: str, type_: str, published: Mapping[str, Template], collected: date, today: date, jurisdiction: str = ""
) -> Template:
    """The template of that name, usable for data of a customer of that type collected on a day.

    Raises:
        RefusedError: unknown, of another type or jurisdiction, not yet or no longer in force.
    """
    known = usable(published, jurisdiction)
    template = known.get(name)
    if template is None or template.type != type_:
        raise RefusedError(
            "no such registration template for this type of customer",
            field="template",
            rule=", ".join(sorted(other for other, form in known.items() if form.type == type_)),
            remedy="name a template of the customer's type",
        )
    if template.effective_from is not None and template.effective_from > today:
        raise RefusedError(
            "the template is not in force yet", field="template", rule=f"from {template.effective_from}",
            remedy="use the present one",
        )  # fmt: skip
    if template.effective_to is not None and template.effective_to < collected:
        raise RefusedError(
            "the template is no longer in force", field="template", rule=f"until {template.effective_to}",
            remedy="use its successor",
        )  # fmt: skip
    return template


def check(template: Template, given: Iterable[str]) -> None:
    """Refuse a set of filled-in fields that the template does not allow.

    Raises:
        RefusedError: a mandatory field is missing, or one is filled in that is not asked for.
    """
    filled = set(given) - ALWAYS
    mandatory = frozenset(template.mandatory)
    if missing := sorted(mandatory - filled):
        raise RefusedError(
            "a mandatory field is missing", field=missing[0], rule=template.name, remedy="collect it first"
        )
    for extra in sorted(filled - mandatory - frozenset(template.optional)):
        check_allowed(template, extra)


def check_allowed(template: Template, field: str) -> None:
    """Refuse a field that the template does not ask for (PIPL art. 6: the minimum).

    Raises:
        RefusedError: names the field.
    """
    if field not in template.mandatory and field not in template.optional:
        raise RefusedError(
            "a field is not in the template's allow-list",
            field=field,
            rule=f"{template.name}; PIPL art. 6",
            remedy="leave it out: it is not stored, nor logged",
        )
