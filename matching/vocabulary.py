"""The words that have names in every language: themes, target groups, goals, kinds, places, units.

Each file of `data/vocabulary` is one scheme. Its columns are `code`, `broader` (the code it belongs to),
the scheme's own columns, and for each language `L` the label `L` and the synonyms `L_synonyms`, separated
by `|`. A synonym that begins with `=` (`=服务`) is too general to be looked for in running text: it counts
only where it is all that stands in a cell.

A cell becomes a code (`resolve`), a text becomes the codes it mentions (`concepts`), and a code becomes
words again in the reader's language (`label`). That makes a bridge between languages without a model.
"""

from __future__ import annotations

import csv
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from matching.errors import UnknownName, UnreadableFile
from matching.messages import Message
from matching.resources import data_path
from matching.text import LANGUAGES, fold

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from matching.phrases import PhraseFinder

SCHEMES = (
    "themes",
    "groups",
    "goals",
    "kinds",
    "organization_kinds",
    "link_types",
    "places",
    "units",
    "currencies",
    "faults",
    "cooperation_states",
)
CONCEPT_SCHEMES = ("themes", "groups", "kinds", "goals", "places")
"""The schemes that are looked for in running text."""

WHOLE_CELL = "="
_BARE = str.maketrans("áéíóúüñё", "aeiouunе")


@dataclass(frozen=True, slots=True)
class Concept:
    """One row of a vocabulary file; `line` is where it stands there."""

    code: str
    broader: str
    labels: Mapping[str, str]
    synonyms: Mapping[str, tuple[str, ...]]
    """By language, as written in the file, `=` included."""
    attributes: Mapping[str, str]
    line: int

    def names(self) -> Iterator[tuple[str, str]]:
        """(language, label or synonym), all of them."""
        for language in LANGUAGES:
            yield language, self.labels[language]
            for synonym in self.synonyms[language]:
                yield language, synonym


def _key(text: str) -> str:
    """What two spellings of one name have in common: no case, width, script, accents, spaces, marks."""
    bare = fold(text).casefold().translate(_BARE)
    return "".join(character for character in bare if unicodedata.category(character)[0] not in "PZ")


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """All schemes, read once; what is expensive (indexes) is built on first use and kept."""

    schemes: Mapping[str, Mapping[str, Concept]]
    _indexes: dict[str, Mapping[str, str]] = field(default_factory=dict, init=False, repr=False)
    _finders: list[PhraseFinder] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def read(cls, directory: Path) -> Vocabulary:
        """Every scheme from `<scheme>.csv` in `directory`; a broken file raises `UnreadableFile`."""
        return cls(MappingProxyType({scheme: _read(directory / f"{scheme}.csv") for scheme in SCHEMES}))

    def codes(self, scheme: str) -> tuple[str, ...]:
        """The codes of a scheme in the order of its file."""
        return tuple(self._scheme(scheme))

    def label(self, scheme: str, code: str, language: str) -> str:
        """What natives of `language` (one of the five codes) call it."""
        labels = self._concept(scheme, code).labels
        if language not in labels:
            raise UnknownName(
                Message(
                    "language-unknown", "{language} is no language of the vocabulary.", language=language
                ),
                LANGUAGES,
            )
        return labels[language]

    def attribute(self, scheme: str, code: str, column: str) -> str:
        """A cell of one of the scheme's own columns, such as `sector` of organization_kinds."""
        attributes = self._concept(scheme, code).attributes
        if column not in attributes:
            raise UnknownName(
                Message(
                    "column-unknown",
                    "The scheme {scheme} has no column {column}.",
                    scheme=scheme,
                    column=column,
                ),
                tuple(attributes),
            )
        return attributes[column]

    def ancestors(self, scheme: str, code: str) -> tuple[str, ...]:
        """The broader codes, nearest first: those of Futian are Shenzhen, Guangdong, China."""
        concepts = self._scheme(scheme)
        found: list[str] = []
        broader = self._concept(scheme, code).broader
        while broader:
            found.append(broader)
            broader = concepts[broader].broader
        return tuple(found)

    def within(self, scheme: str, code: str, containers: Collection[str]) -> bool:
        """Whether `code` is one of `containers` or lies inside one of them."""
        return code in containers or any(above in containers for above in self.ancestors(scheme, code))

    def resolve(self, scheme: str, text: str) -> str | None:
        """The code that `text` names: a code, label or synonym in any of the languages; else None.

        Case, width, Traditional or Simplified script, accents, spaces and punctuation do not matter.
        """
        return self._index(scheme).get(_key(text))

    def suggest(self, scheme: str, text: str, n: int = 3) -> list[str]:
        """Up to `n` codes whose names look most like `text`, best first; for the remedy of an error."""
        import difflib

        key = _key(text)
        if not key or n < 1:
            return []
        matcher = difflib.SequenceMatcher(autojunk=False, b=key)
        best: dict[str, float] = {}
        for name, code in self._index(scheme).items():
            matcher.set_seq1(name)
            least = max(0.5, best.get(code, 0.0))
            overlap = min(len(name), len(key)) / max(len(name), len(key))
            if overlap > 1 / 3 and (name in key or key in name):
                likeness = 1 + overlap
            elif matcher.real_quick_ratio() < least or matcher.quick_ratio() < least:
                continue
            else:
                likeness = matcher.ratio()
            if likeness > least:
                best[code] = likeness
        return sorted(best, key=lambda code: -best[code])[:n]

    def concepts(self, text: str) -> dict[str, dict[str, int]]:
        """Which concepts a text in any of the languages mentions, and how often, by scheme.

        In each scheme the longest name at a place counts and the words in it are not counted again:
        留守儿童 is left-behind children, not also children. All of `CONCEPT_SCHEMES` are keys.
        """
        if not self._finders:
            self._finders.append(self._build_finder())
        return self._finders[0].find(text)

    def _build_finder(self) -> PhraseFinder:
        from matching.phrases import PhraseFinder

        finder = PhraseFinder(CONCEPT_SCHEMES)
        for scheme in CONCEPT_SCHEMES:
            for code, concept in self.schemes[scheme].items():
                for language, name in concept.names():
                    if not name.startswith(WHOLE_CELL):
                        finder.add(scheme, code, language, name)
        return finder

    def _scheme(self, scheme: str) -> Mapping[str, Concept]:
        if scheme not in self.schemes:
            raise UnknownName(
                Message("scheme-unknown", "The vocabulary has no scheme {scheme}.", scheme=scheme), SCHEMES
            )
        return self.schemes[scheme]

    def _concept(self, scheme: str, code: str) -> Concept:
        concepts = self._scheme(scheme)
        if code not in concepts:
            raise UnknownName(
                Message("code-unknown", "The scheme {scheme} has no code {name}.", scheme=scheme, name=code),
                self.suggest(scheme, code),
            )
        return concepts[code]

    def _index(self, scheme: str) -> Mapping[str, str]:
        if scheme not in self._indexes:
            self._indexes[scheme] = _index(scheme, self._scheme(scheme))
        return self._indexes[scheme]


