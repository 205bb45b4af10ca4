"""A digest of a read model hashes each row once, and not once for each of its sums."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import sql

from kyc.store.log import EventLog
from projections import builds
from projections.engine import Engine
from projections.projection import Tables

pytestmark = pytest.mark.pg15


def below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The steps of a plan."""
    yield node
    for one in node.get("Plans", ()):
        yield from below(one)


def test_each_row_is_hashed_once(log: EventLog) -> None:
    """The hash is a step of its own, whose result the sums are handed."""
    Engine(log).catch_up()
    statement = sql.SQL(builds.SQL["digest"]).format(table=Tables(1).name("customer_profile"))
    with log.database.connection() as connection:
        ((plan,),) = connection.execute(sql.SQL("explain (verbose, format json) ") + statement).fetchall()
    steps = {node["Node Type"]: node["Output"] for node in below(plan[0]["Plan"])}
    assert [text.count("sha256") for text in steps["ProjectSet"]] == [1]
    assert "sha256" not in str(steps["Seq Scan"])
