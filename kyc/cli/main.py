"""``kyc``: parses, calls, prints. Options before or after the command; errors say field, rule and remedy.

Exit codes: 0 done · 1 failed · 2 refused · 3 conflict · 4 not found · 5 configuration · 6 disposed of · 7 not
permitted · 10 the stored data do not agree with their evidence · 64 usage · 70 a fault of ours (KYC_DEBUG=1 shows
where).
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import cyclopts
from cyclopts import App, Parameter

from kyc import logs
from kyc.errors import KycError
from kyc.screen import Screen
from kyc.settings import GC_THRESHOLDS

if TYPE_CHECKING:
    from kyc.wiring import Configuration, Service

Note = Annotated[str, Parameter(help="More of it.")]
"""A remark of a command's; in its docstring a parameter of this name would read as a section."""
USAGE: Final = 64
FAULT: Final = 70


@dataclass(slots=True)
class _Globals:
    """The options every command shares."""

    home: Path | None = None
    database: str | None = None
    actor: str | None = None
    reason: str | None = None
    screen: Screen = None  # type: ignore[assignment]


GLOBALS: Final = _Globals(screen=Screen())

app = App(name="kyc", help="Event-sourced KYC and transaction records, with proofs an outsider can check.")
app.version = version("kyc-ledger")


def screen() -> Screen:
    """Where the present command writes."""
    return GLOBALS.screen


def configuration() -> Configuration:
    """The configuration of the present call."""
    from kyc.wiring import Configuration

    return Configuration.read(GLOBALS.home, GLOBALS.database)


@contextmanager
def service() -> Iterator[Service]:
    """The service of the present call."""
    from kyc.wiring import open_service

    with open_service(configuration()) as opened:
        yield opened


@app.meta.default
def _launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    home: Path | None = None,
    database: str | None = None,
    actor: str | None = None,
    reason: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Run a command.

    Parameters
    ----------
    home
        Folder of keys and embedded database (KYC_HOME, default ~/.kyc-ledger).
    database
        URL of a PostgreSQL of your own (KYC_DATABASE_URL); without it the embedded one is used.
    actor
        Who asks, as it stands in the record of what was shown (KYC_ACTOR, default custodian).
    reason
        Why (KYC_REASON).
    json
        One JSON document on stdout.
    """
    GLOBALS.home, GLOBALS.database, GLOBALS.screen = home, database, Screen(json=json)
    GLOBALS.actor, GLOBALS.reason = actor, reason
    said = _given_on(tokens, {"--actor": actor, "--reason": reason})
    command, bound, _ = app.parse_args((*tokens, *said), exit_on_error=False, print_error=False)
    return int(command(*bound.args, **bound.kwargs) or 0)


def _given_on(tokens: Sequence[str], said: dict[str, str | None]) -> list[str]:
    """Options of every command that this one has for itself too: who records something is who asks."""
    command = app.parse_commands(tokens)[1][-1]
    if command.default_command is None or not any(said.values()):
        return []
    names = {name for argument in command.assemble_argument_collection() for name in argument.names}
    return [part for name, value in said.items() if value is not None and name in names for part in (name, value)]


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point: run one command, return its exit code."""
    _register()
    try:
        result = app.meta(
            list(sys.argv[1:] if arguments is None else arguments),
            exit_on_error=False, print_error=False, result_action="return_value",
        )  # fmt: skip
    except KycError as error:
        GLOBALS.screen.error(error)
        return error.exit_code
    except cyclopts.CycloptsError as error:
        print(f"kyc: {error}\n  remedy: kyc --help", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("kyc: interrupted; run again to go on", file=sys.stderr)
        return 130
    except Exception as error:
        if os.environ.get("KYC_DEBUG"):
            raise
        print(f"kyc: a fault of ours: {type(error).__name__}\n  remedy: KYC_DEBUG=1 shows where", file=sys.stderr)
        return FAULT
    return int(result or 0)


@cache
def _register() -> None:
    from kyc.cli import (
        access,
        accesses,
        branch,
        compliance,
        custody,
        desk,
        disposal,
        evidence,
        exports,
        files,
        investigate,
        keys,
        large_values,
        law,
        operations,
        orders,
        receipts,
        records,
        registers,
        retention,
        rights,
        serve,
        supervision,
        verify,
        witness,
    )

    for module in (
        access,
        records, investigate, evidence, keys, exports, law, operations, receipts, registers, compliance, orders,
        retention, disposal, custody, desk, files, rights, supervision, large_values, accesses, serve, verify,
        witness, branch,
    ):  # fmt: skip
        module.register(app)


def run() -> None:
    """The console script."""
    gc.set_threshold(*GC_THRESHOLDS)
    logs.configure(os.environ.get("KYC_LOG", "warning"))
    sys.exit(main())
