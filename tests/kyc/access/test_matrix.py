"""The matrix cell by cell: what each role may see and do when all holds, and nothing once one thing does not.

The tables are written here by hand from the rules themselves, not read from the data they are held against.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.access.ask import Actor, Ask
from kyc.access.facts import Case, Facts, Order, Person, Request, Ticket
from kyc.access.policy import Deny, Permit, decide
from kyc.domain.access_log import Right
from kyc.domain.access_rules import CONDITIONS, shipped_matrix
from kyc.domain.authorities import shipped_authorities
from kyc.domain.facets import Relation
from kyc.domain.policies import Allowance
from kyc.domain.submission import StreamName
from kyc.domain.values import Party

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
MATRIX = shipped_matrix()
CLASSES = frozenset(MATRIX.classes)
IDENTITY = "reference name identity-number contact personal"
FILE = f"{IDENTITY} account holder balance transaction scan"
OWN = f"{IDENTITY} account balance transaction scan privacy disclosure access-log"
CASE = f"{FILE} diligence task risk monitoring order hold privacy disclosure history evidence"
ALL = " ".join(CLASSES - {"ciphertext", "metrics"})
ACTIONS = sorted({action for rule in MATRIX.rule for action in rule.actions} | {"delete", "dispose"})


def acts(names: str) -> dict[str, tuple[str, str]]:
    """Acts that a role may do: of anybody they show nothing."""
    return dict.fromkeys(names.split(), ("", ""))


TABLE: Final[dict[str, dict[str, tuple[str, str]]]] = {
    # role: {action: (classes in full, classes masked)}; what stands nowhere is refused
    "branch-system": {"append": ("reference evidence", ""), "receipt": ("reference evidence", "")},
    "teller": {"read": (f"{FILE} task privacy", "")} | acts("receive-request consent"),
    "branch-manager": {
        "list": ("reference name task summary", "identity-number contact"),
        "read": (f"{IDENTITY} account task summary", ""),
        "supervise": ("access-log", ""),
    } | acts("propose-disposal declare-emergency"),
    "hq-operations": {
        "read": (f"{IDENTITY} account holder diligence task summary privacy history policy", ""),
        "list": (f"{IDENTITY} account holder diligence task summary privacy history policy", ""),
        "replay": (f"{IDENTITY} account holder diligence task summary privacy history policy", ""),
    } | acts(
        "correct merge publish receive-request answer-request decide-request consent propose-disposal "
        "execute-disposal"
    ),
    "investigator": {
        "read": (CASE, ""), "list": (CASE, ""), "replay": (CASE, ""), "case": (CASE, ""),
        "export": (f"{FILE} diligence risk monitoring history evidence", ""),
    },
    "compliance": {
        **dict.fromkeys(("read", "list", "replay", "case", "report", "order", "supervise"), (ALL, "")),
        "export": (
            f"{FILE} diligence risk monitoring order sealed-order hold privacy disclosure history evidence", "",
        ),
    } | acts(
        "review-emergency place-hold release-hold propose-disposal approve-disposal execute-disposal "
        "receive-request answer-request "
        "decide-request consent correct merge accept-order release-freeze"
    ),
    "order-desk": dict.fromkeys(("list", "order"), ("reference name order sealed-order", ""))
    | acts(  # and what the order names: below
        "receive-order validate-order accept-order reject-order release-freeze lapse-freezes secrecy notify-order "
        "object-order seal-evidence escalate-order fulfil-order"
    ),
    "customer": {"read": (OWN, "")},
    "agent": {
        "read": (
            "reference name account balance transaction privacy disclosure", "identity-number contact personal",
        )
    },
    "heir": {"read": ("reference name account balance", "identity-number")},
    "guardian": {"read": (f"{IDENTITY} account balance transaction privacy disclosure", "")},
    "inspector": {},
    "pboc-investigator": {},
    "fiu": {"supply": (f"{FILE} diligence risk monitoring evidence", "")},
    "authority": {},
    "foreign-authority": {},
    "group-company": {},
    "partner": {},
    "dba": {"operate": ("ciphertext metrics", "")} | acts("declare-emergency"),
    "auditor": {
        "audit": ("evidence access-log policy metrics summary", ""),
        "read": ("reference name account diligence privacy disclosure", "identity-number contact personal"),
    },
    "custodian": dict.fromkeys(
        ("read", "list", "replay", "export", "audit", "supervise", "case", "answer"), (" ".join(CLASSES), "")
    ) | acts(
        "declare-emergency review-emergency lapse-freezes receive-request answer-request decide-request "
        "consent place-hold propose-disposal "
        "execute-disposal correct merge publish release-hold approve-disposal"
    ),
}  # fmt: skip
NAMED: Final = {
    # role: actions whose fields the order or the allowance names: the ticket of the case decides how much
    "order-desk": "read answer query",
    "inspector": "inspect",
    "pboc-investigator": "query",
    "authority": "query",
    "group-company": "share",
    "partner": "share",
}
PURPOSES: Final = {
    "branch-system": "collection", "teller": "account-service", "branch-manager": "supervision",
    "hq-operations": "data-quality", "investigator": "aml", "compliance": "retention", "order-desk": "legal-order",
    "customer": "rights", "agent": "rights", "heir": "rights", "guardian": "rights", "inspector": "inspection",
    "pboc-investigator": "legal-order", "fiu": "aml", "authority": "legal-order",
    "foreign-authority": "legal-order",
    "group-company": "group-aml", "partner": "partner-service", "dba": "operation", "auditor": "audit",
    "custodian": "custody",
}  # fmt: skip
BASES: Final = {
    "rights": "PIPL-44", "inspection": "AML24-22", "group-aml": "AML24-37", "partner-service": "consent",
    "marketing": "consent", "legal-order": "CPL-253",
}  # fmt: skip


RULED: Final = {(rule.role, action): rule.purposes for rule in reversed(MATRIX.rule) for action in rule.actions}
"""Purposes of the first rule of a role's action."""


