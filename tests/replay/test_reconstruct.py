"""Reconstruction: one transaction in full, from its reference alone."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256

import pytest
from fix_log import opened
from fix_replay import BACK, FRONT, ORIGIN, Bank

from kyc.clock import to_datetime
from kyc.domain.authority import LegalBasis, OrderReceived, OrderRejected
from kyc.domain.document import DocumentCaptured
from kyc.domain.event import Event
from kyc.domain.occasional import OneOffCompleted, TransactionAuthorised, TransactionInstructed
from kyc.domain.restraint import AccountFrozen, FreezeReleased, FundsDeducted
from kyc.domain.submission import Claim, Entry, Scan, StreamName
from kyc.domain.transaction import (
    CounterpartyCompleted,
    FieldCorrection,
    SupportingDocumentAttached,
    TransactionBooked,
    TransactionCorrected,
    TransactionRejected,
)
from kyc.domain.values import Counterparty, Party
from kyc.errors import DisposedError, NotFoundError
from kyc.evidence import checkpoint, leaf, merkle, note
from projections.engine import Engine
from replay import disposed, legs, reconstruct
from replay.disposed import Disposal

pytestmark = pytest.mark.pg15


def found(bank: Bank, reference: str, **options: object) -> reconstruct.Reconstruction:
    """A transaction of the bank."""
    return reconstruct.transaction(bank.log, bank.sealed, reference, **options)  # type: ignore[arg-type]


def test_every_leg_and_every_field(bank: Bank) -> None:
    """Both legs are found from the reference, each with every field that was recorded."""
    transaction = found(bank, "T-3")
    events = [part.told.recorded.event for part in transaction.parts]
    assert all(isinstance(event, TransactionBooked) for event in events)
    assert [(event.leg.account, event.leg.direction) for event in events] == [("A2", "debit"), ("A3", "credit")]
    shown = [" ".join(text.split()) for text in reconstruct.lines(transaction)]
    for value in ("leg.amount 77.00", "remittance invoice 7", "device 10.0.0.7", "leg.counterparty.name Acme Ltd"):
        assert shown.count(value) == 2
    assert (transaction.missing, transaction.as_of) == ((), bank.moments["second day"])


def test_two_legs_on_one_account(bank: Bank) -> None:
    """A transaction within one account has both its legs."""
    directions = [part.told.recorded.event.leg.direction for part in found(bank, "T-4").parts]
    assert directions == ["debit", "credit"]


def test_parties_as_known_then(bank: Bank) -> None:
    """The parties carry the names of the day of the booking, and what has changed since is marked."""
    transaction = found(bank, "T-1")
    parties = {party.known.stream.key: party for party in transaction.parties}
    assert {number: party.roles for number, party in parties.items()} == {
        "C1": (("A1", "owner"), ("A2", "joint")),
        "C2": (("A2", "owner"),),
    }
    assert parties["C1"].known.then.names[0].text == "Li Wei"
    assert [tuple(difference) for difference in parties["C1"].known.differences] == [
        ("names.text", "Li Wei", "Li Wei-Chen")
    ]
    later = found(bank, "T-1", as_of=to_datetime(bank.moments["second day"]))
    assert later.parties[0].known.then.names[0].text == "Li Wei-Chen"


def test_documents_by_hash(bank: Bank) -> None:
    """Each party's documents come with commitment and SHA-256 of every image."""
    (party, *_) = found(bank, "T-1").parties
    (paper,) = party.papers
    assert [digest for _, digest in paper.images] == [
        sha256(FRONT + b"C1").hexdigest(), sha256(BACK + b"C1").hexdigest(),
    ]  # fmt: skip
    assert all(
        bank.log.reader.scan(paper.told.recorded.row.lane, bytes.fromhex(i.commitment)) for i, _ in paper.images
    )


