"""The plain form: a JSON object a line for each customer, account and transaction, nothing of our events in it.

For tools that want data rather than submissions, and for speed: transactions are written by filling prepared
pieces of text, about as fast as rows can be made. Amounts are decimal strings, times carry +08:00.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import msgspec

from kyc.simulate.book import NOBODY, Book, Outside
from kyc.simulate.people import Document, Person
from kyc.simulate.population import DECIMALS, Account, Customer, Population, customer_number
from kyc.simulate.regions import Address
from kyc.simulate.rows import Day, days

_encode: Final = msgspec.json.Encoder().encode
CLOCK: Final = tuple(f"{minute // 60:02d}:{minute % 60:02d}:" for minute in range(1_440))
SECONDS: Final = tuple(f"{second:02d}+08:00" for second in range(60))


def transactions(seed: int, customers: int, total: int, start: date, count: int) -> Iterator[bytes]:
    """The lines of ``total`` transactions of ``customers`` customers over ``count`` days from ``start``."""
    book = Book(Population(seed, customers, start))
    lines = Lines(book)
    for day in days(book, seed, total, start, count):
        yield from lines.of_day(day)


class Lines:
    """Writes transaction lines for the accounts of one book."""

    def __init__(self, book: Book) -> None:
        self._own = [
            f'{{"account":"{account.number}","customer":"{customer_number(account.holders[0])}"}}'
            for account in book.accounts
        ]
        self._currency = [account.currency for account in book.accounts]
        self._outside: dict[Outside, str] = {}

    def of_day(self, day: Day) -> Iterator[bytes]:
        """One line a row, newline included."""
        prefix, own, outsiders = f"{day.date}T", self._own, self._outside
        for row in day.rows:
            currency = self._currency[row.credit if row.debit == NOBODY else row.debit]
            other = "null"
            if row.outside is not None:
                other = outsiders.get(row.outside) or self._add(row.outside)
            debit = other if row.debit == NOBODY else own[row.debit]
            credit = other if row.credit == NOBODY else own[row.credit]
            teller = f',"teller":"{row.teller}"' if row.teller else ""
            minute, second = divmod(row.second, 60)
            yield (
                f'{{"type":"transaction","reference":"{row.reference}",'
                f'"booked_at":"{prefix}{CLOCK[minute]}{SECONDS[second]}","kind":"{row.kind}",'
                f'"channel":"{row.channel}","branch":"{row.branch}"{teller},'
                f'"amount":"{decimal(row.amount, currency)}","currency":"{currency}",'
                f'"debit":{debit},"credit":{credit},"remark":"{row.remark}"}}\n'
            ).encode()

    def _add(self, outside: Outside) -> str:
        text = self._outside[outside] = _encode(outside._asdict()).decode()
        return text


def customer_lines(population: Population) -> Iterator[bytes]:
    """A line for each customer, followed by one for each account."""
    for serial in range(population.size):
        customer = population.customer(serial)
        yield _encode(_customer(customer)) + b"\n"
        for account in customer.accounts:
            yield _encode(_account(account)) + b"\n"


def decimal(minor: int, currency: str) -> str:
    """Minor units as a decimal string with all digits of the currency: 1230 is ``12.30`` CNY, ``1230`` JPY."""
    digits = DECIMALS[currency]  # type: ignore[index]
    if digits == 2:
        return f"{minor // 100}.{minor % 100:02d}"
    return f"{minor // 1_000}.{minor % 1_000:03d}" if digits else str(minor)


def _customer(customer: Customer) -> dict[str, Any]:
    common: dict[str, Any] = {
        "type": "customer", "customer": customer.number, "kind": customer.kind, "branch": customer.branch,
        "registered": customer.registered, "risk": customer.risk,
    }  # fmt: skip
    party = customer.party
    if isinstance(party, Person):
        return common | _person(party)
    return common | {
        "name": party.name, "uscc": party.uscc, "capital": f"{party.capital}.00", "industry": party.industry,
        "scope": party.scope, "established": party.established, "phone": party.phone,
        "address": _address(party.address), "licence": _document(party.licence),
        "representative": _person(party.representative),
        "owners": [
            _person(owner.person) | {"basis": owner.basis, "percent": owner.percent} for owner in party.owners
        ],
    }  # fmt: skip


def _person(person: Person) -> dict[str, Any]:
    code, wording = person.occupation
    return {
        "name": person.name, "roman": person.roman, "sex": person.sex, "birth": person.birth,
        "nationality": person.nationality, "phone": person.phone, "email": person.email,
        "occupation": {"code": code, "text": wording}, "income": f"{person.income}.00",
        "address": _address(person.address), "document": _document(person.document),
    }  # fmt: skip


def _address(address: Address) -> dict[str, Any]:
    return address._asdict()


def _document(document: Document) -> dict[str, Any]:
    return document._asdict()


def _account(account: Account) -> dict[str, Any]:
    return {
        "type": "account", "account": account.number, "product": account.product, "currency": account.currency,
        "opened": account.opened, "holders": [customer_number(holder) for holder in account.holders],
    }  # fmt: skip
