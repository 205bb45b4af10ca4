"""A snapshot's rows by COPY: all of them, page by page, from the state that was seen first."""

from __future__ import annotations

import pytest
from fix_replay import Bank

from kyc.errors import StoreError
from replay.snapshot import ROWS_PER_FETCH, snapshot

pytestmark = pytest.mark.pg15


@pytest.mark.parametrize("count", [0, 1, ROWS_PER_FETCH, 2 * ROWS_PER_FETCH + 1])
def test_every_row_comes_once(bank: Bank, count: int) -> None:
    """However the rows fill the pages; the connection is free again afterwards."""
    with snapshot(bank.log.database) as view:
        pages = list(view.copied("copy (select generate_series(1, %s)) to stdout (format binary)", (count,)))
        rows = [int.from_bytes(raw[6:], "big") for page in pages for raw in page]
        assert rows == list(range(1, count + 1))
        assert view.rows("select 1") == [(1,)]


def test_what_breaks_off_is_no_end(bank: Bank) -> None:
    """Rows that the server could not send to the end are not taken for all."""
    query = "copy (select 1 / (1500 - n) from generate_series(1, 2000) n) to stdout (format binary)"
    with pytest.raises(StoreError) as raised, snapshot(bank.log.database) as view:
        list(view.copied(query))
    assert raised.value.rule == "22012"


def test_the_same_state_beside(bank: Bank) -> None:
    """What was recorded since is seen by neither connection."""
    with snapshot(bank.log.database) as view:
        seen = view.rows("select count(*) from kyc.event")
        with view.beside() as first:
            bank.book("T-9", "1.00", ("A1", "debit"))
            with view.beside() as second:
                assert first.rows("select count(*) from kyc.event") == seen
                assert second.rows("select count(*) from kyc.event") == seen
    with snapshot(bank.log.database) as view:
        assert view.rows("select count(*) from kyc.event") > seen
