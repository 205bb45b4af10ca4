"""Commands about the service itself: status, doctor, projections, migrations, the embedded server."""

from __future__ import annotations

import os
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import psycopg
from cyclopts import App, Parameter, validators

from kyc.cli.main import configuration, screen, service
from kyc.clock import SystemClock
from kyc.errors import KycError, StoreError

if TYPE_CHECKING:
    from kyc.wiring import Service
    from projections.engine import Engine


def register(app: App) -> None:
    """Add the commands."""
    for command in (demo, status, doctor, project, rebuild, migrate, schema, stop):
        app.command(command)


def demo(
    *,
    customers: int = 2_000,
    transactions: int = 20_000,
    source: Literal["simulator", "amlsim", "berka"] = "simulator",
    data: Path | None = None,
    seed: int = 1,
    export: Path | None = None,
) -> int:
    """The whole path: from files over the sealed log to a verified export.

    Parameters
    ----------
    customers
        Simulated customers.
    transactions
        Simulated transactions.
    source
        The simulator, or a public data set in the folder given by --data.
    data
        Folder of the data set.
    seed
        Another seed, another bank.
    export
        Where to keep the signed export; by default below the home folder.
    """
    from kyc import demo as story

    return story.run(
        configuration(), screen(), customers=customers, transactions=transactions, source=source, data=data,
        seed=seed, export=export,
    )  # fmt: skip


def status() -> None:
    """How much is recorded, sealed and projected."""
    from projections.engine import Engine

    with service() as opened:
        with opened.log.database.connection() as connection:
            row = connection.execute(
                "select (select count(*) from (select distinct lane, stream_id from kyc.event) s),"
                " (select count(*) from kyc.claim where kind = 'transaction')"
            ).fetchone()
        assert row is not None
        newest = opened.sealed.checkpoint()
        events = sum(opened.log.reader.positions().values())
        projections = {
            one.name: {
                "version": one.version, "built": one.built, "events": one.events, "behind": one.behind,
                "lag_seconds": one.lag // 1_000_000, "failure": one.failure, "rebuilding": one.rebuilding,
            }
            for one in Engine(opened.log).status()
        }  # fmt: skip
        document = {
            "events": events, "sealed": newest.size if newest else 0, "streams": row[0], "transactions": row[1],
            "lanes": opened.log.lanes, "origin": opened.log.database.origin(),
            "root": newest.root.hex() if newest else None, "projections": projections,
        }  # fmt: skip
        text = [f"{name:<14}{document[name]}" for name in ("events", "sealed", "streams", "transactions", "origin")]
        text += [
            f"{name:<24}{one['events']:>12,} read{one['behind']:>10,} behind{one['lag_seconds']:>8,} s"
            f"{'  rebuilding' if one['rebuilding'] else ''}  {one['failure'] or ''}".rstrip()
            for name, one in projections.items()
        ]
        screen().answer(document, text)


def project(
    *, processes: Annotated[int | None, Parameter(validator=validators.Number(gte=1, lte=256))] = None,
    follow: bool = False,
) -> int:  # fmt: skip
    """Bring the read models up to date. Exit code 1 if one of them stopped.

    Parameters
    ----------
    processes
        How many processes share what is worth sharing, each with lanes of its own; where not said, one for each
        processor, at most 8.
    follow
        Go on with what is recorded from now on, until interrupted or terminated.
    """
    with service() as opened:
        engine = _engine(opened, processes)
        with screen().progress("project") as step:
            read = engine.catch_up(step)
        if follow:
            read += engine.follow(stopped_by_signals())
        stopped = {one.name: one.failure for one in engine.status() if one.failure}
        screen().answer(
            {"events": read, "stopped": stopped},
            [f"{read:,} events read"] + [f"stopped: {name}: {failure}" for name, failure in stopped.items()],
        )
        return 1 if stopped else 0


def stopped_by_signals() -> Event:
    """Set when somebody interrupts or terminates us."""
    stop = Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: stop.set())
    return stop


def _engine(opened: Service, processes: int | None) -> Engine:
    from projections.crew import Crew, usual
    from projections.engine import Engine

    return Engine(opened.log, hands=Crew(processes or usual(), opened.keys))


def rebuild(
    name: str, /, *names: str,
    processes: Annotated[int | None, Parameter(validator=validators.Number(gte=1, lte=256))] = None,
) -> int:  # fmt: skip
    """Build read models anew beside the live ones and swap them in; exit code 1 if one differed.

    The log is read once for all of them. Stopped or killed, it goes on where it stood when it is called again.

    Parameters
    ----------
    name
        The read model, such as customer_profile; all for every one.
    names
        More of them.
    processes
        How many processes share what is worth sharing, each with lanes of its own; where not said, one for each
        processor, at most 8.
    """
    with service() as opened:
        engine = _engine(opened, processes)
        chosen = [one.name for one in engine.status()] if name == "all" else [name, *names]
        with screen().progress(f"rebuild {' '.join((name, *names))}") as step:
            rebuilt = engine.rebuild_together(chosen, step)
        says = {True: "equal to the live one", False: "DIFFERENT from the live one", None: "not comparable"}
        answers = [{"name": one.name, "digest": one.digest, "equal": one.equal} for one in rebuilt]
        screen().answer(
            answers[0] if len(answers) == 1 else answers,
            [f"{one.name} rebuilt, {says[one.equal]} (digest {one.digest})" for one in rebuilt],
        )
        return 1 if any(one.equal is False for one in rebuilt) else 0


