"""Verifying a part: what was added since the last time, one customer, and the whole by several processes."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest
from fix_cli import Call, document
from fix_replay import Bank
from fix_tampered import edit, kinds, relinked, rows

from kyc.errors import FormatError, StoreError
from kyc.evidence import checkpoint, note
from replay import audit_crew
from replay.audit import How, audit
from replay.audit_crew import Hands
from replay.audit_scope import audit_customer
from replay.audit_since import Verified
from replay.findings import Kind, Report
from replay.signers import Outside

pytestmark = pytest.mark.pg15
SECRET = bytes(range(32))


def added(bank: Bank, since: str, keyless: bool = False) -> Report:
    """What was added since a checkpoint."""
    how = How(since=Verified(since, bank.clock.us))
    keys = None if keyless else bank.log.ring
    return audit(bank.log, verifier_keys=[bank.vkey], keys=keys, how=how)


def of(bank: Bank, customer: str) -> Report:
    """One customer."""
    return audit_customer(bank.log, customer, verifier_keys=[note.Verifier.parse(bank.vkey)], outside=Outside())


# --- since the last time ----------------------------------------------------------------------------------


@pytest.fixture
def grown(bank: Bank) -> tuple[Bank, str]:
    """The bank some days later, and the checkpoint up to which it was verified: 24 events, then 400 more."""
    since = bank.seal()
    for at in range(4):
        bank.fill(99)
        bank.book(f"T-1{at}", "2.00", ("A1", "debit"))
        bank.seal()
    return bank, since


def test_only_what_was_added_is_read(grown: tuple[Bank, str]) -> None:
    """New events are proved on top of what was proved; what lies before is said not to be looked at again."""
    bank, since = grown
    report = added(bank, since)
    assert (report.findings, report.counts["events"], report.counts["sealed"]) == ([], 400, 400)
    assert report.counts["through"] == 424
    assert any(text.startswith("the first 24 events again") for text in report.not_proved)
    assert any("4 roots" in text for text in report.proved)
    assert added(bank, since, keyless=True).ok
    newest = bank.sealed.checkpoint()
    assert newest is not None
    report = added(bank, newest.note)
    assert (report.ok, report.counts["events"]) == (True, 0)


def test_tampering_with_what_was_added(grown: tuple[Bank, str]) -> None:
    """An edited new event is named; an old one is not looked at, and the whole verification names it."""
    bank, since = grown
    first, *_, last = rows(bank, "postings", "A1")
    edit(bank, last, "state = set_byte(state, 20, get_byte(state, 20) # 1)")
    assert Kind.CIPHERTEXT_CHANGED in kinds(added(bank, since))
    edit(bank, last, "state = %s", last.state)
    edit(bank, first, "state = set_byte(state, 20, get_byte(state, 20) # 1)")
    assert added(bank, since).ok
    assert Kind.CIPHERTEXT_CHANGED in kinds(audit(bank.log, verifier_keys=[bank.vkey]))


def test_a_predecessor_is_not_believed(grown: tuple[Bank, str]) -> None:
    """An old event rewritten together with all that follow it does not carry the new ones: it was never sealed."""
    bank, since = grown
    events = rows(bank, "postings", "A1")
    old = next(at for at, row in enumerate(events) if bank.sealed.index_of(row.lane, row.position) >= 24)  # type: ignore[operator]
    edit(bank, events[old - 1], "recorded_at = recorded_at - 1")
    changed = events[old - 1]._replace(recorded_at=events[old - 1].recorded_at - 1)
    previous = relinked(bank, changed, changed.previous)
    for row in events[old:]:
        previous = relinked(bank, row, previous)
    report = added(bank, since)
    assert not report.ok
    assert Kind.VERSION_WRONG in kinds(report)
    assert report.findings[0].place.stream == events[old].stream_id


@pytest.mark.parametrize("what", ["tile", "segment", "checkpoint"])
def test_the_old_log_must_still_be_there(grown: tuple[Bank, str], what: str) -> None:
    """A log that no longer gives the verified root, or became shorter, or has a gap in its segments, is named."""
    bank, _ = grown
    middle = bank.sealed.checkpoint(324)
    assert middle is not None
    since = middle.note
    with bank.owner() as owner:
        if what == "tile":
            owner.execute("update kyc.tile set hashes = set_byte(hashes, 64, get_byte(hashes, 64) # 1)")
        elif what == "segment":
            owner.execute("delete from kyc.segment where first_index = 0")
        else:
            tree = checkpoint.Checkpoint(bank.log.database.origin(), 999, bytes(32))
            key = bank.provider.signing_key("log")
            since = checkpoint.sign(tree, note.Signer(bank.log.database.origin(), key))
    report = added(bank, since)
    assert (Kind.SEGMENT_WRONG if what == "segment" else Kind.FORKED) in kinds(report)
    assert not report.ok


def test_what_is_kept_is_not_believed_blindly(bank: Bank, tmp_path: Path) -> None:
    """A kept checkpoint that somebody exchanged is refused, as is one under other keys."""
    kept, path = Verified(bank.seal(), 7), tmp_path / "state"
    assert Verified.read(path, SECRET) is None
    kept.write(path, SECRET)
    assert Verified.read(path, SECRET) == kept
    said = json.loads(path.read_bytes())
    for changed in (said | {"verified_at": 8}, said | {"checkpoint": "x"}, {"checkpoint": said["checkpoint"]}, []):
        path.write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(FormatError):
            Verified.read(path, SECRET)
    kept.write(path, SECRET)
    with pytest.raises(FormatError):
        Verified.read(path, bytes(32))


# --- one customer -----------------------------------------------------------------------------------------


def test_one_customer(bank: Bank) -> None:
    """A customer's own events and those of every account are proved to be in the log, and no others are read."""
    report = of(bank, "C1")
    assert report.findings == []
    events = sum(len(rows(bank, kind, key)) for kind, key in (
        ("customer", "C1"), ("account", "A1"), ("postings", "A1"), ("account", "A2"), ("postings", "A2"),
    ))  # fmt: skip
    assert (report.counts["events"], report.counts["sealed"], report.counts["opened"]) == (events, events, events)
    assert any("2 accounts" in text for text in report.proved)
    assert any("anything of others" in text for text in report.not_proved)


