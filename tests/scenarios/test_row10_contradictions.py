"""Row 10: where form and document contradict each other, nobody is verified until it is resolved (PIPL art. 8)."""

from __future__ import annotations

from fix_world_china import passport, person, verified

from kyc.domain.customer import AttributeChanged, RelationshipEstablished
from kyc.domain.diligence import DiscrepancyRaised, DiscrepancyResolved
from projections import data_quality


def score(world) -> data_quality.File:
    """How complete the one file is."""
    world.project()
    (file,) = data_quality.listed(world.log, world.state("policies", "institution"), world.today, faulty=False)
    return file


def test_how_complete_a_file_is(china):
    """Each field of the form that is filled in counts; a name unlike the passport's is found without being told."""
    china.record(person("C1", china))
    before = score(china)
    assert (before.missing, before.findings, before.documented) == ([], [], False)
    job = AttributeChanged(occurred_at=china.now, attribute="occupation", now="cook", effective_from=china.today)
    china.record(job, "C1")
    china.record(passport("PASS-1", china, name_as_printed="Somebody Else"), "C1")
    after = score(china)
    assert after.given == before.given + 1
    assert after.score > before.score
    assert (after.findings, after.documented) == (["document-name-differs"], True)


def test_document_says_a_form_says_b(china):
    """The passport spells another name: verification waits for the answer, and so does the relationship."""
    china.record(person("C1", china))
    china.record(passport("PASS-1", china), "C1")
    raised = DiscrepancyRaised(occurred_at=china.now, id="D1", field="names", sources=("form", "passport"))
    china.record(raised, "C1")
    assert china.refuse(verified(china), "C1").rule == "cdd.discrepancy_raised"
    assert china.refuse(raised, "C1").rule == "unique in the file"

    unknown = DiscrepancyResolved(occurred_at=china.now, id="D2", outcome="form-wrong")
    assert china.refuse(unknown, "C1").rule == "raised before it is resolved"
    china.record(DiscrepancyResolved(occurred_at=china.now, id="D1", outcome="form-wrong"), "C1")
    china.record(verified(china), "C1")

    china.record(DiscrepancyRaised(occurred_at=china.now, id="D3", field="address", sources=("form", "bill")), "C1")
    establish = RelationshipEstablished(occurred_at=china.now, on=china.today)
    assert china.refuse(establish, "C1").rule == "no open discrepancy or screening hit"
