"""GET /v1/status: how much is recorded, sealed and read; counts and places, nothing of anybody."""

from __future__ import annotations

import asyncio

import msgspec

from kyc.service.call import Answer, Call, answer_json
from kyc.wiring import Service
from projections.engine import Engine


class ReadModel(msgspec.Struct, frozen=True, kw_only=True):
    """Where a read model stands."""

    name: str
    version: int
    behind: int
    """Events it has not read."""
    lag_seconds: int
    """Age of the oldest of them."""
    failing: bool


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Where the log stands."""

    origin: str
    lanes: int
    events: int
    sealed: int
    root: str
    """Root of the newest checkpoint in hexadecimal; empty: nothing is sealed."""
    read_models: list[ReadModel]
    log_key: str
    """Verifier key of checkpoints (C2SP signed-note); compare it with what you were given on another way."""
    receipt_key: str


async def status(call: Call) -> Answer:
    """GET /v1/status."""
    return answer_json(await asyncio.to_thread(_status, call.parts.service))


def _status(service: Service) -> Status:
    newest = service.sealed.checkpoint()
    models = [
        ReadModel(
            name=one.name, version=one.version, behind=one.behind, lag_seconds=one.lag // 1_000_000,
            failing=bool(one.failure),
        )
        for one in Engine(service.log).status()
    ]  # fmt: skip
    return Status(
        origin=service.log.database.origin(), lanes=service.log.lanes,
        events=sum(service.log.reader.positions().values()), sealed=newest.size if newest else 0,
        root=newest.root.hex() if newest else "", read_models=models, log_key=service.log_verifier_key,
        receipt_key=service.receipt_verifier_key,
    )  # fmt: skip
