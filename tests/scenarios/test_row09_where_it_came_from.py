"""Row 9: every field of a file is traced to its event, channel, operator and document (直接、间接、数字渠道)."""

from __future__ import annotations

from datetime import date

from fix_world_china import onboard, passport

from kyc.domain.customer import AddressChanged, AttributeCorrected, ContactChanged, NameChanged
from kyc.domain.submission import Scan
from kyc.domain.values import Address, Name, Phone
from replay import history

MOVED = Address(lines=("9 New Road",), country="CHN")
FRONT = Scan(name="front", media_type="image/png", content=b"\x89PNG of the page with her photograph")


def origins(world, number: str) -> dict[str, tuple[str, str, str, str]]:
    """Each field of the file as it is shown → topic, operator, branch and channel of what last changed it."""
    found, before, events = {}, {}, world.recorded("customer", number)
    for at, one in enumerate(events, 1):
        after = history.state_fields(history.fold("customer", events[:at]))
        event, context = one.event, one.context
        channel = getattr(event, "source", "") or getattr(event, "channel", "") or getattr(event, "evidence", "")
        for name in after.keys() | before.keys():
            if after.get(name) != before.get(name):
                found[name] = (context.topic, context.actor, context.branch, channel)
        before = after
    assert found.keys() >= before.keys()
    return found


def test_each_field_has_its_origin(china):
    """Registered at the counter, moved by telephone, renamed on a deed, corrected from the passport: all told."""
    onboard(china, "C1", occupation="baker", source="direct", collected_by="T-1")
    day = date(2026, 3, 1)
    china.record(
        AddressChanged(occurred_at=china.now, addresses=(MOVED,), effective_from=day, source="telephone"), "C1",
        actor="T-7", branch="B-2",
    )  # fmt: skip
    china.record(
        ContactChanged(
            occurred_at=china.now, phones=(Phone(number="+86 10 5555"),), effective_from=day, source="digital"
        ),
        "C1",
        actor="app",
    )
    china.record(
        NameChanged(
            occurred_at=china.now, names=(Name(text="Person New"),), evidence="deed 7", effective_from=day,
            source="direct",
        ),
        "C1", actor="T-2",
    )  # fmt: skip
    china.record(
        AttributeCorrected(
            occurred_at=china.now, target=1, attribute="birth_date", was="1990-05-17", now="1990-05-11",
            reason="typing error", evidence="passport PASS-C1", approver="HQ-2",
        ),
        "C1", actor="T-3",
    )  # fmt: skip
    found = origins(china, "C1")
    told = {name.partition("[")[0].partition(".")[0]: origin for name, origin in found.items()}
    assert all(actor and branch for _, actor, branch, _ in found.values())
    assert {name: told[name] for name in ("occupation", "addresses", "phones", "names", "birth_date")} == {
        "occupation": ("customer.registered", "T-1", "B-1", "direct"),
        "addresses": ("customer.address_changed", "T-7", "B-2", "telephone"),
        "phones": ("customer.contact_changed", "app", "B-1", "digital"),
        "names": ("customer.name_changed", "T-2", "B-1", "direct"),
        "birth_date": ("customer.attribute_corrected", "T-3", "B-1", "passport PASS-C1"),
    }
    assert told["documents"][:2] == ("document.captured", "T-1")


def test_the_document_behind_it(china):
    """The name rests on a passport that was seen: who captured it, and a scan that is still the one of that day."""
    onboard(china, "C1")
    china.record(passport("PASS-NEW", china, name_as_printed="PERSON C1"), "C1", actor="T-9", scans=(FRONT,))
    told = history.customer(china.log, "C1").told[-1]
    assert (told.recorded.context.topic, told.recorded.context.actor) == ("document.captured", "T-9")
    (image,) = told.recorded.event.images
    assert china.log.scan(image, told.recorded.row.lane)[1] == FRONT.content
