"""History: what was known when, about when, and what has changed since."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from fix_log import opened
from fix_replay import START, Bank

from kyc.clock import to_datetime
from kyc.domain.customer import AccountUnlinked, AddressChanged, NameChanged
from kyc.domain.submission import StreamName
from kyc.domain.values import Address, Name
from kyc.errors import NotFoundError
from replay import history, render

pytestmark = pytest.mark.pg15


def day(bank: Bank, name: str) -> datetime:
    """A moment of the bank's life."""
    return to_datetime(bank.moments[name])


def names(state) -> list[str]:
    """The names in a customer's state."""
    return [name.text for name in state.names]


def test_as_known_then_and_now(bank: Bank) -> None:
    """The name of the first day is told as of the first day, with what it is now."""
    told = history.customer(bank.log, "C1", day(bank, "first day"))
    assert names(told.customer.then) == ["Li Wei"]
    assert names(told.customer.now) == ["Li Wei-Chen"]
    assert told.customer.differences == [render.Difference("names.text", "Li Wei", "Li Wei-Chen")]
    assert [known.stream.key for known in told.accounts] == ["A1", "A2"]
    shown = [" ".join(text.split()) for text in history.lines(told)]
    assert "names.text Li Wei >> now: Li Wei-Chen" in shown


def test_events_until_then(bank: Bank) -> None:
    """Events of customer, accounts and postings until then are told in order, later ones are counted."""
    told = history.customer(bank.log, "C1", day(bank, "first day"))
    topics = [(item.stream.kind, item.stream.key, item.recorded.context.topic) for item in told.told]
    assert sorted(topics) == sorted([
        ("customer", "C1", "customer.registered"),
        ("customer", "C1", "document.captured"),
        ("customer", "C1", "cdd.identity_verified"),
        ("customer", "C1", "customer.account_linked"),
        ("customer", "C1", "customer.account_linked"),
        ("account", "A1", "account.opened"),
        ("account", "A2", "account.opened"),
        ("postings", "A1", "transaction.booked"),
        ("postings", "A2", "transaction.booked"),
    ])  # fmt: skip
    times = [item.recorded.row.recorded_at for item in told.told]
    assert times == sorted(times)
    assert told.later == 5  # the new name, T-2, T-3 on A2, T-4 twice on A1
    assert history.customer(bank.log, "C1").later == 0
    assert len(history.customer(bank.log, "C1", with_postings=False).told) == 8


def test_before_anything_was_known(bank: Bank) -> None:
    """Before the registration nothing was known, which is not the same as no such customer."""
    told = history.customer(bank.log, "C1", START - timedelta(hours=1))
    assert (told.told, told.customer.then, told.accounts) == ((), None, ())
    assert "  nothing was known then" in history.lines(told)
    with pytest.raises(NotFoundError):
        history.customer(bank.log, "C9")


def test_times_need_an_offset(bank: Bank) -> None:
    """A time without offset is no instant."""
    with pytest.raises(ValueError, match="zone"):
        history.customer(bank.log, "C1", datetime(2026, 3, 2))  # noqa: DTZ001


def test_about_another_day(bank: Bank) -> None:
    """What was recorded late but true before is found by effective time, what is not true yet is not."""
    home, hall = (Address(lines=(text,), country="CHN") for text in ("1 Home Road", "2 Hall Lane"))
    moves = [(home, date(2026, 1, 10)), (hall, date(2026, 6, 1))]
    for address, since in moves:
        bank.customer("C2", AddressChanged(occurred_at=bank.now, addresses=(address,), effective_from=since))
    bank.customer(
        "C2",
        NameChanged(
            occurred_at=bank.now, names=(Name(text="W. Fang"),), evidence="court", effective_from=date(2027, 1, 1)
        ),
    )
    march = history.customer(bank.log, "C2", about=datetime(2026, 3, 15, tzinfo=UTC)).customer
    assert [address.lines for address in march.then.addresses] == [("1 Home Road",)]
    assert names(march.then) == ["Wang Fang"]
    july = history.customer(bank.log, "C2", about=datetime(2026, 7, 1, tzinfo=UTC)).customer
    assert [address.lines for address in july.then.addresses] == [("2 Hall Lane",)]
    early = history.customer(bank.log, "C2", day(bank, "first day"), about=datetime(2026, 7, 1, tzinfo=UTC))
    assert early.customer.then.addresses == ()


