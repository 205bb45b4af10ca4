"""Row 1: every new customer gets one file, and nobody gets two silently (建立客户信息档案)."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from fix_cli import Call, document
from fix_world_china import company, onboard, open_account, passport, person

from kyc.domain.account import AccountOpened, Holder
from kyc.domain.life import CustomersMerged, DuplicateSuspected, MergeReverted
from kyc.domain.values import Name
from kyc.errors import ClaimConflictError, RefusedError


def test_the_same_passport_at_two_branches(china):
    """A second branch registers the same man; his passport tells, a person decides, and can take it back."""
    onboard(china, "C1")
    china.record(person("C2", china), branch="B-2")
    with pytest.raises(ClaimConflictError):
        china.record(passport("PASS-C1", china), "C2", branch="B-2")
    china.record(passport("PASS-C1", china, held_by="C1"), "C2", branch="B-2")
    china.record(DuplicateSuspected(occurred_at=china.now, other="C2", why="same passport"), "C1")

    merger = CustomersMerged(occurred_at=china.now, absorbed="C2", reason="same man", approver="HQ-2")
    china.record(merger, "C1")
    assert china.topics("customer", "C2")[-1] == "customer.absorbed"
    assert china.state("customer", "C1").life.absorbed == ("C2",)
    assert china.refuse(passport("PASS-NEW", china), "C2").rule == "customer.merged"
    account = AccountOpened(
        occurred_at=china.now, account="A1", currency="CNY", product="current", opened_on=china.today,
        holders=(Holder(customer="C2"),),
    )  # fmt: skip
    assert china.refuse(account).remedy == "name the surviving customer"

    reverted = MergeReverted(occurred_at=china.now, absorbed="C2", reason="brothers", approver="HQ-2")
    china.record(reverted, "C1")
    china.record(passport("PASS-NEW", china), "C2")
    assert china.state("customer", "C1").life.absorbed == ()


def test_mergers_need_two_people_and_two_files(china):
    """One person alone merges nothing, nor a file with itself, a man with a company, or what is merged already."""
    for number in ("C1", "C2", "C3"):
        china.record(person(number, china))
    china.record(company("K1", china))

    def merge(absorbed: str, approver: str = "HQ-2") -> CustomersMerged:
        return CustomersMerged(occurred_at=china.now, absorbed=absorbed, reason="same", approver=approver)

    assert china.refuse(merge("C2", "T-1"), "C1").rule == "two people"
    assert china.refuse(merge("C1"), "C1").rule == "another customer"
    assert china.refuse(merge("K1"), "C1").rule == "customers of one nature"
    assert china.refuse(merge("C9"), "C1").rule == "the customer is registered"
    china.record(merge("C2"), "C1")
    assert china.refuse(merge("C2"), "C3").rule == "absorbed once"
    assert china.refuse(merge("C1"), "C3").rule == "one level"
    never = MergeReverted(occurred_at=china.now, absorbed="C3", reason="r", approver="HQ-2")
    assert china.refuse(never, "C1").rule == "merged before"
    alone = MergeReverted(occurred_at=china.now, absorbed="C2", reason="r", approver="T-1")
    assert china.refuse(alone, "C1").rule == "two people"
    itself = DuplicateSuspected(occurred_at=china.now, other="C1", why="r")
    assert china.refuse(itself, "C1").rule == "another customer"


def test_one_company_one_file(china):
    """A company's register number belongs to one file, whatever it is called."""
    china.record(company("K1", china))
    with pytest.raises(RefusedError):
        china.record(company("K2", china))


def told_of(call: Call, folder: Path, number: str) -> str:
    """Everything that is handed over about a customer, as one text."""
    out = folder / f"{number}-{len(list(folder.iterdir()))}.zip"
    document(call("--json", "export", "--customer", number, "--recipient", "data-subject", "--out", str(out)))
    with zipfile.ZipFile(out) as parts:
        return "\n".join(parts.read(name).decode(errors="replace") for name in parts.namelist())


def test_a_wrong_merger_leaks_nothing(china, call: Call, tmp_path: Path):
    """Two brothers are taken for one: what is handed to one tells nothing of the other, then and when undone."""
    for number, name in (("C1", "Ouyang Gengchen"), ("C2", "Ouyang Haochen")):
        onboard(china, number, names=(Name(text=name),))
        open_account(china, f"A-{number}", number)
    china.record(CustomersMerged(occurred_at=china.now, absorbed="C2", reason="same man", approver="HQ-2"), "C1")
    for undone in (False, True):
        if undone:
            reverted = MergeReverted(occurred_at=china.now, absorbed="C2", reason="brothers", approver="HQ-2")
            china.record(reverted, "C1")
        china.project()
        china.seal()
        first, second = told_of(call, tmp_path, "C1"), told_of(call, tmp_path, "C2")
        assert "Ouyang Gengchen" in first
        assert "Ouyang Haochen" in second
        for alien in ("Ouyang Haochen", "PASS-C2", "A-C2"):
            assert alien not in first
        for alien in ("Ouyang Gengchen", "PASS-C1", "A-C1"):
            assert alien not in second
    shown = call("--json", "customer", "show", "C1")[1]
    assert "PASS-C2" not in shown
    china.record(passport("PASS-NEW", china), "C2")
