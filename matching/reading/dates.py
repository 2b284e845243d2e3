"""Dates as people write them in five languages.

Read: `2021-11-24`, `2021/11/24`, `20211124`, `2021年11月24日`, `民國110年11月24日`,
`二〇二一年十一月二十四日`, `24.11.2021`, `24 ноября 2021 г.`, `24 de noviembre de 2021`, `Nov 24, 2021`,
`24th November 2021`, and dates that a spreadsheet already holds as dates.

Dots put the day first everywhere. With slashes or hyphens the day comes first where one of the two numbers
is above 12 or the language is Russian or Spanish; otherwise `03/04/2021` is refused, because half of the
English-speaking world means April and the other half March. Years have four digits, 1900 to 2100.
"""

from __future__ import annotations

import re
from datetime import date, datetime

from matching.messages import Message
from matching.reading.numerals import InvalidValue, plain

_MONTHS = {
    "en": "january february march april may june july august september october november december",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "ru, nominative": "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь",
    "es, variant": "ene feb mar abr may jun jul ago setiembre oct nov dic",
}
_NAMES = {name: month for names in _MONTHS.values() for month, name in enumerate(names.split(), 1)}
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?: ?(?:г|года?)\.?)?")
_HAN = re.compile(r"(民[国國])? ?(\d{1,4}) ?年 ?(\d{1,2}) ?月 ?(\d{1,2}) ?[日号號]?")
_REPUBLIC = re.compile(r"民[国國] ?(\d{1,3})([-/.])(\d{1,2})\2(\d{1,2})")
_DAY_NAME = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th|\.?º)?(?: de| of)? ([^\W\d_]+)\.?,?(?: del?)? (\d{4})(?: ?(?:г|года?)\.?)?"
)
_NAME_DAY = re.compile(r"([^\W\d_]+)\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})")
_TIME = re.compile(r"[T ]00:00(:00(\.0+)?)?Z?$")
_HAN_DIGITS = str.maketrans("〇○零一二三四五六七八九", "000123456789")


def parse_date(value: str | date, *, language: str | None = None) -> date:
    """Read a day; `language` is that of the row or the file and settles `03/04/2021` where it can.

    Raises:
        InvalidValue: not a date, a day that does not exist, a year out of range, or an ambiguous order.
    """
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        return _day(value.year, value.month, value.day)
    text = re.sub(r"(?<=\d)([-/.]) (?=\d)", r"\1", _TIME.sub("", plain(value)).strip())
    if "年" in text:
        text = _from_han(text)
    if match := _HAN.fullmatch(text):
        return _day(int(match[2]) + (1911 if match[1] else 0), int(match[3]), int(match[4]))
    if match := _REPUBLIC.fullmatch(text):
        return _day(int(match[1]) + 1911, int(match[3]), int(match[4]))
    if match := _YEAR_FIRST.fullmatch(text):
        return _day(int(match[1]), int(match[3]), int(match[4]))
    if match := _COMPACT.fullmatch(text):
        return _day(int(match[1]), int(match[2]), int(match[3]))
    if match := _YEAR_LAST.fullmatch(text):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        if match[2] == "." or first > 12 or first == second or language in {"ru", "es"}:
            return _day(year, second, first)
        if second > 12:
            return _day(year, first, second)
        raise InvalidValue(
            Message(
                "date-ambiguous",
                "This can mean {first} or {second}; write the date as year-month-day.",
                first=_day(year, second, first),
                second=_day(year, first, second),
            )
        )
    if (match := _DAY_NAME.fullmatch(text)) and (month := _month(match[2])):
        return _day(int(match[3]), month, int(match[1]))
    if (match := _NAME_DAY.fullmatch(text)) and (month := _month(match[1])):
        return _day(int(match[3]), month, int(match[2]))
    raise InvalidValue(
        Message(
            "date-unknown", "This is no complete date with a year of four digits; write it as 2021-11-24."
        )
    )


def _month(word: str) -> int | None:
    """The month with this name or with an abbreviation of at least three letters."""
    key = word.casefold()
    if len(key) < 3:
        return None
    months = {month for name, month in _NAMES.items() if name.startswith(key)}
    return months.pop() if len(months) == 1 else None


def _from_han(text: str) -> str:
    """Digits in place of Chinese numerals: `二〇二一年十一月二十四日` → `2021年11月24日`."""

    def digits(match: re.Match[str]) -> str:
        tens, ten, ones = match[1], match[2], match[3]
        return (
            str(
                (int(tens.translate(_HAN_DIGITS)) if tens else 1) * 10 + int(ones.translate(_HAN_DIGITS) or 0)
            )
            if ten
            else match[0]
        )

    return re.sub(r"([二三]?)(十)([一二三四五六七八九]?)", digits, text).translate(_HAN_DIGITS)


def _day(year: int, month: int, day: int) -> date:
    if not 1900 <= year <= 2100:
        raise InvalidValue(
            Message("date-year", "The year must lie between {first} and {last}.", first=1900, last=2100)
        )
    try:
        return date(year, month, day)
    except ValueError:
        raise InvalidValue(Message("date-impossible", "There is no such day; check day and month.")) from None
