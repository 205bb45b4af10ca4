"""By what a customer is found: values of the file, what stands for them in the blind index, and whether they match.

The index finds candidates by keyed digests of what :func:`tokens` gives; :func:`matches` then compares the values
themselves, so that an answer is exact whatever two digests have in common. How names are spelled is
:mod:`projections.names`'s business; the read model is :mod:`projections.customer_profile`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple, get_args
from unicodedata import normalize

from kyc.domain.customer import CustomerState
from kyc.domain.identifiers import resident_id_from_legacy, resident_id_valid
from kyc.domain.values import Party
from kyc.errors import InputError
from projections import names

Field = Literal["name", "document", "phone", "email", "identifier", "account", "party", "party-document"]
"""A name; a document's number; telephone; e-mail; number in a register or with the tax office; number of an account
held; name, or document number, of somebody who acts for or belongs to the customer."""
FIELDS: Final[tuple[Field, ...]] = get_args(Field)
_NAMES: Final = frozenset({"name", "party"})
_LEGACY: Final = 15
"""Digits of a resident identity number until 1999."""
_DIALLED: Final = 7
"""Last digits of a telephone number that the index holds: with and without country and area code it is one."""
_DIALLED_LEAST: Final = 5
"""Digits of the shortest number."""


class Value(NamedTuple):
    """Something a customer is found by."""

    field: Field
    text: str


class Asked(NamedTuple):
    """One way to write what is looked for."""

    field: Field
    text: str
    """As compared; of names, as it was asked."""
    query: names.Query | None = None

    @property
    def tokens(self) -> frozenset[str]:
        """What everybody who is found has in the index."""
        return self.query.tokens if self.query is not None else frozenset(_tokens(self.field, self.text))


def values(state: CustomerState) -> frozenset[Value]:
    """What a customer is found by now."""
    return frozenset(Value(field, text) for field, text in _values(state) if text)


def sources(state: CustomerState) -> tuple[object, ...]:
    """What :func:`values` are taken from: equal sources, equal values."""
    return (
        state.registered, state.names, state.documents, state.phones, state.email, state.accounts,
        state.life.relations,
    )  # fmt: skip


def tokens(value: Value) -> Iterable[str]:
    """What a value stands under in the index of its field."""
    if value.field in _NAMES:
        return names.tokens(value.text)
    return _tokens(value.field, normal(value.field, value.text))


def asked(field: Field, text: str, *, by_sound: bool = False) -> tuple[Asked, ...]:
    """The ways to write what is looked for.

    Raises:
        InputError: too little to look for.
    """
    if field in _NAMES:
        found = tuple(Asked(field, text, query) for query in names.queries(text, by_sound=by_sound))
    else:
        plain = normal(field, text)
        found = (Asked(field, plain),) if len(plain) >= (_DIALLED_LEAST if field == "phone" else 1) else ()
    found = tuple(one for one in found if one.tokens)
    if not found:
        raise InputError(
            "too little to look for", field=field, rule="two letters or a character of a name, five digits",
            remedy="give more of it",
        )  # fmt: skip
    return found


def matches(one: Asked, known: Iterable[Value]) -> bool:
    """Whether any of these values is what is looked for."""
    return any(value.field == one.field and _is(one, value) for value in known)


def normal(field: Field, text: str) -> str:
    """A value as it is compared: one width, one case, no blanks; numbers without what people put between."""
    if field == "account":
        return text
    plain = "".join(normalize("NFKC", text).casefold().split())
    if field == "phone":
        return "".join(filter(str.isdecimal, plain)).lstrip("0")
    if field in {"document", "party-document"}:
        bare = plain.upper()
        legacy = len(bare) == _LEGACY and resident_id_valid(bare, historic=True)
        return resident_id_from_legacy(bare) if legacy else bare
    return plain


def _is(one: Asked, value: Value) -> bool:
    if one.query is not None:
        return names.matches(one.query, value.text)
    plain = normal(value.field, value.text)
    if one.field != "phone":
        return plain == one.text
    return min(len(plain), len(one.text)) >= _DIALLED_LEAST and (
        plain.endswith(one.text) or one.text.endswith(plain)
    )


def _tokens(field: Field, plain: str) -> tuple[str, ...]:
    if field != "phone":
        return (plain,)
    return (plain[-_DIALLED:],)


def _values(state: CustomerState) -> Iterator[tuple[Field, str]]:
    registered = state.registered
    yield from (("name", name.text) for name in state.names)
    yield from (("document", document.number) for document in state.documents)
    yield from (("phone", phone.number) for phone in state.phones)
    yield "email", state.email
    yield "identifier", registered.registration_number
    yield "identifier", registered.tax_number
    yield from (("account", held.account) for held in state.accounts)
    for party in parties(state):
        yield "party", party.name
        yield "party-document", party.document_number


def parties(state: CustomerState) -> tuple[Party, ...]:
    """Those who act for, own or belong to the customer."""
    return (*state.registered.parties, *(relation.party for relation in state.life.relations))
