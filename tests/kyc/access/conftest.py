"""The door is tried on the real ledger: here ``world``, and so ``china``, is the bank of fix_world_ledger.py."""

from __future__ import annotations

import pytest
from fix_world_ledger import Story


@pytest.fixture
def world(story: Story) -> Story:
    """An empty bank on 2 March 2026, in a fresh database."""
    return story


@pytest.fixture
def bank(guarded: Story) -> Story:
    """The bank behind the door."""
    return guarded
