"""Headings of spreadsheets, in any of the five languages, and what a column holds.

The words are data (`data/vocabulary/columns.csv`). A heading is compared without case, width, spaces and
punctuation; a remark in brackets (`金额（万元）`, `Amount (EUR)`) is taken off and kept, because it can be
the unit of the whole column. Columns whose heading begins with `#`, and notes, are left alone.
"""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from matching.resources import data_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LANGUAGES = ("zh-Hans", "zh-Hant", "en", "ru", "es")
PROFILES, ORGANIZATIONS, COOPERATIONS = "profiles", "organizations", "cooperations"
NEEDS, OFFERS = "needs", "offers"
IGNORED = "note"

SCHEMES: Mapping[str, str] = {
    "kind": "kinds",
    "organization_kind": "organization_kinds",
    "themes": "themes",
    "theme": "themes",
    "groups": "groups",
    "goals": "goals",
    "places": "places",
    "organization_places": "places",
    "only_places": "places",
    "only_groups": "groups",
    "only_themes": "themes",
    "only_organization_kinds": "organization_kinds",
    "status": "cooperation_states",
}
"""Columns that hold words of the vocabulary, with the scheme they come from."""

LINE_COLUMNS = frozenset(
    [
        "kind",
        "amount",
        "unit",
        "minimum",
        "labour",
        "overhead",
        "critical",
        "worth",
        "cheque_min",
        "cheque_max",
    ]
)
"""Columns of one resource line; all others belong to the whole profile."""

AMOUNTS = frozenset(["amount", "minimum", "labour", "overhead", "worth", "cheque_min", "cheque_max"])
COUNTS = frozenset(["beneficiaries", "most_projects", "min_beneficiaries"])
DATES = frozenset(["starts", "ends", "published", "expires", "registered", "barred_until", "signed"])
ANSWERS = frozenset(
    ["critical", "only_verified", "pays_labour", "pays_overhead", "verified", "bad_record", "synthetic"]
)

_SHARED = {
    ORGANIZATIONS: [
        "id",
        "places",
        "registered",
        "inspection",
        "rating",
        "verified",
        "bad_record",
        "barred_until",
        "conflicts",
        "synthetic",
        "source",
        "note",
    ],
    COOPERATIONS: [
        *("id", "title", "kind", "amount", "unit", "ends", "places"),
        *("synthetic", "source", "note"),
    ],
}
_HINTS = frozenset(
    [
        "必填",
        "选填",
        "選填",
        "可选",
        "可選",
        "required",
        "optional",
        "mandatory",
        "обязательно",
        "необязательно",
        "obligatorio",
        "opcional",
    ]
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column as `columns.csv` describes it; `side` is need, offer or both."""

    code: str
    side: str
    required: bool
    labels: Mapping[str, str]
    synonyms: Mapping[str, tuple[str, ...]]
    help: Mapping[str, str]

    def words(self, language: str) -> tuple[str, ...]:
        """Label and synonyms in one language."""
        return (self.labels[language], *self.synonyms[language])


@dataclass(frozen=True, slots=True)
class Heading:
    """A recognised heading: the column's code and the remark in brackets, if any."""

    code: str
    remark: str = ""


@cache
def tables() -> Mapping[str, Mapping[str, Column]]:
    """The columns of every kind of table (profiles, organizations, cooperations) and of `sheet`, by code."""
    found: dict[str, dict[str, Column]] = {PROFILES: {}, ORGANIZATIONS: {}, COOPERATIONS: {}, "sheet": {}}
    with data_path("vocabulary", "columns.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            table, _, code = row["code"].rpartition(".")
            found[table or PROFILES][code] = Column(
                code=code,
                side=row["side"],
                required=row["required"] == "yes",
                labels={language: row[language] for language in LANGUAGES},
                synonyms={
                    language: tuple(filter(None, row[f"{language}_synonyms"].split("|")))
                    for language in LANGUAGES
                },
                help={language: row[f"{language}_help"] for language in LANGUAGES},
            )
    for table, codes in _SHARED.items():
        own = found[table]
        order = [codes[0], *own, *codes[1:]]
        found[table] = {
            code: own.get(code) or replace(found[PROFILES][code], required=False) for code in order
        }
    return found


def folded(word: str) -> str:
    """A heading without case, width, spaces and punctuation."""
    plain = unicodedata.normalize("NFKC", word).casefold()
    return "".join(sign for sign in plain if sign.isalnum() or sign == "№")


@cache
def _index(table: str) -> Mapping[str, str]:
    index: dict[str, str] = {}
    for code, column in tables()[table].items():
        for word in (code, *(word for language in LANGUAGES for word in column.words(language))):
            index.setdefault(folded(word), code)
    if table == ORGANIZATIONS:
        for language in LANGUAGES:
            for word in tables()[PROFILES]["organization_places"].words(language):
                index.setdefault(folded(word), "places")
    return index


def find_column(table: str, heading: str) -> Heading | None:
    """What a heading means in a kind of table; None where nobody knows.

    >>> find_column("profiles", "金额（万元）")
    Heading(code='amount', remark='万元')
    """
    clean = unicodedata.normalize("NFKC", heading).strip().strip("*").strip()
    if clean.startswith("#"):
        return Heading(IGNORED)
    index = _index(table)
    if code := index.get(folded(clean)):
        return Heading(code)
    match = re.fullmatch(r"(.+?)\s*[(\[]([^()\[\]]*)[)\]]\s*[*:]*|(.+?)\s*,\s*([^,]+)", clean, re.DOTALL)
    if match and (code := index.get(folded(match[1] or match[3]))):
        remark = (match[2] or match[4] or "").strip()
        return Heading(code, "" if remark.casefold() in _HINTS else remark)
    return None


def nearest_column(table: str, heading: str) -> str:
    """The heading, as it would be written, that looks most like `heading`; empty where none does."""
    near = difflib.get_close_matches(folded(heading), _index(table), n=1, cutoff=0.6)
    if not near:
        return ""
    code = _index(table)[near[0]]
    column = tables()[table][code]
    words = (word for language in LANGUAGES for word in column.words(language))
    return next((word for word in words if folded(word) == near[0]), code)


def count_headings(words: Iterable[object]) -> int:
    """How many of the words are headings of one kind of table; the best kind counts."""
    texts = [word for word in words if isinstance(word, str) and word.strip()]
    return max(
        len({heading.code for word in texts if (heading := find_column(table, word))})
        for table in (PROFILES, ORGANIZATIONS, COOPERATIONS)
    )


def heading_language(table: str, words: Iterable[str]) -> str | None:
    """The language that most headings are written in; None for codes, and where two languages share them."""
    counts = dict.fromkeys(LANGUAGES, 0)
    for word in words:
        heading = find_column(table, word)
        if heading is None or folded(word) == folded(heading.code):
            continue
        column = tables()[table][heading.code]
        bare = folded(re.split(r"[(（\[]", word)[0])
        for language in LANGUAGES:
            counts[language] += bare in map(folded, column.words(language))
    most = max(counts.values())
    leading = [language for language, count in counts.items() if count == most]
    return leading[0] if most and len(leading) == 1 else None


def find_sheet(name: str) -> str | None:
    """needs, offers, organizations, cooperations, instructions or lists, from a name in any language."""
    if name.strip().startswith("#"):
        return "instructions"
    return _index("sheet").get(folded(name))
