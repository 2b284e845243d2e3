"""Centring: what a language's texts have in common goes, what a few texts are about stays."""

from __future__ import annotations

import numpy as np
import pytest

from matching.candidates import profile_vectors
from matching.centring import Centring, usual_means
from matching.embedding import default_embedder
from matching.profiles import Organization, Profile, Side
from matching.text import LANGUAGES

WATER = (
    "山区小学净水设备：六所村小没有干净的饮用水，孩子们喝的是井水。",
    "偏鄉部落簡易自來水：水塔老舊，居民需要乾淨的飲用水。",
    "村里打一口深井，解决两百户人家的饮水困难。",
    "Wells for three villages: women walk an hour for drinking water.",
    "Water filters for rural schools, and training for those who look after them.",
    "Чистая вода для сельских школ: нужны фильтры для питьевой воды.",
    "Pozos y filtros de agua para comunidades rurales sin agua potable.",
)
OTHER = (
    "Adopt a dog from our shelter",
    "Шахматный кружок для подростков",
    "财务记账服务",
    "Clases de guitarra",
)


def vectors(texts: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
    nobody = Organization(id="o", name="o")
    return profile_vectors(
        [
            Profile(id=str(n), side=Side.NEED, title=text, text="", lines=(), organization=nobody)
            for n, text in enumerate(texts)
        ]
    )


def test_a_few_texts_about_one_thing_are_found_by_it_and_by_nothing_else() -> None:
    pool = vectors(WATER)
    centring = Centring(*pool, usual_means(default_embedder().name))
    rows = centring.centre(*pool)
    asked = centring.centre(*vectors(("agua potable rural", "чистая вода", "饮用水", "drinking water")))
    others = centring.centre(*vectors(OTHER))
    assert (asked @ rows.T).min() > (others @ rows.T).max()
    assert (asked @ rows.T).mean() > 0.3
    assert (others @ rows.T).mean() < 0.05


def test_a_languages_own_mean_is_taken_away_when_there_is_enough_of_it() -> None:
    generator = np.random.default_rng(0)
    languages = ["en"] * 200 + ["ru"] * 200
    shift = np.where(np.arange(400)[:, None] < 200, [[2.0, 0, 0, 0]], [[0, 2.0, 0, 0]])
    rows = (generator.normal(size=(400, 4)) + shift).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for usual in ({}, {"und": np.zeros(4), "ru": np.array([0, 0, 0, 1.0])}):
        centred = Centring(rows, languages, usual).centre(rows, languages)
        assert rows[:200].mean(axis=0).max() > 0.6
        assert np.abs(centred.reshape(2, 200, 4).mean(axis=1)).max() < 0.25
        assert np.linalg.norm(centred, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_pool_of_two_stays_much_as_it_was_also_under_a_model_that_was_not_measured() -> None:
    rows = np.array([[1, 0], [0.8, 0.6]], np.float32)
    centring = Centring(rows, ["en", "es"], usual_means("another/model"))
    centred = centring.centre(rows, ["en", "es"])
    assert centred[0] @ centred[1] > 0.5
    assert centring.centre(rows[:1], ["ru"]).shape == (1, 2)
    assert centring.centre(rows[:0], []).shape == (0, 2)


def test_the_usual_means_are_those_of_the_benchmark() -> None:
    from tests.data.means import means

    usual = usual_means(default_embedder().name)
    assert set(usual) == {*LANGUAGES, "und"}
    for language, mean in means().items():
        assert usual[language] == pytest.approx(mean, abs=1e-4)
