"""Two versions of an agreement beside each other, word by word; Chinese by character."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from service.agreements.terms import Terms

_WORDS = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]|\w+|\s+|[^\w\s]")
Op = Literal["=", "+", "-"]
Piece = tuple[Op, str]


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage that differs: where it stands (`clause:payment`, `plan:tranches`), in which language."""

    place: str
    language: str
    pieces: tuple[Piece, ...]


def words(before: str, after: str) -> tuple[Piece, ...]:
    """What is the same, what came in, what went out; joined, each version reads as it was."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    found: list[Piece] = []
    for op, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if op == "equal":
            found.append(("=", "".join(old[a:b])))
            continue
        if a < b:
            found.append(("-", "".join(old[a:b])))
        if c < d:
            found.append(("+", "".join(new[c:d])))
    return tuple(found)


def passages(before: Terms, after: Terms) -> list[Passage]:
    """Every passage in which two versions differ, in the order of the newer text."""
    return [
        Passage(place, language, words(old, new))
        for place, language, old, new in _pairs(before, after)
        if old != new
    ]


def _pairs(before: Terms, after: Terms) -> Iterator[tuple[str, str, str, str]]:
    for language in _languages(before.title, after.title):
        yield "title", language, before.title.get(language, ""), after.title.get(language, "")
    old = {one.key: one for one in before.clauses}
    new = {one.key: one for one in after.clauses}
    for key in [*new, *(key for key in old if key not in new)]:
        texts = [
            {language: f"{one.heading.get(language, '')}\n{text}" for language, text in one.text.items()}
            if one
            else {}
            for one in (old.get(key), new.get(key))
        ]
        for language in _languages(*texts):
            yield f"clause:{key}", language, texts[0].get(language, ""), texts[1].get(language, "")
    for name in ("parties", "commitments", "milestones", "tranches", "budget"):
        yield f"plan:{name}", "", _lines(getattr(before, name)), _lines(getattr(after, name))
    for name in ("starts", "ends"):
        yield f"plan:{name}", "", str(getattr(before, name) or ""), str(getattr(after, name) or "")
    yield "plan:reports", "", _lines([before.reports]), _lines([after.reports])


def _languages(*texts: dict[str, str]) -> list[str]:
    return list(dict.fromkeys(language for one in texts for language in one))


def _lines(rows: Sequence[object]) -> str:
    """Lines of the plan as text: values in their order, one line each; sums as decimal numbers."""
    return "\n".join(" · ".join(_cells(row)) for row in rows)


def _cells(row: object) -> Iterator[str]:
    for name in type(row).model_fields:  # type: ignore[attr-defined]  # rows are parts of Terms
        value = getattr(row, name)
        if name in ("organization", "payee", "item") or value in (None, "", False):
            continue
        if name in ("amount", "quantity", "value"):
            yield f"{value / 100:,.2f}"
        else:
            yield name if value is True else str(value)
