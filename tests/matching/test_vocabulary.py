"""The vocabulary files are whole, and their words are found as people write them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from matching.errors import UnknownName, UnreadableFile
from matching.resources import data_path
from matching.text import LANGUAGES, fold
from matching.vocabulary import CONCEPT_SCHEMES, SCHEMES, Vocabulary, default_vocabulary

ROOT = Path(__file__).resolve().parents[2]
SDG = ROOT.parent / "shared" / "reference" / "sdg"
SLIPS = {("zh-Hans", 17), ("zh-Hans", 9), ("ru", 8)}
"""Goals whose short title in the reference has a slip."""

HEADER = ["code", "broader", *(c for language in LANGUAGES for c in (language, f"{language}_synonyms"))]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return default_vocabulary()


def _row(code: str, broader: str = "", **cells: str) -> dict[str, str]:
    labels = {language: f"{code} {language}" for language in LANGUAGES}
    return dict.fromkeys(HEADER, "") | labels | {"code": code, "broader": broader} | cells


def _directory(folder: Path, rows: list[dict[str, str]], header: list[str] | None = None) -> Path:
    """A vocabulary whose themes are `rows`, all else as shipped."""
    for scheme in SCHEMES:
        (folder / f"{scheme}.csv").write_bytes(data_path("vocabulary", f"{scheme}.csv").read_bytes())
    with (folder / "themes.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header or HEADER, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.mark.parametrize("scheme", SCHEMES)
def test_scheme_has_five_labels_per_code(vocabulary: Vocabulary, scheme: str) -> None:
    for code in vocabulary.codes(scheme):
        for language in LANGUAGES:
            assert vocabulary.label(scheme, code, language).strip()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_simplified_labels_are_simplified(vocabulary: Vocabulary, scheme: str) -> None:
    for code in vocabulary.codes(scheme):
        label = vocabulary.label(scheme, code, "zh-Hans")
        assert fold(label) == fold(label.strip())
        assert re.findall("[一-鿿]", fold(label)) == re.findall("[一-鿿]", label)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_name_resolves_to_its_own_code_only(vocabulary: Vocabulary, scheme: str) -> None:
    """The index refuses a name of two codes, so that each must come back as its own."""
    for code, concept in vocabulary.schemes[scheme].items():
        assert vocabulary.resolve(scheme, code) == code
        for _, name in concept.names():
            assert vocabulary.resolve(scheme, name.removeprefix("=")) == code


@pytest.mark.parametrize("scheme", ["themes", "groups", "kinds"])
def test_bridge_schemes_have_many_synonyms(vocabulary: Vocabulary, scheme: str) -> None:
    for code, concept in vocabulary.schemes[scheme].items():
        for language in LANGUAGES:
            assert len(concept.synonyms[language]) >= 4, (code, language)


def test_goals_are_seventeen_with_official_short_titles(vocabulary: Vocabulary) -> None:
    assert vocabulary.codes("goals") == tuple(f"sdg-{n}" for n in range(1, 18))
    if not SDG.is_dir():
        pytest.skip("no reference titles beside the checkout (../shared/reference/sdg)")
    for language in ("zh-Hans", "en", "ru", "es"):
        text = (SDG / f"goals.{language}.yml").read_text(encoding="utf-8")
        titles = {int(n): t.strip().strip("'\"") for n, t in re.findall(r"(?m)^(\d+)-short: (.+)$", text)}
        assert len(titles) == 17
        for number, title in titles.items():
            if (language, number) not in SLIPS:
                assert vocabulary.resolve("goals", title) == f"sdg-{number}", title


def test_attributes_of_schemes_are_known_values(vocabulary: Vocabulary) -> None:
    plans = {"elderly", "disabled", "youth", "needy", "migrants", "other"}
    sectors = {"government", "enterprise", "finance", "society"}
    types = {"country", "province", "city", "district", "community"}
    assert {vocabulary.attribute("groups", c, "plan") for c in vocabulary.codes("groups")} == plans
    kinds = vocabulary.codes("organization_kinds")
    assert {vocabulary.attribute("organization_kinds", c, "sector") for c in kinds} == sectors
    assert {vocabulary.attribute("places", c, "type") for c in vocabulary.codes("places")} == types
    for code in vocabulary.codes("link_types"):
        assert vocabulary.attribute("link_types", code, "sector_a") in sectors
        assert vocabulary.attribute("link_types", code, "sector_b") == "society"


@pytest.mark.parametrize(
    ("scheme", "text", "code"),
    [
        ("themes", "飲用水", "water-sanitation"),
        ("themes", "WATER & SANITATION", "water-sanitation"),
        ("themes", "water and sanitation", "water-sanitation"),
        ("themes", "Agua y Saneamiento", "water-sanitation"),
        ("themes", "ПИТЬЕВАЯ ВОДА", "water-sanitation"),
        ("themes", "educacion", "education"),
        ("themes", "ecología", "environment"),
        ("groups", "志愿者", None),
        ("groups", "銀髮族", "elderly"),
        ("groups", "приемные семьи", "families"),
        ("kinds", "服务", "services"),
        ("kinds", "ｇｒａｎｔ", "money"),
        ("kinds", "志工", "volunteers"),
        ("goals", "6", "sdg-6"),
        ("goals", "SDG 17", "sdg-17"),
        ("goals", "永續發展目標４", "sdg-4"),
        ("organization_kinds", "基金会", "ngo"),
        ("organization_kinds", "ООО", "business"),
        ("link_types", "政社", "government-society"),
        ("units", "场次", "session"),
        ("units", "часов", "hour"),
        ("units", "㎡", "square-metre"),
        ("currencies", "₽", "RUB"),
        ("currencies", "руб.", "RUB"),
        ("currencies", "￥", "CNY"),
        ("currencies", "HK$", "HKD"),
        ("places", "臺北市", "taipei"),
        ("places", "福田區", "futian"),
        ("places", "EE. UU.", "us"),
        ("places", "", None),
        ("places", "…", None),
    ],
)
def test_resolve_ignores_case_width_script_accents_and_marks(
    vocabulary: Vocabulary, scheme: str, text: str, code: str | None
) -> None:
    assert vocabulary.resolve(scheme, text) == code


@pytest.mark.parametrize(
    ("scheme", "text", "code"),
    [
        ("themes", "watr sanitaton", "water-sanitation"),
        ("kinds", "волонтеры-студенты", "volunteers"),
        ("places", "Futain", "futian"),
        ("groups", "残疾青少年", "people-with-disabilities"),
        ("kinds", "capacitasión", "training"),
    ],
)
def test_suggest_names_the_nearest(vocabulary: Vocabulary, scheme: str, text: str, code: str) -> None:
    assert code in vocabulary.suggest(scheme, text)


def test_suggest_gives_no_more_than_asked_and_nothing_for_nothing(vocabulary: Vocabulary) -> None:
    assert len(vocabulary.suggest("themes", "education", 2)) == 2
    assert vocabulary.suggest("themes", "education", 1) == ["education"]
    assert vocabulary.suggest("themes", "education", 0) == []
    assert vocabulary.suggest("themes", "—") == []
    assert vocabulary.suggest("units", "qqqqqqqqqqqqqq") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "山区留守儿童喝不上干净水，想装净水器",
            {"left-behind-children", "water-sanitation", "rural-residents"},
        ),
        ("獨居長者需要志工送餐，臺北", {"elderly", "volunteers", "taipei"}),
        ("Село осталось без питьевой воды: нужно бурение скважин", {"water-sanitation"}),
        ("В Серпухове пожилым людям нужны волонтёры", {"serpukhov", "elderly", "volunteers"}),
        ("Хотим добровольцев для детей-сирот", {"volunteers", "orphans"}),
        (
            "Buscamos perforar pozos en Oaxaca y capacitaciones para mujeres",
            {"water-sanitation", "women", "oaxaca"},
        ),
        ("pozos", {"water-sanitation"}),
        ("capacitacion para jovenes", {"training", "youth"}),
        ("Legal advice for refugees in Kenya, supporting SDG 16", {"legal-aid", "migrants", "ke", "sdg-16"}),
        ("可持续发展目标6", {"sdg-6"}),
        ("留守\n儿童", {"left-behind-children"}),
    ],
)
def test_concepts_are_found_in_five_languages(vocabulary: Vocabulary, text: str, expected: set[str]) -> None:
    found = vocabulary.concepts(text)
    assert set(found) == set(CONCEPT_SCHEMES)
    assert expected <= {code for codes in found.values() for code in codes}


@pytest.mark.parametrize(
    ("text", "scheme", "code"),
    [
        ("社会计划已经完成", "kinds", "services"),
        ("全国学生大会", "themes", "heritage"),
        ("留守儿童", "groups", "children"),
        ("目标17", "goals", "sdg-1"),
        ("We wash cars by hand", "themes", "water-sanitation"),
        ("The mayor joined the parade with his personal staff car", "groups", "unemployed"),
        ("The mayor joined the parade with his local friends", "groups", "elderly"),
        ("Todo esto es para la gente de aquí", "groups", "unemployed"),
        ("本机构提供服务", "kinds", "services"),
        ("We can do good for all", "places", "ca"),
        ("We can do good for all", "kinds", "goods"),
        ("La mayor parte vive en Madrid", "groups", "women"),
        ("La mayor parte vive en Madrid", "groups", "elderly"),
        ("Это дело для всех", "places", "delhi"),
        ("Проводим занятия по субботам", "themes", "employment-skills"),
        ("In 2021 there were 6 of them", "goals", "sdg-6"),
    ],
)
def test_concepts_are_not_seen_where_they_are_not(
    vocabulary: Vocabulary, text: str, scheme: str, code: str
) -> None:
    assert code not in vocabulary.concepts(text)[scheme]


def test_every_concept_is_found_by_its_own_labels_alone(vocabulary: Vocabulary) -> None:
    """No label has the stems of another concept's name, in any language."""
    for scheme in CONCEPT_SCHEMES:
        for code in vocabulary.codes(scheme):
            for language in LANGUAGES:
                label = vocabulary.label(scheme, code, language)
                found = vocabulary.concepts(label)[scheme]
                assert set(found) == {code}, (label, found)


