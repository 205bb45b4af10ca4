"""XML from strangers, streamed: finished parts of a message one after another, never the whole of it.

Expat (Python's own) calls; a *part* is kept as a small tree while it is read and forgotten when it was handed on.
So memory is that of the largest part, whatever the size of the file. What can be made to explode is not read:

- a document type declaration ends the reading at its first byte, so that no entity, no default attribute and no
  external file can be declared, be it internal, external or by parameter;
- depth, text, attributes, names and elements of a part are bounded, and so is a token that never ends, which expat
  would otherwise scan again with every piece it gets.

What a part means is left to its reader. Faults tell line, column and element, never content.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import BinaryIO, Final, NamedTuple
from xml.parsers import expat

from kyc.errors import InputError

CHUNK: Final = 65_536
"""Bytes handed to the parser at once."""
TOKEN_MAX: Final = 1_048_576
"""Bytes of one tag with its attributes, one comment, one instruction."""
DEPTH_MAX: Final = 64
"""ISO 20022 messages nest about 15 deep, envelopes a few more."""
TEXT_MAX: Final = 1_048_576
"""Characters of one element; the longest text of the standard has 20,000."""
PART_MAX: Final = 500_000
"""Elements of one part, such as an entry with all its payments: about 15,000 payments, 150 MB."""
PART_TEXT_MAX: Final = 64 * 1_048_576
"""Characters of one part."""
NAMES_MAX: Final = 10_000
"""Different names of elements in one file; the parser keeps each for ever."""
PACKED: Final = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


class FaultError(InputError):
    """Something in a file is not as it has to be; knows the place."""

    line = 0
    column = 0
    element = ""

    def at(self, line: int, column: int, element: str) -> FaultError:
        """The same fault with its place."""
        self.line, self.column, self.element = line, column, element
        return self


class Node:
    """An element of a part."""

    __slots__ = ("attributes", "children", "column", "line", "place", "tag", "text")

    def __init__(self, tag: str, attributes: dict[str, str], line: int, column: int, place: str) -> None:
        self.tag = tag
        self.attributes = attributes
        self.line, self.column = line, column
        self.place = place
        """Path from the root, for the element a part begins with; empty below."""
        self.text = ""
        self.children: list[Node] = []

    def find(self, path: str) -> Node | None:
        """The first element below that has this path of names."""
        node = self
        for tag in path.split("/"):
            for child in node.children:
                if child.tag == tag:
                    node = child
                    break
            else:
                return None
        return node

    def all(self, path: str) -> list[Node]:
        """All elements below that have this path of names."""
        found = [self]
        for tag in path.split("/"):
            found = [child for node in found for child in node.children if child.tag == tag]
        return found

    def get(self, *paths: str) -> str:
        """The text of the first of these paths that has one."""
        for path in paths:
            node = self.find(path)
            if node is not None and node.text:
                return node.text
        return ""


class Scope(NamedTuple):
    """An element whose children are parts begins."""

    tag: str
    space: str
    """Its namespace."""
    place: str
    line: int
    column: int


class Close(NamedTuple):
    """A scope ends."""

    tag: str


Step = Scope | Close | Node


def steps(file: BinaryIO, scopes: Collection[str], marks: Collection[str] = ()) -> Iterator[Step]:
    """What a file holds, in its order: scopes by name, their children as parts; the rest is passed over.

    ``marks`` are named like scopes outside of them, and their children are passed over too.

    Raises:
        FaultError: it is no XML, or of a kind that is never read.
    """
    machine = _Machine(frozenset(scopes), frozenset(marks))
    fed = 0
    while chunk := file.read(CHUNK):
        if not fed and chunk.startswith(PACKED):
            raise FaultError("a packed file", rule="plain XML", remedy="unpack it first").at(1, 0, "")
        fed += len(chunk)
        yield from machine.feed(chunk)
        if fed - machine.parser.CurrentByteIndex > TOKEN_MAX:
            raise machine.fault("a tag or comment without end", f"at most {TOKEN_MAX} bytes")
    yield from machine.feed(b"")


class _Machine:
    """The parser with what it is in the middle of."""

    def __init__(self, scopes: frozenset[str], marks: frozenset[str]) -> None:
        self.scopes, self.marks = scopes, marks
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.names: dict[str, tuple[str, str]] = {}
        self.ready: list[Step] = []
        self.path: list[str] = []
        """Names with their number among equals, down to where a part begins."""
        self.counts: list[dict[str, int]] = [{}]
        self.open: list[Node] = []
        """The elements of the part that are not closed yet."""
        self.scoped = 0
        """Scopes that are open; all elements above them are too."""
        self.depth = 0
        self.elements = self.characters = 0

    def feed(self, chunk: bytes) -> Iterator[Step]:
        """What became ready with this piece; an empty one says that it was the last.

        Parts that were complete before a fault are handed on before it is raised.
        """
        fault: FaultError | None = None
        try:
            self.parser.Parse(chunk, not chunk)
        except expat.ExpatError as cause:
            fault = FaultError(
                "not well-formed XML", field=self.place(), rule=expat.ErrorString(cause.code),
                remedy="ask the sender for the file anew",
            ).at(cause.lineno, cause.offset, self.place())  # fmt: skip
        except (ValueError, LookupError):
            fault = self.fault("an encoding that is not read", "UTF-8, UTF-16, or a single-byte encoding")
        except FaultError as raised:
            fault = raised
        ready, self.ready = self.ready, []
        yield from ready
        if fault is not None:
            raise fault

    def place(self) -> str:
        """The path of the innermost open element."""
        return "/" + "/".join([*self.path, *(node.tag for node in self.open[1:])])

    def fault(self, message: str, rule: str, remedy: str = "") -> FaultError:
        """A fault at the present place."""
        made = FaultError(
            message, field=self.place(), rule=rule, remedy=remedy or "ask the sender for another file"
        )
        return made.at(self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber, self.place())

    def _doctype(self, *_: object) -> None:
        raise self.fault("a document type declaration", "none: entities and other files are never read")

    def _name(self, raw: str) -> tuple[str, str]:
        if len(self.names) >= NAMES_MAX:
            raise self.fault("too many different elements", f"at most {NAMES_MAX}")
        space, _, tag = raw.rpartition(" ")
        known = self.names[raw] = (tag, space)
        return known

    def _start(self, raw: str, attributes: dict[str, str]) -> None:
        tag, space = self.names.get(raw) or self._name(raw)
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise self.fault("elements nested too deep", f"at most {DEPTH_MAX}")
        parser, parts = self.parser, self.open
        line, column = parser.CurrentLineNumber, parser.CurrentColumnNumber
        if parts:
            self.elements += 1
            if self.elements > PART_MAX:
                raise self._too_large()
            node = Node(tag, attributes, line, column, "")
            parts[-1].children.append(node)
            parts.append(node)
            return
        counts = self.counts[-1]
        counts[tag] = number = counts.get(tag, 0) + 1
        self.path.append(tag if number == 1 else f"{tag}[{number}]")
        self.counts.append({})
        if tag in self.scopes:
            self.scoped += 1
            self.ready.append(Scope(tag, space, self.place(), line, column))
        elif tag in self.marks and not self.scoped:
            self.ready.append(Scope(tag, space, self.place(), line, column))
        elif self.scoped:
            self.elements = self.characters = 0
            self.open.append(Node(tag, attributes, line, column, self.place()))

    def _end(self, raw: str) -> None:
        self.depth -= 1
        if self.open:
            node = self.open.pop()
            node.text = node.text.strip()
            if self.open:
                return
            self.ready.append(node)
        else:
            tag = self.names[raw][0]
            if tag in self.scopes:
                self.scoped -= 1
                self.ready.append(Close(tag))
        self.path.pop()
        self.counts.pop()

    def _text(self, text: str) -> None:
        if self.open:
            node = self.open[-1]
            self.characters += len(text)
            if self.characters > PART_TEXT_MAX:
                raise self._too_large()
            if len(node.text) + len(text) > TEXT_MAX:
                raise self.fault("a text without end", f"at most {TEXT_MAX} characters")
            node.text += text

    def _too_large(self) -> FaultError:
        return self.fault(
            "a part too large to be held", f"at most {PART_MAX} elements, {PART_TEXT_MAX} characters",
            "ask the sender to split it",
        )  # fmt: skip