def asked(role: str, action: str, **fields: Any) -> Ask:
    """A question that holds in every respect."""
    purpose = PURPOSES[role]
    if (role, action) in RULED and purpose not in RULED[role, action]:
        purpose = RULED[role, action][0]
    machine = role == "branch-system"
    who = Actor(
        id="T-1", roles=frozenset({role}), branch="B-1", kind="machine" if machine else "person",
        authn="mtls" if machine else "local-keys" if role == "custodian" else "oidc-mfa",
    )  # fmt: skip
    own = role == "customer"
    values: dict[str, Any] = {
        "actor": msgspec.structs.replace(who, id="C1") if own else who, "action": action,
        "subject": None if action in {"append", "receipt", "list"} else StreamName("customer", "C1"),
        "purpose": purpose, "legal_basis": BASES.get(purpose, "AML24-34"), "reason": "asked for", "ticket": "P-1",
        "second": "T-2",
    }  # fmt: skip
    return Ask(**values | fields)


def relation(kind: str) -> Relation:
    """T-1 stands in a relation to the customer."""
    return Relation(id=kind, party=Party(name="x", role=kind, customer="T-1"), since=date(2026, 1, 1))


def known(role: str, **fields: Any) -> Facts:
    """Facts in which everything stands well with a role's question."""
    person = Person(
        customer="C1", home="B-1", consents=frozenset({"share:T-1"}),
        born=date(2015, 1, 1) if role == "guardian" else date(1990, 1, 1),
        deceased_on=date(2026, 2, 1) if role == "heir" else None,
        relations=tuple(map(relation, ("agent", "guardian", "relative"))),
    )  # fmt: skip
    organ = {"inspector": "nfra", "pboc-investigator": "pboc-aml"}.get(role, "court")
    values: dict[str, Any] = {
        "authorities": shipped_authorities(), "persons": (person,),
        "ticket": Ticket(customer="C1", branch="B-1", operator="T-1", until=AT + timedelta(hours=1)),
        "case": Case(customers=frozenset({"C1"}), asked=True),
        "order": Order(
            action="query", organ=organ, subject="natural", status="accepted", customer="C1",
            scope=frozenset({"names", "balance"}),
        ),
        "request": Request(customer="C1", requester="near-relative"),
        "rights": (Right(grant="G", role=role, until=AT + timedelta(hours=1), approver="M-2"),),
        "emergency_until": AT + timedelta(hours=1),
        "allowances": (
            Allowance(recipient="T-1", purpose="partner-service", fields=("names", "risk")),
            Allowance(recipient="T-1", purpose="group-aml", fields=("names", "risk")),
        ),
    }  # fmt: skip
    return Facts(**values | fields)


