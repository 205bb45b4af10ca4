"""Data quality: complete by the form in use that day, contradictions, documents, clocks nobody knows."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest
from fix_cli import Call, document
from fix_world_china import company, onboard, passport, person
from fix_world_ledger import Story

from kyc.domain.customer import ContactChanged
from kyc.domain.disposal import ClockStarted
from kyc.domain.event import RecordClass
from kyc.domain.governance import TemplatePublished
from kyc.domain.policies import Policies
from kyc.domain.stream import POLICIES
from kyc.domain.submission import StreamName
from kyc.domain.templates import shipped_templates
from kyc.domain.values import Phone
from projections import data_quality
from projections.data_quality import File

pytestmark = pytest.mark.pg15
NATURAL = shipped_templates()["natural/1"]


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


def policies(world: Story) -> Policies:
    """What head office has published."""
    found = world.ledger.state(POLICIES)
    assert isinstance(found, Policies)
    return found


def files(world: Story, on: date | None = None, **options: object) -> dict[str, File]:
    """Customer → file."""
    names = {world.log.stream_id(StreamName("customer", number)): number for number in world.named("customer")}
    found = data_quality.listed(world.log, policies(world), on or world.today, **options)  # type: ignore[arg-type]
    return {names[one.stream_id]: one for one in found}


def test_the_form_in_use_decides(china: Story) -> None:
    """A file complete by the old form lacks a field from the day on a new form asks for it."""
    onboard(china, "C1")
    onboard(china, "C2", phones=(Phone(number="+8613900000000"),), gender="female")
    china.project()
    assert files(china) == {}
    every = files(china, faulty=False)
    asked = len({*NATURAL.mandatory, *NATURAL.optional})
    assert (every["C1"].given, every["C1"].asked) == (3, asked)
    assert every["C2"].score == (Decimal(500) / asked).quantize(Decimal("0.1"))
    start = china.today + timedelta(days=10)
    form = msgspec.structs.replace(
        NATURAL, name="natural/2", mandatory=(*NATURAL.mandatory, "phones"), effective_from=start,
        optional=tuple(name for name in NATURAL.optional if name != "phones"),
    )  # fmt: skip
    china.record(TemplatePublished(occurred_at=china.now, form=form, approver="HQ-2"), actor="HQ-1", branch="HQ")
    assert files(china, start - timedelta(days=1)) == {}
    assert {number: one.missing for number, one in files(china, start).items()} == {"C1": ["phones"]}
    now = {"occurred_at": china.now, "effective_from": china.today}
    china.record(ContactChanged(phones=(Phone(number="+861"),), **now), "C1")
    china.project()
    assert files(china, start) == {}


def test_contradictions_and_documents(china: Story, call: Call) -> None:
    """A name unlike the passport's, a document that runs out, a file without any: by branch and one by one."""
    onboard(china, "C1")
    onboard(china, "C2")
    china.record(passport("OTHER", china, name_as_printed="Somebody Else"), "C2")
    china.record(company("K1", china), branch="B-2")
    china.project()
    found = files(china)
    assert {number: (one.findings, one.documented) for number, one in found.items()} == {
        "C2": (["document-name-differs"], True), "K1": ([], False),
    }  # fmt: skip
    end = china.state("customer", "C1").documents[0].expires_on
    assert files(china, end).keys() == {"C2", "K1"}
    assert not files(china, end + timedelta(days=1))["C1"].documented
    assert files(china, branch="B-2").keys() == {"K1"}
    one, two = data_quality.totals(china.log, policies(china), china.today)
    assert (one.branch, one.files, one.incomplete, one.contradictory, one.undocumented) == ("B-1", 2, 0, 1, 0)
    assert (two.branch, two.files, two.undocumented) == ("B-2", 1, 1)
    (first,) = data_quality.listed(china.log, policies(china), china.today, limit=1)
    rest = data_quality.listed(china.log, policies(china), china.today, after=first.stream_id)
    assert {first.stream_id, *(file.stream_id for file in rest)} == {file.stream_id for file in found.values()}
    assert data_quality.of_streams(china.log, [first.stream_id], policies(china), china.today) == [first]
    said = document(call("--json", "quality", "--branch", "B-1"))
    assert [(file["customer"], file["findings"]) for file in said["files"]] == [("C2", ["document-name-differs"])]
    assert "K1 Company K1" in call("quality", "--branch", "B-2")[1]
    assert "B-2" in call("quality")[1]


def test_clocks_nobody_knows(china: Story) -> None:
    """An imported archive without a day is listed until the day is found out, and goes with its key."""
    onboard(china, "C1")
    onboard(china, "C2")
    for number in ("C1", "C2"):
        said = ClockStarted(
            occurred_at=china.now, subject=f"customer/{number}", record_class=RecordClass.IDENTITY,
            trigger="relationship-ended", source="archive of 2011",
        )  # fmt: skip
        china.record(said, branch="HQ")
    china.project()
    assert {number: one.unknown for number, one in files(china).items()} == {"C1": ["identity"], "C2": ["identity"]}
    known = msgspec.structs.replace(said, on=date(2011, 5, 1))
    china.record(known, branch="HQ")
    engine = china.project()
    assert files(china).keys() == {"C1"}
    row = china.recorded("retention", "customer/C1")[0].row
    china.log.key_store.destroy(row.data_key)
    china.log.ring.forget(row.data_key)
    engine.sweep()
    assert files(china) == {}
    assert engine.rebuild("data_quality").equal is True


def test_who_has_no_file(china: Story) -> None:
    """Prospects count, whoever has left does not; nothing recorded is no fault of anybody."""
    china.record(person("C1", china))
    china.project()
    assert files(china).keys() == {"C1"}, "no document yet"
    assert data_quality.totals(china.log, policies(china), china.today, "B-9") == []
