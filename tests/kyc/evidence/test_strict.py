"""One value, one spelling; and format versions that name their algorithms."""

from __future__ import annotations

from base64 import b64encode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.errors import FormatError
from kyc.evidence import header, strict, suites


@given(st.integers(0, strict.NUMBER_MAX))
def test_numbers_read_back(number):
    """Every number is read from the way Python writes it."""
    assert strict.decimal(str(number), "size") == number


@pytest.mark.parametrize(
    "text",
    ["", "00", "01", "+1", "-1", "-0", " 1", "1 ", "1_0", "1.0", "1e3", "0x1", "١", "²", str(2**63), "9" * 5000],
)
def test_other_spellings_of_numbers_are_refused(text):
    """No signs, spaces, leading zeros, other digits or numbers beyond 63 bits."""
    with pytest.raises(FormatError):
        strict.decimal(text, "size")


@given(st.binary(max_size=80))
def test_base64_reads_back(raw):
    """Every byte string is read from its standard base64."""
    assert strict.base64(b64encode(raw).decode(), "root") == raw


@pytest.mark.parametrize("text", ["AA", "AA=", "AB==", "AAA", "AA==\n", " AA==", "A-==", "AA==AA==", "=", "é==="])
def test_other_spellings_of_base64_are_refused(text):
    """No missing padding, stray bits, white space, other alphabets or further text."""
    with pytest.raises(FormatError):
        strict.base64(text, "root")


def test_length_of_base64_is_checked():
    """Where a length is known, other bytes are refused."""
    with pytest.raises(FormatError):
        strict.base64(b64encode(bytes(31)).decode(), "root", 32)


def test_the_format_we_write_names_its_algorithms():
    """The header's format version has a suite with an algorithm for every purpose; unknown versions are refused."""
    known = suites.suite(header.FORMAT)
    assert known.format == header.FORMAT
    assert all((known.commitment, known.chain, known.log, known.signature, known.cosignature))
    assert all(number == suite.format for number, suite in suites.SUITES.items())
    for unknown in (0, 2, 255):
        with pytest.raises(FormatError):
            suites.suite(unknown)


@given(st.binary(min_size=16, max_size=16))
def test_a_uuid_is_written_as_the_library_writes_it(raw):
    """Lower case, hyphens, no other spelling."""
    assert strict.uuid(raw) == str(UUID(bytes=raw))
