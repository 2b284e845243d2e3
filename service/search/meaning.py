"""What somebody typed into the search, understood: language, vector, words, concepts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from matching.text import content_tokens, detect_language, fold
from matching.vocabulary import default_vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from matching.embedding import Embedder


@dataclass(frozen=True, slots=True)
class Meant:
    """What somebody typed, understood."""

    text: str
    language: str
    vector: NDArray[np.float32]
    words: Mapping[str, str]
    """Word as it is indexed → as it was typed."""
    concepts: Mapping[str, frozenset[str]]
    """By scheme: the codes that are mentioned."""
    named: frozenset[tuple[str, str]]
    """Scheme and code where the whole text is a name of it."""


def understand(embedder: Embedder, text: str) -> Meant:
    """What a text means. It is encoded past the embedder's cache on disk: a search leaves no trace there."""
    vocabulary = default_vocabulary()
    mentioned = vocabulary.concepts(text)
    named = (
        (scheme, code)
        for scheme in ("themes", "groups", "kinds", "places", "goals")
        if (code := vocabulary.resolve(scheme, text))
    )
    uncached: Embedder = getattr(embedder, "inner", embedder)
    return Meant(
        text=text,
        language=detect_language(text),
        vector=uncached.encode([text])[0],
        words=_typed_words(text),
        concepts={scheme: frozenset(found) for scheme, found in mentioned.items() if found},
        named=frozenset(named),
    )


def widened(scheme: str, codes: Iterable[str]) -> frozenset[str]:
    """Codes with all that contain them; unknown ones are left out."""
    return frozenset(wider for code in codes for wider in _with_wider(scheme, code))


@cache
def _with_wider(scheme: str, code: str) -> tuple[str, ...]:
    vocabulary = default_vocabulary()
    return (code, *vocabulary.ancestors(scheme, code)) if code in vocabulary.schemes[scheme] else ()


def _typed_words(text: str) -> dict[str, str]:
    """Each content word of a text as it is indexed → as it was typed (folded)."""
    found = content_tokens(text)
    spelled = {}
    for word in fold(text).lower().split():
        tokens = content_tokens(word)
        if len(tokens) == 1:
            spelled[tokens[0]] = word.strip(".,;:!?«»“”\"'()")
    by_prefix = list(spelled.values())
    return {
        token: spelled.get(token) or next((word for word in by_prefix if word.startswith(token[:3])), token)
        for token in dict.fromkeys(found)
    }
