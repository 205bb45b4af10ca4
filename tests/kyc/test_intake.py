"""Files into the ledger: good rows kept, bad ones explained, nothing doubled, nothing personal in a reject."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fix_bank import AT, TELLER, household

from kyc.domain.located import Located
from kyc.domain.submission import StreamName
from kyc.errors import ConfigurationError, InputError
from kyc.ingest.readers import ndjson
from kyc.intake import Rejects, Tally, located, read, rehearse, take_in
from kyc.ledger import Ledger
from kyc.simulate.submissions import wire

pytestmark = pytest.mark.pg15

SECRET = "Ada-Secret-Marker"


def booking(**changes: object) -> dict[str, object]:
    """A well-formed booking as it stands on a line, with changes at dotted paths."""
    line: dict[str, object] = {
        "key": "k1",
        "topic": "transaction.booked",
        "origin": {
            "actor": TELLER.actor, "branch": TELLER.branch, "purpose": TELLER.purpose,
            "legal_basis": TELLER.legal_basis,
        },
        "data": {
            "occurred_at": AT.isoformat(), "reference": "R1", "kind": "transfer", "channel": "counter",
            "booked_at": AT.isoformat(), "value_date": "2026-03-01", "remittance": SECRET,
            "legs": [{"account": "A1", "direction": "debit", "amount": "1.00", "currency": "EUR"}],
        },
    }  # fmt: skip
    for path, value in changes.items():
        node: object = line
        *parents, last = path.split(".")
        for name in parents:
            node = node[int(name)] if isinstance(node, list) else node[name]  # type: ignore[index]
        node[last] = value  # type: ignore[index]
    return line


BAD: dict[str, tuple[dict[str, object], str]] = {
    "unknown currency": ({"data.legs.0.currency": "XXZ"}, "currency"),
    "currency in small letters": ({"data.legs.0.currency": "eur"}, "currency"),
    "more decimals than the currency has": ({"data.legs.0.amount": "1.001"}, "amount"),
    "NaN": ({"data.legs.0.amount": "NaN"}, "amount"),
    "infinity": ({"data.legs.0.amount": "Infinity"}, "amount"),
    "huge decimal": ({"data.legs.0.amount": "1E+400"}, "amount"),
    "a number instead of a text": ({"data.legs.0.amount": {"x": SECRET}}, "amount"),
    "negative": ({"data.legs.0.amount": "-1.00"}, "amount"),
    "zero": ({"data.legs.0.amount": "0.00"}, "amount"),
    "impossible date": ({"data.value_date": "2026-02-30"}, "value_date"),
    "far value date": ({"data.value_date": "2036-02-28"}, "value_date"),
    "future booking": ({"data.booked_at": "2999-01-01T00:00:00Z"}, "booked_at"),
    "time without offset": ({"data.booked_at": "2026-03-01T10:00:00"}, "booked_at"),
    "unknown account": ({"data.legs.0.account": "A404"}, "account"),
    "unknown topic": ({"topic": "no.such"}, "topic"),
    "unknown field": ({"data.religion": SECRET}, "religion"),
    "oversize field": ({"data.purpose": SECRET * 100_000}, ""),
    "empty key": ({"key": ""}, "key"),
    "oversize key": ({"key": SECRET * 100}, "key"),
    "no legs": ({"data.legs": []}, "legs"),
    "unknown direction": ({"data.legs.0.direction": SECRET}, "direction"),
}


def lines_of(path: Path, *lines: bytes) -> Path:
    """A file of these lines."""
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def run(ledger: Ledger, path: Path, rejects: Path) -> Tally:
    """Take a file in."""
    with Rejects(rejects) as keep:
        return take_in(ledger, ndjson.submissions(path), rejects=keep)


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_explained(ledger: Ledger, tmp_path: Path, case: str) -> None:
    """Each bad line is rejected with file, line, field and rule, never a value; good lines around it are kept."""
    ledger.record(household())
    changes, field = BAD[case]
    good = [json.dumps(booking(**{"key": f"g{n}", "data.reference": f"G{n}"})).encode() for n in range(2)]
    source = lines_of(tmp_path / "in.ndjson", good[0], json.dumps(booking(**changes)).encode(), good[1])
    tally = run(ledger, source, tmp_path / "rejects.ndjson")
    assert (tally.read, tally.recorded, tally.refused) == (3, 2, 1)
    (entry,) = map(json.loads, (tmp_path / "rejects.ndjson").read_text().splitlines())
    assert (entry["file"], entry["line"]) == ("in.ndjson", 2)
    assert field in f"{entry['field']} {entry['rule']}"
    assert entry["rule"]
    assert entry["remedy"]
    assert SECRET not in json.dumps(entry)
    again = run(ledger, source, tmp_path / "rejects.ndjson")
    assert (again.recorded, again.replayed, again.refused) == (0, 2, 1)


@pytest.mark.parametrize("raw", [b"{", b"\xff\xfe\x00", b"[]", b'"text"', b'{"key":1}', b"\x00"])
def test_what_is_no_submission(ledger: Ledger, tmp_path: Path, raw: bytes) -> None:
    """Broken JSON, other JSON and wrong encodings are rejected line by line."""
    tally = run(ledger, lines_of(tmp_path / "in", raw, b"", raw), tmp_path / "rejects")
    assert (tally.read, tally.refused) == (2, 2)
    assert [json.loads(line)["line"] for line in (tmp_path / "rejects").read_text().splitlines()] == [1, 3]


def test_duplicate_references(ledger: Ledger, tmp_path: Path) -> None:
    """A reference that comes twice with other content is rejected the second time."""
    ledger.record(household())
    first = json.dumps(booking()).encode()
    second = json.dumps(booking(**{"key": "k2", "data.legs.0.amount": "2.00"})).encode()
    tally = run(ledger, lines_of(tmp_path / "in", first, first, second), tmp_path / "rejects")
    assert (tally.recorded, tally.replayed, tally.refused) == (1, 1, 1)
    assert json.loads((tmp_path / "rejects").read_text())["field"] == "transaction"


def test_wire_form_is_read_back(ledger: Ledger, tmp_path: Path) -> None:
    """Submissions written as lines, scans included, are recorded as they were meant."""
    source = lines_of(tmp_path / "in", *(wire(line).strip() for line in household()))
    tally = run(ledger, source, tmp_path / "rejects")
    assert (tally.recorded, tally.events, tally.transactions) == (11, 14, 1)
    assert not (tmp_path / "rejects").exists()
    recorded = list(ledger.log.events(StreamName("customer", "C1")))
    assert ledger.log.scan(recorded[1].event.images[0], recorded[1].row.lane)[1] == b"scan of P1"


def test_overlong_line(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line beyond the limit is rejected without being read into memory; the next one counts on."""
    monkeypatch.setattr("kyc.domain.fact.LINE_MAX", 1_000)
    ledger.record(household())
    source = lines_of(tmp_path / "in", b"x" * 5_000, json.dumps(booking()).encode())
    tally = run(ledger, source, tmp_path / "rejects")
    assert (tally.recorded, tally.refused) == (1, 1)
    assert json.loads((tmp_path / "rejects").read_text())["rule"] == "at most 1000 bytes"


def test_rehearsal_records_nothing(ledger: Ledger) -> None:
    """A dry run checks what it can and leaves the log as it was."""
    lines = [*located(household(), "test"), Located("test", 12, InputError("bad", field="x"))]
    tally = rehearse(lines, ledger)
    assert (tally.read, tally.recorded, tally.events, tally.refused) == (12, 11, 14, 1)
    assert sum(ledger.log.reader.positions().values()) == 0


def test_memory_is_bounded(ledger: Ledger) -> None:
    """At most a few batches are read ahead of what is written."""
    ahead, written = 0, 0

    def source() -> Iterator[Located]:
        nonlocal ahead
        for number, submission in enumerate(household() * 2_000, start=1):
            ahead = max(ahead, number - written)
            yield Located("test", number, submission)

    def progress(tally: Tally) -> None:
        nonlocal written
        written = tally.recorded + tally.replayed + tally.refused

    take_in(ledger, source(), progress=progress)
    assert written == 22_000
    assert ahead <= 5 * 2_000


def test_unknown_kind_and_missing_mapping(tmp_path: Path) -> None:
    """What cannot be read is refused before anything is opened."""
    for kind in ("xls", "csv"):
        with pytest.raises(ConfigurationError):
            read(kind, tmp_path)
