"""All events there are: importing this module registers every topic, stream, rule and upcast. Pure."""

from __future__ import annotations

from kyc.domain import account, customer, diligence, document, governance, life, ownership, papers, transaction
from kyc.domain.stream import STREAMS

__all__ = ["GROUPS", "STREAMS"]

GROUPS = (customer, life, document, papers, diligence, ownership, account, transaction, governance)
"""The modules that hold events, in the order of the catalogue."""
