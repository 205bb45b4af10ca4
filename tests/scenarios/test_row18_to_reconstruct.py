"""Row 18: what is recorded of a transaction is enough to reconstruct it; what comes later never alters it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from fix_samples import SAMPLES, SHOP, booking
from fix_world_china import onboard, open_account, paid

from kyc.clock import to_datetime
from kyc.domain.customer import NameChanged
from kyc.domain.diligence import ScreeningHitDecided, ScreeningPerformed
from kyc.domain.occasional import OneOffCompleted
from kyc.domain.submission import Scan
from kyc.domain.transaction import (
    BookTransaction,
    CounterpartyCompleted,
    Leg,
    SupportingDocumentAttached,
    TransactionReversed,
)
from kyc.domain.values import Name
from replay import history, reconstruct


def test_details_and_vouchers_arrive_late(china):
    """The payee's details and the contract come days later; the booking stays what it was."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    booked = china.record(paid(china, "T1", "A1", "500.00", purpose="goods")).entries[0].event
    china.record(
        CounterpartyCompleted(
            occurred_at=china.now, account="A1", reference="T1", counterparty=SHOP, source="pacs.008"
        )
    )
    contract = SupportingDocumentAttached(occurred_at=china.now, account="A1", reference="T1", kind="contract")
    scans = (Scan(name="page", media_type="image/png", content=b"png"),)
    assert china.record(contract, scans=scans).entries[0].scans == scans
    assert china.events("postings", "A1")[0] == booked
    assert china.topics("postings", "A1") == [
        "transaction.booked", "transaction.counterparty_completed", "transaction.document_attached",
    ]  # fmt: skip


def test_a_wrong_booking_is_taken_back_by_another(china):
    """A reversal books the money back under a reference of its own and marks the first booking, once."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    china.record(paid(china, "T1", "A1", "500.00"))
    back = paid(china, "T2", "A1", "500.00", reversal=True, parent="T1")
    china.record(msgspec.structs.replace(back, legs=(msgspec.structs.replace(back.legs[0], direction="credit"),)))
    china.record(
        TransactionReversed(
            occurred_at=china.now, account="A1", reference="T1", reversed_by="T2", reason="wrong payee"
        )
    )
    assert len(china.events("postings", "A1")) == 3


def test_a_transfer_between_two_of_ours(china):
    """Each account's record names the other leg, so that one can be disposed of and the other still tells."""
    for number in ("1", "2"):
        onboard(china, f"C{number}")
        open_account(china, f"A{number}", f"C{number}")
    amount = Decimal("77.00")
    legs = (
        Leg(account="A1", direction="debit", amount=amount, currency="CNY"),
        Leg(account="A2", direction="credit", amount=amount, currency="CNY"),
    )
    transfer: BookTransaction = msgspec.structs.replace(paid(china, "T1", "A1", "1"), legs=legs)
    china.record(transfer)
    (first,), (second,) = china.events("postings", "A1"), china.events("postings", "A2")
    assert [place.account for place in first.legs] == [place.account for place in second.legs] == ["A1", "A2"]


def test_somebody_without_an_account(china):
    """From the threshold on, inclusive, a one-off customer is identified; the threshold of the day applies."""
    sample = SAMPLES["service.one_off_completed"]
    stranger = msgspec.structs.replace(sample.person, document_number="")
    service = msgspec.structs.replace(
        sample, occurred_at=china.now, amount=Decimal("50000.00"), person=stranger, verified_by=""
    )
    assert isinstance(service, OneOffCompleted)
    assert china.refuse(service).rule == "O11-25"
    china.record(msgspec.structs.replace(service, amount=Decimal("49999.99")))
    china.record(msgspec.structs.replace(sample, occurred_at=china.now, reference="T9", amount=Decimal("50000.00")))
    before = msgspec.structs.replace(
        service, occurred_at=china.now.replace(year=2025), reference="T8", amount=Decimal("10000.00")
    )
    assert china.refuse(before).rule == "O2-07 art. 7"
    attempt = msgspec.structs.replace(SAMPLES["service.attempt_recorded"], occurred_at=china.now, reference="T7")
    china.record(attempt)
    assert china.topics("occasional", "T7") == ["service.attempt_recorded"]
    assert china.refuse(msgspec.structs.replace(attempt, amount=Decimal(0))).field == "amount"


