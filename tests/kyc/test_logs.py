"""Logs are JSON lines and let nothing through that could be personal."""

from __future__ import annotations

import json

import pytest
import structlog

from kyc import logs


def test_redaction(capsys: pytest.CaptureFixture[str]) -> None:
    """Fields that are not known to be harmless are replaced, whatever they hold."""
    logs.configure("info")
    try:
        logs.logger("test").info("sealed", events=3, name="Ada-Secret", payload={"x": "Ada-Secret"})
        logs.logger("test").debug("not at this level")
    finally:
        structlog.reset_defaults()
        logs.configure()
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["events"], entry["component"], entry["level"]) == ("sealed", 3, "test", "info")
    assert entry["name"] == entry["payload"] == logs.REDACTED
    assert "Secret" not in line
