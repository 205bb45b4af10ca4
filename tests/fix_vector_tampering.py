"""What a superuser may do to the rows of the published log, and what must then be named at which place."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from fix_vector_log import OTHER_KEY, Json, Log, flipped, linked, note, stream_id


@dataclass
class Tampering:
    """What is done to the rows of the log."""

    rows: list[Json]
    changes: list[Json] = field(default_factory=list)

    def change(self, table: str, where: Json, **values: Any) -> None:
        """Change one row."""
        self.changes.append({"do": "update", "table": table, "where": where, "set": values})

    def edit(self, row: Json, **values: Any) -> None:
        """Change one event."""
        self.change("event", {"stream_id": row["stream_id"], "version": row["version"]}, **values)

    def remove(self, table: str, **where: Any) -> None:
        """Remove one row."""
        self.changes.append({"do": "delete", "table": table, "where": where})


def _rewritten(work: Tampering, row: Json, **values: Any) -> None:
    """Change an event and make every hash behind it fit again."""
    later = [one for one in work.rows if one["stream_id"] == row["stream_id"] and one["version"] >= row["version"]]
    previous = row["previous"]
    for one in sorted(later, key=lambda event: event["version"]):
        changed = one | (values if one is row else {}) | {"previous": previous}
        previous = linked(changed)
        work.edit(one, previous=changed["previous"], hash=previous, **(values if one is row else {}))


class Book:
    """The vectors as they are written."""

    def __init__(self, made: Log) -> None:
        self.made = made
        self.found: list[Json] = []

    def event(self, kind: str, key: str, version: int) -> Json:
        """A row of the sound log."""
        stream = stream_id(kind, key)
        rows = self.made.tables["event"]
        return next(row for row in rows if (row["stream_id"], row["version"]) == (stream, version))

    def vector(
        self, name: str, says: str, kind: str, place: Json, *, keys: bool = False, trusted: str | None = None
    ) -> Tampering:
        """One more; what is done to the rows is added to it."""
        work = Tampering(self.made.tables["event"])
        self.found.append({
            "name": name, "says": says, "needs_keys": keys, "trusted": trusted, "changes": work.changes,
            "finding": {"kind": kind, **place},
        })  # fmt: skip
        return work


def tampering(made: Log) -> list[Json]:
    """Every vector: what it says, what is changed, and what must be named at which place."""
    book = Book(made)
    for write in (_edited, _moved_events, _sealed_log, _keys_and_records, _seen_elsewhere):
        write(book)
    return book.found


def _edited(book: Book) -> None:
    one, two, three = (book.event("customer", "C1", version) for version in (1, 2, 3))
    for column, what in (("context", "header"), ("commitment", "commitment")):
        work = book.vector(f"changed-{what}", f"one bit of the {what} of an event", "hash_wrong", _at(two))
        work.edit(two, **{column: flipped(two[column], 8)})
    work = book.vector("changed-time", "the time of recording, by a microsecond", "hash_wrong", _at(two))
    work.edit(two, recorded_at=two["recorded_at"] + 1)
    work = book.vector("changed-ciphertext", "one bit of a ciphertext", "ciphertext_changed", _at(two))
    state = flipped(two["state"], 30)
    work.edit(two, state=state)
    says = "a ciphertext whose digest was made to fit"
    work = book.vector("changed-payload", says, "payload_wrong", _at(two), keys=True)
    work.edit(two, state=state, digest=sha256(state).digest()[:16])
    says = "the ciphertext of another event of the same key"
    work = book.vector("exchanged-payload", says, "payload_wrong", _at(two), keys=True)
    work.edit(two, state=three["state"], digest=three["digest"])
    work = book.vector("broken-link", "the previous hash of an event", "link_broken", _at(two))
    work.edit(two, previous=flipped(two["previous"], 0))
    says = "an event recorded before the one it follows"
    work = book.vector("clock-running-back", says, "time_backwards", _at(three))
    _rewritten(work, three, recorded_at=one["recorded_at"])
    work = book.vector(
        "rewritten-history", "an event and all links behind it", "root_wrong", {"item": "checkpoint 6"}
    )
    _rewritten(work, two, recorded_at=two["recorded_at"] + 1)


def _moved_events(book: Book) -> None:
    first, middle, last = (book.event("postings", "A1", version) for version in (1, 2, 3))
    says = "two neighbours of a stream in each other's place"
    work = book.vector("swapped-order", says, "version_wrong", _moved(last, middle))
    work.edit(middle, position=1_000)
    work.edit(last, position=middle["position"])
    work.edit(middle, position=last["position"])
    work = book.vector("removed-middle", "an event in the middle of a stream", "version_wrong", _at(last))
    work.remove("event", stream_id=middle["stream_id"], version=2)
    work = book.vector("truncated-tail", "the last event of a lane", "sealed_missing", _place(book.made, last))
    work.remove("event", stream_id=last["stream_id"], version=3)
    work = book.vector("removed-stream", "all events of a stream", "sealed_missing", _place(book.made, first))
    for row in (first, middle, last):
        work.remove("event", stream_id=row["stream_id"], version=row["version"])
    work = book.vector("lane-rewound", "a position given out twice", "position_repeated", {})
    work.edit(last, position=middle["position"])
    work = book.vector("moved-lane", "an event in another lane", "lane_wrong", {**_at(first), "lane": 9})
    work.edit(first, lane=9)


def _sealed_log(book: Book) -> None:
    newest = book.made.tables["checkpoint"][-1]
    work = book.vector(
        "resigned-checkpoint", "a checkpoint signed by another key", "signature_wrong", _item(newest)
    )
    work.change("checkpoint", {"size": newest["size"]}, note=note(newest["size"], newest["root"], OTHER_KEY))
    work = book.vector("edited-root", "the root beside a signed checkpoint", "checkpoint_differs", _item(newest))
    work.change("checkpoint", {"size": newest["size"]}, root=flipped(newest["root"], 0))
    work = book.vector("edited-segment", "a run of leaves longer than it was", "segment_wrong", {})
    segment = book.made.tables["segment"][0]
    work.change("segment", {"first_index": 0}, position_to=segment["position_to"] + 1)


def _keys_and_records(book: Book) -> None:
    posted = book.event("postings", "A1", 1)
    keys = {row["id"]: row for row in book.made.tables["data_key"]}
    work = book.vector("swapped-key", "a wrapped key in the row of another", "key_unusable", {}, keys=True)
    other = keys[book.event("customer", "C1", 1)["data_key"]]
    work.change("data_key", {"id": posted["data_key"]}, wrapped=other["wrapped"])
    says = "a data key that is gone without being destroyed"
    work = book.vector("lost-key", says, "key_missing", _at(posted))
    work.remove("data_key", id=posted["data_key"])
    work = book.vector("emptied", "a ciphertext emptied though its key lives", "emptied_unlawfully", _at(posted))
    work.edit(posted, state=b"", digest=sha256().digest()[:16])
    says = "its first event says what the second says"
    for what, kind, number in (("policy", "policies", "institution"), ("access-log", "access", "C1")):
        row, after = book.event(kind, number, 1), book.event(kind, number, 2)
        work = book.vector(f"edited-{what}", says, "payload_wrong", _at(row), keys=True)
        work.edit(row, state=after["state"], digest=after["digest"])
    claim = book.made.tables["claim"][0]
    work = book.vector("edited-claim", "a reference that leads to another event", "claim_wrong", {}, keys=True)
    work.change("claim", {"key": claim["key"]}, version=2)
    work = book.vector("dangling-claim", "a reference that leads nowhere", "claim_dangling", {})
    work.change("claim", {"key": claim["key"]}, version=77)


def _seen_elsewhere(book: Book) -> None:
    size = book.made.tables["checkpoint"][-1]["size"]
    says = "a larger checkpoint was kept elsewhere"
    book.vector("rolled-back", says, "rolled_back", {}, trusted=note(size + 1, bytes(32)))
    says = "another root of that size was kept elsewhere"
    book.vector("forked", says, "forked", {}, trusted=note(size, bytes(32)))


def _at(row: Json) -> Json:
    return {name: row[name] for name in ("stream_id", "version", "lane", "position")}


def _moved(row: Json, to: Json) -> Json:
    return _at(row) | {"position": to["position"]}


def _place(made: Log, row: Json) -> Json:
    """Lane, position and log index: all that is known of an event that is gone."""
    for segment in made.tables["segment"]:
        if segment["lane"] == row["lane"] and segment["position_from"] <= row["position"] <= segment["position_to"]:
            index = segment["first_index"] + row["position"] - segment["position_from"]
            return {"lane": row["lane"], "position": row["position"], "index": index}
    raise AssertionError("not sealed")


def _item(checkpoint: Json) -> Json:
    return {"item": f"checkpoint {checkpoint['size']}"}
