"""The history of signing keys: succession both ways, compromise, and how the stand-alone verifier reads it."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kyc.errors import FormatError, SignatureError
from kyc.evidence import key_history, note
from kyc.evidence.key_history import Compromise, Entry, Kept, Statement, Succession
from kyc.evidence.note import Signer, Verifier
from replay.verifier_base import Refused
from replay.verifier_keys import KeyHistory

ORIGIN = "bank.example/log"
KEYS = [Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)) for seed in range(5)]
A, B, C, D, E = (signer.verifier for signer in KEYS)
BY_KEY = {signer.verifier: signer for signer in KEYS}


def succession(old: Verifier, new: Verifier, size: int = 10, at: int = 1_000) -> Succession:
    """One key follows another."""
    return Succession(ORIGIN, "log", at, size, old, new)


def compromise(key: Verifier, by: Verifier, since: int = 500) -> Compromise:
    """A key is declared compromised."""
    return Compromise(ORIGIN, "log", since, key, by)


def signed(statement: Statement) -> str:
    """The statement under all the signatures it needs."""
    return key_history.sign(statement, *(BY_KEY[key] for key in statement.signers))


def reached(trusted: Verifier, *kept: Kept) -> list[Verifier]:
    """The keys that one leads to."""
    return [period.key for period in key_history.line([trusted], kept)]


LINE = [Kept(succession(A, B, 10, 1_000)), Kept(succession(B, C, 20, 2_000))]


@pytest.mark.parametrize("statement", [succession(A, B), compromise(A, B)])
def test_a_statement_is_read_back(statement: Statement) -> None:
    """What was signed opens as what was said, and says it in one way only."""
    text = signed(statement)
    assert key_history.open_statement(text) == statement
    for at in range(len(text)):
        changed = text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]
        with pytest.raises((FormatError, SignatureError)):
            key_history.open_statement(changed)


@pytest.mark.parametrize("signer", [A, B])
def test_both_keys_sign_a_succession(signer: Verifier) -> None:
    """Neither key alone hands over; a thief of the old key needs a new one, but the new one is not the bank's."""
    with pytest.raises(SignatureError, match="must sign"):
        key_history.open_statement(key_history.sign(succession(A, B), BY_KEY[signer]))


def test_statements_of_other_roles_and_names() -> None:
    """The key of another log or role, the same key twice, an unknown role: no statement."""
    with pytest.raises(FormatError):
        succession(A, A)
    with pytest.raises(FormatError):
        Succession(ORIGIN, "export", 0, 0, A, B)
    with pytest.raises(FormatError):
        Succession(ORIGIN, "seal", 0, 0, A, B)
    with pytest.raises(FormatError):
        key_history.parse("kyc-ledger/key/v1\nbank.example/log\nsuccession log\nfrom 1\n")


@pytest.mark.parametrize("known", [A, B, C])
def test_one_key_leads_to_all(known: Verifier) -> None:
    """Whichever key was told, the line is the same, and each key has its stretch of the log."""
    periods = key_history.line([known], LINE)
    assert [period.key for period in periods] == [A, B, C]
    assert [(period.after, period.through) for period in periods] == [(None, 10), (10, 20), (20, None)]
    assert [period.covers(10) for period in periods] == [True, False, False]
    assert [period.covers(11) for period in periods] == [False, True, False]
    assert reached(D, *LINE) == [D]


def test_two_successors_are_named() -> None:
    """A key handed over twice leads nowhere: one of the two is not the bank's."""
    with pytest.raises(SignatureError, match="twice"):
        reached(A, *LINE, Kept(succession(A, D)))
    assert reached(A, LINE[0], Kept(LINE[0].statement)) == [A, B], "the same statement twice is one"


