"""The public data sets become submissions that the admission rules take."""

from __future__ import annotations

import gzip
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from kyc.domain.fact import Submission
from kyc.domain.transaction import BookTransaction
from kyc.errors import InputError
from kyc.intake import Rejects, read, take_in
from kyc.ledger import Ledger
from kyc.simulate import amlsim, berka


def test_amlsim_lines(shared_data: Path) -> None:
    """Every node and transfer of the set becomes submissions; none is faulty; keys are unique."""
    kinds: Counter[str] = Counter()
    keys = set()
    for line in islice(amlsim.submissions(shared_data / "amlsim"), 5_000):
        assert isinstance(line.item, Submission), line
        kinds[type(line.item.data).__name__] += 1
        keys.add(line.item.key)
    assert len(keys) == 5_000
    assert kinds["CustomerRegistered"] >= kinds["AccountOpened"] > 500
    assert amlsim.count(shared_data / "amlsim") > 240_000


def test_amlsim_folder(tmp_path: Path) -> None:
    """Faulty lines are named by file and line, good ones kept; a missing file or other columns are refused."""
    with pytest.raises(InputError):
        list(amlsim.submissions(tmp_path))
    (tmp_path / "nodes.csv").write_text("nodeid,isFraud,init_balance,fraudStep\n0,0,1.0,-1\n1,0,1.0,-1\nx,0,1,-1\n")
    with gzip.open(tmp_path / "transactions.csv.gz", "wt") as file:
        file.write("sourceNodeId,targetNodeId,value,time\n0,1,163.3,1\n0,1,abc,1\n0,,1.0,1\n")
    found = list(amlsim.submissions(tmp_path))
    faults = [(line.file, line.line) for line in found if isinstance(line.item, InputError)]
    assert faults == [("nodes.csv", 4), ("transactions.csv.gz", 3), ("transactions.csv.gz", 4)]
    (booking,) = [line.item.data for line in found if isinstance(getattr(line.item, "data", None), BookTransaction)]
    assert [leg.direction for leg in booking.legs] == ["debit", "credit"]
    (tmp_path / "nodes.csv").write_text("id,fraud\n")
    with pytest.raises(InputError):
        list(amlsim.submissions(tmp_path))


@pytest.mark.pg15
def test_amlsim_is_admitted(ledger: Ledger, shared_data: Path, tmp_path: Path) -> None:
    """A part of the set goes through the ledger without a refusal, and a second run records nothing."""
    lines = list(islice(read("amlsim", shared_data / "amlsim"), 2_000))
    with Rejects(tmp_path / "rejects") as rejects:
        tally = take_in(ledger, lines, rejects=rejects)
    assert (tally.recorded, tally.refused) == (2_000, 0)
    again = take_in(ledger, lines)
    assert (again.recorded, again.replayed) == (0, 2_000)


@pytest.mark.slow
def test_berka_is_admitted(ledger: Ledger, shared_data: Path, tmp_path: Path) -> None:
    """The whole of Berka: 5,369 clients, 4,500 accounts with joint holders, 6,471 standing orders, no refusal."""
    with Rejects(tmp_path / "rejects") as rejects:
        tally = take_in(ledger, berka.submissions(shared_data / "berka"), rejects=rejects)
    assert (tally.refused, tally.reasons) == (0, Counter())
    assert tally.recorded == berka.count(shared_data / "berka") == 5_369 * 5 + 4_500 + 6_471
    joint = sum(
        len(line.item.data.holders) > 1
        for line in berka.submissions(shared_data / "berka")
        if isinstance(line.item, Submission) and hasattr(line.item.data, "holders")
    )
    assert joint == 869