def test_documents_known_then_and_now(bank: Bank) -> None:
    """What was captured after the moment asked about was not known then, and is marked."""
    bank.later()
    paper = DocumentCaptured(
        occurred_at=bank.now, kind="household-register", number="H-1", issuing_country="CHN", no_expiry=True
    )
    bank.customer("C1", paper, Scan(name="page", media_type="image/png", content=FRONT + b"H"))
    (party, *_) = found(bank, "T-1").parties
    assert [(one.told.recorded.event.kind, one.then) for one in party.papers] == [
        ("passport", True), ("household-register", False),
    ]  # fmt: skip
    assert sum(text.endswith(">> not known then") for text in reconstruct.lines(found(bank, "T-1"))) == 1
    early = found(bank, "T-1", as_of=to_datetime(bank.moments["first day"] - 30 * 3_600_000_000))
    assert early.parties == ()  # who held the accounts was not known either
    assert "    nothing was known then" in reconstruct.lines(early)


def test_who_where_when_on_which_basis(bank: Bank) -> None:
    """Each leg says who recorded it, where, when, what for and on which legal basis."""
    (part, _) = found(bank, "T-1").parts
    context = part.told.recorded.context
    assert (context.actor, context.branch, context.purpose, context.legal_basis) == (
        ORIGIN.actor, ORIGIN.branch, ORIGIN.purpose, ORIGIN.legal_basis,
    )  # fmt: skip
    shown = reconstruct.lines(found(bank, "T-1"))
    assert any(
        text.endswith("2026-03-02 22:00:00+08:00 by T-0417 at 310-0021 for account-service on AML24-29")
        for text in shown
    )


def test_proof_of_each_leg(bank: Bank) -> None:
    """The inclusion proof of each leg leads to the root of the signed checkpoint, by the published rules alone."""
    verifier = note.Verifier.parse(bank.vkey)
    for part in found(bank, "T-3").parts:
        tree = checkpoint.open_checkpoint(part.proof.checkpoint, verifier).checkpoint
        row = part.told.recorded.row
        hash_of_leaf = leaf.leaf_hash(leaf.entry(row.stream_id, row.version, row.hash))
        merkle.verify_inclusion(part.proof.index, tree.size, hash_of_leaf, part.proof.hashes, tree.root)


def test_unsealed_transaction(bank: Bank) -> None:
    """A transaction that is not sealed yet says so."""
    bank.book("T-9", "1.00", ("A1", "debit"))
    (part,) = found(bank, "T-9").parts
    assert part.proof.size == 0
    assert any("not sealed yet" in text for text in reconstruct.lines(found(bank, "T-9")))


def test_what_was_recorded_afterwards(bank: Bank) -> None:
    """Later events about the booking are told with it, those about others are not."""
    account = StreamName("account", "A3")
    for reference in ("T-3", "T-other"):
        completed = CounterpartyCompleted(
            occurred_at=bank.now, account="A3", reference=reference, source="inquiry",
            counterparty=Counterparty(name="Acme Limited, Ningbo"),
        )  # fmt: skip
        bank.record(Entry(StreamName("postings", "A3"), account, completed))
    parts = {part.told.stream.key: part for part in found(bank, "T-3").parts}
    assert [told.recorded.event.reference for told in parts["A3"].followed] == ["T-3"]
    assert parts["A2"].followed == ()
    assert "counterparty.name Acme Limited, Ningbo" in [
        " ".join(text.split()) for text in reconstruct.lines(found(bank, "T-3"))
    ]


def about(bank: Bank, account: str, event: Event, *scans: Scan, claims: tuple[Claim, ...] = ()) -> None:
    """Record an event of an account's postings."""
    entry = Entry(StreamName("postings", account), StreamName("account", account), event, scans=scans)
    bank.record(entry, claims=claims)


