"""The route table: the one list of what the service answers."""

from __future__ import annotations

from typing import Any, Final

from kyc.domain.answer import Appended
from kyc.domain.fact import WireSubmission
from kyc.service import append, description, health, log, metrics, session, status, stream
from kyc.service.call import JSON, NDJSON
from kyc.service.desk_routes import DESKS
from kyc.service.law_routes import LAW
from kyc.service.list_routes import LISTS
from kyc.service.read_routes import READS
from kyc.service.retention_routes import RETENTION
from kyc.service.route import PUBLIC, Route
from kyc.service.shapes import READERS

APPENDERS: Final = frozenset(
    {"branch-system", "teller", "branch-manager", "hq-operations", "investigator", "compliance", "order-desk"}
)
"""Those whose work makes records; the rules of each event say what more it takes."""

KNOWN: Final = APPENDERS | {"auditor", "dba"}
"""Those who may know how the service fares."""

PEOPLE: Final = (KNOWN | READERS) - {"branch-system"}
"""Those who may come by a browser."""

ROUTES: Final = (
    Route(
        method="POST", path="/v1/events", action="append", roles=APPENDERS,
        summary="Record one submission, or a batch of them",
        handler=append.append, request=WireSubmission | list[WireSubmission], response=Appended,
        errors=(400, 408, 409, 413, 415, 422),
    ),
    Route(
        method="POST", path="/v1/events:stream", action="append", roles=APPENDERS,
        summary="Record a stream of submissions, one on each line",
        handler=stream.stream, request=WireSubmission, request_type=NDJSON, response=stream.StreamLine,
        response_type=NDJSON, errors=(415,),
    ),
    Route(
        method="POST", path="/v1/session", action="session", roles=PEOPLE,
        summary="Begin a session: a cookie in place of a bearer token", handler=session.begin,
        response=session.SessionView,
    ),
    Route(
        method="GET", path="/v1/session", action="session", roles=PEOPLE, summary="The session of this cookie",
        handler=session.ask, response=session.SessionView,
    ),
    Route(
        method="DELETE", path="/v1/session", action="session", roles=PEOPLE, summary="Leave, on all processes",
        handler=session.leave, response=session.Left,
    ),
    *READS,
    *LISTS,
    *LAW,
    *RETENTION,
    *DESKS,
    Route(
        method="GET", path="/v1/status", action="status", roles=KNOWN,
        summary="How much is recorded, sealed and read",
        handler=status.status, response=status.Status,
    ),
    Route(
        method="GET", path="/log/checkpoint", action="audit", roles=PUBLIC, summary="The newest signed checkpoint",
        handler=log.checkpoint, response_type="text/plain; charset=utf-8", errors=(404,),
    ),
    Route(
        method="GET", path="/log/keys.ndjson", action="audit", roles=PUBLIC, summary="The history of its keys",
        handler=log.keys, response_type="text/plain; charset=utf-8",
    ),
    Route(
        method="GET", path="/log/tile/{place:path}", action="audit", roles=PUBLIC,
        summary="A tile of the log (C2SP tlog-tiles)", handler=log.tile, response_type="application/octet-stream",
        errors=(404,),
    ),
    Route(
        method="GET", path="/livez", action="health", roles=PUBLIC, summary="Whether the process answers",
        handler=health.livez, response=health.Live,
    ),
    Route(
        method="GET", path="/readyz", action="health", roles=PUBLIC, summary="Whether requests are taken",
        handler=health.readyz, response=health.Ready,
    ),
    Route(
        method="GET", path="/metrics", action="health", roles=PUBLIC, summary="Numbers for Prometheus",
        handler=health.prometheus, response_type=metrics.MEDIA_TYPE,
    ),
    Route(
        method="GET", path="/openapi.json", action="describe", roles=PUBLIC, summary="This description",
        handler=description.describe, response=dict[str, Any], response_type=JSON,
    ),
)  # fmt: skip