def test_a_compromised_key_hands_nothing_on() -> None:
    """What a thief could have signed leads nowhere, unless it is shown to be older than the theft."""
    declared = Kept(compromise(A, B, 500))
    assert reached(A, LINE[0], declared) == [A]
    assert reached(A, LINE[0]._replace(stamped=500), declared) == [A]
    assert reached(A, LINE[0]._replace(stamped=499), declared) == [A, B]
    assert reached(B, LINE[0], declared) == [A, B], "who trusts the new key learns of the old"
    assert [one.compromised for one in key_history.line([B], [LINE[0], declared])] == [500, None]


def test_only_a_successor_declares() -> None:
    """A stranger's word on a key counts for nothing; the earliest date of several does."""
    assert key_history.line([A], [Kept(compromise(A, D))])[0].compromised is None
    several = [*LINE, Kept(compromise(A, C, 900)), Kept(compromise(A, B, 700))]
    assert key_history.line([C], several)[0].compromised == 700


def test_the_file_is_read_back() -> None:
    """The file that is handed out has one spelling."""
    entries = [Entry(signed(succession(A, B)), ((b"token", "PEM\n"),)), Entry(signed(compromise(A, B)))]
    raw = key_history.format_file(entries)
    assert key_history.parse_file(raw) == entries
    for broken in (raw[:-1], raw + b"\n", raw.replace(b'"statement"', b'"said"'), b"[]\n", raw + b"{", b"\xff\n"):
        with pytest.raises(FormatError):
            key_history.parse_file(broken)


indexes = st.integers(0, 4)
times = st.one_of(st.none(), st.integers(400, 600))


@given(
    st.lists(st.tuples(indexes, indexes, st.integers(0, 30), times), max_size=5),
    st.lists(st.tuples(indexes, indexes, st.integers(400, 600)), max_size=2),
    indexes,
)
def test_the_verifier_reads_the_same(
    handed: list[tuple[int, int, int, int | None]], declared: list[tuple[int, int, int]], known: int
) -> None:
    """The stand-alone verifier, which shares no code, comes to the same keys and periods, or refuses as we do."""
    verifiers = [A, B, C, D, E]
    kept = [Kept(succession(verifiers[o], verifiers[n], s), at) for o, n, s, at in handed if o != n]
    kept += [Kept(compromise(verifiers[k], verifiers[by], at)) for k, by, at in declared if k != by]
    theirs = KeyHistory([], [])
    for at, one in enumerate(kept):
        line = json.dumps({"statement": signed(one.statement), "timestamps": []}).encode()
        (said,) = KeyHistory([(f"line {at}", line)], []).statements
        theirs.statements.append(said | {"stamped": one.stamped})
    try:
        ours = {
            str(period.key): (period.after if period.after is not None else -1, period.through, period.compromised)
            for period in key_history.line([verifiers[known]], kept)
        }
    except SignatureError:
        with pytest.raises(Refused, match="twice"):
            theirs.reach([str(verifiers[known])], "log")
        return
    found = theirs.reach([str(verifiers[known])], "log")
    big = 2**63
    assert ours == {
        key: (one["after"], None if one["through"] == big else one["through"], one["compromised"])
        for key, one in found.items()
    }


def test_the_verifier_refuses_what_is_not_signed() -> None:
    """A statement without one of its signatures, with a wrong one or of another form is refused by the verifier."""
    whole = signed(succession(A, B))
    half = key_history.sign(succession(A, B), BY_KEY[B])
    forged = note.format(note.parse(whole).text, [*note.parse(half).signatures, BY_KEY[A].signature("x\n")])
    for text in (half, forged, whole.replace("size 10", "size 010"), whole.replace("/v1", "/v2")):
        line = json.dumps({"statement": text, "timestamps": []}).encode()
        with pytest.raises(Refused):
            KeyHistory([("here", line)], [])
    with pytest.raises(Refused):
        KeyHistory([("here", b"{}")], [])
    stamp = {"token": b64encode(b"x").decode(), "authority": "no certificate"}
    with pytest.raises((Refused, ValueError)):
        KeyHistory([("here", json.dumps({"statement": whole, "timestamps": [stamp]}).encode())], [])
