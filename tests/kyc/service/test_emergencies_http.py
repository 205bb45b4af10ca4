"""Break-glass over HTTP: what it opens, for how long, and that somebody else sees it until they looked into it."""

from __future__ import annotations

from fix_service_reads import SUPERVISION, Bank
from fix_world_desk import done

from kyc.domain.access_log import AccessAnomalyFlagged, BreakGlassUsed

GLASS = {"use": "E-1", "reason": "the customer collapsed at the counter", "hours": 2}
AT = "/v1/operators/branch-manager-1/emergencies"


def test_declared_seen_and_reviewed(served: Bank) -> None:
    """It opens the file, is told at once, lies in the supervisors' list, and only another one takes it off."""
    with served.client("branch-manager", SUPERVISION) as manager, served.client("compliance", SUPERVISION) as other:
        assert manager.get("/v1/customers/C1").status_code == 403
        until = done(manager, AT, GLASS, "e1")["result"]["until"]
        assert done(manager, AT, GLASS, "e1")["result"]["until"] == until, "not longer for being said again"
        shown = manager.get("/v1/customers/C1").json()["shown"]
        assert shown["names"][0]["text"] == "Ada Lovelace"
        assert "privacy" not in shown
        (used, *_, flagged) = served.events("operator", "branch-manager-1")
        assert isinstance(used, BreakGlassUsed)
        assert isinstance(flagged, AccessAnomalyFlagged)
        served.project()
        (waiting,) = other.get("/v1/emergencies").json()["items"]
        assert "collapsed" in str(waiting)
        review = f"{AT}/E-1/review"
        found = {"finding": "justified", "note": "ambulance report"}
        own = manager.post(review, json=found, headers={"idempotency-key": "r"})
        assert own.status_code == 403
        done(other, review, found)
        served.project()
        assert other.get("/v1/emergencies").json()["items"] == []
        assert manager.get("/v1/customers/C1").status_code == 403, "reviewed is over"


def test_for_oneself_and_for_hours(served: Bank) -> None:
    """Nobody declares another's, none lasts for days, and a teller has no such right."""
    with served.client("branch-manager", SUPERVISION) as manager, served.client("teller", SUPERVISION) as teller:
        key = {"idempotency-key": "k"}
        theirs = manager.post("/v1/operators/T-1/emergencies", json=GLASS, headers=key)
        assert (theirs.status_code, theirs.json()["field"]) == (422, "operator")
        assert manager.post(AT, json=GLASS | {"hours": 25}, headers=key).status_code == 400
        assert teller.post(AT, json=GLASS, headers=key).status_code == 403
    assert [one for one in served.events("operator", "T-1") if isinstance(one, BreakGlassUsed)] == []