def test_from_instruction_to_voucher(bank: Bank) -> None:
    """What led to a booking stands before it, vouchers with their digests and corrections after it."""
    said = {"occurred_at": bank.now, "account": "A1", "reference": "T-9"}
    for reference in ("T-9", "T-10"):
        instructed = TransactionInstructed(
            **said | {"reference": reference}, direction="debit", amount=Decimal("9.00"), currency="CNY",
            channel="mobile",
        )  # fmt: skip
        about(bank, "A1", instructed)
    about(bank, "A1", TransactionAuthorised(**said, authoriser="T-7", method="dual"))
    bank.book("T-9", "9.00", ("A1", "debit"))
    bank.later()
    voucher = SupportingDocumentAttached(**said, kind="contract", document="V-1")
    about(bank, "A1", voucher, Scan(name="page 1", media_type="image/png", content=FRONT))
    correction = TransactionCorrected(
        **said, corrections=(FieldCorrection(field="purpose", was="rent", now="salary"),), reason="typed wrong",
        approver="T-8",
    )  # fmt: skip
    about(bank, "A1", correction)
    (part,) = found(bank, "T-9").parts
    assert [told.recorded.context.topic for told in part.preceded] == [
        "transaction.instructed", "transaction.authorised",
    ]  # fmt: skip
    assert [told.recorded.event for told in part.followed] == [correction]
    (paper,) = part.vouchers
    assert (paper.told.recorded.event.document, paper.then) == ("V-1", False)
    assert [digest for _, digest in paper.images] == [sha256(FRONT).hexdigest()]
    assert part.told.recorded.event.purpose == "rent"  # the booking stays as it was recorded
    shown = [" ".join(text.split()) for text in reconstruct.lines(found(bank, "T-9"))]
    assert "purpose rent >> now: salary" in shown
    (leg,) = reconstruct.as_dict(found(bank, "T-9"))["legs"]
    assert leg["corrected"] == [{"name": "purpose", "then": "rent", "now": "salary"}]
    assert leg["vouchers"][0]["images"][0]["sha256"] == sha256(FRONT).hexdigest()


def test_instruction_that_was_rejected(bank: Bank) -> None:
    """What was not carried out is one event, with its account, its holders and its proof like a booking."""
    rejected = TransactionRejected(
        occurred_at=bank.now, account="A1", reference="R-1", direction="debit", amount=Decimal("9.00"),
        currency="CNY", reason="limit",
    )  # fmt: skip
    about(bank, "A1", rejected, claims=(Claim("transaction", "R-1"),))
    bank.seal()
    transaction = found(bank, "R-1")
    (part,) = transaction.parts
    assert (part.told.stream, part.told.recorded.event) == (StreamName("postings", "A1"), rejected)
    assert part.proof.size
    assert [party.known.stream.key for party in transaction.parties] == ["C1"]


def test_business_without_an_account(bank: Bank) -> None:
    """A one-off service is told from its own stream; there is no account and no holder."""
    done = OneOffCompleted(
        occurred_at=bank.now, reference="O-1", person=Party(name="Walk In", role="customer"),
        kind="currency-exchange", amount=Decimal("50.00"), currency="CNY",
    )  # fmt: skip
    name = StreamName("occasional", "O-1")
    bank.record(Entry(name, name, done), claims=(Claim("transaction", "O-1"),))
    transaction = found(bank, "O-1")
    (part,) = transaction.parts
    assert (part.told.stream, part.account, transaction.parties) == (name, None, ())
    shown = [" ".join(text.split()) for text in reconstruct.lines(transaction)]
    assert "Leg 1 of 1: occasional O-1" in shown
    assert "person.name Walk In" in shown
    assert reconstruct.as_dict(transaction)["legs"][0]["account"] is None


