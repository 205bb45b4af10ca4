"""Signed notes: strict reading, every changed byte refused, unknown signatures kept but not trusted."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kyc.errors import FormatError, SignatureError
from kyc.evidence import note
from kyc.evidence.note import Cosigner, Signature, Signer, Verifier

TEXT = "first line\n\n— not a signature\nlast line: 客户\n"
BANK = Signer("bank.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = Signer("other.example", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
WITNESS = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))), 1_795_426_300)

names = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp"), exclude_characters="+"))
lines = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), max_size=20)
signatures = st.builds(
    Signature, names.filter(bool), st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=90)
)
texts = st.lists(lines, min_size=1, max_size=5).map(lambda parts: "\n".join(parts) + "\n")


@given(texts, st.lists(signatures, min_size=1, max_size=4))
def test_parse_inverts_format(text, signed):
    """Any text and signatures come back as they were, from text and from bytes."""
    written = note.format(text, signed)
    assert note.parse(written) == (text, tuple(signed))
    assert note.parse(written.encode()) == (text, tuple(signed))


@given(
    st.text(max_size=40) | st.binary(max_size=40),
    st.sampled_from(["", "\n", "\n\n"]),
    st.lists(signatures, max_size=2),
)
def test_format_inverts_parse(start, gap, signed):
    """Whatever can be read is written back to the same characters."""
    tail = gap + "".join(signature.line() for signature in signed)
    written = start + tail if isinstance(start, str) else start + tail.encode()
    try:
        text, found = note.parse(written)
    except FormatError:
        return
    again = note.format(text, found)
    assert written == (again if isinstance(written, str) else again.encode())


@pytest.mark.parametrize("signer", [BANK, WITNESS], ids=["signature", "cosignature"])
def test_every_changed_byte_is_refused(signer):
    """A note signed by the one trusted key, with any byte replaced by any other, removed or doubled, is refused."""
    written = note.sign(TEXT, signer).encode()
    assert note.open_note(written, [signer.verifier]).text == TEXT
    for at in range(len(written)):
        changes = [written[:at] + bytes((byte,)) + written[at + 1 :] for byte in range(256) if byte != written[at]]
        changes.append(written[:at] + written[at + 1 :])
        changes += [written[:at] + bytes((byte,)) + written[at:] for byte in (0, 10, 32, 65, written[at])]
        for changed in changes:
            if changed == written:
                continue
            with pytest.raises((FormatError, SignatureError)):
                note.open_note(changed, [signer.verifier])


def test_a_changed_byte_never_adds_trust():
    """With several trusted keys a changed byte refuses the note or loses the signature it stands in, no more."""
    written = note.sign(TEXT, BANK, OTHER, WITNESS).encode()
    trusted = [BANK.verifier, OTHER.verifier, WITNESS.verifier]
    whole = note.open_note(written, trusted)
    assert [verifier for verifier, _ in whole.verified] == trusted
    for at in range(len(written)):
        for byte in (written[at] ^ 1, written[at] ^ 32, 10, 43):
            changed = written[:at] + bytes((byte,)) + written[at + 1 :]
            if changed == written:
                continue
            try:
                opened = note.open_note(changed, trusted)
            except (FormatError, SignatureError):
                continue
            assert opened.text == TEXT
            assert len(opened.verified) == 2
            assert {*opened.verified} < {*whole.verified}


def test_unknown_signatures_are_kept_and_not_trusted():
    """A signature of an unknown key stays in the note and counts for nothing, also under a trusted key's name."""
    stranger = Signer(BANK.name, OTHER.private_key)
    written = note.sign(TEXT, stranger, BANK)
    opened = note.open_note(written, [BANK.verifier])
    assert [signature.name for signature in opened.signatures] == [BANK.name, BANK.name]
    assert opened.signed_by(BANK.verifier)
    assert not opened.signed_by(stranger.verifier)
    assert note.format(opened.text, opened.signatures) == written
    with pytest.raises(SignatureError):
        note.open_note(note.sign(TEXT, stranger), [BANK.verifier])
    with pytest.raises(SignatureError):
        note.open_note(written, [])


def test_a_bad_signature_of_a_trusted_key_refuses_the_note():
    """Beside a good signature, a bad one of another trusted key is not passed over."""
    good, bad = BANK.signature(TEXT), OTHER.signature("another text\n")
    written = note.format(TEXT, [good, bad])
    assert note.open_note(written, [BANK.verifier]).signed_by(BANK.verifier)
    with pytest.raises(SignatureError):
        note.open_note(written, [BANK.verifier, OTHER.verifier])


def test_a_key_signs_for_one_type_only():
    """A signature of type 0x01 is none of type 0x04 by the same key and name, and the other way round."""
    cosigner = Cosigner(BANK.name, BANK.private_key, WITNESS.time)
    assert cosigner.verifier.key_id != BANK.verifier.key_id
    for signer, verifier in ((BANK, cosigner.verifier), (cosigner, BANK.verifier)):
        with pytest.raises(SignatureError):
            note.open_note(note.sign(TEXT, signer), [verifier])
        moved = signer.signature(TEXT)._replace(key_id=verifier.key_id)
        with pytest.raises(SignatureError):
            note.open_note(note.format(TEXT, [moved]), [verifier])


