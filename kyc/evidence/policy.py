"""Which checkpoints count: logs, witnesses and the quorum of them (C2SP tlog-policy), read from a file.

A line each; words stand apart by spaces or tabs; empty lines and lines that begin with ``#`` say nothing::

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

A name is defined before it is used, once, and is a member of at most one group, so that a witness counts in one way
only. A checkpoint is valid where one of the logs signed it and the quorum cosigned it. Fetching, and asking
witnesses at their URLs, is left to :mod:`kyc.witness`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from kyc.errors import FormatError, SignatureError
from kyc.evidence import note, strict
from kyc.evidence.checkpoint import SignedCheckpoint, open_checkpoint
from kyc.evidence.note import Verifier

NONE: Final = "none"
ENTRIES_MAX: Final = 256
"""Logs, witnesses and groups of one policy; the specification asks for at least 32 of each."""
_SPACE: Final = re.compile(r"[ \t]+")
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Party:
    """A log or a witness: its key and where it answers, if the policy says so."""

    verifier: Verifier
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Counts as one witness where at least ``threshold`` of its members do."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom to believe. ``quorum`` is the name of a witness or group, or ``none``."""

    logs: tuple[Party, ...]
    witnesses: dict[str, Party]
    groups: dict[str, Group]
    quorum: str

    def holds(self, cosigned: Collection[Verifier]) -> bool:
        """Whether the keys in ``cosigned``, each of a checked cosignature, make the quorum."""
        return self.quorum == NONE or self._counts(self.quorum, cosigned)

    def open(self, text: str | bytes, logs: Sequence[Verifier] = ()) -> SignedCheckpoint:
        """The checkpoint, once log and quorum are checked. ``logs`` stand in where the policy names none.

        Raises:
            FormatError: not a checkpoint.
            SignatureError: not signed by a log of the policy, a bad cosignature, or too few.
        """
        keys = [party.verifier for party in self.logs] or list(logs)
        opened = open_checkpoint(text, keys, [party.verifier for party in self.witnesses.values()])
        cosigned = [verifier for verifier, _ in opened.cosignatures]
        if not self.holds(cosigned):
            raise SignatureError(
                "too few witnesses have cosigned", field=f"quorum {_shown(self.quorum)}", rule="C2SP tlog-policy",
                remedy="wait for the witnesses, or ask the log why they refuse",
            )  # fmt: skip
        return opened

    def _counts(self, name: str, cosigned: Collection[Verifier]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return self.witnesses[name].verifier in cosigned
        return sum(self._counts(member, cosigned) for member in group.members) >= group.threshold


def parse(raw: bytes) -> Policy:
    """The policy of a file.

    Raises:
        FormatError: a line breaks a rule of the format, named by its number.
    """
    text = raw.decode("utf-8", "surrogateescape")  # names are opaque octets, and stay distinct this way
    if _FORBIDDEN.search(text) or (text and not text.endswith("\n")):
        raise FormatError(
            "not the text of a policy", field="policy", rule="no control characters; the last line ends too"
        )
    reading = _Reading()
    for number, line in enumerate(text.split("\n"), 1):
        words = _SPACE.split(line.strip(" \t"))
        if not words[0] or words[0].startswith("#"):
            continue
        try:
            reading.take(words)
        except FormatError as fault:
            raise FormatError(
                fault.message, field=f"line {number} of the policy", rule=fault.rule, remedy=fault.remedy
            ) from fault
    return reading.policy()


@dataclass(slots=True)
class _Reading:
    """What the lines so far have defined."""

    logs: list[Party] = field(default_factory=list)
    witnesses: dict[str, Party] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    quorum: str | None = None

    def take(self, words: list[str]) -> None:
        """One line that says something."""
        lines: dict[str, tuple[Callable[[list[str]], None], int, int]] = {
            "log": (self._log, 1, 2),
            "witness": (self._witness, 2, 3),
            "group": (self._group, 3, ENTRIES_MAX),
            "quorum": (self._quorum, 1, 1),
        }
        kind, *rest = words
        found = lines.get(kind)
        if found is None or not found[1] <= len(rest) <= found[2]:
            raise FormatError("not a line of a policy", rule="log, witness, group or quorum with its words")
        if len(self.logs) + len(self.witnesses) + len(self.groups) >= ENTRIES_MAX:
            raise FormatError("the policy is too long", rule=f"at most {ENTRIES_MAX} logs, witnesses and groups")
        found[0](rest)

    def policy(self) -> Policy:
        if self.quorum is None:
            raise FormatError("the policy has no quorum", field="quorum", rule="exactly one line; `quorum none`")
        return Policy(tuple(self.logs), self.witnesses, self.groups, self.quorum)

    def _log(self, words: list[str]) -> None:
        party = _party(words, note.ED25519)
        _unlike(party, self.logs)
        self.logs.append(party)

    def _witness(self, words: list[str]) -> None:
        self._fresh(words[0])
        party = _party(words[1:], note.COSIGNATURE)
        _unlike(party, self.witnesses.values())
        self.witnesses[words[0]] = party

    def _group(self, words: list[str]) -> None:
        name, many, *members = words
        self._fresh(name)
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                raise FormatError("a member that is not defined above", rule="witness or group of an earlier line")
            if member in self.members:
                raise FormatError("a member of two groups, or twice of one", rule="each name once")
            self.members.add(member)
        threshold = {"any": 1, "all": len(members)}.get(many)
        if threshold is None:
            threshold = strict.decimal(many, "threshold", len(members))
        if threshold < 1:
            raise FormatError("a group that nobody is needed for", rule="threshold from 1")
        self.groups[name] = Group(threshold, tuple(members))

    def _quorum(self, words: list[str]) -> None:
        if self.quorum is not None:
            raise FormatError("two quorums", rule="exactly one line")
        if words[0] != NONE and words[0] not in self.witnesses and words[0] not in self.groups:
            raise FormatError("a quorum that is not defined above", rule="witness or group of an earlier line")
        self.quorum = words[0]

    def _fresh(self, name: str) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise FormatError("a name that is taken", rule="each name once; `none` is predefined")


def _party(words: list[str], type: int) -> Party:
    verifier = Verifier.parse(words[0])
    if verifier.type != type:
        raise FormatError("a key of the wrong type", rule="0x01 for logs, 0x04 for witnesses (C2SP signed-note)")
    return Party(verifier, words[1] if len(words) > 1 else "")


def _unlike(party: Party, others: Collection[Party]) -> None:
    if any(party.verifier.public_key == other.verifier.public_key for other in others):
        raise FormatError("the same public key twice", rule="each log and each witness once")


def _shown(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
