"""``kyc export``: one scope at a time, and a record of what left the house."""

from __future__ import annotations

import json
import subprocess
import zipfile
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fix_bank import household
from fix_cli import Call, document
from fix_tsa import TimestampAuthority

from kyc.cli.exports import What, scope_of
from kyc.cli.main import service
from kyc.clock import SystemClock, to_datetime
from kyc.domain.operations import ExportSigned
from kyc.domain.submission import StreamName
from kyc.errors import InputError
from kyc.simulate.submissions import wire
from replay import verifier
from replay.scopes import Scope

SINCE, UNTIL = date(2026, 1, 1), date(2026, 3, 31)


@pytest.fixture
def bank(call: Call, tmp_path: Path) -> Path:
    """A household, taken in and sealed."""
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, household())))
    assert call("ingest", "ndjson", str(source))[0] == 0
    assert call("seal")[0] == 0
    return source


def test_an_export_is_recorded(call: Call, bank: Path, tmp_path: Path) -> None:
    """The bundle is written, and an event names its recipient, purpose and the digest of its manifest."""
    out = tmp_path / "C1.zip"
    code, said, err = call("export", "--customer", "C1", "--recipient", "court", "--out", str(out))
    assert code == 0, err
    assert "fingerprint" in said
    with zipfile.ZipFile(out) as box:
        manifest = box.read("manifest.json")
    with service() as opened:
        (recorded,) = list(opened.log.events(StreamName("operations", "export")))
    assert isinstance(recorded.event, ExportSigned)
    assert recorded.event.manifest == sha256(manifest).hexdigest()
    assert (recorded.event.recipient, recorded.event.permitted_purpose) == ("court", "inspection")
    assert recorded.event.events == json.loads(manifest)["counts"]["events"]


@pytest.mark.parametrize(
    ("what", "scope"),
    [
        (What(customer=("C1",)), Scope(kind="customer", key="C1")),
        (What(account=("A1",), since=SINCE), Scope(kind="account", key="A1", since=SINCE)),
        (What(transaction="T1"), Scope(kind="transaction", key="T1")),
        (What(case="K1"), Scope(kind="case", key="K1")),
        (What(order="O1"), Scope(kind="order", key="O1")),
        (What(since=SINCE, until=UNTIL), Scope(kind="period", since=SINCE, until=UNTIL)),
        (
            What(notice="N1", customer=("C1", "C2"), account=("A9",)),
            Scope(kind="notice", key="N1", customers=("C1", "C2"), accounts=("A9",)),
        ),
    ],
)
def test_options_name_one_scope(what: What, scope: Scope) -> None:
    """Each option gives its scope."""
    assert scope_of(what) == scope


@pytest.mark.parametrize(
    "what", [What(), What(since=SINCE), What(customer=("C1", "C2")), What(customer=("C1",), case="K1")]
)
def test_no_scope_or_two(what: What) -> None:
    """Nothing named, half a period, or two scopes at once are refused."""
    with pytest.raises(InputError):
        scope_of(what)


def test_scopes_on_the_command_line(call: Call, bank: Path, tmp_path: Path) -> None:
    """A transaction, an account and a period are exported by their options."""
    common = ["--recipient", "court", "--out"]
    for at, options in enumerate(
        (["--transaction", "T1"], ["--account", "A1"], ["--since", "2000-01-01", "--until", "2100-01-01"])
    ):
        answer = document(call("--json", "export", *options, *common, str(tmp_path / f"{at}.zip")))
        assert answer["events"] > 0


def test_forms_on_the_command_line(
    call: Call, bank: Path, tmp_path: Path, tsa: TimestampAuthority, tsa_url: str
) -> None:
    """Withheld fields, a timestamp, an encrypted file and Parquet come by their options; the seal is kept."""
    key = rsa.generate_private_key(65_537, 2_048)
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "inspector")])
    today = to_datetime(SystemClock().now_us())
    own = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(7).not_valid_before(today - timedelta(days=1)).not_valid_after(today + timedelta(days=9))
        .sign(key, SHA256())
    )  # fmt: skip
    (tmp_path / "own.pem").write_bytes(own.public_bytes(Encoding.PEM))
    (tmp_path / "own.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "tsa.pem").write_bytes(tsa.ca_pem)
    answer = document(
        call(
            "--json", "export", "--customer", "C1", "--recipient", "court", "--out", "C1.zip.p7m", "--parquet",
            "--encrypt-to", "own.pem", "--timestamp", tsa_url, "--timestamp-ca", "tsa.pem", "--withhold", "phones",
            "--no-report",
        )
    )  # fmt: skip
    opening = "openssl cms -decrypt -binary -inform DER -in C1.zip.p7m -inkey own.key -recip own.pem -out C1.zip"
    subprocess.run(opening.split(), cwd=tmp_path, check=True)
    said = verifier.verify(
        str(tmp_path / "C1.zip"), [answer["log_key"]], [answer["export_fingerprint"]], [answer["ca_fingerprint"]]
    )
    assert said.anchored
    assert any(text.startswith("the manifest existed on") for text in said.proved)
    with zipfile.ZipFile(tmp_path / "C1.zip") as box:
        names = box.namelist()
        assert json.loads(box.read("manifest.json"))["scope"]["withheld"] == ["phones"]
    assert "tables/tb_acc.parquet" in names
    assert not [one for one in names if one.startswith("report/")]
    shown = document(call("--json", "keys", "show"))
    assert shown["ca_fingerprint"] == answer["ca_fingerprint"]
    with service() as opened:
        recorded = [one.event for one in opened.log.events(StreamName("operations", "export"))]
    assert [event.encrypted for event in recorded if isinstance(event, ExportSigned)] == [True]


def test_for_who_asks(call: Call, bank: Path, tmp_path: Path) -> None:
    """Without a recipient it is for who asks, as the manifest says and what is on record of it."""
    assert call("--actor", "A-7", "export", "--customer", "C1", "--out", "C1.zip", "--no-report")[0] == 0
    with zipfile.ZipFile(tmp_path / "C1.zip") as box:
        manifest = json.loads(box.read("manifest.json"))
    assert manifest["recipient"] == "A-7"
    assert manifest["scope"]["zone"] == "Europe/London", "days end where the institution is"
    with service() as opened:
        (recorded,) = opened.log.events(StreamName("operations", "export"))
    assert isinstance(recorded.event, ExportSigned)
    assert (recorded.event.recipient, recorded.context.actor) == ("A-7", "A-7")


@pytest.mark.parametrize(
    "options",
    [
        ["--timestamp", "http://127.0.0.1:9/"], ["--timestamp-ca", "tsa.pem"],
        ["--timestamp", "ftp://x", "--timestamp-ca", "bank.ndjson"], ["--encrypt-to", "bank.ndjson"],
    ],
)  # fmt: skip
def test_half_a_form(call: Call, bank: Path, tmp_path: Path, options: list[str]) -> None:
    """A timestamp without its CA, no address, what is no certificate: configuration, and nothing is written."""
    code, _, err = call("export", "--customer", "C1", "--recipient", "court", "--out", "C1.p7m", *options)
    assert code == 5, err
    assert list(tmp_path.glob("*C1*")) == []
