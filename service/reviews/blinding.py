"""Takes out of a text whose it is: names in any spelling, case and inflection, numbers, addresses.

Names are compared word by word: folded (width, case, accents, Traditional or Simplified), in Latin and
Cyrillic letters by their stem, so that «Доброго сердца» is «Доброе сердце»; Chinese by character. What
stands between the words makes no difference. Nicknames that nobody has registered cannot be known.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from matching.text import fold, tokens
from service.organizations import names as spelling

if TYPE_CHECKING:
    from collections.abc import Iterable

APPLICANT = "[applicant]"
CONTACT = "[contact]"

_HAN = "々〇㐀-䶿一-鿿豈-\ufaff\U00020000-\U000323af"
_UNIT = re.compile(f"[{_HAN}]|(?:(?![{_HAN}])[^\\W_])+")
_ACCENTS = str.maketrans("áéíóúüñё", "aeiouunе")
_LETTER, _REST = "[A-Za-zА-Яа-яЁё0-9]", "[^\\s<>\"'，。；、）)]*[^\\s<>\"'，。；、）).,;:!?]"
_ENDINGS = "org|com|net|info|edu|gov|cn|ru|es|tw|hk|mx|ngo|рф"
_ADDRESS = re.compile(
    rf"""(?<![A-Za-z0-9_.+-])[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+   # e-mail
      | (?:https?://|www\.){_REST}                                      # web
      | (?<!{_LETTER})(?<![.-])(?:(?:{_LETTER}|-)+\.)+(?:{_ENDINGS})(?!{_LETTER})(?:/{_REST})?
      | (?<![A-Za-z0-9])@[A-Za-z]\w{{2,}}                               # handle
      | \+\d[\d\s().-]{{7,}}\d                                         # telephone
      | (?<!\d)1[3-9]\d{{9}}(?!\d)
      | (?<!\d)8[\s(-]*\d{{3}}[\s)-]*\d{{3}}[\s-]*\d{{2}}[\s-]*\d{{2}}(?!\d)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ASIDE = re.compile(r"[(（\[【][^)）\]】]*[)）\]】]")


class Curtain:
    """Hides some names: `over(text)` is the text without them."""

    def __init__(self, names: Iterable[str], people: Iterable[str] = (), numbers: Iterable[str] = ()) -> None:
        known: set[tuple[str, ...]] = set()
        for name in names:
            for form in (name, _ASIDE.sub(" ", name), " ".join(spelling.words(name))):
                known.add(tuple(unit for unit, _, _ in _units(form)))
        for person in people:
            units = tuple(unit for unit, _, _ in _units(person))
            if len(units) > 1:
                known.add(units)
        known |= {tuple(unit for unit, _, _ in _units(number)) for number in numbers}
        self._by_first: dict[str, list[tuple[str, ...]]] = {}
        for units in sorted(filter(_tells, known), key=lambda units: (-len(units), units)):
            self._by_first.setdefault(units[0], []).append(units)

    def over(self, text: str) -> str:
        """The text with `[applicant]` and `[contact]` in place of what would give the applicant away."""
        shown = _ADDRESS.sub(CONTACT, text)
        units = _units(shown)
        parts, end, at = [], 0, 0
        while at < len(units):
            name = self._starting(units, at)
            if name is None:
                at += 1
                continue
            parts += [shown[end : units[at][1]], APPLICANT]
            at += len(name)
            end = units[at - 1][2]
        return "".join([*parts, shown[end:]])

    def _starting(self, units: list[tuple[str, int, int]], at: int) -> tuple[str, ...] | None:
        for name in self._by_first.get(units[at][0], ()):
            if tuple(unit for unit, _, _ in units[at : at + len(name)]) == name:
                return name
        return None


def _tells(units: tuple[str, ...]) -> bool:
    """Whether it is long enough to be a name: a single letter or character says nothing."""
    return sum(map(len, units)) > 1


def _units(text: str) -> list[tuple[str, int, int]]:
    """What names are compared by, and where each stands in the text."""
    return [(_same(one.group()), one.start(), one.end()) for one in _UNIT.finditer(text)]


@lru_cache(maxsize=65536)
def _same(word: str) -> str:
    """What all spellings and inflections of a word, or of a Chinese character, have in common."""
    folded = fold(word).casefold().translate(_ACCENTS)
    if len(word) == 1 or not folded.isalpha():
        return folded
    stems = tokens(folded)
    return stems[0] if len(stems) == 1 else folded