def fields_of(classes: str) -> frozenset[str]:
    """All fields of some classes."""
    return frozenset(field for name in classes.split() for field in MATRIX.classes[name].fields)


def test_the_tables_are_complete():
    """Every role of the data is in the table, and every purpose of it."""
    assert set(TABLE) == set(PURPOSES) == set(MATRIX.roles)


@pytest.mark.parametrize("role", sorted(TABLE))
def test_every_cell(role: str) -> None:
    """For each action and each class: in full, masked, or not at all, exactly as the table says."""
    for action in ACTIONS:
        answer = decide(asked(role, action), known(role), MATRIX, AT)
        expected = TABLE[role].get(action)
        if expected is None and action in NAMED.get(role, "").split():
            assert isinstance(answer, Permit), (role, action, answer)
            continue
        if expected is None:
            assert isinstance(answer, Deny), (role, action)
            continue
        assert isinstance(answer, Permit), (role, action, answer)
        full, masked = map(fields_of, expected)
        assert answer.fields - answer.masked == full, (role, action)
        assert answer.fields & answer.masked == masked, (role, action)
        for field in MATRIX.fields:
            single = decide(asked(role, action, fields=(field,)), known(role), MATRIX, AT)
            assert isinstance(single, Permit) == (field in full | masked), (role, action, field)


@pytest.mark.parametrize("role", sorted(NAMED))
def test_no_more_than_is_named(role: str) -> None:
    """Orders and allowances name fields: those are shown as far as the role may ever see them, no other."""
    shared = role in {"partner", "group-company"}
    expected = {"names"} if role == "partner" else {"names", "risk"} if shared else {"names", "balance"}
    for action in NAMED[role].split():
        answer = decide(asked(role, action), known(role), MATRIX, AT)
        assert isinstance(answer, Permit)
        assert answer.fields == expected
        more = decide(asked(role, action, fields=("names", "documents")), known(role), MATRIX, AT)
        assert more == Deny(code="more-than-allowed")


def _persons(**changes: Any) -> Callable[[Ask, Facts], tuple[Ask, Facts]]:
    def change(ask: Ask, facts: Facts) -> tuple[Ask, Facts]:
        persons = tuple(msgspec.structs.replace(person, **changes) for person in facts.persons)
        return ask, msgspec.structs.replace(facts, persons=persons)

    return change


def _facts(**changes: Any) -> Callable[[Ask, Facts], tuple[Ask, Facts]]:
    return lambda ask, facts: (ask, msgspec.structs.replace(facts, **changes))


def _part(name: str, **changes: Any) -> Callable[[Ask, Facts], tuple[Ask, Facts]]:
    def change(ask: Ask, facts: Facts) -> tuple[Ask, Facts]:
        before = getattr(facts, name)
        return ask, msgspec.structs.replace(
            facts, **{name: before and msgspec.structs.replace(before, **changes)}
        )  # fmt: skip

    return change


def _ask(**changes: Any) -> Callable[[Ask, Facts], tuple[Ask, Facts]]:
    return lambda ask, facts: (msgspec.structs.replace(ask, **changes), facts)


