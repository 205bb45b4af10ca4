"""The desks are tried on the real ledger, with real keys and a real export: a bank, its service and its clerks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fix_world_china import onboard, open_account
from fix_world_gate import grant
from fix_world_ledger import Story

from kyc.desk.clerk import Clerk
from kyc.wiring import Configuration, Service


@pytest.fixture
def world(story: Story) -> Story:
    """An empty bank on 2 March 2026, in a fresh database."""
    return story


@pytest.fixture
def house(china: Story) -> Story:
    """A bank with two customers: A1 is of C1, A2 of both; T-1 and T-2 work at the order desk."""
    onboard(china, "C1")
    onboard(china, "C2")
    open_account(china, "A1", "C1")
    open_account(china, "A2", "C1", "C2")
    for name in ("T-1", "T-2"):
        grant(china, name, "order-desk", hours=24 * 400)
    return china


@pytest.fixture
def service(house: Story, database: str, tmp_path: Path) -> Iterator[Service]:
    """The service over the same bank, with the same keys and clock."""
    opened = Service(
        Configuration(home=tmp_path / "home", database=database, zone="UTC"), database, clock=house.clock
    )
    yield opened
    opened.close()


@pytest.fixture
def clerk() -> Clerk:
    """Somebody who holds the right."""
    return Clerk(id="T-1", roles=frozenset({"order-desk"}), reason="order")


@pytest.fixture
def second() -> Clerk:
    """Another one."""
    return Clerk(id="T-2", roles=frozenset({"order-desk"}), reason="order")
