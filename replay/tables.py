"""The fifteen tables of an inspection (PBOC-300), filled from the events of an export as they pass by.

Every rating of a customer and every check of a document is there, because every one is an event; customers and
accounts stand as they were at the end of what is exported. Only what the scope gives in clear goes in: the holder
of an account whose file is outside has a number, no name. Columns and codes are :mod:`replay.layout`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from kyc.domain.account import AccountState
from kyc.domain.customer import CustomerState, RiskRated
from kyc.domain.document import DocumentVerified
from kyc.domain.event import Event
from kyc.domain.governance import Branches
from kyc.domain.occasional import OneOffCompleted
from kyc.domain.papers import VerificationFailed
from kyc.domain.transaction import TransactionBooked
from kyc.domain.values import Counterparty, Equivalent, Party
from kyc.store.log import Recorded
from replay import layout
from replay.container import Container
from replay.listening import Told
from replay.sheets import Sheet, Writer

_CITIZEN_CHECK: Final = "citizen-id-check"
_CREDIT: Final = "credit-card"
Cells = dict[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What the tables say of a customer again and again."""

    name: str
    id_type: str
    id_no: str
    kind: str

    @property
    def account_type(self) -> str:
        """The code of the kind of customer."""
        return layout.ACC_TYPES.get(self.kind, "")


