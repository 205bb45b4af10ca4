"""A report of an export that a person reads: who, which accounts, which transactions, when, with charts.

Gathered while the events pass by, in bounded memory: of events and transactions the newest are kept, the rest is
counted and the report says so. It is made once as blocks without language or form; :mod:`replay.report_html` and
:mod:`replay.report_pdf` render them. The time it was made stands in the manifest alone, so that two reports of the
same state are the same bytes.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from kyc.clock import to_datetime
from kyc.domain.account import AccountState
from kyc.domain.customer import CustomerState
from kyc.domain.event import Scanned
from kyc.domain.transaction import TransactionBooked
from kyc.store.log import Recorded
from replay.container import Container
from replay.listening import Told
from replay.render import fields, moment
from replay.report_words import LANGUAGES, Language, topic, word

EVENTS_KEPT: Final = 1_000
"""Newest events in the timeline."""
LEGS_KEPT: Final = 1_000
"""Newest legs in the list of transactions."""
CUSTOMERS_KEPT: Final = 100
"""Customers told in full."""
ACCOUNTS_KEPT: Final = 1_000
_CURRENCIES: Final = 3
"""Currencies with a chart of their own."""
_BARS: Final = 60
"""Bars of a chart; more months than that are drawn as years."""
_CONTENT_MAX: Final = 300  # characters of an event's content in the timeline
_CUSTOMER: Final = (
    "type", "birth_date", "gender", "nationalities", "occupation", "employer", "registration_number",
    "business_scope", "industry_code", "registered_capital",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Pairs:
    """Names with values."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; ``widths`` are parts of the page's width."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar chart: for each label one bar of each series."""

    title: str
    labels: tuple[str, ...]
    series: tuple[tuple[str, tuple[Decimal, ...]], ...]


Block = Heading | Text | Pairs | Grid | Bars


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What the manifest says too."""

    stated: dict[str, str]
    """Recipient, purpose and so on, by the names of the words."""
    scope: dict[str, Any]
    checkpoint: str


