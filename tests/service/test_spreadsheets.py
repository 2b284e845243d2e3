"""Uploaded spreadsheets as they are kept, and what is typed in place of their wrong cells."""

from __future__ import annotations

import pytest

from matching.errors import Problem
from matching.messages import Message
from matching.reading.columns import COOPERATIONS, PROFILES, find_column
from matching.text import LANGUAGES
from service import spreadsheets
from service.errors import BadInput, NotNow
from service.spreadsheets import Repair, headings, mended, read_upload, table_of, with_typed, wrong_cells

ROWS = b"title,kind\na,goods\nb,goods\nc,goods\n"


def test_upload_with_too_many_rows_is_refused() -> None:
    assert read_upload("needs.csv", ROWS, most=3)
    with pytest.raises(BadInput) as refused:
        read_upload("needs.csv", ROWS, most=2)
    assert refused.value.problems[0].message.params["rows"] == 3
    assert refused.value.problems[0].message.code == "import-long"


@pytest.mark.parametrize("name", ["cell:", "cell:[1,2]", "cell:[1,2,3]", 'cell:["a","b","c"]', "cell:{"])
def test_field_that_names_no_cell_is_no_repair(name: str) -> None:
    assert Repair.at(name, "x") is None


def test_only_wrong_cells_that_were_changed_are_mended_and_the_last_word_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [stored] = read_upload("needs.csv", ROWS)
    table = table_of(stored)
    problems = [Problem(row, "kind", "goods", Message("wrong", "Wrong."), "") for row in (4, 2)]
    second, fourth = wrong_cells(problems, [table])
    assert (second.problem.row, second.value, fourth.problem.row) == (2, "goods", 4)
    sound = Repair("", 3, "kind", "").place
    typed = {second.place: " mo\u202eney\n", fourth.place: "goods", sound: "services", "do": "mend"}
    repairs = with_typed([], (second, fourth), typed)
    assert repairs == [{"sheet": "", "row": 2, "column": "kind", "value": "money"}]
    assert [row.cells[1] for row in mended(table, repairs).rows] == ["kind", "money", "goods", "goods"]

    again = with_typed(repairs, (second,), {second.place: "volunteers"})
    assert [one["value"] for one in again] == ["volunteers"]
    monkeypatch.setattr(spreadsheets, "MOST_REPAIRS", 1)
    with pytest.raises(NotNow) as refused:
        with_typed(again, (second, fourth), {fourth.place: "money"})
    assert refused.value.message.code == "repairs-many"


def test_cell_with_two_problems_is_mended_in_one_field() -> None:
    [stored] = read_upload("needs.csv", ROWS)
    problems = [Problem(2, "kind", "goods", Message(code, "Wrong."), "") for code in ("first", "second")]
    first, second = wrong_cells(problems, [table_of(stored)])
    assert (first.place, second.place) == (Repair("", 2, "kind", "").place, "")
    assert second.problem.message.code == "second"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [PROFILES, COOPERATIONS])
def test_headings_to_choose_from_are_understood(kind: str, language: str) -> None:
    offered = headings(kind, language)
    assert len(set(offered)) == len(offered) > 8
    assert all(find_column(kind, heading) for heading in offered)