def test_orders_in_force_when_it_was_booked(bank: Bank) -> None:
    """Freezes that had neither lapsed nor been lifted at the booking are told with their order, and deductions."""
    for number, action in (("O-1", "freeze"), ("O-2", "freeze"), ("O-3", "freeze"), ("O-4", "deduct")):
        received = OrderReceived(
            occurred_at=bank.now, order=number, action=action, organ="court", organ_name="Court of Ningbo",
            level=3, bases=(LegalBasis(instrument="CPL"),), approval=3, channel="counter", handler="T-1",
            subject="natural", subject_name="Zhang Min",
        )  # fmt: skip
        name = StreamName("order", number)
        bank.record(Entry(name, name, received))
    account = StreamName("account", "A3")
    for number, until in (("1", None), ("2", timedelta(hours=1)), ("3", timedelta(days=9))):
        frozen = AccountFrozen(
            occurred_at=bank.now, id=f"F-{number}", order=f"O-{number}", organ="court",
            amount=Decimal(5), currency="CNY", until=bank.now + until if until else None,
        )  # fmt: skip
        bank.record(Entry(account, account, frozen))
    bank.record(Entry(account, account, FreezeReleased(occurred_at=bank.now, id="F-1", reason="lifted")))
    bank.later(2)
    bank.book("T-9", "5.00", ("A3", "debit"))
    bank.later()
    deducted = FundsDeducted(
        occurred_at=bank.now, order="O-4", amount=Decimal(5), currency="CNY", destination="court", reference="T-9"
    )
    bank.record(Entry(account, account, deducted))
    name = StreamName("order", "O-3")
    bank.record(Entry(name, name, OrderRejected(occurred_at=bank.now, order="O-3", reasons=("no-papers",))))
    (part,) = found(bank, "T-9").parts
    assert [(order.known.stream.key, order.effect) for order in part.orders] == [
        ("O-3", "freeze"), ("O-4", "deduction"),
    ]  # fmt: skip
    assert (part.orders[0].known.then.status, part.orders[0].known.now.status) == ("received", "rejected")
    shown = [" ".join(text.split()) for text in reconstruct.lines(found(bank, "T-9"))]
    assert "Legal order O-3: freeze when it was booked" in shown
    assert "status received >> now: rejected" in shown
    assert [part.orders for part in found(bank, "T-1").parts] == [(), ()]
    (leg,) = reconstruct.as_dict(found(bank, "T-9"))["legs"]
    assert [order["effect"] for order in leg["orders"]] == ["freeze", "deduction"]


