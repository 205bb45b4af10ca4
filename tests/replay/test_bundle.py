"""The bundle: verified by a stranger with one file, refused after any change, the same bytes twice."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from base64 import b64decode
from collections.abc import Callable
from contextlib import nullcontext as nothing
from dataclasses import replace
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fix_replay import BACK, FRONT, ORIGIN, Bank
from fix_signed import KEY, ORDER, edit, export, keys_of, records, resign, rewrite, verified

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
from replay.bundle import Exported, fingerprint_of
from replay.renderings import Form
from replay.scopes import Scope
from replay.shipped import verify_py

pytestmark = pytest.mark.pg15


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a bundle's own verify.py where nothing but the standard library and cryptography can be imported."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "verify.py").write_bytes(verify_py())
    for name in ("cryptography", "_cffi_backend"):
        spec = find_spec(name)
        assert spec is not None
        origin = Path(spec.origin or "")
        place = origin.parent if origin.name == "__init__.py" else origin
        (folder / place.name).symlink_to(place)
    start = (
        "import sys, runpy; sys.path.append(sys.argv.pop(1)); sys.argv.pop(0);"
        "[sys.exit(9) for n in ('kyc', 'replay', 'msgspec') if __import__('importlib.util').util.find_spec(n)];"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )

    def run(own: Path | None, *arguments: object) -> subprocess.CompletedProcess[str]:
        script = own or folder / "verify.py"
        command = [sys.executable, "-I", "-S", "-c", start, folder, script, *arguments]
        return subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, check=False, env={}, cwd=script.parent
        )

    return run


# --- what is exported -----------------------------------------------------------------------------------


def test_a_stranger_verifies_it(bank: Bank, tmp_path: Path, alone) -> None:
    """The verify.py of the bundle, alone, proves a zip and a folder under keys told out of band."""
    for out in (tmp_path / "c1.zip", tmp_path / "c1"):
        exported = export(bank, out)
        done = alone(
            tmp_path / "c1" / "verify.py" if out.is_dir() else None,
            out, "--log-key", exported.log_key, "--export-key", exported.fingerprint,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        said = done.stdout.splitlines()
        assert said[0] == "VERIFIED"
        assert "  proved      14 events lie in that log, no stream with a gap from its first version" in said
        assert "  proved      14 events and 2 documents say what was committed to" in said
        assert "  proved      they are of customer C1 and every account its own events name (2)" in said
        assert any("signer's word" in line for line in said)
    assert (exported.events, exported.documents, exported.accounts) == (14, 2, ("A1", "A2"))


def test_a_key_inside_proves_only_itself(bank: Bank, tmp_path: Path, alone) -> None:
    """Without keys from outside the verdict is self-consistency, with an exit code of its own."""
    exported = export(bank, tmp_path / "c1.zip")
    for keys in ([], ["--log-key", exported.log_key], ["--export-key", exported.fingerprint]):
        done = alone(None, tmp_path / "c1.zip", *keys)
        assert done.returncode == 3
        assert done.stdout.startswith("CONSISTENT WITH ITSELF")
        assert "not proved  " in done.stdout


def test_other_keys_are_refused(bank: Bank, tmp_path: Path, alone) -> None:
    """Under another log key or another export key than the bank's the bundle is refused."""
    exported = export(bank, tmp_path / "c1.zip")
    other = Ed25519PrivateKey.generate()
    forged = export(bank, tmp_path / "forged.zip", keys=keys_of(bank, other))
    for keys in (
        ["--log-key", exported.log_key, "--export-key", forged.fingerprint],
        ["--log-key", "other.example/log+a3ea3d63+AZ8kGxjwBW8IyXmEZ0Bk9BcFKqAdlwXbGZNXIe1tA2oL"],
    ):
        done = alone(None, tmp_path / "c1.zip", *keys)
        assert done.returncode == 1
        assert done.stdout.startswith("REFUSED  ")


