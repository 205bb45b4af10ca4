"""Disposal from list to certificate: what is due is proposed, a second person approves, approved is carried out.

What is due comes from the deadlines of the day, again at the moment of execution; what the law, a hold or another
person's evidence forbids is left alone and said. One disposal is one unit (subject, class, period), so one data
key; a batch is what was proposed together. Carrying out one of them is :mod:`kyc.retention.disposal`'s business;
here the read models and our own exports become places that are cleared and searched as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kyc.access.ask import Actor, Ask
from kyc.access.policy import Permit
from kyc.clock import to_datetime
from kyc.domain.admit import HEAD_OFFICE
from kyc.domain.disposal import DisposalApproved, DisposalProposed, DisposalRejected, RecordDisposed
from kyc.domain.event import Event, RecordClass
from kyc.domain.operations import DisposalsReapplied
from kyc.domain.submission import Origin, StreamName
from kyc.errors import InputError, KycError, NotFoundError, RefusedError
from kyc.keys.ring import KeyName
from kyc.ledger import Ledger
from kyc.retention.disposal import (
    Doomed,
    Place,
    StorePlace,
    Task,
    certify,
    destruction,
    open_disposal,
    record,
    retention_of,
    shred,
    standing,
    statement,
)
from kyc.retention.register import Destroyed, Lines, destroyed_keys, own_exports
from kyc.store.data_keys import Emptied
from kyc.store.log import EventLog
from kyc.store.reclaim import Reclaimed, reclaim
from kyc.store.sealed import SealedLog
from kyc.wiring import Service
from projections import account_register, consents, disposal_register, retention_deadlines, retention_trigger
from projections.disposal_register import Case
from projections.engine import Engine
from projections.left import ReadModels
from projections.retention_deadlines import Asked, Due
from replay.certified import Disposed, issue
from replay.handed_out import Exports
from replay.named import names

_LAST: Final = frozenset({RecordClass.IDENTITY, RecordClass.ACCOUNT})
"""Files that the clocks and links of a subject's other records hang on."""
_COUNTING: Final = frozenset({"due", "running", "held", "conflict"})
_TOGETHER: Final = 1_000
"""Proposals read at a time."""
PURPOSE: Final = "retention"
BASIS: Final = "AML24-34"


class Proposal(NamedTuple):
    """One disposal as people see it."""

    subject: StreamName
    disposal: str
    record_class: str
    span: str
    status: str
    proposer: str
    case: Case


class Outcome(NamedTuple):
    """What became of one disposal."""

    proposal: Proposal
    result: Literal["completed", "refused", "failed"]
    reason: str = ""
    certificate: str = ""
    """SHA-256 of the statement."""


class Run(NamedTuple):
    """What a run has done."""

    outcomes: list[Outcome]
    emptied: Emptied
    tables: list[Reclaimed]
    """Sizes of the tables before and after they were vacuumed; empty where this role may not."""


