"""The order desk: everything at once that stands against an order, two people, secrecy, objections, foreigners."""

from __future__ import annotations

from datetime import date, timedelta
from hashlib import sha256

import pytest
from fix_world_china import order

from kyc.desk.orders import OrderDesk, PaperFile
from kyc.domain.authority import Officer
from kyc.errors import AccessDeniedError, NotFoundError, RefusedError

COPIES = (
    PaperFile("assistance-notice", "application/pdf", b"%PDF notice"),
    PaperFile("ruling", "application/pdf", b"%PDF ruling"),
)


@pytest.fixture
def desk(service, clerk) -> OrderDesk:
    """The desk, with T-1 at it."""
    return OrderDesk(service, clerk)


def asked(world, number: str = "O1", **fields):
    """A query about C1's account that asks for what an export holds."""
    return order(world, number, **{"customer": "C1", "scope": ("identity", "balance")} | fields)


def test_everything_at_once(house, desk, second):
    """Organ, level, officers, papers, copies, accounts and fields: one look names them all, each with a remedy."""
    bad = asked(
        house, level=1, papers=(), officers=(Officer(name="Zhao Yi"),), accounts=("A9",), customer="C9",
        scope=("originals", "gossip"),
    )  # fmt: skip
    found = {one.code: one for one in desk.receive(bad)}
    assert set(found) == {
        "organ-level", "paper-missing:assistance-notice", "officers", "officer-without-id", "account-unknown",
        "customer-unknown", "originals", "scope-unknown",
    }  # fmt: skip
    assert found["originals"].remedy == "offer sealed copies"
    assert all(one.field and one.rule and one.remedy for one in found.values())
    with pytest.raises(RefusedError) as caught:
        desk.accept("O1", second)
    assert set((caught.value.rule or "").split(", ")) == set(found)
    assert set(desk.reject("O1")) == {code.partition(":")[0] for code in found}
    assert house.state("order", "O1").status == "rejected"


def test_papers_are_kept_by_hash(house, desk):
    """The copy of each paper is stored with the order and named by its hash; without one the order waits."""
    assert [one.code for one in desk.receive(asked(house), COPIES[:1])] == ["paper-without-copy:ruling"]
    (recorded,) = house.recorded("order", "O1")
    digests = {paper.kind: paper.digest for paper in recorded.event.papers}
    assert digests == {"assistance-notice": sha256(b"%PDF notice").hexdigest(), "ruling": ""}
    assert [image.name for image in recorded.event.images] == ["assistance-notice"]
    assert house.log.scan(recorded.event.images[0], recorded.row.lane)[1] == b"%PDF notice"
    with pytest.raises(RefusedError) as caught:
        desk.receive(asked(house, "O2"), (PaperFile("love-letter", "application/pdf", b"x"),))
    assert caught.value.field == "papers"


def test_a_query_says_about_whom_and_what(house, desk):
    """A query without subject or fields is not answered."""
    found = desk.receive(asked(house, customer="", accounts=(), scope=()), COPIES)
    assert [one.code for one in found] == ["subject", "scope"]


def test_two_people(house, desk, second):
    """Whoever took it in does not approve it, nor does the clerk approve alone."""
    assert desk.receive(asked(house), COPIES) == ()
    with pytest.raises(AccessDeniedError) as denied:
        desk.accept("O1", desk.clerk)
    assert denied.value.code == "second-person"
    with pytest.raises(RefusedError) as refused:
        OrderDesk(desk.service, second).accept("O1", desk.clerk)
    assert refused.value.rule == "two people", "T-1 took it in"
    desk.accept("O1", second)
    assert house.state("order", "O1").status == "accepted"
    desk.fulfil("O1", "answered", "R-1")
    assert house.state("order", "O1").status == "fulfilled"
    with pytest.raises(RefusedError) as caught:
        desk.reject("O1")
    assert caught.value.rule == "a reason"
    with pytest.raises(NotFoundError):
        desk.validate("O9")


def test_secrecy_then_the_customer_is_told(house, desk, second):
    """While an order is secret the customer is not told; released, telling is a task until it is done."""
    desk.receive(asked(house), COPIES)
    desk.accept("O1", second)
    desk.impose_secrecy("O1", date(2026, 6, 1))
    with pytest.raises(RefusedError) as caught:
        desk.notify("O1", "letter")
    assert caught.value.rule == "secrecy is released first"
    desk.release_secrecy("O1", "R-7")
    desk.notify("O1", "letter")
    assert house.state("order", "O1").notified


def test_objections_have_a_day(house, desk):
    """The court answers within 15 days; an answer closes the oldest one."""
    desk.receive(asked(house), COPIES)
    assert desk.object("O1", "bank", "not our customer's account") == house.today + timedelta(days=15)
    desk.objection_answered("O1", "upheld", "withdrawn by the court")
    assert house.state("order", "O1").objections == ()
    with pytest.raises(RefusedError):
        desk.objection_answered("O1", "upheld", "again")


def test_nothing_goes_abroad_directly(house, desk, second):
    """A foreign demand has one defect that nothing mends here: it is passed on, then allowed or refused."""
    (found,) = desk.receive_foreign("F1", "Court of Ruritania", "GBR", "everything", "C1")
    assert found.code == "foreign"
    with pytest.raises(RefusedError):
        desk.accept("F1", second)
    desk.escalate("F1", "Ministry of Justice", "L-1")
    desk.approve_foreign("F1", "Ministry of Justice", "M-7", ("identity",), second)
    assert house.state("order", "F1").scope == ("identity",)
    desk.receive_foreign("F2", "Court of Ruritania", "GBR", "everything")
    assert desk.reject("F2") == ("foreign",)
    assert house.topics("order", "F2")[-1] == "order.foreign_refused"


def test_originals_are_sealed_in_place(house, desk, second):
    """What is sealed is listed, under an accepted order only (AML24 art. 44)."""
    desk.receive(asked(house), COPIES)
    with pytest.raises(RefusedError):
        desk.seal_evidence("O1", ("ledger of 1998",), "Zhao Yi")
    desk.accept("O1", second)
    desk.seal_evidence("O1", ("ledger of 1998",), "Zhao Yi")
    assert house.topics("order", "O1")[-1] == "order.evidence_sealed"
