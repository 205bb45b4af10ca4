"""All events there are: importing this module registers every topic, stream, rule and upcast. Pure."""

from __future__ import annotations

from kyc.domain import (
    access_log,
    account,
    authority,
    customer,
    diligence,
    disposal,
    document,
    governance,
    life,
    monitoring,
    occasional,
    operations,
    ownership,
    papers,
    privacy,
    restraint,
    service_ticket,
    transaction,
)
from kyc.domain.stream import STREAMS

__all__ = ["GROUPS", "STREAMS"]

GROUPS = (
    customer, life, document, papers, diligence, ownership, account, restraint, transaction, occasional, monitoring,
    authority, privacy, disposal, access_log, service_ticket, governance,
    operations,
)  # fmt: skip
"""The modules that hold events, in the order of the catalogue."""
