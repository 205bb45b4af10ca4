"""The reports of a case: large-value and suspicious-transaction lines (O3-16), and a goAML report for other units.

Filled from the events of the case's export: what was detected and confirmed, the legs named there, the customers
and accounts they belong to. Whether and when to file is the case's business; this only writes what was decided.
Empty fields are written as the interface wants them: ``@N``, and -9999 for numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kyc.clock import to_datetime
from kyc.domain.account import AccountState
from kyc.domain.customer import CustomerState
from kyc.domain.monitoring import CaseOpened, LargeValueDetected, ReportFiled, StrConfirmed
from kyc.domain.transaction import TransactionBooked
from kyc.store.log import Recorded
from replay import layout
from replay.container import Container
from replay.goaml import Goaml
from replay.listening import Told
from replay.sheets import EMPTY, Sheet, write_csv
from replay.tables import Cells, Tables, day, equivalents, id_type, known_of

NO_NUMBER: Final = "-9999"
_NUMBERS: Final = frozenset({"CRAT", "CRMB", "CUSD"})
_RECEIVED: Final = {"credit": "01", "debit": "02"}
_HOLDS: Final = "00"
"""RLFC: the account is with the reporting institution."""
_FLOWS: Final = {"receipts": "credit", "payments": "debit"}


@dataclass(frozen=True, slots=True)
class Holding:
    """An account as it stood at the end of the export."""

    state: AccountState
    branch: str
    product: str


class Filings:
    """Told of a case's export; writes its reports."""

    def __init__(self, institution: str, tables: Tables | None) -> None:
        self._institution = institution
        self._tables = tables
        self._detected: dict[str, list[LargeValueDetected]] = {}
        """By the reference of each transaction that is part of it."""
        self._confirmed: StrConfirmed | None = None
        self._opened: CaseOpened | None = None
        self._filed: list[ReportFiled] = []
        self._stated: str = ""
        self._people: dict[str, tuple[CustomerState, str]] = {}
        self._accounts: dict[str, Holding] = {}
        self._sheets = {kind: Sheet(layout.TABLES[table]) for kind, table in _TABLES.items()}
        self._goaml = Goaml(institution)

    def see(self, told: Told, recorded: Recorded) -> None:
        """An event that is given in clear."""
        event = recorded.event
        if isinstance(event, TransactionBooked):
            self._leg(event, recorded)
        elif isinstance(event, LargeValueDetected):
            for reference in event.transactions:
                self._detected.setdefault(reference, []).append(event)
        elif isinstance(event, CaseOpened):
            self._opened = event
        elif isinstance(event, StrConfirmed):
            self._confirmed = event
            self._stated = day(to_datetime(recorded.row.recorded_at).date())
        elif isinstance(event, ReportFiled) and told.name.kind == "report":
            self._filed.append(event)

    def ended(self, told: Told) -> None:
        """A customer or an account is known whole."""
        if isinstance(told.state, CustomerState):
            self._people[told.state.customer] = told.state, told.branch
        elif isinstance(told.state, AccountState):
            self._accounts[told.state.account] = Holding(told.state, told.branch, told.product)

    def write(self, box: Container) -> None:
        """The lines of both kinds, and the goAML report where a suspicion was confirmed."""
        for kind, sheet in self._sheets.items():
            with box.entry(f"reports/{kind}.csv") as entry:
                write_csv(entry, sheet.columns, _spelt(sheet))
        if self._confirmed is not None:
            subjects = [self._people[number][0] for number in self._confirmed.subjects if number in self._people]
            with box.entry("reports/goaml.xml") as entry:
                self._goaml.write(entry, self._confirmed, subjects, self._filed)

    def close(self) -> None:
        """Give the disk back."""
        for sheet in self._sheets.values():
            sheet.close()
        self._goaml.close()

    # --- lines ----------------------------------------------------------------------------------

    def _leg(self, event: TransactionBooked, recorded: Recorded) -> None:
        holding = self._accounts.get(event.leg.account)
        holders = {holder.customer for holder in holding.state.holders} if holding is not None else set()
        for found in self._detected.get(event.reference, ()):
            if found.customer in holders and _FLOWS[found.direction] == event.leg.direction:
                self._add("large-value", self._cells(event, recorded, found.customer) | {
                    "CRCD": found.feature, "CODE": found.policy, "SBDT": day(found.day),
                })  # fmt: skip
        confirmed = self._confirmed
        if confirmed is None or event.reference not in confirmed.transactions:
            return
        for subject in confirmed.subjects:
            if subject in holders:
                self._add("suspicious", self._cells(event, recorded, subject) | self._suspicion(confirmed))
        if holding is not None:
            owners = [self._people[number][0] for number in holders if number in self._people]
            self._goaml.add(event, holding.state, holding.branch, owners)

    def _suspicion(self, confirmed: StrConfirmed) -> Cells:
        """What is said of the suspicion as a whole."""
        own = [filed for filed in self._filed if filed.kind == "suspicious"]
        return {
            "DETR": "02" if confirmed.urgent else "01", "TORP": str(len(own) or 1),
            "ORXN": own[0].follows if own else "", "DORP": layout.ADDRESSEES[confirmed.direction],
            "TPTR": layout.TRIGGERS[self._opened.trigger] if self._opened is not None else "",
            "STCB": confirmed.behaviour, "AOSP": confirmed.analysis, "TOSC": confirmed.predicate,
            "STCR": ",".join(confirmed.features), "RPNM": own[0].preparer if own else confirmed.confirmer,
            "MIRS": "", "SBDT": self._stated, "CODE": confirmed.case,
        }  # fmt: skip

    def _cells(self, event: TransactionBooked, recorded: Recorded, customer: str) -> Cells:
        """What every line says of a leg, its account and its customer."""
        leg, other, agent = event.leg, event.leg.counterparty, event.conductor
        holding = self._accounts[leg.account]
        cells = {
            "RICD": self._institution, "FINC": recorded.context.branch, "RLFC": _HOLDS, "CSNM": customer,
            "CATP": holding.product, "CTAC": leg.account, "CBCN": leg.card, "OATM": day(holding.state.opened_on),
            "TSTM": f"{event.booked_at:%Y%m%d%H%M%S}", "TRCD": event.district or event.country,
            "TICD": event.reference, "RPMN": event.end_to_end or event.serial,
            "TSTP": f"{layout.CASH[event.cash]}{event.kind}", "TSCT": event.balance_of_payments_code,
            "TSDR": _RECEIVED[leg.direction], "CRPP": event.purpose or event.remittance, "CRTP": leg.currency,
            "CRAT": str(leg.amount), "OCTT": layout.CHANNELS.get(event.channel, layout.OTHER_CHANNEL),
            "OCEC": event.device,
        }  # fmt: skip
        amounts = equivalents(leg.amount, leg.currency, event.equivalents)
        cells |= {"CRMB": amounts["Rmb_amt"], "CUSD": amounts["Usd_amt"]}
        if agent is not None:
            cells |= {
                "TBNM": agent.name, "TBIT": id_type(agent.document_kind), "TBID": agent.document_number,
                "TBNT": agent.nationality,
            }  # fmt: skip
        if other is not None:
            cells |= {
                "CFIN": other.institution, "CFCT": other.institution_code_kind, "CFIC": other.institution_code,
                "CFRC": f"{other.country}{other.district}", "TCNM": other.name,
                "TCIT": id_type(other.document_kind), "TCID": other.document_number, "TCAT": other.account_kind,
                "TCAC": other.account,
            }  # fmt: skip
        return cells | self._customer(customer)

    def _customer(self, number: str) -> Cells:
        """What is said of the customer."""
        if number not in self._people:
            return {}
        state, _ = self._people[number]
        known, registered = known_of(state), state.registered
        return {
            "CTNM": known.name, "CITP": known.id_type, "CTID": known.id_no,
            "CTVC": registered.occupation_code or registered.industry_code or registered.occupation,
            "CCTL": state.phones[0].number if state.phones else "", "CCEI": state.email,
            "CTAR": " ".join(state.addresses[0].lines) if state.addresses else "",
            "CTNT": registered.nationalities[0] if registered.nationalities else "",
        }  # fmt: skip

    def _add(self, kind: str, cells: Cells) -> None:
        sheet = self._sheets[kind]
        cells = cells | {"CTTN": str(sheet.count + 1)}
        sheet.add(cells)
        if self._tables is not None:
            self._tables.add(_TABLES[kind], cells)


_TABLES: Final = {"large-value": "tb_lar_report", "suspicious": "tb_sus_report"}


def _spelt(sheet: Sheet) -> Iterator[list[str]]:
    """Rows with what is empty spelt as the interface wants it."""
    for row in sheet.rows():
        yield [
            cell or (NO_NUMBER if column in _NUMBERS else EMPTY)
            for cell, column in zip(row, sheet.columns, strict=True)
        ]