def test_cost_does_not_grow_with_the_account(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many bookings an account has, the same number of events is opened."""
    counts = opened(bank.log, monkeypatch)

    def cost() -> int:
        counts.clear()
        found(bank, "T-3")
        return sum(counts)

    before = cost()
    for number in range(200):
        bank.later()
        bank.book(f"M-{number}", "1.00", ("A3", "credit"))
    assert cost() == before < 40


def test_found_among_many(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other leg is found in a long stream by few reads, not by reading the stream."""
    for number in range(40):
        bank.later()
        bank.book(f"M-{number}", "1.00", ("A3", "credit"))
    bank.later()
    bank.book("T-9", "1.00", ("A1", "debit"), ("A3", "credit"))
    for number in range(40, 80):
        bank.later()
        bank.book(f"M-{number}", "1.00", ("A3", "credit"))
    read = []
    stream = bank.log.reader.stream
    postings = bank.log.stream_id(StreamName("postings", "A3"))

    def counted(stream_id: bytes, **options: int):
        for row in stream(stream_id, **options):
            if stream_id == postings:
                read.append(row.version)
            yield row

    monkeypatch.setattr(bank.log.reader, "stream", counted)
    monkeypatch.setattr(legs, "FOLLOWED_MAX", 3)
    parts = found(bank, "T-9").parts
    assert [part.told.recorded.row.version for part in parts] == [4, 42]
    assert len(read) < 25
    assert [part.searched_all for part in parts] == [True, False]


def test_legs_recorded_under_a_clock_that_ran_back(bank: Bank) -> None:
    """A leg whose stream was ahead of the clock carries a later time, and is found all the same."""
    for hours in (0, 5):
        bank.clock.advance(3 * 86_400_000_000)
        bank.book(f"ahead-{hours}", "1.00", ("A3", "credit"))
        bank.clock.advance(-3 * 86_400_000_000)
        bank.later(hours)
        bank.book(f"back-{hours}", "1.00", ("A1", "debit"), ("A3", "credit"))
        first, other = found(bank, f"back-{hours}").parts
        assert other.told.recorded.row.recorded_at > first.told.recorded.row.recorded_at


CERTIFICATE = "ab" * 32


def test_disposed_leg_is_missing_by_name(bank: Bank) -> None:
    """Where one party's leg was disposed of, the others are still reconstructed and the gap is said."""
    bank.dispose("postings", "A3", "X1", CERTIFICATE)
    transaction = found(bank, "T-3")
    assert [part.told.stream.key for part in transaction.parts] == ["A2"]
    assert transaction.missing == (legs.Missing("A3", Disposal("X1", CERTIFICATE)),)
    assert (
        f"The leg on account A3 cannot be shown: disposed of under certificate {CERTIFICATE} (disposal X1)"
        in reconstruct.lines(transaction)
    )
    assert reconstruct.as_dict(transaction)["missing"] == [
        {"account": "A3", "disposal": {"number": "X1", "certificate": CERTIFICATE}}
    ]


def test_leg_that_holds_the_reference_is_disposed(bank: Bank) -> None:
    """The read models name another leg; the one that held the reference is told with its certificate."""
    Engine(bank.log).catch_up()
    bank.dispose("postings", "A2", "X2")
    transaction = found(bank, "T-3")
    assert [part.told.stream.key for part in transaction.parts] == ["A3"]
    assert transaction.missing == (legs.Missing("A2", Disposal("X2", "")),)
    assert any("whose certificate is not issued yet" in text for text in reconstruct.lines(transaction))


def test_wholly_disposed_transaction(bank: Bank) -> None:
    """Where no leg can be read, the answer is the certificate; without read models it is the fact."""
    bank.dispose("postings", "A2", "X2", CERTIFICATE)
    bank.dispose("postings", "A3")
    with pytest.raises(DisposedError) as refused:
        found(bank, "T-3")
    assert refused.value.rule == "no disposal is recorded for its key"
    Engine(bank.log).catch_up()
    with pytest.raises(DisposedError) as refused:
        found(bank, "T-3")
    assert refused.value.rule == f"under certificate {CERTIFICATE} (disposal X2)"


def test_disposed_party(bank: Bank) -> None:
    """A holder whose file was disposed of is named by number and certificate, the transaction stays."""
    bank.dispose("customer", "C2", "X3", CERTIFICATE)
    transaction = found(bank, "T-1")
    parties = {party.known.stream.key: party for party in transaction.parties}
    assert parties["C2"].known.disposal == Disposal("X3", CERTIFICATE)
    assert parties["C2"].roles == (("A2", "owner"),)
    shown = reconstruct.lines(transaction)
    assert shown[shown.index("Customer C2, owner of A2") + 1] == f"  {disposed.words(Disposal('X3', CERTIFICATE))}"
    assert "Customer C1, owner of A1, joint of A2" in shown


def test_disposed_scans(bank: Bank) -> None:
    """A document whose scans were disposed of keeps its commitments; no hash of the content is made up."""
    (paper,) = found(bank, "T-1").parties[0].papers
    with bank.owner() as owner:
        commitment = bytes.fromhex(paper.images[0][0].commitment)
        owner.execute("update kyc.scan set state = '' where commitment = %s", (commitment,))
    (paper,) = found(bank, "T-1").parties[0].papers
    assert [digest for _, digest in paper.images] == ["", sha256(BACK + b"C1").hexdigest()]
    assert any(text.split() == ["SHA-256", "disposed", "of"] for text in reconstruct.lines(found(bank, "T-1")))


def test_unknown_reference(bank: Bank) -> None:
    """A reference nobody used is not found."""
    with pytest.raises(NotFoundError):
        found(bank, "T-77")


def test_json(bank: Bank) -> None:
    """The reconstruction is plain JSON."""
    parsed = json.loads(json.dumps(reconstruct.as_dict(found(bank, "T-1"))))
    assert [leg["event"]["leg"]["amount"] for leg in parsed["legs"]] == ["100.50", "100.50"]
    assert parsed["legs"][0]["proof"]["size"] == 24
    assert parsed["parties"][0]["documents"][0]["images"][0]["sha256"] == sha256(FRONT + b"C1").hexdigest()
