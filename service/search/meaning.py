"""What somebody typed into the search, understood: language, vector, words, concepts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from matching.text import UNDETERMINED, content_tokens, detect_language, fold
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
    vector: NDArray[np.float32] | None
    """None while the model is still being loaded."""
    words: Mapping[str, str]
    """Word as it is indexed → as it was typed."""
    concepts: Mapping[str, frozenset[str]]
    """By scheme: the codes that are mentioned."""
    named: frozenset[tuple[str, str]]
    """Scheme and code where the whole text is a name of it."""


def understand(embedder: Embedder | None, text: str) -> Meant:
    """What a text means; without an embedder its words and concepts alone.

    It is encoded past the embedder's cache on disk: a search leaves no trace there.
    """
    vocabulary = default_vocabulary()
    mentioned = vocabulary.concepts(text)
    named = (
        (scheme, code)
        for scheme in ("themes", "groups", "kinds", "places", "goals")
        if (code := vocabulary.resolve(scheme, text))
    )
    uncached: Embedder | None = getattr(embedder, "inner", embedder)
    return Meant(
        text=text,
        language=detect_language(text) if uncached else UNDETERMINED,
        vector=uncached.encode([text])[0] if uncached else None,
        words=_typed_words(text),
        concepts={scheme: frozenset(found) for scheme, found in mentioned.items() if found},
        named=frozenset(named),
    )


def widened(scheme: str, codes: Iterable[str]) -> frozenset[str]:
    """Codes with all that contain them; unknown ones are left out."""
    return _widened(scheme, tuple(codes))


@lru_cache(maxsize=4096)
def _widened(scheme: str, codes: tuple[str, ...]) -> frozenset[str]:
    vocabulary = default_vocabulary()
    known = [code for code in codes if code in vocabulary.schemes[scheme]]
    return frozenset(known).union(*(vocabulary.ancestors(scheme, code) for code in known))


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
