"""Cursors: where the next page of a list begins, sealed so that nobody can ask from elsewhere or for another list.

``c1.`` and base64url of MAC ‖ MessagePack. The MAC (HMAC-SHA-256, 16 bytes) also covers who asks, the path and
every parameter but the size of a page. A place is the sort key of the last row told, so a page neither repeats
nor misses what was there before, however much is appended meanwhile. Ids of streams stand in it, no names.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec

from kyc.errors import InputError

Place = list[int | str]
"""A sort key: ids in hexadecimal, days and moments in ISO 8601."""

_TAG: Final = "c1."
_MAC: Final = 16
_LENGTH_MAX: Final = 1_024
_FREE: Final = frozenset({"cursor", "limit", "wait"})
"""Parameters that may differ from page to page."""
_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Place)


class Cursors:
    """The cursors of one list, for one caller."""

    def __init__(self, secret: bytes, caller: str, route: str, asked: Mapping[str, str]) -> None:
        said = sorted((name, value) for name, value in asked.items() if name not in _FREE)
        self._key = hmac.new(secret, _encode([caller, route, said]), sha256).digest()

    def seal(self, place: Place) -> str:
        """The cursor of a place."""
        body = _encode(place)
        return _TAG + urlsafe_b64encode(self._mac(body) + body).decode().rstrip("=")

    def open(self, cursor: str) -> Place:
        """The place of a cursor.

        Raises:
            InputError: not one of ours, or of another list, filter or caller.
        """
        try:
            text = cursor.removeprefix(_TAG).encode("ascii") if cursor.startswith(_TAG) else b"?"
            raw = urlsafe_b64decode(text[:_LENGTH_MAX] + b"=" * (-len(text) % 4))
            if hmac.compare_digest(raw[:_MAC], self._mac(raw[_MAC:])):
                return _decoder.decode(raw[_MAC:])
        except (ValueError, msgspec.MsgspecError):
            pass
        raise InputError(
            "not a cursor of this list", field="cursor", rule="as the page before answered it, all else the same",
            remedy="begin again without it",
        )  # fmt: skip

    def _mac(self, body: bytes) -> bytes:
        return hmac.new(self._key, body, sha256).digest()[:_MAC]
