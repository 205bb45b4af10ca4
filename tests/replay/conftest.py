"""The bank of these tests is their own, whatever other rooms call by that name."""

from __future__ import annotations

from fix_replay import bank

__all__ = ["bank"]
