"""ISO 20022 files: which messages a file holds, and what each of their parts becomes.

Read are camt.052, camt.053, camt.054 (:mod:`statements`), pacs.008 and pacs.009 (:mod:`payments`), every version,
one or many in a file, bare or in an envelope with business application headers, in any namespace or prefix. A
message of another kind is refused by name. Memory is that of the largest entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

from kyc.domain.located import Located, NoticeError
from kyc.errors import InputError
from kyc.ingest.entries import Statement
from kyc.ingest.readers import elements, markup
from kyc.ingest.readers.markup import Close, FaultError, Node, Scope
from kyc.ingest.readers.payments import PaymentFile
from kyc.ingest.readers.statements import BOOKED, EntryReader, status
from kyc.ingest.repeats import Repeats
from kyc.ingest.setting import Setting
from kyc.ingest.totals import Told, Totals

STATEMENTS: Final = {
    "BkToCstmrAcctRpt": "camt.052",
    "BkToCstmrStmt": "camt.053",
    "BkToCstmrDbtCdtNtfctn": "camt.054",
}
TRANSFERS: Final = {
    "FIToFICstmrCdtTrf": "pacs.008", "pacs.008.001.01": "pacs.008",
    "FICdtTrf": "pacs.009", "FinInstnCdtTrf": "pacs.009", "pacs.009.001.01": "pacs.009",
}  # fmt: skip
"""Names of the message below ``Document``; in version 1 statements end in ``V01``, transfers are called by type."""
MESSAGES: Final = {**STATEMENTS, **{f"{name}V01": kind for name, kind in STATEMENTS.items()}, **TRANSFERS}
BODIES: Final = {"camt.052": "Rpt", "camt.053": "Stmt", "camt.054": "Ntfctn"}
_SCOPES: Final = frozenset({*MESSAGES, *BODIES.values()})
_MARKS: Final = frozenset({"Document"})
_HEADERS: Final = {"CreDtTm", "Acct", "Bal", "TxsSummry", "StmtPgntn", "RptPgntn", "NtfctnPgntn"}
HEADERS_MAX: Final = 1_000
"""Balances and other parts of one statement that are not entries."""
_SPACE: Final = re.compile(r"\b([a-z]{4}\.[0-9]{3})\.[0-9]{3}\.[0-9]{2}$")


def submissions(path: Path, setting: Setting) -> Iterator[Located]:
    """The submissions of a file, and what is wrong with it; what stood before a fault is kept."""
    with path.open("rb") as file, Repeats() as repeats:
        reader = _Reader(path.name, setting, repeats)
        try:
            for step in markup.steps(file, _SCOPES, _MARKS):
                if isinstance(step, Scope):
                    yield from reader.begin(step)
                elif isinstance(step, Close):
                    yield from reader.end(step.tag)
                else:
                    yield from reader.part(step)
            yield from reader.finish()
        except FaultError as fault:
            yield reader.refused(fault)


class _Reader:
    """Where in a file the reading is."""

    def __init__(self, file: str, setting: Setting, repeats: Repeats) -> None:
        self.file, self.setting, self.repeats = file, setting, repeats
        self.message = ""
        self.place = Scope("", "", "", 1, 0)
        """The message being read."""
        self.bodies = 0
        """Its statements or payments so far."""
        self.messages = 0
        self.created: Node | None = None
        self.body: _Body | None = None
        self.transfers: PaymentFile | None = None

    def begin(self, scope: Scope) -> Iterator[Located]:
        if scope.tag == "Document":
            kind = _SPACE.search(scope.space)
            if kind is not None and kind[1] not in MESSAGES.values():
                self.messages += 1
                yield self.refused(_unread(kind[1]).at(scope.line, scope.column, scope.place))
        elif scope.tag in MESSAGES and not self.message:
            self.message, self.place = MESSAGES[scope.tag], scope
            self.messages, self.bodies, self.created = self.messages + 1, 0, None
            if self.message in TRANSFERS.values():
                self.transfers = PaymentFile(self.message, self.setting, self.repeats)
        elif scope.tag == BODIES.get(self.message):
            self.bodies += 1
            self.body = _Body(self, scope)

    def part(self, part: Node) -> Iterator[Located]:
        try:
            if self.body is not None:
                yield from self.body.part(part)
            elif part.tag == "GrpHdr":
                self.created = part
                if self.transfers is not None:
                    self.transfers.header(part)
            elif part.tag == "CdtTrfTxInf" and self.transfers is not None:
                self.bodies += 1
                for submission in self.transfers.submissions(part):
                    yield Located(self.file, part.line, submission, part.column, part.place, either=True)
        except InputError as fault:
            yield self.refused(fault, part)

    def end(self, tag: str) -> Iterator[Located]:
        if tag == BODIES.get(self.message) and self.body is not None:
            yield from self.body.end()
            self.body = None
        elif MESSAGES.get(tag) == self.message != "":
            if not self.bodies:
                wanted = BODIES.get(self.message, "CdtTrfTxInf")
                fault = FaultError(
                    "an element is missing", field=wanted, rule=f"{self.message} holds at least one {wanted}",
                    remedy="ask the sender for the file anew",
                )  # fmt: skip
                yield self.refused(fault.at(self.place.line, self.place.column, f"{self.place.place}/{wanted}"))
            if self.transfers is not None:
                yield from self.told(self.transfers.totals.notices(), self.place.place, self.place)
            self.message, self.transfers = "", None

    def finish(self) -> Iterator[Located]:
        """What is wrong with a file that ends well-formed."""
        if not self.messages:
            yield self.refused(_unread("file").at(1, 0, "/"))

    def refused(self, fault: InputError, part: Node | None = None) -> Located:
        """A fault with its place."""
        if isinstance(fault, FaultError):
            return Located(self.file, fault.line, fault, fault.column, fault.element)
        line, column, place = (part.line, part.column, part.place) if part else (1, 0, "")
        return Located(self.file, line, fault, column, place)

    def told(self, notices: Iterable[NoticeError], element: str, at: Scope | Node) -> Iterator[Located]:
        """Notices with their place."""
        for notice in notices:
            yield Located(self.file, at.line, notice, at.column, element)


class _Body:
    """One statement, report or notification."""

    def __init__(self, reader: _Reader, scope: Scope) -> None:
        self.reader, self.scope = reader, scope
        self.parts: dict[str, list[Node]] = {}
        self.entries: EntryReader | None = None
        self.statement = Statement(reader.setting.origin, reader.setting.accounts, reader.repeats)
        self.totals = Totals()

    def part(self, part: Node) -> Iterator[Located]:
        if part.tag != "Ntry":
            known = self.parts.setdefault(part.tag, [])
            if part.tag in _HEADERS:
                if len(known) >= HEADERS_MAX:
                    raise elements.fault(part, "", "too many of one kind", f"at most {HEADERS_MAX}")
                known.append(part)
            return
        if self.entries is None:
            self.entries = self._begin()
        try:
            side, (amount, currency) = elements.direction(part), elements.money(part, "Amt")
            state = status(part)
        except FaultError:
            self.totals.unread += 1
            raise
        self.totals.add(side, amount, currency, booked=state == BOOKED)
        if state != BOOKED:
            yield from self.reader.told([_unbooked(state)], part.place, part)
            return
        entry = self.entries.entry(part)
        for told in self.statement.submissions(entry):
            yield Located(
                self.reader.file, part.line, told.submission, part.column, part.place, restated=told.restated
            )
        yield from self.reader.told(_batch(part, amount, currency, side), part.place, part)

    def end(self) -> Iterator[Located]:
        try:
            self._balances()
        except InputError as fault:
            yield self.reader.refused(fault)
            return
        yield from self.reader.told(self.totals.notices(), self.scope.place, self.scope)

    def _begin(self) -> EntryReader:
        """What stands before the entries of a statement."""
        zone = self.reader.setting.zone
        created = None
        for part in (*self.parts.get("CreDtTm", ()), *([self.reader.created] if self.reader.created else ())):
            inner = _under(part) if part.tag == "CreDtTm" else part
            created = created or elements.moment(inner, "CreDtTm", zone)
        account = next(iter(self.parts.get("Acct", ())), None)
        return EntryReader(self.reader.message, account, created, zone)

    def _balances(self) -> None:
        paged = any(part.get("LastPgInd") == "false" or part.get("PgNb") not in {"", "1"} for part in self._pages())
        for part in self.parts.get("Bal", ()):
            kind = part.get("Tp/CdOrPrtry/Cd", "Tp/Cd")
            amount, currency = elements.money(part, "Amt")
            signed = amount if elements.direction(part) == "credit" else -amount
            mixed = self.totals.currency not in {"", currency}
            if kind in {"OPBD", "PRCD"} and not mixed and (self.totals.opening is None or kind == "OPBD"):
                self.totals.opening = signed
            elif kind == "CLBD":
                self.totals.closing = None if mixed else signed
        if paged or self.reader.message != "camt.053":
            self.totals.opening = self.totals.closing = None
        for summary in self.parts.get("TxsSummry", ()):
            _summary(summary, self.totals)
            if paged:  # it is of all pages
                self.totals.told, self.totals.net = {}, None

    def _pages(self) -> list[Node]:
        header = self.reader.created
        pages = [node for tag in ("StmtPgntn", "RptPgntn", "NtfctnPgntn") for node in self.parts.get(tag, ())]
        return [*pages, *([] if header is None else header.all("MsgPgntn"))]


def _under(part: Node) -> Node:
    """A part as the only child of another, to be found by its name."""
    holder = Node("", {}, part.line, part.column, part.place.rpartition("/")[0])
    holder.children.append(part)
    return holder


def _summary(part: Node, totals: Totals) -> None:
    for tag, name in (("TtlNtries", "all"), ("TtlCdtNtries", "credit"), ("TtlDbtNtries", "debit")):
        if part.find(tag) is not None:
            sum_ = elements.decimal(part.get(f"{tag}/Sum"), part, f"{tag}/Sum") if part.find(f"{tag}/Sum") else None
            totals.told[name] = Told(elements.whole(part, f"{tag}/NbOfNtries"), sum_)
    for amount, side in (("TtlNtries/TtlNetNtry/Amt", "TtlNtries/TtlNetNtry/CdtDbtInd"),
                         ("TtlNtries/TtlNetNtryAmt", "TtlNtries/CdtDbtInd")):  # fmt: skip
        if part.find(amount) is not None and part.find(side) is not None:
            net = elements.decimal(part.get(amount), part, amount)
            totals.net = net if elements.direction(part, side) == "credit" else -net


def _batch(entry: Node, amount: Decimal, currency: str, side: str) -> Iterator[NoticeError]:
    """Whether the payments of an entry add up to it, and are as many as it says."""
    payments = [*entry.all("NtryDtls/TxDtls"), *entry.all("TxDtls")]
    for batch in (*entry.all("NtryDtls/Btch"), *entry.all("Btch")):
        number = elements.whole(batch, "NbOfTxs")
        if payments and number not in {None, len(payments)} and len(entry.all("NtryDtls")) < 2:
            yield NoticeError(
                "the number of payments differs", field="NtryDtls/Btch/NbOfTxs", rule="as many as the batch says",
                remedy="the booking holds the entry; ask the account servicer for the rest",
            )  # fmt: skip
    total = Decimal()
    for payment in payments:
        path = next((one for one in ("Amt", "AmtDtls/TxAmt/Amt") if payment.find(one)), "")
        given = elements.money(payment, path) if path else (Decimal(), "")
        if given[1] != currency:
            return
        own = elements.direction(payment) if payment.find("CdtDbtInd") else side
        total += given[0] if own == side else -given[0]
    if len(payments) > 1 and total != amount:
        yield NoticeError(
            "the payments do not add up to the entry", field="NtryDtls/TxDtls",
            rule="their sum is the entry's amount", remedy="the booking holds the entry; ask the account servicer",
        )  # fmt: skip


def _unbooked(state: str) -> NoticeError:
    notice = NoticeError(
        "not booked yet", field="Sts", rule=f"{state}: only BOOK is a booking",
        remedy="the statement that follows will tell",
    )  # fmt: skip
    notice.grave = False
    return notice


def _unread(kind: str) -> FaultError:
    return FaultError(
        "not a message that is read", field="Document", rule="camt.052, camt.053, camt.054, pacs.008 or pacs.009",
        remedy="give a file of these" if kind == "file" else f"leave out {kind}",
    )  # fmt: skip
