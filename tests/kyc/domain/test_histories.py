"""Random but legal histories: whatever order events come in, what was admitted keeps the bank's invariants."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal

from fix_samples import HOME
from fix_world import World
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kyc.domain import account as a
from kyc.domain import customer as c
from kyc.domain import document as d
from kyc.domain.document import document_claim, is_valid
from kyc.domain.event import Event
from kyc.domain.transaction import BookTransaction, Leg
from kyc.domain.values import Name
from kyc.errors import RefusedError

CUSTOMERS = st.sampled_from(["C1", "C2"])
ACCOUNTS = st.sampled_from(["A1", "A2"])
PAPERS = st.sampled_from(["P1", "P2"])
ROLES = st.sampled_from(["owner", "joint", "agent"])


class Bank(RuleBasedStateMachine):
    """Two customers, two accounts and what may happen to them; a refusal is as good an answer as any."""

    @initialize()
    def begin(self) -> None:
        """A bank with one customer of long standing and room for another."""
        self.world = World()
        self.bookings = 0
        self.register("C1")
        self.establish("C1")
        self.open("A1", {"C1"}, "owner")

    def try_to(self, data: Event, stream: str = "") -> None:
        """Submit an event that may be refused."""
        with suppress(RefusedError):
            self.world.record(data, stream)

    @rule(days=st.integers(1, 400))
    def time_passes(self, days: int) -> None:
        """Today moves on."""
        self.world.today += timedelta(days=days)

    @rule(customer=CUSTOMERS)
    def register(self, customer: str) -> None:
        """A person comes to the counter."""
        self.try_to(
            c.CustomerRegistered(
                occurred_at=self.world.now, customer=customer, type="natural", template="natural/1",
                notice="notice/3", names=(Name(text="Ada"),), addresses=(HOME,), birth_date=date(1990, 5, 17),
                nationalities=("GBR",),
            )
        )  # fmt: skip

    @rule(customer=CUSTOMERS, number=PAPERS, years=st.integers(0, 3))
    def capture(self, customer: str, number: str, years: int) -> None:
        """A passport is taken in."""
        today = self.world.today
        self.try_to(
            d.DocumentCaptured(
                occurred_at=self.world.now, kind="passport", number=number, issuing_country="GBR",
                issued_on=today, expires_on=today + timedelta(days=365 * years),
            ),
            customer,
        )  # fmt: skip

    @rule(customer=CUSTOMERS)
    def verify(self, customer: str) -> None:
        """The identity is verified against a passport."""
        self.try_to(
            c.IdentityVerified(
                occurred_at=self.world.now, level="standard", method="visual", document_kind="passport",
                verified_by="T-1",
            ),
            customer,
        )  # fmt: skip

    @rule(customer=CUSTOMERS)
    def establish(self, customer: str) -> None:
        """The relationship begins."""
        self.try_to(c.RelationshipEstablished(occurred_at=self.world.now, on=self.world.today), customer)

    @rule(customer=CUSTOMERS, named=st.sets(ACCOUNTS))
    def end(self, customer: str, named: set[str]) -> None:
        """The relationship ends, some accounts named."""
        now, today = self.world.now, self.world.today
        self.try_to(
            c.RelationshipEnded(occurred_at=now, on=today, reason="r", accounts=tuple(sorted(named))), customer
        )

    @rule(account=ACCOUNTS, customers=st.sets(CUSTOMERS, min_size=1), role=ROLES)
    def open(self, account: str, customers: set[str], role: str) -> None:
        """An account is opened."""
        holders = tuple(a.Holder(customer=number, role=role) for number in sorted(customers))
        self.try_to(
            a.AccountOpened(
                occurred_at=self.world.now, account=account, currency="CNY", product="p",
                opened_on=self.world.today, holders=holders,
            )
        )  # fmt: skip

    @rule(account=ACCOUNTS, customer=CUSTOMERS, role=ROLES)
    def join(self, account: str, customer: str, role: str) -> None:
        """A holder joins."""
        holder = a.Holder(customer=customer, role=role)
        self.try_to(a.HolderAdded(occurred_at=self.world.now, holder=holder, on=self.world.today), account)

    @rule(account=ACCOUNTS, customer=CUSTOMERS)
    def leave(self, account: str, customer: str) -> None:
        """A holder leaves."""
        self.try_to(
            a.HolderRemoved(occurred_at=self.world.now, customer=customer, on=self.world.today, reason="r"), account
        )

    @rule(account=ACCOUNTS)
    def close(self, account: str) -> None:
        """An account is closed."""
        self.try_to(a.AccountClosed(occurred_at=self.world.now, on=self.world.today, reason="r"), account)

    @rule(accounts=st.sets(ACCOUNTS, min_size=1), minor=st.integers(-100, 10**6))
    def book(self, accounts: set[str], minor: int) -> None:
        """An amount is booked on some accounts."""
        self.bookings += 1
        amount = Decimal(minor).scaleb(-2)
        legs = tuple(
            Leg(account=number, direction="debit", amount=amount, currency="CNY") for number in sorted(accounts)
        )
        self.try_to(
            BookTransaction(
                occurred_at=self.world.now, reference=f"T{self.bookings}", kind="transfer", channel="counter",
                booked_at=self.world.now, value_date=self.world.today, legs=legs,
            )
        )  # fmt: skip

    @invariant()
    def replay_gives_the_states(self) -> None:
        """The events alone give the states that decisions were taken on."""
        assert self.world.replayed() == self.world.states

    @invariant()
    def holders_and_files_agree(self) -> None:
        """Who holds an account has it in their own file, and nobody else has."""
        held = sorted(
            (state.customer, account.account)
            for name, state in self.world.states.items()
            if name.kind == "customer"
            for account in state.accounts
        )
        holding = sorted(
            (holder.customer, name.key)
            for name, state in self.world.states.items()
            if name.kind == "account"
            for holder in state.holders
        )
        assert held == holding

    @invariant()
    def ended_relationships_hold_nothing_open(self) -> None:
        """On the day a relationship ends, every account the customer holds is closed."""
        for name, events in self.world.streams.items():
            linked: set[str] = set()
            for event in events if name.kind == "customer" else ():
                match event:
                    case c.AccountLinked():
                        linked.add(event.account)
                    case c.AccountUnlinked():
                        linked.discard(event.account)
                    case c.RelationshipEnded():
                        closed = [self.world.state("account", number).closed_on for number in linked]
                        assert all(day is not None and day <= event.on for day in closed)

    @invariant()
    def documents_have_one_owner(self) -> None:
        """No document identifies two customers."""
        seen: dict[object, str] = {}
        for name, state in self.world.states.items():
            for document in state.documents if name.kind == "customer" else ():
                assert seen.setdefault(document_claim(document), name.key) == name.key

    @invariant()
    def verified_means_a_valid_document(self) -> None:
        """Every verification had a document that was valid on its day."""
        for name, events in self.world.streams.items():
            papers: list[d.DocumentCaptured] = []
            for event in events if name.kind == "customer" else ():
                if isinstance(event, d.DocumentCaptured):
                    papers.append(event)
                elif isinstance(event, c.IdentityVerified):
                    assert any(is_valid(paper, event.occurred_at.date()) for paper in papers)

    @invariant()
    def postings_are_positive_and_in_time(self) -> None:
        """Every posting is above zero and lies between opening and closing of its account."""
        for name, events in self.world.streams.items():
            for event in events if name.kind == "postings" else ():
                state = self.world.state("account", name.key)
                assert event.leg.amount > 0
                assert state.opened_on <= event.booked_at.date() <= (state.closed_on or date.max)


TestBank = Bank.TestCase
TestBank.settings = settings(max_examples=200, stateful_step_count=30)
