"""Every command that shows something of somebody leaves a record first, in the name of who asked."""

from __future__ import annotations

import pytest
from fix_cli import Call
from fix_world_china import onboard, open_account, paid
from fix_world_ledger import Story

from kyc.access.gate import Gate
from kyc.domain.event import Event
from kyc.errors import StoreError

ASKS = [
    (("customer", "show", "C1"), "access", "C1"),
    (("customer", "history", "C1"), "access", "C1"),
    (("customer", "compare", "C1", "--first", "2026-03-01"), "access", "C1"),
    (("customer", "paths", "C1", "C2"), "lookups", "A-9"),
    (("transaction", "show", "T1"), "access", "C1"),
    (("find", "C1"), "lookups", "A-9"),
    (("customer", "counterparties", "C1"), "access", "C1"),
    (("retention", "show", "customer/C1"), "access", "C1"),
    (("documents", "show", "C1"), "access", "C1"),
    (("documents", "due"), "lookups", "A-9"),
    (("branch", "day", "B-1", "2026-03-02"), "lookups", "A-9"),
    (("reads", "of", "C1"), "access", "C1"),
    (("reads", "by", "T-1"), "lookups", "A-9"),
    (("access", "extract", "C1"), "access", "C1"),
    (("access", "grants", "show", "T-1"), "lookups", "A-9"),
]


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


@pytest.fixture
def bank(china: Story) -> Story:
    """Two customers, an account, a payment, read models."""
    for number in ("C1", "C2"):
        onboard(china, number)
    open_account(china, "A1", "C1")
    open_account(china, "A2", "C2")
    china.record(paid(china, "T1", "A1", "10.00"))
    china.project()
    return china


def test_each_leaves_a_record(bank: Story, call: Call) -> None:
    """Who, why and what stand in the log after each command, one more each time."""
    for command, kind, key in ASKS:
        before = len(bank.events(kind, key))
        code, out, err = call("--actor", "A-9", "--reason", "case 7", *command)
        assert code == 0, err
        assert out
        told: list[Event] = bank.events(kind, key)
        assert len(told) == before + 1 + (kind == "lookups" and told[-1].TOPIC == "access.looked_up"), command
        last = [one for one in told if one.TOPIC in {"access.read", "access.listed"}][-1]
        assert (last.operator, last.reason, last.roles) == ("A-9", "case 7", ("custodian",)), command  # type: ignore[attr-defined]


def test_nothing_is_told_that_is_not_recorded(bank: Story, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the record fails, the command fails and stdout stays empty."""

    def broken(*_: object) -> None:
        raise StoreError("out of order")

    monkeypatch.setattr(Gate, "admit", broken)
    for command, _, _ in ASKS:
        code, out, _ = call(*command)
        assert (code, out) == (1, ""), command


def test_without_a_name_it_is_the_custodian(bank: Story, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default stands in the record; the environment may say another; a customer who is nobody is not found."""
    assert call("customer", "show", "C1")[0] == 0
    monkeypatch.setenv("KYC_ACTOR", "A-8")
    assert call("customer", "show", "C1")[0] == 0
    assert [event.operator for event in bank.events("access", "C1")] == ["custodian", "A-8"]  # type: ignore[attr-defined]
    assert call("customer", "show", "C99")[0] == 4
    assert not bank.events("access", "C99")
