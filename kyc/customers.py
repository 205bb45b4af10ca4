"""Customers as an ``eventsourcing`` application, in the library's functional style.

Facts are immutable structs, the projector is a pure function, states are folded by the domain's own rules. It reads
and writes the same streams as the ledger: what one records the other knows. Use the ledger for bulk and for files;
use this where code is built on the library.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from uuid import UUID

import msgspec
from eventsourcing.application import Application
from eventsourcing.persistence import Mapper, StoredEvent

from kyc.domain import codec
from kyc.domain.admit import evolve
from kyc.domain.customer import CustomerState
from kyc.domain.event import Event, RecordClass
from kyc.domain.submission import Origin, StreamName
from kyc.store.persistence import Factory
from kyc.store.recorders import LedgerEvent

SNAPSHOT: Final = "customer.snapshot"
_encode = msgspec.json.Encoder(order="sorted", decimal_format="string").encode


@dataclass(frozen=True)
class Fact:
    """A domain event at its place in a stream; ``event`` None where it was disposed of."""

    originator_id: UUID
    originator_version: int
    event: Event | None


@dataclass(frozen=True)
class Customer:
    """A customer's state at a version."""

    id: UUID
    version: int
    state: CustomerState


@dataclass(frozen=True)
class CustomerSnapshot:
    """A customer's state, kept so that a long stream need not be folded from its beginning."""

    originator_id: UUID
    originator_version: int
    state: CustomerState

    @classmethod
    def take(cls, customer: Customer) -> CustomerSnapshot:
        """The snapshot of a customer."""
        return cls(customer.id, customer.version, customer.state)


class FactMapper(Mapper[UUID]):
    """Our canonical bytes and upcasts in place of the library's transcoder; encryption is the recorder's."""

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """The stored form of a fact or a snapshot."""
        place = domain_event.originator_id, domain_event.originator_version
        if isinstance(domain_event, CustomerSnapshot):
            return LedgerEvent(*place, SNAPSHOT, _encode(domain_event.state), record_class=RecordClass.IDENTITY)
        event = domain_event.event
        return LedgerEvent(
            *place, event.TOPIC, codec.encode(event), schema=event.SCHEMA, record_class=event.RECORD_CLASS,
            period=event.period(),
        )  # fmt: skip

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """The fact or snapshot again, in its current shape.

        Raises:
            FormatError: a payload that does not fit its schema.
        """
        place = UUID(str(stored_event.originator_id)), stored_event.originator_version
        if stored_event.topic == SNAPSHOT:
            return CustomerSnapshot(*place, msgspec.json.decode(stored_event.state, type=CustomerState))
        if getattr(stored_event, "disposed", False):
            return Fact(*place, None)
        schema = getattr(stored_event, "schema", 1)
        return Fact(*place, codec.decode(stored_event.topic, schema, stored_event.state))


def project_customer(customer: Customer | None, facts: Iterable[Any]) -> Customer | None:
    """The customer after these facts; a snapshot stands for all facts before it."""
    identity = customer.id if customer is not None else None
    version = customer.version if customer is not None else 0
    state = customer.state if customer is not None else None
    for fact in facts:
        identity, version = fact.originator_id, fact.originator_version
        if isinstance(fact, CustomerSnapshot):
            state = fact.state
        elif fact.event is not None:
            state = evolve("customer", state, fact.event)
    return Customer(identity, version, state) if identity is not None and state is not None else None


class Customers(Application[UUID]):
    """Register, change and read customers."""

    env: ClassVar[dict[str, str]] = {"PERSISTENCE_MODULE": "kyc.store.persistence"}
    is_snapshotting_enabled = True
    snapshot_class = CustomerSnapshot

    def construct_mapper(self) -> Mapper[UUID]:
        """Our mapper."""
        return self.factory.mapper(transcoder=self.construct_transcoder(), mapper_class=FactMapper)

    def customer_id(self, number: str) -> UUID:
        """The stream id of a customer number."""
        assert isinstance(self.factory, Factory)
        return UUID(bytes=self.factory.log.stream_id(StreamName("customer", number)))

    def record(self, number: str, *events: Event, after: int = 0, origin: Origin | None = None) -> int:
        """Record events of a customer whose stream stands at version ``after``; the new version.

        Raises:
            IntegrityError: the stream stands elsewhere: read it again and decide anew.
        """
        identity = self.customer_id(number)
        facts = [Fact(identity, after + at, event) for at, event in enumerate(events, start=1)]
        self.save(*facts, **({"origin": origin} if origin is not None else {}))
        return after + len(events)

    def get(self, number: str, version: int | None = None) -> Customer:
        """A customer now, or as of a version.

        Raises:
            AggregateNotFoundError: no such customer.
        """
        customer: Customer = self.repository.get(
            self.customer_id(number), version=version, projector_func=project_customer
        )
        return customer

    def snapshot(self, number: str) -> None:
        """Keep a snapshot of the customer's present state."""
        self.take_snapshot(self.customer_id(number), projector_func=project_customer)
