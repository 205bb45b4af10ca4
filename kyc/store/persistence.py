"""The persistence module for the ``eventsourcing`` library: ``PERSISTENCE_MODULE=kyc.store.persistence``.

Environment: ``KYC_DATABASE_URL``, ``KYC_KEYS``, and ``KYC_SEAL_ON_APPEND`` (seal after every append).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.utils import resolve_topic, strtobool

from kyc.errors import (
    ConfigurationError,
)
from kyc.keys.provider import open_provider
from kyc.store.database import Database
from kyc.store.log import EventLog
from kyc.store.recorders import (
    LogAggregateRecorder,
    LogApplicationRecorder,
    LogProcessRecorder,
    LogTrackingRecorder,
)
from kyc.store.seal import Sealer
from kyc.store.snapshots import SnapshotRecorder


class Factory(InfrastructureFactory[TrackingRecorder]):
    """Builds the recorders of one application over one log."""

    @cached_property
    def log(self) -> EventLog:
        """The event log behind the recorders."""
        dsn, keys = self.env.get("KYC_DATABASE_URL"), self.env.get("KYC_KEYS")
        if not dsn or not keys:
            raise ConfigurationError(
                "database and keys must be named", field="KYC_DATABASE_URL, KYC_KEYS", remedy="set both"
            )
        return EventLog(Database(dsn), open_provider(keys))

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The recorder of events or of snapshots."""
        return SnapshotRecorder(self.log) if purpose == "snapshots" else LogAggregateRecorder(self.log)

    def application_recorder(self) -> ApplicationRecorder:
        """The recorder of events and notifications."""
        return LogApplicationRecorder(self.log, self._sealer())

    def tracking_recorder(self, tracking_recorder_class: type[TrackingRecorder] | None = None) -> TrackingRecorder:
        """The recorder of positions, of a class given or named in ``TRACKING_RECORDER_TOPIC``."""
        topic = self.env.get(self.TRACKING_RECORDER_TOPIC)
        chosen: Any = tracking_recorder_class or (resolve_topic(topic) if topic else LogTrackingRecorder)
        return chosen(self.log)  # type: ignore[no-any-return]

    def process_recorder(self) -> ProcessRecorder:
        """The recorder of events with positions."""
        return LogProcessRecorder(self.log, self._sealer())

    def close(self) -> None:
        """Close the log if it was opened."""
        if "log" in self.__dict__:
            self.log.close()
            del self.__dict__["log"]

    def _sealer(self) -> Sealer | None:
        if not strtobool(self.env.get("KYC_SEAL_ON_APPEND") or "n"):
            return None
        return Sealer(self.log.database, self.log.provider.signing_key("log"))
