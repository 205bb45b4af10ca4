"""The scope of an export that is meant by what was named, at the command line and over HTTP. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from kyc.errors import InputError
from replay.scopes import Scope


class What(Protocol):
    """What is exported: one of these, or a period by itself."""

    @property
    def customer(self) -> Sequence[str]:
        """A customer with all accounts; several with a notice."""

    @property
    def account(self) -> Sequence[str]:
        """An account with its postings; several with a notice."""

    @property
    def transaction(self) -> str:
        """A reference."""

    @property
    def case(self) -> str:
        """A case with its alerts, reports and customers."""

    @property
    def order(self) -> str:
        """What an accepted legal order names."""

    @property
    def notice(self) -> str:
        """Number of an inspection notice."""

    @property
    def since(self) -> date | None:
        """Movements from this day on."""

    @property
    def until(self) -> date | None:
        """Movements until this day."""

    @property
    def withhold(self) -> Sequence[str]:
        """Fields of customers' files that are not given."""


def scope_of(what: What) -> Scope:
    """The one scope that is named.

    Raises:
        InputError: none, or more than one.
    """
    kinds = ("transaction", "case", "order", "notice")
    named = {kind: [getattr(what, kind)] for kind in kinds if getattr(what, kind)}
    withhold = tuple(what.withhold)
    if what.notice:
        return Scope(
            kind="notice", key=what.notice, customers=tuple(what.customer), accounts=tuple(what.account),
            since=what.since, until=what.until, withhold=withhold,
        )  # fmt: skip
    named |= {kind: list(keys) for kind, keys in (("customer", what.customer), ("account", what.account)) if keys}
    if sum(map(len, named.values())) > 1:
        raise InputError("one scope at a time", field=", ".join(named), rule="one", remedy="several: a notice")
    if named:
        ((kind, (key,)),) = named.items()
        return Scope(kind=kind, key=key, since=what.since, until=what.until, withhold=withhold)  # type: ignore[arg-type]
    if what.since is not None and what.until is not None:
        return Scope(kind="period", since=what.since, until=what.until, withhold=withhold)
    raise InputError(
        "nothing to export is named", field="scope", rule="customer, account, transaction, case, order or notice",
        remedy="name one, or a period by since and until",
    )  # fmt: skip
