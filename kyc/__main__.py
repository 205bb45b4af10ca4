"""``python -m kyc``."""

from __future__ import annotations

from kyc.cli.main import run

if __name__ == "__main__":
    run()
