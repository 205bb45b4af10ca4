"""A suspicious-transaction report in the form of UNODC's goAML (schema 4.0 to 5.0), of two-party transactions.

Elements stand in the order of the schema; what is not recorded is left out where the schema allows it. Each unit
has its own edition of the schema and none is public, so a report is to be tried against the unit's validator before
it is filed. Transactions wait in a temporary file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from tempfile import SpooledTemporaryFile
from typing import Final
from xml.etree import ElementTree as ET

from kyc.domain.account import AccountState
from kyc.domain.customer import CustomerState
from kyc.domain.monitoring import ReportFiled, StrConfirmed
from kyc.domain.transaction import TransactionBooked
from kyc.domain.values import Counterparty
from replay.container import Entry

LOCAL: Final = "CNY"
_SPOOL_MAX: Final = 262_144  # bytes of transactions in memory
_UNFIT: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold."""
_NOT_SAID: Final = "-"


class Goaml:
    """One report under way; told of its transactions one by one."""

    def __init__(self, institution: str) -> None:
        self._institution = institution
        self._transactions = SpooledTemporaryFile(_SPOOL_MAX)  # noqa: SIM115 - lives as long as this object
        self._seen: set[str] = set()

    def close(self) -> None:
        """Give the disk back."""
        self._transactions.close()

    def add(
        self, event: TransactionBooked, account: AccountState, branch: str, owners: list[CustomerState]
    ) -> None:
        """A leg on an account of ours; the first leg of a transaction tells it, with its other side."""
        if event.reference in self._seen:
            return
        self._seen.add(event.reference)
        leg, root = event.leg, ET.Element("transaction")
        _text(root, "transactionnumber", event.reference)
        _text(root, "internal_ref_number", event.serial)
        _text(root, "transaction_location", branch)
        _text(root, "transaction_description", event.purpose or event.remittance)
        _text(root, "date_transaction", _moment(event.booked_at))
        _text(root, "teller", event.teller)
        _text(root, "authorized", event.authoriser)
        _text(root, "value_date", _moment(event.value_date))
        _text(root, "transmode_code", event.channel)
        amounts = {equivalent.currency: equivalent for equivalent in event.equivalents}
        local = leg.amount if leg.currency == LOCAL else getattr(amounts.get(LOCAL), "amount", None)
        _text(root, "amount_local", _NOT_SAID if local is None else str(local))
        ours = "from" if leg.direction == "debit" else "to"
        for way in ("from", "to"):
            if way == ours:
                self._own(ET.SubElement(root, f"t_{way}_my_client"), way, event, account, branch, owners)
            else:
                _other(ET.SubElement(root, f"t_{way}"), way, leg.counterparty)
        if event.goods:
            goods = ET.SubElement(root, "goods_services")
            _text(goods, "item_type", event.goods)
        self._transactions.write(ET.tostring(root) + b"\n")

    def write(
        self, entry: Entry, confirmed: StrConfirmed, subjects: Sequence[CustomerState], filed: Sequence[ReportFiled]
    ) -> None:
        """The whole report; without transactions it is one about the subjects' activity."""
        head = ET.Element("report")
        _text(head, "rentity_id", self._institution)
        _text(head, "submission_code", "E")
        _text(head, "report_code", "STR" if self._seen else "SAR")
        _text(head, "entity_reference", filed[0].report if filed else confirmed.case)
        _text(head, "submission_date", _moment(filed[0].filed_on if filed else confirmed.occurred_at))
        _text(head, "currency_code_local", LOCAL)
        person = ET.SubElement(head, "reporting_person")
        _text(person, "first_name", _NOT_SAID)
        _text(person, "last_name", filed[0].preparer if filed else confirmed.confirmer)
        _text(head, "reason", confirmed.behaviour)
        _text(head, "action", confirmed.analysis)
        entry.write(b'<?xml version="1.0" encoding="utf-8"?>\n')
        entry.write(ET.tostring(head).removesuffix(b"</report>") + b"\n")
        self._transactions.seek(0)
        for line in self._transactions:
            entry.write(line)
        if not self._seen:
            activity = ET.Element("activity")
            parties = ET.SubElement(activity, "report_parties")
            for subject in subjects:
                _party(ET.SubElement(parties, "report_party"), "", subject)
            entry.write(ET.tostring(activity) + b"\n")
        indicators = ET.Element("report_indicators")
        for feature in confirmed.features:
            _text(indicators, "indicator", feature)
        entry.write(ET.tostring(indicators) + b"\n</report>\n")

    def _own(
        self, side: ET.Element, way: str, event: TransactionBooked, account: AccountState, branch: str,
        owners: list[CustomerState],
    ) -> None:  # fmt: skip
        """The side of our customer: funds, foreign currency, who acted, the account with its signatories."""
        leg = event.leg
        _text(side, f"{way}_funds_code", event.funds_code or ("cash" if event.cash else "transfer"))
        if leg.currency != LOCAL:
            rates = {equivalent.currency: str(equivalent.rate) for equivalent in event.equivalents}
            foreign = ET.SubElement(side, f"{way}_foreign_currency")
            _text(foreign, "foreign_currency_code", leg.currency)
            _text(foreign, "foreign_amount", str(leg.amount))
            _text(foreign, "foreign_exchange_rate", rates.get(LOCAL, _NOT_SAID))
        if event.conductor is not None and way == "from":
            conductor = ET.SubElement(side, "t_conductor")
            _name(conductor, event.conductor.name)
            _text(conductor, "id_number", event.conductor.document_number)
            _text(conductor, "nationality1", event.conductor.nationality)
        held = ET.SubElement(side, f"{way}_account")
        _text(held, "institution_name", self._institution)
        _text(held, "branch", branch)
        _text(held, "account", leg.account)
        _text(held, "currency_code", leg.currency)
        for at, owner in enumerate(owners):
            signatory = ET.SubElement(held, "signatory")
            _text(signatory, "is_primary", "true" if at == 0 else "false")
            _party(signatory, "t_", owner)
        _text(held, "opened", _moment(account.opened_on))
        if account.closed_on is not None:
            _text(held, "closed", _moment(account.closed_on))
        if leg.balance_after is not None:
            _text(held, "balance", str(leg.balance_after))
        _text(held, "status_code", "closed" if account.closed_on else "active")
        _text(side, f"{way}_country", "CN")