def migrate() -> None:
    """Bring the database to the shipped schema (the embedded one does so by itself)."""
    from kyc.store.migrate import migrate as apply
    from kyc.store.scope import install
    from kyc.wiring import Service, embedded_server

    chosen = configuration()
    dsn = chosen.database or embedded_server(chosen).start()
    applied = apply(dsn, chosen.lanes, chosen.origin)
    if chosen.reader is not None:  # its capabilities are checked with a key that only the owner can put there
        install(dsn, Service(chosen, dsn).provider.secret("scope"))
    screen().answer({"applied": applied}, [f"applied {name}" for name in applied] or ["nothing to apply"])


def schema(topic: str | None = None, /, *, markdown: bool = False) -> None:
    """The JSON Schema of an event, or of all.

    Parameters
    ----------
    topic
        Such as customer.registered.
    markdown
        The catalogue as a page for people instead (docs/events.md).
    """
    import json

    import msgspec

    from kyc.domain import catalogue
    from kyc.domain.event import topics
    from kyc.errors import NotFoundError

    if markdown:
        from kyc.cli import reference

        page = reference.markdown()
        screen().answer({"markdown": page}, [page])
        return
    assert catalogue.STREAMS
    known = topics()
    if topic is not None and topic not in known:
        raise NotFoundError("no such topic", field="topic", rule=", ".join(known))
    chosen = {name: kind for name, kind in known.items() if topic in (None, name)}
    document = {
        name: msgspec.json.schema(kind) | {"x-schema-version": kind.SCHEMA, "x-record-class": kind.RECORD_CLASS}
        for name, kind in chosen.items()
    }
    screen().answer(document, [json.dumps(document, indent=2)])


def stop() -> None:
    """Stop the embedded server."""
    from kyc.wiring import embedded_server

    embedded_server(configuration()).stop()
    screen().answer({"stopped": True}, ["the embedded server is stopped"])


class Finding(NamedTuple):
    """One line of the doctor."""

    verdict: Literal["ok", "warn", "fail"]
    what: str
    found: str
    remedy: str = ""


def doctor(*, tamper_drill: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Look for what could go wrong. Exit code 1 if something has.

    Parameters
    ----------
    tamper_drill
        Change one byte of one event in a scratch copy, as a superuser could, and see that the verifier names it.
    """
    findings: list[Finding] = []
    try:
        with service() as opened:
            findings += _store(opened)
            findings += _files(opened)
            place = opened.dsn, opened.log_verifier_key
        if tamper_drill:
            findings.append(_drill(*place))  # after our own sessions are closed: they would block the copy
    except StoreError as error:
        findings.append(Finding("fail", "database", error.message, error.remedy or ""))
    screen().answer(
        [finding._asdict() for finding in findings],
        [
            f"{finding.verdict:<5} {finding.what}: {finding.found}"
            + (f" → {finding.remedy}" if finding.remedy else "")
            for finding in findings
        ],
    )
    return 1 if any(finding.verdict == "fail" for finding in findings) else 0


def _store(opened: Any) -> Iterator[Finding]:
    from projections.engine import Engine

    with opened.log.database.connection() as connection:
        server = connection.execute("show server_version").fetchone()[0]
        yield Finding("ok", "server", f"PostgreSQL {server}")
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            value = connection.execute(f"show {name}".encode()).fetchone()[0]
            good = value != "off"
            yield Finding(
                "ok" if good else "fail",
                name,
                value,
                "" if good else "acknowledged events could be lost: turn it on",
            )
        may = connection.execute(
            "select has_table_privilege('kyc_service', 'kyc.event', 'update')"
            " or has_table_privilege('kyc_service', 'kyc.event', 'delete')"
        ).fetchone()[0]
        yield Finding(
            "fail" if may else "ok", "append-only role", "may change events" if may else "may append and read only",
            "revoke update, delete on kyc.event from kyc_service" if may else "",
        )  # fmt: skip
    events = sum(opened.log.reader.positions().values())
    newest = opened.sealed.checkpoint()
    unsealed = events - (newest.size if newest else 0)
    age = (SystemClock().now_us() - newest.signed_at) // 60_000_000 if newest else None
    late = unsealed > 0 and (age is None or age > 60)
    yield Finding(
        "warn" if late else "ok", "sealing", f"{unsealed:,} events unsealed, last checkpoint "
        + (f"{age} minutes ago" if age is not None else "never"), "kyc seal" if late else "",
    )  # fmt: skip
    for one in Engine(opened.log).status():
        verdict: Literal["ok", "warn", "fail"] = "fail" if one.failure else "warn" if one.behind else "ok"
        yield Finding(
            verdict, f"projection {one.name}",
            one.failure or f"{one.behind:,} events behind, {one.lag // 1_000_000:,} s",
            "kyc project" if verdict != "ok" else "",
        )  # fmt: skip


def _files(opened: Any) -> Iterator[Finding]:
    home: Path = opened.configuration.home
    keys = home / "keys"
    if keys.is_dir():
        loose = [path.name for path in keys.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077]
        yield Finding(
            "fail" if loose else "ok", "key files", f"{len(loose)} readable by others" if loose else "private",
            f"chmod 600 {keys}/*" if loose else "",
        )  # fmt: skip
    if home.is_dir():
        free = shutil.disk_usage(home).free // 2**30
        yield Finding("ok" if free >= 5 else "warn", "disk", f"{free} GiB free", "" if free >= 5 else "make room")
    if os.environ.get("PGPASSWORD"):
        yield Finding("warn", "environment", "PGPASSWORD is visible to other processes", "use a password file")


def _drill(dsn: str, log_key: str) -> Finding:
    from kyc.drill import tamper_drill

    try:
        result = tamper_drill(dsn, log_key)
    except (KycError, psycopg.Error) as error:
        return Finding("fail", "tamper drill", str(error))
    return Finding(
        "ok" if result.caught else "fail", "tamper drill",
        f"changed {result.changed}; the verifier {'named it' if result.caught else 'DID NOT NAME IT'}",
    )  # fmt: skip
