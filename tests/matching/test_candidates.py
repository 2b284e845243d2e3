"""Candidate pairs: meaning across five languages, both sides' lists, and independence of order."""

from __future__ import annotations

import csv
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from matching import candidates as module
from matching.candidates import CandidateIndex, Candidates, candidates, semantic_feature
from matching.profiles import Organization, Profile, Side
from matching.resources import data_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NEEDS = {
    "zh-Hans": ("需要轮椅", "我们养老院有三十位老人行动不便，急需轮椅。"),
    "zh-Hant": ("徵求小提琴老師", "偏鄉學校的孩子想學小提琴，卻沒有老師。"),
    "en": ("A lawyer for migrant families", "Migrant workers here need legal advice on unpaid wages."),
    "ru": ("Нужен фургон", "Развозим мебель многодетным семьям, нужна машина с водителем."),
    "es": ("Alimentos para el comedor", "Nuestro comedor social necesita arroz, aceite y legumbres."),
}
OFFERS = {
    "wheelchairs": ("Wheelchairs to give away", "Our clinic gives used wheelchairs to homes for old people."),
    "violin": ("Уроки скрипки", "Музыканты оркестра бесплатно учат сельских детей играть на скрипке."),
    "law": ("免费法律援助", "律师事务所为外来务工人员提供讨薪法律咨询。"),
    "van": ("Furgoneta con conductor", "Cedemos una furgoneta con conductor para llevar muebles donados."),
    "food": ("捐贈米糧", "食品公司捐贈白米、食用油和豆類給社區食堂。"),
}  # fmt: skip
EXPECTED = dict(zip(NEEDS, OFFERS, strict=True))


def profile(key: str, side: Side, title: str, text: str = "", **facts: Any) -> Profile:
    organization = Organization(id=f"o-{key}", name=key)
    return Profile(id=key, side=side, title=title, text=text, organization=organization, lines=(), **facts)


def needs() -> list[Profile]:
    return [profile(key, Side.NEED, *texts) for key, texts in NEEDS.items()]


def offers(**facts: object) -> list[Profile]:
    return [profile(key, Side.OFFER, *texts, **facts) for key, texts in OFFERS.items()]


class Fixed:
    """Vectors that are stated: for what does not depend on a model."""

    name = "fixed"

    def __init__(self, vectors: dict[str, Sequence[float]], dimension: int = 2) -> None:
        self.vectors = vectors
        self.dimension = dimension

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.array([self.vectors[text] for text in texts], np.float32).reshape(-1, self.dimension)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def circle(count: int, prefix: str) -> dict[str, Sequence[float]]:
    """Texts (single made-up words) around a circle, so that the mean is zero."""
    angles = 2 * np.pi * np.arange(count) / count
    return {f"{prefix}{i:04}": (float(np.cos(a)), float(np.sin(a))) for i, a in enumerate(angles)}


def pairs(found: Candidates) -> set[tuple[int, int]]:
    return set(zip(found.need.tolist(), found.offer.tolist(), strict=True))


def test_candidates_finds_the_right_offer_in_another_language() -> None:
    found = candidates(needs(), offers())
    assert len(found) == 25
    best = found.semantic.reshape(5, 5)
    assert best.argmax(axis=1).tolist() == [0, 1, 2, 3, 4]
    assert np.diag(best).min() > 0.7
    assert np.median(best[~np.eye(5, dtype=bool)]) < 0.2


def test_candidates_features_lie_between_zero_and_one_and_pairs_are_sorted() -> None:
    found = candidates(needs(), offers())
    for feature in (found.semantic, found.lexical, found.concept):
        assert feature.shape == (25,)
        assert feature.min() >= 0
        assert feature.max() <= 1
    codes = found.need * 5 + found.offer
    assert (np.diff(codes) > 0).all()


def test_candidates_of_nothing_are_none() -> None:
    assert len(candidates([], offers())) == 0
    assert len(candidates(needs(), [])) == 0


def test_candidates_do_not_depend_on_the_order_given() -> None:
    ours, theirs = needs(), offers()
    first = candidates(ours, theirs, k=2)
    shuffled = random.Random(3)
    for _ in range(3):
        mixed_needs, mixed_offers = shuffled.sample(ours, 5), shuffled.sample(theirs, 5)
        again = candidates(mixed_needs, mixed_offers, k=2)
        named = {
            (mixed_needs[n].id, mixed_offers[o].id): features
            for n, o, *features in zip(
                again.need, again.offer, again.semantic, again.lexical, again.concept, strict=True
            )
        }
        assert named == {
            (ours[n].id, theirs[o].id): features
            for n, o, *features in zip(
                first.need, first.offer, first.semantic, first.lexical, first.concept, strict=True
            )
        }


def test_equal_offers_are_taken_by_id() -> None:
    ours = [profile("n", Side.NEED, "x")]
    theirs = [profile(key, Side.OFFER, "y", most_projects=0) for key in ("c", "a", "b")]
    texts: dict[str, Sequence[float]] = {"x": (1, 0), "y": (1, 0)}
    scores, found = CandidateIndex(theirs, Fixed(texts)).search(["x"], 2)
    assert [theirs[i].id for i in found[0]] == ["a", "b"]
    assert scores[0, 0] == scores[0, 1]
    assert len(candidates(ours, theirs, Fixed(texts), k=1)) == 3


def test_an_offers_own_list_grows_with_what_it_can_carry() -> None:
    vectors = circle(60, "need") | circle(40, "offer")
    ours = [profile(text, Side.NEED, text) for text in vectors if text.startswith("need")]

    def carried(most: int | None) -> int:
        theirs = [
            profile(text, Side.OFFER, text, most_projects=most if text == "offer0000" else 0)
            for text in vectors
            if text.startswith("offer")
        ]
        found = candidates(ours, theirs, Fixed(vectors), k=1)
        return int((found.offer == 0).sum())

    assert carried(1) == 8
    assert carried(4) == 17
    assert carried(None) == 35


