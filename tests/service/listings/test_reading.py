"""What people type, read as spreadsheets are read; and spreadsheets as they are kept and mended."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pytest
from openpyxl import Workbook

from matching.profiles import Side
from service.listings import forms, sheets
from service.listings.models import MOST_CODES, MOST_LINES
from service.listings.queries import today
from service.listings.reading import Draft
from service.spreadsheets import Repair, read_upload

NEED, OFFER = Side.NEED, Side.OFFER


def problems(draft: Draft) -> dict[str, str]:
    draft.values()
    return {problem.field: problem.message.code for problem in draft.problems}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"title": " \u200b "}, {"title": "field-missing"}),
        ({"title": "x", "text": "y" * 10_001}, {"text": "too-long"}),
        ({"starts": "2027-05-01", "ends": "1 de abril de 2027"}, {"ends": "dates-reversed"}),
        ({"expires": "2001-01-01"}, {"expires": "date-past"}),
        ({"expires": "2099-01-01"}, {"expires": "date-far"}),
        ({"starts": "soon"}, {"starts": "date-unknown"}),
        ({"places": "Atlantis"}, {"places": "word-unknown"}),
        ({"languages": "Klingon"}, {"languages": "language-unknown"}),
        ({"beneficiaries": "-5"}, {"beneficiaries": "number-negative"}),
    ],
)
def test_field_that_cannot_be_taken_says_why(fields: dict[str, str], expected: dict[str, str]) -> None:
    assert problems(Draft(NEED, fields, None, "es")) == expected


def test_values_without_a_problem_are_taken_as_meant() -> None:
    draft = Draft(
        OFFER,
        {
            "title": "  Cuentas \u202e claras ",
            "places": "Madrid; 深圳",
            "languages": "中文;es",
            "starts": "1 марта 2027 г.",
            "most_projects": "3",
            "expires": (today() + timedelta(days=30)).isoformat(),
        },
        [{"kind": "Dinero", "amount": "2.500,50 €", "cheque_max": "1000"}, {"kind": "", "amount": " "}],
        "es",
    )
    values = draft.values()
    assert draft.problems == []
    assert values["title"] == "Cuentas claras"
    assert values["places"] == ["madrid", "shenzhen"]
    assert values["languages"] == ["zh-Hans", "zh-Hant", "es"]
    assert values["starts"] == date(2027, 3, 1)
    [line] = values["lines"]
    assert (line["amount"], line["unit"], line["cheque_max"]) == (250_050, "EUR", 100_000)


def test_more_lines_or_words_than_are_allowed_are_refused() -> None:
    lines = [{"kind": "goods", "amount": str(number + 1), "unit": "set"} for number in range(MOST_LINES + 1)]
    assert problems(Draft(NEED, {}, lines)) == {"lines": "too-many-values"}
    from matching.vocabulary import default_vocabulary

    places = ";".join(default_vocabulary().codes("places")[: MOST_CODES + 1])
    assert problems(Draft(NEED, {"places": places})) == {"places": "too-many-values"}


def test_line_that_is_removed_moves_the_others_up() -> None:
    typed = {"rows": ["3"], "lines-0-kind": ["money"], "lines-1-kind": ["goods"], "lines-2-kind": ["staff"]}
    kept = forms.without_line(typed, 1)
    assert forms.row_count(kept) == 2
    assert [line["kind"] for line in forms.lines_of({**kept})] == ["money", "staff"]
    assert forms.row_count(forms.with_one_more({"rows": [str(MOST_LINES)]})) == MOST_LINES


# Spreadsheets -----------------------------------------------------------------------------------------


def workbook(*tables: tuple[str, list[list[Any]]]) -> bytes:
    book = Workbook()
    book.remove(book.active)
    for name, rows in tables:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def look(
    stored: list[dict[str, Any]], repairs: list[dict[str, Any]] | None = None, **more: Any
) -> sheets.Look:
    settings = {
        "filename": "file.xlsx",
        "side": "",
        "organization": "uid",
        "own_names": ["uid", "Green Home"],
    }
    return sheets.look(stored, repairs or [], **{**settings, **more})


def test_workbook_with_two_sheets_keeps_numbers_and_days() -> None:
    import json

    content = workbook(
        (
            "needs",
            [
                ["title", "kind", "amount", "unit", "starts"],
                ["Water", "money", 2500.5, "CNY", date(2027, 3, 1)],
            ],
        ),
        ("offers", [["title", "kind", "amount", "unit"], ["Help", "volunteers", 3, "day"]]),
        ("organizations", [["id", "name", "kind"], ["other", "Other", "ngo"]]),
    )
    stored = json.loads(json.dumps(read_upload("book.xlsx", content)))
    found = look(stored)
    assert found.wrong == ()
    need, offer = found.profiles
    assert (need.side, need.lines[0].amount, need.starts) == (NEED, 250_050, date(2027, 3, 1))
    assert (offer.side, offer.organization.id) == (OFFER, "uid")
    assert found.rows == 2


def test_need_that_lacks_one_of_its_rows_is_left_out_until_it_is_mended() -> None:
    rows = [
        ["id", "title", "organization", "kind", "amount", "unit"],
        ["1", "Water", "Green Home", "money", "5", "CNY"],
        ["1", None, "Red House", "goods", "5", "set"],
        ["2", "Books", None, "goods", "7", "set"],
    ]
    stored = read_upload("needs.xlsx", workbook(("needs", rows)))
    found = look(stored)
    assert [one.title for one in found.profiles] == ["Books"]
    [wrong] = found.wrong
    assert (wrong.problem.row, wrong.problem.column, wrong.value) == (3, "organization", "Red House")
    mended = look(stored, [{"sheet": wrong.problem.sheet, "row": 3, "column": "organization", "value": ""}])
    assert [len(one.lines) for one in mended.profiles] == [2, 1]


def test_cell_of_a_column_that_the_file_lacks_can_be_mended() -> None:
    stored = read_upload("needs.csv", b"title,kind\nWater,money\n")
    [wrong] = look(stored, side="need").wrong
    assert (wrong.problem.column, wrong.value) == ("amount", "")
    repair = Repair.at(wrong.place, "5 CNY")
    assert repair is not None
    mended = look(stored, [{"sheet": "", "row": 2, "column": "amount", "value": "5 CNY"}], side="need")
    assert mended.wrong == ()
    assert mended.profiles[0].lines[0].amount == 500
    assert (repair.sheet, repair.row, repair.column) == ("", 2, "amount")


def test_limits_of_this_service_are_reported_row_by_row() -> None:
    long = "x" * 201
    stored = read_upload(
        "offers.csv", f"title,kind,amount,vetoes\n{long},goods,1 set,\nFine,goods,1 set,Nobody\n".encode()
    )
    found = look(stored, side="offer", known_names=frozenset({"Somebody"}))
    assert [one.problem.message.code for one in found.wrong] == ["too-long", "organization-unknown-here"]
    assert found.profiles == ()
