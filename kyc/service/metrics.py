"""What Prometheus is told: counts, latencies, queue and lag. Labels are routes, methods, codes, never persons.

Several processes that share a port keep their numbers in files of one folder (``PROMETHEUS_MULTIPROC_DIR``), and
whichever is asked answers for all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from kyc.errors import KycError
from kyc.service.pump import Taken

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class Metrics:
    """The numbers of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("route", "method", "status")
        self._seconds = Histogram(
            "kyc_request_seconds", "Time to answer", labels, buckets=_BUCKETS, registry=self.registry
        )
        self._children: dict[tuple[str, str, int], Histogram] = {}
        """Finding them by their labels takes longer than counting."""
        events = Counter("kyc_append_submissions", "Submissions by outcome", ("outcome",), registry=self.registry)
        self._recorded, self._replayed, self._refused = map(events.labels, ("recorded", "replayed", "refused"))
        self._events = Counter("kyc_append_events", "Events recorded", registry=self.registry)
        self._queue = self._gauge("kyc_queue_submissions", "Submissions waiting for the ledger")
        self._bodies = self._gauge("kyc_bodies_bytes", "Bytes of bodies held")
        self._log = {
            name: self._gauge(f"kyc_log_{name}_events", text, mode="mostrecent")
            for name, text in (("appended", "Events in the log"), ("unsealed", "Events not sealed yet"))
        }
        self._behind = Gauge(
            "kyc_projection_behind_events", "Events a read model has not read", ("projection",),
            registry=self.registry, multiprocess_mode="mostrecent",
        )  # fmt: skip

    def _gauge(self, name: str, text: str, mode: str = "livesum") -> Gauge:
        return Gauge(name, text, registry=self.registry, multiprocess_mode=mode)  # type: ignore[arg-type]

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request was answered. ``route`` is the template, not the path that was asked for."""
        labels = route, method, status
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._seconds.labels(*labels)
        child.observe(seconds)

    def appended(self, taken: Sequence[Taken]) -> None:
        """Submissions were answered."""
        for one in taken:
            if isinstance(one.answer, KycError):
                self._refused.inc()
            elif one.answer[0].replayed:
                self._replayed.inc()
            else:
                self._recorded.inc()
                self._events.inc(len(one.answer))

    def pressure(self, waiting: int, held: int) -> None:
        """How much is waiting."""
        self._queue.set(waiting)
        self._bodies.set(held)

    def log(self, appended: int, unsealed: int, behind: dict[str, int]) -> None:
        """Where the log and the read models stand."""
        self._log["appended"].set(appended)
        self._log["unsealed"].set(unsealed)
        for projection, events in behind.items():
            self._behind.labels(projection).set(events)

    def text(self) -> bytes:
        """The exposition, of all processes that share a folder."""
        if not os.environ.get(_SHARED):
            return generate_latest(self.registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)
