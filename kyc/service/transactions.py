"""One transaction or account, over HTTP: in full, and the proof that it is in the signed log.

Both legs of a transfer are the business of whoever holds the first: to whom a permission is confined to branches,
the other leg's account and its holders are not shown.
"""

from __future__ import annotations

from typing import Any

from kyc.access.gate import Grant
from kyc.clock import from_datetime
from kyc.domain.submission import StreamName
from kyc.errors import NotFoundError
from kyc.publish import prove
from kyc.service.door import Look, Make, view
from replay import history as past
from replay import reconstruct


def _transaction(look: Look) -> Make:
    as_of = look.moment("as_of")

    def make(grant: Grant) -> Any:
        found = reconstruct.transaction(look.log, look.service.sealed, look.key, as_of=as_of)
        document = reconstruct.as_dict(found)
        return document if grant.branches is None else _first_only(document)

    return make


def _first_only(document: dict[str, Any]) -> dict[str, Any]:
    """What concerns the account of the first leg alone."""
    legs = document["legs"][:1]
    own = {leg["key"] for leg in legs}
    parties = [one for one in document["parties"] if any(role["account"] in own for role in one["roles"])]
    return document | {"legs": legs, "missing": [], "parties": parties}


def _proof(look: Look) -> Make:
    def make(_: Grant) -> Any:
        log = look.log
        found = log.reader.claim("transaction", log.blinder.claim_key("transaction", look.key))
        if found is None:
            raise NotFoundError("no such transaction", field="reference")
        stream, version = found
        (row,) = log.reader.stream(stream, after=version - 1, through=version)
        return prove(look.service.sealed, row)

    return make


def _account(look: Look) -> Make:
    as_of, about = look.moment("as_of"), look.moment("about")

    def make(_: Grant) -> Any:
        name = StreamName("account", look.key)
        events = list(look.log.events(name))
        if not events:
            raise NotFoundError("no such account", field="account")
        until = past.FOREVER if as_of is None else from_datetime(as_of)
        return past.known_dict(past.known_of(look.log, name, events, until, about))

    return make


transaction = view("transaction", "reconstruction", _transaction, key="reference")
proof = view("transaction", "proof", _proof, key="reference")
account = view("account", "accounts", _account)
