"""The retrieval benchmark is whole: counts, ids, languages, lengths, grades, split, no duplicates."""

from __future__ import annotations

import csv
import re
from collections import Counter
from itertools import combinations

import pytest

from matching.resources import data_path

LANGUAGES = ("zh-Hans", "zh-Hant", "en", "ru", "es")
CHARACTERS_PER_WORD = 1.7
HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]|[A-Za-z0-9]+")
STOPWORDS = {
    "en": {"the", "and", "of", "to", "a", "for", "we", "in", "our", "is"},
    "es": {"de", "la", "el", "y", "que", "en", "los", "las", "para", "con"},
}


def rows(name: str) -> list[dict[str, str]]:
    with data_path("benchmark", name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


INTENTS = {row["intent"]: row for row in rows("intents.csv")}
NEEDS = rows("needs.csv")
OFFERS = rows("offers.csv")
RELEVANCE = rows("relevance.csv")
RELATED = rows("intents_related.csv")
TEXTS = NEEDS + OFFERS


def words(row: dict[str, str]) -> float:
    """Words in the text, the title not counted; a Chinese word is counted as 1.7 characters."""
    if row["language"].startswith("zh"):
        return len(HAN.findall(row["text"])) / CHARACTERS_PER_WORD
    return len(re.findall(r"\w+(?:[-'’]\w+)*", row["text"]))


def sentences(text: str) -> set[str]:
    return {
        part.strip().casefold() for part in re.split(r"[.!?。！？;；\n]", text) if len(part.strip()) >= 20
    }


def test_counts_reach_the_promised_size() -> None:
    assert len(INTENTS) == 60
    assert len(NEEDS) == 200
    assert len(OFFERS) == 300


@pytest.mark.parametrize(("prefix", "table"), [("n", NEEDS), ("o", OFFERS)])
def test_ids_are_unique_and_follow_intent_and_language(prefix: str, table: list[dict[str, str]]) -> None:
    assert len({row["id"] for row in table}) == len(table)
    assert [row["id"] for row in table if row["id"] != f"{prefix}-{row['intent']}-{row['language']}"] == []


def test_every_intent_is_written_in_all_five_languages() -> None:
    wanted = {
        (name, lang) for name, row in INTENTS.items() if row["has_needs"] == "yes" for lang in LANGUAGES
    }
    assert {(row["intent"], row["language"]) for row in NEEDS} == wanted
    assert {(row["intent"], row["language"]) for row in OFFERS} == {
        (n, lang) for n in INTENTS for lang in LANGUAGES
    }


@pytest.mark.parametrize(("column", "scheme"), [("theme", "themes"), ("kind", "kinds"), ("group", "groups")])
def test_intents_use_codes_of_the_vocabulary(column: str, scheme: str) -> None:
    with data_path("vocabulary", f"{scheme}.csv").open(encoding="utf-8", newline="") as file:
        codes = {row["code"] for row in csv.DictReader(file)}
    assert {row[column] for row in INTENTS.values()} <= codes


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_between_20_and_150_words(language: str) -> None:
    lengths = {row["id"]: words(row) for row in TEXTS if row["language"] == language}
    assert {name: n for name, n in lengths.items() if not 20 <= n <= 150} == {}


def test_texts_vary_in_length() -> None:
    for language in LANGUAGES:
        lengths = sorted(words(row) for row in NEEDS if row["language"] == language)
        assert lengths[-1] >= 2 * lengths[0]


def test_titles_are_there_and_on_one_line() -> None:
    assert [row["id"] for row in TEXTS if not row["title"].strip() or "\n" in row["title"]] == []


def test_chinese_texts_are_in_the_script_they_claim() -> None:
    from opencc import OpenCC

    simplify = OpenCC("t2s").convert
    chinese = {
        row["id"]: (row["language"], row["title"] + row["text"]) for row in TEXTS if "zh" in row["language"]
    }
    wrong = [
        name for name, (lang, text) in chinese.items() if (simplify(text) == text) != (lang == "zh-Hans")
    ]
    assert wrong == []


def test_other_texts_are_in_the_language_they_claim() -> None:
    for row in TEXTS:
        found = re.findall(r"[^\W\d_]+", row["text"].lower())
        cyrillic = sum(bool(re.match("[а-яё]", word)) for word in found)
        if row["language"] == "ru":
            assert cyrillic > 0.85 * len(found), row["id"]
        elif row["language"] in STOPWORDS:
            hits = {lang: sum(word in common for word in found) for lang, common in STOPWORDS.items()}
            assert cyrillic == 0, row["id"]
            assert hits[row["language"]] == max(hits.values()) > min(hits.values()), row["id"]


def test_no_text_title_or_sentence_occurs_twice() -> None:
    for part in ("text", "title"):
        seen = Counter(" ".join(row[part].casefold().split()) for row in TEXTS)
        assert [text for text, times in seen.items() if times > 1] == []
    repeated = Counter(sentence for row in TEXTS for sentence in sentences(row["text"]))
    assert [sentence for sentence, times in repeated.items() if times > 1] == []


def test_no_two_texts_of_a_language_are_near_copies() -> None:
    for language in LANGUAGES:
        grams = {
            row["id"]: {row["text"][i : i + 5] for i in range(len(row["text"]) - 4)}
            for row in TEXTS
            if row["language"] == language
        }
        near = [
            (a, b)
            for (a, left), (b, right) in combinations(grams.items(), 2)
            if len(left & right) > 0.5 * min(len(left), len(right))
        ]
        assert near == []


def test_every_need_has_one_best_offer_in_each_language() -> None:
    offers = {row["id"]: row for row in OFFERS}
    best = Counter(
        (row["need"], offers[row["offer"]]["language"]) for row in RELEVANCE if row["grade"] == "2"
    )
    assert best == Counter({(need["id"], language): 1 for need in NEEDS for language in LANGUAGES})


def test_relevance_follows_from_intents_and_related_pairs() -> None:
    grades = {(name, name): "2" for name in INTENTS}
    grades |= {(row["intent"], row["related_intent"]): "1" for row in RELATED}
    wanted = {
        (need["id"], offer["id"]): grades[need["intent"], offer["intent"]]
        for need in NEEDS
        for offer in OFFERS
        if (need["intent"], offer["intent"]) in grades
    }
    assert {(row["need"], row["offer"]): row["grade"] for row in RELEVANCE} == wanted
    assert len(RELEVANCE) == len(wanted)


def test_related_pairs_are_reasoned_and_stay_on_one_side() -> None:
    for row in RELATED:
        need, offer = INTENTS[row["intent"]], INTENTS[row["related_intent"]]
        assert need["has_needs"] == "yes"
        assert row["intent"] != row["related_intent"]
        assert need["theme"] == offer["theme"]
        assert len(row["why"].split()) >= 8


def test_split_is_disjoint_by_family_and_theme_and_even() -> None:
    for column in ("family", "theme"):
        sides = {
            split: {row[column] for row in INTENTS.values() if row["split"] == split}
            for split in ("held-in", "held-out")
        }
        assert not sides["held-in"] & sides["held-out"]
        assert {len(side) for side in sides.values()} == {7}
    assert Counter(INTENTS[row["intent"]]["split"] for row in NEEDS) == {"held-in": 100, "held-out": 100}
    assert Counter(INTENTS[row["intent"]]["split"] for row in OFFERS) == {"held-in": 150, "held-out": 150}


def test_every_need_meets_hard_distractors_on_its_own_theme() -> None:
    for name in {row["intent"] for row in NEEDS}:
        own = INTENTS[name]
        rivals = [row for other, row in INTENTS.items() if other != name and row["theme"] == own["theme"]]
        different = [row for row in rivals if row["kind"] != own["kind"] or row["group"] != own["group"]]
        assert len(rivals) >= 3, name
        assert rivals == different, name
