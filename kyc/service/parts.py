"""What the handlers of one process share: the ledger's queue, the open service, who may call, limits, numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cached_property

from kyc import publish
from kyc.domain.submission import Receipt
from kyc.evidence import receipt
from kyc.evidence.note import Signer
from kyc.service.call import Memory
from kyc.service.exporting import Exports
from kyc.service.health import Checks
from kyc.service.identity import Identity
from kyc.service.limits import ServiceLimits
from kyc.service.looks import Looks
from kyc.service.metrics import Metrics
from kyc.service.pump import Pump
from kyc.service.skew import Clocks
from kyc.wiring import Service


class Parts:
    """Made on the event loop when the server starts."""

    def __init__(
        self, service: Service, identity: Identity, description: bytes, limits: ServiceLimits | None = None
    ) -> None:
        self.service = service
        self.identity = identity
        self.limits = limits or ServiceLimits()
        self.metrics = Metrics()
        self.memory = Memory(self.limits.bodies_bytes)
        self.pump = Pump(service.ledger, self.limits)
        self.clocks = Clocks(self.pump, service.clock, self.limits.skew_seconds)
        self.looks = Looks(self.limits)
        self.exports = Exports(service, self.limits)
        self.checks = Checks()
        self.description = description
        """The OpenAPI document."""
        self.draining = False
        """True once the service was told to stop."""

    @cached_property
    def origin(self) -> str:
        """The name of the log."""
        return self.service.log.database.origin()

    @cached_property
    def _signer(self) -> Signer:
        return receipt.signer(self.origin, self.service.provider.signing_key("receipt"))

    def receipt(self, receipts: Sequence[Receipt]) -> str:
        """The signed receipt over recorded events."""
        return publish.signed_receipt(self.origin, self._signer, receipts)

    async def close(self) -> None:
        """Answer what is queued, then let go."""
        await self.pump.close()
        await asyncio.to_thread(self.looks.close)
        await asyncio.to_thread(self.exports.close)
