"""Exports and answers under way: a folder for each below the home folder, one written at a time, kept for hours.

A folder survives a restart; what was being written when the process ended is told as interrupted, because a lock
that only a living writer holds is free. Several processes of one machine share the folders. Who may ask is decided
elsewhere. The folders are the service's alone (0700).
"""

from __future__ import annotations

import fcntl
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from secrets import token_hex
from threading import Event
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from kyc import files
from kyc.access.ask import Ask
from kyc.desk import handing
from kyc.desk.clerk import Clerk, conflict
from kyc.domain.answer import Problem
from kyc.domain.submission import StreamName
from kyc.errors import BusyError, NotFoundError
from kyc.ledger import Ledger
from kyc.logs import logger
from kyc.service import answering, export_scope
from kyc.service.answering import Answering
from kyc.service.limits import ServiceLimits
from kyc.service.problem import problem_of
from kyc.wiring import Service
from replay import bundle
from replay.envelope import recipient
from replay.renderings import Form

State = Literal["waiting", "queued", "running", "ready", "failed", "interrupted"]
_FOLDER: Final = "service-exports"
_HOUR: Final = 3_600_000_000
_ID: Final = frozenset("0123456789abcdef")
_log = logger("export")


class ExportOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be exported, for whom, in which form. What for, on which basis and why stand in the headers."""

    recipient: str
    """Who receives it."""
    permitted_purpose: str = ""
    """What the recipient may use it for; empty: the purpose, and nothing else."""
    customer: list[str] = []
    """A customer with all accounts; several with `notice`."""
    account: list[str] = []
    transaction: str = ""
    case: str = ""
    order: str = ""
    """What a legal order that was accepted names, and no more."""
    notice: str = ""
    since: date | None = None
    until: date | None = None
    withhold: list[str] = []
    """Fields of customers' files that are not given."""
    tables: bool = True
    report: bool = True
    institution: str = "institution"
    encrypt_to: str = ""
    """Certificate (PEM, RSA) of the recipient: only its owner can open the bundle."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One export as it is kept."""

    id: str
    state: State
    ask: Ask
    order: ExportOrder = msgspec.field(default_factory=lambda: ExportOrder(recipient=""))
    answer: Answering | None = None
    """An answer of a desk, which is no export that somebody ordered."""
    asked_at: int
    """Microseconds; it is kept for some hours from then on."""
    approver: str = ""
    events: int = 0
    manifest: str = ""
    problem: Problem | None = None

    @property
    def name(self) -> str:
        """The file to be taken."""
        kind = "export" if self.answer is None else "answer"
        return f"{kind}-{self.id}{'.zip.p7m' if self.order.encrypt_to else '.zip'}"


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Job)


