"""The spool: captured once, in order, encrypted, erased when recorded, there after any crash."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kyc.clock import FixedClock
from kyc.errors import ConflictError, InputError, SpoolError
from kyc.ingest.spool import Settled, Spool, held


def line(number: int, name: str = "Ada Lovelace") -> bytes:
    """A registration."""
    data = {
        "occurred_at": "2026-03-01T09:30:00+08:00", "customer": f"C{number}", "type": "natural",
        "template": "natural/1", "notice": "notice/1", "names": [{"text": name, "script": "Latn"}],
        "birth_date": "1990-05-17", "nationalities": ["GBR"],
        "addresses": [{"lines": ["1 Old Street"], "country": "GBR"}],
    }  # fmt: skip
    origin = {"purpose": "account-service", "legal_basis": "AML24-34"}
    said = {"key": f"k{number}", "topic": "customer.registered", "origin": origin, "data": data}
    return json.dumps(said).encode()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool of a branch whose clock stands."""
    opened = Spool(tmp_path / "spool", clock=FixedClock(1_000_000))
    yield opened
    opened.close()


def test_captured_in_order_and_once(spool: Spool) -> None:
    """Lines come back as they were, in the order they came, each once, in batches of bounded size."""
    assert spool.put([line(1), line(2)]) == 2
    assert spool.put([line(2), line(3)]) == 1
    assert [one.content for one in spool.waiting(10, 1 << 20)] == [line(1), line(2), line(3)]
    assert [one.key for one in spool.waiting(2, 1 << 20)] == ["k1", "k2"]
    assert [one.key for one in spool.waiting(10, len(line(1)) + 50)] == ["k1"]
    assert [one.key for one in spool.waiting(10, 1)] == ["k1"], "a large line goes alone"
    assert spool.status().captured == 3


def test_all_or_none(spool: Spool) -> None:
    """One bad line keeps its batch out, and its number, field and rule are named, never a value."""
    bad = line(2, "Secret Name").replace(b'"natural"', b'"unnatural"')
    with pytest.raises(InputError) as refused:
        spool.put([line(1), bad])
    assert refused.value.message.startswith("line 2: ")
    assert "Secret" not in refused.value.diagnostics()
    assert spool.status().captured == 0


def test_a_key_names_one_fact(spool: Spool) -> None:
    """Other content under a key is a conflict, also once the first is recorded and erased."""
    spool.put([line(1)])
    with pytest.raises(ConflictError):
        spool.put([line(1, "Somebody Else")])
    (waiting,) = spool.waiting(1, 1 << 20)
    spool.settle([Settled(waiting, recorded='{"recorded":[]}')], "note")
    with pytest.raises(ConflictError):
        spool.put([line(1, "Somebody Else")])
    assert spool.put([line(1)]) == 0
    assert spool.standing("k1") == ("recorded", '{"recorded":[]}')
    assert list(spool.receipts()) == [(1, "note")]


def test_refused_is_corrected_or_dropped(spool: Spool) -> None:
    """A refused line holds nothing up; the corrected one takes its place behind the others."""
    spool.put([line(1), line(2), line(3)])
    first, second, _ = spool.waiting(10, 1 << 20)
    spool.settle([Settled(first, refused='{"status":422}'), Settled(second, refused='{"status":422}')])
    assert [one.key for one in spool.waiting(10, 1 << 20)] == ["k3"]
    assert spool.refused() == [("k1", '{"status":422}'), ("k2", '{"status":422}')]
    assert spool.put([line(1, "Corrected Name")]) == 1
    assert [one.key for one in spool.waiting(10, 1 << 20)] == ["k3", "k1"]
    assert spool.drop("k2")
    assert not spool.drop("k3"), "what waits is not dropped"
    assert spool.standing("k2") is None


