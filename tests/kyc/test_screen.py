"""What a command writes while it is at work."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kyc import screen


def test_progress_with_an_estimate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal a line every few seconds says how much is done and how long the rest will take."""
    now = 100.0
    monkeypatch.setattr(screen, "time", SimpleNamespace(monotonic=lambda: now))
    with screen.Screen().progress("rebuild") as step:
        for passed, done in ((1.0, 5), (9.0, 100), (1.0, 110), (9.0, 200), (20.0, 400)):
            now += passed
            step(done, 400)
    assert capsys.readouterr().err.splitlines() == [
        "rebuild: 100 of 400, about 30 s left",
        "rebuild: 200 of 400, about 20 s left",
        "rebuild: 400 of 400",
    ]


def test_quick_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """What is done at once tells nothing of its progress."""
    with screen.Screen().progress("project") as step:
        step(1, 1)
    assert capsys.readouterr().err == ""
