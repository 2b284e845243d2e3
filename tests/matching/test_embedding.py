"""Embedders: folding, shapes, choice of model, and the store of vectors on disk."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from matching.embedding import BUNDLED, CachedEmbedder, SentenceEmbedder, default_embedder
from matching.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class CountingEmbedder:
    """Unit vectors from the characters of a text, and a record of what was asked."""

    dimension = 4

    def __init__(self, name: str = "counting") -> None:
        self.name = name
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        rows = np.array([[len(text) + 1, text.count("a"), text.count("e"), 1] for text in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def bundled() -> SentenceEmbedder:
    return SentenceEmbedder()


def test_encode_of_no_texts_has_the_dimension(bundled: SentenceEmbedder, tmp_path: Path) -> None:
    assert bundled.encode([]).shape == (0, 512)
    assert CachedEmbedder(CountingEmbedder(), tmp_path).encode([]).shape == (0, 4)


def test_encode_folds_first(bundled: SentenceEmbedder) -> None:
    vectors = bundled.encode(
        ["為長者提供免費健康檢查", "为长者提供免费健康检查", "为长者提供免费\u200b健康检查\n"]
    )
    assert vectors.dtype == np.float32
    assert vectors[0].tobytes() == vectors[1].tobytes() == vectors[2].tobytes()


def test_meaning_is_near_across_languages(bundled: SentenceEmbedder) -> None:
    texts = {
        "zh-Hans": ("为老年人提供免费健康检查", "需要一辆货车运送捐赠的家具"),
        "zh-Hant": ("為老年人提供免費健康檢查", "需要一輛貨車運送捐贈的家具"),
        "en": ("Free health checks for older people", "We need a van to carry donated furniture"),
        "ru": ("Бесплатная проверка здоровья для пожилых", "Нужен фургон для перевозки мебели в дар"),
        "es": ("Chequeos médicos gratis para mayores", "Hace falta furgoneta para llevar muebles donados"),
    }  # fmt: skip
    checks = bundled.encode([pair[0] for pair in texts.values()])
    vans = bundled.encode([pair[1] for pair in texts.values()])
    assert (checks @ checks.T).min() > 0.5
    assert (checks @ checks.T).min() > (checks @ vans.T).max() + 0.2


def test_name_tells_models_and_prompts_apart(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    weights = tmp_path / "model" / "weights"
    weights.write_bytes(b"1")
    names = {
        SentenceEmbedder().name,
        SentenceEmbedder(prompt="query: ").name,
        SentenceEmbedder("BAAI/bge-m3").name,
        SentenceEmbedder(str(tmp_path / "model")).name,
    }
    weights.write_bytes(b"22")
    names.add(SentenceEmbedder(str(tmp_path / "model")).name)
    assert len(names) == 5
    assert SentenceEmbedder().name.startswith(BUNDLED)


def test_a_local_directory_is_loaded_with_its_own_dimension_and_prompt(tmp_path: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    try:
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    except ImportError:  # sentence-transformers 5
        from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "query": 1, "health": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    weights = torch.tensor([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    static = StaticEmbedding(tokenizer, embedding_weights=weights.numpy())
    SentenceTransformer(modules=[static], device="cpu").save(str(tmp_path), create_model_card=False)
    plain = SentenceEmbedder(str(tmp_path), batch_size=1)
    assert plain.dimension == 3
    assert plain.encode(["health", "unknown"]).tolist() == [[0, 1, 0], [0, 0, 0]]
    prompted = SentenceEmbedder(str(tmp_path), prompt="query ").encode(["health"])
    assert prompted[0].tolist() == pytest.approx([0.6, 0.8, 0])


def test_a_model_that_cannot_be_loaded_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="nothing-here") as raised:
        SentenceEmbedder(str(tmp_path / "nothing-here")).encode(["x"])
    assert raised.value.message.code == "embedding-model-not-loaded"
    assert raised.value.suggestions == (BUNDLED,)


def test_progress_bars_of_transformers_stay_as_they_were(tmp_path: Path) -> None:
    from transformers.utils import logging

    for turn, shown in ((logging.enable_progress_bar, True), (logging.disable_progress_bar, False)):
        turn()
        with pytest.raises(UnknownName):
            SentenceEmbedder(str(tmp_path / "nothing-here")).encode(["x"])
        assert logging.is_progress_bar_enabled() is shown
    logging.enable_progress_bar()


def test_cache_asks_each_text_once_and_keeps_order(tmp_path: Path) -> None:
    inner = CountingEmbedder()
    cached = CachedEmbedder(inner, tmp_path)
    texts = ["bee", "ant", "bee", "ＡＮＴ", "ant "]
    first = cached.encode(texts)
    assert inner.asked == ["bee", "ant", "ANT"]
    assert np.array_equal(first, CountingEmbedder().encode(["bee", "ant", "bee", "ANT", "ant"]))
    again = CachedEmbedder(fresh := CountingEmbedder(), tmp_path)
    assert again.encode(texts).tobytes() == first.tobytes()
    assert fresh.asked == []
    assert (again.name, again.dimension) == ("counting", 4)


def test_cache_keeps_models_apart(tmp_path: Path) -> None:
    CachedEmbedder(CountingEmbedder("one"), tmp_path).encode(["text"])
    other = CountingEmbedder("two")
    CachedEmbedder(other, tmp_path).encode(["text"])
    assert other.asked == ["text"]


def test_cache_takes_many_texts(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(1300)]
    cached = CachedEmbedder(CountingEmbedder(), tmp_path)
    first = cached.encode(texts)
    assert first.shape == (1300, 4)
    assert CachedEmbedder(CountingEmbedder(), tmp_path).encode(texts[::-1]).tobytes() == first[::-1].tobytes()


def test_default_embedder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("QIAO_EMBEDDING_MODEL", "QIAO_EMBEDDING_PROMPT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QIAO_CACHE_DIR", str(tmp_path))
    first = default_embedder()
    assert first is default_embedder()
    assert first.name == SentenceEmbedder().name
    assert first.store.path.parent == tmp_path
    monkeypatch.setenv("QIAO_EMBEDDING_MODEL", "intfloat/multilingual-e5-small")
    assert default_embedder().name == "intfloat/multilingual-e5-small?prompt=query: "
    monkeypatch.setenv("QIAO_EMBEDDING_PROMPT", "passage: ")
    assert default_embedder().name == "intfloat/multilingual-e5-small?prompt=passage: "
    monkeypatch.setenv("QIAO_EMBEDDING_MODEL", "BAAI/bge-m3")
    monkeypatch.delenv("QIAO_EMBEDDING_PROMPT")
    assert default_embedder().name == "BAAI/bge-m3"


def test_known_texts_need_no_model_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QIAO_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("QIAO_EMBEDDING_MODEL", raising=False)
    texts = ["health", "健康"]
    default_embedder().encode(texts)
    code = (
        "import sys\n"
        "from matching.embedding import default_embedder\n"
        f"assert default_embedder().encode({texts!r}).shape == (2, 512)\n"
        "assert not {'torch', 'sentence_transformers', 'transformers'} & set(sys.modules)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], env={"QIAO_CACHE_DIR": str(tmp_path), "PYTHONPATH": "."}, check=True
    )


def test_the_bundled_model_needs_neither_torch_nor_sentence_transformers() -> None:
    code = (
        "import sys\n"
        "from matching.embedding import SentenceEmbedder\n"
        "assert SentenceEmbedder().encode(['health']).shape == (1, 512)\n"
        "assert not {'torch', 'sentence_transformers', 'transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
