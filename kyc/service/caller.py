"""Whom authentication may say that a caller is. What they may do is decided elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, Literal

from kyc.access.ask import Actor
from kyc.errors import UnauthenticatedError

Kind = Literal["machine", "person"]
Authn = Literal["oidc", "oidc-mfa", "mtls", "development"]

_WORD: Final = re.compile(r"[!-?A-~]{1,64}")
"""As a word of the header (:data:`kyc.domain.submission.Word`), without @: an address is no pseudonym."""


def checked(*, id: Any, branch: Any, roles: Iterable[str], kind: Kind, authn: Authn) -> Actor:
    """An actor whose id and branch can stand in a header.

    Raises:
        UnauthenticatedError: they cannot, or there is no role.
    """
    for field, value in (("actor", id), ("branch", branch)):
        if not isinstance(value, str) or not _WORD.fullmatch(value):
            raise UnauthenticatedError(
                "the identity cannot be used here", field=field, rule="a code of 1 to 64 characters, no @",
                remedy="have the issuer send a pseudonymous code",
            )  # fmt: skip
    found = frozenset(role for role in roles if _WORD.fullmatch(role))
    if not found:
        raise UnauthenticatedError("the identity has no role here", field="roles", remedy="have a role assigned")
    return Actor(id=id, roles=found, branch=branch, kind=kind, authn=authn)
