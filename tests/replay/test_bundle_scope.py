"""What a bundle holds and what it says of the rest; and what is not exported at all."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from fix_replay import ORIGIN, Bank
from fix_signed import ORDER, export, records, verified

from kyc.domain.customer import AccountUnlinked
from kyc.domain.submission import Entry, StreamName, Unit
from kyc.domain.transaction import TransactionReversed
from kyc.errors import (
    ChainBrokenError,
    CiphertextDamagedError,
    ConflictError,
    DisposedError,
    InputError,
    NotFoundError,
    RefusedError,
)
from replay import verifier
from replay.renderings import Form
from replay.scopes import Scope

pytestmark = pytest.mark.pg15


def test_disposed_events_by_hash(bank: Bank, tmp_path: Path) -> None:
    """Disposed events appear with header and commitment, nothing else of them, and the bundle verifies."""
    bank.dispose("postings", "A1")
    exported = export(bank, tmp_path / "c1")
    gone = records(tmp_path / "c1", "events/00003-postings.ndjson")
    assert [record["withheld"] for record in gone] == ["disposed"] * 3
    assert set(gone[0]) == verifier.FIELDS["disposed"]
    assert "100.50" not in (tmp_path / "c1" / "events" / "00003-postings.ndjson").read_text()
    said = verified(tmp_path / "c1", exported)
    assert any(text.startswith("3 events were disposed of") for text in said.not_proved)


def test_nothing_left_to_export(bank: Bank, tmp_path: Path) -> None:
    """Where everything of a customer was disposed of there is no bundle, green or otherwise."""
    bank.dispose("customer", "C1")
    with pytest.raises(DisposedError):
        export(bank, tmp_path / "c1.zip")
    assert list(tmp_path.glob("*c1*")) == []


def test_lost_content_is_not_called_disposed(bank: Bank, tmp_path: Path) -> None:
    """Ciphertext that is gone while its key lives stops the export; only disposal is called disposal."""
    with bank.owner() as owner:
        owner.execute("update kyc.event set state = '' where stream_id = %s",
                      (bank.log.stream_id(StreamName("postings", "A1")).hex(),))  # fmt: skip
    with pytest.raises(CiphertextDamagedError):
        export(bank, tmp_path / "c1.zip")


def test_after_the_customer_left(bank: Bank, tmp_path: Path) -> None:
    """What happened on an account after the customer left it is given as a hash, and the chain goes through it."""
    bank.customer("C1", AccountUnlinked(occurred_at=bank.now, account="A2", on=bank.now.date()))
    bank.later()
    bank.book("T-9", "999.00", ("A2", "debit"))
    bank.seal()
    exported = export(bank, tmp_path / "c1")
    *_, last = records(tmp_path / "c1", "events/00005-postings.ndjson")
    assert set(last) == verifier.FIELDS["outside"]
    assert verified(tmp_path / "c1", exported).counts["outside"] == 1


def test_unsealed_events_are_counted(bank: Bank, tmp_path: Path) -> None:
    """What was recorded after the checkpoint is not exported, and the verdict says how much that is."""
    bank.book("T-9", "1.00", ("A1", "debit"))
    said = verified(tmp_path / "c1.zip", export(bank, tmp_path / "c1.zip"))
    assert said.counts["events"] == 14
    assert "1 events, recorded after the checkpoint, are not in this bundle" in said.not_proved


def test_large_log(bank: Bank, tmp_path: Path) -> None:
    """Proofs through several levels of tiles verify, for a stream of several pages too."""
    for number in range(600):
        bank.clock.advance(1)
        bank.book(f"M-{number}", "1.00", ("A1", "debit"), ("A3", "credit"))
    bank.seal()
    exported = export(bank, tmp_path / "c3.zip", "C3")
    assert verified(tmp_path / "c3.zip", exported).counts["events"] == 606


def postings(bank: Bank, account: str, count: int) -> None:
    """Many postings of one account in one commit after another."""
    first = bank.units
    bank.units += count
    stream = StreamName("postings", account)
    legs = [
        TransactionReversed(
            occurred_at=bank.now, account=account, reference=f"R-{n}", reversed_by="T-9", reason="x"
        )
        for n in range(first, first + count)
    ]
    units = [Unit(f"p-{leg.reference}", ORIGIN, (Entry(stream, stream, leg),)) for leg in legs]
    for at in range(0, count, 2_000):
        bank.log.append(units[at : at + 2_000])
    bank.seal()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_history(bank: Bank, tmp_path: Path) -> None:
    """Four times the postings take no more memory to export and to verify, but for the tiles of the log."""
    peaks = []
    for name, more in (("warm", 10), ("few", 2_000), ("many", 8_000)):
        postings(bank, "A1", more)
        tracemalloc.start()
        scope, form = Scope(kind="account", key="A1"), Form(report=False)  # which is bounded at more than this
        exported = export(bank, tmp_path / f"{name}.zip", scope=scope, form=form)
        wrote = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        verified(tmp_path / f"{name}.zip", exported)
        peaks.append((wrote, tracemalloc.get_traced_memory()[1]))
        tracemalloc.stop()
    (_, (wrote_few, read_few), (wrote_many, read_many)) = peaks
    assert wrote_many < wrote_few + 2_000_000  # the events themselves have 15 MB
    assert read_many < read_few + 2_500_000  # buffers fill up to a few chunks of 1 MB


@pytest.mark.parametrize("missing", ["recipient", "purpose", "legal_basis", "actor"])
def test_no_export_without_a_reason(bank: Bank, tmp_path: Path, missing: str) -> None:
    """An export that does not say for whom, what for, on which basis or by whom is refused."""
    with pytest.raises(RefusedError) as refused:
        export(bank, tmp_path / "c1.zip", order=replace(ORDER, **{missing: ""}))
    assert refused.value.field == missing


def test_nothing_is_overwritten(bank: Bank, tmp_path: Path) -> None:
    """An export goes to a new place."""
    (tmp_path / "c1.zip").write_bytes(b"somebody's")
    with pytest.raises(ConflictError):
        export(bank, tmp_path / "c1.zip")
    assert (tmp_path / "c1.zip").read_bytes() == b"somebody's"
    with pytest.raises(InputError):
        export(bank, tmp_path / "nowhere" / "c1.zip")


def test_unknown_customer(bank: Bank, tmp_path: Path) -> None:
    """An unknown customer has no bundle, and no half of one is left behind."""
    for out in (tmp_path / "c9.zip", tmp_path / "c9"):
        with pytest.raises(NotFoundError):
            export(bank, out, "C9")
    assert list(tmp_path.glob("*c9*")) == []


def test_broken_log_is_not_signed(bank: Bank, tmp_path: Path) -> None:
    """The exporter checks what it writes: an event that does not fit its chain is not exported."""
    stream = bank.log.stream_id(StreamName("account", "A2")).hex()
    change = "context = set_byte(context, 4, get_byte(context, 4) # 1)"
    with bank.owner() as owner:
        owner.execute(f"update kyc.event set {change} where stream_id = %s", (stream,))
    with pytest.raises(ChainBrokenError):
        export(bank, tmp_path / "c1.zip")
