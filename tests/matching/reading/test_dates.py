from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.reading.dates import parse_date
from matching.reading.numerals import InvalidValue

DAY = date(2021, 11, 24)


@pytest.mark.parametrize(
    "text",
    [
        "2021年11月24日",
        "2021 年 11 月 24 号",
        "24.11.2021",
        "24.11.2021 г.",
        "2021-11-24",
        "2021/11/24",
        "2021. 11. 24",
        "20211124",
        "24/11/2021",
        "11/24/2021",
        "24 ноября 2021 г.",
        "24 ноября 2021 года",
        "24 нояб. 2021",
        "24 de noviembre de 2021",
        "24 de noviembre del 2021",
        "Nov 24, 2021",
        "24th November 2021",
        "November 24th, 2021",
        "24 nov. 2021",
        "民國110年11月24日",
        "民国110/11/24",
        "二〇二一年十一月二十四日",
        "２０２１－１１－２４",
        "2021-11-24T00:00:00",
        "2021-11-24 00:00",
    ],
)
def test_parse_date_reads_what_people_write(text: str) -> None:
    assert parse_date(text) == DAY


def test_parse_date_takes_spreadsheet_dates() -> None:
    assert parse_date(DAY) == DAY
    assert parse_date(datetime(2021, 11, 24, 9, 30)) == DAY  # noqa: DTZ001


def test_parse_date_reads_round_chinese_numerals() -> None:
    assert parse_date("二〇二一年十月三十日") == date(2021, 10, 30)


def test_parse_date_settles_the_order_by_language() -> None:
    assert parse_date("03/04/2021", language="es") == date(2021, 4, 3)
    assert parse_date("04/04/2021") == date(2021, 4, 4)


@pytest.mark.parametrize("language", [None, "en", "zh-Hans"])
def test_parse_date_refuses_an_ambiguous_order(language: str | None) -> None:
    with pytest.raises(InvalidValue, match="2021-04-03 or 2021-03-04; write the date as year-month-day"):
        parse_date("03/04/2021", language=language)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2021年11月", "date-unknown"),
        ("24.11.21", "date-unknown"),
        ("44524", "date-unknown"),
        ("24 smarch 2021", "date-unknown"),
        ("24 ma 2021", "date-unknown"),
        ("ju 3, 2021", "date-unknown"),
        ("ма 3, 2021", "date-unknown"),
        ("ju 24 2021", "date-unknown"),
        ("30.02.2021", "date-impossible"),
        ("24.11.1021", "date-year"),
    ],
)
def test_parse_date_refuses_what_is_no_day(text: str, code: str) -> None:
    with pytest.raises(InvalidValue) as error:
        parse_date(text)
    assert error.value.message.code == code


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)))
def test_parse_date_reads_every_day_in_every_form(day: date) -> None:
    for form in (f"{day.year}年{day.month}月{day.day}日", f"{day:%d.%m.%Y}", day.isoformat()):
        assert parse_date(form) == day
