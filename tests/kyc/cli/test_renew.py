"""``kyc renew``: an algorithm is retired, and what was renewed before stays proved."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fix_bank import household
from fix_cli import Call, document
from fix_tsa import TimestampAuthority

from kyc.cli.main import service
from kyc.domain.operations import ArchiveRenewed
from kyc.domain.submission import StreamName
from kyc.simulate.submissions import wire

pytestmark = pytest.mark.pg15
BROKEN = ["--retired", "sha256=2099-01-01"]


@pytest.fixture
def renewed(call: Call, tmp_path: Path, tsa: TimestampAuthority, tsa_url: str) -> tuple[list[str], int]:
    """A household, sealed, anchored and renewed: the options that name the authority, and the size."""
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, household())))
    (tmp_path / "tsa.pem").write_bytes(tsa.ca_pem)
    stamp = ["--timestamp", tsa_url, "--timestamp-ca", "tsa.pem"]
    assert call("ingest", "ndjson", str(source))[0] == 0
    assert call("seal")[0] == 0
    assert call("anchor", *stamp)[0] == 0
    return stamp, document(call("--json", "renew", *stamp))["size"]


def found(call: Call, *options: str) -> list[tuple[str, str]]:
    """Kind and place of what a verification names of renewals."""
    _, out, err = call("--json", "verify", "--no-models", "--tsa", "tsa.pem", *options)
    assert out, err
    return [(one["kind"], one["place"]) for one in json.loads(out)["findings"] if one["step"] == 10]


def edit(statement: str, *arguments: Any) -> None:
    """Change rows as a superuser would."""
    with service() as opened, psycopg.connect(opened.dsn, autocommit=True) as owner:
        owner.execute("set session_replication_role = replica")
        assert owner.execute(statement.encode(), arguments).rowcount == 1


def test_an_algorithm_is_retired(call: Call, renewed: tuple[list[str], int]) -> None:
    """What was renewed before SHA-256 broke stays proved; what came after, or rests on SHA-512 alone, is named."""
    stamp, size = renewed
    assert found(call) == []
    assert found(call, *BROKEN) == []
    assert found(call, "--retired", "sha256=2020-01-01") == [("algorithm_retired", "log index 0")], "too late"
    assert call("seal")[0] == 0
    assert found(call, *BROKEN) == [("algorithm_retired", f"log index {size}")]
    code, out, _ = call("verify", "--no-models", *BROKEN)
    assert (code, "no timestamp authority was given" in out) == (10, True)
    again = document(call("--json", "renew", "--algorithm", "sha3-512", *stamp))
    assert (again["number"], again["size"]) == (2, size + 2)
    assert found(call, *BROKEN) == []
    assert found(call, "--retired", "sha512=2099-01-01") == [("algorithm_retired", "log index 0")], "the stamps too"
    with service() as opened:
        events = [one.event for one in opened.log.events(StreamName("operations", "evidence"))]
    assert [one.algorithm for one in events if isinstance(one, ArchiveRenewed)] == ["sha512", "sha3-512"]


def test_renewed_and_disposed_of(call: Call, renewed: tuple[list[str], int]) -> None:
    """Destroying a customer's keys leaves the renewal whole; what it kept of the content may not be changed."""
    with service() as opened:
        log = opened.log
        rows = list(log.reader.stream(log.stream_id(StreamName("customer", "C1"))))
        for key in dict.fromkeys(row.data_key for row in rows):
            assert log.key_store.destroy(key)
            log.key_store.empty(key, [rows[0].stream_id])
    assert found(call, *BROKEN) == []
    with service() as opened:
        gone = [index for index, row in opened.sealed.rows(0, renewed[1]) if not row.state]
    edit(
        "update kyc.renewed_content set hashes = set_byte(hashes, %s, get_byte(hashes, %s) # 1)",
        *[64 * gone[0]] * 2,
    )
    assert found(call, *BROKEN) == [("renewal_wrong", "renewal 1"), ("algorithm_retired", "log index 0")]


@pytest.mark.parametrize(
    "statement",
    [
        "update kyc.anchor set token = set_byte(token, 9, get_byte(token, 9) # 1)",
        "update kyc.renewal set token = set_byte(token, 900, get_byte(token, 900) # 1)",
        "update kyc.renewal set note = replace(note, 'number 1', 'number 2')",
        "delete from kyc.renewed_content",
        "update kyc.checkpoint set note = note || note where size = (select max(size) from kyc.checkpoint)",
    ],
)
def test_edited_evidence(call: Call, renewed: tuple[list[str], int], statement: str) -> None:
    """Evidence or record changed after the renewal, and the renewal covers nothing."""
    edit(statement)
    assert ("renewal_wrong", "renewal 1") in found(call)


def test_openssl_reads_the_stamp(call: Call, renewed: tuple[list[str], int], tmp_path: Path) -> None:
    """The record's stamp verifies with openssl alone."""
    with service() as opened, opened.log.database.connection() as connection:
        ((text, token),) = connection.execute("select note, token from kyc.renewal").fetchall()
    (tmp_path / "record").write_text(text, encoding="utf-8")
    (tmp_path / "token").write_bytes(token)
    command = "openssl ts -verify -data record -in token -token_in -CAfile tsa.pem"
    assert subprocess.run(command.split(), cwd=tmp_path, check=False, capture_output=True).returncode == 0