@dataclass(frozen=True, slots=True)
class Disposals:
    """The desk: over one ledger, one register, the law of a day, and places besides the log and the read models."""

    ledger: Ledger
    register: Lines[Destroyed]
    asked: Asked
    """The law and the day that decide what is due: today."""
    places: tuple[Place, ...] = ()

    @property
    def log(self) -> EventLog:
        """The event log."""
        return self.ledger.log

    # --- proposing and deciding -------------------------------------------------------------------------

    def propose(
        self, batch: str, actor: str, *, subject: StreamName | None = None, record_class: str | None = None,
        branch: str | None = None, limit: int = retention_deadlines.ALL, among: Collection[bytes] | None = None,
    ) -> list[str]:  # fmt: skip
        """Propose everything that is due today, or some of it (``among``: of these stream ids); the new numbers.

        Run again it proposes what is not under way yet.

        Raises:
            InputError: a batch's name is a word without full stop.
        """
        if not batch.isascii() or "." in batch or not 0 < len(batch) <= 24 or " " in batch:
            raise InputError("not the name of a batch", field="batch", rule="up to 24 characters, no full stop")
        Engine(self.log).catch_up()
        wanted = None if subject is None else self.log.stream_id(subject)
        due = [
            one for one in retention_deadlines.listed(
                self.log, self.asked, "due", record_class=record_class, branch=branch, limit=limit
            )
            if wanted in {None, one.subject} and (among is None or one.subject in among)
        ]  # fmt: skip
        known = names(self.log, [one.subject for one in due])
        made = []
        for unit in self._explained(due):
            name = known.get(unit.subject)
            if name is not None and (number := self._propose(batch, actor, name, unit)):
                made.append(number)
        return made

    def propose_asked(self, batch: str, actor: str) -> list[str]:
        """Propose what persons asked to have deleted and nothing keeps any more; the numbers of the new disposals.

        A deletion that was refused while the law kept the records is so done after it (PIPL art. 47). Run again,
        also at once, it proposes nothing twice.
        """
        Engine(self.log).catch_up()
        people = consents.deletions(self.log, self.asked.on)
        held = (one.stream_id for person in people for one in account_register.ever_held_by(self.log, person))
        among = {*people, *held}
        return self.propose(batch, actor, among=among) if among else []

    def _propose(self, batch: str, actor: str, name: StreamName, unit: Due) -> str:
        """The number of the disposal; empty where these records are being disposed of already."""
        record_class = RecordClass(unit.record_class)
        _, state = standing(self.log, retention_of(name))
        if open_disposal(state, record_class, unit.period) is not None or self._restrains(name, record_class):
            return ""
        earliest = unit.deadline.earliest_disposal
        assert earliest is not None, "what is due has a date"
        number = ".".join(part for part in (batch, unit.record_class, unit.period) if part)
        event = DisposalProposed(
            occurred_at=to_datetime(self.log.clock.now_us()), subject=retention_of(name).key, disposal=number,
            record_class=record_class, span=unit.period, policies=unit.deadline.policies, earliest=earliest,
            proposer=actor,
        )  # fmt: skip
        record(self.ledger, event, f"disposal/{event.subject}/{number}/proposed", origin(actor))
        return number

    def decide(self, batch: str, approver: str, *, reject: str = "") -> int:
        """Approve everything of a batch that waits for it, or reject it with a reason; how much.

        Raises:
            RefusedError: who proposed does not approve, or a hold came in between.
        """
        Engine(self.log).catch_up()
        waiting = list(self.proposals(batch, "proposed"))
        for one in waiting:
            now, subject = to_datetime(self.log.clock.now_us()), retention_of(one.subject).key
            event: Event = DisposalApproved(
                occurred_at=now, subject=subject, disposal=one.disposal, approver=approver
            )
            if reject:
                event = DisposalRejected(
                    occurred_at=now, subject=subject, disposal=one.disposal, approver=approver, reason=reject
                )
            record(self.ledger, event, f"disposal/{subject}/{one.disposal}/decided", origin(approver))
        return len(waiting)

    def proposals(self, batch: str | None, *statuses: disposal_register.Status) -> Iterator[Proposal]:
        """The disposals of a batch, or of all, in some status, as the log tells them."""
        cases = disposal_register.of_batch(self.log, batch, *statuses)
        for start in range(0, len(cases), _TOGETHER):
            page = cases[start : start + _TOGETHER]
            told = self.log.at((case.retention, case.proposed) for case in page)
            for case in page:
                event = told[case.retention, case.proposed].event
                if isinstance(event, DisposalProposed):
                    kind, _, key = event.subject.partition("/")
                    yield Proposal(
                        StreamName(kind, key), event.disposal, case.record_class, case.span, case.status,
                        event.proposer, case,
                    )  # fmt: skip

    # --- carrying out -----------------------------------------------------------------------------------

    def execute(
        self, batch: str, actor: str, *, progress: Callable[[int, int], None] = lambda _, __: None
    ) -> Run:  # fmt: skip
        """Carry out what is approved of a batch, and finish what a crash left half done.

        What may not go any more is refused one by one; the others go on. Keys are destroyed one after the other,
        then all places are cleared together, then each disposal is looked after and certified.
        """
        engine = Engine(self.log)
        engine.catch_up()
        store = StorePlace(self.log)
        places: tuple[Place, ...] = (store, ReadModels(self.log, engine), *self.places)
        todo = sorted(self.proposals(batch, "approved", "destroyed"), key=self._turn())
        known = {self.log.stream_id(one.subject): one.subject for one in todo}
        outcomes: list[Outcome] = []
        tasks: list[tuple[Proposal, Task]] = []
        for at, one in enumerate(todo):
            progress(at, 2 * len(todo))
            try:
                task = self._shredded(one, known, origin(actor))
            except KycError as error:
                outcomes.append(_failed(one, error))
            else:
                tasks.append((one, task))
        found = _cleared(places, [task.doomed for _, task in tasks]) if tasks else {}
        for at, (one, task) in enumerate(tasks):
            progress(len(todo) + at, 2 * len(todo))
            try:
                done = certify(self.ledger, task, found[task.doomed.data_key], origin(actor))
            except KycError as error:
                outcomes.append(_failed(one, error))
            else:
                outcomes.append(Outcome(one, "completed", certificate=done.certificate if done else ""))
        engine.catch_up()
        return Run(outcomes, store.emptied, reclaim(self.log.database.dsn) if tasks else [])

    def _turn(self) -> Callable[[Proposal], tuple[int, bool]]:
        """The order in which records go: files that others' clocks and links hang on come last."""
        last = {RecordClass.IDENTITY: 1, RecordClass.ACCOUNT: 2}
        survivors: dict[bytes, bool] = {}

        def turn(one: Proposal) -> tuple[int, bool]:
            stream = self.log.stream_id(one.subject)
            if stream not in survivors:
                survivors[stream] = bool(retention_deadlines.survivors(self.log, [stream]))
            return last.get(RecordClass(one.record_class), 0), survivors[stream]

        return turn

    def _shredded(self, one: Proposal, known: Mapping[bytes, StreamName], by: Origin) -> Task:
        """The task, its key destroyed.

        Raises:
            RefusedError: it may not be.
        """
        try:
            task = self.task(one, known)
            shred(self.ledger, task, self.register, by)
        except RefusedError:
            if not self._destroyed(one):
                raise
            task = self.task(one, known)  # another process was first; what is left to do is the same for both
            shred(self.ledger, task, self.register, by)
        return task

    def task(self, one: Proposal, known: Mapping[bytes, StreamName] = MappingProxyType({})) -> Task:
        """What is to be destroyed, once it is sure that it may be; ``known`` are names of streams.

        Raises:
            RefusedError: it is not due today, or its key protects somebody else's records too.
        """
        log, subject = self.log, self.log.stream_id(one.subject)
        ids = tuple(map(log.stream_id, streams_of(one.subject)))
        if self._destroyed(one):
            event, _ = destruction(log, retention_of(one.subject), one.disposal)
            return Task(subject=one.subject, disposal=one.disposal, doomed=Doomed(UUID(event.data_key).bytes, ids))
        found = log.key_store.living([KeyName(subject, one.record_class, one.span)])
        if not found:
            raise RefusedError("there are no such records", field="disposal", rule="a living key")
        key = found[0].id
        if any(unit.stream not in ids for unit in retention_trigger.units(log, [key])):
            raise RefusedError(
                "the key protects somebody else's records too", field="data_key", rule="never destroyed",
                remedy="have the records looked at: they were recorded under the wrong key",
            )  # fmt: skip
        unit = self._due(one, subject)
        linked = names(log, unit.linked) | dict(known)
        return Task(
            subject=one.subject, disposal=one.disposal, doomed=Doomed(key, ids),
            linked=tuple(linked[other] for other in unit.linked if other in linked),
        )  # fmt: skip

    def _destroyed(self, one: Proposal) -> bool:
        """Whether the key is destroyed, as the log says just now."""
        _, state = standing(self.log, retention_of(one.subject))
        return state.disposal(one.disposal).status in {"destroyed", "completed"}

    def _due(self, one: Proposal, subject: bytes) -> Due:
        """The unit with its deadline of today.

        Raises:
            RefusedError: it is not due.
        """
        if self._restrains(one.subject, RecordClass(one.record_class)):
            raise RefusedError(
                "the data are only stored, and this says so", field="disposal", rule="PIPL art. 47",
                remedy="the person's other records first",
            )  # fmt: skip
        if retention_deadlines.survivors(self.log, [subject]):
            raise RefusedError(
                "this file has absorbed another that is still there", field="subject", rule="the absorbed one first"
            )
        found = None
        for unit in retention_deadlines.deadlines(self.log, self.asked, subject):
            if (unit.record_class, unit.period) == (one.record_class, one.span):
                found = unit
            elif one.record_class in _LAST and unit.deadline.state in _COUNTING and self._there(unit):
                raise RefusedError(
                    "other records of the subject count by this file", field="disposal",
                    rule=f"{unit.record_class} {unit.period}".rstrip() + " first",
                )  # fmt: skip
        if found is None:
            raise NotFoundError("no records of this class and period", field="disposal", remedy="kyc project")
        if not found.deadline.due:
            raise RefusedError(
                "not due today", field="disposal", rule=found.deadline.state, remedy="kyc retention show"
            )
        return found

    def _restrains(self, name: StreamName, record_class: RecordClass) -> bool:
        """Whether a record says that a person's data are only stored, and why: it stays as long as they do."""
        if record_class is not RecordClass.PRIVACY or name.kind not in {"customer", "request"}:
            return False
        request = self.ledger.state(name) if name.kind == "request" else None
        number = name.key if request is None else request.customer
        person = self.ledger.state(StreamName("customer", number))
        if person is None or not person.privacy.restricted:
            return False
        return request is None or person.privacy.restriction == request.request

    def _there(self, unit: Due) -> bool:
        """Whether the unit's key is not destroyed yet: read models may not have heard of it."""
        return bool(self.log.key_store.living([KeyName(unit.subject, unit.record_class, unit.period)]))

    def _explained(self, units: Sequence[retention_deadlines.Listed]) -> Iterator[Due]:
        """The same units with the policies that gave their dates."""
        wanted = {(one.subject, one.record_class, one.period) for one in units}
        subjects = sorted({one.subject for one in units})
        for at in range(0, len(subjects), retention_deadlines.PAGE):
            page = subjects[at : at + retention_deadlines.PAGE]
            for unit in retention_deadlines.deadlines(self.log, self.asked, *page):
                if (unit.subject, unit.record_class, unit.period) in wanted:
                    yield unit

    # --- certificates -----------------------------------------------------------------------------------

    def certificates(
        self, batch: str, sealed: SealedLog, key: Ed25519PrivateKey, log_key: str
    ) -> Iterator[tuple[str, bytes]]:  # fmt: skip
        """(file name, certificate) of each completed disposal of a batch; names say nothing of whose it is.

        Raises:
            NotFoundError: a disposal is not sealed yet.
            LogMismatchError: what is there is not what was certified.
        """
        for one in self.proposals(batch, "completed"):
            case, task = one.case, self.task(one)
            assert case.decided is not None
            assert case.destroyed is not None
            assert case.certified is not None
            (told,) = self.log.events(case.retention, after=case.certified - 1, through=case.certified)
            event = told.event
            assert isinstance(event, RecordDisposed), "the read model names it"
            of = Disposed(
                retention=task.retention, versions=(case.proposed, case.decided, case.destroyed, case.certified),
                events=self._disposed(task), statement=statement(self.log, task, event.places, event.note).raw,
            )  # fmt: skip
            yield f"{one.disposal}-{UUID(bytes=case.retention)}.json", issue(self.log, sealed, of, key, log_key)

    def _disposed(self, task: Task) -> tuple[tuple[StreamName, tuple[int, ...]], ...]:
        """Stream and versions of what the key protected."""
        found = self.log.key_store.protected(task.doomed.data_key, task.doomed.streams)
        by_stream = {
            name: tuple(version for stream, version, _ in found if stream == self.log.stream_id(name))
            for name in streams_of(task.subject)
        }
        return tuple((name, versions) for name, versions in by_stream.items() if versions)


