from __future__ import annotations

from typing import TYPE_CHECKING

import openpyxl
import pytest

from matching.errors import InvalidProfiles, UnknownName
from matching.messages import Quantity
from matching.reading import load_profiles
from matching.reading.columns import (
    LANGUAGES,
    count_headings,
    find_column,
    find_sheet,
    folded,
    heading_language,
    nearest_column,
    tables,
)
from matching.reading.template import template_columns, write_template
from matching.vocabulary import default_vocabulary

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("language", LANGUAGES)
def test_write_template_reads_back_as_empty(tmp_path: Path, language: str) -> None:
    path = tmp_path / "template.xlsx"
    write_template(path, language)
    with pytest.raises(InvalidProfiles) as error:
        load_profiles(path)
    assert (error.value.message.code, error.value.problems) == ("no-needs", ())


@pytest.mark.parametrize("language", LANGUAGES)
def test_write_template_can_be_filled_in_with_its_own_words(tmp_path: Path, language: str) -> None:
    path = tmp_path / "template.xlsx"
    write_template(path, language)
    book = openpyxl.load_workbook(path)
    _, needs, offers, organizations, lists = book.worksheets
    words = {
        column[0].value: [cell.value for cell in column[1:] if cell.value] for column in lists.iter_cols()
    }
    label = {code: column.labels[language] for code, column in tables()["profiles"].items()}
    kinds = words[label["kind"]]
    columns = [cell.value for cell in needs[1]]
    for kind in kinds:
        row = {"title": f"T {kind}", "organization": "阳光", "kind": kind, "amount": 5, "unit": "CNY"}
        row |= {code: "; ".join(words[label[code]]) for code in ("themes", "groups", "goals", "places")}
        needs.append([row.get(code, "") for code in (_code(column) for column in columns)])
    offers.append(["O1", "Offer", "", "阳光", kinds[0], 7, "RUB"])
    book.save(path)
    profiles = load_profiles(path)
    assert [need.lines[0].kind for need in profiles.needs] == list(default_vocabulary().codes("kinds"))
    assert profiles.needs[0].themes == set(default_vocabulary().codes("themes"))
    assert profiles.offers[0].lines[0].quantity == Quantity(700, "RUB")
    assert organizations.max_row == 1


def _code(heading: str) -> str:
    found = find_column("profiles", heading)
    assert found is not None
    return found.code


def test_write_template_has_drop_downs_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "template.xlsx"
    write_template(path, "zh-Hans")
    needs = openpyxl.load_workbook(path)["需求"]
    ranges = [choice.formula1 for choice in needs.data_validations.dataValidation]
    assert len(ranges) == 4
    assert all(formula.startswith("'词表'!$") for formula in ranges)
    assert all(cell.comment is not None for cell in needs[1])


def test_write_template_refuses_other_languages(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no template in “de”"):
        write_template(tmp_path / "x.xlsx", "de")


def test_template_columns_show_each_side_its_own() -> None:
    needs, offers = ({column.code for column in template_columns(sheet)} for sheet in ("needs", "offers"))
    assert "minimum" in needs - offers
    assert "only_places" in offers - needs
    assert "side" not in needs | offers


def test_columns_have_words_and_help_in_every_language() -> None:
    for columns in tables().values():
        for column in columns.values():
            assert all(column.labels[language] and column.help[language] for language in LANGUAGES), (
                column.code
            )


def test_columns_share_no_word_within_a_table() -> None:
    for name, columns in tables().items():
        seen: dict[str, str] = {}
        for code, column in columns.items():
            for word in {folded(word) for language in LANGUAGES for word in column.words(language)}:
                assert seen.setdefault(word, code) == code, (name, word)


@pytest.mark.parametrize(
    ("heading", "code", "remark"),
    [
        ("金额（万元）", "amount", "万元"),
        ("  AMOUNT *", "amount", ""),
        ("Amount [EUR]:", "amount", "EUR"),
        ("Сумма, тыс. руб.", "amount", "тыс. руб."),
        ("Título (obligatorio)", "title", ""),
        ("登记日期（组织）", "registered", ""),
        ("only places", "only_places", ""),
        ("# own", "note", ""),
    ],
)
def test_find_column_reads_headings_and_remarks(heading: str, code: str, remark: str) -> None:
    found = find_column("profiles", heading)
    assert found is not None
    assert (found.code, found.remark) == (code, remark)


def test_find_column_knows_the_seat_of_an_organization_by_either_name() -> None:
    assert [find_column("organizations", word) for word in ("Sede", "Lugares")] == [
        find_column("organizations", "places")
    ] * 2


def test_find_column_and_find_sheet_know_nothing_of_other_words() -> None:
    assert find_column("profiles", "zzz (x)") is None
    assert find_sheet("Sheet1") is None
    assert find_sheet("#x") == "instructions"
    assert nearest_column("profiles", "zzzzzz") == ""
    assert nearest_column("profiles", "Titel") == "Title"
    assert nearest_column("cooperations", "签约日") == "签约日期", "in the language of the heading"


def test_count_headings_takes_the_best_kind_of_table() -> None:
    assert count_headings(["标题", "组织", 5, "", "xxx"]) == 2
    assert count_headings(["signed", "need_organization"]) == 2


def test_heading_language_is_told_by_words_of_one_language() -> None:
    assert heading_language("profiles", ["Título", "Organización"]) == "es"
    assert heading_language("profiles", ["標題", "組織"]) == "zh-Hant"
    assert heading_language("profiles", ["需求名称", "金额（元）"]) == "zh-Hans"
    assert heading_language("profiles", ["title", "kind", "zzz"]) is None
    assert heading_language("profiles", ["SDG"]) is None
