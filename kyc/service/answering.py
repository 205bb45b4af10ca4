"""Answers that are written and then taken: to a query of an authority, and to a person about their data.

They are kept beside the exports (:mod:`kyc.service.exporting`), each under an id that follows from who asked and
from the key they asked under, so that a request that is sent again finds the answer it began.
"""

from __future__ import annotations

import io
import shutil
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from kyc import files, sealing
from kyc.access.ask import Ask
from kyc.desk.answers import AnswerDesk
from kyc.desk.clerk import Clerk
from kyc.desk.rights import RightsDesk
from kyc.domain.submission import StreamName
from kyc.ledger import Ledger
from kyc.service.call import encode
from kyc.wiring import Service
from replay.renderings import Form


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be answered, by whom."""

    to: Literal["order", "request"]
    number: str
    clerk: Clerk
    requester: str = ""
    """Customer number of the agent, guardian or heir; empty: the person."""
    tables: bool = True
    report: bool = True

    def id(self, key: str) -> str:
        """The id under which it is kept."""
        return sha256(encode((self.to, self.number, self.clerk.id, key))).hexdigest()[:32]

    @property
    def ask(self) -> Ask:
        """As the door is asked."""
        return Ask(
            actor=self.clerk.actor, action="answer" if self.to == "order" else "answer-request",
            subject=StreamName(self.to, self.number), purpose="", legal_basis="", reason=self.clerk.reason,
        )  # fmt: skip


class Written(NamedTuple):
    """What was written."""

    events: int
    digest: str
    """SHA-256: of the manifest, or of the document that the person gets."""


def check(service: Service, what: Answering) -> None:
    """Refuse what whoever asks may not answer, before anything is begun; and when it is taken.

    Raises:
        AccessDeniedError: not permitted; that is recorded.
        KycError: as the desk says.
    """
    ledger = Ledger(service.log, ZoneInfo(service.configuration.zone))
    if what.to == "order":
        AnswerDesk(service, what.clerk, ledger=ledger).permitted(what.number)
    else:
        RightsDesk(service, what.clerk, ledger=ledger).allow("answer-request", StreamName("request", what.number))


def write(service: Service, what: Answering, path: Path) -> Written:
    """Write the answer to a file that ends in .zip; on record before it is there."""
    ledger = Ledger(service.log, ZoneInfo(service.configuration.zone))
    if what.to == "order":
        form = Form(tables=what.tables, report=what.report)
        sealing.now(service)  # what is not sealed yet would be left out
        exported = AnswerDesk(service, what.clerk, ledger=ledger).answer(what.number, path, form=form)
        return Written(exported.events, exported.manifest)
    folder = path.with_suffix("")
    if (
        not folder.exists()
    ):  # one that is there was handed over on record, and the process ended before it was packed
        RightsDesk(service, what.clerk, ledger=ledger).answer(what.number, folder, what.requester)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as box:
        for one in sorted(folder.iterdir()):
            box.write(one, one.name)
    digest = sha256((folder / "answer.json").read_bytes()).hexdigest()
    files.write(path, packed.getvalue(), folder_mode=0o700)
    shutil.rmtree(folder)
    return Written(0, digest)