def _cleared(places: Sequence[Place], doomed: Sequence[Doomed]) -> dict[bytes, dict[str, int]]:
    """Clear all places, then look through all of them: data key → name → what is left."""
    for place in places:
        place.clear(doomed)
    found: dict[bytes, dict[str, int]] = {one.data_key: {} for one in doomed}
    for place in places:
        for key, left in place.left(doomed).items():
            found[key] |= left
    return found


def _failed(one: Proposal, error: KycError) -> Outcome:
    said = f"{error.message}: {error.rule}"
    return Outcome(one, "refused" if isinstance(error, RefusedError) else "failed", said)


def streams_of(subject: StreamName) -> tuple[StreamName, ...]:
    """The streams whose events a subject's keys protect (:func:`kyc.domain.admit.subject_of`)."""
    return (subject, StreamName("postings", subject.key)) if subject.kind == "account" else (subject,)


def opened(service: Service, ledger: Ledger, asked: Asked) -> Disposals:
    """The desk over an open service, with the exports of its home folder as a place that is cleared too."""
    home = service.configuration.home
    return Disposals(ledger, destroyed_keys(home), asked, (Exports(service.log, own_exports(home), asked),))


def allow(service: Service, clerk: Actor, act: str, reason: str, *, branch: str = "", second: str = "") -> Permit:
    """Ask whether somebody may do an act of disposal, of all records or of those first made at a branch.

    Raises:
        AccessDeniedError: not permitted; the refusal is recorded.
    """
    subject = StreamName("branch", branch) if branch else None
    return service.gate.allow(
        Ask(
            actor=clerk, action=act, subject=subject, purpose=PURPOSE, legal_basis=BASIS, reason=reason,
            second=second,
        )
    )  # fmt: skip


