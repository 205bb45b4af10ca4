"""``python -m kyc``."""

from __future__ import annotations

from kyc.cli.main import run

run()
