"""Acts at the desks are asked of the matrix, one by one: who has no right does nothing, and that is on record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from fix_world_china import order
from fix_world_gate import grant

from kyc.desk.answers import AnswerDesk
from kyc.desk.clerk import Clerk, Desk
from kyc.desk.files import Correction, FileDesk
from kyc.desk.freezes import FreezeDesk
from kyc.desk.orders import OrderDesk
from kyc.desk.rights import RightsDesk
from kyc.domain.access_log import AccessDenied
from kyc.domain.access_rules import shipped_matrix
from kyc.errors import AccessDeniedError

OTHER: Final = Clerk(id="T-2", roles=frozenset({"order-desk", "compliance"}), reason="order")
OUT: Final = Path("never-made")
WRONG: Final = Correction(target=1, attribute="employer", was="Aebi", now="Amstad", evidence="letter")
ACTS: Final[list[tuple[type[Desk], str, Callable[[Any], object]]]] = [
    (OrderDesk, "validate-order", lambda desk: desk.validate("O1")),
    (OrderDesk, "accept-order", lambda desk: desk.accept("O1", OTHER)),
    (OrderDesk, "reject-order", lambda desk: desk.reject("O1", ["organ"])),
    (OrderDesk, "fulfil-order", lambda desk: desk.fulfil("O1", "done")),
    (OrderDesk, "seal-evidence", lambda desk: desk.seal_evidence("O1", ["ledger"], "Zhao Yi")),
    (OrderDesk, "secrecy", lambda desk: desk.impose_secrecy("O1", date(2026, 6, 1))),
    (OrderDesk, "secrecy", lambda desk: desk.release_secrecy("O1", "R-1")),
    (OrderDesk, "notify-order", lambda desk: desk.notify("O1", "letter")),
    (OrderDesk, "object-order", lambda desk: desk.object("O1", "bank", "not ours")),
    (OrderDesk, "object-order", lambda desk: desk.objection_answered("O1", "upheld", "yes")),
    (OrderDesk, "receive-order", lambda desk: desk.receive_foreign("F1", "Court", "GBR", "all")),
    (OrderDesk, "escalate-order", lambda desk: desk.escalate("F1", "Ministry")),
    (OrderDesk, "accept-order", lambda desk: desk.approve_foreign("F1", "Ministry", "M-1", ["identity"], OTHER)),
    (AnswerDesk, "validate-order", lambda desk: desk.answer("O1", OUT)),
    (AnswerDesk, "validate-order", lambda desk: desk.permitted("O1")),
    (FreezeDesk, "freeze", lambda desk: desk.freeze("O1", "A1")),
    (FreezeDesk, "freeze", lambda desk: desk.renew("O1", "A1", "O1")),
    (FreezeDesk, "deduct", lambda desk: desk.deduct("O1", "A1", Decimal("1.00"), "T1")),
    (FreezeDesk, "release-freeze", lambda desk: desk.release("A1", "O1", "notice 7", OTHER)),
    (FreezeDesk, "lapse-freezes", lambda desk: desk.lapse()),
    (RightsDesk, "consent", lambda desk: desk.notice("C1", "notice/3", "app")),
    (RightsDesk, "consent", lambda desk: desk.consent("C1", "marketing", "notice/3", "app")),
    (RightsDesk, "consent", lambda desk: desk.withdraw("C1", "app")),
    (RightsDesk, "receive-request", lambda desk: desk.receive("Q9", "access", "C1", "passport")),
    (RightsDesk, "answer-request", lambda desk: desk.answer("Q1", OUT)),
    (RightsDesk, "correct", lambda desk: desk.correct("Q1", WRONG, OTHER)),
    (RightsDesk, "decide-request", lambda desk: desk.restrict("Q1", "disputed")),
    (RightsDesk, "decide-request", lambda desk: desk.restore("C1", "settled")),
    (RightsDesk, "decide-request", lambda desk: desk.fulfil("Q1", "done")),
    (RightsDesk, "decide-request", lambda desk: desk.refuse("Q1", "PIPL art. 45", "no")),
    (RightsDesk, "decide-request", lambda desk: desk.delete("Q1")),
    (FileDesk, "merge", lambda desk: desk.merge("C1", "C2", "same man", OTHER)),
    (FileDesk, "merge", lambda desk: desk.revert("C1", "C2", "brothers", OTHER)),
    (FileDesk, "correct", lambda desk: desk.correct("C1", WRONG, "misread", OTHER)),
]


def asked(kind: type[Desk]) -> list[str]:
    """The acts of the matrix that a desk's methods above ask for."""
    return [act for of, act, _ in ACTS if of is kind]


