"""Names found in running text: Chinese by characters, other languages by word stems.

Chinese has no spaces, so names are looked for as they stand, longest first. Words in Cyrillic and Latin
letters are compared by their Snowball stems, so that «питьевой водой» is питьевая вода and "pozos" is
pozo; names of several words must follow each other.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from matching.text import detect_language, fold, stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_HAN = "々〇㐀-䶿一-鿿豈-\ufaff\U00020000-\U000323af"
_HAN_CHARACTER = re.compile(f"[{_HAN}]")
_SPACE_BETWEEN_HAN = re.compile(f"(?<=[{_HAN}])\\s+(?=[{_HAN}])")
_WORD = re.compile(f"(?:(?![{_HAN}])[^\\W_])+")
_POSSESSIVE = re.compile(r"(?<=[^\W\d_])['’]s\b")
_CYRILLIC = re.compile("[\u0400-\u052f]")
_CONSONANT_AT_END = re.compile("[бвгджзклмнпрстфхцчшщ]$")
_PLAIN = str.maketrans("áéíóúü", "aeiouu")

_DECOYS = (
    "社会",
    "全国",
    "中国",
    "各国",
    "外国",
    "我国",
    "其中",
    "机会",
    "大会",
    "人民",
    "国家",
    "学会",
    "中学",
    "大学",
    "小学",
    "工会",
    "协会",
    "集中",
    "高中",
    "初中",
    "家电",
    "合作",
    "手机",
    "生活",
    "组织",
    "机关",
    "相关",
    "有关",
    "心中",
    "会计",
    "会议",
    "国内",
    "国际",
    "三个",
    "从中",
    "当中",
)
"""Common words that run across a name by chance: 社会|计划 is not 会计, 全国|学生 is not 国学."""

_KEPT_WHOLE = frozenset({"canada", "canadá", "madrid", "samara", "дели", "goods"})
"""Names whose stem is that of another common word (can, madre, same, дело, good): compared as they stand."""

_SURE_OF_LANGUAGE = 5
"""Words in Latin letters from which the language of a text is taken as known."""
_NAME_ENDINGS = ("а", "у", "е", "ом")
"""Cases of a Russian place name in a consonant: Snowball cuts Серпухов and Серпухове differently."""


def _words(text: str) -> list[str]:
    return [word.replace("ё", "е").replace("Ё", "Е") for word in _WORD.findall(_POSSESSIVE.sub("", text))]


def _is_acronym(word: str) -> bool:
    return 2 <= len(word) <= 5 and word.isalpha() and word.isupper()


def _stemmed(word: str, latin: str) -> str:
    """The stem of a word with its language before it, `en:well`; `latin` is that of Latin letters."""
    lower = word.lower()
    if word.isdigit() or lower in _KEPT_WHOLE:
        return lower
    language = "ru" if _CYRILLIC.match(word) else latin
    return f"{language}:{stem(lower, language)}"


def _readings(text: str, words: Sequence[str]) -> list[list[str]]:
    """The stems of the words: once where the language is known, as English and as Spanish where it is not."""
    known = detect_language(text) if len(words) >= _SURE_OF_LANGUAGE else ""
    languages = (known,) if known in ("en", "es") else ("en", "es")
    return [[_stemmed(word, language) for word in words] for language in languages]


def _spellings(words: Sequence[str], scheme: str, language: str) -> Iterator[list[str]]:
    """The words of a name as people may write them: without accents, in the cases Snowball does not know."""
    yield list(words)
    if language == "es":
        yield [word.lower().translate(_PLAIN) for word in words]
    elif language == "ru" and scheme == "places" and _CONSONANT_AT_END.search(words[-1]):
        for ending in _NAME_ENDINGS:
            yield [*words[:-1], words[-1] + ending]


@dataclass(slots=True)
class _Names:
    """The names of one scheme: Chinese ones, and sequences of stems; each with the codes it stands for."""

    han: dict[str, set[str]]
    stems: dict[tuple[str, ...], set[str]]
    han_sizes: dict[str, set[int]]
    stem_sizes: dict[str, set[int]]
    """By the first character or stem: how long the names are that begin with it."""


class PhraseFinder:
    """Finds names in text; `add` them all first."""

    def __init__(self, schemes: Iterable[str]) -> None:
        self._names = {scheme: _Names({}, {}, {}, {}) for scheme in schemes}
        for names in self._names.values():
            for decoy in _DECOYS:
                _put_han(names, decoy)

    def add(self, scheme: str, code: str, language: str, name: str) -> None:
        """Let `name`, a word or phrase of `language`, stand for `code`.

        A single Chinese character or a number alone is no name. An abbreviation in capitals is found only
        in capitals: WASH is not "wash".
        """
        names = self._names[scheme]
        folded = fold(name)
        words = _words(folded)
        if _HAN_CHARACTER.search(folded):
            if len(folded) > 1:
                _put_han(names, folded.lower().replace(" ", "")).add(code)
        elif len(words) == 1 and _is_acronym(words[0]):
            _put_stems(names, (words[0],)).add(code)
        elif not all(word.isdigit() for word in words):
            latins = ("en", "es") if scheme == "places" else ("es",) if language == "es" else ("en",)
            for spelling in _spellings(words, scheme, language):
                for latin in latins:
                    _put_stems(names, tuple(_stemmed(word, latin) for word in spelling)).add(code)

    def find(self, text: str) -> dict[str, dict[str, int]]:
        """How often each code is mentioned, by scheme; every scheme is a key."""
        folded = fold(text)
        words = _words(folded)
        readings = _readings(folded, words)
        joined = _SPACE_BETWEEN_HAN.sub("", folded).lower()
        found: dict[str, dict[str, int]] = {}
        for scheme, names in self._names.items():
            counts: Counter[str] = Counter()
            for codes in chain(_han_hits(joined, names), _word_hits(words, readings, names)):
                counts.update(codes)
            found[scheme] = dict(sorted(counts.items()))
        return found


def _put_han(names: _Names, name: str) -> set[str]:
    names.han_sizes.setdefault(name[0], set()).add(len(name))
    return names.han.setdefault(name, set())


def _put_stems(names: _Names, stems: tuple[str, ...]) -> set[str]:
    names.stem_sizes.setdefault(stems[0], set()).add(len(stems))
    return names.stems.setdefault(stems, set())


def _han_hits(text: str, names: _Names) -> Iterator[set[str]]:
    """The longest name at each place, then on after it; 目标1 is not found in 目标17."""
    at = 0
    while at < len(text):
        for size in sorted(names.han_sizes.get(text[at], ()), reverse=True):
            name, after = text[at : at + size], text[at + size : at + size + 1]
            if name in names.han and not (name[-1].isdigit() and after.isdigit()):
                yield names.han[name]
                at += size
                break
        else:
            at += 1


def _word_hits(words: Sequence[str], readings: list[list[str]], names: _Names) -> Iterator[set[str]]:
    """The longest name at each word in any reading, then on after it."""
    at = 0
    while at < len(words):
        sizes = {size for stems in readings for size in names.stem_sizes.get(stems[at], ())}
        if _is_acronym(words[at]):
            sizes |= names.stem_sizes.get(words[at], set())
        for size in sorted(sizes, reverse=True):
            keys = [tuple(stems[at : at + size]) for stems in readings]
            if size == 1:
                keys.append((words[at],))
            if codes := set().union(*(names.stems.get(key, ()) for key in keys)):
                yield codes
                at += size
                break
        else:
            at += 1
