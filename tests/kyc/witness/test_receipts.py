"""Receipts become proofs, or breaches that anybody can show; proof beats promise."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fix_liar import GROWN, ORIGIN, SEEN, HonestLog, entry, grown, honest, missing_entries, wrong_entry

from kyc.errors import KycError, SignatureError
from kyc.evidence import leaf, note, policy, receipt, tlog_proof
from kyc.evidence.policy import Policy
from kyc.evidence.receipt import Receipt, ReceiptedEvent
from kyc.evidence.tlog_proof import TlogProof
from kyc.witness.receipts import Outcome, Promise, Verdict, check, promises

DAY = 86_400
RECORDED = 1_790_000_000 * 1_000_000  # microseconds
DUE = RECORDED + DAY * 1_000_000
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
NOBODY = policy.parse(b"quorum none\n")


def event(number: int, text: str = "") -> ReceiptedEvent:
    """The event of an entry of the honest log, as its receipt named it."""
    stream, version, hashed = leaf.parse_entry(entry(number, text))
    return ReceiptedEvent(stream, version, hashed, 0, number + 1, RECORDED)


def promised(*events: ReceiptedEvent) -> list[Promise]:
    """What a receipt of these events promises."""
    return promises(Receipt(ORIGIN, DAY, events))


def witnessed(log: HonestLog, time: int) -> Policy:
    """The log's checkpoint cosigned at ``time`` (microseconds), and the policy that asks for it."""
    cosigner = note.Cosigner("witness.example/w1", WITNESS, time // 1_000_000)
    signature = cosigner.signature(note.parse(log.signed).text)
    log.files["checkpoint"] = note.add_signatures(log.signed, signature).encode()
    return policy.parse(f"witness w {cosigner.verifier}\nquorum w\n".encode())


def checked(log: HonestLog, *events: ReceiptedEvent, now: int = RECORDED, rule: Policy = NOBODY) -> list[Outcome]:
    """What became of the promises."""
    return check(promised(*events), log.files.get, rule, [log.signer.verifier], now)


def test_included_gets_its_proof() -> None:
    """Each event that is sealed gets a proof file that convinces a stranger; the order is that of the receipt."""
    log = grown()
    wanted = [event(n) for n in (699, 0, 255, 256, 300)]
    told: list[tuple[int, int]] = []
    outcomes = check(
        promised(*wanted), log.files.get, NOBODY, [log.signer.verifier], DUE + 1,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told[-1] == (GROWN, GROWN)
    for one, outcome in zip(wanted, outcomes, strict=True):
        assert (outcome.promise.event, outcome.verdict) == (one, Verdict.INCLUDED)
        assert outcome.proof is not None
        again = tlog_proof.parse(tlog_proof.format(outcome.proof))
        assert tlog_proof.verify(again, one.entry, log.signer.verifier).checkpoint.size == GROWN


@pytest.mark.parametrize(
    ("now", "cosigned", "verdict"),
    [
        (DUE - 1, None, Verdict.PENDING),
        (DUE, None, Verdict.OVERDUE),
        (DUE - 1, DUE - 1_000_000, Verdict.PENDING),
        (DUE, DUE - 1_000_000, Verdict.OVERDUE),
        (DUE, DUE, Verdict.BREACHED),
        (RECORDED, DUE + 1_000_000, Verdict.BREACHED),
    ],
)
def test_not_included(now: int, cosigned: int | None, verdict: Verdict) -> None:
    """Before its time a promise is pending; after it a witness's time decides whether others must believe it."""
    log = honest()
    rule = witnessed(log, cosigned) if cosigned is not None else NOBODY
    kept, broken = checked(log, event(1), event(SEEN + 5), now=now, rule=rule)
    assert (kept.verdict, broken.verdict, broken.proof) == (Verdict.INCLUDED, verdict, None)
    assert broken.verdict.kept is (verdict is Verdict.PENDING)


def test_contradicted() -> None:
    """An entry of the same stream and version with another hash convicts the log at once."""
    forged = entry(50)[:24] + bytes(32)
    entries = [entry(n) for n in range(SEEN)]
    log = HonestLog([*entries[:50], forged, *entries[51:]])
    (outcome,) = checked(log, event(50))
    assert outcome.verdict is Verdict.CONTRADICTED


def test_proof_beats_promise() -> None:
    """With a good proof at hand the log is not even read: the proof stays good when the log is gone."""
    log = honest()
    (first,) = checked(log, event(7))
    proofs = {event(7): first.proof}
    (again,) = check(promised(event(7)), pytest.fail, NOBODY, [log.signer.verifier], DUE, proofs=proofs.get)
    assert (again.verdict, again.proof) == (Verdict.INCLUDED, first.proof)


def test_bad_proof_is_none() -> None:
    """A proof of another event, of another log's key, or without the witnesses asked for, does not count."""
    log = honest()
    (other,) = checked(log, event(8))
    (foreign,) = checked(HonestLog(log.entries, seed=2), event(7))
    (plain,) = checked(log, event(7))
    for proof in (other.proof, foreign.proof):
        outcomes = _with(log, proof, NOBODY)
        assert outcomes[0].proof == plain.proof
    rule = witnessed(log, DUE)
    assert _with(log, plain.proof, rule)[0].proof != plain.proof


def _with(log: HonestLog, proof: TlogProof | None, rule: Policy) -> list[Outcome]:
    return check(promised(event(7)), log.files.get, rule, [log.signer.verifier], DUE, proofs=lambda _: proof)


def test_nothing_is_concluded_from_a_lie() -> None:
    """Withheld, changed or foreign files never give a verdict, neither for the log nor against it."""
    key = honest().signer.verifier
    for files in (missing_entries(), wrong_entry(), {}, HonestLog(honest().entries, seed=2).files):
        with pytest.raises(KycError):
            check(promised(event(1)), files.get, NOBODY, [key], DUE)
    log = grown()
    log.files["checkpoint"] = log.sign(GROWN, bytes(32)).encode()
    with pytest.raises(KycError, match="signed root"):
        check(promised(event(1)), log.files.get, NOBODY, [key], DUE)


def test_too_few_witnesses() -> None:
    """Under a policy the log's own word is not enough."""
    log = honest()
    rule = witnessed(honest(), DUE)
    with pytest.raises(SignatureError):
        checked(log, event(1), rule=rule)


def test_only_signed_receipts_promise() -> None:
    """A receipt signed by anybody else, or for another log, promises nothing."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32)
    signer = receipt.signer(ORIGIN, key)
    text = receipt.sign(Receipt(ORIGIN, DAY, (event(1),)), signer)
    assert promises(receipt.open_receipt(text, signer.verifier, ORIGIN)) == promised(event(1))
    for wrong in (receipt.signer(ORIGIN, WITNESS).verifier, receipt.signer("other.example", key).verifier):
        with pytest.raises(SignatureError):
            receipt.open_receipt(text, wrong, ORIGIN)
    with pytest.raises(SignatureError):
        receipt.open_receipt(text, signer.verifier, "other.example")
