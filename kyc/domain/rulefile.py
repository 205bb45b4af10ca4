"""Law as files: strict reading of the shipped rule files, and what every row of law says of itself. Pure.

A row is never edited once it was shipped: a correction, or a new law, is a new version of the whole set. What a
file says wrongly is refused with file, field and rule. What the rows mean is up to the modules that read them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date
from importlib.resources import files
from typing import Annotated, Any, Final, Protocol, TypeVar

import msgspec

from kyc.errors import ConfigurationError

_PACKAGE: Final = "kyc.domain"
_FOLDER: Final = "rules"

Mark = Annotated[str, msgspec.Meta(pattern="^[CSMD](/[CSMD])?$")]
"""How far the source was confirmed: C primary text, S secondary text, M memory, D design choice; or two of them."""
Version = Annotated[int, msgspec.Meta(ge=1)]
Identifier = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9./-]{0,63}$")]

T = TypeVar("T")


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of law with the days it is law, both included, and where it comes from."""

    effective_from: date
    effective_to: date | None = None
    source: Annotated[str, msgspec.Meta(min_length=1)]
    """Instrument and article."""
    mark: Mark
    configurable: bool = False
    """Not confirmed in a primary text: the institution confirms or replaces it. Said in the file, checked here."""

    def __post_init__(self) -> None:
        """Hold the row against itself.

        Raises:
            ValueError: it ends before it begins, or hides that it is not confirmed.
        """
        if self.effective_to is not None and self.effective_to < self.effective_from:
            raise ValueError("effective_to before effective_from")
        if self.configurable != (self.mark != "C"):
            raise ValueError("configurable says of every row whether its mark is other than C")

    def in_force(self, on: date) -> bool:
        """Whether the row is law on a day."""
        return self.effective_from <= on and (self.effective_to is None or on <= self.effective_to)

    def overlaps(self, other: Row) -> bool:
        """Whether there is a day on which both are law."""
        first, second = sorted((self, other), key=lambda row: row.effective_from)
        return first.effective_to is None or second.effective_from <= first.effective_to


class Edition(Protocol):
    """A version of a whole set of rows and the day from which it is the one in use."""

    @property
    def version(self) -> int: ...

    @property
    def effective_from(self) -> date: ...


E = TypeVar("E", bound=Edition)


def edition_on(editions: Sequence[E], on: date) -> E:
    """The version of a set that is in use on a day: of those that have begun, the highest.

    Raises:
        ConfigurationError: none has begun, or two have the same version.
    """
    if len({edition.version for edition in editions}) != len(editions):
        raise ConfigurationError("two rule sets have the same version", field="version", rule="used once")
    begun = [edition for edition in editions if edition.effective_from <= on]
    if not begun:
        raise ConfigurationError("no rule set was in use on that day", field="effective_from", rule=f"by {on}")
    return max(begun, key=lambda edition: edition.version)


def read(name: str, package: str = _PACKAGE) -> str:
    """The text of a shipped rule file.

    Raises:
        ConfigurationError: no such file is shipped; the rule names those that are.
    """
    folder = files(package) / _FOLDER
    file = folder / name
    if not file.is_file():
        shipped = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
        raise ConfigurationError("no such rule file", field=name, rule=", ".join(shipped))
    return file.read_text(encoding="utf-8")


def shipped_name(rules: str, jurisdiction: str) -> str:
    """The name of the file shipped for a jurisdiction: China's has none of its own."""
    return f"{rules}.toml" if jurisdiction in {"", "CN"} else f"{rules}-{jurisdiction.lower()}.toml"


def parse(text: str, name: str, shape: type[T]) -> T:
    """The content of a rule file, decoded strictly into ``shape``.

    Raises:
        ConfigurationError: not TOML, an unknown or missing field, a value out of range; names file, field and rule.
    """
    try:
        content: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        raise ConfigurationError("not a rule file", field=name, rule=str(cause), remedy="write TOML 1.0") from None
    try:
        return msgspec.convert(content, shape)
    except msgspec.ValidationError as cause:
        rule, _, place = str(cause).partition(" - at `$")
        field = f"{name}: {place.strip('`.') or 'file'}"
        raise ConfigurationError("a rule file breaks its schema", field=field, rule=rule) from None


def refuse(name: str, place: str, rule: str) -> ConfigurationError:
    """The error of a row that contradicts another, ready to be raised."""
    return ConfigurationError("rules contradict each other", field=f"{name}: {place}", rule=rule)
