from __future__ import annotations

import pytest

from service.reviews.blinding import Curtain


def over(names: list[str], text: str, **more: list[str]) -> str:
    return Curtain(names, **more).over(text)


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("Green Home", "We at GREEN  home plant trees.", "We at [applicant] plant trees."),
        ("Green Home", "Ｇｒｅｅｎ－Home’s garden", "[applicant]’s garden"),
        ("Green Home", "A greener home for all", "A greener home for all"),
        ("Green Home (Hangzhou)", "Green Home began in 2015.", "[applicant] began in 2015."),
        ("Doing Good Foundation Ltd", "The Doing Good Foundation asks", "The [applicant] asks"),
        ("兒童之家", "由儿童之家发起，儿童参加。", "由[applicant]发起，儿童参加。"),
        ("绿色家园有限公司", "綠色家園在福田工作", "[applicant]在福田工作"),
        ("ООО «Доброе сердце»", "Отчёт «Доброго сердца» за год", "Отчёт «[applicant]» за год"),
        ("Зелёный город", "Работа Зеленого Города", "Работа [applicant]"),
        ("Corazón Abierto", "la casa CORAZON abierto", "la casa [applicant]"),
        ("微电影协会", "（微电影协会）拍摄", "（[applicant]）拍摄"),
    ],
)
def test_name_is_hidden_however_it_is_written(name: str, text: str, shown: str) -> None:
    assert over([name], text) == shown


def test_all_names_numbers_and_members_are_hidden_and_other_words_stay() -> None:
    text = "Green Home (绿色家园, 51100000500000001A), led by Ana López: 1,200 people by 2027-03-01."
    assert over(
        ["Green Home", "绿色家园"], text, people=["Ana Lopez", "Max"], numbers=["51100000500000001a"]
    ) == ("[applicant] ([applicant], [applicant]), led by [applicant]: 1,200 people by 2027-03-01.")


@pytest.mark.parametrize(
    "address",
    [
        "info@green-home.example.org",
        "https://green.example/plan?x=1",
        "www.greenhome.cn/about",
        "greenhome.org",
        "@greenhome",
        "+86 571 8888 6666",
        "13800138000",
        "8 (495) 123-45-67",
    ],
)
def test_addresses_of_every_kind_are_hidden(address: str) -> None:
    assert over([], f"Write to {address}, please.") == "Write to [contact], please."
    assert over([], f"联系{address}。") == "联系[contact]。"


@pytest.mark.parametrize(
    "text",
    [
        "From 2027.01.01 to 2027.12.31 we need 280,000 CNY for 1,200 children.",
        "Phase 2: 3-5 schools, 10 000 000 руб., see No. 17.",
        "e.g. tea at 10.30",
    ],
)
def test_dates_sums_and_numbers_stay(text: str) -> None:
    assert over(["Green Home"], text) == text


def test_longest_name_goes_first_and_a_name_of_one_letter_hides_nothing() -> None:
    assert over(["Green Home", "Green Home Kids", "A"], "Green Home Kids, a club") == "[applicant], a club"
