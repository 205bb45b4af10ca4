"""Changes in customers' lives: as many as promised, in order, the same for a seed."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from kyc.simulate.changes import Changes
from kyc.simulate.people import Person
from kyc.simulate.population import Population, kind_of

START = date(2026, 1, 1)
SIZE = 1_500


def year() -> tuple[Population, dict[date, list]]:
    """All changes of a year."""
    population = Population(4, SIZE, START)
    changes = Changes(population, 365)
    for serial in range(SIZE):
        changes.watch(population.customer(serial))
    return population, {day: changes.of_day(day) for day in (START + timedelta(days=n) for n in range(365))}


def test_a_fifth_of_the_customers_change_something_each_year() -> None:
    """All kinds appear, each with its own field set and no other; the same again from the same seed."""
    _, days = year()
    made = [change for of_day in days.values() for change in of_day]
    kinds = Counter(change.kind for change in made)
    assert set(kinds) == {"address", "phone", "document", "risk"}
    assert SIZE * 0.16 < len(made) - kinds["document"] < SIZE * 0.24
    for change in made:
        assert getattr(change, change.kind)
        assert sum(map(bool, change[3:])) == 1
    assert year()[1] == days


def test_changes_of_a_day_are_in_order_of_opening_hours() -> None:
    """Customers come while counters are open."""
    for of_day in year()[1].values():
        seconds = [change.second for change in of_day]
        assert seconds == sorted(seconds)
        assert all(32_400 <= second < 61_200 for second in seconds)


def test_documents_are_renewed_about_when_they_end() -> None:
    """Same number, issued on the day of the change, up to 40 days early or 20 late; some are never renewed."""
    population, days = year()
    seen = set()
    for day, of_day in days.items():
        for change in of_day:
            if change.kind == "document":
                party = population.customer(change.serial).party
                assert isinstance(party, Person)
                assert change.document.number == party.document.number
                assert change.document.issued == day
                assert -40 <= (day - party.document.expires).days <= 20
                seen.add(change.serial)
    ending = [
        serial
        for serial in range(SIZE)
        if kind_of(serial) == "person"
        and (expires := population.customer(serial).party.document.expires) is not None
        and START + timedelta(days=40) <= expires < START + timedelta(days=340)
    ]
    assert 0 < len(set(ending) - seen) < len(ending)