def test_tampering_with_one_customer(bank: Bank) -> None:
    """What was done to the customer's events is named; what was done to others' is not looked at."""
    own, other = rows(bank, "postings", "A2")[1], rows(bank, "customer", "C3")[0]
    edit(bank, other, "state = set_byte(state, 20, get_byte(state, 20) # 1)")
    assert of(bank, "C1").ok
    edit(bank, own, "recorded_at = recorded_at + 1")
    assert {Kind.HASH_WRONG, Kind.NOT_AS_SEALED} <= kinds(of(bank, "C1"))
    edit(bank, own, "recorded_at = recorded_at - 1")
    with bank.owner() as owner:
        owner.execute("delete from kyc.event where stream_id = %s and version = 2", (UUID(bytes=own.stream_id),))
    assert Kind.VERSION_WRONG in kinds(of(bank, "C1"))
    with bank.owner() as owner:
        owner.execute("delete from kyc.checkpoint")
    assert Kind.NOTHING_SEALED in kinds(of(bank, "C1"))


def test_one_customer_in_a_forged_log(bank: Bank) -> None:
    """Tiles that do not lead to the signed root prove nothing."""
    bank.fill(300)
    bank.seal()
    with bank.owner() as owner:
        owner.execute("update kyc.tile set hashes = set_byte(hashes, 64, get_byte(hashes, 64) # 1)")
    assert Kind.ROOT_WRONG in kinds(of(bank, "C1"))


# --- by several processes ---------------------------------------------------------------------------------


def by_three(bank: Bank, tmp_path: Path) -> Report:
    """Three processes, however little there is."""
    how = How(hands=Hands(3, f"file:{tmp_path / 'keys'}", worthwhile=0))
    return audit(bank.log, verifier_keys=[bank.vkey], keys=bank.log.ring, how=how)


def test_several_processes_say_the_same(bank: Bank, tmp_path: Path) -> None:
    """Counts, proofs and findings are those of one process, on a sound log and on a tampered one."""
    for at in range(20):
        bank.book(f"T-2{at}", "3.00", ("A2", "debit"), ("A3", "credit"))
    bank.seal()
    alone = audit(bank.log, verifier_keys=[bank.vkey], keys=bank.log.ring)
    shared = by_three(bank, tmp_path)
    assert (shared.findings, shared.counts, shared.proved) == ([], alone.counts, alone.proved)
    for kind, key in (("customer", "C1"), ("postings", "A2"), ("account", "A3")):
        edit(bank, rows(bank, kind, key)[0], "context = set_byte(context, 9, get_byte(context, 9) # 1)")
    alone = audit(bank.log, verifier_keys=[bank.vkey], keys=bank.log.ring)
    shared = by_three(bank, tmp_path)
    assert shared.counts == alone.counts
    assert sorted(map(str, shared.findings)) == sorted(map(str, alone.findings))
    assert len([one for one in shared.findings if one.kind is Kind.HASH_WRONG]) == 3


def test_a_process_that_dies(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is green where one of the processes did not finish."""
    start = audit_crew._Crew.start

    def killed(crew: audit_crew._Crew, part: object, keys: str) -> None:
        start(crew, part, keys)  # type: ignore[arg-type]
        crew._processes[-1].kill()

    monkeypatch.setattr(audit_crew._Crew, "start", killed)
    with pytest.raises(StoreError, match="died"):
        by_three(bank, tmp_path)


# --- from the command line --------------------------------------------------------------------------------


def test_parts_on_the_command_line(bank: Bank, call: Call, tmp_path: Path) -> None:
    """The state file makes the second run short, a customer is verified alone, processes are taken."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "keys").symlink_to(tmp_path / "keys")
    assert document(call("--json", "verify", "--state", "state"))["counts"]["events"] == 24
    bank.fill(10)
    bank.seal()
    assert document(call("--json", "verify", "--state", "state"))["counts"]["events"] == 10
    (tmp_path / "state").write_bytes(
        (tmp_path / "state").read_bytes().replace(b'"verified_at": ', b'"verified_at": 1')
    )
    assert call("verify", "--state", "state")[0] == 10
    assert document(call("--json", "verify", "--customer", "C1", "--record-as", "night"))["ok"]
    assert document(call("--json", "verify", "--processes", "2", "--no-models"))["ok"]
    assert call("verify", "--customer", "C1", "--keyless")[0] == 2
