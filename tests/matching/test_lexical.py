"""Shared words within a language."""

from __future__ import annotations

import numpy as np
import pytest

from matching.lexical import Lexicon

TEXTS = [
    "Wheelchairs for disabled children",
    "We lend wheelchairs to hospitals",
    "Music lessons for children in the village",
    "Коляски для детей-инвалидов",
    "Выдаём коляски больницам",
    "為殘障兒童提供輪椅",
    "轮椅借给医院",
    "legal aid",
    "",
]


def overlap(a: int, b: int) -> float:
    rows = Lexicon(TEXTS).weigh(TEXTS)
    return float(rows.overlap(np.array([a]), rows, np.array([b]))[0])


@pytest.mark.parametrize(("a", "b"), [(0, 1), (3, 4), (5, 6)])
def test_overlap_counts_shared_words_in_each_language_and_both_chinese_scripts(a: int, b: int) -> None:
    assert 0 < overlap(a, b) < 1
    assert overlap(a, b) == pytest.approx(overlap(b, a))


def test_overlap_is_one_with_itself_and_zero_for_no_words() -> None:
    assert [overlap(i, i) for i in range(8)] == pytest.approx([1.0] * 8)
    assert overlap(8, 8) == 0
    assert overlap(0, 8) == 0


def test_overlap_across_languages_is_zero_even_for_the_same_letters() -> None:
    texts = [
        "Solar panels for the school roof from ACME",
        "Paneles solares de ACME para la escuela del barrio",
    ]
    rows = Lexicon(texts).weigh(texts)
    assert rows.overlap(np.array([0]), rows, np.array([1])).tolist() == [0.0]


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    texts = ["children and violins", *["children and something"] * 5, "violins wanted", "children wanted"]
    rows = Lexicon(texts).weigh(texts)
    rare, common = rows.found_in(np.array([0, 0]), rows, np.array([6, 7]))
    assert rare > common > 0


def test_texts_outside_the_collection_can_be_compared() -> None:
    lexicon = Lexicon(TEXTS)
    query = lexicon.weigh(["wheelchair unknownword", "трактор"])
    found = query.found_in(np.array([0, 0, 1]), lexicon.weigh(TEXTS), np.array([1, 2, 3]))
    assert found[0] > 0
    assert found[1:].tolist() == [0, 0]


def test_an_empty_collection_has_no_words() -> None:
    rows = Lexicon([]).weigh(["anything"])
    assert rows.overlap(np.array([0]), rows, np.array([0])).tolist() == [0]