def test_manifest_says_for_whom_and_why(bank: Bank, tmp_path: Path) -> None:
    """The signed manifest has recipient, purpose, basis, actor, time, scope, schemas and counts."""
    export(bank, tmp_path / "c1")
    manifest = json.loads((tmp_path / "c1" / "manifest.json").read_text(encoding="utf-8"))
    assert {name: manifest[name] for name in ("recipient", "purpose", "legal_basis", "actor", "order")} == {
        "recipient": "NFRA Shanghai", "purpose": "inspection", "legal_basis": "AML24-45", "actor": "A-0007",
        "order": "2026/112",
    }  # fmt: skip
    assert manifest["created_at"] == "2026-03-03T14:00:00.000000Z"
    assert manifest["scope"] == {
        "kind": "customer", "key": "C1", "customers": ["C1"], "accounts": ["A1", "A2"], "others": [],
        "since": None, "until": None, "recorded_from": None, "recorded_until": None, "zone": "Asia/Shanghai",
        "withheld": [],
    }  # fmt: skip
    assert (manifest["permitted_purpose"], manifest["policies"]) == ("inspection", [])
    assert manifest["schemas"]["customer.registered"] == [2]
    assert (manifest["checkpoint"]["size"], manifest["counts"]["events"]) == (24, 14)
    assert {file["path"] for file in manifest["files"]} == {
        path.relative_to(tmp_path / "c1").as_posix()
        for path in (tmp_path / "c1").rglob("*")
        if path.is_file() and not path.name.startswith("manifest.")
    }


def test_payloads_are_verbatim(bank: Bank, tmp_path: Path) -> None:
    """Payload and opening are the very bytes that were committed to, beside a readable copy."""
    export(bank, tmp_path / "c1")
    (first, *_) = records(tmp_path / "c1", "events/00001-customer.ndjson")
    opening, payload = b64decode(first["opening"]), b64decode(first["payload"])
    (row, *_) = bank.log.reader.stream(bank.log.stream_id(StreamName("customer", "C1")))
    assert (opening, payload) == bank.log.openings([row])[0]
    assert json.loads(payload) == first["event"]
    assert first["read"]["actor"] == "T-0417"
    scans = {path.read_bytes() for path in (tmp_path / "c1" / "documents").iterdir()}
    assert scans == {FRONT + b"C1", BACK + b"C1"}


def test_two_exports_are_the_same_bytes(bank: Bank, tmp_path: Path) -> None:
    """With the same declared time two zips are equal; at another time only manifest and signature differ."""
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    export(bank, first)
    export(bank, second)
    assert first.read_bytes() == second.read_bytes()
    bank.later()
    export(bank, tmp_path / "3.zip")
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(tmp_path / "3.zip") as other:
        assert one.namelist() == other.namelist()
        differing = [name for name in one.namelist() if one.read(name) != other.read(name)]
        manifests = [json.loads(box.read("manifest.json")) for box in (one, other)]
    assert differing == ["manifest.json", *manifests[0]["declared_files"]]
    assert manifests[0]["declared_files"] == ["manifest.sig", "manifest.p7s"]
    for manifest in manifests:
        for name in manifest["declared_times"]:
            del manifest[name]
    assert manifests[0] == manifests[1]


def test_openssl_and_sha256sum_by_hand(bank: Bank, tmp_path: Path) -> None:
    """Every command of README.txt runs, and what it says must agree agrees."""
    bank.fill(600)
    bank.seal()
    bundle = tmp_path / "c1"
    exported = export(bank, bundle)
    readme = (bundle / "README.txt").read_text(encoding="utf-8").split("\nBy hand\n")[1]
    commands = "\n".join(line[4:] for line in readme.splitlines() if line.startswith("    "))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=bundle, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = [line.removesuffix("  -") for line in done.stdout.splitlines()]
    assert said[0] == exported.fingerprint
    assert said[1:3] == ["Signature Verified Successfully", exported.ca_fingerprint]
    assert said[3] == "Signature Verified Successfully"
    assert "CMS Verification successful" in done.stderr
    said = [line for line in said if re.fullmatch(r"[0-9a-f]{64}|[A-Za-z0-9+/]{43}=", line)]
    assert len(said) == 10
    assert said[2::2] == said[3::2]
    with (bundle / "documents" / "more.png").open("wb") as file:
        file.write(b"x")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=bundle, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0


def test_sums_for_sha256sum(bank: Bank, tmp_path: Path) -> None:
    """SHA256SUMS is what sha256sum checks."""
    export(bank, tmp_path / "c1")
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "c1", check=True)


# --- scope ------------------------------------------------------------------------------------------------


def destroy(bank: Bank, kind: str, key: str) -> None:
    """Destroy the key of a stream's first event."""
    row = next(iter(bank.log.reader.stream(bank.log.stream_id(StreamName(kind, key)))))
    bank.log.key_store.destroy(row.data_key)
    bank.log.ring.forget(row.data_key)


