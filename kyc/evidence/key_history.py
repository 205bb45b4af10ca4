"""The history of signing keys: who succeeded whom, from where on, and which key is no longer to be believed.

A statement is a signed note (C2SP signed-note) whose text is one of::

    kyc-ledger/key/v1                              kyc-ledger/key/v1
    <origin>                                       <origin>
    succession <role>                              compromised <role>
    from <microseconds>                            from <microseconds>
    size <leaves of the log>                       key <vkey>
    old <vkey>                                     by <vkey>
    new <vkey>

A succession is signed by both keys: the old one hands over, the new one vouches for the old one's time. So whoever
was told one key of the line, on another way, can reach the others. A compromise is signed by the key that declares
it, a successor of the one declared. From its date on the declared key proves nothing by itself; what is shown to be
older, by a timestamp or a witness, stays good. Periods of the log's key are counted in leaves, because a size
cannot be backdated: the old key signs no checkpoint above ``size``, the new one none at or below it.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from kyc.errors import FormatError, SignatureError
from kyc.evidence import note, strict
from kyc.evidence.note import NoteSigner, Verifier

TITLE: Final = "kyc-ledger/key/v1"
FILE: Final = "keys.ndjson"
FILE_MAX: Final = 4_194_304
"""Bytes of a key history; a rotation with its timestamp takes about 6 kB."""
NAMES: Final = {"log": "", "receipt": "/receipts", "export": "/exports"}
"""Role of a signing key → what its name has behind that of the log."""


def key_name(origin: str, role: str) -> str:
    """The name of the key of a role.

    Raises:
        FormatError: no such role.
    """
    if role not in NAMES:
        raise FormatError("not the role of a signing key", field="role", rule=", ".join(NAMES))
    return origin + NAMES[role]


@dataclass(frozen=True, slots=True)
class Succession:
    """From ``at`` on, and for checkpoints above ``size``, ``new`` signs instead of ``old``."""

    origin: str
    role: str
    at: int
    """Microseconds since 1970-01-01T00:00:00Z."""
    size: int
    """Leaves of the newest checkpoint when the key was handed over."""
    old: Verifier
    new: Verifier

    def __post_init__(self) -> None:
        _check(self.origin, self.role, self.at, self.old, self.new)
        if not 0 <= self.size <= strict.NUMBER_MAX:
            raise FormatError("tree size out of range", field="size", rule="0 to 2**63 - 1")

    def lines(self) -> list[str]:
        """The text behind title and origin."""
        return [
            f"succession {self.role}", f"from {self.at}", f"size {self.size}", f"old {self.old}", f"new {self.new}",
        ]  # fmt: skip

    @property
    def signers(self) -> tuple[Verifier, ...]:
        """Whose signatures it needs."""
        return (self.old, self.new)


@dataclass(frozen=True, slots=True)
class Compromise:
    """From ``since`` on others may have signed with ``key``; ``by`` says so."""

    origin: str
    role: str
    since: int
    """Microseconds since 1970-01-01T00:00:00Z."""
    key: Verifier
    by: Verifier

    def __post_init__(self) -> None:
        _check(self.origin, self.role, self.since, self.key, self.by)

    def lines(self) -> list[str]:
        """The text behind title and origin."""
        return [f"compromised {self.role}", f"from {self.since}", f"key {self.key}", f"by {self.by}"]

    @property
    def signers(self) -> tuple[Verifier, ...]:
        """Whose signature it needs."""
        return (self.by,)


Statement = Succession | Compromise


def _check(origin: str, role: str, at: int, one: Verifier, other: Verifier) -> None:
    name = key_name(origin, role)
    if any(key.name != name or key.type != note.ED25519 for key in (one, other)) or one == other:
        raise FormatError("not two keys of this role", field="key", rule=f"two Ed25519 keys named {name}")
    if not 0 <= at <= strict.NUMBER_MAX:
        raise FormatError("time out of range", field="from", rule="0 to 2**63 - 1 microseconds")


def format(statement: Statement) -> str:
    """The text of a statement."""
    return "".join(f"{line}\n" for line in (TITLE, statement.origin, *statement.lines()))


def parse(text: str) -> Statement:
    """The strict inverse of :func:`format`.

    Raises:
        FormatError: it would not be written that way.
    """
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 3 or lines[0] != TITLE:
        raise FormatError("not a statement about a key", field="key", rule=TITLE)
    values = dict(line.partition(" ")[::2] for line in lines[2:])
    try:
        at = strict.decimal(values["from"], "from")
        found: Statement
        if "succession" in values:
            size = strict.decimal(values["size"], "size")
            old, new = Verifier.parse(values["old"]), Verifier.parse(values["new"])
            found = Succession(lines[1], values["succession"], at, size, old, new)
        else:
            key, by = Verifier.parse(values["key"]), Verifier.parse(values["by"])
            found = Compromise(lines[1], values["compromised"], at, key, by)
    except KeyError as cause:
        raise FormatError("a line is missing", field=str(cause.args[0]), rule=TITLE) from None
    if format(found) != text:
        raise FormatError("a statement is not written as it should be", field="key", rule=TITLE)
    return found


def sign(statement: Statement, *signers: NoteSigner) -> str:
    """The statement as a signed note."""
    return note.sign(format(statement), *signers)


def open_statement(text: str | bytes) -> Statement:
    """The statement, once those it needs have signed it; whether they are to be believed, :func:`line` says.

    Raises:
        FormatError: not a statement.
        SignatureError: a signature is wrong or missing.
    """
    statement = parse(note.parse(text).text)
    opened = note.open_note(text, statement.signers)
    if not all(map(opened.signed_by, statement.signers)):
        raise SignatureError("a key that must sign did not", field="key", rule="the old key and the new one")
    return statement


class Kept(NamedTuple):
    """A statement, and since when it is shown to exist (microseconds); None where nobody outside says so."""

    statement: Statement
    stamped: int | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """A key that is to be believed, and how far.

    ``after`` and ``through`` are leaves of the log, ``since`` and ``until`` microseconds; None: from the beginning,
    or still in use. ``compromised`` is the time from which others may have signed with it.
    """

    key: Verifier
    after: int | None = None
    through: int | None = None
    since: int | None = None
    until: int | None = None
    compromised: int | None = None

    def covers(self, size: int) -> bool:
        """Whether the log's key may have signed a checkpoint of this size."""
        return (self.after is None or size > self.after) and (self.through is None or size <= self.through)