@cache
def default_vocabulary() -> Vocabulary:
    """The vocabulary that comes with the library."""
    return Vocabulary.read(data_path("vocabulary"))


def _index(scheme: str, concepts: Mapping[str, Concept]) -> Mapping[str, str]:
    """Key → code. A name that stands for two codes is refused: it could only be guessed at."""
    index: dict[str, str] = {}
    for code, concept in concepts.items():
        for name in (code, *(name for _, name in concept.names())):
            key = _key(name.removeprefix(WHOLE_CELL))
            if not key:
                raise _broken(
                    scheme,
                    concept.line,
                    "name-empty",
                    "{file}.csv, line {line}: “{name}” of {concept} has no letter.",
                    name=name,
                    concept=code,
                )
            other = index.setdefault(key, code)
            if other != code:
                raise _broken(
                    scheme,
                    concept.line,
                    "name-ambiguous",
                    "{file}.csv, line {line}: “{name}” of {concept} is already a name of {other}.",
                    name=name,
                    concept=code,
                    other=other,
                )
    return MappingProxyType(index)


def _read(path: Path) -> Mapping[str, Concept]:
    scheme = path.stem
    concepts: dict[str, Concept] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = list(reader.fieldnames or ())
            _require_columns(scheme, columns)
            own = [column for column in columns if column not in _common_columns()]
            for row in reader:
                concept = _concept_of(scheme, own, row, reader.line_num)
                if concept.code in concepts:
                    raise _broken(
                        scheme,
                        concept.line,
                        "code-twice",
                        "{file}.csv, line {line}: the code {concept} stands here again.",
                        concept=concept.code,
                    )
                concepts[concept.code] = concept
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFile(
            Message(
                "vocabulary-unreadable",
                "{file}.csv of the vocabulary cannot be read: {reason}.",
                file=scheme,
                reason=str(error),
            )
        ) from error
    _require_tree(scheme, concepts)
    return MappingProxyType(concepts)


@cache
def _common_columns() -> tuple[str, ...]:
    return ("code", "broader", *(c for language in LANGUAGES for c in (language, f"{language}_synonyms")))


def _require_columns(scheme: str, columns: list[str]) -> None:
    for column in _common_columns():
        if column not in columns:
            raise _broken(
                scheme,
                1,
                "column-missing",
                "{file}.csv, line {line}: the column {column} is missing.",
                column=column,
            )


def _concept_of(scheme: str, own: list[str], row: dict[str, str], line: int) -> Concept:
    if None in row or None in row.values():
        raise _broken(
            scheme,
            line,
            "row-length",
            "{file}.csv, line {line}: this row has more or fewer cells than the header.",
        )
    code = row["code"].strip()
    if not code:
        raise _broken(scheme, line, "code-missing", "{file}.csv, line {line}: the code is missing.")
    for language in LANGUAGES:
        if not row[language].strip():
            raise _broken(
                scheme,
                line,
                "label-missing",
                "{file}.csv, line {line}: {concept} has no label in {language}.",
                concept=code,
                language=language,
            )
    return Concept(
        code=code,
        broader=row["broader"].strip(),
        labels=MappingProxyType({language: row[language].strip() for language in LANGUAGES}),
        synonyms=MappingProxyType(
            {
                language: tuple(s.strip() for s in row[f"{language}_synonyms"].split("|") if s.strip())
                for language in LANGUAGES
            }
        ),
        attributes=MappingProxyType({column: row[column].strip() for column in own}),
        line=line,
    )


def _require_tree(scheme: str, concepts: Mapping[str, Concept]) -> None:
    for code, concept in concepts.items():
        if concept.broader and concept.broader not in concepts:
            raise _broken(
                scheme,
                concept.line,
                "broader-unknown",
                "{file}.csv, line {line}: {broader}, the broader code of {concept}, is not in this file.",
                broader=concept.broader,
                concept=code,
            )
    for code, concept in concepts.items():
        above = concept.broader
        for _ in concepts:
            if not above:
                break
            above = concepts[above].broader
        else:
            raise _broken(
                scheme,
                concept.line,
                "broader-cycle",
                "{file}.csv, line {line}: the broader codes of {concept} lead round in a circle.",
                concept=code,
            )


def _broken(scheme: str, line: int, code: str, template: str, **params: str) -> UnreadableFile:
    return UnreadableFile(Message(f"vocabulary-{code}", template, file=scheme, line=line, **params))
