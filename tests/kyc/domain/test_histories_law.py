"""Random but legal histories under published law: diligence, orders, consents, mergers, holds, reversals.

The invariants are told from the recorded events alone, by folds of their own: the states that the rules of
admission went by are not asked.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from fix_samples import SAMPLES
from fix_world import World
from fix_world_china import (
    DOCUMENTS,
    RULEBOOK,
    accepted,
    approved,
    funds,
    order,
    paid,
    passport,
    person,
    publish,
    rated,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kyc.domain import account as a
from kyc.domain import customer as c
from kyc.domain import diligence as q
from kyc.domain import disposal as k
from kyc.domain import life as f
from kyc.domain import privacy as p
from kyc.domain import restraint as r
from kyc.domain.event import Event
from kyc.domain.governance import NoticePublished
from kyc.domain.policies import Notice
from kyc.domain.transaction import TransactionBooked
from kyc.errors import RefusedError

CUSTOMERS = st.sampled_from(["C1", "C2", "C3"])
ACCOUNTS = st.sampled_from(["A1", "A2"])
ORDERS = st.sampled_from(["O1", "O2", "O3", "O4"])
NUMBERS = st.sampled_from(["X1", "X2"])
BOOKINGS = st.sampled_from(["T1", "T2", "T3"])
PURPOSES = st.sampled_from(["marketing", "share:shop"])
SUBJECT = "customer/C1"


class Law(RuleBasedStateMachine):
    """Three customers, two accounts, some orders, one subject of retention; a refusal is a good answer too."""

    @initialize()
    def begin(self) -> None:
        """Head office has published; C1 and C2 are known and verified, each with an account."""
        self.world = World()
        publish(self.world, "documents", DOCUMENTS)
        publish(self.world, "rulebook", RULEBOOK)
        notice = Notice(name="notice/3", effective_from=date(2025, 11, 1))
        published = NoticePublished(occurred_at=self.world.now, notice=notice, approver="HQ-2")
        self.world.record(published, actor="HQ-1", branch="HQ")
        for number in "123":
            self.world.record(person(f"C{number}", self.world))
            self.world.record(passport(f"P{number}", self.world), f"C{number}")
        for number in "12":
            self.verify(f"C{number}")
            self.open(f"A{number}", f"C{number}")

    def try_to(self, data: Event, stream: str = "", **options: Any) -> None:
        """Submit an event that may be refused."""
        with suppress(RefusedError):
            self.world.record(data, stream, **options)

    def said(self, topic: str, **fields: Any) -> Event:
        """A sample event of a topic, now, with other fields."""
        return msgspec.structs.replace(SAMPLES[topic], occurred_at=self.world.now, **fields)

    @rule(days=st.integers(1, 120))
    def time_passes(self, days: int) -> None:
        """Today moves on."""
        self.world.today += timedelta(days=days)

    # --- due diligence

    @rule(customer=CUSTOMERS)
    def verify(self, customer: str) -> None:
        """The identity is verified."""
        event = self.said("cdd.identity_verified", document_kind="passport")
        self.try_to(event, customer)

    @rule(customer=CUSTOMERS, number=NUMBERS, done=st.booleans())
    def contradict(self, customer: str, number: str, done: bool) -> None:
        """A contradiction is raised or resolved."""
        topic = "cdd.discrepancy_resolved" if done else "cdd.discrepancy_raised"
        self.try_to(self.said(topic, id=number), customer)

    @rule(customer=CUSTOMERS, number=NUMBERS, done=st.booleans())
    def screen(self, customer: str, number: str, done: bool) -> None:
        """A hit is found or decided."""
        if done:
            self.try_to(self.said("cdd.screening_hit_decided", hit=number), customer)
        else:
            self.try_to(self.said("cdd.screening_performed", hits=(number,)), customer)

    @rule(customer=CUSTOMERS, what=st.sampled_from(["low", "high", "funds", "approval", "failed", "again"]))
    def assess(self, customer: str, what: str) -> None:
        """The risk is rated, funds are shown, seniors approve, diligence fails or begins again."""
        made = {"funds": funds, "approval": approved}
        match what:
            case "funds" | "approval":
                self.try_to(made[what](self.world), customer)
            case "failed":
                self.try_to(self.said("cdd.failed"), customer)
            case "again":
                self.try_to(self.said("cdd.started"), customer)
            case _:
                self.try_to(rated(self.world, what), customer)

    @rule(customer=CUSTOMERS, days=st.integers(1, 800))
    def schedule(self, customer: str, days: int) -> None:
        """The next review is set."""
        due = self.world.today + timedelta(days=days)
        self.try_to(q.ReviewScheduled(occurred_at=self.world.now, due=due), customer)

    @rule(customer=CUSTOMERS)
    def relate(self, customer: str) -> None:
        """The relationship begins."""
        self.try_to(c.RelationshipEstablished(occurred_at=self.world.now, on=self.world.today), customer)

    # --- what the person agreed to, and mergers

    @rule(customer=CUSTOMERS, purpose=PURPOSES, separate=st.booleans())
    def agree(self, customer: str, purpose: str, separate: bool) -> None:
        """A consent is given."""
        event = self.said("privacy.consent_given", purpose=purpose, separate=separate, notice="notice/3")
        self.try_to(event, customer)

    @rule(customer=CUSTOMERS, purpose=PURPOSES)
    def withdraw(self, customer: str, purpose: str) -> None:
        """A consent is withdrawn."""
        self.try_to(p.ConsentWithdrawn(occurred_at=self.world.now, purpose=purpose, method="app"), customer)

    @rule(customer=CUSTOMERS, other=CUSTOMERS, back=st.booleans())
    def merge(self, customer: str, other: str, back: bool) -> None:
        """Two files become one, or two again."""
        kind = f.MergeReverted if back else f.CustomersMerged
        event = kind(occurred_at=self.world.now, absorbed=other, reason="one person", approver="M-1")
        self.try_to(event, customer)

    # --- orders and freezes

    @rule(account=ACCOUNTS, customer=CUSTOMERS)
    def open(self, account: str, customer: str) -> None:
        """An account is opened."""
        holders = (a.Holder(customer=customer),)
        self.try_to(
            a.AccountOpened(
                occurred_at=self.world.now, account=account, currency="CNY", product="p",
                opened_on=self.world.today, holders=holders,
            )
        )  # fmt: skip

    @rule(account=ACCOUNTS, again=st.booleans())
    def close(self, account: str, again: bool) -> None:
        """An account is closed, or opened again."""
        kind = a.AccountReopened if again else a.AccountClosed
        self.try_to(kind(occurred_at=self.world.now, on=self.world.today, reason="r"), account)

    @rule(number=ORDERS, account=ACCOUNTS, days=st.integers(30, 300), take=st.booleans(), on=ACCOUNTS)
    def order(self, number: str, account: str, days: int, take: bool, on: str) -> None:
        """A court orders a freeze; its order is accepted and carried out now, or when it comes up again."""
        until = self.world.now + timedelta(days=days)
        self.try_to(order(self.world, number, action="freeze", accounts=(account,), freeze_until=until))
        if take:
            self.try_to(accepted(self.world, number))
            self.freeze(on, "X1", any_order=True, days=20, queue=False)

    @rule(account=ACCOUNTS, number=NUMBERS, any_order=st.booleans(), days=st.integers(1, 60), queue=st.booleans())
    def freeze(self, account: str, number: str, any_order: bool, days: int, queue: bool) -> None:
        """An account is frozen, or the freeze waits its turn; mostly by the newest order about it."""
        orders = [name.key for name in self.world.streams if name.kind == "order"]
        about = [key for key in orders if account in self.world.events("order", key)[0].accounts]
        by = ((orders if any_order else about) or ["O1"])[-1]
        until = self.world.now + timedelta(days=days)
        event = (
            r.FreezeQueued(occurred_at=self.world.now, id=number, order=by, organ="court")
            if queue
            else r.AccountFrozen(occurred_at=self.world.now, id=number, order=by, organ="court", until=until)
        )
        self.try_to(event, account)

    @rule(account=ACCOUNTS, number=NUMBERS)
    def release(self, account: str, number: str) -> None:
        """A freeze is lifted."""
        self.try_to(
            r.FreezeReleased(occurred_at=self.world.now, id=number, reason="order lifted", approver="T-2"), account
        )

    # --- bookings and their reversals

    @rule(reference=BOOKINGS, account=ACCOUNTS, minor=st.integers(1, 500))
    def book(self, reference: str, account: str, minor: int) -> None:
        """An amount is booked."""
        self.try_to(paid(self.world, reference, account, str(Decimal(minor) / 100)))

    @rule(reference=BOOKINGS, of=BOOKINGS, account=ACCOUNTS, minor=st.integers(1, 500), exact=st.booleans())
    def reverse(self, reference: str, of: str, account: str, minor: int, exact: bool) -> None:
        """A booking is taken back, rightly or wrongly."""
        known = [event for name in ("A1", "A2") for event in self.bookings(name) if event.reference == of]
        legs = paid(self.world, reference, account, str(Decimal(minor) / 100)).legs
        if exact and known:
            legs = (known[0].leg,)
        turned = tuple(msgspec.structs.replace(leg, direction="credit") for leg in legs)
        booking = paid(self.world, f"R-{reference}", account, "1", reversal=True, parent=of)
        self.try_to(msgspec.structs.replace(booking, legs=turned))

    def bookings(self, account: str) -> list[TransactionBooked]:
        """The bookings of an account."""
        return [event for event in self.world.events("postings", account) if isinstance(event, TransactionBooked)]

    # --- holds and disposal

    @rule(number=NUMBERS, end=st.booleans())
    def hold(self, number: str, end: bool) -> None:
        """A hold is placed or released."""
        now = self.world.now
        placed = k.HoldPlaced(occurred_at=now, subject=SUBJECT, hold=number, basis="litigation")
        ended = k.HoldReleased(occurred_at=now, subject=SUBJECT, hold=number, reason="over", approver="M-1")
        self.try_to(ended if end else placed)

    @rule(
        number=NUMBERS, first=st.integers(0, 3), last=st.integers(1, 4), days=st.integers(-9, 9),
        between=st.integers(0, 9),
    )  # fmt: skip
    def dispose(self, number: str, first: int, last: int, days: int, between: int) -> None:
        """A disposal goes some steps further, and a hold may come between them."""
        earliest = self.world.today + timedelta(days=days)
        steps: tuple[tuple[str, str, dict[str, Any]], ...] = (
            ("disposal.proposed", "D-1", {"proposer": "D-1", "earliest": earliest}),
            ("disposal.approved", "D-2", {"approver": "D-2"}),
            ("disposal.key_destroyed", "D-1", {}),
            ("disposal.completed", "D-1", {}),
        )
        for at, (topic, actor, fields) in list(enumerate(steps))[first:last]:
            if at == between:
                self.hold(number, end=False)
            self.try_to(self.said(topic, subject=SUBJECT, disposal=number, **fields), actor=actor)

    # --- what always holds

    @invariant()
    def replay_gives_the_states(self) -> None:
        """The events alone give the states that decisions were taken on."""
        assert self.world.replayed() == self.world.states

    @invariant()
    def nobody_is_taken_with_open_questions(self) -> None:
        """At each verification no contradiction is open; at each beginning no hit either; a high risk is met."""
        for name, events in self.world.streams.items():
            open_: dict[str, set[str]] = {"discrepancy": set(), "hit": set()}
            met: set[str] = set()
            for event in events if name.kind == "customer" else ():
                match event:
                    case q.DiscrepancyRaised():
                        open_["discrepancy"].add(event.id)
                    case q.DiscrepancyResolved():
                        open_["discrepancy"].discard(event.id)
                    case q.ScreeningPerformed():
                        open_["hit"] |= set(event.hits)
                    case q.ScreeningHitDecided():
                        open_["hit"].discard(event.hit)
                    case c.RiskRated():
                        met = met - {"high"} | ({"high"} if event.level == "high" else set())
                    case q.SourceOfFundsRecorded() | q.SeniorApprovalGranted() | c.IdentityVerified():
                        assert not open_["discrepancy"] or not isinstance(event, c.IdentityVerified)
                        met.add(type(event).__name__)
                    case q.CddFailed() | q.CddStarted():
                        met = met - {"failed"} | ({"failed"} if isinstance(event, q.CddFailed) else set())
                    case c.RelationshipEstablished():
                        assert not open_["discrepancy"] | open_["hit"]
                        assert "failed" not in met
                        assert "IdentityVerified" in met
                        assert "high" not in met or {"SourceOfFundsRecorded", "SeniorApprovalGranted"} <= met

    @invariant()
    def consents_alternate(self) -> None:
        """A purpose is consented to and withdrawn in turns; a recipient always by a consent of its own."""
        for name, events in self.world.streams.items():
            given: set[str] = set()
            for event in events if name.kind == "customer" else ():
                match event:
                    case p.ConsentGiven():
                        assert event.purpose not in given
                        assert event.separate or not event.purpose.startswith("share:")
                        given.add(event.purpose)
                    case p.ConsentWithdrawn():
                        given.remove(event.purpose)

    @invariant()
    def absorbed_files_rest(self) -> None:
        """What was merged away takes nothing until it is restored, and both files say the same of it."""
        for name, events in self.world.streams.items():
            survivor = ""
            for event in events if name.kind == "customer" else ():
                if isinstance(event, f.CustomerRestored):
                    assert event.survivor == survivor
                    survivor = ""
                else:
                    assert not survivor, event.TOPIC
                if isinstance(event, f.CustomerAbsorbed):
                    survivor = event.survivor
            if survivor:
                assert name.key in self.world.state("customer", survivor).life.absorbed

    @invariant()
    def frozen_means_ordered(self) -> None:
        """Every freeze names an accepted order about that account and ends with it; no closing under a freeze."""
        for name, events in self.world.streams.items():
            frozen: dict[str, Any] = {}
            for event in events if name.kind == "account" else ():
                match event:
                    case r.AccountFrozen():
                        received, *rest = self.world.events("order", event.order)
                        assert "order.accepted" in {later.TOPIC for later in rest}
                        assert name.key in received.accounts
                        assert event.until is not None
                        assert event.until <= received.freeze_until
                        assert not any(until > event.occurred_at for until in frozen.values())
                        frozen[event.id] = event.until
                    case r.FreezeReleased():
                        del frozen[event.id]
                    case a.AccountClosed():
                        assert not any(until > event.occurred_at for until in frozen.values())

    @invariant()
    def reversals_cancel(self) -> None:
        """A booking of ours is taken back at most once, on its account, by its amount."""
        taken: Counter[str] = Counter()
        known = {event.reference: event for name in ("A1", "A2") for event in self.bookings(name)}
        for event in known.values():
            original = known.get(event.parent) if event.reversal else None
            if original is not None and self.is_later(event, original):
                taken[event.parent] += 1
                assert (event.leg.account, event.leg.amount) == (original.leg.account, original.leg.amount)
                assert event.leg.direction != original.leg.direction
        assert all(times == 1 for times in taken.values())

    def is_later(self, event: TransactionBooked, original: TransactionBooked) -> bool:
        """Whether a booking was recorded after another, so that it could be held against it."""
        order = list(self.world.cited)
        return order.index(event.reference) > order.index(original.reference)

    @invariant()
    def holds_beat_disposals(self) -> None:
        """No key goes while a hold stands, without two people, before its day, or twice."""
        held: set[str] = set()
        stood: dict[str, str] = {}
        for event in self.world.events("retention", SUBJECT):
            match event:
                case k.HoldPlaced():
                    held.add(event.hold)
                case k.HoldReleased():
                    held.remove(event.hold)
                case k.DisposalProposed():
                    assert not held
                    assert event.earliest <= event.occurred_at.date()
                    stood[event.disposal] = event.proposer
                case k.DisposalApproved():
                    assert not held
                    assert event.approver != stood[event.disposal]
                    stood[event.disposal] = "approved"
                case k.KeyDestroyed():
                    assert not held
                    assert stood[event.disposal] == "approved"
                    stood[event.disposal] = "destroyed"
                case k.RecordDisposed():
                    assert stood.pop(event.disposal) == "destroyed"


TestLaw = Law.TestCase
TestLaw.settings = settings(max_examples=60, stateful_step_count=40)
