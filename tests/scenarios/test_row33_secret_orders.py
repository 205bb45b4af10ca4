"""Row 33: what the organ keeps secret stays secret; once released, the customer may be told."""

from __future__ import annotations

import re
from datetime import date, timedelta

from fix_cli import Call
from fix_world_china import accepted, onboard, open_account, order

from kyc.domain.authority import (
    CustomerNotified,
    ObjectionLodged,
    OrderObjectionAnswered,
    SecrecyImposed,
    SecrecyReleased,
)
from kyc.domain.monitoring import CaseOpened
from kyc.domain.privacy import RightsRequestReceived
from kyc.domain.submission import StreamName
from projections import orders


def to_tell(world, day: date) -> list[str]:
    """The customers whom the order desk has to tell of an order by a day, as is known now."""
    world.project()
    found = orders.due(world.log, world.now, world.now, day).notices
    names = {world.log.stream_id(StreamName("customer", number)): number for number in world.named("customer")}
    return [names[one.customer] for one in found]


def test_the_customer_learns_nothing_before_release(china):
    """No word of a secret order stands in the customer's own stream, and no notice goes out before its day."""
    onboard(china, "C1")
    before = china.topics("customer", "C1")
    china.record(order(china, "O1", customer="C1", secret=True, notify_after=date(2026, 4, 1)))
    china.record(accepted(china, "O1"))
    assert to_tell(china, date(2026, 4, 1)) == []
    told = CustomerNotified(occurred_at=china.now, order="O1", channel="letter")
    assert china.refuse(told).rule == "secrecy is released first"
    china.record(SecrecyReleased(occurred_at=china.now, order="O1", reference="R-1"))
    assert china.refuse(SecrecyReleased(occurred_at=china.now, order="O1")).rule == "secret before it is released"
    assert china.refuse(told).rule == "notify_after"
    assert to_tell(china, date(2026, 3, 31)) == []
    assert to_tell(china, date(2026, 4, 1)) == ["C1"], "the task appears"
    china.today = date(2026, 4, 1)
    china.record(CustomerNotified(occurred_at=china.now, order="O1", channel="letter"))
    assert china.state("order", "O1").notified
    assert china.topics("customer", "C1") == before
    assert to_tell(china, date(2026, 4, 1)) == []


def test_secrecy_may_come_later(china):
    """An open order may become secret; an objection is recorded whatever its state."""
    china.record(order(china, "O1"))
    china.record(SecrecyImposed(occurred_at=china.now, order="O1"))
    assert china.state("order", "O1").secret
    china.record(ObjectionLodged(occurred_at=china.now, order="O1", by="bank", statement="wrong account"))
    assert china.state("order", "O1").objections == (china.today + timedelta(days=15),), "the court's time"
    answer = OrderObjectionAnswered(
        occurred_at=china.now, order="O1", outcome="rejected", statement="right account"
    )
    china.record(answer)
    assert china.refuse(answer).rule == "order.objection_lodged"


def test_asking_tells_nothing(china, call: Call):
    """One customer has a secret order and a case, the other has nothing: what both may be told looks the same."""
    for number in ("C1", "C2"):
        onboard(china, number)
        open_account(china, f"A-{number}", number)
    china.record(order(china, "O1", customer="C1", secret=True, accounts=("A-C1",)))
    china.record(accepted(china, "O1"))
    china.record(CaseOpened(occurred_at=china.now, case="K1", customers=("C1",), trigger="law-enforcement"))
    answers = []
    for number in ("C1", "C2"):
        asked = RightsRequestReceived(
            occurred_at=china.now, request=f"Q-{number}", kind="access", customer=number, requester="person",
            proof="passport", due=date(2026, 4, 1),
        )  # fmt: skip
        china.record(asked)
        told = call("customer", "history", number)[1]
        answers.append(re.sub(r"[0-9a-f]{8,}|C[12]|[0-9]", "-", told))
    assert answers[0] == answers[1]
    assert "order" not in answers[0]
