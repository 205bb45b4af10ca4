"""Row 11: nothing is collected beyond the template; what is refused is repeated nowhere (PIPL art. 6)."""

from __future__ import annotations

import json

import pytest
from fix_world_china import person

from kyc.domain import codec
from kyc.domain.customer import AttributeChanged
from kyc.errors import InputError


def test_religion_is_not_asked_for(china):
    """A field ``religion`` is refused by name; its value stands in no message."""
    data = json.loads(codec.encode(person("C1", china))) | {"religion": "PLANTED-FAITH"}
    with pytest.raises(InputError) as caught:
        codec.from_wire("customer.registered", json.dumps(data).encode())
    assert caught.value.rule == "unknown field religion"
    assert "PLANTED-FAITH" not in caught.value.diagnostics()


def test_a_persons_form_has_no_capital(china):
    """A known field that the form does not ask for is refused, at registration and later."""
    refusal = china.refuse(person("C1", china, registered_capital="1000.00 CNY"))
    assert (refusal.field, refusal.rule) == ("registered_capital", "natural/1; PIPL art. 6")
    china.record(person("C1", china))
    later = AttributeChanged(
        occurred_at=china.now, attribute="registered_capital", now="1000.00 CNY", effective_from=china.today
    )
    assert china.refuse(later, "C1").rule == "natural/1; PIPL art. 6"
