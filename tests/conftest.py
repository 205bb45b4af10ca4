"""What every test may use: the fixture files ``fix_*.py`` beside this one, shared data, hypothesis profiles.

A room's fixtures live in ``tests/fix_<room>.py``, which pytest loads as a plugin by its bare name (``pythonpath``
in pyproject.toml); a new file needs no registration. No folder under ``tests`` has an ``__init__.py``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).resolve().parent

pytest_plugins = sorted(path.stem for path in TESTS.glob("fix_*.py"))

# Every run of the suite tries the same examples; HYPOTHESIS_PROFILE=explore looks for new ones.
_QUIET = [HealthCheck.too_slow]  # a shared machine stalls now and then, which says nothing about a strategy
settings.register_profile("ci", derandomize=True, deadline=None, database=None, suppress_health_check=_QUIET)
settings.register_profile("explore", deadline=None, max_examples=2_000, suppress_health_check=_QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets: KYC_SHARED_DATA, or ``shared/data`` beside the checkout.

    A test that asks for it is skipped where there is none; under CI it fails instead.
    """
    beside = TESTS.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("KYC_SHARED_DATA") or beside)
    if folder.is_dir():
        return folder
    absent = f"no data sets at {folder}: set KYC_SHARED_DATA to their folder"
    if os.environ.get("CI"):
        pytest.fail(absent)
    pytest.skip(absent)
