"""Row 24: nothing is recorded without an operator; channel and device of a transaction are kept (加强认证措施)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from fix_cli import Call
from fix_service import Provider, Running
from fix_service import wire as sent
from fix_service_reads import TELLER, Bank
from fix_world_china import onboard, open_account, paid, person

from kyc.domain.access_log import AccessDenied, RecordRead
from kyc.simulate.submissions import wire


@pytest.mark.parametrize("field", ["actor", "branch", "purpose", "legal_basis"])
def test_nobody_did_it(china, call: Call, tmp_path: Path, field: str):
    """A registration comes without operator, office, purpose or legal basis: nothing of it is recorded."""
    line = msgspec.json.decode(wire(china.submission(person("C1", china))))
    del line["origin"][field]
    source = tmp_path / "branch.ndjson"
    source.write_bytes(msgspec.json.encode(line) + b"\n")
    code, said, _ = call("ingest", "ndjson", str(source))
    assert code == 2
    told = (tmp_path / "branch.ndjson.rejects.ndjson").read_text(encoding="utf-8")
    assert field in told
    assert "Person C1" not in said + told
    assert china.recorded("customer", "C1") == []


def test_who_where_by_which_device(china):
    """A payment made on a telephone says which; who recorded it stands in the header that the chain covers."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    mobile = msgspec.structs.replace(
        paid(china, "T1", "A1", "10.00"), channel="mobile", device="IMEI 35-209900-176148-1"
    )
    china.record(mobile, actor="app-7", branch="B-2")
    (booked,) = china.recorded("postings", "A1")
    assert (booked.context.actor, booked.context.branch) == ("app-7", "B-2")
    assert (booked.event.channel, booked.event.device) == ("mobile", "IMEI 35-209900-176148-1")
    china.seal()
    with china.unguarded() as superuser:
        superuser.execute(
            "update kyc.event set context = decode(replace(encode(context, 'hex'), %s, %s), 'hex')"
            " where stream_id = %s",
            (b"app-7".hex(), b"app-8".hex(), booked.row.stream_id.hex()),
        )
    assert china.verify().findings[0].place.stream == booked.row.stream_id, "another operator's name does not fit"


def test_by_one_factor_or_by_two(served: Bank):
    """Whoever looks, or is refused, is on record with how they had logged in: by one factor, by two."""
    for methods in (["pwd"], ["pwd", "mfa"]):
        with served.client("teller", TELLER, sub="T-1", amr=methods) as teller:
            assert teller.get("/v1/customers/C1").status_code == 200
            assert teller.get("/v1/customers/C9").status_code == 403
    looked = [one for one in served.events("access", "C1") if isinstance(one, RecordRead)]
    refused = [one for one in served.events("refusals", "T-1") if isinstance(one, AccessDenied)]
    assert [one.authn for one in looked] == [one.authn for one in refused] == ["oidc", "oidc-mfa"]


def test_nobody_logged_in(china, running: Running, oidc: Provider):
    """Without a login, or with one that is no longer good, nothing is recorded; who logged in is who did it."""
    line = sent(china.submission(person("C1", china)))
    for token in ("", oidc.token(exp=1), oidc.token(sub=None), oidc.token(roles=[])):
        with running.client(token) as nobody:
            assert nobody.post("/v1/events", json=line).status_code == 401
    assert china.recorded("customer", "C1") == []
    with running.client(oidc.token(sub="T-7")) as teller:
        pretended = line | {"origin": line["origin"] | {"actor": "T-8", "branch": "B-9"}}
        assert teller.post("/v1/events", json=pretended).status_code == 422
        assert teller.post("/v1/events", json=line).status_code == 200
    (recorded,) = china.recorded("customer", "C1")
    assert (recorded.context.actor, recorded.context.branch) == ("T-7", "B-1")
