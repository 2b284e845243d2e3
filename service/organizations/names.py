"""Names of organizations as they are compared: whether two of them may stand for the same one.

Nothing is translated or transliterated. Letter case, width, Traditional or Simplified script, quotation
marks, legal forms, and Cyrillic letters that look like Latin ones make no difference.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from matching.text import fold

if TYPE_CHECKING:
    from collections.abc import Iterable

NEAR = 0.86
"""The least likeness of two names, in [0, 1], at which somebody is asked whether they are the same."""
_PREFILTER = 0.6
_WORDS = re.compile(r"[^\W_]+")
_HAN_FORMS = re.compile(r"(股份有限公司|有限责任公司|有限公司)$")
_LEGAL_FORMS = (
    "ооо оао зао пао ао ано нко но ип гк "
    "ltd limited llc inc incorporated corp corporation co company plc gmbh the of and "
    "y de del la el los las sa sl slu sau ac iap sc rl cv srl"
)
_FORMS = frozenset(_LEGAL_FORMS.split())
_CYRILLIC_LOOKING_LATIN = str.maketrans("авекмнорстухё", "abekmhopctyxe")
_ACCENTS = str.maketrans("áéíóúüñ", "aeiouun")


def words(name: str) -> list[str]:
    """The words of a name in order, folded, without legal forms."""
    plain = fold(name).casefold().translate(_ACCENTS)
    plain = re.sub(r"(?<=\b[a-zа-я])\.(?=[a-zа-я]\b)", "", plain)
    found = [_HAN_FORMS.sub("", word) or word for word in _WORDS.findall(plain)]
    return [word for word in found if word not in _FORMS] or found


def key(name: str) -> str:
    """What two spellings of one name have in common: its `words`, whichever alphabet looks like it."""
    return " ".join(words(name)).translate(_CYRILLIC_LOOKING_LATIN)


def keys(names: Iterable[str]) -> list[str]:
    """The keys of all names of one organization, each once, in order."""
    return list(dict.fromkeys(found for name in names if (found := key(name))))


def likeness(one: str, other: str) -> float:
    """How alike two keys are, in [0, 1]; the order of words does not matter."""
    if one == other:
        return 1.0
    if _pairs_in_common(one, other) < _PREFILTER:
        return 0.0
    as_written = SequenceMatcher(None, one.replace(" ", ""), other.replace(" ", ""), autojunk=False).ratio()
    if " " not in one and " " not in other:
        return as_written
    in_order = SequenceMatcher(None, _sorted(one), _sorted(other), autojunk=False).ratio()
    return max(as_written, in_order)


def _sorted(key: str) -> str:
    return "".join(sorted(key.split()))


def _pairs_in_common(one: str, other: str) -> float:
    """Dice's coefficient over pairs of neighbouring characters (single ones in very short names)."""
    first, second = _pairs(one), _pairs(other)
    return 2 * len(first & second) / (len(first) + len(second)) if first and second else 0.0


def _pairs(word: str) -> set[str]:
    plain = word.replace(" ", "")
    if len(plain) < 8:
        return set(plain)
    return {plain[at : at + 2] for at in range(len(plain) - 1)}