def test_concepts_counts_mentions(vocabulary: Vocabulary) -> None:
    assert vocabulary.concepts("老人和长者，还有老年人")["groups"] == {"elderly": 3}
    assert vocabulary.concepts("")["groups"] == {}


def test_ancestors_are_nearest_first(vocabulary: Vocabulary) -> None:
    assert vocabulary.ancestors("places", "meilin") == ("futian", "shenzhen", "guangdong", "cn")
    assert vocabulary.ancestors("groups", "left-behind-children") == ("children",)
    assert vocabulary.ancestors("places", "cn") == ()


def test_within_counts_the_code_itself_and_what_contains_it(vocabulary: Vocabulary) -> None:
    assert vocabulary.within("places", "futian", {"futian"})
    assert vocabulary.within("places", "futian", {"hk", "guangdong"})
    assert not vocabulary.within("places", "guangdong", {"futian"})
    assert not vocabulary.within("places", "futian", set())


def test_unknown_names_are_refused_with_suggestions(vocabulary: Vocabulary) -> None:
    with pytest.raises(UnknownName, match="no scheme flavours"):
        vocabulary.codes("flavours")
    with pytest.raises(UnknownName, match="no code futain") as caught:
        vocabulary.ancestors("places", "futain")
    assert "futian" in caught.value.suggestions
    with pytest.raises(UnknownName, match="fr is no language"):
        vocabulary.label("places", "cn", "fr")
    with pytest.raises(UnknownName, match="no column colour"):
        vocabulary.attribute("places", "cn", "colour")


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([_row("a"), _row("b", ru=" ")], "themes.csv, line 3: b has no label in ru."),
        ([_row("a"), _row("b", "c")], "themes.csv, line 3: c, the broader code of b, is not in this file."),
        (
            [_row("a", "b"), _row("b", "a")],
            "themes.csv, line 2: the broader codes of a lead round in a circle.",
        ),
        ([_row("a"), _row("a")], "themes.csv, line 3: the code a stands here again."),
        ([_row(" ")], "themes.csv, line 2: the code is missing."),
    ],
)
def test_broken_file_is_refused_by_file_and_line(
    tmp_path: Path, rows: list[dict[str, str]], complaint: str
) -> None:
    with pytest.raises(UnreadableFile) as caught:
        Vocabulary.read(_directory(tmp_path, rows))
    assert str(caught.value) == complaint


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (
            [_row("a", en_synonyms="water"), _row("b", es_synonyms="WÁTER")],
            "line 3: “WÁTER” of b is already a name",
        ),
        ([_row("a", en_synonyms="…")], "line 2: “…” of a has no letter."),
    ],
)
def test_names_that_cannot_be_told_apart_are_refused(
    tmp_path: Path, rows: list[dict[str, str]], complaint: str
) -> None:
    broken = Vocabulary.read(_directory(tmp_path, rows))
    with pytest.raises(UnreadableFile, match=re.escape(complaint)):
        broken.resolve("themes", "water")