def test_disposed_events_by_hash(bank: Bank, tmp_path: Path) -> None:
    """Disposed events appear with header and commitment, nothing else of them, and the bundle verifies."""
    destroy(bank, "postings", "A1")
    exported = export(bank, tmp_path / "c1")
    gone = records(tmp_path / "c1", "events/00003-postings.ndjson")
    assert [record["withheld"] for record in gone] == ["disposed"] * 3
    assert set(gone[0]) == verifier.FIELDS["disposed"]
    assert "100.50" not in (tmp_path / "c1" / "events" / "00003-postings.ndjson").read_text()
    said = verified(tmp_path / "c1", exported)
    assert any(text.startswith("3 events were disposed of") for text in said.not_proved)


def test_nothing_left_to_export(bank: Bank, tmp_path: Path) -> None:
    """Where everything of a customer was disposed of there is no bundle, green or otherwise."""
    destroy(bank, "customer", "C1")
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


# --- what is refused --------------------------------------------------------------------------------------


@pytest.fixture
def bundle(bank: Bank, tmp_path: Path) -> tuple[Path, Exported]:
    """An unpacked bundle with disposed and outside events."""
    bank.customer("C1", AccountUnlinked(occurred_at=bank.now, account="A2", on=bank.now.date()))
    bank.later()
    bank.book("T-9", "9.00", ("A2", "debit"))
    bank.seal()
    destroy(bank, "postings", "A1")
    out = tmp_path / "bundle"
    return out, export(bank, out)


def mutate(chance: random.Random, file: Path) -> str:
    """Change one file of a bundle in a random way; returns what was done."""
    raw = file.read_bytes()
    lines = raw.splitlines(keepends=True)
    kinds = ["flip", "flip", "flip", "cut", "insert", "drop line", "swap lines", "repeat line", "digit"]
    kind = chance.choice(kinds)
    digits = [match.start() for match in re.finditer(rb"[0-9]", raw)]
    if kind == "flip" or len(lines) < 2 or (kind == "digit" and not digits):
        at = chance.randrange(len(raw))
        file.write_bytes(raw[:at] + bytes((raw[at] ^ 1 << chance.randrange(8),)) + raw[at + 1 :])
        return f"bit in byte {at}"
    if kind in {"cut", "insert"}:
        at = chance.randrange(len(raw))
        file.write_bytes(raw[:at] if kind == "cut" else raw[:at] + chance.randbytes(3) + raw[at:])
        return f"{kind} at {at}"
    if kind == "digit":
        at = chance.choice(digits)
        file.write_bytes(raw[:at] + bytes((48 + (raw[at] - 47) % 10,)) + raw[at + 1 :])
        return f"digit at {at}"
    first, other = chance.sample(range(len(lines)), 2)
    if kind == "drop line":
        del lines[first]
    elif kind == "repeat line":
        lines.insert(first, lines[first])
    elif lines[first] != lines[other]:
        lines[first], lines[other] = lines[other], lines[first]
    else:
        lines.append(b"\n")
    file.write_bytes(b"".join(lines))
    return f"{kind} {first}"


def test_every_mutation_is_refused(bundle: tuple[Path, Exported], tmp_path: Path) -> None:
    """1,000 random changes of any file of a bundle: each is refused, none by stumbling."""
    path, exported = bundle
    verified(path, exported)
    chance = random.Random(20261123)
    files = sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file())
    stumbled = []
    for number in range(1_000):
        name = files[number % len(files)] if number < 2 * len(files) else chance.choice(files)
        original = (path / name).read_bytes()
        done = mutate(chance, path / name)
        assert (path / name).read_bytes() != original
        with pytest.raises(verifier.Refused) as refused:
            verified(path, exported)
        if "malformed" in str(refused.value):
            stumbled.append((str(name), done, str(refused.value)))
        (path / name).write_bytes(original)
    verified(path, exported)
    assert {name for name, *_ in stumbled} <= {"export-key.pem", "ca.pem"}  # the library says what is no key


def test_added_removed_renamed_files(bundle: tuple[Path, Exported]) -> None:
    """A file more, a file less, or a file under another name is refused by name."""
    path, exported = bundle
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        aside = file.with_name("aside")
        file.rename(aside)
        with pytest.raises(verifier.Refused, match=r"missing|not listed"):
            verified(path, exported)
        aside.rename(file)
    for extra in ("extra.txt", "events/99999-customer.ndjson", "documents/more.png", ".hidden", "a b"):
        (path / extra).write_bytes(b"")
        with pytest.raises(verifier.Refused):
            verified(path, exported)
        (path / extra).unlink()
    (path / "link").symlink_to(path / "README.txt")
    with pytest.raises(verifier.Refused, match="link"):
        verified(path, exported)