def _actor(**changes: Any) -> Callable[[Ask, Facts], tuple[Ask, Facts]]:
    def change(ask: Ask, facts: Facts) -> tuple[Ask, Facts]:
        return msgspec.structs.replace(ask, actor=msgspec.structs.replace(ask.actor, **changes)), facts

    return change


def _right(**changes: Any) -> Callable[[Ask, Facts], tuple[Ask, Facts]]:
    return lambda ask, facts: (
        ask,
        msgspec.structs.replace(facts, rights=(msgspec.structs.replace(facts.rights[0], **changes),)),
    )


BROKEN: Final[dict[str, list[Callable[[Ask, Facts], tuple[Ask, Facts]]]]] = {
    "own-branch": [_actor(branch="B-2"), _actor(branch="")],
    "ticket-open": [
        _facts(ticket=None), _part("ticket", closed=True), _part("ticket", until=AT), _part("ticket", branch="B-2"),
        _part("ticket", customer="C2"),
    ],
    "serving": [_part("ticket", operator="T-9")],
    "not-own-record": [_facts(own=frozenset({"C1"})), _actor(id="C1")],
    "granted": [
        _facts(rights=()), _right(role="teller"), _right(until=AT), _right(approver="T-1"), _right(scope=("B-9",)),
        _right(scope=("C2", "CA-9")),
    ],
    "reason": [_ask(reason=""), _ask(reason="  ")],
    "second-person": [_ask(second=""), _ask(second="T-1"), _ask(second=" t-1")],
    "case-open": [_facts(case=None), _part("case", closed=True), _part("case", customers=frozenset({"C2"}))],
    "order-valid": [
        _facts(order=None), _part("order", status="received"), _part("order", status="rejected"),
        _part("order", status="fulfilled"), _part("order", customer="C2"),

       ],
    "organ-may": [_part("order", organ="market-regulator", action="query", subject="natural"), _part("order",
    organ="library")],
    "certificate": [_actor(authn="oidc-mfa"), _actor(kind="person")],
    "strong-authentication": [_actor(authn="oidc"), _actor(authn="password")],
    "own-data": [_actor(id="C2"), _persons(exists=False)],
    "mandate": [
        _persons(relations=()), _persons(relations=(relation("relative"),)), _actor(id="T-9"),
        _persons(relations=(msgspec.structs.replace(relation("agent"), until=date(2026, 3, 1)),)),
        _persons(relations=(msgspec.structs.replace(relation("agent"), since=date(2026, 3, 3)),)),
    ],
    "heir": [
        _persons(deceased_on=None), _persons(consents=frozenset({"exclude-relatives"})), _facts(request=None),
        _part("request", answered=True), _part("request", requester="person"), _part("request", customer="C2"),
        _persons(relations=()),
    ],
    "guardian": [
        _persons(born=date(2008, 3, 2)), _persons(born=None), _persons(relations=(relation("agent"),)),
    ],
    "consent": [_persons(consents=frozenset()), _persons(consents=frozenset({"share:T-9", "partner-service"}))],
    "allowance": [
        _facts(allowances=()),
        _facts(allowances=(Allowance(recipient="T-9", purpose="partner-service", fields=("names",)),)),
    ],
    "fiu-request": [_part("case", asked=False), _facts(case=None)],
    "break-glass": [_facts(emergency_until=None), _facts(emergency_until=AT)],
    "at-the-machine": [_actor(authn="oidc-mfa"), _actor(authn="mtls"), _actor(authn="")],
    "not-found-out": [_facts(reached=frozenset({("bulk-read", 300, 60)}))],
}  # fmt: skip


def test_every_condition_is_broken():
    """Each condition of the data has ways to break it here."""
    assert set(BROKEN) == set(CONDITIONS)