def _other(side: ET.Element, way: str, other: Counterparty | None) -> None:
    """The other side, as far as it is known."""
    known = other or Counterparty()
    _text(side, f"{way}_funds_code", "transfer")
    held = ET.SubElement(side, f"{way}_account")
    _text(held, "institution_name", known.institution or _NOT_SAID)
    _text(held, "swift", known.institution_code)
    _text(held, "account", known.account or _NOT_SAID)
    _text(held, "account_name", known.name)
    _text(side, f"{way}_country", known.country or _NOT_SAID)


def _party(parent: ET.Element, prefix: str, state: CustomerState) -> None:
    """A customer as a person or an entity."""
    registered, legal = state.registered, next(iter(state.names)).text
    if state.type != "natural":
        entity = ET.SubElement(parent, f"{prefix}entity")
        _text(entity, "name", legal)
        _text(entity, "incorporation_legal_form", registered.legal_form)
        _text(entity, "incorporation_number", registered.registration_number)
        _text(entity, "business", registered.business_scope)
        return
    person = ET.SubElement(parent, f"{prefix}person")
    _text(person, "gender", {"female": "F", "male": "M"}.get(registered.gender, ""))
    _name(person, legal)
    if registered.birth_date is not None:
        _text(person, "birthdate", _moment(registered.birth_date))
    for document in state.documents[-1:]:
        _text(person, "passport_number" if document.kind == "passport" else "id_number", document.number)
    for at, nationality in enumerate(registered.nationalities[:3], 1):
        _text(person, f"nationality{at}", nationality)
    _text(person, "occupation", registered.occupation)
    _text(person, "employer_name", registered.employer)


def _name(parent: ET.Element, text: str) -> None:
    """The schema wants two names; which part is the family's is not guessed, so one holds the whole."""
    _text(parent, "first_name", _NOT_SAID)
    _text(parent, "last_name", text)


def _text(parent: ET.Element, name: str, text: str) -> None:
    if text:
        ET.SubElement(parent, name).text = _UNFIT.sub("\ufffd", text)


def _moment(value: date | datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SS``, by the offset it was given with."""
    return f"{value:%Y-%m-%dT%H:%M:%S}" if isinstance(value, datetime) else f"{value:%Y-%m-%d}T00:00:00"
