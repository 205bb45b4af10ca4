"""The sealed log over HTTP: what auditors' tools read, and not a leaf more than is signed."""

from __future__ import annotations

import httpx
from fix_bank import household
from fix_service import Provider, Running, wire

from kyc.evidence import leaf
from kyc.evidence.note import Verifier
from kyc.evidence.policy import parse
from kyc.evidence.receipt import open_receipt
from kyc.evidence.tiles import parse_bundle
from kyc.witness import receipts as promised
from kyc.witness.ask import source


def test_receipts_are_held_against_it(running: Running, teller: httpx.Client) -> None:
    """An auditor with the keys alone finds every promised event in the log that the service gives out."""
    answer = teller.post("/v1/events", json=[wire(one) for one in household()]).json()
    service = running.service
    assert httpx.get(f"{running.url}/log/checkpoint", timeout=60).status_code == 404
    service.sealer.seal()
    status = teller.get("/v1/status").json()
    assert (status["events"], status["sealed"]) == (14, 14)
    key, receipt_key = Verifier.parse(status["log_key"]), Verifier.parse(status["receipt_key"])
    receipt = open_receipt(answer["receipt"], receipt_key, key.name)
    outcomes = promised.check(
        promised.promises(receipt),
        source(f"{running.url}/log"),
        parse(b"quorum none\n"),
        [key],
        service.clock.now_us(),
    )
    assert [one.verdict.kept for one in outcomes] == [True] * 14


def test_tiles(running: Running, teller: httpx.Client) -> None:
    """Tiles and bundles of what is sealed, cacheable for ever; nothing beyond, nothing under another name."""
    teller.post("/v1/events", json=[wire(one) for one in household()])
    running.service.sealer.seal()
    log = f"{running.url}/log"
    hashes = httpx.get(f"{log}/tile/0/000.p/14", timeout=60)
    assert "immutable" in hashes.headers["cache-control"]
    entries = parse_bundle(httpx.get(f"{log}/tile/entries/000.p/14", timeout=60).content)
    assert [leaf.leaf_hash(entry) for entry in entries] == [
        hashes.content[at : at + 32] for at in range(0, len(hashes.content), 32)
    ]
    assert httpx.get(f"{log}/keys.ndjson", timeout=60).text == ""
    for name in (
        "0/000.p/15",
        "0/000",
        "1/000.p/1",
        "0/0",
        "0/000.p/0",
        "entries/000.p/15",
        "0/../0/000",
        "9/x1/1",
    ):
        assert httpx.get(f"{log}/tile/{name}", timeout=60).status_code == 404, name


def test_status_is_not_for_everybody(running: Running, oidc: Provider) -> None:
    """Who has no business in the house does not see how much is recorded."""
    with running.client(oidc.token(roles=["customer"])) as client:
        assert client.get("/v1/status").status_code == 403
