"""Customers' files over HTTP: merged, parted and corrected by two people with two tokens, once under a key."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fix_service import ORIGIN
from fix_service_reads import QUALITY, Bank
from fix_world_desk import by_two, done

MERGER = {"absorbed": "C2", "reason": "same passport"}
WRONG = {
    "target": 1, "attribute": "birth_date", "was": "1990-05-17", "now": "1990-05-18", "evidence": "passport",
    "reason": "misread",
}  # fmt: skip
AT = "/v1/customers/C1"


@pytest.fixture
def first(served: Bank) -> Iterator[httpx.Client]:
    """Who proposes, at head office."""
    with served.client("hq-operations", QUALITY) as client:
        yield client


@pytest.fixture
def second(served: Bank) -> Iterator[httpx.Client]:
    """Who approves, an officer of compliance."""
    with served.client("compliance", QUALITY) as client:
        yield client


def test_merged_and_parted_by_two(served: Bank, first: httpx.Client, second: httpx.Client) -> None:
    """Proposed it is nothing; approved by another it is done, and said again answered again; so is its reversal."""
    proposal = done(first, f"{AT}/merge", MERGER, "m1", status=202)
    assert served.events("customer", "C2")[-1].TOPIC != "customer.absorbed"
    assert first.post(f"{AT}/merge/approval", json=proposal).status_code == 403, "nobody is two"
    moved = second.post("/v1/customers/C3/merge/approval", json=proposal)
    assert moved.json()["field"] == "seal", "it is about these two"
    merged = [done(second, f"{AT}/merge/approval", proposal) for _ in range(2)]
    assert merged[1] == merged[0] | {"replayed": True}
    event = served.events("customer", "C1")[-1]
    assert (event.TOPIC, event.approver) == ("customer.merged", "compliance-1")  # type: ignore[attr-defined]
    assert served.events("customer", "C2")[-1].TOPIC == "customer.absorbed"
    for path, said in ((f"{AT}/merge", MERGER | {"absorbed": "C3"}), (f"{AT}/merge/reversal", MERGER)):
        other = done(first, path, said, "m1", status=202)
        assert second.post(f"{path}/approval", json=other).status_code == 409, "the key names one act"
    parted = by_two(first, second, f"{AT}/merge/reversal", MERGER | {"reason": "brothers"})
    assert parted["act"] == "merge"
    assert served.events("customer", "C2")[-1].TOPIC == "customer.restored"
    again = done(second, f"{AT}/merge/approval", proposal)
    assert again["replayed"], "answered by its first receipts, whatever has happened since"
    assert served.events("customer", "C2")[-1].TOPIC == "customer.restored"


def test_corrected_by_two(served: Bank, first: httpx.Client, second: httpx.Client) -> None:
    """Without a request of the person; what is no attribute is named before anything is proposed."""
    nothing = first.post(
        f"{AT}/corrections", json=WRONG | {"attribute": "shoe_size"}, headers={"idempotency-key": "k"}
    )
    assert (nothing.status_code, nothing.json()["field"]) == (400, "attribute")
    proposal = done(first, f"{AT}/corrections", WRONG, "c1", status=202)
    corrected = [done(second, f"{AT}/corrections/approval", proposal) for _ in range(2)]
    assert corrected[1] == corrected[0] | {"replayed": True}
    event = served.events("customer", "C1")[-1]
    assert event.TOPIC == "customer.attribute_corrected"
    assert (event.now, event.reason, event.approver) == ("1990-05-18", "misread", "compliance-1")  # type: ignore[attr-defined]
    stale = done(first, f"{AT}/corrections", WRONG, "c2", status=202)
    assert second.post(f"{AT}/corrections/approval", json=stale).json()["field"] == "was"


def test_not_by_others(served: Bank, first: httpx.Client, second: httpx.Client) -> None:
    """A teller proposes none, a right taken from nowhere approves none, and what was an append stays refused."""
    key = {"idempotency-key": "k"}
    with (
        served.client("teller", QUALITY | {"kyc-ticket": "S1"}, sub="T-1") as teller,
        served.client("compliance", QUALITY, sub="intruder") as intruder,
    ):
        for path, said in (("merge", MERGER), ("merge/reversal", MERGER), ("corrections", WRONG)):
            proposal = done(first, f"{AT}/{path}", said, path, status=202)
            assert teller.post(f"{AT}/{path}", json=said, headers=key).status_code == 403
            for other in (teller, intruder):
                assert other.post(f"{AT}/{path}/approval", json=proposal).status_code == 403
    event = {
        "key": "k1", "topic": "customer.merged", "origin": ORIGIN, "stream": "C1",
        "data": MERGER | {"occurred_at": served.now.isoformat(), "approver": "compliance-1"},
    }  # fmt: skip
    assert second.post("/v1/events", json=event).json()["field"] == "topic"
    assert not {"customer.merged", "customer.attribute_corrected"} & {
        one.TOPIC for one in served.events("customer", "C1")
    }
