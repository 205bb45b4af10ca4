"""All events there are: importing this module registers every topic, stream, rule and upcast. Pure."""

from __future__ import annotations

from kyc.domain import account, customer, document, transaction
from kyc.domain.stream import STREAMS

__all__ = ["GROUPS", "STREAMS"]

GROUPS = (customer, document, account, transaction)
"""The modules that hold events, in the order of the catalogue."""