def test_late_news_of_an_earlier_day(bank: Bank) -> None:
    """A correction recorded last but true earlier does not hide what became true after it."""
    for text, since in (("1 New Road", date(2026, 2, 20)), ("2 Old Road", date(2026, 1, 10))):
        moved = AddressChanged(
            occurred_at=bank.now, addresses=(Address(lines=(text,), country="CHN"),), effective_from=since
        )
        bank.customer("C2", moved)
    known = history.customer(bank.log, "C2", about=datetime(2026, 3, 15, tzinfo=UTC)).customer
    assert known.then.addresses[0].lines == ("1 New Road",)
    assert known.now.addresses[0].lines == ("2 Old Road",)


def test_what_was_learnt_since_about_that_day(bank: Bank) -> None:
    """What was believed on one day about another is told with what is known of that day by now."""
    for text, since in (("1 New Road", date(2026, 2, 20)), ("2 Old Road", date(2026, 1, 10))):
        moved = AddressChanged(
            occurred_at=bank.now, addresses=(Address(lines=(text,), country="CHN"),), effective_from=since
        )
        bank.customer("C2", moved)
        bank.later()
    january = datetime(2026, 1, 20, tzinfo=UTC)
    between = bank.now - timedelta(minutes=90)
    told = history.customer(bank.log, "C2", between, about=january)
    assert told.customer.then.addresses == ()  # nothing was in effect in January, as far as was known
    assert told.customer.hindsight.addresses[0].lines == ("2 Old Road",)
    assert render.Difference("addresses.lines", None, "2 Old Road") in told.customer.corrections
    shown = [" ".join(text.split()) for text in history.lines(told)]
    assert "addresses.lines (not known then) >> known since of that day: 2 Old Road >> now: 2 Old Road" in shown
    assert history.customer(bank.log, "C2", between).customer.corrections == []
    parsed = json.loads(json.dumps(history.as_dict(told)["known"]))
    assert parsed["hindsight"]["addresses"][0]["lines"] == ["2 Old Road"]


def test_a_stretch_of_time(bank: Bank) -> None:
    """Only events recorded from a moment on are told; the states still rest on all, the others are counted."""
    since = to_datetime(bank.moments["first day"] + 1)
    whole, part = history.customer(bank.log, "C1"), history.customer(bank.log, "C1", since=since)
    assert part.earlier == 9
    assert [item.recorded.row.hash for item in part.told] == [item.recorded.row.hash for item in whole.told[9:]]
    assert (part.later, part.customer, part.accounts) == (0, whole.customer, whole.accounts)
    assert any("5 events, 9 before them" in text for text in history.lines(part))


