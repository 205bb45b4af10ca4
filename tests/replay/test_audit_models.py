"""The audit of read models: equal to what the log gives, row by row, and every edit of a row or digest named."""

from __future__ import annotations

import psycopg
import pytest
from fix_replay import Bank

from projections.engine import Engine
from projections.registry import PROJECTIONS
from replay.audit import How, audit
from replay.findings import Kind, Report

pytestmark = pytest.mark.pg15


@pytest.fixture
def projected(bank: Bank) -> Bank:
    """The bank with its read models up to date."""
    Engine(bank.log).catch_up()
    return bank


def audited(bank: Bank) -> Report:
    """An audit with read models."""
    return audit(bank.log, verifier_keys=[bank.vkey], keys=bank.log.ring, how=How(models=True))


def edit(bank: Bank, statement: str) -> None:
    """Change rows of a read model, as anybody with the service's role can."""
    with psycopg.connect(bank.log.database.dsn, autocommit=True) as owner:
        assert owner.execute(statement.encode()).rowcount > 0, "a test that changes nothing shows nothing"


def places(report: Report) -> list[str]:
    """What was named."""
    return [str(found.place) for found in report.findings if found.kind is Kind.MODEL_WRONG]


def tables(bank: Bank) -> list[tuple[str]]:
    """Every table of the read models' schema."""
    with bank.owner() as owner:
        return owner.execute("select tablename from pg_tables where schemaname = 'kyc_read' order by 1").fetchall()


def test_read_models_are_compared(projected: Bank) -> None:
    """Read models are proved to be those of the log, and the comparison leaves nothing behind."""
    before = tables(projected)
    report = audited(projected)
    assert report.findings == []
    assert report.counts["models"] == len(PROJECTIONS)
    assert any(text.startswith(f"{len(PROJECTIONS)} read models, search digests") for text in report.proved)
    assert tables(projected) == before
    assert Engine(projected.log).run_once() == 0


def test_edited_row(projected: Bank) -> None:
    """A changed value is named by table and key, and by nothing personal."""
    edit(projected, "update kyc_read.transaction_index_b1 set amount = amount + 1 where currency = 'CNY'")
    report = audited(projected)
    assert not report.ok
    assert all(place.startswith("read model transaction_index row (") for place in places(report))
    assert {found.found for found in report.findings} == {"another row"}
    assert len(places(report)) == 7


def test_edited_search_digest(projected: Bank) -> None:
    """A digest by which a customer is found, exchanged for another's, is named."""
    edit(
        projected,
        "update kyc_read.customer_profile_b1 set found_by = (select found_by from kyc_read.customer_profile_b1 o"
        " where o.found_by <> kyc_read.customer_profile_b1.found_by limit 1)"
        " where ctid = (select ctid from kyc_read.customer_profile_b1 limit 1)",
    )
    (place,) = places(audited(projected))
    assert place.startswith("read model customer_profile row (")


def test_removed_and_invented_rows(projected: Bank) -> None:
    """A row that is gone, and one that no event gives."""
    index = "kyc_read.transaction_index_b1"
    edit(projected, f"delete from {index} where ctid = (select min(ctid) from {index})")
    edit(
        projected,
        f"insert into {index} select lane, 999, postings, version, account, reference, counterparty, known_by,"
        f" data_key, direction, amount, currency, cny, usd, cash, cross_border, booked_at, value_date, branch,"
        f" channel, kind from {index} limit 1",
    )
    report = audited(projected)
    assert sorted(found.found for found in report.findings) == ["a row", "nothing"]


def test_what_is_not_compared_is_said(projected: Bank) -> None:
    """A model that is behind is compared as far as it has read; one that is not built is said to be none."""
    projected.book("T-9", "1.00", ("A1", "debit"))
    report = audited(projected)
    assert report.ok
    assert any("knows the newest 1 events" in text for text in report.not_proved)
    edit(projected, "update kyc_read.build set version = 0 where projection = 'customer_profile'")
    report = audited(projected)
    assert report.ok
    assert any("customer_profile agrees with the log: it is not built" in text for text in report.not_proved)
    assert report.counts["models"] == len(PROJECTIONS) - 1


def test_destroyed_keys_make_no_difference(projected: Bank) -> None:
    """Rows under a key that was just destroyed are no finding, swept or not."""
    projected.dispose("customer", "C1")
    assert audited(projected).ok
    Engine(projected.log).sweep()
    assert audited(projected).ok


def test_an_unreadable_event(projected: Bank) -> None:
    """Where an event cannot be opened the models it belongs to are not compared, and the event is named."""
    with projected.owner() as owner:
        owner.execute("update kyc.event set state = set_byte(state, 20, 9) where position = 1")
    report = audited(projected)
    assert Kind.PAYLOAD_WRONG in {found.kind for found in report.findings}
    assert any("an event cannot be opened" in text for text in report.not_proved)
