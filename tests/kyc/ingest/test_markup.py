"""XML from strangers: what explodes, fetches or never ends is not read; what was complete before it is kept."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from itertools import islice

import pytest
from fix_messages import MARK

from kyc.ingest.readers import markup
from kyc.ingest.readers.markup import Close, FaultError, Node, Scope, Step

ENTRY = f"<n><a c='EUR'>1.00</a><t>{MARK}</t></n>"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else MARK}">' for n in range(10))
HOSTILE = {
    "billion laughs": f"<!DOCTYPE s [{LAUGHS}]><s>{ENTRY}<n>&l9;</n></s>",
    "external file": '<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><s><n>&x;</n></s>',
    "external DTD": '<!DOCTYPE s SYSTEM "http://localhost:1/x.dtd"><s></s>',
    "public DTD": '<!DOCTYPE s PUBLIC "-//X" "http://localhost:1/x.dtd"><s></s>',
    "parameter entity": '<!DOCTYPE s [<!ENTITY % x SYSTEM "file:///etc/hostname"> %x;]><s></s>',
    "default attribute": '<!DOCTYPE s [<!ATTLIST n c CDATA "EUR">]><s><n/></s>',
    "empty declaration": "<!DOCTYPE s><s></s>",
}


def steps(text: str | bytes) -> Iterator[Step]:
    """The steps of a text whose scope is called s."""
    return markup.steps(io.BytesIO(text if isinstance(text, bytes) else text.encode()), {"s"})


def fault(text: str | bytes) -> FaultError:
    """What is wrong with a text."""
    with pytest.raises(FaultError) as caught:
        list(steps(text))
    assert MARK not in caught.value.diagnostics()
    return caught.value


@pytest.mark.parametrize("case", HOSTILE)
def test_declarations_are_never_read(case):
    """A document type declaration ends the reading before anything in it is declared, whatever it is."""
    found = fault(HOSTILE[case])
    assert found.message == "a document type declaration"
    assert (found.line, found.rule) == (1, "none: entities and other files are never read")


def test_undeclared_entities_are_a_fault():
    """A reference to an entity that nothing declares is not silently empty."""
    assert fault("<s><n>&x;</n></s>").rule == "undefined entity"


def test_parts_and_scopes():
    """Scopes begin and end, their children come whole, with place, line and column; the rest is passed over."""
    scope, first, second, close = steps(f"<e xmlns:p='u'><x>{MARK}</x>\n<p:s>{ENTRY}\n  {ENTRY}</p:s></e>")
    assert scope == Scope("s", "u", "/e/s", 2, 0)
    assert close == Close("s")
    assert isinstance(first, Node)
    assert isinstance(second, Node)
    assert (first.place, second.place, second.line, second.column) == ("/e/s/n", "/e/s/n[2]", 3, 2)
    assert (first.get("x", "a"), first.find("a/b"), first.all("t")[0].text) == ("1.00", None, MARK)
    assert first.children[0].attributes == {"c": "EUR"}


def test_what_came_before_is_kept():
    """A file that breaks off gives every complete part, then the fault with line, column and element."""
    reading = steps("<s>\n" + ENTRY * 2_000 + "\n<n><a>1</b>")
    assert sum(isinstance(step, Node) for step in islice(reading, 2_001)) == 2_000
    with pytest.raises(FaultError) as caught:
        next(reading)
    assert (caught.value.line, caught.value.column, caught.value.element) == (3, 9, "/s/n[2001]/a")
    assert caught.value.rule == "mismatched tag"


BOUNDED = {
    "depth": "<s>" + "<n>" * 70,
    "text": f"<s><n>{'x' * 3_000}</n></s>",
    "elements": f"<s><n>{'<a/>' * 300}</n></s>",
    "characters of a part": f"<s><n>{'<a>xxxxxxxxxx</a>' * 90}</n></s>",
    "names": "<s>" + "".join(f"<n{n}/>" for n in range(40)) + "</s>",
}


@pytest.mark.parametrize("case", BOUNDED)
def test_bounds(monkeypatch, case):
    """Depth, text, elements and names are bounded; the fault says by what."""
    bounds = {"TEXT_MAX": 2_000, "PART_MAX": 200, "PART_TEXT_MAX": 800, "NAMES_MAX": 30}
    if case == "text":
        bounds["PART_TEXT_MAX"] = 10_000
    for name, bound in bounds.items():
        monkeypatch.setattr(markup, name, bound)
    assert "at most" in (fault(BOUNDED[case]).rule or "")


@pytest.mark.parametrize("token", ["<n c='", "<!-- ", "<?pi "])
def test_tags_without_end(token):
    """A tag, comment or instruction that never ends is given up long before it fills the memory."""

    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            data = f"<s>{token}".encode() if not self.given else b"x=1 " * (size // 4)
            self.given += len(data)
            return data

    source = Endless()
    with pytest.raises(FaultError, match="without end"):
        list(markup.steps(source, {"s"}))  # type: ignore[arg-type]
    assert source.given < 2 * markup.TOKEN_MAX


@pytest.mark.parametrize("start", [b"\x1f\x8b\x08", b"PK\x03\x04", b"BZh9"])
def test_packed_files_are_not_unpacked(start):
    """What is packed is named as that, and no bomb goes off."""
    assert fault(start + b"x" * 100).message == "a packed file"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings(encoding):
    """Declared or marked encodings are read; what is not of them is a fault."""
    declared = "" if encoding == "utf-8-sig" else f"<?xml version='1.0' encoding='{encoding}'?>"
    _, part, _ = steps(f"{declared}<s><n>Zoë</n></s>".encode(encoding))
    assert isinstance(part, Node)
    assert part.text == "Zoë"


@pytest.mark.parametrize(
    "text", [b"", b"\x00\x00", b"<s>\xff</s>", b"plain", b"<?xml version='1.0' encoding='x'?><s/>"]
)
def test_what_is_no_xml(text):
    """What is no XML says so with its line."""
    assert fault(text).line >= 1


def test_memory_is_that_of_one_part():
    """A file twenty times as long takes no more memory; a parser that kept its tree would."""

    def peak(parts: int) -> int:
        body = (b"<n>" + b"<a>0123456789</a>" * 40 + b"</n>\n") * 50
        pieces = iter([b"<s>", *[body] * (parts // 50), b"</s>"])

        class Stream(io.RawIOBase):
            def read(self, _: int = -1) -> bytes:
                return next(pieces, b"")

        tracemalloc.start()
        count = sum(1 for _ in markup.steps(Stream(), {"s"}))  # type: ignore[arg-type]
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == parts + 2
        return most

    small = peak(50)
    assert peak(1_000) < small + 200_000