@pytest.mark.parametrize("condition", sorted(BROKEN))
def test_each_condition_matters(condition: str) -> None:
    """Wherever a condition stands in the matrix, breaking it in any way takes that rule's classes away."""
    tried = 0
    for rule in MATRIX.rule:
        if condition not in rule.conditions or rule.purposes == ("marketing",):
            continue
        stops = {limit.count for limit in MATRIX.limits[rule.role] if limit.effect == "stop"}
        if condition == "not-found-out" and not stops:
            continue
        for action in rule.actions:
            alone = msgspec.structs.replace(MATRIX, rule=(rule,))
            good = asked(rule.role, action), known(rule.role)
            if good[0].purpose not in rule.purposes:
                good = _ask(purpose=rule.purposes[0], legal_basis=BASES.get(rule.purposes[0], "AML24-34"))(*good)
            if action in {"freeze", "deduct"}:
                good = _part("order", action=action)(*good)
            if isinstance(decide(*good, alone, AT), Deny):
                assert action in {"freeze", "deduct"}, (rule.role, action, decide(*good, alone, AT))
                continue
            for change in BROKEN[condition]:
                broken = change(*good)
                if broken[0].subject is None and broken[1].persons and action in {"list", "append", "receipt"}:
                    broken = broken[0], msgspec.structs.replace(broken[1], persons=good[1].persons)
                if _does_not_concern(condition, action, broken[1], good[1]):
                    continue
                assert isinstance(decide(*broken, alone, AT), Deny), (rule.role, action, condition)
                tried += 1
    assert tried


def _does_not_concern(condition: str, action: str, broken: Facts, good: Facts) -> bool:
    """A list may find whom a case does not name yet."""
    return condition == "case-open" and action == "list" and broken.case is not None and not broken.case.closed


def test_masked_until_served():
    """A teller whose ticket somebody else serves sees the file masked, and no transactions."""
    answer = decide(*_part("ticket", operator="T-9")(asked("teller", "read"), known("teller")), MATRIX, AT)
    assert isinstance(answer, Permit)
    assert answer.fields - answer.masked == fields_of("reference name task")
    assert answer.fields & answer.masked == fields_of("identity-number contact personal account balance")


def test_what_a_list_is_confined_to():
    """A manager's list is of the branch, an investigator's of what the right's scope names."""
    manager = decide(asked("branch-manager", "list"), known("branch-manager", persons=()), MATRIX, AT)
    assert isinstance(manager, Permit)
    assert manager.branches == {"B-1"}
    head = decide(asked("hq-operations", "list"), known("hq-operations", persons=()), MATRIX, AT)
    assert isinstance(head, Permit)
    assert head.branches is None
    scoped = _right(scope=("B-1", "B-2"))(asked("hq-operations", "list"), known("hq-operations"))
    narrow = decide(*scoped, MATRIX, AT)
    assert isinstance(narrow, Permit)
    assert narrow.branches == {"B-1", "B-2"}


ORGANS: Final = {
    # organ: (query, freeze, deduct), as the statutes read; natural persons
    "court": "yyy", "procuratorate": "yyn", "police": "yyn", "state-security": "yyn",
    "military-security": "yyn",
    "prison": "yyn", "supervisory-commission": "yyn", "tax": "yyy", "customs": "yyy", "csrc": "yyn",
    "nfra": "ynn",
    "audit": "ynn", "market-regulator": "nnn", "police-terrorism": "yyn", "pboc-aml": "yyn",
    "foreign-authority": "nnn",
    "library": "nnn",
}  # fmt: skip


UNITS: Final = ORGANS | {"market-regulator": "ynn"}
"""The same of organisations: accounts of operators may be looked into."""


