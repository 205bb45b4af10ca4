"""Messages into the ledger: each booking once, whatever tells of it; unknown accounts, rejects."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fix_bank import household, opened
from fix_messages import MARK, OURS, SETTING, THEIRS, credit, entry, payment, statement, transfer

from kyc.domain.submission import StreamName
from kyc.domain.transaction import PaymentDetailed, TransactionBooked
from kyc.intake import Rejects, Tally, read, rehearse, take_in
from kyc.ledger import Ledger

Take = Callable[..., Tally]
SEVERAL = payment("Ada", "E1", "7.50") + payment("Bea", "E2", "5.00")


@pytest.fixture
def take(ledger: Ledger, tmp_path: Path) -> Take:
    """Takes texts in, one file each, into a ledger that knows our account."""
    ledger.record([*household(), opened(OURS, "C1")])

    def run(*texts: str) -> Tally:
        total = Tally()
        with Rejects(tmp_path / "rejects") as keep:
            for text in texts:
                (tmp_path / "in.xml").write_text(text)
                total.add(take_in(ledger, read("iso20022", tmp_path / "in.xml", None, SETTING), rejects=keep))
        return total

    return run


def postings(ledger: Ledger) -> list[object]:
    """What stands in the postings of our account."""
    return [recorded.event for recorded in ledger.log.events(StreamName("postings", OURS))]


def test_report_notification_and_statement_book_once(ledger, take):
    """The report of the day, the notification and the statement tell of one booking; again, nothing is doubled."""
    texts = [statement(entry(details=payment()), kind=kind) for kind in ("052", "054", "053")]
    tally = take(*texts, *texts)
    assert (tally.read, tally.recorded, tally.replayed, tally.refused, tally.transactions) == (6, 1, 5, 0, 1)
    (booked,) = postings(ledger)
    assert isinstance(booked, TransactionBooked)


def test_what_a_later_message_adds_is_recorded_beside(ledger, take):
    """The report was bare, the statement names the sender: one booking, and what came later beside it, once."""
    texts = [statement(entry(), kind="052"), statement(entry(details=payment()))]
    tally = take(*texts, *texts)
    assert (tally.recorded, tally.replayed, tally.refused, tally.events) == (1, 3, 0, 2)
    booked, added = postings(ledger)
    assert isinstance(added, PaymentDetailed)
    assert (added.reference, added.counterparty.name) == (booked.reference, "Grace Hopper")


@pytest.mark.parametrize("order", [1, -1])
def test_batches_in_either_order(ledger, take, order):
    """Statement with the sum, notification with the payments: one booking and both payments, in either order."""
    texts = [statement(entry()), statement(entry(details=SEVERAL), kind="054")][::order]
    tally = take(*texts, *texts)
    assert (tally.recorded, tally.refused, tally.transactions) == (3, 0, 1)
    kinds = [type(one) for one in postings(ledger)]
    assert sorted(kind.__name__ for kind in kinds) == ["PaymentDetailed", "PaymentDetailed", "TransactionBooked"]


def test_both_sides_of_a_transfer_between_accounts_of_ours(ledger, take):
    """Debit and credit of one transfer, under one reference of the servicer, are both booked."""
    ledger.record([opened(THEIRS, "C2")])
    tally = take(statement(entry(side="DBIT")), statement(entry(), account=THEIRS))
    assert (tally.recorded, tally.refused) == (2, 0)


def test_rejects_tell_where_and_why(take, tmp_path):
    """An unknown account, a fine amount and a broken end: each with line, column, element, rule and remedy."""
    bad = statement("\n", entry(), "\n", entry("1.001", reference=MARK), "\n", entry(reference="R3"))
    tally = take(statement(entry(), account=MARK), bad[:-20])
    assert (tally.recorded, tally.refused) == (2, 3)
    found = [json.loads(line) for line in (tmp_path / "rejects").read_text().splitlines()]
    by_error = {one["error"]: one for one in found}
    assert by_error["unknown account"]["remedy"] == "open the account first"
    fine = by_error["more decimals than the currency has"]
    assert (fine["line"], fine["element"], fine["severity"]) == (
        3,
        "/Document/BkToCstmrStmt/Stmt/Ntry[2]",
        "refused",
    )
    assert by_error["not well-formed XML"]["line"] == 4
    assert MARK not in (tmp_path / "rejects").read_text()


def test_payments_on_one_account_of_ours(ledger, take, tmp_path):
    """An instruction is recorded where the account is ours; the other bank's side is no fault, twice unknown is."""
    tally = take(transfer(credit(), credit(transaction="T2"), credit(debtor="X1", creditor="X2", transaction="T3")))
    assert (tally.recorded, tally.elsewhere, tally.refused) == (2, 3, 1)
    (entry_,) = map(json.loads, (tmp_path / "rejects").read_text().splitlines())
    assert (entry_["error"], entry_["element"]) == ("unknown account", "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[3]")
    again = take(transfer(credit(), credit(transaction="T2")))
    assert (again.recorded, again.replayed, again.refused) == (0, 2, 0)
    ledger.record([opened(THEIRS, "C2")])
    both = take(transfer(credit(transaction="T4")))
    assert (both.recorded, both.elsewhere, both.refused) == (2, 0, 0)


