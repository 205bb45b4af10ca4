"""Read-your-writes: what an append answers so that a read can wait until it sees it.

A position is a vector lane → position, opaque to the client: ``p1.`` and base64url of MessagePack. It names hashes'
places only, nothing secret, and whoever invents one waits for nothing or for its own time.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from typing import Annotated, Final

import msgspec

from kyc.domain.submission import Receipt
from kyc.errors import InputError
from kyc.settings import LANES_MAX

_TAG: Final = "p1."
_LENGTH_MAX: Final = 16_384
"""Characters: all lanes of the largest log fit."""
_Lane = Annotated[int, msgspec.Meta(ge=0, lt=LANES_MAX)]
_Position = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(dict[_Lane, _Position])


def vector(receipts: Iterable[Receipt]) -> dict[int, int]:
    """The position after these events."""
    found: dict[int, int] = {}
    for one in receipts:
        if one.position > found.get(one.lane, 0):
            found[one.lane] = one.position
    return found


def format(positions: Mapping[int, int]) -> str:
    """The token of a position."""
    return _TAG + urlsafe_b64encode(_encode(positions)).decode().rstrip("=")


def parse(token: str) -> dict[int, int]:
    """The position of a token.

    Raises:
        InputError: not one of ours.
    """
    try:
        body = token.removeprefix(_TAG).encode("ascii") if token.startswith(_TAG) else b"\xff"
        return _decoder.decode(urlsafe_b64decode(body[:_LENGTH_MAX] + b"=" * (-len(body) % 4)))
    except (ValueError, msgspec.MsgspecError):
        raise InputError(
            "not a position", field="wait", rule="as an append answered it", remedy="pass it on unchanged"
        ) from None
