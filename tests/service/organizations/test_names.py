"""Whether two names may stand for one organization."""

from __future__ import annotations

import pytest

from service.organizations.names import NEAR, key, keys, likeness


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("綠色家園志願者協會", "绿色家园志愿者协会"),
        ("ООО «Зелёный город»", "зеленый ГОРОД"),
        ("Agua para Todos, A.C.", "AGUA  PARA TODOS"),
        ("Ａｃｍｅ Ltd.", "acme"),
        ("АCМЕ", "ACME"),
        ("深圳市爱心科技有限公司", "深圳市爱心科技"),
    ],
)
def test_script_case_width_marks_and_legal_form_make_no_difference(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Green Home Volunteers", "Volunteers of Green Home"),
        ("Благотворительный фонд «Доброе сердце»", "Благотворительный фонд Доброе сердцe"),
        ("Fundación Agua Clara", "Fundacion Agua Clare"),
    ],
)
def test_nearly_the_same_name_is_near(one: str, other: str) -> None:
    assert likeness(key(one), key(other)) >= NEAR


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("爱心协会", "爱心基金会"),
        ("Green Home", "Red Home"),
        ("Зеленый город", "Доброе сердце"),
        ("绿色家园志愿者协会", "Green Home Volunteers"),
    ],
)
def test_other_names_are_not_near(one: str, other: str) -> None:
    assert likeness(key(one), key(other)) < NEAR


def test_a_name_of_legal_forms_alone_keeps_them() -> None:
    assert key("Co. Ltd") == "co ltd"


def test_each_key_is_kept_once() -> None:
    assert keys(["ACME Ltd", "Acme", "——"]) == ["acme"]
