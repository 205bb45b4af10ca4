"""Acts on customers' files over HTTP: merged, parted again, corrected; one proposes, a second approves."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kyc.desk.files import Correction, FileDesk
from kyc.domain.customer import AttributeCorrected
from kyc.domain.life import CustomersMerged, MergeReverted
from kyc.domain.submission import StreamName
from kyc.domain.values import Code, Text
from kyc.service.acting import Act, Said


class Merger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which file belongs to this one, or does not after all, and why."""

    absorbed: Code
    """Its customer number."""
    reason: Text


class Amendment(Correction, frozen=True, kw_only=True):
    """What is wrong, what is right, and how it came out."""

    reason: Text


def _customer(said: Said) -> StreamName:
    return StreamName("customer", said.path["number"])


_OF: Final[dict[str, Any]] = {"desk": FileDesk, "subject": _customer}
ACTS: Final = (
    Act(
        name="merge", path="/v1/customers/{number}/merge", body=Merger, leaves=(CustomersMerged,), **_OF,
        summary="Two files are one person's: this one survives, the other takes nothing more",
        do=lambda desk, said, second: desk.merge(said.path["number"], said.body.absorbed, said.body.reason, second),
    ),
    Act(
        name="merge", path="/v1/customers/{number}/merge/reversal", body=Merger, leaves=(MergeReverted,), **_OF,
        summary="The merger was wrong: both files stand alone again",
        do=lambda desk, said, second: desk.revert(
            said.path["number"], said.body.absorbed, said.body.reason, second
        ),
    ),
    Act(
        name="correct", path="/v1/customers/{number}/corrections", body=Amendment, leaves=(AttributeCorrected,),
        summary="Correct an attribute that nobody asked about; the old value stays on record", **_OF,
        do=lambda desk, said, second: desk.correct(said.path["number"], said.body, said.body.reason, second),
    ),
)  # fmt: skip