def test_a_reversal(ledger, take):
    """What is taken back is booked as that, whether the original is on record here or not."""
    first = entry(side="DBIT", details=payment().replace("Dbtr", "Cdtr"))
    back = entry(reference="R2", details=payment().replace("Dbtr", "Cdtr"), more="<RvslInd>true</RvslInd>")
    tally = take(statement(first, back), statement(first, back))
    assert (tally.recorded, tally.replayed, tally.refused) == (2, 2, 0)
    assert [one.reversal for one in postings(ledger)] == [False, True]


def test_what_cannot_be_told_besides_is_refused(ledger, take, tmp_path):
    """A later message whose particulars break a rule is refused by name; the booking stays as it was."""
    wrong = payment(more='<AmtDtls><InstdAmt><Amt Ccy="XXZ">1</Amt></InstdAmt></AmtDtls>')
    tally = take(statement(entry(), kind="052"), statement(entry(details=wrong)))
    assert (tally.recorded, tally.refused) == (1, 1)
    assert json.loads((tmp_path / "rejects").read_text())["error"] == "unknown currency"


def test_a_dry_run_knows_the_accounts(ledger, take, tmp_path):
    """A dry run of messages finds unknown accounts and records nothing."""
    path = tmp_path / "in.xml"
    path.write_text(f"<m>{statement(entry())}{statement(entry(), account=THEIRS)}{transfer(credit())}</m>")
    before = len(postings(ledger))
    tally = rehearse(read("iso20022", path, None, SETTING), ledger)
    assert (tally.read, tally.recorded, tally.elsewhere, tally.refused, tally.transactions) == (4, 2, 1, 1, 1)
    assert len(postings(ledger)) == before


def test_accounts_under_another_name(ledger, tmp_path, take):
    """A list gives the number in the ledger for the name in the message."""
    setting = SETTING._replace(accounts={THEIRS: "A1"})
    (tmp_path / "in.xml").write_text(statement(entry(), account=THEIRS))
    assert take_in(ledger, read("iso20022", tmp_path / "in.xml", None, setting)).recorded == 1


def test_what_is_told_besides_names_the_booking_on_record(ledger, take):
    """The statement calls a payment by its UETR, the report did not: what it adds names the booking there is."""
    more = "<UETR>eb6305c9-1f7f-49de-aed0-16487c27b42d</UETR>"
    told = payment()
    assert "<EndToEndId>" in told
    named = told.replace("<EndToEndId>", f"{more}<EndToEndId>", 1)
    texts = [statement(entry(), kind="052"), statement(entry(details=named))]
    tally = take(*texts, *texts)
    assert (tally.recorded, tally.replayed, tally.refused) == (1, 3, 0)
    booked, added = postings(ledger)
    assert (added.reference, added.wire.uetr) == (booked.reference, "eb6305c9-1f7f-49de-aed0-16487c27b42d")
