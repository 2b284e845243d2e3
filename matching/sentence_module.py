"""The bundled model for those who work with sentence-transformers.

    SentenceTransformer(modules=[UniversalSentenceModule()])

It gives the same vectors as `universal_encoder`, and is saved and loaded like any other module. Nothing else
here imports it, since it loads torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from matching.universal_encoder import DIMENSION, MOST_TOKENS, UniversalSentenceEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    class InputModule(torch.nn.Module):
        """What of sentence-transformers' untyped base class is used here."""

        def save_config(self, output_path: str) -> None:
            """Write `config_keys` as JSON."""

else:
    try:
        from sentence_transformers.base.modules import InputModule
    except ImportError:  # pragma: no cover - sentence-transformers 5
        from sentence_transformers.models import InputModule


class UniversalSentenceModule(InputModule):
    """Text → unit vectors of 512 dimensions, as a module of sentence-transformers."""

    config_keys = ("max_seq_length",)

    def __init__(self, max_seq_length: int = MOST_TOKENS) -> None:
        super().__init__()
        self.max_seq_length = max_seq_length
        self.encoder = UniversalSentenceEncoder(max_seq_length)
        self.tokenizer = self.encoder.tokenizer

    def preprocess(self, inputs: Sequence[str], prompt: str | None = None, **_: object) -> dict[str, Tensor]:
        """Token numbers of all texts one after the other (`input_ids`) and how many each has (`lengths`)."""
        rows = self.encoder.tokens([(prompt or "") + text for text in inputs])
        return {
            "input_ids": torch.tensor([token for row in rows for token in row], dtype=torch.long),
            "lengths": torch.tensor([len(row) for row in rows], dtype=torch.long),
        }

    def tokenize(self, texts: Sequence[str], **options: Any) -> dict[str, Tensor]:
        """The name `preprocess` has in sentence-transformers 5."""
        return self.preprocess(texts, **options)

    def forward(self, features: dict[str, Tensor], **_: object) -> dict[str, Tensor]:
        """Add `sentence_embedding`, shape (texts, 512), to what `preprocess` gave."""
        rows = torch.split(features["input_ids"], features["lengths"].tolist())
        vectors = [torch.from_numpy(self.encoder.vector(row.tolist())) for row in rows]
        features["sentence_embedding"] = torch.stack(vectors)
        return features

    def get_embedding_dimension(self) -> int:
        """512."""
        return DIMENSION

    get_sentence_embedding_dimension = get_embedding_dimension

    def save(self, output_path: str, *_: object, **__: object) -> None:
        """Write the configuration; the weights stay in the package they come with."""
        self.save_config(output_path)
