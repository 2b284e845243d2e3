"""Amounts, counts, ratings and yes-or-no answers as people write them in five languages.

Every reader takes the text of one cell and gives one exact value, or raises `InvalidValue` with a message
that says how to mend it. Words for currencies and units are those of the vocabulary. Signs that several
currencies share are settled by evidence: another word of the cell, else `default_unit`, else the language:

- `$` is the US dollar; in Spanish and Traditional Chinese texts it must be written out (US$, MX$, HK$, NT$);
- `元`, `圆`, `块` are yuan; in Traditional Chinese texts write the currency out (港元, 新台幣, CNY);
- `¥` is the yuan, unless the row is kept in yen.

Which of comma and point groups thousands is decided as `matching.reading.numerals` says: by the script of
the words in the cell, else by `language`, else by the currency. Spanish is read the Spanish way with euros
and the Mexican way with pesos, and decides nothing with other units.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from matching.messages import Message, Quantity, Term
from matching.reading.dates import parse_date
from matching.reading.numerals import (
    COMMA_GROUPS,
    DECIMAL_COMMA,
    DOT_GROUPS,
    Convention,
    InvalidValue,
    find_number,
    number_value,
    plain,
)
from matching.vocabulary import default_vocabulary

if TYPE_CHECKING:
    from decimal import Decimal

    from matching.reading.numerals import Found

__all__ = [
    "LARGEST",
    "InvalidValue",
    "exact_amount",
    "is_currency",
    "parse_amount",
    "parse_count",
    "parse_date",
    "parse_inspection",
    "parse_rating",
    "parse_unit",
    "parse_yes_no",
]

LARGEST = 10**15
"""The largest amount that is taken, in whole units."""

_COUNTING = Convention(",.", "")
"""Things that are counted have no decimals, so that a single separator before three digits groups."""
_SHARED = {
    **dict.fromkeys("$", ("USD", "HKD", "TWD", "MXN")),
    **dict.fromkeys(
        ["dollar", "dollars", "доллар", "доллара", "долларов", "dólar", "dólares"], ("USD", "HKD", "TWD")
    ),
    **dict.fromkeys("元圆圓块塊", ("CNY", "HKD", "TWD")),
    **dict.fromkeys(["元整", "圆整", "圓整", "元正"], ("CNY", "HKD", "TWD")),
    "¥": ("CNY", "JPY"),
    **dict.fromkeys(["peso", "pesos", "песо", "比索"], ("MXN",)),
}
_WRITTEN_OUT = {("$", "es"), ("$", "zh-Hant"), ("元", "zh-Hant")}
_EVIDENCE = {
    **dict.fromkeys(["CNY", "HKD", "TWD", "USD", "MXN", "JPY", "GBP"], COMMA_GROUPS),
    "RUB": DECIMAL_COMMA,
}
_YES = frozenset(
    [
        "yes",
        "y",
        "true",
        "1",
        "1.0",
        "x",
        "✓",
        "✔",
        "√",
        "是",
        "是的",
        "有",
        "对",
        "對",
        "需要",
        "可以",
        "能",
        "真",
        "да",
        "д",
        "есть",
        "истина",
        "верно",
        "sí",
        "si",
        "s",
        "verdadero",
        "cierto",
    ]
)
_NO = frozenset(
    [
        "no",
        "n",
        "false",
        "0",
        "0.0",
        "✗",
        "✘",
        "×",
        "否",
        "不是",
        "不",
        "无",
        "無",
        "没有",
        "沒有",
        "不能",
        "不可以",
        "假",
        "нет",
        "н",
        "ложь",
        "falso",
    ]
)
_PASSED = frozenset(
    {
        "passed",
        "pass",
        "合格",
        "通过",
        "通過",
        "基本合格",
        "已通过",
        "已通過",
        "пройдена",
        "пройден",
        "прошла",
        "прошёл",
    }
    | {"прошел", "aprobada", "aprobado", "superada"}
)
_FAILED = frozenset(
    {
        "failed",
        "fail",
        "not passed",
        "不合格",
        "未通过",
        "未通過",
        "не пройдена",
        "не пройден",
        "не прошла",
        "не прошёл",
    }
    | {"не прошел", "no aprobada", "no aprobado", "reprobada", "suspendida"}
)
_RATING = re.compile(r"(?:([1-5一二三四五])\s*[aа]?|([aа]{1,5}))\s*(?:级|級)?\s*(?:及?以上)?", re.IGNORECASE)


def parse_amount(
    text: str, *, default_unit: str | None = None, language: str | None = None, allow_zero: bool = False
) -> Quantity:
    """Read an amount with its unit, such as `28万元`, `2.500,00 €` or `20 тыс. руб.`.

    `default_unit` is the unit where the text names none; `language` is that of the file or the row.
    The amount of the result is in hundredths of the unit.

    Raises:
        InvalidValue: no number or several, negative, zero (unless allowed), above `LARGEST`, more than two
            decimals, an ambiguous separator, an unknown word, no unit, two units.
    """
    found = find_number(text)
    unit = _unit_of(found, default_unit, language)
    if unit is None:
        raise InvalidValue(
            Message(
                "unit-missing", "The unit is missing; write it after the number or in the column of units."
            )
        )
    return Quantity(
        _hundredths(number_value(found, _convention(found.words, language, unit)), allow_zero), unit
    )


def exact_amount(value: Decimal, unit: str, *, allow_zero: bool = False) -> Quantity:
    """A number that is a number already, with its unit, as a quantity.

    Raises:
        InvalidValue: negative, zero (unless allowed), above `LARGEST`, more than two decimals.
    """
    return Quantity(_hundredths(value, allow_zero), unit)


def parse_count(text: str, *, language: str | None = None, units: tuple[str, ...] = ("person",)) -> int:
    """Read a whole number of things, such as `1,200人`; `units` are the codes of units it may be stated in.

    Raises:
        InvalidValue: as for `parse_amount`; also a fraction, or another unit.
    """
    found = find_number(text)
    unit = _unit_of(found, units[0], language)
    if unit not in units:
        raise InvalidValue(
            Message(
                "count-unit", "This column counts in “{expected}”; write the number alone.", expected=units[0]
            )
        )
    value = number_value(found, _COUNTING)
    if value != value.to_integral_value():
        raise InvalidValue(Message("count-fraction", "A whole number is needed here."))
    return _hundredths(value, allow_zero=True) // 100


def parse_unit(text: str, *, default_unit: str | None = None, language: str | None = None) -> str:
    """The code of a currency or unit that is written alone, such as `元` or `часов`.

    Raises:
        InvalidValue: a word that is neither, or a sign that several currencies share.
    """
    return _settle(_named(plain(text)), plain(text), default_unit, language)


def is_currency(unit: str) -> bool:
    """Whether a unit code is a currency."""
    return unit in default_vocabulary().codes("currencies")


def parse_rating(text: str) -> int:
    """Read the rating of an organization, 1 to 5: `3A`, `AAA`, `3A级`, `5А` (Cyrillic), `3`.

    Raises:
        InvalidValue: anything else.
    """
    match = _RATING.fullmatch(plain(text))
    if match is None:
        raise InvalidValue(Message("rating-unknown", "A rating runs from 1A to 5A; write for example 3A."))
    if match[2]:
        return len(match[2])
    return int(match[1]) if match[1].isascii() else "一二三四五".index(match[1]) + 1


def parse_yes_no(text: str) -> bool:
    """Read yes or no in any of the five languages, or a tick or cross.

    Raises:
        InvalidValue: anything else.
    """
    word = plain(text).casefold().rstrip(".!。")
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise InvalidValue(Message("yes-or-no", "Write yes or no."))


def parse_inspection(text: str) -> bool:
    """Read the result of an annual inspection: `合格`, `passed`, yes; or `不合格`, `failed`, no.

    Raises:
        InvalidValue: anything else.
    """
    word = plain(text).casefold()
    if word in _PASSED:
        return True
    if word in _FAILED:
        return False
    try:
        return parse_yes_no(word)
    except InvalidValue:
        raise InvalidValue(Message("inspection-unknown", "Write passed or failed.")) from None


def _hundredths(value: Decimal, allow_zero: bool) -> int:  # noqa: FBT001
    if value < 0:
        raise InvalidValue(
            Message("number-negative", "A negative number cannot stand here; write a positive one.")
        )
    if value > LARGEST:
        raise InvalidValue(
            Message("number-too-large", "This is too large; the most is {most}.", most=LARGEST)
        )
    if not value and not allow_zero:
        raise InvalidValue(Message("number-zero", "Zero cannot stand here; write a positive number."))
    if value * 100 != (value * 100).to_integral_value():
        raise InvalidValue(
            Message("number-decimals", "There are more than two decimals here; round the number to two.")
        )
    return int(value * 100)


def _unit_of(found: Found, default_unit: str | None, language: str | None) -> str | None:
    """The unit that the words around a number name; `default_unit` where there are none."""
    sets, words = [], []
    for word in (found.before, found.after):
        if word:
            sets.append(_named(word))
            words.append(word)
    if not words:
        return default_unit
    together = frozenset.intersection(*sets)
    if not together:
        raise InvalidValue(
            Message(
                "unit-two",
                "“{first}” and “{second}” are different units; write one.",
                first=words[0],
                second=words[1],
            )
        )
    return _settle(together, words[0], default_unit, language)


def _settle(codes: frozenset[str], word: str, default_unit: str | None, language: str | None) -> str:
    if len(codes) == 1:
        return next(iter(codes))
    if default_unit in codes:
        return default_unit
    first = next(code for code in ("USD", "CNY") if code in codes)
    if ("$" if first == "USD" else "元", language) in _WRITTEN_OUT and "JPY" not in codes:
        raise InvalidValue(
            Message(
                "currency-shared",
                "Several currencies are written “{word}”; write the code, such as {first} or {second}.",
                word=word,
                first=min(codes),
                second=max(codes),
            )
        )
    return first


def _named(word: str) -> frozenset[str]:
    """The currencies or units that a word, or two words written together, can mean.

    Raises:
        InvalidValue: the word is unknown.
    """
    bare = word.strip(" ,:;()[]")
    if known := _codes(bare):
        return known
    for cut in range(1, len(bare)):
        if (
            (left := _codes(bare[:cut].strip()))
            and (right := _codes(bare[cut:].strip(" ()")))
            and left & right
        ):
            return left & right
    vocabulary = default_vocabulary()
    near = [
        Term(scheme, code)
        for scheme in ("currencies", "units")
        for code in vocabulary.suggest(scheme, bare, 1)
    ]
    raise InvalidValue(
        Message(
            "unit-unknown",
            "“{word}” is no known unit or currency; write for example {near}.",
            word=bare,
            near=near[0],
        )
        if near
        else Message("unit-unknown-at-all", "“{word}” is no known unit or currency.", word=bare)
    )


def _codes(word: str) -> frozenset[str]:
    vocabulary = default_vocabulary()
    key = word.casefold()
    if key in _SHARED:
        return frozenset(code for code in _SHARED[key] if code in vocabulary.codes("currencies"))
    for variant in (word, word.rstrip(".")):
        for scheme in ("currencies", "units"):
            if code := vocabulary.resolve(scheme, variant):
                return frozenset({code})
    return frozenset()


def _convention(words: str, language: str | None, unit: str | None) -> Convention | None:
    if re.search(r"[\u0400-\u04ff₽]", words):
        return DECIMAL_COMMA
    if re.search(r"[\u3400-\u9fff]", words):
        return COMMA_GROUPS
    if language == "ru":
        return DECIMAL_COMMA
    if language == "es":
        return {"EUR": DOT_GROUPS, "MXN": COMMA_GROUPS}.get(unit or "")
    if language is not None:
        return COMMA_GROUPS
    return _EVIDENCE.get(unit or "")
