from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.messages import Quantity
from matching.reading.numerals import InvalidValue, find_number, number_value
from matching.reading.quantities import (
    exact_amount,
    is_currency,
    parse_amount,
    parse_count,
    parse_inspection,
    parse_rating,
    parse_unit,
    parse_yes_no,
)


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("１２，０００元", 12_000_00, "CNY"),
        ("1 200 000 ₽", 1_200_000_00, "RUB"),
        ("1\u00a0200\u2009000 ₽", 1_200_000_00, "RUB"),
        ("1\u202f200,50 ₽", 1_200_50, "RUB"),
        ("2.500,00 €", 2_500_00, "EUR"),
        ("2.500.000 €", 2_500_000_00, "EUR"),
        ("1'200.50 USD", 1_200_50, "USD"),
        ("20 тыс. руб.", 20_000_00, "RUB"),
        ("20 т.р.", 20_000_00, "RUB"),
        ("3,5 млн руб.", 3_500_000_00, "RUB"),
        ("1,250 тыс. руб.", 1_250_00, "RUB"),
        ("¥280,000", 280_000_00, "CNY"),
        ("28万元", 280_000_00, "CNY"),
        ("2,500元", 2_500_00, "CNY"),
        ("$1,200.50", 1_200_50, "USD"),
        ("$5M", 5_000_000_00, "USD"),
        ("5M €", 5_000_000_00, "EUR"),
        ("1.5k USD", 1_500_00, "USD"),
        ("六百万元", 6_000_000_00, "CNY"),
        ("百万元", 1_000_000_00, "CNY"),
        ("一百零五元", 105_00, "CNY"),
        ("十五元", 15_00, "CNY"),
        ("伍万元整", 50_000_00, "CNY"),
        ("1亿2000万元", 120_000_000_00, "CNY"),
        ("1.5万亿元", None, None),
        ("一万亿元", 1_000_000_000_000_00, "CNY"),
        ("3万5千元", 35_000_00, "CNY"),
        ("3万5000元", 35_000_00, "CNY"),
        ("一千零一十元", 1_010_00, "CNY"),
        ("人民币5 万元", 50_000_00, "CNY"),
        ("5万元人民币", 50_000_00, "CNY"),
        ("5000 元 (CNY)", 5_000_00, "CNY"),
        ("NT$ 30,000", 30_000_00, "TWD"),
        ("HK$30,000", 30_000_00, "HKD"),
        ("3 millones de pesos", 3_000_000_00, "MXN"),
        ("2 mil millones de euros", 2_000_000_000_00, "EUR"),
        ("12345.67 USD", 12_345_67, "USD"),
        ("0,5 €", 50, "EUR"),
        ("20 часов", 20_00, "hour"),
        ("3场", 3_00, "session"),
        ("10 personas", 10_00, "person"),
        ("5千克", 5_00, "kilogram"),
        ("30 м²", 30_00, "square-metre"),
    ],
)
def test_parse_amount_reads_what_people_write(text: str, amount: int | None, unit: str | None) -> None:
    if amount is None:
        assert parse_amount(text) == Quantity(1_500_000_000_000_00, "CNY")
    else:
        assert parse_amount(text) == Quantity(amount, str(unit))


@pytest.mark.parametrize(
    ("text", "language", "unit", "amount"),
    [
        ("2.500 €", "es", None, 2_500_00),
        ("2,500", "es", "MXN", 2_500_00),
        ("2,500", "en", "EUR", 2_500_00),
        ("2,500", None, "USD", 2_500_00),
        ("1.250万", "zh-Hans", "CNY", 12_500_00),
        ("5万", "zh-Hans", "CNY", 50_000_00),
        ("30,000元", "zh-Hant", "TWD", 30_000_00),
        ("$500", "es", "MXN", 500_00),
        ("¥500", None, "JPY", 500_00),
    ],
)
def test_parse_amount_uses_evidence_of_language_and_default_unit(
    text: str, language: str | None, unit: str | None, amount: int
) -> None:
    assert parse_amount(text, language=language, default_unit=unit).amount == amount


@pytest.mark.parametrize(
    ("text", "language", "code"),
    [
        ("", None, "number-missing"),
        ("много", None, "number-missing"),
        ("1.234 €", None, "number-ambiguous"),
        ("1,234 €", "es", "number-ambiguous"),
        ("1.234 USD", "en", "number-ambiguous"),
        ("2,500 ₽", None, "number-ambiguous"),
        ("2.500 часов", "es", "number-ambiguous"),
        ("2.500 horas", "es", "number-ambiguous"),
        ("1,250 USD", "ru", "number-ambiguous"),
        ("2,500 horas", None, "number-ambiguous"),
        ("约5万元", None, "number-inexact"),
        ("5万元以上", None, "number-inexact"),
        ("около 5 руб.", None, "number-inexact"),
        ("5-10万元", None, "number-several"),
        ("1 2000 €", None, "number-several"),
        ("-5元", None, "number-negative"),
        ("¥ -5", None, "number-negative"),
        ("0元", None, "number-zero"),
        ("10%", None, "number-percent"),
        ("1.005,555 €", None, "number-decimals"),
        ("1 200,555 €", None, "number-decimals"),
        ("1000000000000001元", None, "number-too-large"),
        ("两万五元", None, "number-unclear"),
        ("二百五元", None, "number-unclear"),
        ("五万五千万元", None, "number-unclear"),
        ("一二三元", None, "number-unclear"),
        ("一〇五百元", None, "number-unclear"),
        ("五百千元", None, "number-unclear"),
        ("五零十五元", None, "number-unclear"),
        ("1,20,000 USD", None, "number-unclear"),
        ("1,200.5,3 USD", None, "number-unclear"),
        ("1 200.000,5 USD", None, "number-unclear"),
        ("1'20 USD", None, "number-unclear"),
        ("5", None, "unit-missing"),
        ("5 blorks", None, "unit-unknown"),
        ("5 ☃☃", None, "unit-unknown-at-all"),
        ("¥5 EUR", None, "unit-two"),
        ("5 EUR 3 USD", None, "number-several"),
        ("500元", "zh-Hant", "currency-shared"),
        ("$500", "es", "currency-shared"),
    ],
)
def test_parse_amount_refuses_what_is_not_one_exact_amount(
    text: str, language: str | None, code: str
) -> None:
    with pytest.raises(InvalidValue) as error:
        parse_amount(text, language=language)
    assert error.value.message.code == code


