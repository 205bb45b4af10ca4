"""Everything the command line does is answered over HTTP too, or left to the machine's administrator by name."""

from __future__ import annotations

import re
from pathlib import Path

from fix_cli import commands

from kyc.service.routes import ROUTES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
CUSTOMER, ORDER, REQUEST = "/v1/customers/{number}", "/v1/orders/{number}", "/v1/requests/{number}"
ROUTE = {
    "access anomalies": "GET /v1/anomalies", "access breakglass list": "GET /v1/emergencies",
    "access breakglass review": "POST /v1/operators/{operator}/emergencies/{use}/review",
    "access breakglass use": "POST /v1/operators/{operator}/emergencies",
    "access extract": f"GET {CUSTOMER}/extract", "access grants show": "GET /v1/operators/{operator}/rights",
    "access matrix": "GET /v1/law/access", "access read-by": "GET /v1/operators/{operator}/reads",
    "access who-read": f"GET {CUSTOMER}/reads", "branch day": "GET /v1/branches/{branch}/day",
    "branch summary": "GET /v1/branches/{branch}/summary", "customer compare": f"GET {CUSTOMER}/compare",
    "customer consent": f"GET {CUSTOMER}/consents", "customer correct": f"POST {CUSTOMER}/corrections",
    "customer counterparties": f"GET {CUSTOMER}/counterparties",
    "customer diligence": f"GET {CUSTOMER}/diligence", "customer history": f"GET {CUSTOMER}/history",
    "customer merge": f"POST {CUSTOMER}/merge",
    "customer owners": f"GET {CUSTOMER}/owners", "customer paths": f"GET {CUSTOMER}/paths",
    "customer show": f"GET {CUSTOMER}", "customer unmerge": f"POST {CUSTOMER}/merge/reversal",
    "disclosures": "GET /v1/disclosures", "disposal approve": "POST /v1/disposals/{batch}/approval",
    "disposal certificate": "GET /v1/disposals/{batch}/certificates",
    "disposal execute": "POST /v1/disposals/{batch}/execution", "disposal list": "GET /v1/disposals",
    "disposal propose": "POST /v1/disposals", "disposal reject": "POST /v1/disposals/{batch}/rejection",
    "documents due": "GET /v1/documents/due", "documents show": f"GET {CUSTOMER}/documents",
    "export": "POST /v1/exports", "find": "POST /v1/customers:find", "hold list": "GET /v1/holds",
    "hold place": "POST /v1/holds", "hold release": "POST /v1/holds/{hold}/release", "holds": "GET /v1/holds",
    "ingest": "POST /v1/events:stream", "keys history": "GET /log/keys.ndjson", "keys show": "GET /v1/status",
    "large-value": "GET /v1/large-values", "large-value due": "GET /v1/large-values/due",
    "law forms": "POST /v1/law/forms", "law publish": "POST /v1/law/editions/{rules}",
    "law ask": "GET /v1/law/rules/{rule}", "law retention": "GET /v1/law/retention/{record_class}",
    "law versions": "GET /v1/law", "order accept": f"POST {ORDER}/acceptance",
    "order answer": f"POST {ORDER}/answers",
    "order assistance": "GET /v1/orders/assistance", "order deduct": f"POST {ORDER}/deductions",
    "order foreign approve": f"POST {ORDER}/permission", "order foreign escalate": f"POST {ORDER}/escalation",
    "order foreign receive": "POST /v1/orders:foreign", "order freeze": f"POST {ORDER}/freezes",
    "order fulfil": f"POST {ORDER}/fulfilment", "order lapse": "POST /v1/orders:lapse",
    "order notify": f"POST {ORDER}/notification", "order objection answered": f"POST {ORDER}/objections/answer",
    "order objection lodge": f"POST {ORDER}/objections", "order receive": "POST /v1/orders",
    "order reject": f"POST {ORDER}/rejection",
    "order release": "POST /v1/accounts/{account}/freezes/{freeze}/release",
    "order renew": f"POST {ORDER}/renewals", "order seal": f"POST {ORDER}/sealed-evidence",
    "order secrecy impose": f"POST {ORDER}/secrecy", "order secrecy release": f"POST {ORDER}/secrecy/release",
    "order validate": f"GET {ORDER}/violations", "orders": "GET /v1/orders", "orders show": f"GET {ORDER}",
    "publish": "GET /log/checkpoint", "quality": "GET /v1/quality/totals", "reads busy": "GET /v1/reads/busy",
    "reads by": "GET /v1/operators/{operator}/reads", "reads flags": "GET /v1/anomalies",
    "reads of": f"GET {CUSTOMER}/reads", "request answer": f"POST {REQUEST}/answers",
    "request consent": f"POST {CUSTOMER}/consents", "request correct": f"POST {REQUEST}/correction",
    "request delete": f"POST {REQUEST}/deletion", "request fulfil": f"POST {REQUEST}/fulfilment",
    "request notice": f"POST {CUSTOMER}/notices", "request receive": "POST /v1/requests",
    "request refuse": f"POST {REQUEST}/refusal", "request restore": f"POST {CUSTOMER}/restoration",
    "request restrict": f"POST {REQUEST}/restriction", "request withdraw": f"POST {CUSTOMER}/consents/withdrawal",
    "requests due": "GET /v1/requests/due", "retention conflicts": "GET /v1/retention/conflicts",
    "retention due": "GET /v1/retention/due", "retention preview": "POST /v1/retention:preview",
    "retention show": "GET /v1/retention/{kind}/{number}", "retention totals": "GET /v1/retention/totals",
    "reviews due": "GET /v1/reviews/due", "reviews objections": "GET /v1/objections",
    "reviews screening": "GET /v1/screening/due", "schema": "GET /openapi.json", "status": "GET /v1/status",
    "transaction prove": "GET /v1/transactions/{reference}/proof",
    "transaction show": "GET /v1/transactions/{reference}",
}  # fmt: skip
"""What a command does → where the service does it."""
AT_THE_MACHINE = {
    "access declare", "access grants grant", "access grants revoke", "adopt", "anchor", "custody transfer", "demo",
    "disposal reapply", "doctor", "keys compromised", "keys rotate", "migrate",
    "project", "rebuild", "renew", "request dispose", "seal", "serve", "stop", "token", "verify",
}  # fmt: skip
"""Who runs these holds the keys or the database: they are the administrator's (docs/api.md)."""
ELSEWHERE = {"branch", "receipt", "witness"}
"""Groups whose other commands run on a branch's or an auditor's own machine, without our database."""


def test_every_command_has_its_place() -> None:
    """A command has a route, or is the administrator's, or runs elsewhere: a new one is told apart here."""
    known = set(commands())
    elsewhere = {one for one in known if one.split()[0] in ELSEWHERE} - set(ROUTE)
    assert known == set(ROUTE) | AT_THE_MACHINE | elsewhere
    assert not set(ROUTE) & AT_THE_MACHINE


def test_the_routes_are_there() -> None:
    """What the table promises the service answers."""
    answered = {f"{route.method} {route.path}" for route in ROUTES}
    assert set(ROUTE.values()) <= answered


def test_the_page_names_what_is_left_to_the_machine() -> None:
    """docs/api.md lists exactly these commands, no more and no fewer."""
    (section,) = re.findall(r"## Left to the machine\n(.*?)\n## ", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    named = {
        name
        for line in re.findall(r"^\| (.*?) \|", section, re.MULTILINE)
        for name in re.findall(r"`kyc ([^`]+)`", line)
    }
    assert named == AT_THE_MACHINE
