"""Commands about registers of customers: who is found, by what and as of when."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from cyclopts import App, Parameter, validators

from kyc.cli.main import screen, service
from kyc.cli.records import moment

By = Literal["number", "name", "document", "phone", "email", "identifier", "account", "party", "party-document"]
Count = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=100_000))]


def register(app: App) -> None:
    """Add the commands."""
    app.command(find)


def find(
    text: str = "",
    /,
    *,
    by: tuple[By, ...] = (),
    branch: str | None = None,
    former: bool = False,
    by_sound: bool = False,
    as_of: str | None = None,
    about: str | None = None,
    limit: Count = 1_000,
) -> None:
    """Customers by anything known of them: number, name in any script or in pinyin, document, phone, account.

    Names are found from the beginning of their words on, in any order; Chinese names also by any part of them, by
    pinyin and by its initials.

    Parameters
    ----------
    text
        What is looked for; without it, everybody of the branch.
    by
        Only in these; without it, in everything.
    branch
        Only customers this branch looks after.
    former
        Also by names, numbers and so on that are not valid any more.
    by_sound
        Chinese characters find whoever is read alike, in letters or other characters.
    as_of
        A date (its end, in the institution's zone) or an instant: who was found by what was recorded until then.
    about
        A date or an instant: by what was true then, as far as was known.
    limit
        Customers told at most.
    """
    from replay import found as register

    with service() as opened:
        zone = ZoneInfo(opened.configuration.zone)
        wanted = register.Wanted(
            text=text, fields=by, branch=branch, former=former, by_sound=by_sound, as_of=moment(as_of, zone),
            about=moment(about, zone), limit=limit,
        )  # fmt: skip
        found = register.find(opened.log, wanted)
        screen().answer({"customers": [register.as_dict(one) for one in found]}, register.lines(found))
