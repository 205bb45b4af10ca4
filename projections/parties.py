"""The other side of a leg as a keyed digest: one name for it wherever it is met, and by what it is known. Pure.

An account goes before anything else, and is the same digest whether we keep it or another bank does; then the one
account of ours that stands on the other side; then the number of a document; then the name as printed, which two
people may share.
"""

from __future__ import annotations

from typing import Literal

from kyc.domain.transaction import TransactionBooked
from kyc.domain.values import Counterparty
from kyc.keys.blind import Blinder
from projections import customer_search, names

KnownBy = Literal["account", "leg", "document", "name", "legs"]
"""``leg``: by the other leg of the transaction; ``legs``: there are several, and each of them says its part."""


def other_side(blinder: Blinder, event: TransactionBooked) -> tuple[bytes | None, KnownBy | None]:
    """The digest of the other side and how it is known; (None, None) where nothing is."""
    leg = event.leg
    party = leg.counterparty
    if party is not None and party.account:
        return blinder.index("account", party.account), "account"
    if len(event.legs) > 1:
        others = {one.account for one in event.legs if one.direction != leg.direction} - {leg.account}
        if len(others) == 1:
            return blinder.index("account", others.pop()), "leg"
        if others:
            return None, "legs"
    return (None, None) if party is None else party_of(blinder, party)


def party_of(blinder: Blinder, party: Counterparty) -> tuple[bytes | None, KnownBy | None]:
    """The digest of somebody by what is said of them, whatever the legs say; (None, None) where nothing is."""
    if party.account:
        return blinder.index("account", party.account), "account"
    if party.document_number:
        return blinder.index("document", customer_search.normal("document", party.document_number)), "document"
    if words := names.words(party.name):
        return blinder.index("counterparty", " ".join(words)), "name"
    return None, None
