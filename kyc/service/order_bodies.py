"""What is said in the acts of the order desk over HTTP: the bodies of their requests, field by field."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from kyc.domain.authority import OrderReceived
from kyc.domain.fact import SCANS_MAX, WireScan
from kyc.domain.values import Code, Country, Line, Note, Text, Word

Copies = Annotated[tuple[WireScan, ...], msgspec.Meta(max_length=SCANS_MAX)]


class _Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said in an act."""


_OURS: Final = frozenset({"occurred_at", "handler", "images"})
"""What the desk says of an order that came in, not whoever sends it."""
OrderAsItCame: Final = msgspec.defstruct(
    "OrderAsItCame",
    [
        *(
            (one.name, one.type) if one.required else (one.name, one.type, one.default)
            for one in msgspec.structs.fields(OrderReceived)
            if one.name not in _OURS
        ),
        ("copies", Copies, ()),
    ],
    frozen=True, kw_only=True, forbid_unknown_fields=True,
    namespace={"__doc__": "The fields of `order.received`, and copies: scans, each by the kind of its paper."},
)  # fmt: skip


class ForeignDemand(_Body, frozen=True, kw_only=True):
    """What a foreign authority demands."""

    order: Code
    """The bank's own number of it."""
    authority: Text
    country: Country
    demand: Note
    customer: Word = ""


class Rejection(_Body, frozen=True, kw_only=True):
    """Why an order is not followed; without reasons: everything that stands against it."""

    reasons: tuple[Code, ...] = ()
    note: Note = ""


class Fulfilment(_Body, frozen=True, kw_only=True):
    """What was done, and the number of the receipt (回执)."""

    result: Text
    receipt: Line = ""


class SealedEvidence(_Body, frozen=True, kw_only=True):
    """Originals that were sealed in place, and who signed the list for the organ."""

    items: tuple[Text, ...]
    counterpart: Text


class Secrecy(_Body, frozen=True, kw_only=True):
    """Secrecy as the organ ordered it."""

    until: date | None = None


class SecrecyRelease(_Body, frozen=True, kw_only=True):
    """The organ's release of secrecy."""

    reference: Line


class Notification(_Body, frozen=True, kw_only=True):
    """How the customer was told."""

    channel: Code


class Objection(_Body, frozen=True, kw_only=True):
    """An objection to an order."""

    by: Literal["bank", "customer", "third-party"] = "bank"
    statement: Note


class ObjectionAnswer(_Body, frozen=True, kw_only=True):
    """What the organ said to the oldest open objection."""

    outcome: Literal["upheld", "rejected", "withdrawn"]
    statement: Note


class Escalation(_Body, frozen=True, kw_only=True):
    """To which authority at home a foreign request goes."""

    to: Text
    reference: Word = ""


class Permission(_Body, frozen=True, kw_only=True):
    """What the competent authority at home allowed."""

    authority: Text
    reference: Code
    fields: tuple[Code, ...]


class Freezing(_Body, frozen=True, kw_only=True):
    """Which account is frozen; an amount below the order's, or of a joint account the holder's share."""

    account: Code
    amount: Decimal | None = None


class Renewal(_Body, frozen=True, kw_only=True):
    """Which freeze is renewed by the order."""

    account: Code
    id: Code
    """The freeze: the number of the order that froze."""


class Deduction(_Body, frozen=True, kw_only=True):
    """What is taken, by which booking, out of which freeze."""

    account: Code
    amount: Decimal
    reference: Code
    freeze: Code | None = None


class Release(_Body, frozen=True, kw_only=True):
    """On which paper of the organ."""

    reason: Text
    """Its kind and number."""
