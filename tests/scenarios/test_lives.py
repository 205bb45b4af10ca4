"""What toy systems miss about people: return, death, majority, agents, owners, refusal (gotchas 1, 2, 6, 27-29)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import msgspec
from fix_samples import PARTY, SAMPLES
from fix_world_china import company, onboard, open_account, person, rated

from kyc.domain.account import AccountClosed, AccountReopened, Holder, HolderAdded
from kyc.domain.customer import RelationshipEnded, RelationshipEstablished
from kyc.domain.diligence import RelianceRecorded
from kyc.domain.life import (
    CustomerDeceased,
    GuardianshipEnded,
    PartyAdded,
    PartyEnded,
    ProspectRefused,
    RelationshipReopened,
    age_on,
)
from kyc.domain.ownership import (
    BeneficialOwnerChanged,
    BeneficialOwnerEnded,
    BeneficialOwnerIdentified,
    RegistryDifferenceReported,
)


def test_a_former_customer_returns(china):
    """The end stays on record with its day; the return begins anew, and its end starts the clock again."""
    onboard(china, "C1")
    ended = date(2026, 3, 2)
    reopened = RelationshipReopened(occurred_at=china.now, on=china.today, previous_end=ended)
    assert china.refuse(reopened, "C1").rule == "ended before it is reopened"
    china.record(RelationshipEnded(occurred_at=china.now, on=ended, reason="moved"), "C1")
    again = RelationshipEstablished(occurred_at=china.now, on=china.today)
    assert china.refuse(again, "C1").remedy == "reopen it where it has ended"
    china.today = date(2028, 1, 10)
    wrong = RelationshipReopened(occurred_at=china.now, on=china.today, previous_end=date(2026, 3, 1))
    assert china.refuse(wrong, "C1").field == "previous_end"
    china.record(RelationshipReopened(occurred_at=china.now, on=china.today, previous_end=ended), "C1")
    state = china.state("customer", "C1")
    assert (state.relationship_from, state.relationship_to) == (date(2028, 1, 10), None)
    assert state.life.former == ((date(2026, 3, 2), ended),)


def test_the_relationship_ends_with_the_last_product(china):
    """One of two accounts closed ends nothing; an account closed by mistake is opened again."""
    onboard(china, "C1")
    for number in ("A1", "A2"):
        open_account(china, number, "C1")
    close = AccountClosed(occurred_at=china.now, on=china.today, reason="asked")
    reopen = AccountReopened(occurred_at=china.now, on=china.today, reason="mistake")
    assert china.refuse(reopen, "A1").rule == "closed before it is reopened"
    china.record(close, "A1")

    def end(*accounts: str) -> RelationshipEnded:
        return RelationshipEnded(occurred_at=china.now, on=china.today, reason="r", accounts=accounts)

    assert china.refuse(end("A1"), "C1").rule == "1 more held"
    assert china.refuse(end("A1", "A2"), "C1").field == "accounts[1]"
    china.record(reopen, "A1")
    for number in ("A1", "A2"):
        china.record(close, number)
    china.record(end("A1", "A2"), "C1")


def test_death(china):
    """Accounts stay after death and none is opened; nobody dies twice, and no company dies at all."""
    onboard(china, "C1")
    onboard(china, "C2")
    open_account(china, "A1", "C1")
    open_account(china, "A2", "C2")
    died = CustomerDeceased(occurred_at=china.now, on=date(2026, 3, 1), evidence="certificate")
    before = CustomerDeceased(occurred_at=china.now, on=date(1980, 1, 1), evidence="certificate")
    assert china.refuse(before, "C1").rule == "not before birth_date"
    china.record(died, "C1")
    assert china.refuse(died, "C1").rule == "once"
    opening = msgspec.structs.replace(china.events("account", "A1")[0], account="A3")
    assert china.refuse(opening).rule == "no new accounts after death"
    joining = HolderAdded(occurred_at=china.now, holder=Holder(customer="C1", role="joint"), on=china.today)
    assert china.refuse(joining, "A2").field == "holder.customer"
    assert china.state("account", "A1").closed_on is None
    china.record(company("K1", china))
    assert china.refuse(died, "K1").rule == "a natural person"


def test_a_ward_comes_of_age(china):
    """Guardianship ends at eighteen, not a day before; who was born on 29 February waits for 1 March."""
    china.record(person("C1", china, birth_date=date(2008, 2, 29)))
    guard = PartyAdded(
        occurred_at=china.now, id="G1", party=PARTY, kind="guardian", since=date(2020, 1, 1), proof="register"
    )
    agent = msgspec.structs.replace(guard, id="G2", kind="agent", until=date(2019, 1, 1))
    assert china.refuse(agent, "C1").rule == "not before since"
    china.record(guard, "C1")
    assert china.refuse(guard, "C1").rule == "unique in the file"
    china.record(msgspec.structs.replace(agent, until=None), "C1")

    def of_age(on: date, id_: str = "G1") -> GuardianshipEnded:
        return GuardianshipEnded(occurred_at=china.now, id=id_, on=on)

    assert china.refuse(of_age(date(2026, 2, 28)), "C1").rule == "18 years"
    assert china.refuse(of_age(date(2026, 3, 1), "G2"), "C1").rule == "a relation of kind guardian"
    assert china.refuse(of_age(date(2026, 3, 1), "G9"), "C1").rule == "added before it ends"
    assert china.refuse(of_age(date(2019, 3, 1)), "C1").rule == "not before since"
    china.record(of_age(date(2026, 3, 1)), "C1")
    china.record(PartyEnded(occurred_at=china.now, id="G2", on=china.today, reason="revoked"), "C1")
    assert china.state("customer", "C1").life.relations == ()
    assert age_on(date(2008, 2, 29), date(2026, 2, 28)) == 17


def test_who_was_not_taken_is_on_record(china):
    """A refused applicant has a record of their own and no customer's file."""
    refused = msgspec.structs.replace(
        SAMPLES["prospect.refused"], occurred_at=china.now, on=china.today, prospect="PR-1"
    )
    assert isinstance(refused, ProspectRefused)
    china.record(refused)
    assert china.refuse(refused).rule == "begun once"
    assert not china.named("customer")


