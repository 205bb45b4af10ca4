"""Reads at the command line go through the read door: recorded before anything is told, in the name of who asks.

Whoever can run these commands holds the keys, so the role is ``custodian``; the name is theirs to say (``--actor``,
KYC_ACTOR) and the record is not theirs to leave out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from kyc.cli.main import GLOBALS, screen, service

if TYPE_CHECKING:
    from kyc.access.ask import Ask
    from kyc.access.gate import Grant
    from kyc.domain.submission import StreamName
    from kyc.wiring import Service

ACTOR: Final = "custodian"
REASON: Final = "at the command line"


@contextmanager
def looking(kind: str, key: str, action: str = "read", fields: tuple[str, ...] = ()) -> Iterator[Service]:
    """The service of a call that shows something of a customer, account, transaction, case, order or operator.

    Raises:
        AccessDeniedError: not permitted; the refusal is recorded.
        KycError: the read cannot be recorded, so it does not happen.
    """
    from kyc.domain.submission import StreamName

    with service() as opened:
        opened.gate.admit(asked(action, StreamName(kind, key), fields))
        yield opened


class Page:
    """A list that may be made, and is told once it is recorded whom it tells of."""

    def __init__(self, opened: Service, ask: Ask) -> None:
        self.opened = opened
        self._ask = ask

    def record(self, customers: Iterable[str | None] = (), subjects: Iterable[StreamName] = ()) -> Grant:
        """Record that these customers, and those whom these records concern, are about to be told of.

        A customer whose number went with the content has none (None) and is left out.

        Raises:
            AccessDeniedError: not permitted; the refusal is recorded.
            KycError: it cannot be recorded, so nothing may be told.
        """
        named = dict.fromkeys(number for number in customers if number)
        named |= dict.fromkeys(self.opened.gate.concerned(subjects))
        return self.opened.gate.admit_pages(self._ask, tuple(named))

    def tell(
        self, document: Any, lines: Sequence[str], customers: Iterable[str | None] = (),
        subjects: Iterable[StreamName] = (),
    ) -> None:  # fmt: skip
        """Answer with the list, after :meth:`record`; the document is a value of the field that was asked for."""
        grant = self.record(customers, subjects)
        field = self._ask.fields[0]
        screen().answer(grant.show({field: document})[field], lines)


@contextmanager
def listing(*fields: str, about: StreamName | None = None, action: str = "list") -> Iterator[Page]:
    """A list of these fields, refused before it is made where it is not permitted.

    Raises:
        AccessDeniedError, KycError: as above.
    """
    with service() as opened:
        ask = asked(action, about, fields)
        opened.gate.scope(ask)
        yield Page(opened, ask)


def asked(action: str, subject: StreamName | None, fields: tuple[str, ...] = ()) -> Ask:
    """What the present call asks for."""
    from kyc.access.ask import Actor, Ask
    from kyc.domain.admit import HEAD_OFFICE

    name = GLOBALS.actor or os.environ.get("KYC_ACTOR") or ACTOR
    reason = GLOBALS.reason or os.environ.get("KYC_REASON") or REASON
    return Ask(
        actor=Actor(id=name, roles=frozenset({"custodian"}), branch=HEAD_OFFICE, authn="local-keys"),
        action=action, subject=subject, fields=fields, purpose="custody", legal_basis="AML24-34", reason=reason,
    )  # fmt: skip
