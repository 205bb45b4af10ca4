"""Our own exports go with the records in them: bundles are media, and what is held stays on every medium."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from fix_world_ledger import Story
from fix_world_retired import Desk

from kyc.domain.disposal import HoldPlaced, RecordDisposed
from kyc.domain.submission import Origin, StreamName
from kyc.evidence import note
from kyc.retention.disposal import place_hold
from kyc.retention.register import Export, Lines, own_exports
from projections.retention_deadlines import Asked
from replay import bundle, handed_out
from replay.handed_out import Exports
from replay.scopes import Scope
from replay.seals import open_seal

OFFICER = Origin(actor="M-1", branch="HQ", purpose="investigation", legal_basis="AML24-43")


@pytest.fixture
def register(tmp_path: Path) -> Lines[Export]:
    """The register of exports."""
    return own_exports(tmp_path)


def exported(story: Story, register: Lines[Export], out: Path, scope: Scope) -> Path:
    """A bundle that was written here and listed."""
    log = story.log
    story.seal()
    signer = note.Signer(log.database.origin(), log.provider.signing_key("log"))
    seal = open_seal(out.parent / "seal", story.clock.us)
    keys = bundle.Keys(export=log.provider.signing_key("export"), log=signer.verifier, seal=seal)
    order = bundle.Order(recipient="court", purpose="order", legal_basis="CPL-253", actor="L-1")
    watch = bundle.Watch(register=lambda one: handed_out.note(log, register, one))
    return bundle.export(log, story.sealed, scope, out, keys=keys, order=order, watch=watch).path


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_an_export_goes_with_its_records(
    story: Story, desk: Desk, register: Lines[Export], tmp_path: Path, name: str
) -> None:
    """A bundle of the customer is removed and certified as removed; another customer's bundle stays."""
    gone = exported(story, register, tmp_path / name, Scope(kind="customer", key="C1"))
    stays = exported(story, register, tmp_path / f"other-{name}", Scope(kind="customer", key="C2"))
    desk.approved(subject=StreamName("customer", "C1"))
    (done,) = desk.run("B1", Exports(story.log, register, Asked(story.today))).outcomes
    assert done.result == "completed"
    assert (gone.exists(), stays.exists()) == (False, True)
    completed = story.events("retention", "customer/C1")[-1]
    assert isinstance(completed, RecordDisposed)
    assert "exports" in completed.places


def test_a_bundle_with_held_records_stays(
    story: Story, desk: Desk, register: Lines[Export], tmp_path: Path
) -> None:
    """While somebody else's records in it are held the bundle stays, and nothing is certified."""
    everybody = Scope(kind="period", since=date(2026, 1, 1), until=story.today)
    both = exported(story, register, tmp_path / "both", everybody)
    hold = HoldPlaced(occurred_at=story.now, subject="customer/C2", hold="H1", basis="order")
    place_hold(story.ledger, hold, OFFICER)
    desk.approved(subject=StreamName("customer", "C1"))
    place = Exports(story.log, register, Asked(story.today))
    (failed,) = desk.run("B1", place).outcomes
    assert (failed.result, failed.reason) == ("failed", "records are left behind: nothing is certified: exports")
    assert both.exists()
    (both / "manifest.json").write_bytes(b"{}")  # somebody put something else there: it is not ours to remove
    (done,) = desk.run("B1", place).outcomes
    assert done.result == "completed"
    assert both.exists()


def test_lines_cut_off_by_a_crash(tmp_path: Path) -> None:
    """A line without its end was not acknowledged: it is dropped, and the next one is whole."""
    register = own_exports(tmp_path)
    one, other = (Export(manifest=letter * 64, path="/x", subjects=()) for letter in "ab")
    register.add(one)
    with register.path.open("ab") as file:
        file.write(b'{"manifest":"cc')
    assert register.entries() == [one]
    register.add(other)
    register.add(one)
    assert register.entries() == [one, other]
