import csv
import random
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score as agreement

from matching.embedding import default_embedder
from matching.resources import data_path
from matching.scenarios import load_scenario
from matching.themes import Asked, read_needs, suggest_themes
from tests.builders import need


def rows_of(name):
    with data_path("benchmark", f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def benchmark():
    """The benchmark's 200 needs in five languages, with the intent and theme of each by id."""
    theme = {row["intent"]: row["theme"] for row in rows_of("intents")}
    rows = rows_of("needs")
    needs = read_needs([need(row["id"], title=row["title"], text=row["text"]) for row in rows])
    return needs, {row["id"]: (row["intent"], theme[row["intent"]]) for row in rows}


def asked(id_, vector, *, title="", themes=(), groups=(), language="en", words=()):
    row = np.array(vector, dtype=np.float32)
    return Asked(
        need=need(id_, title=title or id_, themes=frozenset(themes), groups=frozenset(groups)),
        vector=row / np.linalg.norm(row),
        language=language,
        words=words,
        concepts={"themes": frozenset(themes), "groups": frozenset(groups)},
    )


def test_needs_in_five_languages_fall_into_what_they_are_about(benchmark):
    needs, truth = benchmark
    found = suggest_themes(needs, default_embedder().name, most=100)
    place = {id_: number for number, theme in enumerate(found) for id_ in theme.needs}
    ids = sorted(truth)
    labels = [place.get(id_, -number) for number, id_ in enumerate(ids, 1)]
    assert agreement([truth[id_][0] for id_ in ids], labels) > 0.95
    assert agreement([truth[id_][1] for id_ in ids], labels) > 0.8
    languages = [{id_.split("-")[-1] for id_ in theme.needs} for theme in found]
    assert sum(len(spoken) >= 4 for spoken in languages) > len(found) / 2, "themes cross languages"


def test_same_needs_give_the_same_themes_in_any_order(benchmark):
    needs, _ = benchmark
    shuffled = list(needs)
    random.Random(7).shuffle(shuffled)
    model = default_embedder().name
    assert suggest_themes(shuffled, model) == suggest_themes(needs, model)


def test_liaocheng_asks_first_for_the_old_and_then_for_the_young():
    needs = read_needs(load_scenario("liaocheng").profiles.needs)
    old, young = suggest_themes(needs, default_embedder().name)[:2]
    assert (old.themes, old.groups) == (("elderly-care",), ("elderly",))
    assert young.themes[0] == "child-welfare"
    assert old.size >= young.size >= 8
    assert old.keywords("ru")[:2] == ("Забота о пожилых", "Пожилые люди")
    assert old.keywords("zh-Hans")[0] == "养老助老"
    assert "老人" in old.keywords("zh-Hans")
    assert set(old.examples) < set(old.needs)


def test_words_are_those_of_titles_that_set_a_theme_apart_written_out():
    libraries = [
        asked(f"a{n}", [1, 0.01 * n, 0, 0], title=title, words=("villag", "librari", "need"))
        for n, title in enumerate(["Village libraries", "We need village libraries", "Village libraries now"])
    ]
    dogs = [
        asked(f"b{n}", [0, 0, 1, 0.01 * n], title="We need dog walkers", words=("dog", "walker", "need"))
        for n in range(3)
    ]
    words = {theme.needs[0][0]: theme.words["en"] for theme in suggest_themes([*libraries, *dogs])}
    assert words == {"a": ("libraries", "village"), "b": ("dog", "walkers")}


def test_chinese_words_are_shown_in_the_readers_script():
    needs = [
        asked(f"n{n}", [1, 0.1 * n, 0], title="图书馆", language="zh-Hans", words=("图书馆",))
        for n in range(2)
    ]
    others = [asked("x", [0, 0, 1], language="zh-Hant", words=("水",))]
    (theme,) = suggest_themes([*needs, *others])
    assert theme.words == {"zh-Hans": ("图书馆",), "zh-Hant": ("圖書館",)}


def test_stated_themes_draw_needs_together_and_mentioned_ones_only_name_them():
    apart = [[1, 0, 0, 0], [0.28, 0.96, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    plain = [asked(f"n{n}", vector) for n, vector in enumerate(apart)]
    assert suggest_themes(plain) == [], "too far apart by meaning alone"
    mentioned = [replace(one, concepts={"themes": {"health"}, "groups": {"elderly"}}) for one in plain]
    assert suggest_themes(mentioned) == []
    stated = [
        asked(
            f"n{n}", vector, themes={"health"} if n < 2 else {"sports"}, groups={"elderly"} if n < 2 else ()
        )
        for n, vector in enumerate(apart)
    ]
    assert ("health",) in [theme.themes for theme in suggest_themes(stated)]


def test_single_needs_are_no_theme_and_none_gives_none():
    assert suggest_themes([]) == []
    assert suggest_themes([asked("n1", [1, 0])]) == []
    pair = [asked("n1", [1, 0, 0]), asked("n2", [1, 0.01, 0]), asked("n3", [0, 0, 1])]
    assert [theme.needs for theme in suggest_themes(pair)] == [("n1", "n2")]
    assert suggest_themes(pair, least=3) == []
    assert suggest_themes(pair, most=0) == []
