"""What messages do not say of themselves: who submits them, the zone of their days, other names of accounts."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from kyc.domain import codec
from kyc.domain.submission import Origin
from kyc.errors import InputError
from kyc.ingest.entries import Accounts

NAMES_MAX: Final = 5_000_000
"""Other names of accounts that are held in memory; about 200 bytes each."""


class Setting(NamedTuple):
    """What a reader of messages has to be told."""

    origin: Origin
    zone: ZoneInfo
    """Of days, and of times without offset."""
    accounts: Accounts
    """Other names of accounts."""
    encoding: str = "utf-8"
    """Of SWIFT MT files, which do not say."""


def origin(actor: str, branch: str, purpose: str, legal_basis: str) -> Origin:
    """Who submits.

    Raises:
        InputError: one of the words is none; names the field.
    """
    given = {"actor": actor, "branch": branch, "purpose": purpose, "legal_basis": legal_basis}
    try:
        return msgspec.convert(given, Origin)
    except msgspec.ValidationError as cause:
        raise codec.input_error("not a submitter", cause) from None


def encoding(name: str) -> str:
    """An encoding of text that Python knows and that ASCII is a part of.

    Raises:
        InputError: none such.
    """
    try:
        if "{1:".encode(name) == b"{1:":
            return name
    except (LookupError, UnicodeError):
        pass
    raise InputError("unknown encoding", field="encoding", rule="such as utf-8, latin-1 or gb18030")


def load_accounts(path: Path) -> dict[str, str]:
    """Other names of accounts: CSV of two columns, the name in the message and the number in the ledger.

    Raises:
        InputError: another form; names the line.
    """
    found: dict[str, str] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            for number, row in enumerate(csv.reader(file), 1):
                if not row:
                    continue
                if len(row) != 2 or not all(cell.strip() for cell in row) or len(found) >= NAMES_MAX:
                    raise _refused(path, f"line {number}: two cells, neither empty; at most {NAMES_MAX} lines")
                found[row[0].replace(" ", "")] = row[1].strip()
        except (csv.Error, UnicodeDecodeError):
            raise _refused(path, "CSV in UTF-8") from None
    return found


def _refused(path: Path, rule: str) -> InputError:
    return InputError("not a list of accounts", field=path.name, rule=rule, remedy="see docs/ingest.md")