class Report:
    """Told of an export; writes the report in every language by every renderer."""

    def __init__(self, cover: Cover, renderers: Sequence[tuple[str, Callable[..., Iterator[bytes]]]]) -> None:
        self._cover = cover
        self._renderers = renderers
        self._counts: Counter[str] = Counter()
        self._customers: list[CustomerState] = []
        self._accounts: list[tuple[AccountState, str]] = []
        self._events: list[tuple[Any, ...]] = []
        self._legs: list[tuple[Any, ...]] = []
        self._months: Counter[str] = Counter()
        self._money: dict[str, dict[str, dict[str, Decimal]]] = defaultdict(
            lambda: defaultdict(lambda: {"credit": Decimal(0), "debit": Decimal(0)})
        )

    def see(self, told: Told, recorded: Recorded) -> None:
        """An event that is given in clear."""
        self._counts["events"] += 1
        row, event = recorded.row, recorded.event
        self._months[f"{to_datetime(row.recorded_at):%Y-%m}"] += 1
        key = (row.recorded_at, self._counts["events"])
        _keep(self._events, (*key, told.name, recorded), EVENTS_KEPT)
        if isinstance(event, Scanned):
            self._counts["documents"] += len(event.images)
        if isinstance(event, TransactionBooked):
            self._counts["transactions"] += 1
            leg = event.leg
            self._money[leg.currency][f"{event.booked_at:%Y-%m}"][leg.direction] += leg.amount
            _keep(self._legs, (event.booked_at.timestamp(), self._counts["events"], event), LEGS_KEPT)

    def ended(self, told: Told) -> None:
        """A customer or an account is known whole."""
        if isinstance(told.state, CustomerState):
            self._counts["customers"] += 1
            if len(self._customers) < CUSTOMERS_KEPT:
                self._customers.append(told.state)
        elif isinstance(told.state, AccountState):
            self._counts["accounts"] += 1
            if len(self._accounts) < ACCOUNTS_KEPT:
                self._accounts.append((told.state, told.product))

    def write(self, box: Container) -> None:
        """One file per language and renderer."""
        for language in LANGUAGES:
            blocks = tuple(self.blocks(language))
            for suffix, render in self._renderers:
                with box.entry(f"report/report.{language}.{suffix}", packed=suffix == "html") as entry:
                    for part in render(word("title", language), blocks, language):
                        entry.write(part)

    def close(self) -> None:
        """Nothing is kept outside of memory."""

    # --- blocks ---------------------------------------------------------------------------------

    def blocks(self, language: Language) -> Iterator[Block]:
        """The report, block by block."""
        yield from self._front(language)
        yield from self._charts(language)
        for state in self._customers:
            yield from _customer(state, language)
        yield from self._account_list(language)
        yield from self._leg_list(language)
        yield from self._timeline(language)

    def _front(self, language: Language) -> Iterator[Block]:
        cover, scope = self._cover, self._cover.scope
        yield Heading(word("order", language))
        named = [(word(name, language), value) for name, value in cover.stated.items() if value]
        asked = f"{word(scope['kind'], language)} {scope['key']}".strip()
        named.append((word("scope", language), asked))
        named += [(word(name, language), str(scope[name])) for name in ("since", "until", "zone") if scope[name]]
        named.append((word("checkpoint", language), cover.checkpoint))
        yield Pairs(tuple(named))
        yield Text(word("proof", language))
        yield Heading(word("figures", language))
        kinds = ("events", "customers", "accounts", "transactions", "documents")
        yield Pairs(tuple((word(kind, language), f"{self._counts[kind]:,}") for kind in kinds))

    def _charts(self, language: Language) -> Iterator[Block]:
        unit, size = ("month", 7) if len(self._months) <= _BARS else ("year", 4)
        counts: Counter[str] = Counter()
        for month, number in self._months.items():
            counts[month[:size]] += number
        yield Bars(
            word("per_month", language, unit=word(unit, language)), tuple(sorted(counts)),
            ((word("events", language), tuple(Decimal(counts[label]) for label in sorted(counts))),),
        )  # fmt: skip
        busiest = sorted(self._money, key=lambda currency: (-len(self._money[currency]), currency))
        for currency in busiest[:_CURRENCIES]:
            yield self._flow(currency, language)

    def _flow(self, currency: str, language: Language) -> Bars:
        months = self._money[currency]
        unit, size = ("month", 7) if len(months) <= _BARS else ("year", 4)
        sums: dict[str, dict[str, Decimal]] = {}
        for month, flows in months.items():
            total = sums.setdefault(month[:size], {"credit": Decimal(0), "debit": Decimal(0)})
            for direction, amount in flows.items():
                total[direction] += amount
        labels = tuple(sorted(sums))
        return Bars(
            word("money", language, currency=currency, unit=word(unit, language)), labels,
            tuple(
                (word(name, language), tuple(sums[label][direction] for label in labels))
                for name, direction in (("received", "credit"), ("paid", "debit"))
            ),
        )  # fmt: skip

    def _account_list(self, language: Language) -> Iterator[Block]:
        if not self._accounts:
            return
        rows = tuple(
            (
                state.account, state.currency, product, str(state.opened_on), str(state.closed_on or ""),
                "; ".join(f"{holder.customer} ({holder.role})" for holder in state.holders),
            )
            for state, product in self._accounts
        )  # fmt: skip
        names = ("account", "currency", "product", "opened_on", "closed_on", "holders")
        note = _shortened(len(rows), self._counts["accounts"], language)
        yield Heading(word("accounts", language))
        yield Grid(tuple(word(name, language) for name in names), rows, (20, 9, 14, 14, 14, 29), note)

    def _leg_list(self, language: Language) -> Iterator[Block]:
        if not self._legs:
            return
        rows = []
        for _, _, event in sorted(self._legs, key=lambda kept: kept[:2], reverse=True):
            leg, other = event.leg, event.leg.counterparty
            theirs = " ".join(part for part in (other.name, other.account) if part) if other is not None else ""
            rows.append((
                f"{event.booked_at:%Y-%m-%d %H:%M}", event.reference, leg.account, word(leg.direction, language),
                f"{leg.amount:,} {leg.currency}", theirs, event.purpose or event.remittance,
            ))  # fmt: skip
        names = ("booked", "reference", "account", "direction", "amount", "counterparty", "purpose")
        note = _shortened(len(rows), self._counts["transactions"], language)
        yield Heading(word("transactions", language))
        yield Grid(tuple(word(name, language) for name in names), tuple(rows), (14, 16, 13, 8, 16, 18, 15), note)

    def _timeline(self, language: Language) -> Iterator[Block]:
        rows = []
        for _, _, name, recorded in sorted(self._events, key=lambda kept: kept[:2], reverse=True):
            said = {key: value for key, value in fields(recorded.event).items() if key != "occurred_at"}
            content = "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in said.items())
            rows.append((
                moment(recorded.row.recorded_at), topic(recorded.context.topic, language),
                f"{word(name.kind, language)} {name.key} #{recorded.row.version}", recorded.context.actor,
                content if len(content) <= _CONTENT_MAX else f"{content[:_CONTENT_MAX]} …",
            ))  # fmt: skip
        names = ("recorded", "what", "of", "by", "content")
        note = _shortened(len(rows), self._counts["events"], language)
        yield Heading(word("timeline", language))
        yield Grid(tuple(word(name, language) for name in names), tuple(rows), (16, 15, 17, 9, 43), note)


def _customer(state: CustomerState, language: Language) -> Iterator[Block]:
    registered = fields(state.registered)
    pairs = [("names", "; ".join(f"{name.text} ({name.kind})" for name in state.names))]
    pairs += [(name, registered[name]) for name in _CUSTOMER if name in registered]
    pairs += [
        ("addresses", "; ".join(" ".join((*address.lines, address.city)) for address in state.addresses)),
        ("phones", "; ".join(phone.number for phone in state.phones)), ("email", state.email),
        ("relationship_from", str(state.relationship_from or "")),
        ("relationship_to", str(state.relationship_to or "")),
    ]  # fmt: skip
    if state.verified is not None:
        pairs.append(("verified", f"{state.verified.occurred_at:%Y-%m-%d} {state.verified.level}"))
    if state.risk is not None:
        pairs.append(("risk", f"{state.risk.level} ({state.risk.model})"))
    for document in state.documents:
        expiry = word("no_expiry", language) if document.no_expiry else str(document.expires_on or "")
        pairs.append(("document", f"{document.kind} {document.number}, {word('expires', language)} {expiry}"))
    yield Heading(f"{word('customer', language)} {state.customer}")
    yield Pairs(tuple((word(name, language), value) for name, value in pairs if value))


def _keep(heap: list[tuple[Any, ...]], item: tuple[Any, ...], most: int) -> None:
    """Keep the newest; the first two parts of an item are unique, so the rest is never compared."""
    if len(heap) < most:
        heapq.heappush(heap, item)
    elif item[:2] > heap[0][:2]:
        heapq.heapreplace(heap, item)


def _shortened(kept: int, there: int, language: Language) -> str:
    return "" if kept == there else word("shortened", language, kept=f"{kept:,}", all=f"{there:,}")
