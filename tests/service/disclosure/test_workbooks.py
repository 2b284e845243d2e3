"""Workbooks written by hand, read by two programs that others wrote."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from openpyxl import load_workbook
from python_calamine import load_workbook as load

from service.disclosure.workbooks import LONGEST, workbook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.disclosure.workbooks import Cell

HEAD = [f"column {number}" for number in range(30)]


def test_cells_are_what_they_were() -> None:
    row: list[Cell] = [
        '5 < 6 & "so"',
        "中文 桥 🌉",
        12,
        0.5,
        None,
        "=1+1",
        "a\x00b\n c ",
        "x" * 40_000,
        *range(22),
    ]
    content = b"".join(
        workbook({"About": [["=SUM(A1)"]], "Facts & more": [HEAD, row]}, headed=["Facts & more"])
    )
    sheet = load_workbook(BytesIO(content))["Facts & more"]
    head, first = sheet.iter_rows()
    assert [cell.value for cell in head] == HEAD
    assert head[29].font.b
    assert sheet.freeze_panes == "A2"
    assert [cell.value for cell in first[:5]] == row[:5]
    assert (first[5].value, first[5].data_type, first[5].quotePrefix) == ("=1+1", "s", True)
    assert first[6].value == "ab\n c "
    assert first[7].value == "x" * LONGEST
    assert (first[29].value, first[29].coordinate) == (21, "AD2")
    other = load(BytesIO(content))
    assert other.sheet_names == ["About", "Facts & more"]
    assert other.get_sheet_by_name("About").to_python() == [["=SUM(A1)"]]
    assert other.get_sheet_by_name("Facts & more").to_python()[1][1:4] == ["中文 桥 🌉", 12, 0.5]


def test_it_is_sent_while_it_is_written() -> None:
    asked: list[int] = []

    def rows() -> Iterator[list[Cell]]:
        for number in range(20_000):
            asked.append(number)
            yield [number, f"{number * 7919 % 10_007:x}" * 3]

    pieces = workbook({"Numbers": rows()}, headed=[])
    next(pieces)
    assert 0 < len(asked) < 20_000
    assert len(b"".join(pieces)) > 0
    assert len(asked) == 20_000