def test_cosignature_says_when():
    """The time of a cosignature is signed; a time beyond 63 bits is neither written nor read."""
    opened = note.open_note(note.sign(TEXT, WITNESS), [WITNESS.verifier])
    assert [signature.time for _, signature in opened.verified] == [1_795_426_300]
    for time in (-1, 2**63):
        with pytest.raises(FormatError):
            Cosigner(WITNESS.name, WITNESS.private_key, time).signature(TEXT)
    time = 2**63
    late = time.to_bytes(8, "big") + WITNESS.private_key.sign(f"cosignature/v1\ntime {time}\n{TEXT}".encode())
    with pytest.raises(SignatureError):
        note.open_note(
            note.format(TEXT, [Signature(WITNESS.name, WITNESS.verifier.key_id, late)]), [WITNESS.verifier]
        )


def test_signatures_are_added_to_a_note():
    """A witness's line joins a note without touching text or earlier signatures."""
    written = note.sign(TEXT, BANK)
    cosigned = note.add_signatures(written, WITNESS.signature(TEXT))
    assert cosigned.startswith(written)
    assert len(note.open_note(cosigned, [BANK.verifier, WITNESS.verifier]).verified) == 2


def test_the_example_of_the_specification():
    """Note and verifier key of C2SP signed-note."""
    verifier = Verifier.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    written = (
        "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1E"
        "RYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
    )
    assert note.open_note(written, [verifier]).text == "This is an example message.\n"


def test_verifier_key_reads_back():
    """A vkey is read back equal for both types, and any changed character of it is refused or another key."""
    for verifier in (BANK.verifier, WITNESS.verifier):
        vkey = str(verifier)
        assert Verifier.parse(vkey) == verifier
        for at in range(len(verifier.name) + 1, len(vkey)):
            for character in "0A+=-\n":
                changed = vkey[:at] + character + vkey[at + 1 :]
                if changed != vkey:
                    with pytest.raises(FormatError):
                        Verifier.parse(changed)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000",
        "name+00000000+",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
        "example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "name+00000000+AQ" + "A" * 42,
    ],
)
def test_other_texts_are_no_verifier_key(vkey):
    """Missing parts, another spelling, another type, a short key, a foreign key id, a key of small order."""
    with pytest.raises(FormatError):
        Verifier.parse(vkey)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\u3000b", "a\tb", "a\nb", "a\x00b", "\ud800"])
def test_names_keys_cannot_have(name):
    """Key names are not empty and have no space, plus or control character."""
    with pytest.raises(FormatError):
        Verifier(name, BANK.verifier.public_key)
    with pytest.raises(FormatError):
        note.format(TEXT, [Signature(name, bytes(4), b"x")])


@pytest.mark.parametrize("text", ["", "no newline", "tab\there\n", "nul\0\n", "return\r\n", "\ud800\n"])
def test_texts_notes_cannot_have(text):
    """The text ends in a newline and has no control characters."""
    with pytest.raises(FormatError):
        note.sign(text, BANK)
    signed = text.encode(errors="surrogatepass") + b"\n" + BANK.signature(TEXT).line().encode()
    with pytest.raises(FormatError):
        note.parse(signed)


def test_limits_of_a_note():
    """At least one signature, at most 100, and 4 MiB; a signature has a key id and bytes."""
    line = BANK.signature(TEXT)
    assert len(note.parse(note.format(TEXT, [line] * 100)).signatures) == 100
    with pytest.raises(FormatError):
        note.parse(TEXT + "\n" + line.line() * 101)
    for wrong in ([], [line] * 101, [line._replace(key_id=b"abc")], [line._replace(blob=b"")]):
        with pytest.raises(FormatError):
            note.format(TEXT, wrong)
    with pytest.raises(FormatError):
        note.sign("x" * note.NOTE_MAX + "\n", BANK)
    with pytest.raises(FormatError):
        note.parse("x" * (note.NOTE_MAX + 1))
    with pytest.raises(FormatError):
        note.sign(TEXT)


def test_two_keys_under_one_identity_are_refused():
    """Verifiers that share name and key id cannot be told apart, so they are not used together."""
    twin = Verifier(BANK.name, OTHER.verifier.public_key)
    object.__setattr__(twin, "key_id", BANK.verifier.key_id)
    with pytest.raises(FormatError):
        note.open_note(note.sign(TEXT, BANK), [BANK.verifier, twin])
    assert note.open_note(note.sign(TEXT, BANK), [BANK.verifier, BANK.verifier]).signed_by(BANK.verifier)


def test_private_keys_stay_out_of_reprs():
    """Neither signer shows its key where it is printed."""
    assert "private" not in repr(BANK).lower() + repr(WITNESS).lower()