def test_pairs_to_include_are_there_and_unknown_ids_are_passed_over() -> None:
    vectors = circle(60, "need") | circle(60, "offer")
    ours = [profile(text, Side.NEED, text) for text in vectors if text.startswith("need")]
    theirs = [
        profile(text, Side.OFFER, text, most_projects=0) for text in vectors if text.startswith("offer")
    ]
    without = pairs(candidates(ours, theirs, Fixed(vectors), k=1))
    assert (0, 30) not in without
    include = [("need0000", "offer0030"), ("nobody", "offer0000"), ("need0000", "nobody")]
    assert pairs(candidates(ours, theirs, Fixed(vectors), k=1, include=include)) == without | {(0, 30)}


def test_stated_themes_count_before_those_in_the_text() -> None:
    ours = [profile("n", Side.NEED, "x", themes=frozenset({"sports"}), groups=frozenset({"youth"}))]
    theirs = [
        profile("a", Side.OFFER, "y", themes=frozenset({"sports"}), groups=frozenset({"youth"})),
        profile("b", Side.OFFER, "y", themes=frozenset({"sports", "health", "education", "climate-energy"})),
        profile("c", Side.OFFER, "y"),
    ]
    found = candidates(ours, theirs, Fixed({"x": (1, 0), "y": (1, 0)}))
    assert found.concept.tolist() == pytest.approx([1.0, 0.3, 0.0])


def test_themes_in_texts_bridge_languages() -> None:
    found = candidates(needs(), offers())
    concept = found.concept.reshape(5, 5)
    assert np.diag(concept).mean() > concept[~np.eye(5, dtype=bool)].mean()


def test_search_finds_in_any_language_and_says_how_well() -> None:
    theirs = offers()[::-1]
    index = CandidateIndex(theirs)
    scores, found = index.search(["silla de ruedas", "скрипка", "legal advice for workers", "食物"], k=3)
    assert scores.shape == found.shape == (4, 3)
    assert [theirs[i].id for i in found[:, 0]] == ["wheelchairs", "violin", "law", "food"]
    assert (np.diff(scores, axis=1) <= 0).all()


def test_search_of_nothing_or_in_nothing_is_empty() -> None:
    assert CandidateIndex(offers()).search([], 3)[1].shape == (0, 3)
    assert CandidateIndex([]).search(["x"], 3)[1].shape == (1, 0)


@pytest.mark.parametrize("flat_until", [1000, 100])
def test_large_indexes_give_the_nearest(flat_until: int) -> None:
    vectors = circle(600, "offer")
    theirs = [profile(text, Side.OFFER, text) for text in vectors]
    index = CandidateIndex(theirs, Fixed(vectors), flat_until=flat_until)
    _, found = index.search(["offer0100", "offer0500"], 5)
    assert found[0, 0] == 100
    assert found[1, 0] == 500
    assert set(found[0].tolist()) == {98, 99, 100, 101, 102}


def test_large_sides_give_each_need_its_nearest_offers() -> None:
    vectors = circle(1200, "need") | circle(600, "offer")
    ours = [profile(text, Side.NEED, text) for text in vectors if text.startswith("need")]
    theirs = [
        profile(text, Side.OFFER, text, most_projects=0) for text in vectors if text.startswith("offer")
    ]
    found = pairs(candidates(ours, theirs, Fixed(vectors), k=3))
    assert {offer for need, offer in found if need == 1100} >= {549, 550, 551}


def test_semantic_feature_rises_from_unrelated_to_related() -> None:
    unrelated, middle, related = semantic_feature(np.array([0.0, 0.2, 0.39]))
    assert unrelated < 0.1
    assert middle == 0.5
    assert related > 0.8


def test_take_keeps_the_chosen_pairs() -> None:
    found = candidates(needs(), offers())
    some = found.take(np.array([3, 1]))
    assert some.offer.tolist() == [found.offer[3], found.offer[1]]
    assert some.semantic.tolist() == [found.semantic[3], found.semantic[1]]


def test_the_benchmark_is_answered_across_languages() -> None:
    """Accuracy at one over all directed pairs of languages, on the half that nothing was tuned on."""
    folder = data_path("benchmark")
    split = {}
    for row in csv.DictReader((folder / "intents.csv").open(encoding="utf-8")):
        split[row["intent"]] = row["split"]
    sides = []
    for name, side in (("needs.csv", Side.NEED), ("offers.csv", Side.OFFER)):
        with (folder / name).open(encoding="utf-8") as file:
            sides.append(
                [
                    (profile(row["id"], side, row["title"], row["text"]), row["intent"], row["language"])
                    for row in csv.DictReader(file)
                ]
            )
    ours, theirs = sides
    found = candidates([row[0] for row in ours], [row[0] for row in theirs], k=len(theirs))
    score = np.zeros((len(ours), len(theirs)))
    cosine = np.log(found.semantic / (1 - found.semantic)) * module._SCALE
    score[found.need, found.offer] = (
        cosine + module.LEXICAL_BONUS * found.lexical + module.CONCEPT_BONUS * found.concept
    )
    hits = []
    languages = np.array([row[2] for row in theirs])
    for i, (_, intent, language) in enumerate(ours):
        if split[intent] == "held-out":
            for other in dict.fromkeys(row[2] for row in theirs):
                if other != language:
                    columns = np.flatnonzero(languages == other)
                    hits.append(theirs[columns[score[i, columns].argmax()]][1] == intent)
    assert len(hits) >= 400
    assert np.mean(hits) >= 0.9