def test_every_act_is_tried():
    """Each public method of each desk is above."""
    for kind in (OrderDesk, AnswerDesk, FreezeDesk, RightsDesk, FileDesk):
        methods = [name for name, value in vars(kind).items() if callable(value) and not name.startswith("_")]
        assert len(methods) == len(asked(kind)) + (kind is OrderDesk), kind  # receive takes an order: below
    orders = {name for name, act in shipped_matrix().acts.items() if "order-desk" in _roles(act.name)}
    assert orders <= {act for _, act, _ in ACTS}


def _roles(act: str) -> set[str]:
    return {rule.role for rule in shipped_matrix().rule if act in rule.actions}


def test_nothing_is_done_without_a_right(house, service):
    """A stranger at each desk: nothing recorded but the refusals, each with its act; one text for all of them."""
    house.record(order(house, "O1", customer="C1", scope=("identity",)))
    said = set()
    stranger = Clerk(id="T-9", roles=frozenset({"order-desk", "compliance", "hq-operations"}), reason="curious")
    for kind, _, act in ACTS:
        with pytest.raises(AccessDeniedError) as caught:
            act(kind(service, stranger))
        said.add(caught.value.diagnostics())
    with pytest.raises(AccessDeniedError):
        OrderDesk(service, stranger).receive(order(house, "O2", customer="C1"))
    assert len(said) == 1
    denied = [one for one in house.events("refusals", "T-9") if isinstance(one, AccessDenied)]
    assert [one.action for one in denied] == [*(act for _, act, _ in ACTS), "receive-order"]
    assert {one.code for one in denied} == {"granted"}
    assert house.topics("order", "O1") == ["order.received"]
    assert not {"customer.merged", "customer.attribute_corrected"} & {*house.topics("customer", "C1")}
    assert house.topics("customer", "C1").count("privacy.notice_presented") == 0
    assert not OUT.exists()


def test_the_second_person_needs_the_right_too(house, service, clerk):
    """Who approves is held to the same rules, and it is their refusal that is on record."""
    house.record(order(house, "O1", customer="C1", scope=("identity",)))
    desk = OrderDesk(service, clerk)
    nobody = Clerk(id="T-8", roles=frozenset({"order-desk", "compliance"}), reason="order")
    with pytest.raises(AccessDeniedError):
        desk.accept("O1", nobody)
    (denied,) = house.events("refusals", "T-8")
    assert (denied.action, denied.code, denied.about) == ("accept-order", "granted", "order O1")
    assert house.events("refusals", "T-1") == []
    grant(house, "T-8", "compliance")
    with pytest.raises(Exception, match="defects"):
        desk.accept("O1", nobody)  # the copies of its papers are missing: the door let both in


def test_ones_own_business(house, service, clerk):
    """Who is the customer, or declared to be, acts on no order or request about themselves."""
    house.record(order(house, "O1", customer="C1", scope=("identity",)))
    grant(house, "C1", "order-desk")
    own = Clerk(id="C1", roles=frozenset({"order-desk"}), reason="order")
    with pytest.raises(AccessDeniedError) as caught:
        OrderDesk(service, own).validate("O1")
    assert caught.value.code == "not-own-record"
    assert [one.TOPIC for one in house.events("operator", "C1")][-1] == "access.anomaly_flagged"
    assert OrderDesk(service, clerk).validate("O1")
