"""The one place that builds concrete things from settings. Everything else receives what it needs.

Sources of the database, in this order: an explicit URL (``--database``, ``KYC_DATABASE_URL``), else the embedded
server below the home folder. Keys lie in ``<home>/keys`` unless ``KYC_KEYS`` names another provider.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from kyc.access.gate import Gate
from kyc.clock import Clock, SystemClock
from kyc.errors import ConfigurationError, MigrationError
from kyc.evidence import note, receipt
from kyc.evidence.policy import Party, Policy
from kyc.evidence.policy import parse as parse_policy
from kyc.keys.provider import KeyProvider, open_provider
from kyc.ledger import Ledger
from kyc.settings import LANES_DEFAULT, ORIGIN_DEFAULT, ZONE_DEFAULT
from kyc.store.database import Database
from kyc.store.embedded import EmbeddedServer
from kyc.store.log import EventLog
from kyc.store.migrate import migrate, pending
from kyc.store.scope import ScopedDatabase, add_login, install
from kyc.store.seal import Sealer
from kyc.store.sealed import SealedLog
from replay.seals import Seal, open_seal


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Where a service lives. ``database`` None means the embedded server."""

    home: Path
    database: str | None = None
    keys: str | None = None
    seal: Path | None = None
    """Folder of the export certificate; None: ``<home>/seal``."""
    policy: Path | None = None
    """Witness policy (C2SP tlog-policy) that a checkpoint must hold before it is given out; None: none."""
    reader: str | None = None
    """URL of a login behind the second wall; None: one is made, which takes the owner's power."""
    zone: str = ZONE_DEFAULT
    origin: str = ORIGIN_DEFAULT
    lanes: int = LANES_DEFAULT

    @classmethod
    def read(
        cls, home: Path | None, database: str | None, environment: Mapping[str, str] = os.environ
    ) -> Configuration:
        """The configuration of the command line over that of the environment over the defaults.

        Raises:
            ConfigurationError: the zone is unknown, the lanes are no number, a password stands where all read it.
        """
        if database and _has_password(database):
            raise ConfigurationError(
                "everybody on this machine reads the command line", field="--database", rule="no password",
                remedy="KYC_DATABASE_URL, or a password file (PGPASSFILE)",
            )  # fmt: skip
        zone = environment.get("KYC_ZONE", ZONE_DEFAULT)
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ConfigurationError("unknown time zone", field="KYC_ZONE", remedy="an IANA zone name") from None
        lanes = environment.get("KYC_LANES", str(LANES_DEFAULT))
        if not lanes.isdecimal():
            raise ConfigurationError("not a number of lanes", field="KYC_LANES", rule="1 to 1024")
        return cls(
            home=(home or Path(environment.get("KYC_HOME") or Path.home() / ".kyc-ledger")).expanduser().absolute(),
            database=database or environment.get("KYC_DATABASE_URL") or None,
            keys=environment.get("KYC_KEYS") or None,
            seal=Path(environment["KYC_SEAL"]).expanduser().absolute() if environment.get("KYC_SEAL") else None,
            reader=environment.get("KYC_READER_URL") or None,
            policy=Path(environment["KYC_POLICY"]).expanduser() if environment.get("KYC_POLICY") else None,
            zone=zone,
            origin=environment.get("KYC_ORIGIN", ORIGIN_DEFAULT),
            lanes=int(lanes),
        )


def _has_password(conninfo: str) -> bool:
    try:
        return "password" in conninfo_to_dict(conninfo)
    except psycopg.Error:
        return False  # whoever connects says what is wrong with it


