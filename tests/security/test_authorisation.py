"""Who may call what: made from the route table and the access matrix, so that no route comes without."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fix_service import Provider, Serve
from fix_siege import ALL, GUARDED, ROLES, Fortress, body, filled, refused

from kyc.domain.access_rules import shipped_matrix
from kyc.service.application import Application
from kyc.service.call import Answer, Call
from kyc.service.route import PUBLIC, Route
from kyc.service.routes import APPENDERS, KNOWN, PEOPLE, ROUTES

OPEN = {"health", "describe", "audit"}
"""Actions of routes that answer everybody: they show nothing of anybody."""
PURPOSES = ("account-service", "aml", "custody")
OF_THE_HOUSE = {"append": APPENDERS, "status": KNOWN, "law": KNOWN, "session": PEOPLE}
"""Actions no rule of the matrix decides: what an event asks for itself, and counts and rules, which name nobody."""


NEEDED = {
    "/v1/customers/{number}/compare": {"first": "2026-01-01"}, "/v1/customers/{number}/paths": {"to": "X2"},
    "/v1/large-values": {"on": "2026-03-02"}, "/v1/screening/due": {"list": "UN", "version": "7"},
    "/v1/branches/{branch}/day": {"on": "2026-03-02"}, "/v1/branches/{branch}/summary": {"span": "2026-03"},
}  # fmt: skip
"""Query parameters without which a route does not get as far as the read door."""


def decided_by_the_matrix(action: str) -> set[str]:
    """Roles to which some rule of the matrix gives an action."""
    return {rule.role for rule in shipped_matrix().rule if action in rule.actions}


@ALL
def test_every_route_rests_on_a_rule(route: Route) -> None:
    """A route is open and harmless, or its action is one of the matrix; no role has one that it must never have."""
    if route.roles is PUBLIC:
        assert route.action in OPEN
        return
    assert route.roles
    known = {one.name: one for one in shipped_matrix().role}
    assert route.roles <= set(known), "a role nobody defined"
    expected = OF_THE_HOUSE.get(route.action)
    if expected is None:
        assert route.roles & decided_by_the_matrix(route.action), "an action the matrix gives to none of them"
    else:
        assert route.roles <= expected
    assert not [name for name in route.roles if route.action in known[name].never_actions]


@GUARDED
def test_nobody_without_a_valid_token(fortress: Fortress, route: Route) -> None:
    """No token, one that has expired, one not valid yet: who asks is not known, whatever they ask with."""
    everything = sorted(route.roles or ())
    claims = ({}, {"exp": 1}, {"iat": 4_000_000_000, "exp": 4_000_000_600}, {"nbf": 4_000_000_000})
    for claim in claims:
        with fortress.client(*(everything if claim else ()), **claim) as client:
            problem = refused(client.request(route.method, filled(route.path), **body(route)), 401)
        assert problem["type"] == "urn:kyc-ledger:problem:unauthenticated"


@GUARDED
def test_no_other_role(fortress: Fortress, route: Route) -> None:
    """Every role that the table does not name is refused, all in the same words."""
    told = set()
    for role in set(ROLES) - set(route.roles or ()):
        with fortress.client(role) as client:
            problem = refused(client.request(route.method, filled(route.path), **body(route)), 403)
        problem.pop("request")
        told.add(str(sorted(problem.items())))
    assert len(told) == 1


@GUARDED
def test_the_matrix_has_the_last_word(fortress: Fortress, route: Route) -> None:
    """Who may ask the read door and has no rule for the action is refused like a stranger, for whatever purpose."""
    without = set(route.roles or ()) - decided_by_the_matrix(route.action)
    if route.action in OF_THE_HOUSE or not without:
        return
    with fortress.client("stranger") as stranger:
        expected = refused(stranger.request(route.method, filled(route.path), **body(route)), 403)
    for role, purpose in [(role, purpose) for role in sorted(without) for purpose in PURPOSES]:
        headers = {
            "KYC-Purpose": purpose,
            "KYC-Legal-Basis": "AML24-34",
            "KYC-Reason": "a test",
            "KYC-Ticket": "S1",
        }
        with fortress.client(role) as client:
            given = body(route)
            given["headers"] = given.get("headers", {}) | headers
            answer = client.request(route.method, filled(route.path), params=NEEDED.get(route.path), **given)
        problem = refused(answer, 400, 403)  # 400: it did not even get as far as the door
        assert problem["status"] == 400 or problem | {"request": ""} == expected | {"request": ""}


def test_exactly_the_table(serve: Serve, oidc: Provider) -> None:
    """Over the real server: each role reaches the handlers of its routes and no others; several roles add up."""
    reached: list[tuple[str, str]] = []

    def counted(route: Route) -> Route:
        async def handler(_: Call) -> Answer:
            reached.append((route.method, route.path))
            return Answer(body=b"{}")

        return replace(route, handler=handler)

    running = serve()
    probed = Application(lambda _: pytest.fail("it is never started"), [counted(route) for route in ROUTES])
    application = running.server._application
    application._exact, application._templates = probed._exact, probed._templates
    for roles in [[role] for role in ROLES] + [["teller", "auditor"], ["stranger", "compliance"]]:
        reached.clear()
        expected = []
        with running.client(oidc.token(roles=roles), verify=False) as client:
            for route in ROUTES:
                answer = client.request(route.method, filled(route.path))
                allowed = route.roles is PUBLIC or bool(route.roles & set(roles))
                assert answer.status_code == (200 if allowed else 403), (route.path, roles)
                expected += [(route.method, route.path)] if allowed else []
        assert reached == expected
