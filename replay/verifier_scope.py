"""Whether a bundle is what its scope says: nothing of it left out, and nothing beyond it in clear.

A part of the shipped verifier: nothing of KYC Ledger but other parts may be imported here. The rules are those of
docs/bundle.md, section Scope.
"""

from __future__ import annotations

from replay.verifier_base import Json, need, number

SCOPE = {
    "kind", "key", "customers", "accounts", "others", "since", "until", "recorded_from", "recorded_until", "zone",
    "withheld",
}  # fmt: skip
MOVEMENTS = {"postings", "large-value", "occasional"}
"""Kinds of streams whose events happened on a day; a period cuts them by that day."""
PERIOD_KINDS = {"customer", "prospect", "account", "postings", "occasional"}
OTHERS = {"case": {"case", "alert", "report", "large-value"}, "order": {"order"}}
"""Kinds of streams that a scope may have besides customers and accounts."""
KEYS = {
    "customer.registered": "customer", "account.opened": "account", "prospect.refused": "prospect",
    "large_value.detected": "customer",
}  # fmt: skip
"""The field in which the event that begins a stream names it."""
NAMED = {"alert": "alert", "case": "case", "report": "report", "order": "order"}
"""Kinds of streams whose every event names its stream, and the field."""


class ScopeRules:
    """What the manifest's scope allows and demands; told of every event in clear."""

    def __init__(self, scope: Json, streams: list[Json]) -> None:
        self._scope = scope
        self._streams = streams
        self.kind, self.key = str(scope["kind"]), str(scope["key"])
        self._linked: dict[str, int] = {}  # account → when the last link to it ended, in microseconds
        self._customers: set[str] = set()
        self._legs: set[str] = set()
        self._booked: set[str] = set()
        self._alerts: set[str] = set()
        self._accepted = False
        self._ordered: Json = {}
        need(set(scope) == SCOPE, "manifest.json", "not a scope")
        need(len({stream["stream"] for stream in streams}) == len(streams), "trailer.json", "a stream comes twice")
        self._check_streams()

    def _check_streams(self) -> None:
        scope, pairs = self._scope, [(stream["kind"], stream["key"]) for stream in self._streams]
        if self._by_recording:
            need({kind for kind, _ in pairs} <= PERIOD_KINDS, "trailer.json", "not the streams of the scope")
            return
        expected = [("customer", customer) for customer in scope["customers"]]
        expected += [(kind, account) for account in scope["accounts"] for kind in ("account", "postings")]
        expected += [(kind, key) for kind, key in scope["others"]]
        complete = self.kind != "order"  # an order may ask for accounts without their postings, and so on
        fits = sorted(pairs) == sorted(expected) if complete else set(pairs) <= set(expected)
        need(fits, "trailer.json", "not the streams of the scope")
        kinds = {kind for kind, _ in scope["others"]}
        need(kinds <= OTHERS.get(self.kind, set()), "manifest.json", "streams beyond the scope")

    @property
    def _by_recording(self) -> bool:
        """Whether everything recorded in a period is meant, whosever it is."""
        return bool(self._scope["recorded_from"] is not None)

    def whole(self, stream: Json) -> bool:
        """Whether a stream has to be given from its first version to its last."""
        if self._by_recording or (self.kind == "transaction" and stream["kind"] == "postings"):
            return False
        cut = self._scope["since"] is not None or self._scope["until"] is not None
        return not (cut and stream["kind"] in MOVEMENTS)

    # --- events in clear ------------------------------------------------------------------------

    def event(self, stream: Json, header: Json, event: Json, place: str) -> None:
        """Refuse an event that does not belong to its stream or lies outside the scope."""
        kind, topic = stream["kind"], header["topic"]
        # A stream's id is a keyed digest: which customer or account it is, only its payloads say.
        if kind == "postings":
            said = event.get("leg", {}).get("account", event.get("account"))
        elif kind in NAMED:
            said = event.get(NAMED[kind])
        else:
            said = event[KEYS[topic]] if topic in KEYS else stream["key"]
        need(said == stream["key"], place, f"not of {kind} {stream['key']}")
        self._within(kind, header["recorded_at"], event, place)
        fields = {*event, event.get("attribute")}  # the field an event changes or corrects
        too_much = set(self._scope["withheld"]) & fields if kind == "customer" else set()
        need(not too_much, place, "a field that is beyond the scope")
        if self.kind == "transaction" and kind == "postings":
            need(event.get("reference") == self.key, place, "of another transaction: beyond the scope")
        if self.kind == "customer" and kind in {"account", "postings"}:
            left = self._linked.get(stream["key"], 2**63)
            need(header["recorded_at"] <= left, place, "after the customer left the account: beyond the scope")
        self._remember(stream, header, event)

    def _within(self, kind: str, recorded_at: int, event: Json, place: str) -> None:
        scope, moves = self._scope, kind in MOVEMENTS and self.kind != "transaction" and not self._by_recording
        if moves:
            day = str(event.get("booked_at") or event.get("day") or event["occurred_at"])[:10]
            need((scope["since"] or "") <= day <= (scope["until"] or "9"), place, "beyond the period of the scope")
        start, end = scope["recorded_from"], scope["recorded_until"]
        told_whole = kind in NAMED or moves  # an order comes after what it asks about
        late = end is not None and recorded_at > number(end, "manifest.json") and not told_whole
        need(not late, place, "recorded after the period of the scope")
        need(start is None or recorded_at >= start, place, "recorded before the period of the scope")

    def _remember(self, stream: Json, header: Json, event: Json) -> None:
        topic = header["topic"]
        if topic == "customer.account_linked":
            self._linked[event["account"]] = 2**63
        elif topic == "customer.account_unlinked" and event["account"] in self._linked:
            self._linked[event["account"]] = header["recorded_at"]
        elif topic == "transaction.booked":
            self._legs |= {leg["account"] for leg in event["legs"]}
            self._booked.add(stream["key"])
        elif topic == "case.opened":
            self._customers |= set(event["customers"])
            self._alerts |= set(event.get("alerts", ()))
        elif topic == "case.customer_added":
            self._customers.add(event["customer"])
        elif topic == "order.received":
            self._ordered = event
        elif topic == "order.accepted":
            self._accepted = True

    # --- the end --------------------------------------------------------------------------------

    def finish(self) -> list[str]:
        """Refuse a scope of which something is left out; says what is proved of it."""
        accounts = set(self._scope["accounts"])
        disposed = any(stream["disposed"] for stream in self._streams if stream["kind"] == "customer")
        if self.kind in {"customer", "case"} or (self.kind == "notice" and not self._by_recording):
            need(set(self._linked) <= accounts, "manifest.json", "an account of the customer is left out")
            theirs = accounts <= set(self._linked) or disposed or self.kind == "notice"
            need(theirs, "manifest.json", "an account of somebody else")
        return list(getattr(self, f"_{self.kind}")(accounts))

    def unproved(self) -> list[str]:
        """What only a search of the whole ledger shows, which nothing in a bundle names."""
        if self._by_recording:
            return ["that nothing else was recorded in the period: that is the signer's word"]
        said = "that no other report was filed out of the case: that is the signer's word"
        return [said] if self.kind == "case" else []

    def _customer(self, accounts: set[str]) -> list[str]:
        need(self._scope["customers"] == [self.key], "manifest.json", "not the customer of the scope")
        return [f"they are of customer {self.key} and every account its own events name ({len(accounts)})"]

    def _account(self, accounts: set[str]) -> list[str]:
        alone = accounts == {self.key} and not self._scope["customers"]
        need(alone, "manifest.json", "not the account of the scope")
        return [f"they are of account {self.key}: its own events and its postings"]

    def _transaction(self, accounts: set[str]) -> list[str]:
        need(self._legs <= accounts, "manifest.json", "a leg of the transaction is left out")
        gone = any(stream["disposed"] for stream in self._streams if stream["kind"] == "postings")
        need(self._booked == self._legs or gone, "events", "a leg of the transaction is left out")
        return [f"they are of transaction {self.key}: every leg that it names itself ({len(self._legs)})"]

    def _case(self, _: set[str]) -> list[str]:
        customers, others = set(self._scope["customers"]), [tuple(other) for other in self._scope["others"]]
        needed = {("case", self.key), *(("alert", alert) for alert in self._alerts)}
        needed |= {("large-value", customer) for customer in self._customers}
        need(needed <= set(others), "manifest.json", "a stream of the case is left out")
        need(self._customers == customers, "manifest.json", "not the customers of the case")
        return [f"they are of case {self.key}, its alerts and every customer it names ({len(customers)})"]

    def _order(self, accounts: set[str]) -> list[str]:
        named, ordered = set(self._ordered.get("accounts", ())), self._ordered.get("customer", "")
        need(["order", self.key] in self._scope["others"], "manifest.json", "the order itself is left out")
        need(self._accepted and self._ordered, "events", "the order is not shown to be accepted")
        need(set(self._scope["customers"]) <= {ordered}, "manifest.json", "a customer the order does not name")
        need(not named or accounts <= named, "manifest.json", "an account the order does not name")
        theirs = named or accounts <= set(self._linked) or not self._scope["customers"]
        need(theirs, "manifest.json", "an account of somebody else")
        for field, end in (("since", max), ("until", min)):
            limit, cut = self._ordered.get(field), self._scope[field]
            need(limit is None or cut == end(limit, cut or limit), "manifest.json", "beyond the order's period")
        return [f"they are of what order {self.key} names, and the order was accepted by a second person"]

    def _notice(self, accounts: set[str]) -> list[str]:
        return [f"they are of {len(self._scope['customers'])} customers and {len(accounts)} accounts, as notified"]

    def _period(self, _: set[str]) -> list[str]:
        need(self._by_recording and self._scope["recorded_until"] is not None, "manifest.json", "no period")
        return [f"they were recorded from {self._scope['since']} to {self._scope['until']}"]
