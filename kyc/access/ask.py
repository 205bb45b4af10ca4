"""Who asks for what: immutable values that carry everything a decision needs to know of the one who asks. Pure.

Whoever builds an :class:`Ask` has authenticated the actor; nothing here is believed about the subject.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from kyc.domain.submission import StreamName


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, or something, that was authenticated."""

    id: str
    """A pseudonymous code: it stands in clear in headers. A customer's is the customer number."""
    roles: frozenset[str] = frozenset()
    """What the authentication vouches for; some roles must also have been granted (``granted``)."""
    branch: str = ""
    kind: Literal["machine", "person"] = "person"
    authn: str = ""
    """How: ``mtls``, ``oidc``, ``oidc-mfa``, ``local-keys``; empty: not at all."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request for data or for an act."""

    actor: Actor
    action: str
    """``read``, ``list``, ``replay``, ``export`` …: the actions of the matrix."""
    subject: StreamName | None = None
    """The customer, account, transaction, case, order or operator; None: a list, or the house itself."""
    fields: tuple[str, ...] = ()
    """Fields that are needed, all or nothing; none: whatever the asker may see."""
    purpose: str = ""
    legal_basis: str = ""
    reason: str = ""
    ticket: str = ""
    """Service ticket, case, order or request that allows it."""
    second: str = ""
    """Who else approved, where two people are needed."""