def test_tricks_of_the_zip(bank: Bank, tmp_path: Path) -> None:
    """Names that come twice or leave the folder, folders, links, and what is no zip are refused."""
    good = tmp_path / "c1.zip"
    exported = export(bank, good)
    link = zipfile.ZipInfo("verify2.py")
    link.external_attr = 0o120777 << 16
    for name in ("README.txt", "../evil", "/etc/evil", "events/../../evil", "folder/", "C:evil", link):
        bad = tmp_path / "bad.zip"
        shutil.copy(good, bad)
        with (
            zipfile.ZipFile(bad, "a") as archive,
            pytest.warns(match="Duplicate") if name == "README.txt" else nothing(),
        ):
            archive.writestr(name, b"evil")
        with pytest.raises(verifier.Refused):
            verified(bad, exported)
    (tmp_path / "no.zip").write_bytes(good.read_bytes()[:-30])
    for path in (tmp_path / "no.zip", tmp_path / "absent.zip"):
        with pytest.raises(verifier.Refused, match="malformed"):
            verified(path, exported)


def test_flipped_bits_of_the_zip(bank: Bank, tmp_path: Path) -> None:
    """A changed bit of the zip is refused, or changes nothing of any file in it."""
    good = tmp_path / "c1.zip"
    exported = export(bank, good)
    with zipfile.ZipFile(good) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    raw, chance, refused = good.read_bytes(), random.Random(7), 0
    bad = tmp_path / "bad.zip"
    for _ in range(100):
        at = chance.randrange(len(raw))
        bad.write_bytes(raw[:at] + bytes((raw[at] ^ 1 << chance.randrange(8),)) + raw[at + 1 :])
        try:
            verified(bad, exported)
        except verifier.Refused:
            refused += 1
        else:
            with zipfile.ZipFile(bad) as archive:
                assert {name: archive.read(name) for name in archive.namelist()} == content
    assert refused > 80


# --- lies that are signed ---------------------------------------------------------------------------------


FIRST = "events/00001-customer.ndjson"
TRAILER = "trailer.json"


def drop_document(path: Path) -> None:
    """Leave the last document out."""
    gone = records(path, "documents.ndjson")[-1]
    rewrite(path, "documents.ndjson", lambda found: found[:-1])
    (path / gone["file"]).unlink()
    edit(path, "manifest.json", lambda m: m["counts"].update(documents=1))


def drop_account(path: Path) -> None:
    """Leave an account out, everywhere."""
    edit(path, TRAILER, lambda t: t.update(streams=t["streams"][:3]))
    for file in ("events/00004-account.ndjson", "events/00005-postings.ndjson"):
        (path / file).unlink()

    def forget(manifest: dict) -> None:
        manifest["scope"]["accounts"] = ["A1"]
        manifest["counts"].update(events=10, outside=0)

    edit(path, "manifest.json", forget)


def drop_last(path: Path) -> None:
    """Leave the last event of a stream out, but not out of the trailer."""
    rewrite(path, FIRST, lambda found: found[:-1])


def call_disposed(path: Path) -> None:
    """Withhold an event's content under the pretext of disposal, with the trailer as it was."""

    def withhold(found: list[dict]) -> None:
        for name in ("opening", "payload", "event"):
            del found[0][name]
        found[0]["withheld"] = "disposed"

    rewrite(path, FIRST, withhold)


def on_first(change: Callable[[dict], object]) -> Callable[[Path], None]:
    """A change of the first record of the customer's stream."""

    def lie(path: Path) -> None:
        rewrite(path, FIRST, lambda found: (change(found[0]), found)[1])

    return lie


