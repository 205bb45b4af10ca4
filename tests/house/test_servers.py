"""Which PostgreSQL the suite really runs on, so that the pass on version 15 cannot quietly run on 18."""

from __future__ import annotations

import os
import re
import subprocess

import psycopg
import pytest

WHEEL = 18


@pytest.mark.pg15
def test_the_server_is_the_one_asked_for(database):
    """The server has the version of KYC_TEST_PG_BIN's programs, else that of the wheel."""
    expected = WHEEL
    if programs := os.environ.get("KYC_TEST_PG_BIN"):
        said = subprocess.run([f"{programs}/postgres", "--version"], capture_output=True, text=True, check=True)
        expected = int(re.search(r"\d+", said.stdout)[0])
    with psycopg.connect(database) as connection:
        assert connection.info.server_version // 10_000 == expected
