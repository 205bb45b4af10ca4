"""What an export says once more for people and their programs: tables, a report, and what a case has to file.

Nothing here is proved by commitments: it is the signer's rendering of the events beside it, as the verifier says.
"""

from __future__ import annotations

from dataclasses import dataclass

from kyc.domain.governance import Branches
from kyc.domain.submission import StreamName
from kyc.store.log import EventLog
from replay.filings import Filings
from replay.history import fold
from replay.listening import Listener, Telling
from replay.report import Cover, Report
from replay.sheets import Writer, parquet_writer, write_csv
from replay.tables import Tables

_BRANCHES = StreamName("branches", "institution")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What is given besides events, documents and proofs."""

    tables: bool = True
    """The inspection tables as CSV."""
    parquet: bool = False
    """The inspection tables as Parquet too."""
    report: bool = True
    """A report for people, in English and Chinese, as HTML and PDF."""
    institution: str = "institution"
    """Code of the reporting institution, as its authority knows it."""


def renderings(log: EventLog, form: Form, cover: Cover) -> Telling:
    """Everything that is rendered of an export.

    Raises:
        ConfigurationError: something is asked for that is not installed.
    """
    listeners: list[Listener] = []
    writers: list[Writer] = [("csv", write_csv)] if form.tables else []
    if form.parquet:
        writers.append(("parquet", parquet_writer()))
    tables = None
    if writers:
        branches: Branches | None = fold("branches", list(log.events(_BRANCHES)))
        tables = Tables(branches, form.institution, writers)
    if cover.scope["kind"] == "case":
        listeners.append(Filings(form.institution, tables))
    if tables is not None:
        listeners.append(tables)  # behind the reports of a case, which are lines of its tables
    if form.report:
        from replay import report_html, report_pdf  # the PDF library takes its time to load

        listeners.append(Report(cover, (("html", report_html.render), ("pdf", report_pdf.render))))
    return Telling(listeners)