def test_missing_column_and_short_row_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="line 1: the column es_synonyms is missing"):
        Vocabulary.read(_directory(tmp_path, [_row("a")], HEADER[:-1]))
    with (_directory(tmp_path, [_row("a")]) / "themes.csv").open("a", encoding="utf-8") as file:
        file.write("b,,too,short\n")
    with pytest.raises(UnreadableFile, match="line 3: this row has more or fewer cells"):
        Vocabulary.read(tmp_path)


def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"themes\.csv of the vocabulary cannot be read"):
        Vocabulary.read(tmp_path)
    _directory(tmp_path, [_row("a")])
    (tmp_path / "themes.csv").write_bytes("标签".encode("gb18030"))
    with pytest.raises(UnreadableFile, match="cannot be read"):
        Vocabulary.read(tmp_path)


def test_one_character_and_number_are_no_names_in_text(tmp_path: Path) -> None:
    rows = [_row("a", **{"zh-Hans_synonyms": "水", "en_synonyms": "42|water works"})]
    small = Vocabulary.read(_directory(tmp_path, rows))
    assert small.resolve("themes", "水") == "a"
    assert small.resolve("themes", "42") == "a"
    assert small.concepts("水 42 water")["themes"] == {}
    assert small.concepts("water work")["themes"] == {"a": 1}
