"""Files as people have them to profiles: `load_profiles`.

A source is one file (CSV, TSV, XLSX, JSON or JSON-lines) or a directory with `needs.csv`, `offers.csv` and,
where there are any, `organizations.csv`, `cooperations.csv` and `scenario.toml`. Everything that is wrong in
it is reported at once, by sheet, row, column, value and remedy; nothing is guessed silently.

What language a number or a date is read in: that of `scenario.toml`, else that of the headings where they
belong to one language, else that of the row's own title and text.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from matching.errors import InvalidProfiles, Problem, UnreadableFile
from matching.messages import Message
from matching.profiles import Profiles
from matching.reading.columns import (
    COOPERATIONS,
    LANGUAGES,
    NEEDS,
    OFFERS,
    ORGANIZATIONS,
    PROFILES,
    count_headings,
)
from matching.reading.drafts import Drafts
from matching.reading.quantities import is_currency
from matching.reading.sheets import Sheets
from matching.reading.tables import read_tables
from matching.text import detect_language

if TYPE_CHECKING:
    from os import PathLike

    from matching.reading.tables import Table

__all__ = ["load_profiles", "profiles_of"]


def load_profiles(
    path: str | PathLike[str],
    *,
    keep_good: bool = False,
    as_sheet: Literal["needs", "offers"] | None = None,
) -> Profiles:
    """Read needs, offers and known cooperations from a file or a directory.

    `as_sheet` says what a file with a single unnamed table holds; without it, the file's name (`needs.csv`,
    `需求.csv`) or its column of sides does. With `keep_good`, profiles without a problem are returned and
    everything that was left out stands in `.problems`.

    Raises:
        UnreadableFile: not a table at all.
        InvalidProfiles: something in it cannot be taken; with `keep_good` only where no table or no profile
        is left.
    """
    source = Path(path)
    sheets = Sheets()
    if source.is_dir():
        _read_directory(source, sheets)
    else:
        sheets.add_all(read_tables(source, count_headings), as_sheet=as_sheet, stem=source.stem)
    return _built(sheets, source.name, keep_good=keep_good)


def profiles_of(
    found: list[Table],
    *,
    name: str,
    keep_good: bool = False,
    as_sheet: Literal["needs", "offers"] | None = None,
) -> Profiles:
    """As `load_profiles`, of tables that were read (and perhaps mended) already; `name` is the file's.

    Raises:
        InvalidProfiles: as for `load_profiles`.
    """
    sheets = Sheets()
    sheets.add_all(found, as_sheet=as_sheet, stem=Path(name).stem)
    return _built(sheets, name, keep_good=keep_good)


def _built(sheets: Sheets, name: str, *, keep_good: bool) -> Profiles:
    _tell_languages(sheets)
    needs, offers, cooperations = Drafts(sheets).build()
    order = {
        sheet: number for number, sheet in enumerate(dict.fromkeys(item.sheet for item in sheets.problems))
    }
    problems = tuple(
        sorted(dict.fromkeys(sheets.problems), key=lambda item: (order[item.sheet], item.row or 0))
    )
    if sheets.fatal or (problems and not keep_good):
        raise InvalidProfiles(
            Message(
                "invalid-profiles",
                "“{file}” was not read. Problems: {count}.",
                file=name,
                count=len(problems),
            ),
            problems,
        )
    if not needs and not offers:
        raise InvalidProfiles(
            Message(
                "no-needs",
                "“{file}” holds no needs and no offers; fill in at least one row.",
                file=name,
            ),
            problems,
        )
    return Profiles(needs=needs, offers=offers, cooperations=cooperations, problems=problems)


def _read_directory(folder: Path, sheets: Sheets) -> None:
    _read_settings(folder / "scenario.toml", sheets)
    found = False
    for name in (NEEDS, OFFERS, ORGANIZATIONS, COOPERATIONS):
        file = folder / f"{name}.csv"
        if file.is_file():
            found = found or name in {NEEDS, OFFERS}
            for table in read_tables(file, count_headings):
                sheets.add(table, name, file.name)
    if not found:
        raise UnreadableFile(
            Message(
                "folder-empty",
                "The folder “{folder}” holds neither needs.csv nor offers.csv.",
                folder=folder.name,
            )
        )


def _read_settings(file: Path, sheets: Sheets) -> None:
    """Language and currency of a scenario, where it states them."""
    if not file.is_file():
        return
    try:
        settings: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise UnreadableFile(
            Message("settings-broken", "“{file}” is not valid TOML in UTF-8; correct it.", file=file.name)
        ) from None
    language, currency = settings.get("language"), settings.get("currency")
    if language in LANGUAGES:
        sheets.language = language
    elif language is not None:
        _odd_setting(
            sheets,
            file,
            "language",
            language,
            Message("language-odd", "Write zh-Hans, zh-Hant, en, ru or es."),
        )
    if isinstance(currency, str) and is_currency(currency):
        sheets.currency = currency
    elif currency is not None:
        _odd_setting(
            sheets,
            file,
            "currency",
            currency,
            Message("currency-odd", "Write the code of a currency, such as CNY."),
        )


def _odd_setting(sheets: Sheets, file: Path, key: str, value: object, message: Message) -> None:
    sheets.problems.append(Problem(None, key, str(value), message, file.name))


def _tell_languages(sheets: Sheets) -> None:
    """The language of rows whose source and headings do not tell it: that of their title and text."""
    for record in sheets.records[PROFILES]:
        if record.language is None:
            language = detect_language(f"{record.line('title')}\n{record.text('text')}")
            record.language = language if language in LANGUAGES else None
