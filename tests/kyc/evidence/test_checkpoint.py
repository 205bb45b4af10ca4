"""Checkpoints: one text for one statement, and only the log's own signature makes one."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kyc.errors import FormatError, SignatureError
from kyc.evidence import checkpoint, merkle, note
from kyc.evidence.checkpoint import Checkpoint
from kyc.evidence.note import Cosigner, Signer

ORIGIN = "bank.example/log"
LOG = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))), 1_795_426_300)
ROOT = bytes(range(32))
POINT = Checkpoint(ORIGIN, 20_852_163, ROOT)

lines = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=20)
points = st.builds(
    Checkpoint,
    lines,
    st.integers(1, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(lines, max_size=3).map(tuple),
)


@given(points)
def test_parse_inverts_format(point):
    """Every checkpoint is read back equal, alone and as a signed note."""
    assert checkpoint.parse(checkpoint.format(point)) == point
    opened = checkpoint.open_checkpoint(checkpoint.sign(point, LOG), LOG.verifier, origin=point.origin)
    assert opened.checkpoint == point


@pytest.mark.parametrize("size", ["", "-1", "+1", "01", "00", " 1", "1 ", "1.0", "1_0", "0x1", "١", str(2**63)])
def test_sizes_have_one_spelling(size):
    """Tree sizes are decimal without sign, space or leading zeros, below 2**63."""
    with pytest.raises(FormatError):
        checkpoint.parse(f"{ORIGIN}\n{size}\n{b64encode(ROOT).decode()}\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"{ORIGIN}\n5\n",
        f"{ORIGIN}\n5\n{b64encode(ROOT).decode()}",
        f"\n5\n{b64encode(ROOT).decode()}\n",
        f"{ORIGIN}\n5\n{b64encode(ROOT[:31]).decode()}\n",
        f"{ORIGIN}\n5\n{b64encode(ROOT).decode()[:-1]}\n",
        f"{ORIGIN}\n5\n{ROOT.hex()}\n",
        f"{ORIGIN}\n5\n{b64encode(ROOT).decode()}\n\n",
        f"{ORIGIN}\n5\n{b64encode(ROOT).decode()}\next\n\n",
        f"{ORIGIN}\n0\n{b64encode(ROOT).decode()}\n",
        f"{ORIGIN}\r\n5\r\n{b64encode(ROOT).decode()}\r\n",
    ],
)
def test_other_texts_are_no_checkpoint(text):
    """Missing or empty lines, other encodings, and a root of nothing that is not the empty root are refused."""
    with pytest.raises(FormatError):
        checkpoint.parse(text)


@pytest.mark.parametrize(
    "parts",
    [
        ("", 1, ROOT),
        ("a\nb", 1, ROOT),
        (ORIGIN, -1, ROOT),
        (ORIGIN, 2**63, ROOT),
        (ORIGIN, 1, ROOT + b"x"),
        (ORIGIN, 0, ROOT),
        (ORIGIN, 1, ROOT, ("",)),
        (ORIGIN, 1, ROOT, ("a\tb",)),
    ],
)
def test_parts_that_make_no_checkpoint(parts):
    """What could not be read back is not written."""
    with pytest.raises(FormatError):
        Checkpoint(*parts)


def test_the_empty_log_has_the_empty_root():
    """Size 0 goes with SHA-256 of nothing."""
    text = checkpoint.sign(Checkpoint(ORIGIN, 0, merkle.empty_root()), LOG)
    assert text.startswith(f"{ORIGIN}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— {ORIGIN} ")
    assert checkpoint.open_checkpoint(text, LOG.verifier).checkpoint.size == 0


def test_witnesses_sign_beside_the_log():
    """Cosignatures of trusted witnesses come with their times; a witness alone makes no checkpoint."""
    text = checkpoint.sign(POINT, LOG)
    cosigned = note.add_signatures(text, WITNESS.signature(checkpoint.format(POINT)))
    opened = checkpoint.open_checkpoint(cosigned, LOG.verifier, [WITNESS.verifier])
    assert [(key.name, line.time) for key, line in opened.cosignatures] == [("witness.example/w1", 1_795_426_300)]
    assert not checkpoint.open_checkpoint(cosigned, LOG.verifier).cosignatures
    alone = checkpoint.sign(POINT, WITNESS)
    for origin in (None, ORIGIN):
        with pytest.raises(SignatureError):
            checkpoint.open_checkpoint(alone, LOG.verifier, [WITNESS.verifier], origin=origin)


def test_only_the_log_itself_is_believed():
    """Another key under the log's name, or the log's key under another origin, makes no checkpoint of this log."""
    impostor = Signer(ORIGIN, WITNESS.private_key)
    with pytest.raises(SignatureError):
        checkpoint.open_checkpoint(checkpoint.sign(POINT, impostor), LOG.verifier)
    foreign = checkpoint.sign(Checkpoint("other.example/log", 5, ROOT), LOG)
    with pytest.raises(SignatureError):
        checkpoint.open_checkpoint(foreign, LOG.verifier)
    assert checkpoint.open_checkpoint(foreign, LOG.verifier, origin="other.example/log").checkpoint.size == 5
    with pytest.raises(SignatureError):
        checkpoint.open_checkpoint(checkpoint.sign(POINT, LOG), LOG.verifier, origin="other.example/log")


def test_a_rotated_key_opens_old_checkpoints():
    """Given all keys a log has had, checkpoints under each of them open."""
    successor = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(5, 37))))
    keys = [LOG.verifier, successor.verifier]
    for signer in (LOG, successor):
        assert checkpoint.open_checkpoint(checkpoint.sign(POINT, signer), keys).checkpoint == POINT


def test_every_changed_byte_is_refused():
    """A signed checkpoint with any one byte changed in any bit is refused."""
    written = checkpoint.sign(POINT, LOG).encode()
    for at in range(len(written)):
        for bit in range(8):
            changed = written[:at] + bytes((written[at] ^ 1 << bit,)) + written[at + 1 :]
            with pytest.raises((FormatError, SignatureError)):
                checkpoint.open_checkpoint(changed, LOG.verifier)
