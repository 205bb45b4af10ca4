"""Reading messages: files to submissions, against parsing the same file to elements and looking at none of them.

The floor is what a reader has to do at least: the standard library's parser in C, each entry's tree dropped when it
is complete. `--events N` is the number of entries; a million is a file of 0.8 GB.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import memory
import pytest

from kyc.domain.fact import Submission
from kyc.domain.submission import Origin
from kyc.ingest.readers import delimited, iso20022, mt, ndjson
from kyc.ingest.readers.delimited import Cell, ColumnMapping
from kyc.ingest.setting import Setting
from kyc.simulate.submissions import wire

SETTING = Setting(
    Origin(actor="reader", branch="HQ", purpose="account-service", legal_basis="AML24-34"), ZoneInfo("UTC"), {}
)
_AT = Cell(column="Booked", format="%d.%m.%Y %H:%M", offset="+00:00")
MAPPING = ColumnMapping(
    topic="transaction.booked", key="core/{Ref}", delimiter=";",
    origin={"actor": "core", "branch": "HQ", "purpose": "account-service", "legal_basis": "AML24-34"},
    fields={
        "reference": "{Ref}", "occurred_at": _AT, "booked_at": _AT,
        "value_date": Cell(column="Booked", format="%d.%m.%Y %H:%M"), "kind": "transfer", "channel": "other",
        "remittance": "{Text}", "legs.0.account": "A1", "legs.0.direction": "credit", "legs.0.currency": "EUR",
        "legs.0.amount": Cell(column="Amount", decimal=","),
    },
)  # fmt: skip
OURS, THEIRS = "DE02120300000000202051", "FR7630006000011234567890189"
HEAD = (
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId>'
    f"<CreDtTm>2026-03-03T18:00:00Z</CreDtTm></GrpHdr><Stmt><Id>S</Id><Acct><Id><IBAN>{OURS}</IBAN></Id></Acct>"
)
ENTRY = (
    '<Ntry><Amt Ccy="EUR">12.50</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
    "<BookgDt><Dt>2026-03-02</Dt>"
    "</BookgDt><ValDt><Dt>2026-03-03</Dt></ValDt><AcctSvcrRef>R{0}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly>"
    "<Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>E{0}"
    "</EndToEndId></Refs><RltdPties><Dbtr><Pty><Nm>Grace Hopper</Nm><PstlAdr><TwnNm>Paris</TwnNm><Ctry>FR</Ctry>"
    f"</PstlAdr></Pty></Dbtr><DbtrAcct><Id><IBAN>{THEIRS}</IBAN></Id></DbtrAcct></RltdPties><RltdAgts><DbtrAgt>"
    "<FinInstnId><BICFI>AGRIFRPP</BICFI></FinInstnId></DbtrAgt></RltdAgts><Purp><Cd>SALA</Cd></Purp><RmtInf>"
    "<Ustrd>invoice {0}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
)
TAIL = "</Stmt></BkToCstmrStmt></Document>"
Ratio = Callable[..., float]
PEAK_MAX = 16 * 2**20
"""Bytes that a file ten times as long may take more; a tree would take some hundred million."""


def camt(path: Path, entries: int) -> Path:
    """One statement with so many entries, each with its payment."""
    with path.open("w", encoding="utf-8") as file:
        file.write(HEAD)
        file.writelines(ENTRY.format(number) for number in range(entries))
        file.write(TAIL)
    return path


def mt940(path: Path, entries: int) -> Path:
    """One statement with so many entries, each with its narrative."""
    with path.open("w", encoding="utf-8") as file:
        file.write(f":20:S\n:25:{OURS}\n:28C:1\n:60F:C260301EUR0,00\n")
        for number in range(entries):
            file.write(f":61:2603030302C12,50NTRFNONREF//R{number}\n:86:166?00X?20EREF+E{number}?32Grace\n")
        file.write("-\n")
    return path


def statements(path: Path, entries: int) -> Path:
    """The same entries in statements of ten."""
    top, _, stmt = HEAD.partition("<Stmt>")
    with path.open("w", encoding="utf-8") as file:
        file.write(top)
        for first in range(0, entries, 10):
            file.write(f"<Stmt>{stmt}{''.join(map(ENTRY.format, range(first, first + 10)))}</Stmt>")
        file.write(TAIL.removeprefix("</Stmt>"))
    return path


def rows(path: Path, entries: int) -> Path:
    """So many rows."""
    with path.open("w", encoding="utf-8") as file:
        file.write("Ref;Booked;Amount;Text\n")
        file.writelines(f"R{number};02.03.2026 10:00;12,50;invoice {number}\n" for number in range(entries))
    return path


def ours(path: Path, entries: int) -> Path:
    """So many submissions of our own."""
    found = delimited.submissions(rows(path.with_suffix(".csv"), entries), MAPPING)
    with path.open("wb") as file:
        file.writelines(wire(one.item) for one in found)  # type: ignore[arg-type]
    return path


def read(reader: Callable[..., object], path: Path, entries: int) -> None:
    """All submissions of a file."""
    lines = reader(path, SETTING)
    assert sum(isinstance(line.item, Submission) for line in lines) == entries  # type: ignore[attr-defined]


def parsed(path: Path) -> None:
    """The floor: every element seen, every entry dropped when it is complete."""
    for _, element in ET.iterparse(path):  # noqa: S314 - made here
        if element.tag.endswith("}Ntry"):
            element.clear()


def bench_iso20022(ratio: Ratio, scale: int, tmp_path: Path) -> None:
    """camt.053 to submissions, against parsing it."""
    path = camt(tmp_path / "in.xml", scale // 4)
    read(iso20022.submissions, path, scale // 4)
    ratio(lambda: read(iso20022.submissions, path, scale // 4), lambda: parsed(path), scale // 4, goal="≥ 0.1")


def bench_mt(ratio: Ratio, scale: int, tmp_path: Path) -> None:
    """MT940 to submissions, against splitting its lines."""
    path = mt940(tmp_path / "in.sta", scale // 4)

    def lines() -> None:
        with path.open("rb") as file:
            for line in file:
                line.decode().rstrip().split(":", 2)

    ratio(lambda: read(mt.submissions, path, scale // 4), lines, scale // 4, goal="≥ 0.01")


@pytest.mark.parametrize("make", [camt, statements, mt940, rows, ours])
def bench_memory(benchmark, scale: int, tmp_path: Path, make: Callable[[Path, int], Path]) -> None:
    """A file ten times as long takes no more memory: the peaks of two processes that read them."""
    peaks = [peak(make(tmp_path / f"{entries}", entries)) for entries in (scale // 10, scale)]
    benchmark.extra_info.update(peaks=peaks)
    benchmark.pedantic(lambda: None, rounds=1)
    print(f"\npeak memory, bytes: {peaks[0]:,} for {scale // 10:,} entries, {peaks[1]:,} for {scale:,}")
    assert peaks[1] < peaks[0] + PEAK_MAX


def peak(path: Path) -> int:
    """Peak memory in bytes of a process that reads a file."""
    command = [sys.executable, __file__, str(path)]
    return int(
        subprocess.run(
            command, check=True, capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}
        ).stdout
    )


if __name__ == "__main__":
    source = Path(sys.argv[1])
    with source.open("rb") as opened:
        first = opened.read(1)
    found = {
        b"<": lambda: iso20022.submissions(source, SETTING), b":": lambda: mt.submissions(source, SETTING),
        b"{": lambda: ndjson.submissions(source), b"R": lambda: delimited.submissions(source, MAPPING),
    }[first]()  # fmt: skip
    assert all(isinstance(line.item, Submission) for line in found)
    print(memory.peak())