def test_true_booked_and_entered_on_three_days(china):
    """Value date 3 March, booked on the 5th, entered on the 9th: on the 6th the bank did not know of the 3rd."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    payment = paid(china, "T1", "A1", "100.00")
    third, fifth, sixth, ninth = (datetime(2026, 3, day, 10, tzinfo=UTC) for day in (3, 5, 6, 9))
    china.today = ninth.date()
    china.record(msgspec.structs.replace(payment, occurred_at=third, booked_at=fifth, value_date=third.date()))

    def known(as_of: datetime) -> list[str]:
        told = history.customer(china.log, "C1", as_of, about=third).told
        return [one.recorded.event.reference for one in told if one.stream.kind == "postings"]

    assert (known(sixth), known(ninth)) == ([], ["T1"])
    (leg,) = reconstruct.transaction(china.log, china.sealed, "T1").parts
    event, recorded = leg.told.recorded.event, leg.told.recorded.row.recorded_at
    assert (event.value_date, event.booked_at) == (third.date(), fifth)
    assert to_datetime(recorded) == ninth


def test_identity_as_it_was_then(china):
    """Renamed since, she still stands on the transaction as she was known then, with her passport of the day."""
    onboard(china, "C1", occupation="baker")
    open_account(china, "A1", "C1")
    china.record(paid(china, "T1", "A1", "100.00", remittance="flour"))
    china.later(hours=1)
    changed = NameChanged(
        occurred_at=china.now, names=(Name(text="Person Married"),), evidence="deed", effective_from=china.today
    )
    china.record(changed, "C1")
    china.seal()
    found = reconstruct.transaction(china.log, china.sealed, "T1")
    (part,), (party,) = found.parts, found.parties
    assert part.told.recorded.event.remittance == "flour"
    assert [name.text for name in party.known.then.names] == ["Person C1"]
    assert [name.text for name in party.known.now.names] == ["Person Married"]
    assert [paper.told.recorded.event.number for paper in party.papers] == ["PASS-C1"]
    assert part.proof.checkpoint


ASKED = {
    "reference", "serial", "end to end", "parent", "initiated at", "authorised at", "booked at", "value date",
    "teller", "authoriser", "channel", "device", "kind", "cash", "cross border", "purpose", "remittance",
    "balance of payments code", "district", "country", "funds code", "goods", "documents", "leg.account",
    "leg.direction", "leg.amount", "leg.currency", "leg.balance after", "leg.fee", "leg.card",
    "leg.counterparty.name", "leg.counterparty.account", "leg.counterparty.account kind",
    "leg.counterparty.institution", "leg.counterparty.institution code", "leg.counterparty.institution code kind",
    "leg.counterparty.district", "leg.counterparty.country", "originator.name", "originator.account",
    "originator.address", "beneficiary.name", "beneficiary.account", "beneficiary.institution",
    "beneficiary.country", "conductor.name", "conductor.document number", "equivalents.amount",
    "equivalents.currency", "equivalents.rate", "equivalents.rate source", "equivalents.rate date", "list",
    "list version", "hits", "match",
}  # fmt: skip
"""What is told of a transaction: tables of the inspection interface, large-value reports, 31 CFR 1020.410."""


def screened(world, version: str, *hits: str) -> ScreeningPerformed:
    """A screening against the list of the United Nations."""
    return ScreeningPerformed(
        occurred_at=world.now, list="UN", list_version=version, engine="names/4", hits=hits
    )  # fmt: skip


def test_every_field_that_is_asked_for(china):
    """Each is recorded and told, with all holders of a joint account, and what screening had said by then."""
    for number in ("C1", "C2"):
        onboard(china, number)
    open_account(china, "A1", "C1", "C2")
    open_account(china, "A2", "C2")
    for event in (
        screened(china, "2026-02-01", "H0"), screened(china, "2026-03-01", "H1"),
        ScreeningHitDecided(occurred_at=china.now, hit="H1", match=False, reason="other", decided_by="A-1"),
    ):  # fmt: skip
        china.record(event, "C1")
    china.later(hours=1)
    full = booking(
        occurred_at=china.now, booked_at=china.now, value_date=china.today,
        initiated_at=china.now - timedelta(minutes=2), authorised_at=china.now - timedelta(minutes=1),
    )  # fmt: skip
    china.record(full, branch="B-2")
    china.later(hours=1)
    china.record(screened(china, "2026-04-01"), "C1")
    found = reconstruct.transaction(china.log, china.sealed, full.reference)
    shown = [text.strip() for text in reconstruct.lines(found)]
    assert [name for name in sorted(ASKED) if not any(text.startswith(f"{name} ") for text in shown)] == []
    first, second = found.parties
    assert [told.recorded.event.TOPIC for told in first.screened] == [
        "cdd.screening_performed", "cdd.screening_hit_decided",
    ]  # fmt: skip
    assert (first.screened[0].recorded.event.list_version, second.screened) == ("2026-03-01", ())
    assert [one["screening"][0]["event"]["hits"] for one in reconstruct.as_dict(found)["parties"][:1]] == [("H1",)]
