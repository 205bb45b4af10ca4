"""Registration templates: which fields a customer of a type must and may give (seed rule 2; PIPL art. 6).

A template is effective-dated data with a version; the version stands on the event, so that old events stay valid
under their own. What is not in the allow-list is refused: nothing is collected because it happened to be at hand.
Head office publishes further ones (:mod:`kyc.domain.governance`); those below are shipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Final, Literal

import msgspec

from kyc.domain.values import Code, Record
from kyc.errors import RefusedError

CustomerType = Literal["natural", "legal", "sole-trader", "trust"]
Fields = Annotated[tuple[Code, ...], msgspec.Meta(max_length=100)]

ALWAYS: Final = frozenset({"occurred_at", "customer", "type", "template", "notice", "names"})
"""Fields of every registration."""


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


_CONTACT: Final = ("addresses", "phones", "email", "purpose", "collected_by", "source", "parties")
_PERSON: Final = (
    "gender", "birth_date", "birth_place", "nationalities", "occupation_code", "occupation", "employer",
    "income_band", "tax_residence", "tax_number",
)  # fmt: skip
_BUSINESS: Final = (
    "legal_form", "business_scope", "industry_code", "registration_kind", "registration_number",
    "registered_capital", "incorporated_on", "tax_residence", "tax_number",
)  # fmt: skip


def _template(name: str, type_: CustomerType, mandatory: str, *groups: tuple[str, ...]) -> Template:
    required = tuple(mandatory.split())
    fields = dict.fromkeys(field for group in groups for field in group if field not in required)
    return Template(name=name, type=type_, mandatory=required, optional=tuple(fields))


SHIPPED: Final[Mapping[str, Template]] = {
    template.name: template
    for template in (
        _template("natural/1", "natural", "birth_date nationalities addresses", _CONTACT, _PERSON),
        _template("legal/1", "legal", "addresses registration_number parties", _CONTACT, _BUSINESS),
        _template(
            "sole-trader/1", "sole-trader", "birth_date nationalities addresses registration_number",
            _CONTACT, _PERSON, _BUSINESS,
        ),
        _template("trust/1", "trust", "addresses parties", _CONTACT, _BUSINESS),
    )
}  # fmt: skip


def in_force(name: str, type_: str, published: Mapping[str, Template], collected: date, today: date) -> Template:
    """The template of that name, usable for data of a customer of that type collected on a day.

    Raises:
        RefusedError: unknown, of another type, not yet or no longer in force.
    """
    template = published.get(name) or SHIPPED.get(name)
    if template is None or template.type != type_:
        usable = sorted(known for known, t in {**SHIPPED, **published}.items() if t.type == type_)
        raise RefusedError(
            "no such registration template for this type of customer",
            field="template",
            rule=", ".join(usable),
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