@pytest.mark.parametrize("organ", sorted(ORGANS))
@pytest.mark.parametrize("role", ["authority", "order-desk"])
@pytest.mark.parametrize(("subject", "table"), [("natural", ORGANS), ("organisation", UNITS)])
def test_who_may_query_freeze_deduct(organ: str, role: str, subject: str, table: dict[str, str]) -> None:
    """Each organ, each act and kind of subject: as the table of authorities has it, whoever carries it out."""
    for action, may in zip(("query", "freeze", "deduct"), table[organ], strict=True):
        facts = _part("order", organ=organ, action=action, subject=subject)(asked(role, action), known(role))[1]
        answer = decide(asked(role, action), facts, MATRIX, AT)
        assert isinstance(answer, Permit) == (may == "y"), (organ, action, answer)
        other = {"query": "freeze", "freeze": "deduct", "deduct": "query"}[action]
        assert isinstance(decide(asked(role, other), facts, MATRIX, AT), Deny), "an order is for one act"


def test_a_foreign_request_goes_through_the_desk():
    """Approved by the competent authority it is answered by the desk, within what was approved; never directly."""
    facts = known("order-desk", order=Order(
        action="query", organ="foreign", subject="", status="accepted", customer="C1", scope=frozenset({"names"}),
    ))  # fmt: skip
    desk = decide(asked("order-desk", "answer"), facts, MATRIX, AT)
    assert isinstance(desk, Permit)
    assert desk.fields == {"names"}
    for action in ACTIONS:
        assert isinstance(decide(asked("foreign-authority", action), facts, MATRIX, AT), Deny)


def test_marketing_is_off_by_default():
    """Only who consented is marketed to; due diligence goes on without any consent (PIPL 15, 16)."""
    question = asked("hq-operations", "read", purpose="marketing", legal_basis="consent")
    assert decide(question, known("hq-operations"), MATRIX, AT) == Deny(code="no-consent")
    willing = _persons(consents=frozenset({"marketing"}))(question, known("hq-operations"))
    answer = decide(*willing, MATRIX, AT)
    assert isinstance(answer, Permit)
    assert answer.fields == fields_of("name contact")
    restricted = _persons(consents=frozenset({"marketing"}), restricted=True)
    assert decide(*restricted(question, known("hq-operations")), MATRIX, AT) == Deny(code="restricted")
    duty = asked("hq-operations", "read", purpose="customer-due-diligence")
    assert isinstance(decide(*restricted(duty, known("hq-operations")), MATRIX, AT), Permit)


def test_supervisors_are_told():
    """Own records, relatives, marked customers, odd hours, too many looks and refusals: a flag of its kind."""
    question, facts = asked("teller", "read"), known("teller")
    cases = {
        "own-record": _facts(own=frozenset({"C1"})), "relative": _facts(relatives=frozenset({"C1"})),
        "vip": _persons(watched="vip"), "off-hours": _facts(hour=3),
        "bulk-read": _facts(reached=frozenset({("bulk-read", 100, 60)})),
    }  # fmt: skip
    assert decide(question, facts, MATRIX, AT).flags == ()
    for kind, change in cases.items():
        answer = decide(*change(question, facts), MATRIX, AT)
        assert answer.flags == (kind,)
        assert isinstance(answer, Deny) == (kind == "own-record")
    often = _facts(ticket=None, reached=frozenset({("repeated-denial", 10, 30)}))(question, facts)
    assert decide(*often, MATRIX, AT) == Deny(code="ticket-open", flags=("repeated-denial",))
    glass = decide(asked("branch-manager", "read"), known("branch-manager"), MATRIX, AT)
    assert glass.flags == ("vip",)


roles = st.sets(st.sampled_from(sorted(MATRIX.roles)), max_size=4)
purposes = st.sampled_from(sorted(MATRIX.purposes))
bases = st.sampled_from(["", " ", "AML24-34", "AML24-37", "PIPL-44", "consent", "because"])
damage = st.lists(st.sampled_from(sorted(BROKEN)), max_size=3)


