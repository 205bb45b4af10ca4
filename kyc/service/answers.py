"""Answers over HTTP: begun by a clerk who may answer, written by the service, taken by that clerk while kept."""

from __future__ import annotations

from typing import Literal

import msgspec

from kyc.domain.answer import Problem
from kyc.domain.values import Word
from kyc.errors import AccessDeniedError, ConflictError
from kyc.service import answering
from kyc.service.acting import clerk_of, key_of, read
from kyc.service.answering import Answering
from kyc.service.call import Answer, Call, Handler, encode
from kyc.service.exporting import Job, State
from kyc.service.exports import pieces
from replay import render


class OrderAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a query is answered; what with, the order says."""

    tables: bool = True
    report: bool = True


class RequestAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To whom a person's data are told."""

    requester: Word = ""
    """Customer number of the agent, guardian or heir; empty: the person."""


class AnswerView(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, and where it stands."""

    id: str
    state: State
    to: Literal["order", "request"]
    number: str
    until: str
    """When it is removed."""
    digest: str
    """SHA-256 of the signed manifest, or of the document that the person gets."""
    problem: Problem | None


def begin(to: Literal["order", "request"], body: type[msgspec.Struct]) -> Handler:
    """The handler that begins an answer; under the same key, the one that was begun."""

    async def handler(call: Call) -> Answer:
        said, key = await read(call, body), key_of(call)
        what = Answering(to=to, number=call.path["number"], clerk=clerk_of(call), **msgspec.structs.asdict(said))

        def work() -> bytes:
            answering.check(call.parts.service, what)
            return _view(call, call.parts.exports.answer(what, key))

        return Answer(status=202, body=await call.parts.looks.run(call, work))

    return handler


async def status(call: Call) -> Answer:
    """GET …/answers/{id}: for who began it."""
    return Answer(body=await call.parts.looks.run(call, lambda: _view(call, _own(call))))


async def bundle(call: Call) -> Answer:
    """GET …/answers/{id}/bundle: for who began it, while it is kept and they may still answer."""
    found: list[Job] = []

    def work() -> bytes:
        job = _own(call)
        if job.state != "ready":
            raise ConflictError("there is no answer to take", field="state", rule=job.state, remedy="see its state")
        assert job.answer is not None
        answering.check(call.parts.service, job.answer)
        found.append(job)
        return b""

    await call.parts.looks.run(call, work)
    return pieces(call.parts.exports.path(found[0]), found[0].name)


def _own(call: Call) -> Job:
    job = call.parts.exports.find(call.path["id"])
    if job.answer is None or job.answer.number != call.path["number"] or job.answer.clerk.id != call.caller.id:
        raise AccessDeniedError("not-asked")
    return job


def _view(call: Call, job: Job) -> bytes:
    assert job.answer is not None
    return encode(
        AnswerView(
            id=job.id, state=job.state, to=job.answer.to, number=job.answer.number,
            until=render.exact(call.parts.exports.until(job)), digest=job.manifest, problem=job.problem,
        )
    )  # fmt: skip
