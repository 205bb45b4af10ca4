"""Payments between institutions as instructions on our accounts, whatever the format they came in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kyc.domain.fact import Submission
from kyc.domain.occasional import TransactionInstructed
from kyc.domain.submission import Origin
from kyc.ingest.entries import instruction_reference
from kyc.ingest.repeats import Repeats


class Instructions:
    """Makes submissions of the payments of one message; equal ones within it are told apart by their number."""

    def __init__(self, origin: Origin, repeats: Repeats) -> None:
        self._origin, self._repeats = origin, repeats
        repeats.begin()

    def submissions(
        self, sides: Iterable[tuple[str, str]], told: Mapping[str, Any], names: Iterable[str]
    ) -> Iterator[Submission]:
        """The instruction on each account: ``sides`` are (direction, account), ``told`` what all of them share.

        ``names`` identify the payment where it has no UETR; the first of them names it.
        """
        sides, names, uetr = list(sides), list(names), told["wire"].uetr
        words = [uetr.lower()] if uetr else [*names, *(number for _, number in sides), str(told["settled_on"])]
        identity = self._repeats.identity("|".join([*words, str(told["amount"]), told["currency"]]))
        name = next(filter(None, names), "payment")[:48]
        for side, number in sides:
            reference = f"{name}/{identity[:12]}"
            if uetr:
                reference = instruction_reference(uetr, number, side, told["amount"], told["currency"])
            other = told["beneficiary"] if side == "debit" else told["originator"]
            data = TransactionInstructed(
                account=number, direction=side, reference=reference, counterparty=other, channel="other", **told  # type: ignore[arg-type]
            )  # fmt: skip
            yield Submission(key=f"instruction/{identity}/{side}", origin=self._origin, data=data)
