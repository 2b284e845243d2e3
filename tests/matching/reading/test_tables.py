from __future__ import annotations

import datetime
import zipfile
from decimal import Decimal
from typing import TYPE_CHECKING

import openpyxl
import pytest
from openpyxl.styles import PatternFill

from matching.errors import InvalidProfiles, UnreadableFile
from matching.messages import Quantity
from matching.reading import load_profiles, tables, workbooks
from matching.reading.columns import count_headings
from matching.reading.decoding import decode, plausibility
from matching.reading.tables import read_tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HEAD = ["ID", "Title", "Organization", "Kind", "Amount", "Unit", "Starts"]


def _book(path: Path, rows: Sequence[Sequence[object]], title: str = "Needs") -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    book.save(path)
    return book


def _rewrite(path: Path, part: str, old: bytes, new: bytes) -> None:
    """Change one part of an archive, as programs other than openpyxl would have written it."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    assert old in content[part]
    content[part] = content[part].replace(old, new)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def _refused(path: Path, code: str) -> None:
    with pytest.raises(UnreadableFile) as error:
        read_tables(path, count_headings)
    assert error.value.message.code == code


@pytest.mark.parametrize("title", ["Needs", "需求", "項目", "Потребности", "Necesidades", "Sheet1"])
def test_read_tables_keeps_the_types_of_a_workbook(tmp_path: Path, title: str) -> None:
    path = tmp_path / "needs.xlsx"
    day = datetime.date(2021, 11, 24)
    _book(
        path,
        [HEAD, [7, "Lunches", "A", "money", 1234.56, "CNY", day], [], [8.0, "Trips", "A", "goods"]],
        title,
    )
    needs = load_profiles(path, as_sheet="needs").needs
    assert [need.id for need in needs] == ["7", "8"]
    assert (needs[0].lines[0].quantity, needs[0].starts) == (Quantity(123_456, "CNY"), day)


def test_read_tables_rounds_the_noise_of_formulas_and_keeps_times(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    moment = datetime.datetime(2021, 11, 24, 9, 30)  # noqa: DTZ001
    _book(path, [[0.1 + 0.2, True, moment, datetime.time(9, 30), "a_x000D_\nb"]])
    (table,) = read_tables(path, count_headings)
    assert table.rows[0].cells == (Decimal("0.3"), True, moment, "09:30:00", "a\r\nb")


def test_load_profiles_reports_types_that_are_no_amount(tmp_path: Path) -> None:
    path = tmp_path / "needs.xlsx"
    day = datetime.date(2021, 11, 24)
    _book(
        path,
        [
            HEAD,
            [1, "A", "B", "money", day, "CNY"],
            [2, "A", "B", "money", True, "CNY"],
            [3, "A", "B", "money", 5],
        ],
    )
    with pytest.raises(InvalidProfiles) as error:
        load_profiles(path)
    assert [(item.row, item.sheet, item.message.code) for item in error.value.problems] == [
        (2, "Needs", "amount-type"), (3, "Needs", "amount-type"), (4, "Needs", "unit-missing"),
    ]  # fmt: skip


def test_load_profiles_reads_numbers_below_a_unit_and_whole_counts(tmp_path: Path) -> None:
    path = tmp_path / "needs.xlsx"
    head = ["Title", "Organization", "Kind", "金额（万元）", "Beneficiaries"]
    _book(path, [head, ["A", "B", "money", 1.5, 120]])
    need = load_profiles(path).needs[0]
    assert (need.lines[0].quantity, need.beneficiaries) == (Quantity(1_500_000, "CNY"), 120)
    _book(path, [head, ["A", "B", "money", 1.5, 0.5]])
    with pytest.raises(InvalidProfiles, match="whole number"):
        load_profiles(path)


def test_load_profiles_reads_a_workbook_with_every_sheet(tmp_path: Path) -> None:
    path = tmp_path / "all.xlsx"
    book = _book(path, [HEAD, ["N1", "A", "X", "goods"]], "需求")
    book.create_sheet("资源").append(HEAD)
    book["资源"].append(["O1", "B", "Y", "goods"])
    book.create_sheet("说明").append(["How to fill in"])
    book.create_sheet("#mine").append(["anything"])
    book.create_sheet("both").append(["Side", *HEAD])
    book["both"].append(["offer", "O2", "C", "Y", "goods"])
    book.create_sheet("hidden").append(["secret"])
    book["hidden"].sheet_state = "hidden"
    book.save(path)
    profiles = load_profiles(path)
    assert [offer.id for offer in profiles.offers] == ["O1", "O2"]
    book.create_sheet("pivot").append(["numbers"])
    book.save(path)
    with pytest.raises(InvalidProfiles) as error:
        load_profiles(path)
    assert [(item.sheet, item.message.code) for item in error.value.problems] == [("pivot", "sheet-unknown")]


def test_load_profiles_fills_merged_cells_of_a_profile_only(tmp_path: Path) -> None:
    path = tmp_path / "needs.xlsx"
    book = _book(
        path, [HEAD, ["N1", "A", "X", "money", 5, "CNY"], [None, None, None, "volunteers", 5, "hour"]]
    )
    sheet = book.worksheets[0]
    for block in ("A2:A3", "B2:B3", "C2:C3", "A9:A12"):
        sheet.merge_cells(block)
    book.save(path)
    assert [line.kind for line in load_profiles(path).needs[0].lines] == ["money", "volunteers"]
    sheet.merge_cells("E2:E3")
    book.save(path)
    with pytest.raises(InvalidProfiles) as error:
        load_profiles(path)
    assert (3, "Amount", "cell-merged") in [
        (item.row, item.column, item.message.code) for item in error.value.problems
    ]


def test_load_profiles_reports_errors_and_unsaved_formulas(tmp_path: Path) -> None:
    path = tmp_path / "needs.xlsx"
    _book(path, [HEAD, ["N1", "A", "X", "money", "=2+3", "CNY"], ["N2", "B", "X", "money", "#REF!", "CNY"]])
    with pytest.raises(InvalidProfiles) as error:
        load_profiles(path)
    broken = [item for item in error.value.problems if item.message.code == "cell-broken"]
    assert [(item.row, item.column, item.message.params["content"]) for item in broken] == [
        (2, "Amount", "=2+3"), (3, "Amount", "#REF!"),
    ]  # fmt: skip


def test_load_profiles_reads_saved_results_of_formulas(tmp_path: Path) -> None:
    path = tmp_path / "needs.xlsx"
    _book(path, [HEAD, ["N1", "A", "X", "money", "=2+3", "CNY"]])
    _rewrite(path, "xl/worksheets/sheet1.xml", b"<v /></c>", b"<v>5</v></c>") if b"<v />" in _part(
        path
    ) else _rewrite(path, "xl/worksheets/sheet1.xml", b"<v></v></c>", b"<v>5</v></c>")
    assert load_profiles(path).needs[0].lines[0].amount == 500


def _part(path: Path, part: str = "xl/worksheets/sheet1.xml") -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(part)


def test_load_profiles_reads_cells_without_references_and_with_prefixes(tmp_path: Path) -> None:
    path = tmp_path / "needs.xlsx"
    _book(path, [HEAD, ["N1", "A", "X", "goods"]])
    content = _part(path)
    bare = content
    for row in (1, 2):
        bare = bare.replace(f' r="{row}"'.encode(), b"")
        for letter in "ABCDEFG":
            bare = bare.replace(f' r="{letter}{row}"'.encode(), b"")
    _rewrite(path, "xl/worksheets/sheet1.xml", content, bare)
    assert load_profiles(path).needs[0].id == "N1"


def test_read_tables_ignores_styled_empty_cells_far_away(tmp_path: Path) -> None:
    path = tmp_path / "needs.xlsx"
    book = _book(path, [HEAD, ["N1", "A", "X", "goods"]])
    book.worksheets[0].cell(300_000, 600).fill = PatternFill("solid", fgColor="FFFF00")
    book.save(path)
    assert len(load_profiles(path).needs) == 1


@pytest.mark.parametrize(
    ("row", "column", "code"), [(300_000, 1, "rows-too-many"), (3, 600, "columns-too-many")]
)
def test_read_tables_refuses_a_sheet_that_reaches_too_far(
    tmp_path: Path, row: int, column: int, code: str
) -> None:
    path = tmp_path / "needs.xlsx"
    book = _book(path, [HEAD])
    book.worksheets[0].cell(row, column, "far")
    book.save(path)
    _refused(path, code)


def test_read_tables_refuses_an_archive_that_unpacks_too_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "needs.xlsx"
    _book(path, [HEAD])
    monkeypatch.setattr(workbooks, "LARGEST_CONTENT", 1000)
    _refused(path, "workbook-too-large")


def test_read_tables_refuses_damaged_and_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    _book(path, [HEAD])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    _refused(path, "workbook-damaged")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    _refused(path, "workbook-damaged")
    path.write_bytes(b"\xd0\xcf\x11\xe0 old or encrypted")
    _refused(path, "format-unknown")
    (tmp_path / "a.ods").write_bytes(b"PK\x03\x04")
    _refused(tmp_path / "a.ods", "format-unknown")
    _refused(tmp_path / "nothing.csv", "file-missing")


def test_read_tables_refuses_a_workbook_whose_sheet_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    _book(path, [HEAD])
    _rewrite(path, "xl/worksheets/sheet1.xml", b"</sheetData>", b"</x>")
    _refused(path, "workbook-damaged")


def test_load_profiles_reads_empty_cells_that_are_written_out(tmp_path: Path) -> None:
    path = tmp_path / "needs.xlsx"
    _book(path, [HEAD, ["N1", "A", "X", "goods"]])
    _rewrite(
        path, "xl/worksheets/sheet1.xml", b"</row></sheetData>", b'<c r="E2" s="0"></c></row></sheetData>'
    )
    assert len(load_profiles(path).needs) == 1


def test_load_profiles_reports_a_row_of_nothing_but_errors(tmp_path: Path) -> None:
    path = tmp_path / "needs.xlsx"
    _book(path, [HEAD, ["N1", "A", "X", "goods"], [None, "#REF!"]])
    with pytest.raises(InvalidProfiles) as error:
        load_profiles(path)
    assert (3, "Title", "cell-broken") in [
        (item.row, item.column, item.message.code) for item in error.value.problems
    ]


def test_read_tables_leaves_chart_sheets_out(tmp_path: Path) -> None:
    path = tmp_path / "needs.xlsx"
    book = _book(path, [HEAD, ["N1", "A", "X", "goods"]])
    book.create_chartsheet("Chart")
    book.save(path)
    assert len(load_profiles(path).needs) == 1


def test_read_tables_refuses_large_files_and_many_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("title,kind\na,b\nc,d\n", encoding="utf-8")
    monkeypatch.setattr(tables, "MOST_ROWS", 2)
    _refused(path, "rows-too-many")
    monkeypatch.setattr(tables, "LARGEST_FILE", 5)
    _refused(path, "file-too-large")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_read_tables_numbers_rows_as_a_spreadsheet_does(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "x.csv"
    text = 'sep=;\ntitle;kind\n"a\nb";c;\n\n;;\nd;"e ""f"""\n'.replace("\n", newline)
    path.write_bytes(text.encode())
    (table,) = read_tables(path, count_headings)
    assert [(row.number, row.cells[:2]) for row in table.rows] == [
        (2, ("title", "kind")), (3, (f"a{newline}b", "c")), (6, ("d", 'e "f"')),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ['title,kind\na,"b\nc', 'title,kind\na,"b"c\n', "title,kind\na," + "x" * 200_000]
)
def test_read_tables_refuses_broken_quotes_and_endless_cells(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    _refused(path, "quotes-broken")


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("x.json", "{", "json-broken"),
        ("x.json", '[{"a": NaN}]', "json-broken"),
        ("x.json", '[{"a": 1, "a": 2}]', "json-broken"),
        ("x.json", "[" * 100_000, "json-broken"),
        ("x.json", "5", "json-shape"),
        ("x.json", '{"needs": 5}', "json-shape"),
        ("x.json", "[5]", "json-record"),
        ("x.json", '[{"a": {"b": 1}}]', "json-record"),
        ("x.json", '[{"a": ["b;c"]}]', "json-record"),
        ("x.json", '[{"lines": []}]', "json-record"),
        ("x.json", '[{"a": 1, "lines": [{"a": 2}]}]', "json-record"),
        ("x.jsonl", '{"a": 1}\n{"a"', "json-broken"),
    ],
)
def test_read_tables_refuses_json_of_another_shape(tmp_path: Path, name: str, text: str, code: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    _refused(tmp_path / name, code)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xef\xbb\xbfa\xff", "encoding-damaged"),
        (b"\xff\xfea\x00b", "encoding-damaged"),
        ("title".encode("utf-16-le"), "not-text"),
        ("Ελληνικά κείμενα για όλους".encode("iso-8859-7"), "encoding-unclear"),
        ("日本語のテキストです".encode("shift_jis"), "encoding-unclear"),
        ("Обеды для пожилых людей".encode("koi8-r"), "encoding-unclear"),
        ("Обеды для пожилых людей".encode("cp866"), "encoding-unclear"),
        (b"\x98\x81\xff", "encoding-unclear"),
    ],
)
def test_decode_refuses_what_it_cannot_tell(data: bytes, code: str) -> None:
    with pytest.raises(UnreadableFile) as error:
        decode(data, lambda _: 0, name="x.csv")
    assert error.value.message.code == code


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("社区养老服务需要资金和志愿者", "gb18030"),
        ("社區長者服務需要資金和志工", "big5"),
        ("深圳福田總部基地的服務項目", "gb18030"),
        ("Программа поддержки, ООО «Серпуховские продукты»", "cp1251"),
        ("¿Quién ayuda a los niños? Educación y salud", "cp1252"),
        ("Educación – “salud”", "cp1252"),
        ("Educación", "latin-1"),
    ],
)
def test_decode_finds_the_encoding_of_short_texts(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding), lambda _: 0, name="x.csv") == text


def test_plausibility_prefers_language_to_rubbish() -> None:
    russian = "Программа поддержки"
    assert plausibility("plain") == 1
    assert plausibility(russian) > 0.9 > 0 > plausibility(russian.encode("cp1251").decode("cp1252"))
    assert plausibility("ＡＢ１２") == 0.5
    assert plausibility("\ue000") < 0