def line(trusted: Iterable[Verifier], statements: Sequence[Kept]) -> list[Period]:
    """The keys that ``trusted`` ones lead to, the first in use first.

    A compromised key hands nothing on, unless its statement is shown to be older than the compromise. A compromise
    counts where the declaring key comes down from the declared one at all: to believe less is safe.

    Raises:
        SignatureError: one key has two successors, or two predecessors: somebody else signed with it.
    """
    return _Line(statements).periods(tuple(trusted))


@dataclass(slots=True)
class _Line:
    """Statements by the keys they are about."""

    statements: Sequence[Kept]
    _after: dict[Verifier, set[Kept]] = field(default_factory=dict)
    _before: dict[Verifier, set[Kept]] = field(default_factory=dict)
    _compromised: dict[Verifier, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kept in self.statements:
            if isinstance(kept.statement, Succession):
                self._after.setdefault(kept.statement.old, set()).add(kept)
                self._before.setdefault(kept.statement.new, set()).add(kept)
        for kept in self.statements:
            said = kept.statement
            if isinstance(said, Compromise) and said.by in self._descendants(said.key):
                self._compromised[said.key] = min(said.since, self._compromised.get(said.key, said.since))

    def periods(self, trusted: tuple[Verifier, ...]) -> list[Period]:
        found: dict[Verifier, Period] = {}
        waiting = list(trusted)
        while waiting:
            key = waiting.pop()
            if key in found:
                continue
            into, out = self._before.get(key, set()), self._after.get(key, set())
            found[key] = self._period(key, into, out)
            waiting += [said.new for said in self._one(key, out)] + [said.old for said in self._one(key, into)]
        return sorted(found.values(), key=lambda period: (period.after or 0, period.since or 0))

    def _period(self, key: Verifier, into: Iterable[Kept], out: Iterable[Kept]) -> Period:
        begins, ends = _successions(into), _successions(out)
        return Period(
            key,
            max((said.size for said in begins), default=None),
            min((said.size for said in ends), default=None),
            max((said.at for said in begins), default=None),
            min((said.at for said in ends), default=None),
            self._compromised.get(key),
        )

    def _one(self, key: Verifier, kept: Iterable[Kept]) -> list[Succession]:
        """The one statement that is believed, if there is any."""
        limit = self._compromised.get(key)
        believed = {
            one.statement for one in kept
            if limit is None or (one.stamped is not None and one.stamped < limit)
        }  # fmt: skip
        if len(believed) > 1:
            raise SignatureError(
                "a key was handed over twice", field=f"{key.name}+{key.key_id.hex()}", rule="one successor",
                remedy="ask the bank on another way which key is its own",
            )  # fmt: skip
        return [said for said in believed if isinstance(said, Succession)]

    def _descendants(self, key: Verifier) -> set[Verifier]:
        found: set[Verifier] = set()
        waiting = [key]
        while waiting:
            for said in _successions(self._after.get(waiting.pop(), ())):
                if said.new not in found:
                    found.add(said.new)
                    waiting.append(said.new)
        return found


def _successions(kept: Iterable[Kept]) -> list[Succession]:
    return [one.statement for one in kept if isinstance(one.statement, Succession)]


class Entry(NamedTuple):
    """A statement as it is handed around: the signed note, and timestamps over it as (token, CA in PEM)."""

    note: str
    timestamps: tuple[tuple[bytes, str], ...] = ()


def format_file(entries: Iterable[Entry]) -> bytes:
    """The file ``keys.ndjson``: a line of JSON for each statement, in the order in which they were made."""
    return b"".join(
        json.dumps(
            {
                "statement": entry.note,
                "timestamps": [
                    {"token": b64encode(token).decode(), "authority": authority}
                    for token, authority in entry.timestamps
                ],
            },
            ensure_ascii=False, separators=(",", ":"),
        ).encode() + b"\n"
        for entry in entries
    )  # fmt: skip


def parse_file(raw: bytes) -> list[Entry]:
    """The strict inverse of :func:`format_file`; what the entries say is not checked yet.

    Raises:
        FormatError: it would not be written that way.
    """
    if len(raw) > FILE_MAX:
        raise FormatError("the key history is too long", field=FILE, rule=f"at most {FILE_MAX} bytes")
    try:
        lines = [json.loads(line) for line in raw.decode().split("\n")[:-1]]
        entries = [
            Entry(
                line["statement"],
                tuple((strict.base64(one["token"], "token"), one["authority"]) for one in line["timestamps"]),
            )
            for line in lines
        ]
        if format_file(entries) == raw:
            return entries
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise FormatError("not a key history", field=FILE, rule="statement and timestamps, a line of JSON each")
