"""Files merged, parted and corrected: by two people, neither of whom stands in a file that is touched."""

from __future__ import annotations

import pytest
from fix_world_gate import grant

from kyc.desk.clerk import Clerk
from kyc.desk.files import Correction, FileDesk
from kyc.domain.customer import AttributeCorrected
from kyc.domain.life import CustomersMerged, MergeReverted
from kyc.errors import AccessDeniedError, InputError, RefusedError

WRONG = Correction(target=1, attribute="birth_date", was="1990-05-17", now="1990-05-18", evidence="passport")


def officer(name: str) -> Clerk:
    """Somebody at head office."""
    return Clerk(id=name, roles=frozenset({"hq-operations"}), reason="quality of data")


@pytest.fixture
def desk(house, service) -> FileDesk:
    """The desk with H-1 at it; H-2 has the right too."""
    for name in ("H-1", "H-2"):
        grant(house, name, "hq-operations")
    return FileDesk(service, officer("H-1"))


def test_merged_and_parted(house, desk):
    """Both names are on record; the absorbed file takes nothing until they stand alone again."""
    second = officer("H-2")
    desk.merge("C1", "C2", "same man", second)
    merged = house.events("customer", "C1")[-1]
    assert isinstance(merged, CustomersMerged)
    assert (merged.absorbed, merged.reason, merged.approver) == ("C2", "same man", "H-2")
    assert house.topics("customer", "C2")[-1] == "customer.absorbed"
    with pytest.raises(RefusedError) as caught:
        desk.correct("C2", WRONG, "misread", second)
    assert caught.value.rule == "customer.merged"
    desk.revert("C1", "C2", "brothers", second)
    reverted = house.events("customer", "C1")[-1]
    assert isinstance(reverted, MergeReverted)
    assert (reverted.absorbed, reverted.reason, reverted.approver) == ("C2", "brothers", "H-2")
    desk.correct("C2", WRONG, "misread", second)
    with pytest.raises(RefusedError) as caught:
        desk.revert("C1", "C2", "brothers", second)
    assert caught.value.rule == "merged before"


def test_corrected(house, desk):
    """The right value is new, the wrong one stays; not against what stands there, nor an attribute there is not."""
    desk.correct("C1", WRONG, "misread", officer("H-2"))
    corrected = house.events("customer", "C1")[-1]
    assert isinstance(corrected, AttributeCorrected)
    assert (corrected.was, corrected.now, corrected.reason) == ("1990-05-17", "1990-05-18", "misread")
    assert (corrected.evidence, corrected.approver) == ("passport", "H-2")
    assert str(house.events("customer", "C1")[0].birth_date) == "1990-05-17"
    with pytest.raises(RefusedError) as caught:
        desk.correct("C1", WRONG, "misread", officer("H-2"))
    assert caught.value.field == "was"
    unknown = Correction(target=1, attribute="shoe_size", was="", now="44", evidence="letter")  # type: ignore[arg-type]
    with pytest.raises(InputError) as foreign:
        desk.correct("C1", unknown, "misread", officer("H-2"))
    assert foreign.value.field == "attribute"


def test_no_file_of_ones_own(house, desk, service):
    """Who stands in either file neither merges nor parts nor corrects it, nor approves that; nobody is two."""
    for name in ("C1", "C2"):
        grant(house, name, "hq-operations")
    before = house.topics("customer", "C1"), house.topics("customer", "C2")
    acts = (
        lambda at, second: at.merge("C1", "C2", "same man", second),
        lambda at, second: at.merge("C2", "C1", "same man", second),
        lambda at, second: at.revert("C1", "C2", "brothers", second),
        lambda at, second: at.revert("C2", "C1", "brothers", second),
        lambda at, second: at.correct("C1", WRONG, "misread", second),
    )
    own = FileDesk(service, officer("C1"))
    for act in acts:
        for at, second, code in (
            (own, officer("H-2"), "not-own-record"), (desk, officer("C1"), "not-own-record"),
            (desk, officer("H-1"), "second-person"),
        ):  # fmt: skip
            with pytest.raises(AccessDeniedError) as caught:
                act(at, second)
            assert caught.value.code == code
    assert before == (house.topics("customer", "C1"), house.topics("customer", "C2"))
