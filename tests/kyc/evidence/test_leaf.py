"""Entries and leaf hashes: one event, one entry; the batch form gives what the single form gives."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.errors import FormatError
from kyc.evidence import leaf

entries = st.tuples(
    st.binary(min_size=16, max_size=16), st.integers(1, 2**64 - 1), st.binary(min_size=32, max_size=32)
)


@given(st.lists(entries, max_size=20))
def test_batch_is_the_single_form(rows):
    """Entries read back equal, are 56 bytes, and the batch hashes them as SHA-256(0x00 ‖ entry)."""
    made = [leaf.entry(*row) for row in rows]
    assert [leaf.parse_entry(entry) for entry in made] == rows
    assert all(len(entry) == leaf.ENTRY_LENGTH for entry in made)
    assert leaf.leaf_hashes(iter(rows)) == [sha256(b"\0" + entry).digest() for entry in made]
    assert leaf.leaf_hashes(rows) == [leaf.leaf_hash(entry) for entry in made]


@pytest.mark.parametrize(
    "row",
    [
        (bytes(15), 1, bytes(32)),
        (bytes(17), 1, bytes(31)),
        (bytes(16), 1, bytes(33)),
        (bytes(16), 0, bytes(32)),
        (bytes(16), -1, bytes(32)),
        (bytes(16), 2**64, bytes(32)),
    ],
    ids=["short id", "borders moved", "long hash", "version 0", "version -1", "version 2**64"],
)
def test_wrong_parts_are_refused(row):
    """A part of another length is refused, not cut or padded, alone and in a batch."""
    with pytest.raises(FormatError):
        leaf.entry(*row)
    with pytest.raises(FormatError):
        leaf.leaf_hashes([(bytes(16), 1, bytes(32)), row])


@pytest.mark.parametrize("raw", [b"", bytes(55), bytes(57), bytes(56)], ids=["empty", "55", "57", "version 0"])
def test_other_bytes_are_no_entry(raw):
    """Only 56 bytes with a version from 1 are an entry."""
    with pytest.raises(FormatError):
        leaf.parse_entry(raw)