class Tables:
    """Told of events in the order of the streams; writes the tables at the end."""

    def __init__(self, branches: Branches | None, institution: str, writers: Sequence[Writer]) -> None:
        self.sheets = {name: Sheet(columns) for name, columns in layout.TABLES.items()}
        self.people: dict[str, Known] = {}
        self.accounts: dict[str, tuple[str, str]] = {}
        """Account → (first holder, product)."""
        self._branches = branches or Branches()
        self._head = institution
        self._writers = writers
        self._seen: dict[str, None] = {}
        self._kinds: dict[str, None] = {}

    def see(self, told: Told, recorded: Recorded) -> None:
        """An event that is given in clear."""
        self._seen.setdefault(recorded.context.branch)
        row = _ROWS.get(type(recorded.event))  # type: ignore[arg-type]
        if row is not None:
            row(self, told, recorded, recorded.event)

    def ended(self, told: Told) -> None:
        """The stream is over: what it folds to is known."""
        if isinstance(told.state, CustomerState):
            self._customer(told.state, told.branch)
        elif isinstance(told.state, AccountState):
            self._account(told.state, told)

    def write(self, box: Container) -> None:
        """Every table by every writer."""
        for code in self._seen:
            branch = self._branches.get(code)
            self.add("tb_bank", {
                "Head_no": self._head, "Bank_code1": code, "Bank_code2": code, "Bank_name": code,
                "Open_time": day(branch.opened_on if branch else None),
                "Close_time": day(branch.closed_on if branch else None),
            })  # fmt: skip
        for kind in self._kinds:
            self.add("tb_settle_type", {"Head_no": self._head, "Settle_type": kind, "Settle_name": kind})
        for name, sheet in self.sheets.items():
            for suffix, write in self._writers:
                with box.entry(f"tables/{name}.{suffix}") as entry:
                    write(entry, sheet.columns, self._completed(sheet))

    def add(self, table: str, cells: Cells) -> None:
        """Append a row."""
        self.sheets[table].add(cells)

    def close(self) -> None:
        """Give the disk back."""
        for sheet in self.sheets.values():
            sheet.close()

    def _completed(self, sheet: Sheet) -> Iterator[list[str]]:
        """Rows with what was known of the customer only later."""
        places = {name: at for at, name in enumerate(sheet.columns)}
        number = places.get("Cst_no", places.get("CSNM"))
        filled = [(places[column], attribute) for column, attribute in _OF_CUSTOMER.items() if column in places]
        for row in sheet.rows():
            person = self.people.get(row[number]) if number is not None else None
            for place, attribute in filled if person is not None else ():
                row[place] = row[place] or str(getattr(person, attribute))
            yield row

    # --- states ---------------------------------------------------------------------------------

    def _customer(self, state: CustomerState, branch: str) -> None:
        self.people[state.customer] = known = known_of(state)
        registered, natural = state.registered, state.type == "natural"
        phones = [phone.number for phone in state.phones]
        addresses = [" ".join((*address.lines, address.city, address.region)) for address in state.addresses]
        document = state.documents[-1] if state.documents else None
        cells = {
            "Head_no": self._head, "Bank_code1": branch, "Cst_no": state.customer, "Acc_name": known.name,
            "Open_time": day(state.relationship_from), "Close_time": day(state.relationship_to),
            "Id_type": known.id_type, "Id_no": known.id_no, "Sys_name": "KYC Ledger",
            "Id_deadline": deadline(document), **numbered("Contact", phones), **numbered("Address", addresses),
        }  # fmt: skip
        if natural:
            self.add("tb_cst_pers", cells | {
                "Cst_sex": layout.SEX.get(registered.gender, ""), "Nation": " ".join(registered.nationalities),
                "Occupation": registered.occupation_code or registered.occupation, "Income": registered.income_band,
                "Company": registered.employer,
            })  # fmt: skip
        else:
            parties = [*registered.parties, *(relation.party for relation in state.life.relations)]
            self.add("tb_cst_unit", cells | {
                "Rep_name": of_role(parties, "legal-representative"), "Ope_name": of_role(parties, "agent"),
                "Actual_name": of_role(parties, "controller"), "License": registered.registration_number,
                "Owner_name": "; ".join(owner.name for owner in state.diligence.owners),
                "Industry": registered.industry_code, "Scope": registered.business_scope,
                "Set_time": day(registered.incorporated_on), "Reg_amt": registered.registered_capital,
            })  # fmt: skip
        if state.risk is not None:
            self.add("tb_risk_new", self._risk(state.customer, state.risk, branch))

    def _account(self, state: AccountState, told: Told) -> None:
        first = state.holders[0].customer if state.holders else ""
        self.accounts[state.account] = (first, told.product)
        closed = "closed" if state.closed_on is not None else "open"
        standing = "frozen" if state.restraints.freezes and closed == "open" else closed
        self.add("tb_acc", {
            "Head_no": self._head, "Bank_code1": told.branch, "Acc_state": layout.ACC_STATES[standing],
            "Self_acc_no": state.account, "Acc_type1": told.product, "Cst_no": first, "Cur": state.currency,
            "Open_time": day(state.opened_on), "Close_time": day(state.closed_on),
            "Holders": "; ".join(f"{holder.customer} {holder.role}" for holder in state.holders),
        })  # fmt: skip

    def _risk(self, customer: str, event: RiskRated, branch: str) -> Cells:
        return {
            "Bank_code1": branch, "Cst_no": customer, "Risk_code": layout.RISKS[event.level],
            "Time": day(event.rated_on or event.occurred_at.date()),
            "Norm": "; ".join((event.model, *event.reasons)),
        }  # fmt: skip

    # --- events ---------------------------------------------------------------------------------

    def rated(self, told: Told, recorded: Recorded, event: RiskRated) -> None:
        """Every rating with its reasons, by the day of confirmation."""
        self.add("tb_risk_his", self._risk(told.name.key, event, recorded.context.branch))

    def checked(self, told: Told, recorded: Recorded, event: DocumentVerified | VerificationFailed) -> None:
        """A check against the citizens' register (联网核查)."""
        if event.method != _CITIZEN_CHECK:
            return
        result = event.result if isinstance(event, DocumentVerified) else "unavailable"
        self.add("tb_lwhc_log", {
            "Bank_name": recorded.context.branch, "Bank_code2": recorded.context.branch, **when(event.occurred_at),
            "Name": known_of(told.state).name if isinstance(told.state, CustomerState) else "",
            "Id_no": event.number, "Result": layout.CHECKS[result], "Ope_line": recorded.context.purpose,
            "Counter_no": event.checked_by if isinstance(event, DocumentVerified) else recorded.context.actor,
            "Mode": "10", "Purpose": recorded.context.purpose,
        })  # fmt: skip

    def booked(self, _: Told, recorded: Recorded, event: TransactionBooked) -> None:
        """A leg: in the table of its kind of account, and of cross-border business where it is that."""
        self._kinds.setdefault(event.kind)
        holder, product = self.accounts.get(event.leg.account, ("", ""))
        cells = leg_cells(event, recorded.context.branch) | {"Cst_no": holder}
        self.add("tb_cred_txn" if product == _CREDIT else "tb_acc_txn", cells)
        if event.cross_border:
            person = self.people.get(holder)
            self.add("tb_cross_border", cells | {
                "Unit_flag": person.account_type if person else "",
                "Agency_flag": "11" if event.conductor is not None else "12",
            })  # fmt: skip

    def one_off(self, _: Told, recorded: Recorded, event: OneOffCompleted) -> None:
        """Business of somebody who holds no account here."""
        self._kinds.setdefault(event.kind)
        common = {
            **when(event.occurred_at), "Self_bank_code": recorded.context.branch, "Acc_name": event.person.name,
            "Id_type": id_type(event.person.document_kind), "Id_no": event.person.document_number,
            "Counter_no": event.teller or recorded.context.actor, "Settle_type": event.kind,
            "Ticd": event.reference,
        }  # fmt: skip
        if event.kind == "currency-exchange":
            self.add("tb_cash_convert", common | {"Out_cur": event.currency, "Out_org_amt": str(event.amount)})
        else:
            self.add("tb_cash_remit", common | {
                "Cur": event.currency, "Org_amt": str(event.amount),
                **equivalents(event.amount, event.currency, ()), **other_side(event.counterparty),
            })  # fmt: skip