def owner(world, share: str | None, **fields) -> BeneficialOwnerIdentified:
    """A beneficial owner."""
    party = msgspec.structs.replace(PARTY, percentage=None if share is None else Decimal(share))
    values = {"id": "B1", "owner": party, "basis": "shares", "formed_on": date(2020, 1, 1)} | fields
    return BeneficialOwnerIdentified(occurred_at=world.now, **values)


def test_who_stands_behind_a_company(china):
    """From the threshold on somebody is an owner; for a high risk it is lower; else control has to be shown."""
    china.record(company("K1", china))
    assert china.refuse(owner(china, "24.99"), "K1").rule.startswith("from 25 percent")
    assert china.refuse(owner(china, None), "K1").rule.startswith("from 25 percent")
    assert china.refuse(owner(china, "100.01"), "K1").rule == "above 0, at most 100"
    assert china.refuse(owner(china, None, basis="senior-manager"), "K1").rule == "AMLR art. 22(2)"
    future = owner(china, "30", formed_on=china.today + timedelta(days=3))
    assert "not in the future" in china.refuse(future, "K1").rule
    china.record(rated(china, "high"), "K1")
    china.record(owner(china, "12.00"), "K1")
    assert china.refuse(owner(china, "12.00"), "K1").rule == "unique in the file"
    china.record(owner(china, None, id="B2", basis="control"), "K1")

    changed = BeneficialOwnerChanged(
        occurred_at=china.now, id="B1", owner=owner(china, "9.00").owner, basis="shares", changed_on=china.today
    )
    assert china.refuse(changed, "K1").rule.startswith("from 10 percent")
    unknown = msgspec.structs.replace(changed, id="B9", owner=owner(china, "50").owner)
    assert china.refuse(unknown, "K1").rule == "identified before"
    differs = RegistryDifferenceReported(occurred_at=china.now, owner="B9", difference="share")
    assert china.refuse(differs, "K1").field == "owner"
    china.record(msgspec.structs.replace(differs, owner="B1"), "K1")
    china.record(BeneficialOwnerEnded(occurred_at=china.now, id="B1", on=china.today, reason="sold"), "K1")
    gone = BeneficialOwnerEnded(occurred_at=china.now, id="B1", on=china.today, reason="sold")
    assert china.refuse(gone, "K1").rule == "identified before it ends"
    assert [known.id for known in china.state("customer", "K1").diligence.owners] == ["B2"]


def test_nobody_owns_a_person(china):
    """A natural person has no beneficial owner; what a third party found is recorded with its day."""
    china.record(person("C1", china))
    assert china.refuse(owner(china, "50"), "C1").rule == "bodies, sole traders and trusts"
    relied = RelianceRecorded(
        occurred_at=china.now, third_party="Other bank", agreement="AG-1", assessment="low",
        received_on=china.today + timedelta(days=5),
    )  # fmt: skip
    assert china.refuse(relied, "C1").field == "received_on"