def test_parse_amount_names_both_readings_of_an_ambiguous_number() -> None:
    with pytest.raises(InvalidValue, match=r"1234 or 1\.234; write 1234 without a separator"):
        parse_amount("1.234 €")


def test_parse_amount_allows_zero_on_request() -> None:
    assert parse_amount("0", default_unit="CNY", allow_zero=True) == Quantity(0, "CNY")


@given(st.integers(1, 10**17))
def test_parse_amount_is_exact_for_every_grouping(hundredths: int) -> None:
    whole, rest = divmod(hundredths, 100)
    grouped = f"{whole:,}.{rest:02}"
    for text in (
        grouped,
        grouped.replace(",", " "),
        grouped.translate(str.maketrans(",.", ".,")),
        grouped.translate(str.maketrans(",.", "\u00a0,")),
        f"{whole}.{rest:02}",
    ):
        assert parse_amount(text, default_unit="EUR").amount == hundredths


@given(st.integers(1, 99_999_999))
def test_number_value_reads_chinese_numerals(number: int) -> None:
    assert number_value(find_number(_han(number)), None) == Decimal(number)


def _han(number: int) -> str:
    digits = "零一二三四五六七八九"

    def section(part: int) -> str:
        written, gap = "", False
        for factor, sign in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
            digit = part // factor % 10
            if digit:
                written += ("零" if gap else "") + digits[digit] + sign
                gap = False
            elif written:
                gap = True
        return written

    high, low = divmod(number, 10_000)
    if not high:
        return section(low)
    return section(high) + "万" + ("零" if 0 < low < 1000 else "") + section(low)


def test_exact_amount_refuses_negative_numbers() -> None:
    assert exact_amount(Decimal("12.5"), "CNY") == Quantity(1250, "CNY")
    with pytest.raises(InvalidValue, match="negative"):
        exact_amount(Decimal(-1), "CNY")


def test_parse_count_reads_people_and_projects() -> None:
    assert parse_count("1,200人") == 1200
    assert parse_count("1.200 personas", language="es") == 1200
    assert parse_count("120") == 120
    assert parse_count("3个项目", units=("project",)) == 3


@pytest.mark.parametrize(("text", "code"), [("50 часов", "count-unit"), ("2,5", "count-fraction")])
def test_parse_count_refuses_other_units_and_fractions(text: str, code: str) -> None:
    with pytest.raises(InvalidValue) as error:
        parse_count(text)
    assert error.value.message.code == code


def test_parse_unit_reads_currencies_and_units() -> None:
    assert [parse_unit(text) for text in ("元", "руб.", "€", "часов", "horas", "CNY")] == [
        "CNY", "RUB", "EUR", "hour", "hour", "CNY",
    ]  # fmt: skip
    assert is_currency("CNY")
    assert not is_currency("hour")


@pytest.mark.parametrize(
    ("text", "rating"),
    [("3A", 3), ("AAA", 3), ("3A级", 3), ("5А", 5), ("三A級", 3), ("ＡＡＡＡ", 4), ("3A以上", 3), ("4 a", 4)],
)
def test_parse_rating_reads_its_spellings(text: str, rating: int) -> None:
    assert parse_rating(text) == rating


@pytest.mark.parametrize("text", ["6A", "0A", "B", "AAAAAA", "3", ""])
def test_parse_rating_refuses_others_but_a_bare_figure(text: str) -> None:
    if text == "3":
        assert parse_rating(text) == 3
    else:
        with pytest.raises(InvalidValue, match="1A to 5A"):
            parse_rating(text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("是", True),
        ("否", False),
        ("無", False),
        ("Yes", True),
        ("да", True),
        ("Нет.", False),
        ("SÍ", True),
        ("no", False),
        ("1", True),
        ("√", True),
        ("×", False),
    ],
)
def test_parse_yes_no_reads_five_languages(text: str, answer: bool) -> None:
    assert parse_yes_no(text) is answer


def test_parse_yes_no_refuses_maybe() -> None:
    with pytest.raises(InvalidValue, match="yes or no"):
        parse_yes_no("maybe")


def test_parse_inspection_reads_results_and_answers() -> None:
    assert [parse_inspection(text) for text in ("合格", "未通过", "пройдена", "no aprobada", "yes")] == [
        True, False, True, False, True,
    ]  # fmt: skip
    with pytest.raises(InvalidValue, match="passed or failed"):
        parse_inspection("优")
