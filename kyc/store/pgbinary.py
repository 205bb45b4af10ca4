"""PostgreSQL's binary wire forms for our rows, packed by hand: a third of the time of the driver's general dumpers.

Arrays for ``INSERT … SELECT unnest`` and rows for ``COPY … (FORMAT binary)``. Layouts: PostgreSQL manual, "COPY",
section "Binary Format"; array_recv in the server's source. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from struct import Struct, pack
from typing import Any

from psycopg import pq
from psycopg.abc import AdaptContext
from psycopg.adapt import Buffer, Dumper, Loader

from kyc.store.records import ClaimRow, StoredEvent

COPY_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
_DAY_0 = date(2000, 1, 1).toordinal()
"""From which PostgreSQL counts days."""


class _Array(bytes):
    """A packed array parameter."""


class Int2Array(_Array):
    """``smallint[]``."""


class Int8Array(_Array):
    """``bigint[]``."""


class UuidArray(_Array):
    """``uuid[]``."""


class ByteaArray(_Array):
    """``bytea[]``."""


class TextArray(_Array):
    """``text[]``."""


class DateArray(_Array):
    """``date[]``."""


def _dumper(array_oid: int) -> type[Dumper]:
    class PackedDumper(Dumper):
        """Passes packed bytes through."""

        format = pq.Format.BINARY

        def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
            super().__init__(cls, context)
            self.oid = array_oid  # on the instance: the class must not become the driver's dumper of that type

        def dump(self, obj: Any) -> Buffer | None:
            return bytes(obj)

    return PackedDumper


_OIDS: dict[type[_Array], tuple[int, int]] = {  # element type, array type
    Int2Array: (21, 1005),
    Int8Array: (20, 1016),
    UuidArray: (2950, 2951),
    ByteaArray: (17, 1001),
    TextArray: (25, 1009),
    DateArray: (1082, 1182),
}


class _RawUuid(Loader):
    """A uuid column as its 16 raw bytes: building a UUID object would cost more than the row."""

    format = pq.Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def register(context: AdaptContext) -> None:
    """Teach a connection the packed arrays, and to return uuids of binary results as raw bytes."""
    context.adapters.register_loader("uuid", _RawUuid)
    for kind, (_, array_oid) in _OIDS.items():
        context.adapters.register_dumper(kind, _dumper(array_oid))


def _head(kind: type[_Array], count: int) -> bytes:
    return pack(">iiiii", 1, 0, _OIDS[kind][0], count, 1) if count else pack(">iii", 0, 0, _OIDS[kind][0])


def int2s(values: Sequence[int]) -> Int2Array:
    """A packed ``smallint[]``."""
    return Int2Array(_head(Int2Array, len(values)) + b"".join([pack(">ih", 2, value) for value in values]))


def int8s(values: Sequence[int]) -> Int8Array:
    """A packed ``bigint[]``."""
    return Int8Array(_head(Int8Array, len(values)) + b"".join([pack(">iq", 8, value) for value in values]))


def uuids(values: Sequence[bytes]) -> UuidArray:
    """A packed ``uuid[]`` from 16-byte values."""
    return UuidArray(_head(UuidArray, len(values)) + b"".join([b"\0\0\0\x10" + value for value in values]))


def byteas(values: Sequence[bytes]) -> ByteaArray:
    """A packed ``bytea[]``."""
    parts = [part for value in values for part in (len(value).to_bytes(4, "big"), value)]
    return ByteaArray(_head(ByteaArray, len(values)) + b"".join(parts))


def texts(values: Sequence[str]) -> TextArray:
    """A packed ``text[]``."""
    return TextArray(_head(TextArray, len(values)) + byteas([value.encode() for value in values])[20:])


def dates(values: Sequence[date]) -> DateArray:
    """A packed ``date[]``."""
    days = [pack(">ii", 4, value.toordinal() - _DAY_0) for value in values]
    return DateArray(_head(DateArray, len(values)) + b"".join(days))


_INT8 = Struct(">q").pack
_INT2 = Struct(">h").pack


def event_parameters(rows: Iterable[StoredEvent]) -> list[bytes]:
    """The values of rows one after the other, columns in the order of ``StoredEvent``, as binary parameters."""
    flat: list[bytes] = []
    for row in rows:
        flat += (_INT8(row[0]), _INT8(row[1]), _INT8(row[2]), _INT2(row[3]), *row[4:])
    return flat


_EVENT = Struct(">h iq iq iq ih i16s i16s i16s i32s i32s i32s i16s i")
_LENGTH = Struct(">i")


def event_rows(rows: Iterable[StoredEvent]) -> list[bytes]:
    """COPY rows of the event table, columns in the order of ``StoredEvent``."""
    fixed, length = _EVENT.pack, _LENGTH.pack
    return [
        fixed(13, 8, pos, 8, version, 8, at, 2, lane, 16, stream, 16, key, 16, data_key, 32, previous,
              32, commitment, 32, link, 16, digest, len(context))
        + context + length(len(state)) + state
        for pos, version, at, lane, stream, key, data_key, previous, commitment, link, digest, context, state
        in rows
    ]  # fmt: skip


_CLAIM = Struct(">h ih i")
_HOLDER = Struct(">i16s i16s iq")


def claim_row(claim: ClaimRow, stream_id: bytes, version: int) -> bytes:
    """A COPY row of the claim table: lane, kind, key, stream_id, version."""
    kind = claim.kind.encode()
    return _CLAIM.pack(5, 2, claim.lane, len(kind)) + kind + _HOLDER.pack(16, claim.key, 16, stream_id, 8, version)
