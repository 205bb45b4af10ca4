"""What head office decides: policies, registration forms, notices, what partners may have, and branches.

The first four stand in one stream that decisions consult; branches in another. Serves seed rules 2, 12, 20 and 21.
"""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar, Final

import msgspec

from kyc.domain.codec import upcast
from kyc.domain.dates import check_date, check_past
from kyc.domain.event import Event, RecordClass
from kyc.domain.policies import STREAM as POLICY_STREAM
from kyc.domain.policies import Allowance, Notice, Policies, PolicyEdition, read_edition
from kyc.domain.stream import Given, Stream, check
from kyc.domain.templates import ALWAYS, Template, shipped_templates
from kyc.domain.two_people import two_people
from kyc.domain.values import Code, Line, Record
from kyc.errors import ConfigurationError, RefusedError


class PolicyEvent(Event, frozen=True, kw_only=True):
    """A publication of head office."""

    STREAM: ClassVar[str] = "policies"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.GOVERNANCE


class PolicyPublished(PolicyEvent, frozen=True, kw_only=True):
    """A rule set comes into use on a day; a typing error in it is corrected by the next version (seed rule 21)."""

    TOPIC: ClassVar[str] = "policy.published"

    edition: PolicyEdition
    jurisdiction: Code
    """Whose law the institution goes by."""
    reason: Line = ""
    approver: Code
    """The second person."""


class TemplatePublished(PolicyEvent, frozen=True, kw_only=True):
    """A version of a registration form (登记模板; seed rule 2). Its name carries the version and is used once."""

    TOPIC: ClassVar[str] = "template.published"
    SCHEMA: ClassVar[int] = 2

    form: Template
    approver: Code