class Exports:
    """The exports of one home folder. Thread-safe; the writer is a thread of its own."""

    def __init__(self, service: Service, limits: ServiceLimits) -> None:
        self._service = service
        self._limits = limits
        self._folder = service.configuration.home / _FOLDER
        self._writer = ThreadPoolExecutor(1, "kyc-export")
        self._stopping = Event()
        self._sweep()

    def begin(self, ask: Ask, order: ExportOrder) -> Job:
        """Keep what was asked for; it waits for a second person.

        Raises:
            BusyError: too many are kept.
        """
        self._make_room()
        now = self._service.clock.now_us()
        job = Job(id=token_hex(16), state="waiting", ask=ask, order=order, asked_at=now)
        self._keep(job)
        return job

    def answer(self, what: Answering, key: str) -> Job:
        """Have an answer written; under a key that was used before, the one that was begun, again if it failed.

        Raises:
            BusyError: too many are kept.
            ConflictError: the key stands for another answer.
        """
        try:
            known = self.find(what.id(key))
        except NotFoundError:
            self._make_room()
        else:
            if known.answer is None or _said(known.answer) != _said(what):
                raise conflict()
            if known.state not in {"failed", "interrupted"}:
                return known
        now = self._service.clock.now_us()
        job = Job(id=what.id(key), state="queued", ask=what.ask, answer=what, asked_at=now)
        (self._folder / job.id).mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = self._lock(job.id)
        if lock is None:
            return self.find(job.id)  # another request was first
        return self._queue(job, lock)

    def find(self, number: str) -> Job:
        """The export of an id, as it stands.

        Raises:
            NotFoundError: there is none, or it is not kept any longer.
        """
        self._sweep()
        if len(number) != 32 or not _ID.issuperset(number):
            raise _gone(self._limits)
        try:
            job = self._read(number)
        except (FileNotFoundError, NotADirectoryError):
            raise _gone(self._limits) from None
        if job.state in {"queued", "running"} and not self._held(number):
            job = self._read(number)  # again: it may have ended since
            if job.state in {"queued", "running"}:
                return msgspec.structs.replace(job, state="interrupted")
        return job

    def start(self, job: Job, approver: str) -> Job:
        """Have it written, once.

        Raises:
            NotFoundError: it does not wait for anybody.
        """
        lock = self._lock(job.id)
        job = self._read(job.id) if lock is not None else job
        if lock is None or job.state != "waiting":
            if lock is not None:
                os.close(lock)
            raise NotFoundError("nothing waits here", field="id", rule="approved once", remedy="see its state")
        job = msgspec.structs.replace(
            job, state="queued", approver=approver, ask=msgspec.structs.replace(job.ask, second=approver)
        )
        return self._queue(job, lock)

    def path(self, job: Job) -> Path:
        """Where the bundle lies."""
        return self._folder / job.id / job.name

    def until(self, job: Job) -> int:
        """When it goes, in microseconds."""
        return job.asked_at + self._limits.export_hours * _HOUR

    def close(self) -> None:
        """Give up what is being written, and end."""
        self._stopping.set()
        self._writer.shutdown(wait=True, cancel_futures=True)

    # --- inside ---------------------------------------------------------------------------------

    def _make_room(self) -> None:
        self._sweep()
        if self._folder.exists() and len(list(self._folder.iterdir())) >= self._limits.exports_kept:
            raise BusyError(rule=f"at most {self._limits.exports_kept} exports are kept", remedy="take them first")

    def _queue(self, job: Job, lock: int) -> Job:
        self._keep(job)
        self._writer.submit(self._write, job, lock)
        return job

    def _write(self, job: Job, lock: int) -> None:
        try:
            self._keep(msgspec.structs.replace(job, state="running"))
            events, manifest = self._written(job)
            done = msgspec.structs.replace(job, state="ready", events=events, manifest=manifest)
        except _StoppingError:
            done = msgspec.structs.replace(job, state="interrupted")
        except Exception as error:  # noqa: BLE001  whatever it is, whoever asked is told that there is none
            _log.error("an export failed", error=type(error).__name__)
            done = msgspec.structs.replace(job, state="failed", problem=problem_of(error))
        try:
            self._keep(done)
        finally:
            os.close(lock)  # only now: a free lock without an end means that it was interrupted

    def _written(self, job: Job) -> tuple[int, str]:
        if job.answer is not None:
            return answering.write(self._service, job.answer, self.path(job))
        exported = self._export(job)
        return exported.events, exported.manifest

    def _export(self, job: Job) -> bundle.Exported:
        service, order, ask = self._service, job.order, job.ask
        stated = bundle.Order(
            recipient=order.recipient, purpose=ask.purpose, legal_basis=ask.legal_basis, actor=ask.actor.id,
            order=order.order or order.notice, permitted_purpose=order.permitted_purpose,
        )  # fmt: skip
        ledger = Ledger(service.log, ZoneInfo(service.configuration.zone))

        def progress(_: int) -> None:
            if self._stopping.is_set():
                raise _StoppingError

        scope = replace(export_scope.scope_of(order), zone=service.ledger.zone)
        return bundle.export(
            service.log, service.sealed, scope, self.path(job),
            keys=self._keys(order), order=stated,
            form=Form(tables=order.tables, report=order.report, institution=order.institution),
            watch=bundle.Watch(
                register=lambda exported: handing.note(service, exported, stated, ledger), progress=progress
            ),
        )  # fmt: skip

    def _keys(self, order: ExportOrder) -> bundle.Keys:
        """What signs it, and who alone can open it.

        Raises:
            ConfigurationError: the certificate is unfit.
        """
        keys = handing.keys_of(self._service)
        if not order.encrypt_to:
            return keys
        return replace(keys, encrypt_to=recipient(order.encrypt_to.encode(), self._service.clock.now_us()))

    def _read(self, number: str) -> Job:
        return _decoder.decode((self._folder / number / "job.json").read_bytes())

    def _keep(self, job: Job) -> None:
        folder = self._folder / job.id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(folder / "job.json", _encode(job), folder_mode=0o700)

    def _lock(self, number: str) -> int | None:
        """The lock of a job, or None where somebody holds it."""
        descriptor = os.open(self._folder / number / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def _held(self, number: str) -> bool:
        lock = self._lock(number)
        if lock is None:
            return True
        os.close(lock)
        return False

    def _sweep(self) -> None:
        """Remove what is not kept any longer."""
        oldest = self._service.clock.now_us() - self._limits.export_hours * _HOUR
        for folder in self._folder.iterdir() if self._folder.exists() else ():
            try:
                old = _decoder.decode((folder / "job.json").read_bytes()).asked_at < oldest
            except (OSError, msgspec.MsgspecError):
                continue
            if old and not self._held(folder.name):
                shutil.rmtree(folder, ignore_errors=True)


class _StoppingError(Exception):
    """The service stops."""


def subject_of(order: ExportOrder) -> StreamName:
    """What an export is about, as the door is asked."""
    scope = export_scope.scope_of(order)
    return StreamName(scope.kind, scope.key or "period")


def _said(what: Answering) -> Answering:
    """What was said, whoever the clerk's token says they are today."""
    return msgspec.structs.replace(what, clerk=Clerk(id=what.clerk.id, roles=frozenset()))


def _gone(limits: ServiceLimits) -> NotFoundError:
    return NotFoundError(
        "no such export of yours", field="id", rule=f"kept {limits.export_hours} hours for who asked",
        remedy="ask for it again",
    )  # fmt: skip
