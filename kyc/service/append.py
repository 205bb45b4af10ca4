"""Appending over HTTP: one submission or a batch of them; what became of each, in order.

What is answered as recorded is on disk. A retry with the same key and content gets the first receipt. The signed
receipt is the ledger's promise (:mod:`kyc.evidence.receipt`); the position is what a read may wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from kyc.clock import to_datetime
from kyc.domain import codec
from kyc.domain.answer import Appended, RecordedEvent, Result
from kyc.domain.submission import Receipt
from kyc.errors import InputError, KycError
from kyc.evidence import strict
from kyc.service import position
from kyc.service.call import JSON, Answer, Call, answer_json
from kyc.service.parts import Parts
from kyc.service.problem import TooLargeError, problem_of
from kyc.service.pump import Line, Taken

_batch = msgspec.json.Decoder(list[msgspec.Raw])
_ARRAY: Final = ord("[")


async def append(call: Call) -> Answer:
    """POST /v1/events: an object or an array of them. A lone refused submission is the answer's own problem.

    Raises:
        KycError: the body is none, or too much is waiting, or the lone submission is refused.
    """
    actor = call.caller
    await call.parts.clocks.hold(actor.branch, call.header(b"date"))
    body = await call.body(JSON)
    lines = _lines(body, call.parts.limits.batch_items)
    taken = await call.parts.pump.take(lines, actor.id, actor.branch, actor.roles)
    if lines[0] is body and isinstance(taken[0].answer, KycError):
        raise taken[0].answer
    appended = Appended(results=[result_of(one) for one in taken], **promise(call.parts, taken))
    call.parts.metrics.appended(taken)
    return answer_json(appended)


def _lines(body: bytes, most: int) -> Sequence[Line]:
    if body.lstrip(b" \t\r\n")[:1] != b"[":
        return [body]
    try:
        lines = _batch.decode(body)
    except codec.UNREADABLE as cause:
        raise codec.input_error("not a batch of submissions", cause) from None
    if not lines:
        raise InputError("an empty batch", field="body", rule="at least one submission")
    if len(lines) > most:
        raise TooLargeError(field="body", rule=f"at most {most} submissions", remedy="use /v1/events:stream")
    return lines


def result_of(taken: Taken) -> Result:
    """What became of a submission, as it is answered."""
    if isinstance(taken.answer, KycError):
        return Result(key=taken.key, problem=problem_of(taken.answer))
    events = tuple([recorded_event(one) for one in taken.answer])
    return Result(key=taken.key, recorded=events, replayed=taken.answer[0].replayed)


def recorded_event(receipt: Receipt) -> RecordedEvent:
    """A receipt as it is answered."""
    return RecordedEvent(
        strict.uuid(receipt.stream), receipt.version, receipt.hash.hex(), receipt.lane, receipt.position,
        to_datetime(receipt.recorded_at).isoformat(timespec="microseconds"),
    )  # fmt: skip


def promise(parts: Parts, taken: Sequence[Taken]) -> dict[str, str]:
    """The signed receipt over what was recorded, and the position after it; empty where nothing was."""
    receipts = [one for each in taken if not isinstance(each.answer, KycError) for one in each.answer]
    if not receipts:
        return {}
    return {"receipt": parts.receipt(receipts), "position": position.format(position.vector(receipts))}