class Service:
    """The parts of a running service, built when first asked for and closed together."""

    def __init__(self, configuration: Configuration, dsn: str, *, clock: Clock | None = None) -> None:
        self.configuration = configuration
        self.dsn = dsn
        self.clock = clock or SystemClock()

    @cached_property
    def provider(self) -> KeyProvider:
        """The key provider."""
        return open_provider(self.keys)

    @property
    def keys(self) -> str:
        """The URI of the key provider."""
        return self.configuration.keys or f"file:{self.configuration.home / 'keys'}"

    @cached_property
    def log(self) -> EventLog:
        """The event log.

        Raises:
            ConfigurationError: the provider's keys are not those it was recorded with: where a key directory was
                lost, new ones would go on in streams of their own (AML24 art. 54(6)).
        """
        log = EventLog(Database(self.dsn), self.provider, clock=self.clock)
        stored = log.key_store.some()
        if stored and not any(map(log.ring.opens, stored)):
            log.close()
            raise ConfigurationError(
                "these keys open nothing of this database", field="KYC_KEYS",
                rule="the keys it was recorded with", remedy="bring them back from their backup (docs/disposal.md)",
            )  # fmt: skip
        return log

    @cached_property
    def sealed(self) -> SealedLog:
        """The sealed log, for reading."""
        return SealedLog(self.log.database, self.log.reader, self.policy)

    @cached_property
    def policy(self) -> Policy | None:
        """The witness policy; where its file names no log, for this one."""
        path = self.configuration.policy
        if path is None:
            return None
        try:
            policy = parse_policy(path.read_bytes())
        except OSError:
            raise ConfigurationError("the witness policy cannot be read", field="KYC_POLICY") from None
        if policy.logs:
            return policy
        keys = SealedLog(self.log.database, self.log.reader).keys(note.Verifier.parse(self.log_verifier_key))
        return replace(policy, logs=tuple(map(Party, keys)))

    @cached_property
    def sealer(self) -> Sealer:
        """The sealer."""
        return self.new_sealer()

    def new_sealer(self) -> Sealer:
        """One of the caller's own, who releases it."""
        return Sealer(self.log.database, self.provider.signing_key("log"), clock=self.clock)

    def renew_sealer(self) -> None:
        """Seal with the key that is in use now; whoever has replaced it calls this."""
        if "sealer" in self.__dict__:
            self.sealer.release()
            del self.__dict__["sealer"]

    @cached_property
    def ledger(self) -> Ledger:
        """The write door."""
        return Ledger(self.log, ZoneInfo(self.configuration.zone))

    @cached_property
    def gate(self) -> Gate:
        """The read door."""
        return Gate(self.log, ZoneInfo(self.configuration.zone))

    @cached_property
    def readers(self) -> ScopedDatabase:
        """Connections behind the second wall, for lists of a branch (docs/decisions/0011-scope.md)."""
        secret = self.provider.secret("scope")
        return ScopedDatabase(self.configuration.reader or self._login(secret), secret, clock=self.clock)

    def _login(self, secret: bytes) -> str:
        install(self.dsn, secret)
        name = f"kyc_reader_{sha256(secret).hexdigest()[:12]}"  # of this installation: roles belong to the server
        password = hmac.new(secret, b"login", sha256).hexdigest()
        add_login(self.dsn, name, password)
        return make_conninfo(self.dsn, user=name, password=password, passfile="")

    @cached_property
    def seal(self) -> Seal:
        """What exports are signed with besides the export key; a development CA where nothing is configured."""
        return open_seal(self.configuration.seal or self.configuration.home / "seal", self.clock.now_us())

    @property
    def log_verifier_key(self) -> str:
        """The verifier key of the log (C2SP signed-note), to be handed to auditors out of band."""
        return str(note.Signer(self.log.database.origin(), self.provider.signing_key("log")).verifier)

    @property
    def receipt_verifier_key(self) -> str:
        """The verifier key of the log's receipts (C2SP signed-note)."""
        return str(receipt.signer(self.log.database.origin(), self.provider.signing_key("receipt")).verifier)

    def close(self) -> None:
        """Stop what was started."""
        if "sealer" in self.__dict__:
            self.sealer.release()
        if "readers" in self.__dict__:
            self.readers.close()
        if "log" in self.__dict__:
            self.log.close()


def embedded_server(configuration: Configuration) -> EmbeddedServer:
    """The embedded server below the home folder, not started."""
    return EmbeddedServer(configuration.home)


@contextmanager
def open_service(configuration: Configuration, *, clock: Clock | None = None) -> Iterator[Service]:
    """A service on its database. The embedded database is started and brought to the shipped schema.

    Raises:
        MigrationError: a database of somebody else's needs migrations first.
        StoreUnavailableError: the database cannot be reached.
    """
    if configuration.database is None:
        dsn = embedded_server(configuration).start()
        migrate(dsn, configuration.lanes, configuration.origin)
    else:
        dsn = configuration.database
        if missing := pending(dsn):
            raise MigrationError(
                "the database is not at the shipped schema", field=missing[0], remedy="kyc migrate"
            )
    service = Service(configuration, dsn, clock=clock)
    try:
        yield service
    finally:
        service.close()
