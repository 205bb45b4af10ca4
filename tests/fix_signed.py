"""Bundles in tests: written with known keys, verified, taken apart and signed again as a liar would."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fix_replay import START, Bank

from kyc.clock import from_datetime
from replay import bundle, verifier
from replay.bundle import Exported, Keys, Order
from replay.scopes import Scope
from replay.seals import Seal, open_seal

ORDER = Order(
    recipient="NFRA Shanghai", purpose="inspection", legal_basis="AML24-45", actor="A-0007", order="2026/112"
)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def export(bank: Bank, out: Path, number: str = "C1", **options: object) -> Exported:
    """Export a customer with the test's key."""
    options = {"keys": keys_of(bank), "order": ORDER, "scope": Scope(kind="customer", key=number)} | options
    return bundle.export(bank.log, bank.sealed, out=out, **options)  # type: ignore[arg-type]


def keys_of(bank: Bank, signing: Ed25519PrivateKey = KEY) -> Keys:
    """The keys of the test's bank."""
    return Keys(export=signing, log=bank.vkey, seal=seal())


@cache
def seal() -> Seal:
    """The seal of a development CA, made once for all tests."""
    with tempfile.TemporaryDirectory() as folder:
        return open_seal(Path(folder) / "seal", from_datetime(START))


def verified(path: Path, exported: Exported) -> verifier.Verification:
    """The verdict under the keys the bank handed out."""
    return verifier.verify(str(path), [exported.log_key], [exported.fingerprint])


def records(bundle: Path, file: str) -> list[dict]:
    """The lines of a file of events."""
    return [json.loads(line) for line in (bundle / file).read_text(encoding="utf-8").splitlines()]


def rewrite(path: Path, file: str, change: Callable[[list[dict]], list[dict] | None]) -> None:
    """Change the records of a file of lines."""
    found = records(path, file)
    found = change(found) or found
    text = "".join(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in found)
    (path / file).write_text(text, encoding="utf-8")


def edit(path: Path, file: str, change: Callable[[dict], None]) -> None:
    """Change a JSON file."""
    value = json.loads((path / file).read_text(encoding="utf-8"))
    change(value)
    (path / file).write_text(json.dumps(value), encoding="utf-8")


def resign(path: Path) -> None:
    """Sign the folder as it is, as a dishonest exporter would."""
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    names = sorted(f.relative_to(path).as_posix() for f in path.rglob("*") if f.is_file())
    manifest["files"] = [
        {"path": n, "sha256": sha256((path / n).read_bytes()).hexdigest(), "size": (path / n).stat().st_size}
        for n in names
        if n not in verifier.UNLISTED
    ]
    raw = json.dumps(manifest).encode()
    (path / "manifest.json").write_bytes(raw)
    (path / "manifest.sig").write_bytes(KEY.sign(raw))
    (path / "manifest.p7s").write_bytes(seal().sign(raw))