def test_cost_is_what_is_told(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stretch of a long account costs the stretch; another customer's length costs nothing."""
    counts = opened(bank.log, monkeypatch)

    def cost(**options) -> tuple[int, int]:
        counts.clear()
        return len(history.customer(bank.log, "C1", **options).told), sum(counts)

    told, before = cost()
    assert before == told
    for number in range(150):
        bank.book(f"M-{number}", "1.00", ("A1", "credit"))
        bank.book(f"O-{number}", "1.00", ("A3", "credit"))
    bank.later()
    since = bank.now
    bank.book("T-9", "1.00", ("A1", "credit"))
    told, read = cost(since=since)
    assert told == 1
    assert read <= before
    assert cost() == (before + 151, before + 151)


def test_account_that_was_left(bank: Bank) -> None:
    """What happens on an account after the customer left it is not the customer's history."""
    bank.customer("C1", AccountUnlinked(occurred_at=bank.now, account="A2", on=bank.now.date()))
    bank.later()
    bank.book("T-9", "9.00", ("A2", "debit"))
    told = history.customer(bank.log, "C1").told
    references = {getattr(item.recorded.event, "reference", "") for item in told}
    assert "T-9" not in references
    assert "T-3" in references


def test_disposed_events_are_told_as_disposed(bank: Bank) -> None:
    """An event whose key is destroyed keeps its place, its origin and its hash; its content is gone."""
    (row, *_) = bank.log.reader.stream(bank.log.stream_id(StreamName("postings", "A1")))
    bank.log.key_store.destroy(row.data_key)
    bank.log.ring.forget(row.data_key)
    told = history.customer(bank.log, "C1")
    assert told.disposed == 3
    shown = "\n".join(history.lines(told))
    assert "disposed of" in shown
    gone = [event for event in history.as_dict(told)["events"] if event["disposed"]]
    assert {event["event"] for event in gone} == {None}
    assert gone[0]["hash"] == row.hash.hex()
    assert gone[0]["actor"] == "T-0417"


def test_disposed_under_a_certificate(bank: Bank) -> None:
    """A disposed event names the certificate; where there is none that is said, too."""
    certificate = "cd" * 32
    bank.dispose("postings", "A1", "X1", certificate)
    bank.dispose("postings", "A2", "X2")
    told = history.customer(bank.log, "C1")
    shown = "\n".join(history.lines(told))
    assert f"disposed of under certificate {certificate} (disposal X1): only the proof" in shown
    assert "disposed of under disposal X2, whose certificate is not issued yet" in shown
    gone = {event["key"]: event["disposal"] for event in history.as_dict(told)["events"] if event["disposed"]}
    assert gone == {
        "A1": {"number": "X1", "certificate": certificate}, "A2": {"number": "X2", "certificate": ""},
    }  # fmt: skip
    bank.dispose("customer", "C3")
    assert any(
        "no disposal is recorded for its key" in text for text in history.lines(history.customer(bank.log, "C3"))
    )
    bank.dispose("customer", "C2", "X3", certificate)
    gone_customer = history.customer(bank.log, "C2").customer
    assert (gone_customer.now, gone_customer.disposal) == (None, ("X3", certificate))
    assert f"  disposed of under certificate {certificate} (disposal X3)" in history.lines(
        history.customer(bank.log, "C2")
    )


def test_json(bank: Bank) -> None:
    """The history is plain JSON with times to the microsecond."""
    told = history.customer(bank.log, "C1", day(bank, "first day"))
    parsed = json.loads(json.dumps(history.as_dict(told)))
    assert parsed["known"]["then"]["names"] == [{"text": "Li Wei"}]
    assert parsed["known"]["differences"] == [{"name": "names.text", "then": "Li Wei", "now": "Li Wei-Chen"}]
    assert parsed["events"][0]["recorded_at"] == "2026-03-02T09:00:00.000000Z"
    assert parsed["accounts"][0]["then"]["holders"] == [{"customer": "C1"}]


def test_readable(bank: Bank) -> None:
    """A terminal shows who recorded what, where and on which basis, in the institution's zone."""
    shown = history.lines(history.customer(bank.log, "C1", day(bank, "first day")))
    assert shown[0] == "Customer C1 as recorded until 2026-03-02 22:00:00+08:00"
    assert "  2026-03-02 17:00:00+08:00  customer registered #1" in shown
    assert "      by T-0417 at 310-0021 for account-service on AML24-29" in shown
    assert any(text.split() == ["leg.amount", "100.50"] for text in shown)
    assert any(text.split() == ["birth", "date", "1980-05-17"] for text in shown)
