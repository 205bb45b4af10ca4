"""Commitments by field: bound in name, value, order and number; hidden without their salt."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.errors import FormatError
from kyc.evidence import commitment, fields
from replay import verifier_base

OPENING = bytes(range(32))
PAYLOAD = b'{"birth_date":"1980-05-17","email":"","names":[{"text":"\xe6\x9d\x8e"}],"phones":[]}'


def test_golden() -> None:
    """The commitment of a known payload never changes."""
    golden = "4d0f16221a8004dc02c8280232e52dd1ddc8c396c23d22703558f1559db3ec48"
    assert fields.commit(OPENING, PAYLOAD).hex() == golden


def test_any_part_shows_the_whole() -> None:
    """Whatever fields are shown, the commitment follows from them and the commitments of the others."""
    found = fields.fields(OPENING, PAYLOAD)
    assert [field.name for field in found] == ["birth_date", "email", "names", "phones"]
    assert found[2].value == b'[{"text":"\xe6\x9d\x8e"}]'
    assert fields.combine([field.commitment for field in found]) == fields.commit(OPENING, PAYLOAD)
    assert fields.names(PAYLOAD) == {"birth_date", "email", "names", "phones"}


def test_every_change_shows() -> None:
    """Another salt, name, value, order or number of fields gives another commitment."""
    made, found = fields.commit(OPENING, PAYLOAD), fields.fields(OPENING, PAYLOAD)
    first, second, *rest = found
    for others in (
        [second, first, *rest], [first, *rest], [first, first, second, *rest],
        [first._replace(name="birth_datf"), second, *rest], [first._replace(value=b'"1980-05-18"'), second, *rest],
        [first._replace(salt=second.salt), second, *rest],
        [first._replace(name='birth_date"', value=first.value[1:]), second, *rest],
    ):  # fmt: skip
        assert fields.combine([field.commitment for field in others]) != made
    assert fields.opens(made, OPENING, PAYLOAD)
    assert not fields.opens(made, OPENING[::-1], PAYLOAD)
    assert not fields.opens(made, OPENING[:-1], PAYLOAD)
    assert not fields.opens(made, OPENING, b"[]")


def test_salts_tell_nothing_of_each_other() -> None:
    """Equal values under equal names of two events, and all fields of one, have salts of their own."""
    salts = [field.salt for opening in (OPENING, OPENING[::-1]) for field in fields.fields(opening, PAYLOAD)]
    assert len(set(salts)) == 8
    assert OPENING not in salts


def test_never_mistaken_for_a_whole_payload() -> None:
    """A commitment opens in one form only."""
    assert not commitment.opens(fields.commit(OPENING, PAYLOAD), OPENING, PAYLOAD)
    assert not fields.opens(commitment.commit(OPENING, PAYLOAD), OPENING, PAYLOAD)


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{", b"1", b'{"a":}', b"\xff", json.dumps({"n" * 256: 1}).encode()]
)
def test_what_is_no_object(payload: bytes) -> None:
    """Only objects have fields, with names that fit."""
    with pytest.raises(FormatError):
        fields.commit(OPENING, payload)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc_", max_size=4), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abcdefgh_", min_size=1, max_size=12), _JSON, max_size=8))
def test_the_verifier_agrees(value: dict) -> None:
    """The stand-alone verifier, which cuts the bytes in its own way, comes to the same commitment."""
    payload = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    assert verifier_base.commitment_by_field(OPENING, payload, "x") == fields.commit(OPENING, payload)
