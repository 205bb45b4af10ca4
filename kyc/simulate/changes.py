"""What changes in customers' lives while money moves: addresses, phones, papers, risk."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, Literal, NamedTuple

from kyc.simulate.chance import below, between, chance, pick, skewed
from kyc.simulate.people import Document, Person, renewed
from kyc.simulate.population import Customer, Population
from kyc.simulate.regions import REGIONS, Address, make_address, make_mobile

ChangeKind = Literal["address", "phone", "document", "risk"]
Risk = Literal["low", "medium", "high"]
_PER_YEAR: Final = 0.2
"""Changes a customer and year, renewals of documents apart."""
_KINDS: Final[tuple[ChangeKind, ...]] = ("address",) * 7 + ("phone",) * 6 + ("risk",) * 4
_RENEWED_BEFORE: Final = (-20, 40)  # days before the end; a negative number is too late
_NEVER_RENEWED: Final = 0.3


class Change(NamedTuple):
    """One change; the field that its kind names is set."""

    second: int
    """Second of the local day."""
    serial: int
    kind: ChangeKind
    address: Address | None = None
    phone: str = ""
    document: Document | None = None
    risk: Risk | None = None


class Changes:
    """The changes of ``count`` days from the population's start on.

    Renewals are known only for customers shown to :meth:`watch`; all else follows from seed and day.
    """

    def __init__(self, population: Population, count: int) -> None:
        self._population, self._days = population, count
        self._renewals: dict[date, list[Change]] = {}

    def watch(self, customer: Customer) -> None:
        """Plan the renewal of a document that runs out in the days simulated; some are left to expire."""
        party = customer.party
        if not isinstance(party, Person) or party.document.kind != "resident-id" or party.document.expires is None:
            return
        random = chance(self._population.seed, "renewal", customer.serial)
        day = party.document.expires - timedelta(days=between(random, *_RENEWED_BEFORE))
        if random.random() < _NEVER_RENEWED or not 0 <= (day - self._population.start).days < self._days:
            return
        change = Change(_at_counter(random.random()), customer.serial, "document",
                        document=renewed(party.document, party.birth, day))  # fmt: skip
        self._renewals.setdefault(day, []).append(change)

    def of_day(self, day: date) -> list[Change]:
        """In order of time."""
        random = chance(self._population.seed, "changes", day.toordinal())
        expected = self._population.size * _PER_YEAR / 365
        number = int(expected) + (random.random() < expected - int(expected))
        made = [self._change(day, below(random, self._population.size), place) for place in range(number)]
        return sorted(made + self._renewals.pop(day, []), key=_second)

    def _change(self, day: date, serial: int, place: int) -> Change:
        random = chance(self._population.seed, "change", day.toordinal(), place)
        second, kind = _at_counter(random.random()), pick(random, _KINDS)
        if kind == "address":
            return Change(second, serial, kind, address=make_address(random, skewed(random, REGIONS)))
        if kind == "phone":
            return Change(second, serial, kind, phone=make_mobile(random))
        risk: Risk = pick(random, ("low", "medium", "medium", "high"))
        return Change(second, serial, kind, risk=risk)


def _second(change: Change) -> tuple[int, int]:
    return change.second, change.serial


def _at_counter(drawn: float) -> int:
    return 32_400 + int(drawn * 28_000)
