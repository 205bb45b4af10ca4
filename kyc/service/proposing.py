"""Acts of two over HTTP: the first proposes, a second approves with a token of their own, and then it is done.

A proposal is handed to whoever is to approve it, whole and readable, under the service's seal (HMAC-SHA-256 over
its canonical bytes): nothing of it is kept here, so nothing has to be cleared away. The door is asked for both
when it is approved; a right that was taken back meanwhile does not count any more. Approved again, it is answered
again.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any, Final

import msgspec

from kyc.clock import from_datetime, to_datetime
from kyc.desk.clerk import Clerk
from kyc.domain.event import Instant
from kyc.errors import InputError
from kyc.service.acting import Act, Said, clerk_of, desk_of, key_of, perform, read
from kyc.service.call import Answer, Call, Handler, encode

HOURS: Final = 24
"""How long a proposal may wait for its second person."""
_SOMEBODY: Final = "a second person"
_canonical = msgspec.json.Encoder(order="sorted", decimal_format="string").encode


class Proposal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody proposes to do together with somebody else."""

    act: str
    path: dict[str, str]
    """Whom or what it is about: the parameters of the path it was proposed at."""
    said: dict[str, Any]
    """The body it was proposed with."""
    by: Clerk
    """Who proposed it, as they were known then."""
    key: str
    until: Instant
    """Until then it may be approved."""
    seal: str = ""


def propose(act: Act) -> Handler:
    """The handler of the first person: 202, and nothing is done yet."""

    async def handler(call: Call) -> Answer:
        said, key, clerk = Said(call.path, await read(call, act.body)), key_of(call), clerk_of(call)

        def work() -> bytes:
            desk_of(call, act, clerk).allow(act.name, act.subject(said), second=_SOMEBODY)
            now = call.parts.service.clock.now_us()
            proposal = Proposal(
                act=act.name, path=dict(call.path), said=msgspec.to_builtins(said.body), by=clerk, key=key,
                until=to_datetime(now + HOURS * 3_600_000_000),
            )  # fmt: skip
            return encode(msgspec.structs.replace(proposal, seal=_seal(call, proposal)))

        return Answer(status=202, body=await call.parts.looks.run(call, work))

    return handler


def approve(act: Act) -> Handler:
    """The handler of the second person: at the same path, with the proposal as the body."""

    async def handler(call: Call) -> Answer:
        proposal, second = await read(call, Proposal), clerk_of(call)
        sealed = _seal(call, msgspec.structs.replace(proposal, seal=""))
        genuine = hmac.compare_digest(proposal.seal.encode(), sealed.encode())
        if not genuine or (proposal.act, proposal.path) != (act.name, dict(call.path)):
            raise InputError(
                "not a proposal that was made here", field="seal", rule="as it was answered, at its own path",
                remedy="pass it on unchanged",
            )  # fmt: skip
        if call.parts.service.clock.now_us() >= from_datetime(proposal.until):
            raise InputError("it was not approved in time", field="until", rule=f"within {HOURS} hours")
        said = Said(proposal.path, msgspec.convert(proposal.said, act.body))

        def work() -> bytes:
            return perform(call, act, said, proposal.key, proposal.by, second)

        return Answer(body=await call.parts.looks.run(call, work))

    return handler


def _seal(call: Call, proposal: Proposal) -> str:
    return hmac.new(call.parts.service.provider.secret("proposal"), _canonical(proposal), sha256).hexdigest()
