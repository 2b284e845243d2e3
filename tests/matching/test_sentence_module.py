"""The bundled model as a module of sentence-transformers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from matching.sentence_module import UniversalSentenceModule
from matching.universal_encoder import DIMENSION, UniversalSentenceEncoder
from tests.matching.test_universal_encoder import TEXTS

if TYPE_CHECKING:
    from pathlib import Path


def test_it_gives_the_vectors_of_the_encoder_and_is_saved_and_loaded(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(modules=[UniversalSentenceModule(max_seq_length=64)], device="cpu")
    vectors = model.encode(TEXTS)
    assert np.array_equal(vectors, UniversalSentenceEncoder(most_tokens=64).encode(TEXTS))
    model.save(str(tmp_path), create_model_card=False)
    assert json.loads((tmp_path / "modules.json").read_text())[0]["type"].endswith("UniversalSentenceModule")
    again = SentenceTransformer(str(tmp_path), device="cpu", trust_remote_code=True)
    assert again[0].max_seq_length == 64
    ask = getattr(again, "get_embedding_dimension", None) or again.get_sentence_embedding_dimension
    assert ask() == DIMENSION
    assert again.encode(TEXTS).tobytes() == vectors.tobytes()


def test_a_prompt_is_part_of_the_text() -> None:
    module = UniversalSentenceModule()
    prompted = module.preprocess(["health"], prompt="query: ")
    assert prompted["input_ids"].tolist() == module.tokenize(["query: health"])["input_ids"].tolist()
