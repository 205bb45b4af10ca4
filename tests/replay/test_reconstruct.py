"""Reconstruction: one transaction in full, from its reference alone."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from fix_replay import BACK, FRONT, ORIGIN, Bank

from kyc.clock import to_datetime
from kyc.domain.submission import Entry, StreamName
from kyc.domain.transaction import CounterpartyCompleted, TransactionBooked
from kyc.domain.values import Counterparty
from kyc.errors import DisposedError, NotFoundError
from kyc.evidence import checkpoint, leaf, merkle, note
from replay import reconstruct

pytestmark = pytest.mark.pg15


def found(bank: Bank, reference: str, **options: object) -> reconstruct.Reconstruction:
    """A transaction of the bank."""
    return reconstruct.transaction(bank.log, bank.sealed, reference, **options)  # type: ignore[arg-type]


def dispose(bank: Bank, account: str) -> None:
    """Destroy the key of an account's postings."""
    (row, *_) = bank.log.reader.stream(bank.log.stream_id(StreamName("postings", account)))
    bank.log.key_store.destroy(row.data_key)
    bank.log.ring.forget(row.data_key)


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


def test_documents_captured_later_are_not_shown(bank: Bank) -> None:
    """What was captured after the moment asked about was not known then."""
    transaction = found(bank, "T-1", as_of=to_datetime(bank.moments["first day"] - 30 * 3_600_000_000))
    assert [party.papers for party in transaction.parties] == []
    assert "    nothing was known then" in reconstruct.lines(transaction)


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
    monkeypatch.setattr(reconstruct, "FOLLOWED_MAX", 3)
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


def test_disposed_leg_is_missing_by_name(bank: Bank) -> None:
    """Where one party's leg was disposed of, the others are still reconstructed and the gap is said."""
    dispose(bank, "A3")
    transaction = found(bank, "T-3")
    assert [part.told.stream.key for part in transaction.parts] == ["A2"]
    assert transaction.missing == ("A3",)
    assert any("account A3 cannot be shown" in text for text in reconstruct.lines(transaction))
    dispose(bank, "A2")
    with pytest.raises(DisposedError):
        found(bank, "T-3")


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
