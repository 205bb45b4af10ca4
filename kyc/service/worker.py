"""One of several processes: ``python -m kyc.service.worker``, started by :mod:`kyc.service.crew` only."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import msgspec

from kyc import logs
from kyc.service.crew import READY, Order
from kyc.service.server import bind, run
from kyc.wiring import Configuration


def main() -> None:
    """Run what standard input says."""
    logs.configure(os.environ.get("KYC_LOG", "warning"))
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    configuration = msgspec.convert(order.configuration, Configuration, dec_hook=_path)
    run(configuration, order.options, bind(order.options), _ready)


def _ready() -> None:
    sys.stdout.write(READY)
    sys.stdout.flush()


def _path(kind: type, value: object) -> object:
    return Path(str(value)) if issubclass(kind, Path) else value


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 4_096):  # not through its buffer: a thread in there spoils an orderly end
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
