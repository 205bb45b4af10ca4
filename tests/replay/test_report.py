"""The report for people: English and Chinese, HTML and PDF, self-contained, bounded, the same bytes twice."""

from __future__ import annotations

import io
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fix_replay import Bank
from fix_signed import export, verified
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from kyc.domain.event import topics
from replay import report, report_html, report_pdf
from replay.report import Bars, Grid, Heading, Pairs, Text
from replay.report_words import LANGUAGES, topic, word
from replay.scopes import Scope

pytestmark = pytest.mark.pg15


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Some text."""
        self.words.append(data.strip())


def pdf_text(raw: bytes) -> str:
    """The text of all pages."""
    return "".join(page.extract_text() for page in PdfReader(io.BytesIO(raw)).pages)


@pytest.fixture
def out(bank: Bank, tmp_path: Path) -> Path:
    """A bundle with its reports, which verifies."""
    bank.rename("C1", "李伟 <script>alert(1)</script>")
    bank.seal()
    exported = export(bank, tmp_path / "c1")
    verified(tmp_path / "c1", exported)
    return tmp_path / "c1" / "report"


def test_four_files(out: Path) -> None:
    """Two languages, two forms."""
    assert {path.name for path in out.iterdir()} == {
        "report.en.html", "report.en.pdf", "report.zh.html", "report.zh.pdf",
    }  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_html_stands_alone(out: Path, language: str) -> None:
    """No script, no address, nothing loaded; markup in a name is text; charts and tables are there."""
    text = (out / f"report.{language}.html").read_text(encoding="utf-8")
    page = Page(text)
    assert set(page.tags) <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "dl", "dt", "dd", "table", "thead",
        "tbody", "tr", "th", "td", "figure", "figcaption", "svg", "rect", "text", "line",
    }  # fmt: skip
    assert {"svg", "table", "dl"} <= set(page.tags)
    assert not [name for name, _ in page.attributes if name in {"src", "href", "style"} or name.startswith("on")]
    assert "url(" not in text
    assert "default-src 'none'" in text
    assert any("李伟 <script>alert(1)</script>" in part for part in page.words)


def test_what_it_says(out: Path) -> None:
    """For whom and why, the customer, accounts, every transaction and every event, in words of the language."""
    texts = {language: (out / f"report.{language}.html").read_text(encoding="utf-8") for language in LANGUAGES}
    words = {language: Page(text).words for language, text in texts.items()}
    for said in ("NFRA Shanghai", "AML24-45", "2026/112", "C1", "A1", "T-1", "100.50 CNY", "rent", "T-0417"):
        assert all(any(said in part for part in words[language]) for language in LANGUAGES), said
    assert {"Timeline", "transaction booked", "date of birth", "CNY: received and paid per month"} <= set(
        words["en"]
    )
    assert {"时间线", "交易记账", "出生日期", "CNY：每月收付金额", "证件采集"} <= set(words["zh"])
    assert sum(part == "transaction booked" for part in words["en"]) == 6


def test_the_pdf_says_the_same(out: Path) -> None:
    """The PDF has title, pages and the words of the HTML, Chinese included."""
    raw = (out / "report.zh.pdf").read_bytes()
    found = PdfReader(io.BytesIO(raw))
    assert found.metadata is not None
    assert found.metadata.title == "银行记录"
    text = pdf_text(raw)
    for said in ("银行记录", "时间线", "交易记账", "李伟", "T-1", "100.50 CNY", "NFRA Shanghai"):
        assert said in text
    assert "page 1" in pdf_text((out / "report.en.pdf").read_bytes())


def test_the_same_report_twice(bank: Bank, tmp_path: Path) -> None:
    """At another time the reports are the same bytes: when it was made stands in the manifest alone."""
    export(bank, tmp_path / "1.zip")
    bank.later()
    export(bank, tmp_path / "2.zip")
    with zipfile.ZipFile(tmp_path / "1.zip") as one, zipfile.ZipFile(tmp_path / "2.zip") as other:
        names = [name for name in one.namelist() if name.startswith("report/")]
        assert len(names) == 4
        assert [one.read(name) for name in names] == [other.read(name) for name in names]


def test_what_is_outside_is_in_no_report(bank: Bank, tmp_path: Path) -> None:
    """The report of a transaction holds no other amount and no other name than its scope."""
    export(bank, tmp_path / "t2", scope=Scope(kind="transaction", key="T-2"))
    text = (tmp_path / "t2" / "report" / "report.en.html").read_text(encoding="utf-8")
    assert "20.00 CNY" in text
    assert "100.50" not in text
    assert "Zhang Min" not in text


def test_a_long_history_is_shortened(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its bounds the report shows the newest and says how many there are."""
    monkeypatch.setattr(report, "EVENTS_KEPT", 5)
    monkeypatch.setattr(report, "LEGS_KEPT", 2)
    export(bank, tmp_path / "c1")
    words = Page((tmp_path / "c1" / "report" / "report.en.html").read_text(encoding="utf-8")).words
    assert "the newest 5 of 14 are shown; all of them are in events/ and tables/" in words
    assert "the newest 2 of 6 are shown; all of them are in events/ and tables/" in words
    assert "Li Wei-Chen" in " ".join(words)


BLOCKS = (
    Heading("h"),
    Text("t & <b>"),
    Pairs((("n", "v" * 900),)),
    Grid(("a", "b"), tuple((str(at), "x") for at in range(450)), (1, 1), "note"),
    Bars("none", (), (("s", ()),)),
)


def test_long_tables_on_paper() -> None:
    """The PDF cuts a table where paper ends to be useful, and says so; empty charts and long values do no harm."""
    (raw,) = report_pdf.render("title", BLOCKS, "en")
    assert "the newest 400 of 450 are shown" in pdf_text(raw)
    assert b"".join(report_html.render("title", BLOCKS, "en")).count(b"<tr>") == 451


@given(st.text(max_size=40))
def test_any_text_renders(text: str) -> None:
    """Whatever was recorded, both forms can show it."""
    blocks = (Pairs(((text, text),)), Grid((text,), ((text,),), (1,), text))
    assert list(report_pdf.render(text, blocks, "zh"))
    assert Page(b"".join(report_html.render(text, blocks, "zh")).decode("utf-8", "replace"))


def test_chinese_names_are_of_real_topics() -> None:
    """Every topic with a Chinese name exists; a topic without one is said in English; every word has both."""
    known = set(topics())
    from replay import report_words

    assert not set(report_words._TOPICS) - known
    assert topic("breach.notified", "zh") == "breach notified"
    assert all(re.search("[\u4e00-\u9fff]", word(key, "zh")) for key in report_words._WORDS)
