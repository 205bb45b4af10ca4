"""What is known of one customer, over HTTP: each read is about one field of the matrix, and recorded as that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kyc.access.gate import Grant
from kyc.domain.submission import StreamName
from kyc.service import sight
from kyc.service.call import Answer, Call, encode
from kyc.service.door import ABOUT, AS_OF, ON, WAIT, Look, Make, View, asked, view
from projections import account_register, consents, counterparty_edge, document_register, owners
from replay import compare as both
from replay import history as past
from replay import paths_told, registers
from replay.paths import Wanted

_MOST: Final = 1_000
_STEPS: Final = 8
_WAYS: Final = ("sum", "count")
POSTINGS: Final = "transactions of accounts have their own pages: /v1/accounts/{number}/transactions"


def _history(look: Look) -> Make:
    as_of, about, since = look.moment("as_of"), look.moment("about"), look.moment("since", end=False)
    return lambda _: past.as_dict(
        past.customer(look.log, look.key, as_of, about=about, since=since, with_postings=False)
    )


def _compare(look: Look) -> Make:
    look.needed("first")
    first, second, about = look.moment("first"), look.moment("second"), look.moment("about")
    assert first is not None
    return lambda _: both.as_dict(
        both.customer(look.log, look.key, first, second, about=about, with_postings=False)
    )


def _documents(look: Look) -> Make:
    day = look.day()

    def make(_: Grant) -> Any:
        stream, rules = registers.stream_of(look.log, look.key), look.policies().documents(day)
        found = document_register.of_streams(look.log, [stream], day, rules)
        return [registers.document(one) for one in found]

    return make


def _owners(look: Look) -> Make:
    day = look.day()

    def make(_: Grant) -> Any:
        found = owners.behind(look.log, registers.stream_of(look.log, look.key), day)
        known = registers.named(look.log, (one for edge in found for one in edge.through))
        return [registers.edge(edge, known) for edge in found]

    return make


def _diligence(look: Look) -> Make:
    day = look.day()
    return lambda _: registers.diligence(look.key, registers.diligence_of(look.log, look.key), look.policies(), day)


def _counterparties(look: Look) -> Make:
    start, stop = look.moment("since", end=False), look.moment("until")
    by, limit = look.choice("by", _WAYS), look.number("limit", 100, _MOST)

    def make(_: Grant) -> Any:
        found = counterparty_edge.of_customer(
            look.log, look.key, look.zone, start=start, stop=stop,
            by="sum" if by == "sum" else "count", limit=limit,
        )  # fmt: skip
        known = registers.named(look.log, (holder for one in found for holder in one.holders))
        return [registers.dealing(one, known) for one in found]

    return make


def _accounts(look: Look) -> Make:
    def make(_: Grant) -> Any:
        log = look.log
        held = past.accounts_of(list(log.events(StreamName("customer", look.key))))
        numbers = {log.stream_id(StreamName("account", one.account)): one.account for one in held}
        return [
            {
                "account": numbers[one.stream_id], "currency": one.currency, "product": one.product,
                "branch": one.branch, "opened_on": one.opened_on, "closed_on": one.closed_on,
                "disposed": one.disposed,
            }
            for one in account_register.of_streams(log, list(numbers))
        ]  # fmt: skip

    return make


def _privacy(look: Look) -> Make:
    day, purpose = look.day(), look.text("purpose")
    if purpose is None:
        return lambda _: registers.privacy(look.log, look.key, look.policies(), day)

    def make(_: Grant) -> Any:
        answer = consents.may(look.log, registers.stream_of(look.log, look.key), purpose, day)
        return {"purpose": purpose, "on": day, "answer": answer._asdict()}

    return make


async def paths(call: Call) -> Answer:
    """GET /v1/customers/{number}/paths: a list of two customers, each of whom must be open to the caller."""
    look = Look(call, call.path["number"])
    other = look.needed("to")
    wanted = Wanted(
        follow=look.choice("follow", ("no", "yes")) == "yes", since=look.moment("since", end=False),
        until=look.moment("until"), steps=look.number("steps", 4, _STEPS), paths=look.number("most", 10, 100),
    )  # fmt: skip
    ask = asked(call, "list", None, ("paths",))

    def work() -> bytes:
        grant = look.service.gate.admit(ask, (look.key, other))
        found = paths_told.as_dict(paths_told.between(look.log, look.key, other, wanted))
        shown = grant.show({"paths": sight.seen(found, grant)})
        return encode(View(kind="customer", key=look.key, shown=shown))

    return Answer(body=await call.parts.looks.run(call, work))


history = view("customer", "history", _history, action="replay")
compare = view("customer", "compared", _compare, action="replay")
documents = view("customer", "documents", _documents)
behind = view("customer", "owners", _owners)
diligence = view("customer", "diligence", _diligence)
counterparties = view("customer", "counterparty", _counterparties)
accounts = view("customer", "accounts", _accounts)
privacy = view("customer", "privacy", _privacy)

_BOTH: Final = {"as_of": AS_OF, "about": ABOUT, "wait": WAIT}
_SPAN: Final = {"since": "a date (its beginning) or an instant", "until": "a date (its end) or an instant"}
PARAMETERS: Final[dict[str, Mapping[str, str]]] = {
    "history": _BOTH | {"since": "a date (its beginning) or an instant: only what was recorded from then on"},
    "compare": {
        "first": "a date or an instant: as recorded until then", "second": "the later moment; now",
        "about": ABOUT, "wait": WAIT,
    },
    "paths": {
        "to": "the number of the other customer", "follow": "yes: as money flows, from payer to payee; no",
        **_SPAN, "steps": f"transactions of a path at most, 1 to {_STEPS}; 4",
        "most": "paths at most, 1 to 100; 10", "wait": WAIT,
    },
    "counterparties": _SPAN | {
        "by": "sum: the largest sums of each currency; count: the most transactions",
        "limit": f"1 to {_MOST}; 100", "wait": WAIT,
    },
    "day": {"on": ON, "wait": WAIT},
    "consents": {
        "on": ON, "purpose": "only whether this purpose, which rests on consent, may be served that day",
        "wait": WAIT,
    },
}  # fmt: skip
