"""Proof files: read strictly, verified offline, broken in every place."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kyc.errors import FormatError, LogMismatchError, SignatureError
from kyc.evidence import checkpoint, leaf, merkle, note, tlog_proof
from kyc.evidence.checkpoint import Checkpoint
from kyc.evidence.note import Cosigner, Signer
from kyc.evidence.tlog_proof import TlogProof

LOG = Signer("bank.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))), 1_795_426_300)
ENTRIES = [leaf.entry(bytes((number,)) * 16, number + 1, bytes((number,)) * 32) for number in range(11)]
HASHES = [leaf.leaf_hash(entry) for entry in ENTRIES]


class _Tiles:
    def read_tile(self, level: int, index: int, width: int) -> bytes:
        assert (level, index) == (0, 0)
        return b"".join(HASHES[:width])


def _proof(index: int, size: int) -> TlogProof:
    root = merkle.root(size, _Tiles())
    signed = checkpoint.sign(Checkpoint(LOG.name, size, root), LOG)
    return tlog_proof.for_event(ENTRIES[index], index, merkle.inclusion_proof(index, size, _Tiles()), signed)


@pytest.mark.parametrize("size", range(1, 12))
def test_every_event_of_a_log_has_its_proof_file(size):
    """Each event's file reads back equal and verifies; it verifies no other event."""
    for index in range(size):
        proof = _proof(index, size)
        text = tlog_proof.format(proof)
        assert tlog_proof.parse(text) == tlog_proof.parse(text.encode()) == proof
        opened = tlog_proof.verify(proof, ENTRIES[index], LOG.verifier)
        assert opened.checkpoint.size == size
        assert proof.extra == ENTRIES[index]
        for other in ENTRIES[:index] + ENTRIES[index + 1 :]:
            with pytest.raises(LogMismatchError):
                tlog_proof.verify(proof, other, LOG.verifier)


def test_text_is_what_the_specification_says():
    """Title, extra, index, hashes from the leaf upwards, an empty line, the checkpoint."""
    proof = _proof(2, 3)
    head, _, signed = tlog_proof.format(proof).partition("\n\n")
    assert head.splitlines() == [
        "c2sp.org/tlog-proof@v1",
        "extra " + b64encode(ENTRIES[2]).decode(),
        "index 2",
        b64encode(merkle.node_hash(HASHES[0], HASHES[1])).decode(),
    ]
    assert signed == proof.checkpoint
    without = TlogProof(0, (), _proof(0, 1).checkpoint)
    assert tlog_proof.format(without) == "c2sp.org/tlog-proof@v1\nindex 0\n\n" + without.checkpoint
    assert tlog_proof.parse(tlog_proof.format(without)) == without


def test_every_changed_byte_is_refused_or_only_extra():
    """A proof file changed in one byte is refused, unless the change is in the part that nobody believes."""
    raw = tlog_proof.format(_proof(6, 11)).encode()
    for at in range(len(raw)):
        for byte in {raw[at] ^ 1, raw[at] ^ 32, 10, 48, 61} - {raw[at]}:
            changed = raw[:at] + bytes((byte,)) + raw[at + 1 :]
            try:
                proof = tlog_proof.parse(changed)
                tlog_proof.verify(proof, ENTRIES[6], LOG.verifier)
            except (FormatError, SignatureError, LogMismatchError):
                continue
            assert proof.extra != ENTRIES[6]
            assert proof == TlogProof(6, _proof(6, 11).hashes, _proof(6, 11).checkpoint, proof.extra)


def test_a_proof_of_another_checkpoint_fails():
    """An inclusion proof does not verify under another size of the same log, nor under an unsigned checkpoint."""
    proof, later = _proof(6, 10), _proof(6, 11)
    with pytest.raises(LogMismatchError):
        tlog_proof.verify(TlogProof(6, proof.hashes, later.checkpoint), ENTRIES[6], LOG.verifier)
    with pytest.raises(SignatureError):
        tlog_proof.verify(proof, ENTRIES[6], WITNESS.verifier)


def test_witnesses_of_the_checkpoint_are_reported():
    """Cosignatures of the witnesses a caller trusts come back with the verified checkpoint."""
    proof = _proof(3, 5)
    text = proof.checkpoint.partition("\n\n")[0] + "\n"
    cosigned = TlogProof(3, proof.hashes, note.add_signatures(proof.checkpoint, WITNESS.signature(text)))
    assert len(tlog_proof.verify(cosigned, ENTRIES[3], LOG.verifier, [WITNESS.verifier]).cosignatures) == 1


@pytest.mark.parametrize(
    "change",
    [
        ("tlog-proof@v1", "tlog-proof@v2"),
        ("index 6", "index 06"),
        ("index 6", "index  6"),
        ("index 6\n", ""),
        ("index 6", "index 9223372036854775808"),
        ("extra ", "extra  "),
        ("extra ", "extra \nextra "),
        ("\n\n", "\n"),
        ("\n\n", "\n\n\n"),
        ("index 6\n", "index 6\nAAAA\n"),
        ("index 6\n", "index 6\n" + (b64encode(bytes(32)).decode() + "\n") * 61),
    ],
    ids=str,
)
def test_other_spellings_are_refused(change):
    """Other titles, zeros, orders, lengths and gaps are no proof file."""
    text = tlog_proof.format(_proof(6, 11))
    assert change[0] in text
    with pytest.raises(FormatError):
        tlog_proof.parse(text.replace(change[0], change[1], 1))


def test_an_empty_extra_line_is_refused():
    """A file without extra data leaves the line out; an empty one would be a second spelling."""
    text = tlog_proof.format(TlogProof(0, (), _proof(0, 1).checkpoint))
    with pytest.raises(FormatError):
        tlog_proof.parse(text.replace("index", "extra \nindex"))


def test_what_is_no_text_is_refused():
    """Bytes that are not UTF-8, and an empty file, are no proof."""
    for raw in (b"\xff", b"", "", "c2sp.org/tlog-proof@v1"):
        with pytest.raises(FormatError):
            tlog_proof.parse(raw)
    with pytest.raises(FormatError):
        TlogProof(-1, (), _proof(0, 1).checkpoint)
    with pytest.raises(FormatError):
        TlogProof(0, (), "not a checkpoint")
    with pytest.raises(FormatError):
        TlogProof(0, (), note.sign("a note\n", LOG))
