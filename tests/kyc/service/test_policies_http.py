"""Head office's rules over HTTP: the next version by two people with two tokens, in use from its day on."""

from __future__ import annotations

import pytest
from fix_service_reads import QUALITY, Bank

from kyc.domain.policies import shipped_editions

RULEBOOK = next(one.text for one in shipped_editions("CN") if one.rules == "rulebook")
FORM = """
[[form]]
name = "natural/2"
type = "natural"
mandatory = ["birth_date", "nationalities", "addresses", "occupation"]
optional = ["phones"]
effective_from = 2026-04-01
source = "head office"
mark = "D"
configurable = true
"""


@pytest.fixture
def office(served: Bank) -> Bank:
    """The shipped rulebook, and a second person at head office's operations."""
    served.adopt("rulebook")
    served.grant("hq-operations-2", "hq-operations")
    return served


def test_the_next_version_by_two(office: Bank) -> None:
    """Proposed it changes nothing; approved by another it answers from its day; sent again it is one version."""
    stricter = {"text": RULEBOOK.replace('"P6M"', '"P3M"'), "start": "2026-05-01", "reason": "stricter"}
    path, ask = "/v1/law/editions/rulebook", "/v1/law/rules/review.cycle"
    with (
        office.client("hq-operations", QUALITY, branch="HQ") as first,
        office.client("hq-operations", QUALITY, branch="HQ", sub="hq-operations-2") as second,
        office.client("compliance", QUALITY, branch="HQ") as third,
    ):

        def period(on: str) -> str:
            answer = second.get(ask, params={"tier": "high", "on": on})
            return str(answer.json()["answer"]["value"]["period"])

        proposal = first.post(path, json=stricter, headers={"idempotency-key": "k1"})
        assert proposal.status_code == 202, proposal.text
        assert period("2026-06-01") == "P6M"
        for other in (first, third):
            assert other.post(f"{path}/approval", json=proposal.json()).status_code == 403
        for _ in range(2):
            done = second.post(f"{path}/approval", json=proposal.json())
            assert done.status_code == 200, done.text
            assert done.json()["result"] == {"versions": [2]}
        assert (period("2026-04-30"), period("2026-06-01")) == ("P6M", "P3M")
        nonsense = stricter | {"text": "= ="}
        proposal = first.post(path, json=nonsense, headers={"idempotency-key": "k2"}).json()
        assert second.post(f"{path}/approval", json=proposal).status_code == 422
        unknown = "/v1/law/editions/weather"
        proposal = first.post(unknown, json=stricter, headers={"idempotency-key": "k3"}).json()
        assert second.post(f"{unknown}/approval", json=proposal).json()["field"] == "rules"


def test_forms_by_two(office: Bank) -> None:
    """A form of a name that was never used; what is no form is named."""
    with (
        office.client("hq-operations", QUALITY, branch="HQ") as first,
        office.client("hq-operations", QUALITY, branch="HQ", sub="hq-operations-2") as second,
    ):
        proposal = first.post("/v1/law/forms", json={"text": FORM}, headers={"idempotency-key": "k1"}).json()
        done = second.post("/v1/law/forms/approval", json=proposal)
        assert done.json()["result"] == {"forms": ["natural/2"]}, done.text
        asked = second.get("/v1/law/rules/template", params={"type": "natural", "on": "2026-04-01"})
        assert asked.json()["answer"]["form"]["name"] == "natural/2"
        proposal = first.post("/v1/law/forms", json={"text": "= ="}, headers={"idempotency-key": "k2"}).json()
        assert second.post("/v1/law/forms/approval", json=proposal).json()["field"] == "text"
