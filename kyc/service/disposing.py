"""Disposals over HTTP: proposed by one, decided by another with a token of their own, carried out, certified.

Each act asks the matrix (docs/access.md). All may be said again: proposing proposes what is not under way,
executing goes on where it stood.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from kyc import disposals
from kyc.access.policy import Permit
from kyc.disposals import Disposals, Proposal
from kyc.domain.event import RecordClass
from kyc.domain.submission import StreamName
from kyc.domain.values import Code, Text
from kyc.errors import AccessDeniedError, NotFoundError
from kyc.ledger import Ledger
from kyc.service.call import JSON, Answer, Call, decoded, encode
from kyc.service.door import Look, asked, stated
from kyc.service.hold_acts import Subject
from kyc.service.holdings import question
from kyc.service.listing import Fetch, Found, Listing, Row, cut, listing
from projections.engine import Engine
from replay.shipped import certificate_py

_SOMEBODY: Final = "whoever proposed"
_STATES: Final = ("", "proposed", "approved", "rejected", "destroyed", "completed")


class Proposed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of all that is due today is to be proposed as one batch."""

    batch: Code
    subject: Subject | None = None
    """Only of this subject, such as customer/C1."""
    record_class: RecordClass | None = None
    made_at: Code | None = None
    """Only what was first recorded at this branch; needed by who may do it for a branch."""


class Rejected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it stays."""

    reason: Text


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch."""

    batch: str
    disposals: int
    """Proposed, approved, rejected, or completed now."""
    refused: list[str] = []
    """Of what may not go any more, why: a hold, a return, another law."""
    failed: list[str] = []
    """Of what is left behind and not certified; execute it again."""


async def propose(call: Call) -> Answer:
    """POST /v1/disposals.

    Raises:
        AccessDeniedError: not permitted, or not beyond one's branch.
    """
    wanted = decoded(await call.body(JSON), _proposed)
    name = StreamName(*wanted.subject.split("/", 1)) if wanted.subject else None

    def act(desk: Disposals) -> Batch:
        permit = _allow(call, "propose-disposal", branch=wanted.made_at or "")
        if permit.branches is not None and wanted.made_at not in permit.branches:
            raise AccessDeniedError("branch")
        made = desk.propose(
            wanted.batch, call.caller.id, subject=name, record_class=wanted.record_class, branch=wanted.made_at
        )
        return Batch(batch=wanted.batch, disposals=len(made))

    return await _answered(call, act)


async def approve(call: Call) -> Answer:
    """POST /v1/disposals/{batch}/approval: by somebody else than who proposed."""
    return await _answered(call, lambda desk: _decided(call, desk))


async def reject(call: Call) -> Answer:
    """POST /v1/disposals/{batch}/rejection: by somebody else than who proposed."""
    why = decoded(await call.body(JSON), _rejected).reason
    return await _answered(call, lambda desk: _decided(call, desk, why))


async def execute(call: Call) -> Answer:
    """POST /v1/disposals/{batch}/execution: keys, then all that lies under them, then a look, then certificates."""

    def act(desk: Disposals) -> Batch:
        _allow(call, "execute-disposal")
        run = desk.execute(call.path["batch"], call.caller.id)
        told: dict[str, list[str]] = {"completed": [], "refused": [], "failed": []}
        for one in run.outcomes:
            told[one.result].append(f"{one.proposal.disposal}: {one.reason}")
        return Batch(
            batch=call.path["batch"], disposals=len(told["completed"]), refused=told["refused"],
            failed=told["failed"],
        )  # fmt: skip

    return await _answered(call, act)


async def certificates(call: Call) -> Answer:
    """GET /v1/disposals/{batch}/certificates: a zip of the certificates and of the program that verifies them."""
    look = Look(call, call.path["batch"])
    ask = asked(call, "list", StreamName("disposal", look.key), ("retention",))

    def work() -> bytes:
        gate, service = look.service.gate, look.service
        gate.scope(ask)
        Engine(service.log).catch_up()
        desk = _desk(look)
        told = list(desk.proposals(look.key, "completed"))
        gate.admit_pages(ask, gate.concerned(one.subject for one in told))
        if not told:
            raise NotFoundError("nothing of this batch is completed", field="batch", remedy="execute it")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("verify_certificate.py", certificate_py())
            key = service.provider.signing_key("export")
            for name, raw in desk.certificates(look.key, service.sealed, key, service.log_verifier_key):
                archive.writestr(name, raw)
        return packed.getvalue()

    return Answer(body=await call.parts.looks.run(call, work), media_type=ZIP)


ZIP: Final = "application/zip"


def _list(look: Look) -> Fetch:
    batch, state = look.text("batch"), look.choice("status", _STATES)

    def fetch(found: Found) -> list[Row]:
        Engine(look.log).catch_up()
        some = _desk(look).proposals(batch, *((state,) if state else ()))
        return cut((_row(one) for one in some), found)

    return fetch


def _row(one: Proposal) -> Row:
    values: dict[str, Any] = {
        "subject": f"{one.subject.kind}/{one.subject.key}", "disposal": one.disposal,
        "record_class": one.record_class, "span": one.span, "status": one.status, "proposer": one.proposer,
        "earliest": one.case.earliest,
    }  # fmt: skip
    return Row([one.disposal, one.subject.kind, one.subject.key], None, {"retention": values}, (one.subject,))


def _decided(call: Call, desk: Disposals, why: str = "") -> Batch:
    batch = call.path["batch"]
    _allow(call, "approve-disposal", second=_SOMEBODY)  # before it is told whether there is such a batch
    for proposer in disposals.proposers(desk, batch):
        _allow(call, "approve-disposal", second=proposer)
    return Batch(batch=batch, disposals=desk.decide(batch, call.caller.id, reject=why))


def _allow(call: Call, act: str, *, branch: str = "", second: str = "") -> Permit:
    reason = stated(call, b"kyc-reason")
    return disposals.allow(call.parts.service, call.caller, act, reason, branch=branch, second=second)


async def _answered(call: Call, act: Callable[[Disposals], Batch]) -> Answer:
    look = Look(call)
    return Answer(body=await call.parts.looks.run(call, lambda: encode(act(_desk(look)))))


def _desk(look: Look) -> Disposals:
    service = look.service
    ledger = Ledger(service.log, ZoneInfo(service.configuration.zone))
    return disposals.opened(service, ledger, question(look)())


_proposed, _rejected = msgspec.json.Decoder(Proposed), msgspec.json.Decoder(Rejected)
held = listing(Listing(needs=("retention",), build=_list, house=True, named=False))
