"""Registration templates: which fields a customer of a type must and may give (seed rule 2; PIPL art. 6).

A template is data with a version; the version stands on the event, so that old events stay valid under their own.
What is not in the allow-list is refused: nothing is collected because it happened to be at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kyc.domain.customer import CustomerRegistered
from kyc.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Template:
    """Fields beyond those that every registration has."""

    type: str
    mandatory: frozenset[str]
    optional: frozenset[str]


_ALWAYS: Final = frozenset({"occurred_at", "customer", "type", "template", "notice", "names"})
_CONTACT: Final = frozenset({"addresses", "phones", "email", "purpose", "collected_by", "source", "parties"})
_PERSON: Final = frozenset(
    {
        "gender", "birth_date", "birth_place", "nationalities", "occupation_code", "occupation", "employer",
        "income_band", "tax_residence", "tax_number",
    }
)  # fmt: skip
_BUSINESS: Final = frozenset(
    {
        "legal_form", "business_scope", "industry_code", "registration_kind", "registration_number",
        "registered_capital", "incorporated_on", "tax_residence", "tax_number",
    }
)  # fmt: skip


def _template(type_: str, mandatory: str, fields: frozenset[str]) -> Template:
    required = frozenset(mandatory.split())
    return Template(type_, required, fields - required)


TEMPLATES: Final = {
    "natural/1": _template("natural", "birth_date nationalities addresses", _CONTACT | _PERSON),
    "legal/1": _template("legal", "addresses registration_number parties", _CONTACT | _BUSINESS),
    "sole-trader/1": _template(
        "sole-trader", "birth_date nationalities addresses registration_number", _CONTACT | _PERSON | _BUSINESS
    ),
    "trust/1": _template("trust", "addresses parties", _CONTACT | _BUSINESS),
}


def check(event: CustomerRegistered) -> None:
    """Refuse a registration that its template does not allow.

    Raises:
        RefusedError: unknown template, a template of another type, a field missing or not allowed.
    """
    template = TEMPLATES.get(event.template)
    if template is None or template.type != event.type:
        raise RefusedError(
            "no such registration template for this type of customer",
            field="template",
            rule=", ".join(sorted(TEMPLATES)),
            remedy="name a template of the customer's type",
        )
    given = {name for name in event.__struct_fields__ if getattr(event, name) not in _EMPTY} - _ALWAYS
    missing = sorted(template.mandatory - given)
    if missing:
        raise RefusedError(
            "a mandatory field is missing", field=missing[0], rule=event.template, remedy="collect it first"
        )
    extra = sorted(given - template.mandatory - template.optional)
    if extra:
        raise RefusedError(
            "a field is not in the template's allow-list",
            field=extra[0],
            rule=f"{event.template}; PIPL art. 6",
            remedy="leave it out: it is not stored, nor logged",
        )


_EMPTY: Final = ("", None, ())
