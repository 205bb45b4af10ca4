"""What a person may be told of their own data: one view, whose keys are fields of the access matrix.

Nothing of monitoring, orders, ratings or holds is even looked at here, so nothing of it can slip out; other holders
of an account are left out, and so is whoever else acted in a transaction. What of the view is shown is decided by
the matrix. Everybody's view takes the same reads (gotchas 25, 26, 28).
"""

from __future__ import annotations

from typing import Any, Final

from kyc.access import extracts
from kyc.domain.access_log import DisclosureRecorded
from kyc.domain.account import AccountState
from kyc.domain.customer import CustomerState
from kyc.domain.submission import StreamName
from kyc.domain.transaction import TransactionBooked
from kyc.errors import NotFoundError
from kyc.ledger import Ledger
from replay.render import plain

_REGISTERED: Final = (
    "gender", "birth_date", "birth_place", "nationalities", "occupation_code", "occupation", "employer",
    "income_band", "tax_residence", "tax_number", "purpose", "legal_form", "business_scope", "registration_kind",
    "registration_number", "registered_capital",
)  # fmt: skip
_DOCUMENT: Final = ("kind", "number", "issuing_country", "issued_on", "expires_on", "name_as_printed")


def of_customer(ledger: Ledger, number: str) -> dict[str, Any]:
    """The view of a customer's own data.

    Raises:
        NotFoundError: no such customer.
    """
    state: CustomerState | None = ledger.state(StreamName("customer", number))
    if state is None:
        raise NotFoundError("no such customer", field="customer")
    registered = plain(state.registered)
    held = [account.account for account in state.accounts]
    seen = accesses(ledger, number)
    return {
        "customer": state.customer,
        "type": state.type,
        "relationship_from": state.relationship_from,
        "relationship_to": state.relationship_to,
        "names": plain(state.names),
        "addresses": plain(state.addresses),
        "phones": plain(state.phones),
        "email": state.email,
        "documents": [
            {name: value for name, value in plain(one).items() if name in _DOCUMENT} for one in state.documents
        ],
        **{name: registered[name] for name in _REGISTERED if registered.get(name)},
        "accounts": [_account(ledger, account) for account in held],
        "transactions": [told for account in held for told in _postings(ledger, account)],
        "notices": list(dict.fromkeys((state.registered.notice, *state.privacy.notices))),
        "consents": list(state.privacy.consents),
        "access_log": seen["access_log"],
        "disclosures": seen["disclosures"],
    }


def _account(ledger: Ledger, number: str) -> dict[str, Any]:
    state: AccountState | None = ledger.state(StreamName("account", number))
    if state is None:
        return {"account": number}
    return {
        "account": number,
        "currency": state.currency,
        "opened_on": state.opened_on,
        "closed_on": state.closed_on,
    }


def _postings(ledger: Ledger, account: str) -> list[dict[str, Any]]:
    """Each movement of an account of the person's, without whoever else acted in it."""
    found = []
    for told in ledger.log.events(StreamName("postings", account)):
        event = told.event
        if isinstance(event, TransactionBooked):
            leg = event.leg
            found.append(
                {
                    "transaction": event.reference,
                    "account": account,
                    "booked_at": event.booked_at.isoformat(),
                    "kind": event.kind,
                    "direction": leg.direction,
                    "amount": str(leg.amount),
                    "currency": leg.currency,
                    "balance_after": None if leg.balance_after is None else str(leg.balance_after),
                    "text": event.remittance or event.purpose,
                }
            )
    return found


def accesses(ledger: Ledger, number: str) -> dict[str, Any]:
    """The extract of a person's access log, without secret readers and what went out under a secret order."""
    told = [one.event for one in ledger.log.events(StreamName("access", number)) if one.event is not None]
    orders = {one.order for one in told if isinstance(one, DisclosureRecorded) and one.order}
    states = ledger.states(StreamName("order", order) for order in orders)
    secret = [name.key for name, state in states.items() if state is None or state.secret]
    return extracts.for_the_person(told, secret)