@upcast(TemplatePublished.TOPIC, 1)
def _without_purpose(payload: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had neither purpose nor jurisdiction nor source."""
    return payload


class NoticePublished(PolicyEvent, frozen=True, kw_only=True):
    """A version of the privacy notice (PIPL art. 17; seed rule 12)."""

    TOPIC: ClassVar[str] = "notice.published"

    notice: Notice
    approver: Code


class AllowancePublished(PolicyEvent, frozen=True, kw_only=True):
    """What a partner may be given; the latest word counts (seed rule 29)."""

    TOPIC: ClassVar[str] = "allowance.published"

    allowance: Allowance
    approver: Code


class BranchEvent(Event, frozen=True, kw_only=True):
    """A change in the institution's branches."""

    STREAM: ClassVar[str] = "branches"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.GOVERNANCE

    branch: Code
    on: date


class BranchOpened(BranchEvent, frozen=True, kw_only=True):
    """A branch began to serve; its zone and calendar decide what a day is there."""

    TOPIC: ClassVar[str] = "branch.opened"

    zone: Code
    """IANA name."""
    jurisdiction: Code
    name: Line = ""


class BranchMerged(BranchEvent, frozen=True, kw_only=True):
    """A branch's customers and duties went to another branch; its history stays its own."""

    TOPIC: ClassVar[str] = "branch.merged"

    into: Code


class BranchClosed(BranchEvent, frozen=True, kw_only=True):
    """A branch ceased to serve."""

    TOPIC: ClassVar[str] = "branch.closed"


# --- state ----------------------------------------------------------------------------------------------


class Branch(Record, frozen=True, kw_only=True):
    """A branch as it is now."""

    code: str
    opened_on: date
    zone: str
    jurisdiction: str
    closed_on: date | None = None
    into: str = ""


class Branches(Record, frozen=True, kw_only=True):
    """All branches there ever were."""

    branches: tuple[Branch, ...] = ()

    def get(self, code: str) -> Branch | None:
        """The branch of that code."""
        return next((branch for branch in self.branches if branch.code == code), None)


BRANCHES: Final = Stream("branches", Branches, empty=Branches(), key="institution", head_office=True)


@POLICY_STREAM.changes(PolicyPublished)
def _policy(state: Policies, event: PolicyPublished) -> Policies:
    return msgspec.structs.replace(
        state, editions=(*state.editions, event.edition), jurisdiction=event.jurisdiction
    )


@POLICY_STREAM.changes(TemplatePublished)
def _form(state: Policies, event: TemplatePublished) -> Policies:
    return msgspec.structs.replace(state, forms=(*state.forms, event.form))


@POLICY_STREAM.changes(NoticePublished)
def _notice(state: Policies, event: NoticePublished) -> Policies:
    return msgspec.structs.replace(state, notices=(*state.notices, event.notice))


@POLICY_STREAM.changes(AllowancePublished)
def _allowance(state: Policies, event: AllowancePublished) -> Policies:
    kept = tuple(known for known in state.allowances if known.recipient != event.allowance.recipient)
    return msgspec.structs.replace(state, allowances=(*kept, event.allowance))


@BRANCHES.changes(BranchOpened)
def _opened(state: Branches, event: BranchOpened) -> Branches:
    opened = Branch(code=event.branch, opened_on=event.on, zone=event.zone, jurisdiction=event.jurisdiction)
    return msgspec.structs.replace(state, branches=(*state.branches, opened))


@BRANCHES.changes(BranchMerged)
def _merged(state: Branches, event: BranchMerged) -> Branches:
    return _ended(state, event.branch, event.on, event.into)


@BRANCHES.changes(BranchClosed)
def _closed(state: Branches, event: BranchClosed) -> Branches:
    return _ended(state, event.branch, event.on, "")


def _ended(state: Branches, code: str, on: date, into: str) -> Branches:
    branches = tuple(
        msgspec.structs.replace(known, closed_on=on, into=into) if known.code == code else known
        for known in state.branches
    )
    return msgspec.structs.replace(state, branches=branches)


# --- rules ----------------------------------------------------------------------------------------------


@check(PolicyPublished)
def _check_policy(event: PolicyPublished, _: date) -> None:
    check_date(event.edition.effective_from, "edition.effective_from")
    try:
        read_edition(event.edition)
    except ConfigurationError as cause:
        raise RefusedError(
            "the rules cannot be read", field="edition.text", rule=f"{cause.field}: {cause.rule}",
            remedy="correct the text, as in the shipped rule files",
        ) from None  # fmt: skip


@check(TemplatePublished)
def _check_form(event: TemplatePublished, _: date) -> None:
    form = event.form
    _check_span(form.effective_from, form.effective_to, "form")
    if twice := sorted({*form.mandatory} & {*form.optional} | {*form.mandatory, *form.optional} & ALWAYS):
        raise RefusedError(
            "a field is asked for twice", field="form", rule=", ".join(twice), remedy="name each field once"
        )


@check(NoticePublished)
def _check_notice(event: NoticePublished, _: date) -> None:
    _check_span(event.notice.effective_from, event.notice.effective_to, "notice")


def _check_span(start: date | None, end: date | None, field: str) -> None:
    check_date(start, f"{field}.effective_from")
    check_date(end, f"{field}.effective_to")
    if start is not None and end is not None and end < start:
        raise RefusedError("ends before it begins", field=f"{field}.effective_to", rule="not before effective_from")


@check(BranchOpened, BranchMerged, BranchClosed)
def _check_on(event: BranchEvent, today: date) -> None:
    check_past(event.on, today, "on")


@POLICY_STREAM.always
def _two_people(_: Policies, event: Event, given: Given) -> None:
    assert isinstance(event, PolicyPublished | TemplatePublished | NoticePublished | AllowancePublished)
    two_people(given.origin.actor, event.approver)


@POLICY_STREAM.rule(PolicyPublished)
def _next_version(state: Policies, event: PolicyPublished, _: Given) -> None:
    expected = state.version(event.edition.rules) + 1
    if event.edition.version != expected:
        raise RefusedError(
            "not the next version", field="edition.version", rule=f"{expected} comes next",
            remedy="a published version is never edited: publish its successor",
        )  # fmt: skip


@POLICY_STREAM.rule(TemplatePublished)
def _new_form(state: Policies, event: TemplatePublished, _: Given) -> None:
    if event.form.name in {**shipped_templates(), **state.templates}:
        raise RefusedError(
            "this version exists", field="form.name", rule="published once", remedy="give it the next version"
        )


@POLICY_STREAM.rule(NoticePublished)
def _new_notice(state: Policies, event: NoticePublished, _: Given) -> None:
    if any(known.name == event.notice.name for known in state.notices):
        raise RefusedError(
            "this version exists", field="notice.name", rule="published once", remedy="give it the next version"
        )


@BRANCHES.rule(BranchOpened)
def _new_branch(state: Branches, event: BranchOpened, _: Given) -> None:
    if state.get(event.branch) is not None:
        raise RefusedError("this branch exists", field="branch", rule="opened once", remedy="give it another code")


@BRANCHES.rule(BranchMerged, BranchClosed)
def _open_branch(state: Branches, event: BranchMerged | BranchClosed, _: Given) -> None:
    branch = state.get(event.branch)
    if branch is None or branch.closed_on is not None:
        raise RefusedError("no such open branch", field="branch", rule="open before it ends")
    if event.on < branch.opened_on:
        raise RefusedError("ends before it began", field="on", rule="not before it was opened")


@BRANCHES.rule(BranchMerged)
def _open_target(state: Branches, event: BranchMerged, _: Given) -> None:
    target = state.get(event.into)
    if target is None or target.closed_on is not None or event.into == event.branch:
        raise RefusedError("no such open branch", field="into", rule="another branch that is open")
