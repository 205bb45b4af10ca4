"""Two people: whether an act was done by one and approved by another. Pure; the one place that says it.

Orders, disposal, the release of a hold, exports, mergers, corrections and published policies all ask here.
"""

from __future__ import annotations

from kyc.errors import RefusedError


def are_two(first: str, second: str, *others: str) -> bool:
    """Whether everybody is named and no two of them are one."""
    people = [person.strip().casefold() for person in (first, second, *others)]
    return all(people) and len(set(people)) == len(people)


def two_people(first: str, second: str, *others: str, field: str = "approver") -> None:
    """Refuse what one person did alone; ``others`` are further people who must differ, such as who took it in.

    Raises:
        RefusedError: somebody is missing, or two of them are one.
    """
    if not are_two(first, second, *others):
        raise RefusedError(
            "the second person is the first", field=field, rule="two people", remedy="have somebody else approve"
        )
