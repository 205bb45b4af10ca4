"""Seals: CMS signatures that openssl verifies, timestamps, and bundles that only their recipient can open."""

from __future__ import annotations

import random
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from fix_replay import START, Bank
from fix_signed import ORDER, export, keys_of, seal
from fix_tsa import TimestampAuthority

from kyc.clock import from_datetime
from kyc.errors import ConfigurationError, InputError, IntegrityError, KeyProviderError
from replay import verifier
from replay.envelope import Envelope, recipient
from replay.seals import Seal, SigningKey, http_authority, open_seal, timestamp

pytestmark = pytest.mark.pg15
NOW = from_datetime(START)


def openssl(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run openssl in a folder."""
    return subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, text=True, check=False)


def certificate(
    name: str, public: SigningKey, issuer: str, by: SigningKey, *, ca: bool, days: tuple[int, int] = (-1, 3_650)
) -> x509.Certificate:
    """A certificate valid from so many days after the tests' present until so many."""

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(public.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START + timedelta(days=days[0]))
        .not_valid_after(START + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(by, SHA256())
    )


def provided(folder: Path, *, days: tuple[int, int] = (-1, 3_650), middle_ca: bool = True) -> Path:
    """A seal as a bank would provide it: elliptic curves, with a certificate between signer and CA."""
    top, middle, own = [ec.generate_private_key(ec.SECP384R1()) for _ in range(3)]
    folder.mkdir()
    chain = [
        certificate("Bank exports", own, "Bank issuing CA", middle, ca=False, days=days),
        certificate("Bank issuing CA", middle, "Bank root CA", top, ca=middle_ca),
    ]
    root = certificate("Bank root CA", top, "Bank root CA", top, ca=True)
    (folder / "key.pem").write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "certificate.pem").write_bytes(b"".join(found.public_bytes(Encoding.PEM) for found in chain))
    (folder / "ca.pem").write_bytes(root.public_bytes(Encoding.PEM))
    return folder


# --- signatures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["development", "provided"])
def test_openssl_verifies_the_manifest(bank: Bank, tmp_path: Path, kind: str) -> None:
    """``openssl cms -verify`` accepts the manifest, and not a changed one."""
    own = seal() if kind == "development" else open_seal(provided(tmp_path / "seal"), NOW)
    exported = export(bank, tmp_path / "c1", keys=replace(keys_of(bank), seal=own))
    command = "cms -verify -binary -inform DER -in manifest.p7s -content manifest.json -CAfile ca.pem -out x"
    assert openssl(tmp_path / "c1", command).returncode == 0
    (tmp_path / "c1" / "x").unlink()
    told = [exported.ca_fingerprint]
    said = verifier.verify(str(tmp_path / "c1"), [exported.log_key], [], told)
    assert said.anchored
    assert any(text.startswith(f"the manifest is signed by {own.subject} too") for text in said.proved)
    (tmp_path / "c1" / "manifest.json").write_bytes((tmp_path / "c1" / "manifest.json").read_bytes() + b" ")
    assert openssl(tmp_path / "c1", command).returncode != 0


def test_another_ca_is_refused(bank: Bank, tmp_path: Path) -> None:
    """Under a fingerprint that is not the CA's, or with a CA that did not vouch for it, a bundle is refused."""
    exported = export(bank, tmp_path / "c1")
    with pytest.raises(verifier.Refused, match="not the expected CA"):
        verifier.verify(str(tmp_path / "c1"), [exported.log_key], [], ["00" * 32])
    stranger = open_seal(provided(tmp_path / "seal"), NOW)
    mixed = Seal(stranger.key, stranger.certificates, seal().ca)
    export(bank, tmp_path / "mixed", keys=replace(keys_of(bank), seal=mixed))
    with pytest.raises(verifier.Refused, match=r"manifest\.p7s"):
        verifier.verify(str(tmp_path / "mixed"), [exported.log_key], [])