_ROWS: Final[dict[type[Event], Callable[[Tables, Told, Recorded, Any], None]]] = {
    RiskRated: Tables.rated,
    DocumentVerified: Tables.checked,
    VerificationFailed: Tables.checked,
    TransactionBooked: Tables.booked,
    OneOffCompleted: Tables.one_off,
}
_OF_CUSTOMER: Final = {"Self_acc_name": "name", "Id_no": "id_no", "Acc_type": "account_type"}


def known_of(state: CustomerState) -> Known:
    """Name and newest document of a customer."""
    legal = [name.text for name in state.names if name.kind == "legal"] or [name.text for name in state.names]
    document = state.documents[-1] if state.documents else None
    number = document.number if document is not None else state.registered.registration_number
    kind = document.kind if document is not None else ""
    return Known(legal[0], id_type(kind), number, state.type)


def leg_cells(event: TransactionBooked, branch: str) -> Cells:
    """What every table of transactions says of a leg."""
    leg, conductor = event.leg, event.conductor
    return {
        **when(event.booked_at), "Self_bank_code": branch, "Self_acc_no": leg.account, "Card_no": leg.card,
        **other_side(leg.counterparty), "Lend_flag": layout.LEND[leg.direction],
        "Tsf_flag": layout.CASH[event.cash],
        "Reverse_flag": layout.REVERSED[event.reversal], "Cur": leg.currency, "Org_amt": str(leg.amount),
        **equivalents(leg.amount, leg.currency, event.equivalents),
        "Balance": "" if leg.balance_after is None else str(leg.balance_after),
        "Purpose": event.purpose or event.remittance, "Bord_flag": layout.BORDER[event.cross_border],
        "Nation": event.country, "Bop_code": event.balance_of_payments_code,
        "Bank_flag": layout.CHANNELS.get(event.channel, layout.OTHER_CHANNEL), "Ip_code": event.device,
        "Agent_name": conductor.name if conductor else "", "Agent_tel": conductor.phone if conductor else "",
        "Agent_type": id_type(conductor.document_kind) if conductor else "",
        "Agent_no": conductor.document_number if conductor else "", "Counter_no": event.teller,
        "Settle_type": event.kind, "Trans_type": event.kind, "Ticd": event.reference,
    }  # fmt: skip


def other_side(counterparty: Counterparty | None) -> Cells:
    """The other side, as far as it is known."""
    if counterparty is None:
        return {}
    return {
        "Part_bank": counterparty.institution_code or counterparty.institution,
        "Part_acc_no": counterparty.account, "Part_acc_name": counterparty.name,
        "Part_nation": counterparty.country, "Pos_owner": counterparty.name,
    }  # fmt: skip


def equivalents(amount: Decimal, currency: str, given: tuple[Equivalent, ...]) -> Cells:
    """The amount in CNY and USD, where it is in one of them or was given with a rate."""
    found = {equivalent.currency: str(equivalent.amount) for equivalent in given} | {currency: str(amount)}
    return {"Rmb_amt": found.get("CNY", ""), "Usd_amt": found.get("USD", "")}


def when(moment: datetime) -> Cells:
    """Day and time, by the offset they were given with."""
    return {"Date": f"{moment:%Y%m%d}", "Time": f"{moment:%H%M%S}"}


def day(value: date | None) -> str:
    """A day as eight digits; empty where there is none."""
    return "" if value is None else f"{value:%Y%m%d}"


def deadline(document: Any) -> str:
    """When a document runs out."""
    if document is None:
        return ""
    return layout.NO_EXPIRY if document.no_expiry else day(document.expires_on)


def id_type(kind: str) -> str:
    """The code of a kind of document."""
    return layout.ID_TYPES.get(kind, layout.OTHER_ID) if kind else ""


def numbered(name: str, values: list[str]) -> Cells:
    """Up to three values as ``name1`` to ``name3``."""
    return {f"{name}{at}": value for at, value in enumerate(values[:3], 1)}


def of_role(parties: list[Party], role: str) -> str:
    """The names of those in a role."""
    return "; ".join(dict.fromkeys(party.name for party in parties if party.role == role))
