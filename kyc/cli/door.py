"""Reads at the command line go through the read door: recorded before anything is told, in the name of who asks.

Whoever can run these commands holds the keys, so the role is ``custodian``; the name is theirs to say (``--actor``,
KYC_ACTOR) and the record is not theirs to leave out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from kyc.cli.main import GLOBALS, service

if TYPE_CHECKING:
    from kyc.access.ask import Ask
    from kyc.domain.submission import StreamName
    from kyc.wiring import Service

ACTOR: Final = "custodian"
REASON: Final = "at the command line"


@contextmanager
def looking(kind: str, key: str, action: str = "read") -> Iterator[Service]:
    """The service of a call that shows something of a customer, account, transaction, case, order or operator.

    Raises:
        AccessDeniedError: not permitted; the refusal is recorded.
        KycError: the read cannot be recorded, so it does not happen.
    """
    from kyc.domain.submission import StreamName

    with service() as opened:
        opened.gate.admit(asked(action, StreamName(kind, key)))
        yield opened


def listed(opened: Service, customers: Iterable[str]) -> None:
    """Record that these customers are about to be told, in one event for a page; also that nobody was found.

    Raises:
        AccessDeniedError, KycError: as above.
    """
    opened.gate.admit(asked("list", None), tuple(dict.fromkeys(customers)))


def asked(action: str, subject: StreamName | None) -> Ask:
    """What the present call asks for."""
    from kyc.access.ask import Actor, Ask
    from kyc.domain.admit import HEAD_OFFICE

    name = GLOBALS.actor or os.environ.get("KYC_ACTOR") or ACTOR
    reason = GLOBALS.reason or os.environ.get("KYC_REASON") or REASON
    return Ask(
        actor=Actor(id=name, roles=frozenset({"custodian"}), branch=HEAD_OFFICE, authn="local-keys"),
        action=action, subject=subject, purpose="custody", legal_basis="AML24-34", reason=reason,
    )  # fmt: skip