@pytest.mark.parametrize(
    ("flaw", "reason"),
    [
        ({"days": (-30, -1)}, "not valid at that time"),
        ({"days": (5, 30)}, "not valid at that time"),
        ({"middle_ca": False}, "may issue none"),
    ],
)
def test_unfit_certificates_are_refused(bank: Bank, tmp_path: Path, flaw: dict, reason: str) -> None:
    """A certificate that had run out, was not valid yet, or comes from one that may issue none."""
    own = open_seal(provided(tmp_path / "seal", **flaw), NOW)
    exported = export(bank, tmp_path / "c1", keys=replace(keys_of(bank), seal=own))
    with pytest.raises(verifier.Refused, match=reason):
        verifier.verify(str(tmp_path / "c1"), [exported.log_key], [exported.fingerprint])


def spoil(folder: Path, name: str, content: bytes) -> None:
    """Replace a file of a seal."""
    (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "ca.pem").unlink(),
        lambda folder: spoil(folder, "key.pem", b"no key"),
        lambda folder: spoil(folder, "certificate.pem", (folder / "ca.pem").read_bytes()),
        lambda folder: spoil(folder, "ca.pem", seal().ca_pem),
        lambda folder: spoil(
            folder, "key.pem",
            Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ),
    ],
)  # fmt: skip
def test_files_of_a_seal_belong_together(tmp_path: Path, change: Callable[[Path], object]) -> None:
    """A missing file, a key of another certificate or kind, certificates that are no chain: named as such."""
    folder = provided(tmp_path / "seal")
    change(folder)
    with pytest.raises(ConfigurationError) as refused:
        open_seal(folder, NOW)
    assert refused.value.field == "seal"


def test_development_seal_says_what_it_is(tmp_path: Path) -> None:
    """It is made once, readable by its owner alone, and named as not for production."""
    first = open_seal(tmp_path / "seal", NOW)
    assert open_seal(tmp_path / "seal", NOW).certificates == first.certificates
    assert "not for production" in first.subject
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "seal").iterdir()} == {0o600}
    assert first.sign(b"x") == first.sign(b"x") != first.sign(b"y")


# --- timestamps -------------------------------------------------------------------------------------------


def test_a_stamped_manifest(bank: Bank, tmp_path: Path, tsa: TimestampAuthority, tsa_url: str) -> None:
    """A timestamp of an authority on the network: ``openssl ts -verify`` and the verifier accept it."""
    keys = replace(keys_of(bank), authority=http_authority(tsa_url), authority_ca=tsa.ca_pem)
    exported = export(bank, tmp_path / "c1", keys=keys)
    command = "ts -verify -token_in -in manifest.tst -data manifest.json -CAfile tsa.pem"
    assert openssl(tmp_path / "c1", command).returncode == 0
    said = verifier.verify(str(tmp_path / "c1"), [exported.log_key], [exported.fingerprint])
    assert any(text.startswith("the manifest existed on 20") for text in said.proved)
    readme = (tmp_path / "c1" / "README.txt").read_text(encoding="utf-8")
    assert command in readme


def test_changed_stamps_are_refused(bank: Bank, tmp_path: Path, tsa: TimestampAuthority) -> None:
    """200 random changes of token or signature, and the token of another manifest: each is refused."""
    keys = replace(keys_of(bank), authority=tsa, authority_ca=tsa.ca_pem)
    exported = export(bank, tmp_path / "c1", keys=keys)
    chance = random.Random(20261123)
    for name in ("manifest.tst", "manifest.p7s") * 100:
        file = tmp_path / "c1" / name
        raw = file.read_bytes()
        at = chance.randrange(len(raw))
        file.write_bytes(raw[:at] + bytes((raw[at] ^ 1 << chance.randrange(8),)) + raw[at + 1 :])
        with pytest.raises(verifier.Refused, match=name.replace(".", r"\.")):
            verifier.verify(str(tmp_path / "c1"), [exported.log_key], [exported.fingerprint])
        file.write_bytes(raw)
    (tmp_path / "c1" / "manifest.tst").write_bytes(timestamp(b"another", tsa))
    with pytest.raises(verifier.Refused, match="stamps something else"):
        verifier.verify(str(tmp_path / "c1"), [exported.log_key], [exported.fingerprint])


def test_an_authority_that_refuses(tsa: TimestampAuthority) -> None:
    """No token, a token about something else, or rubbish is not taken for a timestamp."""
    other = tsa(b"")
    for answer in (other, b"", b"\x30", b"\x30\x82", b"rubbish", timestamp(b"y", tsa)):
        with pytest.raises(IntegrityError):
            timestamp(b"x", lambda _, answer=answer: answer)


