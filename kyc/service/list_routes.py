"""The routes of lists, and of what is told of a branch, an operator or the house: part of the route table."""

from __future__ import annotations

from typing import Final

from kyc.service import duties, holdings, registers, supervising
from kyc.service.door import AS_OF, ON, WAIT
from kyc.service.listing import Page
from kyc.service.route import Route
from kyc.service.shapes import AHEAD, DUE, PAGED, READERS, SPAN, UNITS, get, paged

LISTS: Final = (
    Route(
        method="POST", path="/v1/customers:find", action="list", roles=READERS,
        summary="Customers by what is known of them", handler=registers.find, request=registers.Find,
        response=Page, parameters=PAGED, errors=(400, 404, 408, 413, 415),
    ),
    paged(
        "/v1/documents/due", "list", "Customers of whom another document is wanted", registers.documents_due,
        parameters=DUE | {"state": "expiring, grace, suspended or expired; all"},
    ),
    paged("/v1/reviews/due", "list", "Reviews due on a day", registers.reviews_due, parameters=DUE | AHEAD),
    paged(
        "/v1/requests/due", "list", "Requests of persons that wait for an answer", registers.requests_due,
        parameters=DUE | AHEAD,
    ),
    paged(
        "/v1/quality", "list", "Files with something missing or contradictory", registers.quality,
        parameters=DUE | {"every": "yes: also files with nothing to mend; no"},
    ),
    paged(
        "/v1/holds", "list", "Holds as of a day", holdings.holds,
        parameters={
            "on": ON, "subject": "kind and key of whose records, such as customer/C1",
            "reference": "the case, order or claim they rest on", "released": "yes: also released ones; no",
        },
    ),
    paged(
        "/v1/retention/due", "list", "Units of records that may go, those that must first", holdings.due,
        parameters=UNITS,
    ),
    paged(
        "/v1/retention/conflicts", "list", "Units that one law wants deleted before another lets them go",
        holdings.conflicts, parameters=UNITS,
    ),
    paged(
        "/v1/disclosures", "list", "What left the house, the latest first", registers.disclosures,
        parameters=SPAN | {
            "customer": "number", "matter": "number of an order or request", "recipient": "", "digest": "SHA-256",
            "branch": "only what was recorded there",
        },
    ),
    paged(
        "/v1/operators/{operator}/reads", "supervise", "What somebody looked at, the latest first",
        registers.reads_by, parameters=SPAN,
    ),
    get(
        "/v1/branches/{branch}/summary", "list", "A branch's day or month", registers.summary,
        parameters={"span": "a day or a month, such as 2026-03",
            "reconcile": "yes: the events of the log are counted anew, and compared; no", "wait": WAIT},
    ),
    paged(
        "/v1/quality/totals", "list", "How complete the files of each branch are", duties.quality_totals,
        parameters=DUE,
    ),
    paged(
        "/v1/objections", "list", "Objections to measures that wait for an answer", duties.objections,
        parameters=DUE | AHEAD,
    ),
    paged(
        "/v1/screening/due", "list", "Customers not screened against a version of a list", duties.screening,
        parameters={"list": "as screenings name it", "version": "its version now", "branch": DUE["branch"]},
    ),
    paged(
        "/v1/large-values", "list", "Customers whose day reaches a threshold for large-value reports",
        duties.reached, parameters={
            "on": "the day in the institution's zone; needed", "customer": "only this one, by number",
            "near": "also whose day comes to this share of a threshold, 1 to 100 percent; 100",
            "split": "yes: only days that reach it though no transaction does; no",
            "sums": "yes: with `customer`, all sums of the day too; no",
        },
    ),
    paged(
        "/v1/large-values/due", "list", "What was detected and stands in no report that was filed", duties.due,
        parameters={"on": ON, "late": "yes: only what is overdue; no"},
    ),
    paged(
        "/v1/retention/totals", "list", "How many units may go, must stay, are held, are in conflict",
        holdings.totals, parameters=UNITS,
    ),
    get(
        "/v1/retention/{kind}/{number}", "read", "The deadlines of one subject, with all they come from",
        holdings.of_subject, parameters={
            name: UNITS[name] for name in ("on", "jurisdiction", "feb29")
        } | {"wait": WAIT},
    ),
    Route(
        method="POST", path="/v1/retention:preview", action="list", roles=READERS,
        summary="Which deadlines another edition of retention law would move", handler=holdings.preview,
        request=holdings.Preview, response=Page, errors=(400, 404, 408, 413, 415, 422),
        parameters=PAGED | {name: UNITS[name] for name in ("on", "jurisdiction", "feb29")},
    ),
    paged(
        "/v1/reads/busy", "supervise", "Who read, or was refused, so often within an hour, the latest first",
        supervising.busy, parameters=SPAN | {"least": "reads, or refusals, of an hour at least; 100"},
    ),
    paged(
        "/v1/anomalies", "supervise", "Conduct that was flagged for a supervisor, the latest first",
        supervising.flags, parameters={"operator": "only of this one"},
    ),
    paged(
        "/v1/emergencies", "supervise", "Emergency accesses that nobody has reviewed, the oldest first",
        supervising.emergencies, parameters={"operator": "only of this one"},
    ),
    get(
        "/v1/operators/{operator}/rights", "supervise", "Rights and emergencies of an operator",
        supervising.rights,
    ),
    get(
        "/v1/customers/{number}/extract", "read",
        "What the customer may be told of who looked and what was given out", supervising.extract,
    ),
    get(
        "/v1/branches/{branch}/day", "replay", "A day at a branch, event by event", supervising.day,
        parameters={"on": "the day in the institution's zone; needed", "as_of": AS_OF, "wait": WAIT},
    ),
)  # fmt: skip
