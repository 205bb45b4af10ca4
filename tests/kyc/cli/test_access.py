"""Rights, emergencies and the matrix at the command line; the page of the matrix is what the data say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fix_cli import Call, document

from kyc.access import words
from kyc.domain.access_rules import parse_matrix, shipped_matrix
from kyc.errors import ConfigurationError

PAGE = Path(__file__).resolve().parents[3] / "docs" / "access.md"


def test_the_page_is_the_matrix():
    """docs/access.md ends with the tables as they are printed now."""
    assert (
        PAGE.read_text(encoding="utf-8").partition("### Roles")[2]
        == ((words.markdown(shipped_matrix()) + "\n").partition("### Roles")[2])
    )


def test_matrix(call: Call):
    """The whole matrix and one role's part, for people and as JSON; head office's own edition is told as such."""
    code, out, _ = call("access", "matrix", "teller")
    assert code == 0
    assert "never risk, monitoring" in out
    assert "hq-operations" not in out
    told = document(call("--json", "access", "matrix"))
    assert {role["name"] for role in told["roles"]} == set(shipped_matrix().roles)
    assert told["edition"].startswith("0:")
    call("adopt", "--actor", "HQ-1", "--approver", "HQ-2")
    assert document(call("--json", "access", "matrix"))["edition"].startswith("1:")
    assert "nothing" in call("access", "matrix", "foreign-authority", "--shipped")[1]


def test_an_edition_that_breaks_its_own_word_is_refused():
    """A teller shown a report, an unknown class or role, a field in two classes, one for two: never published."""
    text = shipped_matrix().text
    broken = {
        "never shown": text.replace('show = ["reference", "name", "task"]', 'show = ["name", "monitoring"]'),
        "unknown": text.replace('show = ["reference", "name", "task"]', 'show = ["secrets"]'),
        "named once": text.replace('fields = ["names"]', 'fields = ["names", "email"]'),
        "never done": text.replace('actions = ["propose-disposal"]', 'actions = ["approve-disposal"]'),
        "two people": text.replace(
            '["granted", "reason", "not-own-record", "second-person"]', '["granted", "reason"]'
        ),
        "an act shows nothing": text.replace(
            'actions = ["read", "answer", "query"]', 'actions = ["read", "freeze"]'
        ),
        "unknown: clerk": text.replace('role = "teller"', 'role = "clerk"', 1),
    }
    for rule, edition in broken.items():
        assert edition != text
        with pytest.raises(ConfigurationError) as caught:
            parse_matrix(edition)
        assert rule in (caught.value.rule or "")


def test_rights_are_given_and_taken(call: Call):
    """Given by somebody else for a time, shown, taken back once; nobody approves themselves."""
    assert call("access", "grants", "grant", "I-1", "investigator", "--actor", "M-1", "--approver", "I-1")[0] == 2
    assert call("access", "grants", "grant", "I-1", "wizard", "--actor", "M-1", "--approver", "M-2")[0] == 2
    made = document(
        call(
            "--json", "access", "grants", "grant", "I-1", "investigator", "--actor", "M-1", "--approver", "M-2",
            "--scope", "B-1,CA-1", "--hours", "8",
        )
    )  # fmt: skip
    (right,) = document(call("--json", "access", "grants", "show", "I-1"))["rights"]
    assert (right["grant"], right["role"], right["scope"]) == (made["grant"], "investigator", ["B-1", "CA-1"])
    assert "only B-1,CA-1" in call("access", "grants", "show", "I-1")[1]
    revoke = ("access", "grants", "revoke", "I-1", made["grant"], "--actor", "M-1", "--reason", "left")
    assert call(*revoke)[0] == 0
    assert call(*revoke)[0] == 2
    assert call("access", "grants", "show", "I-1")[1].strip() == "no rights"


def test_emergencies_wait_for_a_review(call: Call):
    """Used, listed with its reason until somebody else has looked; nobody reviews themselves."""
    used = document(call("--json", "access", "breakglass", "use", "M-1", "--reason", "fire at the branch"))["use"]
    call("project")
    (waiting,) = document(call("--json", "access", "breakglass", "list"))["unreviewed"]
    assert (waiting["operator"], waiting["use"], waiting["reason"]) == ("M-1", used, "fire at the branch")
    review = ("access", "breakglass", "review", "M-1", used, "--finding", "justified", "--actor")
    assert call(*review, "M-1")[0] == 2
    assert call(*review, "M-2")[0] == 0
    call("project")
    assert call("access", "breakglass", "list")[1].strip() == "nothing to review"


def test_declarations_and_extracts(call: Call):
    """What an operator declares needs a second person; the extract of nobody has the words of every extract."""
    assert call("access", "declare", "T-1", "--own", "C1", "--actor", "T-1", "--approver", "T-1")[0] == 2
    assert call("access", "declare", "T-1", "--own", "C1", "--actor", "T-1", "--approver", "M-1")[0] == 0
    code, out, _ = call("--json", "access", "extract", "C9")
    assert code == 0
    assert json.loads(out)["access_log"] == []
