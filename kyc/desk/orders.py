"""The legal-order desk: taken in as it came, checked for everything at once, decided by two people, answered, told.

An order is always received; whether it is followed is decided afterwards. What stands against it is the law's
(:mod:`kyc.domain.legal_order_rules`) and the desk's own: papers without their copy, accounts that are not ours,
fields nobody can give, originals (356号: they are not lent, copies are sealed). Freezing and deducting is
:mod:`kyc.desk.freezes`, handing over :mod:`kyc.desk.answers`. Serves seed rules 25, 26, 32, 33; AML24 art. 50.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from hashlib import sha256
from typing import Final, Literal, NamedTuple

import msgspec

from kyc.desk.clerk import Clerk, Desk
from kyc.domain import authority as o
from kyc.domain.legal_order_rules import Violation
from kyc.domain.submission import Scan, StreamName
from kyc.errors import RefusedError
from replay.scopes import CODES


class PaperFile(NamedTuple):
    """The copy of a paper that came with an order."""

    kind: str
    media_type: str
    content: bytes


_FOREIGN: Final = Violation(
    "foreign", "order", "PIPL art. 41, DSL art. 36, AML24 art. 50", "escalate it to the competent authority"
)


class OrderDesk(Desk):
    """Takes in and decides orders."""

    # --- taken in and checked ---------------------------------------------------------------------------

    def receive(self, order: o.OrderReceived, copies: Sequence[PaperFile] = ()) -> tuple[Violation, ...]:
        """Take an order in, with the copies of its papers; what stands against following it.

        Raises:
            AccessDeniedError: not permitted, as in every act below.
            RefusedError: it contradicts itself, its number is in use, or a copy is of no paper it names.
        """
        self._may("receive-order", order.order)
        scans = [Scan(name=copy.kind, media_type=copy.media_type, content=copy.content) for copy in copies]
        papers = with_digests(order.papers, copies)
        self.record(msgspec.structs.replace(order, papers=papers, handler=self.clerk.id), scans=tuple(scans))
        return self._violations(order.order)

    def validate(self, number: str) -> tuple[Violation, ...]:
        """Everything that stands against following an order; empty where nothing does.

        Raises:
            NotFoundError: no such order.
        """
        self._may("validate-order", number)
        return self._violations(number)

    def _violations(self, number: str) -> tuple[Violation, ...]:
        order = self._order(number).received
        if order is None:
            return (_FOREIGN,)
        lawful = o.violations(order, self.ledger.policies(), self._day_of(order))
        return (*lawful, *self._ours(order))

    def _ours(self, order: o.OrderReceived) -> Iterator[Violation]:
        """What the desk itself has to see to before two people can decide."""
        for paper in order.papers:
            if not paper.digest:
                yield Violation(f"paper-without-copy:{paper.kind}", "papers", "QFD art. 8", "take a copy")
        known = self.ledger.state
        if any(known(StreamName("account", number)) is None for number in order.accounts):
            yield Violation("account-unknown", "accounts", "an account of ours", "tell the organ: not held here")
        if order.customer and known(StreamName("customer", order.customer)) is None:
            yield Violation("customer-unknown", "customer", "a customer of ours", "correct the number")
        if order.action != "query":
            return
        if not order.customer and not order.accounts:
            yield Violation("subject", "customer", "whom or what is asked about", "look the subject up first")
        if not order.scope:
            yield Violation("scope", "scope", "what is asked for: QFD art. 8", "have the fields named")
        for field in sorted(set(order.scope) - set(CODES)):
            if field == "originals":
                yield Violation("originals", "scope", "356号: originals are not lent", "offer sealed copies")
            else:
                yield Violation("scope-unknown", "scope", ", ".join(sorted(CODES)), "have it named otherwise")

    # --- decided ----------------------------------------------------------------------------------------

    def accept(self, number: str, approver: Clerk) -> None:
        """A second person, neither the clerk nor whoever took it in, finds nothing against it.

        Raises:
            RefusedError: something stands against it; every reason is named.
        """
        self.allow_two("accept-order", _stream(number), approver)
        found = self._violations(number)
        if found:
            raise RefusedError(
                "the order has defects", field="order", rule=", ".join(dict.fromkeys(one.code for one in found)),
                remedy="reject it, or have it mended: kyc order validate",
            )  # fmt: skip
        self.record(o.OrderAccepted(occurred_at=self.now, order=number, approver=approver.id))

    def reject(self, number: str, reasons: Sequence[str] = (), note: str = "") -> tuple[str, ...]:
        """Do not follow it, for these reasons, by default all that were found; a foreign request is reported.

        Raises:
            RefusedError: nothing stands against it and no reason is given.
        """
        self._may("reject-order", number)
        found = reasons or [one.code.partition(":")[0] for one in self._violations(number)]
        given = tuple(dict.fromkeys(found))
        if not given:
            raise RefusedError("nothing stands against it", field="reasons", rule="a reason", remedy="name one")
        if self._order(number).received is None:
            told = o.ForeignRequestRefused(occurred_at=self.now, order=number, reason=note or ", ".join(given))
            self.record(told)
        else:
            self.record(o.OrderRejected(occurred_at=self.now, order=number, reasons=given, note=note))
        return given

    def fulfil(self, number: str, result: str, receipt: str = "") -> None:
        """The order is done and its receipt (回执) went out."""
        self._may("fulfil-order", number)
        self.record(o.OrderFulfilled(occurred_at=self.now, order=number, result=result, receipt=receipt))

    def seal_evidence(self, number: str, items: Sequence[str], counterpart: str) -> None:
        """Originals were sealed here, a list signed by both sides; they do not leave (AML24 art. 44)."""
        self._may("seal-evidence", number)
        sealed = o.EvidenceSealed(occurred_at=self.now, order=number, items=tuple(items), counterpart=counterpart)
        self.record(sealed)

    # --- secrecy and the customer -----------------------------------------------------------------------

    def impose_secrecy(self, number: str, until: date | None = None) -> None:
        """The organ ordered secrecy; only its release ends it."""
        self._may("secrecy", number)
        self.record(o.SecrecyImposed(occurred_at=self.now, order=number, until=until))

    def release_secrecy(self, number: str, reference: str) -> None:
        """The organ released secrecy; telling the customer becomes a task (kyc orders --due)."""
        self._may("secrecy", number)
        self.record(o.SecrecyReleased(occurred_at=self.now, order=number, reference=reference))

    def notify(self, number: str, channel: str) -> None:
        """The customer was told of the order."""
        self._may("notify-order", number)
        self.record(o.CustomerNotified(occurred_at=self.now, order=number, channel=channel))

    # --- objections -------------------------------------------------------------------------------------

    def object(self, number: str, by: Literal["bank", "customer", "third-party"], statement: str) -> date:
        """Lodge an objection; the day by which the court answers."""
        self._may("object-order", number)
        self.record(o.ObjectionLodged(occurred_at=self.now, order=number, by=by, statement=statement))
        return self._order(number).objections[-1]

    def objection_answered(
        self, number: str, outcome: Literal["upheld", "rejected", "withdrawn"], statement: str
    ) -> None:
        """The oldest open objection was answered."""
        self._may("object-order", number)
        told = o.OrderObjectionAnswered(occurred_at=self.now, order=number, outcome=outcome, statement=statement)
        self.record(told)

    # --- foreign authorities ----------------------------------------------------------------------------

    def receive_foreign(
        self, number: str, authority: str, country: str, demand: str, customer: str = ""
    ) -> tuple[Violation, ...]:
        """Take in what a foreign authority demands: nothing goes to it directly."""
        self._may("receive-order", number)
        asked = o.ForeignRequestReceived(
            occurred_at=self.now, order=number, authority=authority, country=country, demand=demand,
            customer=customer,
        )  # fmt: skip
        self.record(asked)
        return self._violations(number)

    def escalate(self, number: str, to: str, reference: str = "") -> None:
        """Pass a foreign request to the competent authority at home."""
        self._may("escalate-order", number)
        self.record(o.ForeignRequestEscalated(occurred_at=self.now, order=number, to=to, reference=reference))

    def approve_foreign(
        self, number: str, authority: str, reference: str, fields: Sequence[str], approver: Clerk
    ) -> None:
        """The competent authority at home allowed an answer with these fields; a second person saw the paper."""
        self.allow_two("accept-order", _stream(number), approver)
        allowed = o.ForeignRequestApproved(
            occurred_at=self.now, order=number, authority=authority, reference=reference, fields=tuple(fields),
            approver=approver.id,
        )  # fmt: skip
        self.record(allowed)

    # --- lookups ----------------------------------------------------------------------------------------

    def _may(self, act: str, number: str) -> None:
        self.allow(act, _stream(number))

    def _order(self, number: str) -> o.OrderState:
        found: o.OrderState = self.state("order", number)
        return found

    def _day_of(self, order: o.OrderReceived) -> date:
        return order.occurred_at.astimezone(self.ledger.zone).date()


def with_digests(papers: Sequence[o.Paper], copies: Sequence[PaperFile]) -> tuple[o.Paper, ...]:
    """Papers, each with the hash of its copy.

    Raises:
        RefusedError: a copy is of no paper that is named.
    """
    digests = {copy.kind: sha256(copy.content).hexdigest() for copy in copies}
    if digests.keys() - {paper.kind for paper in papers}:
        raise RefusedError(
            "a copy of a paper the order does not name", field="papers", rule="a paper for each copy",
            remedy="name it among the papers",
        )  # fmt: skip
    return tuple(
        msgspec.structs.replace(paper, digest=digests[paper.kind]) if paper.kind in digests else paper
        for paper in papers
    )


def _stream(number: str) -> StreamName:
    return StreamName("order", number)