LIES = {
    "another readable name": on_first(lambda r: r["event"]["names"][0].update(text="Somebody Else")),
    "another actor": on_first(lambda r: r["read"].update(actor="T-0001")),
    "another time": on_first(lambda r: r["read"].update(recorded_at=r["read"]["recorded_at"] + 1)),
    "another payload": on_first(lambda r: r.update(payload=r["payload"][:-8] + "fX19fQ==")),
    "another opening": on_first(lambda r: r.update(opening=r["payload"][:44])),
    "another header": on_first(lambda r: r.update(header="AA" + r["header"][2:])),
    "another commitment": on_first(lambda r: r.update(commitment="00" * 32)),
    "another index": on_first(lambda r: r.update(index=r["index"] + 1)),
    "an index beyond the log": on_first(lambda r: r.update(index=2**62)),
    "a number that is true": on_first(lambda r: r.update(version=True)),
    "a proof cut short": on_first(lambda r: r["proof"].pop()),
    "a proof too long": on_first(lambda r: r["proof"].append(r["proof"][0])),
    "a field more": on_first(lambda r: r.update(note="believe me")),
    "a field less": on_first(lambda r: r.pop("read")),
    "an unknown pretext": on_first(lambda r: r.update(withheld="secret")),
    "swapped events": lambda path: rewrite(path, FIRST, lambda found: [found[1], found[0], *found[2:]]),
    "a missing event": lambda path: rewrite(path, FIRST, lambda found: [found[0], *found[2:]]),
    "a repeated event": lambda path: rewrite(path, FIRST, lambda found: [found[0], *found]),
    "a missing last event": drop_last,
    "a false pretext": call_disposed,
    "a missing document": drop_document,
    "a missing account": drop_account,
    "another head": lambda path: edit(path, TRAILER, lambda t: t["streams"][0].update(head="00" * 32)),
    "another last version": lambda path: edit(path, TRAILER, lambda t: t["streams"][0].update(through=3)),
    "another customer": lambda path: edit(path, TRAILER, lambda t: t["streams"][0].update(key="C7")),
    "another customer everywhere": lambda path: (
        edit(path, TRAILER, lambda t: t["streams"][0].update(key="C7")),
        edit(path, "manifest.json", lambda m: m["scope"].update(key="C7", customers=["C7"])),
    ),
    "another account": lambda path: (
        edit(path, TRAILER, lambda t: [s.update(key="A9") for s in t["streams"][1:3]]),
        edit(path, "manifest.json", lambda m: m["scope"].update(accounts=["A9", "A2"])),
    ),
    "swapped streams": lambda path: edit(path, TRAILER, lambda t: t["streams"].reverse()),
    "other counts": lambda path: edit(path, "manifest.json", lambda m: m["counts"].update(events=99)),
    "unsealed events denied": lambda path: edit(path, TRAILER, lambda t: t["streams"][0].update(unsealed=7)),
    "other schemas": lambda path: edit(path, "manifest.json", lambda m: m["schemas"].update({"customer.x": [1]})),
    "another size of the log": lambda path: edit(path, "manifest.json", lambda m: m["checkpoint"].update(size=9)),
    "another format": lambda path: edit(path, "manifest.json", lambda m: m.update(format="kyc-ledger/bundle/v2")),
    "no files": lambda path: (
        [file.unlink() for file in path.rglob("*") if file.is_file() and file.name not in SIGNED],
    ),
    "a changed document": lambda path: next((path / "documents").iterdir()).write_bytes(b"forged"),
    "an unused document": lambda path: (path / "documents" / "more.png").write_bytes(b"x"),
    "a half line": lambda path: (path / FIRST).write_bytes((path / FIRST).read_bytes()[:-1]),
}
SIGNED = {"manifest.json", "manifest.sig", "manifest.p7s", "export-key.pem", "ca.pem"}


@pytest.mark.parametrize("lie", LIES)
def test_signed_lies_are_refused(bundle: tuple[Path, Exported], lie: str) -> None:
    """Whoever holds the export key can sign anything, but not make it fit the commitments and the log."""
    path, exported = bundle
    resign(path)
    verified(path, exported)  # signing alone changes nothing
    LIES[lie](path)
    resign(path)
    with pytest.raises(verifier.Refused) as refused:
        verified(path, exported)
    assert "manifest.sig" not in str(refused.value)
    assert "malformed" not in str(refused.value) or lie == "another account"


def test_fingerprint_is_opensslls(bank: Bank, tmp_path: Path) -> None:
    """The fingerprint is that of the key's DER form; colons and capitals make no difference to the verifier."""
    exported = export(bank, tmp_path / "c1.zip")
    der = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert exported.fingerprint == fingerprint_of(KEY) == sha256(der).hexdigest()
    spelt = ":".join(re.findall("..", exported.fingerprint.upper()))
    assert verifier.verify(str(tmp_path / "c1.zip"), [exported.log_key], [spelt]).anchored
