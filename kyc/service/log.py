"""The sealed log for auditors, mirrors and witnesses (C2SP tlog-tiles): hashes only, public, cacheable for ever.

Nothing is given out beyond the newest checkpoint that may be given out: where a witness policy is set, that is the
newest that holds it.
"""

from __future__ import annotations

import asyncio
from typing import Final

from kyc.errors import FormatError, NotFoundError
from kyc.evidence import leaf, tiles
from kyc.evidence.edge import TILE_WIDTH
from kyc.evidence.merkle import TILE_HEIGHT
from kyc.evidence.tiles import ENTRIES, Place
from kyc.service.call import Answer, Call
from kyc.store.sealed import SealedCheckpoint, SealedLog

_TEXT: Final = "text/plain; charset=utf-8"
_BYTES: Final = "application/octet-stream"
_FOR_EVER: Final = "public, max-age=31536000, immutable"


async def checkpoint(call: Call) -> Answer:
    """GET /log/checkpoint: the newest signed note.

    Raises:
        NotFoundError: nothing is sealed yet, or not cosigned.
    """
    newest = await asyncio.to_thread(_newest, call.parts.service.sealed)
    return Answer(body=newest.note.encode(), media_type=_TEXT)


async def keys(call: Call) -> Answer:
    """GET /log/keys.ndjson: what was said about the log's signing keys; empty where none was replaced."""
    return Answer(body=await asyncio.to_thread(call.parts.service.sealed.key_history), media_type=_TEXT)


async def tile(call: Call) -> Answer:
    """GET /log/tile/…: a tile of hashes, or a bundle of entries, which are hashes too.

    Raises:
        NotFoundError: no such tile, or not sealed yet.
    """
    try:
        place = Place.parse(f"tile/{call.path['place']}")
    except FormatError as cause:
        raise NotFoundError("no tile of this name", field="path", rule=cause.rule) from None
    body = await asyncio.to_thread(_tile, call.parts.service.sealed, place)
    return Answer(body=body, media_type=_BYTES, cache=_FOR_EVER)


def _newest(sealed: SealedLog) -> SealedCheckpoint:
    newest = sealed.published()
    if newest is None:
        raise NotFoundError("nothing is sealed and cosigned yet", field="checkpoint", remedy="kyc seal")
    return newest


def _tile(sealed: SealedLog, place: Place) -> bytes:
    level = 0 if place.level == ENTRIES else place.level
    first = place.index * TILE_WIDTH
    if (first + place.width) << (TILE_HEIGHT * level) > _newest(sealed).size:
        raise NotFoundError("not sealed yet", field="path", rule="within the newest checkpoint")
    if place.level != ENTRIES:
        return sealed.read_tile(place.level, place.index, place.width)
    rows = sealed.rows(first, first + place.width)
    return tiles.bundle([leaf.entry(row.stream_id, row.version, row.hash) for _, row in rows])
