"""Answering an order: exactly what it names leaves the house, as a signed copy, with an entry in every register.

What is given is read off the order (:mod:`replay.scopes`): its fields, accounts and period, nothing that was asked
for at the counter besides. What left is recorded before the bundle is there to be taken: in the order's stream, and
with every person it is about, by the hash of its manifest. Originals stay. Serves seed rules 28 and 32, QFD art. 8.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from kyc.desk import handing
from kyc.desk.clerk import Desk
from kyc.domain.access_log import DisclosureRecorded
from kyc.domain.account import OWNING
from kyc.domain.authority import DataDisclosed, OrderReceived, OrderState
from kyc.domain.submission import StreamName
from kyc.errors import RefusedError
from replay import bundle
from replay.bundle import Exported, Keys
from replay.renderings import Form
from replay.scopes import Scope

_WHOLE: Final = Form()
PERMITTED: Final = "case-only"
"""What an answer may be used for, where the order does not say (AML24 art. 7)."""


class AnswerDesk(Desk):
    """Hands over what orders name."""

    def answer(self, number: str, out: Path, *, form: Form = _WHOLE, keys: Keys | None = None) -> Exported:
        """Write the answer to an accepted query to ``out`` and record what left; what is not sealed is left out.

        Raises:
            AccessDeniedError: not permitted: no accepted order of an organ that may.
            RefusedError: it is no query, or asks for what no export holds.
            KycError: as :func:`replay.bundle.export`; nothing left.
        """
        order = self._query(number)
        for subject in _subjects(order):
            self.admit("answer", subject, number)
        stated = bundle.Order(
            recipient=order.organ_name, purpose=self.purpose, legal_basis=self.basis, actor=self.clerk.id,
            order=number, permitted_purpose=order.purpose or PERMITTED,
        )  # fmt: skip
        service = self.service

        def register(exported: Exported) -> None:
            handing.note(service, exported, stated)
            self._disclosed(order, exported)

        return bundle.export(
            service.log, service.sealed, Scope(kind="order", key=number, zone=service.ledger.zone), out,
            keys=keys or handing.keys_of(service), order=stated, form=form,
            watch=bundle.Watch(register=register),
        )  # fmt: skip

    def permitted(self, number: str) -> None:
        """Hold the clerk to what answering an order takes, before it is begun.

        Raises:
            AccessDeniedError, RefusedError: as above.
        """
        for subject in _subjects(self._query(number)):
            self.allow("answer", subject, number)

    def _query(self, number: str) -> OrderReceived:
        """The order; who may not look at it does not even learn whether there is one."""
        self.allow("validate-order", StreamName("order", number))
        state: OrderState = self.state("order", number)
        order = state.received
        if order is None or order.action != "query":
            raise RefusedError(
                "only a query is answered here", field="order", rule="an accepted query",
                remedy="a foreign request: on the way the competent authority names",
            )  # fmt: skip
        return order

    def _disclosed(self, order: OrderReceived, exported: Exported) -> None:
        """The entries in the order's stream and in the registers of those it is about."""
        at = self.now
        given = DataDisclosed(
            occurred_at=at, order=order.order, recipient=order.organ_name, fields=order.scope,
            digest=exported.manifest,
        )  # fmt: skip
        self.record(given, key=f"answer/{exported.manifest}")
        for customer in self._about(exported):
            entry = DisclosureRecorded(
                occurred_at=at, customer=customer, recipient=order.organ, kind="authority", fields=order.scope,
                permitted_purpose=PERMITTED, digest=exported.manifest, order=order.order,
            )  # fmt: skip
            self.record(entry, key=f"answer/{exported.manifest}/{customer}")

    def _about(self, exported: Exported) -> tuple[str, ...]:
        """Customers whose data is in an export: their files, or accounts of theirs."""
        holders = (
            holder.customer
            for account in exported.accounts
            for holder in self.state("account", account).holders
            if holder.role in OWNING
        )
        return tuple(dict.fromkeys((*exported.customers, *holders)))


def _subjects(order: OrderReceived) -> tuple[StreamName, ...]:
    """What the read door is asked about: the person, or each account."""
    if order.customer:
        return (StreamName("customer", order.customer),)
    return tuple(StreamName("account", account) for account in order.accounts)
