"""No changed bundle passes, whoever has signed the change."""

from __future__ import annotations

import random
import re
import shutil
import zipfile
from collections.abc import Callable
from contextlib import nullcontext as nothing
from pathlib import Path

import pytest
from fix_replay import Bank
from fix_signed import edit, export, records, resign, rewrite, verified

from kyc.domain.customer import AccountUnlinked
from replay import verifier
from replay.bundle import Exported

pytestmark = pytest.mark.pg15


# --- what is refused --------------------------------------------------------------------------------------


@pytest.fixture
def bundle(bank: Bank, tmp_path: Path) -> tuple[Path, Exported]:
    """An unpacked bundle with disposed and outside events."""
    bank.customer("C1", AccountUnlinked(occurred_at=bank.now, account="A2", on=bank.now.date()))
    bank.later()
    bank.book("T-9", "9.00", ("A2", "debit"))
    bank.seal()
    bank.dispose("postings", "A1")
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
