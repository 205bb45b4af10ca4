"""The lying server of tests/fix_liar.py is caught at every lie, over HTTP, by a witness that has seen the truth."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fix_liar import GROWN, LIES, ORIGIN, SEEN, HonestLog, grown, honest, serving

from kyc.clock import FixedClock
from kyc.errors import KycError
from kyc.evidence import checkpoint, note
from kyc.witness import mirror
from kyc.witness.ask import source
from kyc.witness.state import State
from kyc.witness.witness import Witness


class Auditor:
    """A witness with a mirror that has seen the honest log."""

    def __init__(self, folder: Path) -> None:
        self.state = State.create(folder, "witness.example/w1")
        self.clock = FixedClock(1_790_000_000_000_000)
        self.witness = Witness(self.state, self.clock)
        self.state.trust(honest().vkey)

    def look(self, url: str) -> str:
        """Pull and copy from ``url``: what it was answered with, all in one text."""
        try:
            answer, _ = mirror.pull(self.state, self.witness, source(url))
            if answer.status != 200:
                return answer.body
            return f"copied {mirror.copy(self.state, ORIGIN, source(url), self.clock)}"
        except KycError as fault:
            return fault.diagnostics()

    def cosigned(self) -> int:
        """How many leaves were cosigned."""
        latest = self.state.log(ORIGIN).latest()
        return latest.checkpoint.size if latest is not None else 0


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    """An auditor who has seen and copied the log at 300 leaves."""
    found = Auditor(tmp_path / "witness")
    with serving(honest().files) as url:
        assert found.look(url) == f"copied {SEEN}"
    return found


def test_truth_is_cosigned(auditor: Auditor) -> None:
    """The honest log is cosigned and copied as it grows, entry for entry."""
    log = grown()
    with serving(log.files) as url:
        assert auditor.look(url) == f"copied {GROWN}"
    copied = auditor.state.log(ORIGIN).folder / "mirror"
    published = {path for path in log.files if ".p/" not in path} - {"checkpoint"}
    assert published
    for path in published:
        assert (copied / path).read_bytes() == log.files[path]
    assert not auditor.state.log(ORIGIN).misbehaviours()


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_every_lie_is_caught(auditor: Auditor, lie) -> None:
    """Each lie is answered with its name; what was copied stays what it was."""
    with serving(lie()) as url:
        assert re.search(LIES[lie], auditor.look(url)), lie.__doc__
    copied = auditor.state.log(ORIGIN).folder / "mirror" / "checkpoint"
    assert checkpoint.parse(note.parse(copied.read_bytes()).text).size == SEEN


@pytest.mark.parametrize(
    "lie",
    [lie for lie, word in LIES.items() if word in {"forked", "rewritten", "rolled_back"}],
    ids=lambda lie: lie.__name__,
)
def test_signed_lies_are_kept_as_evidence(auditor: Auditor, lie) -> None:
    """Where the log signed the lie, what it signed is kept beside what was cosigned, and nothing is cosigned."""
    files = lie()
    with serving(files) as url:
        auditor.look(url)
    assert auditor.cosigned() == SEEN
    found = auditor.state.log(ORIGIN).misbehaviours()
    if lie.__name__ in {"old_checkpoint", "empty_again"}:
        assert not found  # the copy shows that it is only old
        return
    (one,) = found
    assert one.kind in {"forked", "rewritten", "rolled_back"}
    assert files["checkpoint"].decode() in one.file.read_text()
    assert honest().signed.split("\n\n")[0] in one.file.read_text()


def test_split_view(tmp_path: Path) -> None:
    """Two witnesses shown two histories each cosign theirs; compared, there are two signed trees of one size."""
    first, second = Auditor(tmp_path / "a"), Auditor(tmp_path / "b")
    entries = honest().entries
    forked = HonestLog([*entries[:-1], entries[0]])
    for auditor, log in ((first, honest()), (second, forked)):
        with serving(log.files) as url:
            auditor.look(url)
    answer = second.witness.add_checkpoint(f"old {SEEN}\n\n{honest().signed}".encode())
    assert (answer.status, answer.body.split(":")[0]) == (422, "forked")
    assert [one.kind for one in second.state.log(ORIGIN).misbehaviours()] == ["forked"]


def test_answer_without_end(auditor: Auditor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends more than any file can be is cut off."""
    monkeypatch.setattr("kyc.witness.ask.FILE_MAX", 1000)
    with serving({"checkpoint": b"x" * 2000}) as url:
        assert "without end" in auditor.look(url)


def test_nobody_there(auditor: Auditor) -> None:
    """A server that is gone is said to be."""
    with serving({}) as url:
        pass
    assert "cannot be reached" in auditor.look(url)
