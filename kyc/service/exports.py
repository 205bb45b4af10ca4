"""Exports over HTTP: one asks, another approves, the service writes, who asked takes it.

Each step asks the read door again: rights that were taken back meanwhile do not count any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec

from kyc.domain.answer import Problem
from kyc.errors import AccessDeniedError, ConflictError, InputError
from kyc.service.call import JSON, Answer, Call, decoded, encode
from kyc.service.door import asked
from kyc.service.exporting import ExportOrder, Job, State, subject_of
from replay import render

_PIECE: Final = 262_144
_decoder = msgspec.json.Decoder(ExportOrder)


class ExportView(msgspec.Struct, frozen=True, kw_only=True):
    """An export, and where it stands."""

    id: str
    state: State
    """waiting: for a second person; interrupted: the service ended meanwhile, ask again."""
    asked_by: str
    approved_by: str
    order: ExportOrder
    purpose: str
    legal_basis: str
    reason: str
    until: str
    """When it is removed."""
    events: int
    manifest: str
    """SHA-256 of the signed manifest."""
    problem: Problem | None


async def begin(call: Call) -> Answer:
    """POST /v1/exports: 202, and it waits for a second person."""
    order = decoded(await call.body(JSON), _decoder)
    if not order.recipient.strip():
        raise InputError("an export says who receives it", field="recipient", rule="not empty", remedy="name it")
    ask = asked(call, "export", subject_of(order))
    exports, gate = call.parts.exports, call.parts.service.gate

    def work() -> bytes:
        gate.scope(msgspec.structs.replace(ask, second=_SOMEBODY))
        return _view(call, exports.begin(ask, order))

    return Answer(status=202, body=await call.parts.looks.run(call, work))


_SOMEBODY: Final = "a second person"
"""Stands for who is still to approve: what else is missing is refused at once."""


async def status(call: Call) -> Answer:
    """GET /v1/exports/{id}: for who asked, and for who may approve."""

    def work() -> bytes:
        job = _ordered(call)
        if job.ask.actor.id != call.caller.id:
            _as_second(call, job)
        return _view(call, job)

    return Answer(body=await call.parts.looks.run(call, work))


async def approve(call: Call) -> Answer:
    """POST /v1/exports/{id}/approval: by somebody else who might ask for the same."""

    def work() -> bytes:
        exports = call.parts.exports
        job = _ordered(call)
        _as_second(call, job)
        call.parts.service.gate.admit(msgspec.structs.replace(job.ask, second=call.caller.id))
        return _view(call, exports.start(job, call.caller.id))

    return Answer(status=202, body=await call.parts.looks.run(call, work))


async def bundle(call: Call) -> Answer:
    """GET /v1/exports/{id}/bundle: for who asked, while it is kept."""
    found: list[tuple[Path, str]] = []

    def work() -> bytes:
        exports = call.parts.exports
        job = _ordered(call)
        if job.ask.actor.id != call.caller.id:
            raise AccessDeniedError("not-asked")
        if job.state != "ready":
            raise ConflictError("there is no bundle", field="state", rule=job.state, remedy="see its state")
        call.parts.service.gate.scope(job.ask)
        found.append((exports.path(job), job.name))
        return b""

    await call.parts.looks.run(call, work)
    return pieces(*found[0])


def pieces(path: Path, name: str) -> Answer:
    """A file to be taken, piece by piece."""
    return Answer(
        body=_pieces(path), media_type="application/octet-stream",
        headers=[
            (b"content-disposition", f'attachment; filename="{name}"'.encode()),
            (b"content-length", b"%d" % path.stat().st_size),
        ],
    )  # fmt: skip


def _ordered(call: Call) -> Job:
    """The export of the path; an answer of a desk is none."""
    job = call.parts.exports.find(call.path["id"])
    if job.answer is not None:
        raise AccessDeniedError("not-asked")
    return job


def _as_second(call: Call, job: Job) -> None:
    """Hold whoever is not the one who asked to what the matrix demands of them.

    Raises:
        AccessDeniedError: they could not ask for this themselves, or did.
    """
    ask = asked(call, "export", job.ask.subject)
    call.parts.service.gate.scope(msgspec.structs.replace(ask, second=job.ask.actor.id))


def _view(call: Call, job: Job) -> bytes:
    return encode(
        ExportView(
            id=job.id, state=job.state, asked_by=job.ask.actor.id, approved_by=job.approver, order=job.order,
            purpose=job.ask.purpose, legal_basis=job.ask.legal_basis, reason=job.ask.reason,
            until=render.exact(call.parts.exports.until(job)), events=job.events, manifest=job.manifest,
            problem=job.problem,
        )
    )  # fmt: skip


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
