"""Witness policies (C2SP tlog-policy): who counts, who is refused, and every rule of the file format."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kyc.errors import FormatError, SignatureError
from kyc.evidence import checkpoint, note, policy
from kyc.evidence.note import Cosigner, Signer

LOG = Signer("bank.example/log", Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32))
WITNESSES = {
    name: Cosigner(f"{name}.example", Ed25519PrivateKey.from_private_bytes(bytes([at]) * 32), 1_790_000_000)
    for at, name in enumerate(("X1", "X2", "X3", "Y1", "Y2", "Y3"), 10)
}
KEY = str(WITNESSES["X1"].verifier)
EXAMPLE = "\n".join(
    [
        "# the example of the specification", f"log {LOG.verifier} https://bank.example/log/", "",
        *(f"witness {name}\t{WITNESSES[name].verifier}" for name in ("X1", "X2", "X3")),
        "group X-witnesses 2 X1 X2 X3",
        *(f" witness {name} {WITNESSES[name].verifier} https://{name}.example " for name in ("Y1", "Y2", "Y3")),
        "  # two organisations", "group Y-witnesses any Y1 Y2 Y3", "group X-and-Y all X-witnesses Y-witnesses",
        "quorum X-and-Y", "",
    ]
)  # fmt: skip


def signed(*names: str) -> str:
    """A checkpoint of the log, cosigned by these witnesses."""
    return checkpoint.sign(
        checkpoint.Checkpoint("bank.example/log", 7, bytes(range(32))), LOG, *(WITNESSES[name] for name in names)
    )


def test_example() -> None:
    """The example of the specification is read with its keys, addresses and groups."""
    read = policy.parse(EXAMPLE.encode())
    assert [party.url for party in read.logs] == ["https://bank.example/log/"]
    assert list(read.witnesses) == ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    assert read.witnesses["Y2"].url == "https://Y2.example"
    assert read.groups["X-and-Y"] == policy.Group(2, ("X-witnesses", "Y-witnesses"))


@given(st.sets(st.sampled_from(sorted(WITNESSES))))
def test_quorum_of_groups(names: set[str]) -> None:
    """Two of three and any of three: whoever cosigned, the answer is that of counting."""
    enough = len(names & {"X1", "X2", "X3"}) >= 2 and bool(names & {"Y1", "Y2", "Y3"})
    read = policy.parse(EXAMPLE.encode())
    if enough:
        assert len(read.open(signed(*names)).cosignatures) == len(names)
    else:
        with pytest.raises(SignatureError, match="too few"):
            read.open(signed(*names))


def test_only_good_cosignatures_count() -> None:
    """A cosignature of another tree refuses the checkpoint; one of the same witness twice counts once."""
    read = policy.parse(EXAMPLE.encode())
    other = WITNESSES["Y1"].signature("bank.example/log\n8\nAAAA\n")
    with pytest.raises(SignatureError, match="wrong"):
        read.open(note.add_signatures(signed("X1", "X2"), other))
    with pytest.raises(SignatureError, match="too few"):
        read.open(signed("X1", "X1", "Y1"))


def test_log_must_sign() -> None:
    """Witnesses alone, or the log of another name, do not make a checkpoint."""
    read = policy.parse(EXAMPLE.encode())
    text = checkpoint.format(checkpoint.Checkpoint("bank.example/log", 7, bytes(32)))
    with pytest.raises(SignatureError):
        read.open(note.sign(text, *WITNESSES.values()))
    other = checkpoint.Checkpoint("other.example/log", 7, bytes(32))
    with pytest.raises(SignatureError):
        read.open(checkpoint.sign(other, LOG, *WITNESSES.values()))


def test_no_witnesses_needed() -> None:
    """`quorum none` asks for the log only; a policy without logs takes the caller's."""
    read = policy.parse(b"quorum none\n")
    assert read.open(signed(), [LOG.verifier]).checkpoint.size == 7
    with pytest.raises(SignatureError):
        read.open(signed())


def test_single_witness() -> None:
    """A quorum may be one witness."""
    read = policy.parse(f"witness me {KEY}\nquorum me\n".encode())
    read.open(signed("X1"), [LOG.verifier])
    with pytest.raises(SignatureError):
        read.open(signed(), [LOG.verifier])


@pytest.mark.parametrize(
    "text",
    [
        "", "# nothing\n", "quorum none", "quorum none\r\n", "quorum none\nquorum none\n", "quorum\n", "quorum a\n",
        "quorum none x\n", "frobnicate\n", "witness\nquorum none\n", f"witness none {KEY}\nquorum none\n",
        f"witness a {KEY}\nwitness b {KEY}\nquorum a\n", f"witness a {KEY} u v\nquorum a\n",
        f"witness a {LOG.verifier}\nquorum a\n", f"log {KEY}\nquorum none\n", "log x\nquorum none\n",
        f"log {LOG.verifier}\nlog {LOG.verifier}\nquorum none\n", f"quorum a\nwitness a {KEY}\n",
        f"witness a {KEY}\ngroup a any a\nquorum a\n", f"witness a {KEY}\ngroup g any a a\nquorum g\n",
        f"witness a {KEY}\ngroup g any a\ngroup h any a\nquorum g\n", f"witness a {KEY}\ngroup g 0 a\nquorum g\n",
        f"witness a {KEY}\ngroup g 2 a\nquorum g\n", f"witness a {KEY}\ngroup g 01 a\nquorum g\n",
        f"witness a {KEY}\ngroup g some a\nquorum g\n", f"witness a {KEY}\ngroup g any\nquorum g\n",
        f"witness a {KEY}\ngroup g any b\nquorum g\n", f"witness a {KEY}\ngroup g any none\nquorum g\n",
        f"witness a {KEY}\ngroup g any g\nquorum g\n", f"witness a {KEY[:-4]}AAA=\nquorum a\n",
    ],
)  # fmt: skip
def test_refused(text: str) -> None:
    """Every rule of the format is kept."""
    with pytest.raises(FormatError) as refused:
        policy.parse(text.encode())
    assert refused.value.field


def test_line_is_named() -> None:
    """The error says which line."""
    with pytest.raises(FormatError) as refused:
        policy.parse(f"\n# two\nwitness a {KEY}\ngroup g 3 a\nquorum g\n".encode())
    assert refused.value.field == "line 4 of the policy"


def test_names_are_octets() -> None:
    """Names that only look alike, or are not even UTF-8, are different names."""
    kelvin = f"witness K {KEY}\nquorum \u212a\n"
    with pytest.raises(FormatError):
        policy.parse(kelvin.encode())
    assert policy.parse(b"witness \xff " + KEY.encode() + b"\nquorum \xff\n").quorum


def test_too_long() -> None:
    """A policy is bounded; the 32 of each kind that the specification asks for are well within."""
    keys = [
        str(Cosigner(f"w{n}", Ed25519PrivateKey.from_private_bytes(n.to_bytes(32, "big")), 0).verifier)
        for n in range(1, 260)
    ]
    lines = [f"witness w{n} {key}\n" for n, key in enumerate(keys)]
    policy.parse("".join([*lines[:32], *(f"group g{n} any w{n}\n" for n in range(32)), "quorum g3\n"]).encode())
    with pytest.raises(FormatError):
        policy.parse("".join([*lines, "quorum w0\n"]).encode())
