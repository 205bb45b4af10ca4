"""Publishing over HTTP: one proposes the next version of a rule set, or forms, a second approves."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, get_args

import msgspec

from kyc.desk.clerk import Clerk
from kyc.desk.policies import PolicyDesk
from kyc.domain.governance import PolicyPublished, TemplatePublished
from kyc.domain.policies import RuleSet
from kyc.domain.stream import POLICIES
from kyc.domain.values import Code, Line
from kyc.errors import NotFoundError
from kyc.service.acting import Act, Said

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000_000)]


class Edition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The next version of a rule set."""

    text: _Text
    """All of it, written as the shipped rule files."""
    start: date
    """From this day on it is in use."""
    reason: Line
    jurisdiction: Code | None = None
    """Whose law the institution goes by; as before where it is left out."""


class Forms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Registration forms, each with the days on which it is in use."""

    text: _Text
    """Written as the shipped templates.toml."""


def _publish(desk: PolicyDesk, said: Said, second: Clerk) -> int:
    rules = said.path["rules"]
    if rules not in get_args(RuleSet):
        raise NotFoundError("no such rule set", field="rules", rule=", ".join(get_args(RuleSet)))
    body: Edition = said.body
    desk.allow_two("publish", POLICIES, second)
    return desk.publish(
        rules, body.text, body.start, second, reason=body.reason, jurisdiction=body.jurisdiction  # type: ignore[arg-type]
    )  # fmt: skip


def _forms(desk: PolicyDesk, said: Said, second: Clerk) -> object:
    desk.allow_two("publish", POLICIES, second)
    return desk.forms(said.body.text, second)


def _versions(desk: PolicyDesk, _: Said, __: Any) -> dict[str, Any]:
    return {"versions": [one.event.edition.version for one in desk.done if isinstance(one.event, PolicyPublished)]}


def _names(desk: PolicyDesk, _: Said, __: Any) -> dict[str, Any]:
    return {"forms": [one.event.form.name for one in desk.done if isinstance(one.event, TemplatePublished)]}


ACTS: Final = (
    Act(
        name="publish", path="/v1/law/editions/{rules}", body=Edition, desk=PolicyDesk, leaves=(PolicyPublished,),
        subject=lambda _: POLICIES, summary="Publish the next version of a rule set", do=_publish, tell=_versions,
    ),
    Act(
        name="publish", path="/v1/law/forms", body=Forms, desk=PolicyDesk, leaves=(TemplatePublished,),
        subject=lambda _: POLICIES, summary="Publish registration forms",
        do=_forms, tell=_names,
    ),
)  # fmt: skip
