"""Holds over HTTP: placed by one, released by two."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

import msgspec

from kyc.desk.holds import HoldDesk
from kyc.domain.disposal import Basis, HoldPlaced, HoldReleased
from kyc.domain.event import RecordClass
from kyc.domain.submission import StreamName
from kyc.domain.values import Code, Text, Word
from kyc.retention.disposal import retention_of
from kyc.service.acting import Act, Said

Subject = Annotated[str, msgspec.Meta(pattern="^[a-z-]{1,32}/[!-~]{1,64}$")]


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hold, and what it lies on."""

    subject: Subject
    """Kind and number, such as customer/C1; linked records are held too."""
    hold: Code
    """The bank's own number of it."""
    basis: Basis
    reference: Word = ""
    """Number of the case, order or claim."""
    classes: tuple[RecordClass, ...] = ()
    """Only records of these classes."""
    since: date | None = None
    """Only records about days from this one on."""
    until: date | None = None


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a hold ends."""

    subject: Subject
    reason: Text


def _subject(said: Said) -> StreamName:
    kind, _, key = said.body.subject.partition("/")
    return StreamName(kind, key)


def _retention(_: object, said: Said) -> tuple[StreamName, ...]:
    return (retention_of(_subject(said)),)


ACTS: Final = (
    Act(
        name="place-hold", path="/v1/holds", body=Hold, desk=HoldDesk, leaves=(HoldPlaced,), subject=_subject,
        streams=_retention, summary="Place a hold: nothing it lies on is disposed of, whatever was approved before",
        do=lambda desk, said: desk.place(
            _subject(said), said.body.hold, said.body.basis, reference=said.body.reference,
            classes=said.body.classes, since=said.body.since, until=said.body.until,
        ),
    ),
    Act(
        name="release-hold", path="/v1/holds/{hold}/release", body=Release, desk=HoldDesk, leaves=(HoldReleased,),
        subject=_subject, streams=_retention, summary="Release a hold",
        do=lambda desk, said, second: desk.release(_subject(said), said.path["hold"], said.body.reason, second),
    ),
)  # fmt: skip