@given(
    roles=roles, fewer=st.randoms(), action=st.sampled_from(ACTIONS), purpose=purposes, basis=bases, damage=damage
)
def test_fewer_roles_never_see_more(roles, fewer, action, purpose, basis, damage) -> None:
    """Taking roles away takes fields away or leaves them; nothing is unmasked; no basis, no permission."""
    facts = known("teller", rights=tuple(
        Right(grant=role, role=role, until=AT + timedelta(hours=1), approver="M-2") for role in MATRIX.roles
    ))  # fmt: skip
    question = asked("teller", action, purpose=purpose, legal_basis=basis)
    for one in damage:
        question, facts = BROKEN[one][0](question, facts)
    many = msgspec.structs.replace(question, actor=msgspec.structs.replace(question.actor, roles=frozenset(roles)))
    kept = frozenset(role for role in sorted(roles) if fewer.random() < 0.5)
    few = msgspec.structs.replace(question, actor=msgspec.structs.replace(question.actor, roles=kept))
    more, less = decide(many, facts, MATRIX, AT), decide(few, facts, MATRIX, AT)
    if not basis.strip() or not MATRIX.purposes[purpose].rests_on(basis):
        assert isinstance(more, Deny)
    if isinstance(less, Permit):
        assert isinstance(more, Permit)
        assert less.fields <= more.fields
        assert less.fields - less.masked <= more.fields - more.masked
        assert less.inner - less.masked <= more.inner - more.masked
        assert more.branches is None or (less.branches is not None and less.branches <= more.branches)


@given(action=st.sampled_from(ACTIONS), purpose=purposes, basis=bases, damage=damage)
def test_secrets_never_reach_the_counter(action, purpose, basis, damage) -> None:
    """Whatever holds or not: reports, cases, sealed orders."""
    secret = fields_of("monitoring sealed-order hold risk")
    low = frozenset(
        {"teller", "branch-manager", "customer", "agent", "heir", "guardian", "branch-system", "partner"}
    )
    question = asked("teller", action, purpose=purpose, legal_basis=basis)
    question = msgspec.structs.replace(question, actor=msgspec.structs.replace(question.actor, roles=low))
    facts = known("teller")
    for one in damage:
        question, facts = BROKEN[one][0](question, facts)
    answer = decide(question, facts, MATRIX, AT)
    if isinstance(answer, Permit):
        assert not secret & (answer.fields | answer.inner)


def test_acts_of_two():
    """What takes two takes two of every role, and is refused to one; an act shows nothing of anybody."""
    two = {name for name, act in MATRIX.acts.items() if act.two}
    assert two == {
        "accept-order", "release-freeze", "correct", "merge", "publish", "release-hold", "approve-disposal",
    }  # fmt: skip
    for role, actions in TABLE.items():
        for action in actions.keys() & MATRIX.acts.keys():
            alone = decide(asked(role, action, second="T-1"), known(role), MATRIX, AT)
            assert isinstance(alone, Deny) == (action in two), (role, action)
    assert set(MATRIX.acts) <= set(MATRIX.roles["auditor"].never_actions)


@pytest.mark.parametrize("act", ["freeze", "deduct"])
@pytest.mark.parametrize("role", ["order-desk", "authority"])
def test_acts_under_an_order(role: str, act: str) -> None:
    """An accepted order for that very act, about that customer, by an organ that may: else nothing is done."""
    ask, facts = _part("order", action=act)(asked(role, act), known(role))
    assert decide(ask, facts, MATRIX, AT) == _permitted(role)
    for condition in ("order-valid", "organ-may"):
        for change in BROKEN[condition]:
            assert isinstance(decide(*change(ask, facts), MATRIX, AT), Deny), condition
    assert isinstance(decide(*_part("order", action="query")(ask, facts), MATRIX, AT), Deny)


def _permitted(role: str) -> Permit:
    return Permit(
        fields=frozenset(), obligations=("no-tipping-off",), roles=(role,), hidden=True,
        until=AT + timedelta(hours=1) if role == "order-desk" else None,
    )  # fmt: skip
