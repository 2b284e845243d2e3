"""Texts to vectors: one interface, a bundled multilingual model, any other sentence-transformers model.

Every text is folded before it is encoded, so both Chinese scripts and all widths give the same vector.
The models themselves are loaded on the first text whose vector is not already on disk; torch and
sentence-transformers only for a model that is not the bundled one.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from matching.caching import VectorStore, cache_directory
from matching.errors import UnknownName
from matching.messages import Message
from matching.text import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BUNDLED = "universal-sentence-encoder-multilingual-3"
"""Name of the model that comes with the library."""

_BUNDLED_REVISION = 2
"""Raised whenever the bundled module gives other vectors for the same text."""

_BUNDLED_DIMENSION = 512
_BATCH = 32
_KEEP_EVERY = 512
_E5 = re.compile(r"\be5\b", re.IGNORECASE)


class Embedder(Protocol):
    """Anything that turns texts into unit vectors."""

    @property
    def name(self) -> str:
        """Identity of the model and of how it is asked: vectors under one name may be compared."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows, shape (len(texts), dimension); no texts give shape (0, dimension)."""


class SentenceEmbedder:
    """The bundled model, or one of sentence-transformers: of a model hub by name, or a local directory.

    `prompt` is put before every text, on both sides alike (None: what the model itself sets as default).
    The model is loaded on first use. The bundled model gives a text bit for bit the same vector whatever
    its neighbours; for others that holds to about 1e-6, and exactly with `batch_size=1`. Texts longer than
    the model's `max_seq_length` are cut there.
    """

    def __init__(self, model: str = BUNDLED, *, prompt: str | None = None, batch_size: int = _BATCH) -> None:
        self.model = model
        self.prompt = prompt
        self.batch_size = batch_size
        self._lock = threading.Lock()
        self._loaded: Any = None

    @property
    def name(self) -> str:
        """The model's name, with what else its vectors depend on."""
        if self.model == BUNDLED:
            name = f"{BUNDLED}/{_BUNDLED_REVISION}"
        elif Path(self.model).is_dir():
            name = f"{Path(self.model).resolve()}/{_fingerprint(Path(self.model))}"
        else:
            name = self.model
        return name if self.prompt is None else f"{name}?prompt={self.prompt}"

    @property
    def dimension(self) -> int:
        """Length of a vector; loads the model unless it is the bundled one."""
        if self.model == BUNDLED:
            return _BUNDLED_DIMENSION
        model = self._ready()
        # The method's name from sentence-transformers 5.3 on, and before.
        ask = getattr(model, "get_embedding_dimension", None) or model.get_sentence_embedding_dimension
        return int(ask())

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows, shape (len(texts), dimension). Raises UnknownName where the model cannot be loaded."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        folded = [fold(text) for text in texts]
        if self.model == BUNDLED:
            encoded: NDArray[np.float32] = self._ready().encode(
                [(self.prompt or "") + text for text in folded]
            )
            return encoded
        vectors = self._ready().encode(
            folded,
            batch_size=self.batch_size,
            show_progress_bar=False,
            convert_to_numpy=True,
            **({} if self.prompt is None else {"prompt": self.prompt}),
        )
        vectors = np.asarray(vectors, np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        units: NDArray[np.float32] = np.divide(
            vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0
        )
        return units

    def _ready(self) -> Any:
        with self._lock:
            if self._loaded is None:
                self._loaded = _load_bundled() if self.model == BUNDLED else _load(self.model)
            return self._loaded


def _load_bundled() -> Any:
    from matching.universal_encoder import UniversalSentenceEncoder

    return UniversalSentenceEncoder()


def _load(model: str) -> Any:
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as logging_of_transformers

    logging: Any = logging_of_transformers
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return SentenceTransformer(model)
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UnknownName(
            Message(
                "embedding-model-not-loaded",
                "The language model {model} could not be loaded: {reason}",
                model=model,
                reason=reason,
            ),
            [BUNDLED],
        ) from error
    finally:
        if shown:
            logging.enable_progress_bar()


def _fingerprint(folder: Path) -> str:
    """Changes when a file below `folder` is replaced: names, sizes and times of all of them."""
    listed = sorted(
        (file.relative_to(folder).as_posix(), file.stat().st_size, file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file()
    )
    return hashlib.sha256(repr(listed).encode()).hexdigest()[:16]


class CachedEmbedder:
    """An embedder that keeps vectors on disk, by model name and SHA-256 of the folded text.

    The inner model is asked only for texts not yet known, each once, in their order; with all of them known
    it is never loaded. `folder` None: `cache_directory()`.
    """

    def __init__(self, inner: Embedder, folder: Path | None = None) -> None:
        self.inner = inner
        self.store = VectorStore((folder or cache_directory()) / "vectors.sqlite3")

    @property
    def name(self) -> str:
        """The inner model's name."""
        return self.inner.name

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.inner.dimension

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows, shape (len(texts), dimension)."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        model = self.name.encode("utf-8", "surrogatepass") + b"\0"
        folded = [fold(text) for text in texts]
        keys = [hashlib.sha256(model + text.encode()).digest() for text in folded]
        wanted = dict(zip(keys, folded, strict=True))
        found = self.store.read(list(wanted))
        missing = [key for key in wanted if key not in found]
        for start in range(0, len(missing), _KEEP_EVERY):
            part = missing[start : start + _KEEP_EVERY]
            new = dict(zip(part, self.inner.encode([wanted[key] for key in part]), strict=True))
            self.store.write(new)
            found.update(new)
        return np.stack([found[key] for key in keys])


def default_embedder() -> CachedEmbedder:
    """The model that `QIAO_EMBEDDING_MODEL` names (hub name or directory), else the bundled one; cached.

    `QIAO_EMBEDDING_PROMPT` is put before every text; models of the E5 family, which expect one, get
    "query: " where it is not set.
    """
    model = os.environ.get("QIAO_EMBEDDING_MODEL") or BUNDLED
    prompt = os.environ.get("QIAO_EMBEDDING_PROMPT")
    if prompt is None and _E5.search(model):
        prompt = "query: "
    return _embedder(model, prompt, cache_directory())


@cache
def _embedder(model: str, prompt: str | None, folder: Path) -> CachedEmbedder:
    return CachedEmbedder(SentenceEmbedder(model, prompt=prompt), folder)
