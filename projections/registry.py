"""The read models of the product."""

from __future__ import annotations

from typing import Final

from projections.access_log import AccessLog
from projections.account_register import AccountRegister
from projections.branch_supervision import BranchSupervision
from projections.consent_register import ConsentRegister
from projections.counterparty_edge import CounterpartyEdge
from projections.customer_profile import CustomerProfile
from projections.data_quality import DataQuality
from projections.disclosure_register import DisclosureRegister
from projections.disposal_register import DisposalRegister
from projections.document_register import DocumentRegister
from projections.due_diligence import DueDiligence
from projections.hold_register import HoldRegister
from projections.large_value_register import LargeValueRegister
from projections.order_register import OrderRegister
from projections.ownership_graph import OwnershipGraph
from projections.projection import Projection
from projections.retention_trigger import RetentionTrigger
from projections.transaction_index import TransactionIndex

PROJECTIONS: Final[tuple[Projection, ...]] = (
    CustomerProfile(),
    AccountRegister(),
    TransactionIndex(),
    RetentionTrigger(),
    DisposalRegister(),
    DocumentRegister(),
    OrderRegister(),
    ConsentRegister(),
    OwnershipGraph(),
    HoldRegister(),
    DueDiligence(),
    AccessLog(),
    DisclosureRegister(),
    CounterpartyEdge(),
    BranchSupervision(),
    DataQuality(),
    LargeValueRegister(),
)