def proposers(desk: Disposals, batch: str) -> list[str]:
    """Who proposed what waits in a batch: whoever decides is their second person.

    Raises:
        NotFoundError: nothing waits.
    """
    Engine(desk.log).catch_up()
    found = sorted({one.proposer for one in desk.proposals(batch, "proposed")})
    if not found:
        raise NotFoundError("nothing waits in this batch", field="batch", remedy="see its state")
    return found


def origin(actor: str) -> Origin:
    """Whoever acts at the desk."""
    return Origin(actor=actor, branch=HEAD_OFFICE, purpose=PURPOSE, legal_basis=BASIS)


def reapply(ledger: Ledger, register: Lines[Destroyed], actor: str) -> int:
    """Destroy again the keys of the register that a restored backup has brought back; how many.

    That it happens is recorded first; read models are swept with it. Run again it does the rest.
    """
    log = ledger.log
    entries = register.entries()
    back = {key.id for key in log.key_store.by_id([UUID(one.data_key).bytes for one in entries]) if key.wrapped}
    if back:
        now = log.clock.now_us()
        event = DisposalsReapplied(
            occurred_at=to_datetime(now), office="retention", keys=len(back), register=register.digest()
        )
        record(ledger, event, f"disposal/reapplied/{now}", origin(actor))
    for one in entries:
        key = UUID(one.data_key).bytes
        if key in back:
            log.key_store.destroy(key)
            log.ring.forget(key)
        log.key_store.empty(key, [UUID(stream).bytes for stream in one.streams])
    Engine(log).catch_up()
    return len(back)
