"""The demonstration: from files over the sealed log to an export that verifies in a process without us.

Every step does the real thing on a real PostgreSQL and says in plain words what was shown. Running it again on the
same home records nothing twice.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from kyc import intake
from kyc.clock import to_datetime
from kyc.domain.customer import AddressChanged
from kyc.domain.fact import Submission
from kyc.domain.located import Located
from kyc.domain.submission import Origin, StreamName
from kyc.domain.transaction import BookTransaction
from kyc.domain.values import Address
from kyc.drill import tamper_drill
from kyc.errors import ConfigurationError
from kyc.screen import Screen
from kyc.simulate import amlsim, berka
from kyc.simulate.submissions import simulate
from kyc.wiring import Configuration, Service, open_service
from projections.crew import Crew, usual
from projections.engine import Engine
from replay import bundle, history, reconstruct
from replay.audit import audit
from replay.scopes import Scope

START: Final = date(2025, 1, 6)
DAYS: Final = 60
_SHOWN: Final = 28
"""Lines of a replay that are shown; the commands named below show all."""


@dataclass(slots=True)
class _Story:
    """What the demonstration keeps for its summary."""

    customer: str = ""
    reference: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    ok: bool = True


def run(
    configuration: Configuration,
    screen: Screen,
    *,
    customers: int,
    transactions: int,
    source: str,
    data: Path | None,
    seed: int,
    export: Path | None,
) -> int:
    """Run the demonstration; 0 when every step showed what it should."""
    story = _Story()
    start = time.monotonic()
    screen.say("KYC Ledger demonstration")
    with _stage(screen, story, "1. Start PostgreSQL and prepare the ledger"), open_service(configuration):
        pass
    with open_service(configuration) as service:
        lines, total = _lines(source, data, customers, transactions, seed)
        _take_in(screen, story, service, lines, total)
        _seal_and_project(screen, story, service)
        _replay(screen, story, service)
        _verify(screen, story, service)
        target = export or configuration.home / "exports" / f"{story.customer}.zip"
        _export(screen, story, service, target)
        place = service.dsn, service.log_verifier_key
    _drill(screen, story, *place)
    story.facts["seconds"] = round(time.monotonic() - start, 1)
    _summary(screen, story, configuration, target)
    return 0 if story.ok else 1


def _lines(
    source: str, data: Path | None, customers: int, transactions: int, seed: int
) -> tuple[Iterator[Located], int]:
    if source == "simulator":
        made = simulate(seed, customers, transactions, START, DAYS)
        return intake.located(made, f"simulator seed {seed}"), customers * 9 + transactions
    if data is None:
        raise ConfigurationError("where is the data set?", field="data", remedy=f"--data FOLDER of {source}")
    return intake.read(source, data), (amlsim if source == "amlsim" else berka).count(data)


def _take_in(screen: Screen, story: _Story, service: Service, lines: Iterable[Located], total: int) -> None:
    rejects = service.configuration.home / "demo.rejects.ndjson"

    def watched() -> Iterator[Located]:
        for line in lines:
            _remember(story, line)
            yield line

    with (
        _stage(screen, story, "2. Register customers, capture documents, verify, open accounts, book transactions"),
        screen.progress("   ingest", patience=0.5) as step,
        intake.Rejects(rejects) as keep,
    ):
        start = time.monotonic()
        tally = intake.take_in(
            service.ledger,
            watched(),
            rejects=keep,
            progress=lambda t: step(t.recorded + t.replayed + t.refused, total),
        )
        seconds = time.monotonic() - start
    story.facts.update(
        recorded=tally.recorded, replayed=tally.replayed, refused=tally.refused, events=tally.events,
        transactions=tally.transactions, ingest_seconds=round(seconds, 1),
    )  # fmt: skip
    story.ok = story.ok and tally.refused == 0
    screen.say(
        f"   {tally.recorded:,} facts recorded as {tally.events:,} events, {tally.events / seconds:,.0f} a second; "
        f"{tally.replayed:,} were there before, {tally.refused:,} refused"
    )


def _remember(story: _Story, line: Located) -> None:
    """Choose what to show: the first customer, and a transfer between two of our accounts."""
    if not isinstance(line.item, Submission):
        return
    fact = line.item.data
    if isinstance(fact, BookTransaction):
        if not story.reference or (len(fact.legs) == 2 and not story.facts.get("two_sided")):
            story.reference = fact.reference
            story.facts["two_sided"] = len(fact.legs) == 2
    elif not story.customer and line.item.stream:
        story.customer = line.item.stream


def _seal_and_project(screen: Screen, story: _Story, service: Service) -> None:
    _move_house(service, story)
    with (
        _stage(screen, story, "3. Seal the events into the Merkle log, sign a checkpoint"),
        screen.progress("   seal", patience=0.5) as step,
    ):
        sealed = service.sealer.seal(step)
    story.facts.update(sealed=sealed.size, root=sealed.root.hex())
    screen.say("   " + sealed.note.rstrip().replace("\n", "\n   "))
    with (
        _stage(screen, story, "4. Build the read models"),
        screen.progress("   project", patience=0.5) as step,
    ):
        engine = Engine(service.log, hands=Crew(usual(), service.keys))
        engine.catch_up(step)
    for one in engine.status():
        story.ok = story.ok and one.failure is None and one.behind == 0
        screen.say(f"   {one.name:<20}{one.events:>10,} events read{'' if one.failure is None else one.failure}")


def _move_house(service: Service, story: _Story) -> None:
    """The customer we will look at moves house, so that what was known earlier differs from what is known now."""
    today = service.ledger.today()
    now = to_datetime(service.clock.now_us())
    known = service.ledger.state(StreamName("customer", story.customer))
    assert known is not None, "somebody was registered"
    if known.addresses[0].lines == ("8 Long Peace Street",):
        return
    service.ledger.record(
        [
            Submission(
                key=f"demo/{story.customer}/moved",
                origin=Origin(
                    actor="T-B001-07", branch="B001", purpose="customer-due-diligence", legal_basis="AML24-30"
                ),
                stream=story.customer,
                data=AddressChanged(
                    occurred_at=now,
                    addresses=(Address(lines=("8 Long Peace Street",), country="CHN", postcode="100005"),),
                    effective_from=today,
                ),
            )
        ]
    )


def _replay(screen: Screen, story: _Story, service: Service) -> None:
    zone = ZoneInfo(service.configuration.zone)
    with _stage(screen, story, "5. Replay a customer as known before the last change, marked against today"):
        events = list(service.log.events(StreamName("customer", story.customer)))
        before = to_datetime(events[-1].row.recorded_at) - timedelta(microseconds=1)
        found = history.customer(service.log, story.customer, as_of=before, with_postings=False)
    _show(screen, history.lines(found, zone), f"kyc customer history {story.customer}")
    if story.reference:
        with _stage(screen, story, "6. Reconstruct one transaction in full"):
            whole = reconstruct.transaction(service.log, service.sealed, story.reference)
        _show(screen, reconstruct.lines(whole, zone), f"kyc transaction show {story.reference}", 60)


def _verify(screen: Screen, story: _Story, service: Service) -> None:
    with (
        _stage(screen, story, "7. Verify every chain, the tree, the checkpoint, and open every commitment"),
        screen.progress("   verify", patience=0.5) as step,
    ):
        report = audit(service.log, verifier_keys=[service.log_verifier_key], keys=service.log.ring, progress=step)
    story.ok = story.ok and report.ok
    story.facts["verified"] = report.ok
    _show(screen, report.lines(), "kyc verify")


def _export(screen: Screen, story: _Story, service: Service, target: Path) -> None:
    with _stage(screen, story, "8. Write a signed export and verify it in a process without database and keys"):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        signing = service.provider.signing_key("export")
        bundle.export(
            service.log,
            service.sealed,
            Scope(kind="customer", key=story.customer),
            target,
            keys=bundle.Keys(export=signing, log=service.log_verifier_key, seal=service.seal),
            order=bundle.Order(
                recipient="demonstration", purpose="inspection", legal_basis="AML24-22", actor="demo"
            ),
        )
        fingerprint = bundle.fingerprint_of(signing)
        checked = verify_elsewhere(target, service.log_verifier_key, fingerprint)
    story.ok = story.ok and checked.returncode == 0
    story.facts["export_verified"] = checked.returncode == 0
    _show(screen, (checked.stdout + checked.stderr).splitlines(), f"python verify.py {target.name} --log-key …")


def verify_elsewhere(target: Path, log_key: str, fingerprint: str) -> subprocess.CompletedProcess[str]:
    """Run the verifier of a bundle in an isolated process that knows only the two public keys."""
    from replay.shipped import verify_py

    command = [sys.executable, "-P", "-s", "-", str(target), "--log-key", log_key]
    found = {name: os.environ[name] for name in ("PYTHONPATH", "PATH") if name in os.environ}
    return subprocess.run(
        [*command, "--export-key", fingerprint],
        input=verify_py().decode(),
        capture_output=True,
        text=True,
        check=False,
        env=found,
        timeout=600,
    )


def _drill(screen: Screen, story: _Story, dsn: str, log_key: str) -> None:
    with _stage(screen, story, "9. In a scratch copy a superuser changes one byte of one event"):
        drill = tamper_drill(dsn, log_key)
    story.ok = story.ok and drill.caught
    story.facts["tampering_named"] = drill.caught
    screen.say(f"   changed  {drill.changed}")
    _show(screen, drill.findings, "kyc doctor --tamper-drill", 3)


def _summary(screen: Screen, story: _Story, configuration: Configuration, target: Path) -> None:
    facts = story.facts
    yes = {True: "yes", False: "NO"}
    screen.answer(
        facts | {"ok": story.ok, "customer": story.customer, "transaction": story.reference, "export": str(target)},
        [
            "",
            "Summary",
            f"   events in the ledger          {facts['sealed']:>12,}",
            f"   transactions of this run      {facts['transactions']:>12,}",
            f"   everything verified           {yes[facts['verified']]:>12}",
            f"   tampering named               {yes[facts['tampering_named']]:>12}",
            f"   export verified elsewhere     {yes[facts['export_verified']]:>12}",
            f"   seconds                       {facts['seconds']:>12,}",
            f"   tree head                     {facts['root']}",
            f"   export                        {target}",
            "",
            f"Try next (all with --home {configuration.home}):",
            "   kyc status",
            f"   kyc customer show {story.customer}",
            f"   kyc transaction show {story.reference or 'REFERENCE'}",
            "   kyc stop" if configuration.database is None else "   kyc doctor",
        ],
    )


@contextmanager
def _stage(screen: Screen, story: _Story, title: str) -> Iterator[None]:
    screen.say(f"\n{title}")
    start = time.monotonic()
    yield
    seconds = time.monotonic() - start
    story.facts.setdefault("stages", {})[title[:1]] = round(seconds, 2)
    screen.say(f"   done in {seconds:.1f} s")


def _show(screen: Screen, lines: Iterable[str], command: str, limit: int = _SHOWN) -> None:
    kept = list(lines)
    for line in kept[:limit]:
        screen.say(f"   {line}")
    if len(kept) > limit:
        screen.say(f"   … {len(kept) - limit} more lines: {command}")