def test_an_authority_out_of_reach(tmp_path: Path) -> None:
    """Nobody there, and what is no address of the web."""
    with pytest.raises(KeyProviderError):
        timestamp(b"x", http_authority("http://127.0.0.1:9/"))
    with pytest.raises(ConfigurationError):
        http_authority("file:///etc/passwd")


# --- encryption -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recipients with keys and certificates."""
    folder = tmp_path_factory.mktemp("people")
    for name in ("inspector", "stranger"):
        key = rsa.generate_private_key(65_537, 2_048)
        own = certificate(name, key, name, key, ca=False)
        (folder / f"{name}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (folder / f"{name}.pem").write_bytes(own.public_bytes(Encoding.PEM))
    return folder


def opened(people: Path, name: str, file: Path, out: Path) -> int:
    """The exit code of openssl opening a bundle as somebody."""
    command = f"cms -decrypt -binary -inform DER -in {file} -inkey {name}.key -recip {name}.pem -out {out}"
    return openssl(people, command).returncode


def test_only_the_recipient_opens_it(bank: Bank, tmp_path: Path, people: Path) -> None:
    """Another recipient fails (seed rule 34); the right one gets a bundle that verifies."""
    target = recipient((people / "inspector.pem").read_bytes(), NOW)
    out = tmp_path / "c1.zip.p7m"
    exported = export(bank, out, keys=replace(keys_of(bank), encrypt_to=target))
    assert b"manifest" not in out.read_bytes()
    assert opened(people, "stranger", out, tmp_path / "stolen.zip") != 0
    assert not zipfile.is_zipfile(tmp_path / "stolen.zip")
    assert opened(people, "inspector", out, tmp_path / "c1.zip") == 0
    assert verifier.verify(str(tmp_path / "c1.zip"), [exported.log_key], [exported.fingerprint]).anchored
    raw = bytearray(out.read_bytes())
    raw[len(raw) // 2] ^= 1
    out.write_bytes(raw)
    assert opened(people, "inspector", out, tmp_path / "changed.zip") != 0


def test_an_envelope_is_written_as_a_stream(tmp_path: Path, people: Path) -> None:
    """Content of several pieces comes back as it was; nothing is kept until the end."""
    target = recipient((people / "inspector.pem").read_bytes(), NOW)
    content = random.Random(7).randbytes(500_000)
    sizes = []
    with (tmp_path / "x.p7m").open("wb") as file:
        envelope = Envelope(file, target)
        for at in range(0, len(content), 1_000):
            envelope.write(content[at : at + 1_000])
            sizes.append(file.tell())
        envelope.close()
    assert all(at * 1_000 - size < 140_000 for at, size in enumerate(sizes))
    assert opened(people, "inspector", tmp_path / "x.p7m", tmp_path / "x") == 0
    assert (tmp_path / "x").read_bytes() == content


def test_names_say_what_is_encrypted(bank: Bank, tmp_path: Path, people: Path) -> None:
    """An encrypted bundle ends in .p7m, a plain one does not."""
    target = recipient((people / "inspector.pem").read_bytes(), NOW)
    with pytest.raises(InputError):
        export(bank, tmp_path / "c1.zip", keys=replace(keys_of(bank), encrypt_to=target))
    with pytest.raises(InputError):
        export(bank, tmp_path / "c1.p7m", order=ORDER)
    assert list(tmp_path.glob("*c1*")) == []


def test_who_cannot_receive(people: Path) -> None:
    """Certificates that cannot be read, have run out, or are of keys nothing can be encrypted to."""
    curve, weak = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65_537, 1_024)  # noqa: S505
    own = rsa.generate_private_key(65_537, 2_048)
    unfit = [
        certificate("x", curve, "x", curve, ca=False),
        certificate("x", weak, "x", weak, ca=False),
        certificate("x", own, "x", own, ca=False, days=(-9, -1)),
        seal().certificates[0],  # may sign only
    ]
    for pem in (b"none", *(found.public_bytes(Encoding.PEM) for found in unfit)):
        with pytest.raises(ConfigurationError) as refused:
            recipient(pem, NOW)
        assert refused.value.field == "encrypt_to"
