"""The rights of the person: asked, answered within the term, refused only by law and with a way to complain.

The matrix decides what the person, an agent, a guardian or an heir may be told; the clerk vouches, by the proof
that the request records, for who is asking. An answer has one wording, whatever is held or held secretly, and
leaves the same events (gotchas 25, 26). Within the retention period deletion is refused and the data are only
stored until they may go; then the request is handed to disposal. Serves seed rules 12-14, PIPL art. 13-17, 44-50.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, Literal, NamedTuple

from kyc.access.ask import Actor, Ask
from kyc.access.extracts import NOTHING_HELD
from kyc.desk import own_data
from kyc.desk.clerk import Clerk, Desk
from kyc.desk.files import Correction
from kyc.domain.access_log import DisclosureRecorded
from kyc.domain.calendar import later
from kyc.domain.privacy import (
    ConsentGiven,
    ConsentWithdrawn,
    NoticePresented,
    ProcessingRestored,
    ProcessingRestricted,
    RequestState,
    RightsRequestFulfilled,
    RightsRequestReceived,
    RightsRequestRefused,
)
from kyc.domain.rulebook import Within
from kyc.domain.submission import StreamName
from kyc.errors import ConflictError, RefusedError
from kyc.files import write
from projections import account_register, retention_deadlines
from projections.engine import Engine

ROLES: Final = {"person": "customer", "agent": "agent", "guardian": "guardian", "near-relative": "heir"}
"""Who asks, and the role of the matrix that says what they are told."""
ANSWERED: Final = "answered in full, as far as may be told"
"""The one wording of every answer."""
KEPT: Final = "the law has these records kept until the day named; until then they are only stored"
COMPLAINT: Final = "the bank's personal-information officer, then the PBOC or the cyberspace administration"
COURT: Final = "people's court (PIPL art. 50)"
RETENTION_LAW: Final = "AML24 art. 34, PIPL art. 47"
_TERM: Final = "P15D"
"""Where no term is published."""
_OWN_CLOCK: Final = frozenset({"privacy", "access"})
"""Classes that tell how the person was dealt with: they have a clock of their own, or each refusal would put
off the day it names."""

Kind = Literal["access", "copy", "correction", "deletion", "restriction", "transfer", "explanation", "withdrawal"]
_DATA: Final[tuple[Kind, ...]] = ("access", "copy", "explanation", "transfer")
Requester = Literal["person", "agent", "guardian", "near-relative"]


class Given(NamedTuple):
    """An answer that was handed over."""

    path: Path
    fields: tuple[str, ...]
    digest: str


class Deletion(NamedTuple):
    """What became of a request to delete."""

    outcome: Literal["refused", "dispose"]
    """``dispose``: nothing keeps the records any more; disposal is to be proposed."""
    law: str
    policies: tuple[str, ...]
    possible_on: date | None
    """First day on which all may go; None: no day can be named yet."""
    complaint: str = COMPLAINT
    court: str = COURT


class RightsDesk(Desk):
    """Takes in and answers requests of persons."""

    purpose = "rights"
    basis = "PIPL-45"

    # --- notice and consent -----------------------------------------------------------------------------

    def notice(self, customer: str, notice: str, channel: str, language: str = "") -> None:
        """A notice was presented, before anything is collected or agreed to."""
        self._may("consent", customer)
        shown = NoticePresented(occurred_at=self.now, notice=notice, channel=channel, language=language)
        self.record(shown, customer)

    def consent(
        self, customer: str, purpose: str, notice: str, method: str, *, scope: Sequence[str] = (),
        separate: bool = False,
    ) -> None:  # fmt: skip
        """The person agreed to one purpose; a recipient takes a separate consent."""
        self._may("consent", customer)
        given = ConsentGiven(
            occurred_at=self.now, purpose=purpose, notice=notice, method=method, scope=tuple(scope),
            separate=separate,
        )  # fmt: skip
        self.record(given, customer)

    def withdraw(self, customer: str, method: str, purpose: str = "") -> tuple[str, ...]:
        """End one purpose, or every purpose that rests on consent, at once; duties under law go on."""
        self._may("consent", customer)
        agreed = self.state("customer", customer).privacy.consents
        ended = (purpose,) if purpose else tuple(agreed)
        for one in ended:
            self.record(ConsentWithdrawn(occurred_at=self.now, purpose=one, method=method), customer)
        return ended

    # --- asked and answered -----------------------------------------------------------------------------

    def receive(
        self, number: str, kind: Kind, customer: str, proof: str, *, requester: Requester = "person",
        detail: str = "",
    ) -> date:  # fmt: skip
        """Take a request in; the day by which it is answered, by the policy of the day."""
        self._may("receive-request", customer)
        today = self.ledger.today()
        ruling = self.ledger.policies().ruling("answer.data-subject", today)
        due = later(today, ruling.of(Within).period if ruling else _TERM)
        asked = RightsRequestReceived(
            occurred_at=self.now, request=number, kind=kind, customer=customer, requester=requester, proof=proof,
            due=due, detail=detail,
        )  # fmt: skip
        self.record(asked)
        return due

    def answer(self, number: str, out: Path, requester: str = "") -> Given:
        """Hand over what whoever asks may be told, as a signed file in a new folder.

        Args:
            number: of the request.
            out: a folder to be made.
            requester: customer number of the agent, guardian or heir; empty: the person.

        Raises:
            AccessDeniedError: the matrix gives them nothing: no mandate, of age, not deceased.
            ConflictError: there is something at ``out``.
            RefusedError: the request asks for something else, or was answered.
        """
        self.allow("answer-request", StreamName("request", number))
        request = self._open(number, *_DATA)
        if out.exists():
            raise ConflictError("there is something already", field=out.name, rule="a folder to be made")
        who = requester or request.customer
        grant = self.service.gate.admit(
            Ask(
                actor=Actor(id=who, roles=frozenset({ROLES[request.requester]}), authn=self.clerk.authn),
                action="read", subject=StreamName("customer", request.customer), purpose=self.purpose,
                legal_basis=self.basis, reason=request.kind, ticket=number,
            )
        )  # fmt: skip
        view = grant.show(own_data.of_customer(self.ledger, request.customer))
        document = _bytes({"request": number, "held": view, "closing": NOTHING_HELD})
        digest, fields = sha256(document).hexdigest(), tuple(sorted(view))
        ready = out.with_name(f".{out.name}.{token_hex(8)}")
        try:
            self._write(ready, document)
            self._given(request.customer, who, fields, digest)
            told = RightsRequestFulfilled(occurred_at=self.now, request=number, answer=ANSWERED, digest=digest)
            self.record(told)
            ready.rename(out)  # recorded first: without the record nothing is there to be taken
        finally:
            shutil.rmtree(ready, ignore_errors=True)
        return Given(out, fields, digest)

    def correct(self, number: str, correction: Correction, approver: Clerk) -> None:
        """Correct an attribute by a new event; the old value stays where it was (PIPL art. 46)."""
        self.allow_two("correct", StreamName("request", number), approver)
        request = self._open(number, "correction")
        self.record(correction.event(self.now, f"request {number}", approver.id), request.customer)
        self.record(RightsRequestFulfilled(occurred_at=self.now, request=number, answer="corrected"))

    def restrict(self, number: str, reason: str) -> None:
        """Store only, from now on, until it is restored."""
        request = self._decided(number, "restriction")
        restricted = ProcessingRestricted(occurred_at=self.now, request=number, reason=reason)
        self.record(restricted, request.customer)
        self.record(RightsRequestFulfilled(occurred_at=self.now, request=number, answer="restricted"))

    def restore(self, customer: str, reason: str) -> None:
        """Lift a restriction."""
        self._may("decide-request", customer)
        self.record(ProcessingRestored(occurred_at=self.now, reason=reason), customer)

    def fulfil(self, number: str, answer: str) -> None:
        """A request was done on another way, such as a deletion whose disposal is certified."""
        self.allow("decide-request", StreamName("request", number))
        self.record(RightsRequestFulfilled(occurred_at=self.now, request=number, answer=answer))

    def refuse(self, number: str, law: str, answer: str) -> None:
        """Refuse by law; whoever asked is told where to complain and to sue."""
        self.allow("decide-request", StreamName("request", number))
        self._refused(number, law, answer)

    def _refused(self, number: str, law: str, answer: str, policies: Sequence[str] = ()) -> None:
        self.record(
            RightsRequestRefused(
                occurred_at=self.now, request=number, law=law, policies=tuple(policies), complaint_route=COMPLAINT,
                court_route=COURT, answer=answer,
            )
        )  # fmt: skip

    # --- deletion ---------------------------------------------------------------------------------------

    def delete(self, number: str) -> Deletion:
        """Refuse a deletion that is not lawful yet and restrict the data, or say that disposal is to be proposed.

        Whether a hold lies on the records is not told: its day is that of the law, and after it the records are
        kept in the same words (gotcha 25).
        """
        request = self._decided(number, "deletion")
        today = self.ledger.today()
        kept, policies, possible = self._kept(request.customer, today)
        if not kept:
            return Deletion("dispose", RETENTION_LAW, policies, possible)
        day = possible if possible is not None and possible > today else None
        said = f"{KEPT}: {day.isoformat() if day else 'it cannot be named yet'}"
        restricted = ProcessingRestricted(occurred_at=self.now, request=number, reason="kept by law")
        self.record(restricted, request.customer)
        self._refused(number, RETENTION_LAW, said, policies[:20])
        return Deletion("refused", RETENTION_LAW, policies, day)

    def _kept(self, customer: str, today: date) -> tuple[bool, tuple[str, ...], date | None]:
        """Whether anything of a customer has to be kept, by which rules, and the first day on which nothing is."""
        log, policies = self.service.log, self.ledger.policies()
        Engine(log).catch_up()
        asked = retention_deadlines.Asked(today, policies.retention(today), ((policies.jurisdiction or "CN"),))
        person = log.stream_id(StreamName("customer", customer))
        subjects = (person, *(one.stream_id for one in account_register.ever_held_by(log, person)))
        found = [
            one.deadline
            for one in retention_deadlines.deadlines(log, asked, *subjects)
            if one.record_class not in _OWN_CLOCK
        ]
        days = [one.earliest_disposal for one in found]
        named = [day for day in days if day is not None]
        possible = max(named) if len(named) == len(days) and named else None
        kept = possible is None or possible > today or any(one.held for one in found)
        return kept, tuple(sorted({name for one in found for name in one.policies})), possible

    # --- helpers ----------------------------------------------------------------------------------------

    def _may(self, act: str, customer: str) -> None:
        self.allow(act, StreamName("customer", customer))

    def _decided(self, number: str, kind: Kind) -> RequestState:
        """A request of this kind that the clerk may decide."""
        self.allow("decide-request", StreamName("request", number))
        return self._open(number, kind)

    def _open(self, number: str, *kinds: Kind) -> RequestState:
        request: RequestState = self.state("request", number)
        if request.answered:
            raise RefusedError("the request was answered", field="request", rule="once")
        if request.kind not in kinds:
            raise RefusedError("the request asks for something else", field="kind", rule=", ".join(kinds))
        return request

    def _given(self, customer: str, who: str, fields: tuple[str, ...], digest: str) -> None:
        entry = DisclosureRecorded(
            occurred_at=self.now, customer=customer, recipient=who, kind="person", fields=fields,
            permitted_purpose="own-use", digest=digest,
        )  # fmt: skip
        self.record(entry, key=f"answer/{digest}/{customer}")

    def _write(self, out: Path, document: bytes) -> None:
        """The file and a signature over its bytes (Ed25519, hexadecimal), under the institution's export key."""
        out.mkdir(mode=0o700, parents=True)
        signature = self.service.provider.signing_key("export").sign(document)
        write(out / "answer.json", document)
        write(out / "answer.sig", f"{signature.hex()}\n".encode())


def _bytes(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True, default=str) + "\n").encode()