def test_what_nobody_corrects_goes(tmp_path: Path) -> None:
    """Refused lines of long ago are erased; what waits and what was refused lately stays."""
    clock = FixedClock(1_000_000)
    spool = Spool(tmp_path / "spool", clock=clock)
    spool.put([line(1), line(2)])
    first, _ = spool.waiting(10, 1 << 20)
    spool.settle([Settled(first, refused='{"status":422}')])
    clock.advance(5_000_000)
    spool.put([line(3)])
    *_, third = spool.waiting(10, 1 << 20)
    spool.settle([Settled(third, refused='{"status":422}')])
    assert spool.drop_older(5_000_000) == 0
    assert spool.drop_older(4_999_999) == 1
    assert [key for key, _ in spool.refused()] == ["k3"]
    assert [one.key for one in spool.waiting(10, 1 << 20)] == ["k2"]
    spool.close()


def test_nothing_in_clear(tmp_path: Path) -> None:
    """No file of the spool holds a value, while it waits and after it is recorded; rights are the owner's."""
    spool = Spool(tmp_path / "spool")
    spool.put([line(1, "Grace Hopper")])
    files = [path for path in (tmp_path / "spool").iterdir() if path.is_file()]
    assert not [path for path in files if b"Hopper" in path.read_bytes()]
    size = len(spool.waiting(1, 1 << 20)[0].content)
    assert size == len(line(1, "Grace Hopper"))
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0
    assert not [path.name for path in files if path.name in {"key", "spool.db"} and path.stat().st_mode & 0o077]


def test_another_key_is_noticed(tmp_path: Path) -> None:
    """A spool under another key says so instead of sending nonsense."""
    spool = Spool(tmp_path / "spool")
    spool.put([line(1)])
    spool.close()
    (tmp_path / "spool" / "key").write_bytes(bytes(32))
    with pytest.raises(SpoolError, match="does not decrypt"):
        Spool(tmp_path / "spool").waiting(1, 1 << 20)
    (tmp_path / "spool" / "key").write_bytes(b"short")
    with pytest.raises(SpoolError, match="key is damaged"):
        Spool(tmp_path / "spool")


def test_lag(tmp_path: Path) -> None:
    """The lag is the age of the oldest line that waits."""
    clock = FixedClock(1_000_000)
    spool = Spool(tmp_path / "spool", clock=clock)
    spool.put([line(1)])
    clock.advance(5_000_000)
    spool.put([line(2)])
    assert spool.status().lag == 5_000_000
    spool.settle([Settled(spool.waiting(1, 1 << 20)[0], recorded="{}")])
    assert spool.status().lag == 0


def test_one_sender(spool: Spool) -> None:
    """A second sender of the same spool is turned away."""
    with (
        held(spool.folder, "sender", wait=False),
        pytest.raises(SpoolError, match="somebody else"),
        held(spool.folder, "sender", wait=False),
    ):
        pytest.fail("two senders")


_CAPTURES = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_spool import line
from kyc.ingest.spool import Spool
spool = Spool(Path(sys.argv[1]))
for number in range(100000):
    spool.put([line(number)])
    print(number, flush=True)
"""


def test_killed_while_capturing(tmp_path: Path) -> None:
    """Whatever was said to be captured is there after a kill, once and readable."""
    command = [sys.executable, "-c", _CAPTURES, str(tmp_path / "spool"), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(40)]
        os.kill(process.pid, signal.SIGKILL)
        said += [int(rest) for rest in process.stdout.read().split()]
    kept = Spool(tmp_path / "spool").waiting(100_000, 1 << 30)
    assert [one.content for one in kept[: len(said)]] == [line(number) for number in said]
    assert len(said) <= len(kept) <= len(said) + 1


def test_two_processes_open_one_spool(tmp_path: Path) -> None:
    """Processes that make a spool at the same time share one key."""
    script = "import sys; from pathlib import Path; from kyc.ingest.spool import Spool; Spool(Path(sys.argv[1]))"
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "spool")], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    deadline = time.monotonic() + 60
    for process in started:
        _, said = process.communicate(timeout=deadline - time.monotonic())
        assert process.returncode == 0, said.decode()
    assert Spool(tmp_path / "spool").put([line(1)]) == 1
