"""Versions compared word by word, Chinese by character."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.agreements import queries
from service.agreements.comparing import passages, words


def test_one_changed_word_is_one_change():
    assert words("paid within fifteen days", "paid within thirty days") == (
        ("=", "paid within "),
        ("-", "fifteen"),
        ("+", "thirty"),
        ("=", " days"),
    )


def test_chinese_is_compared_by_character():
    assert words("十五日内付款", "三十日内付款") == (
        ("+", "三"),
        ("=", "十"),
        ("-", "五"),
        ("=", "日内付款"),
    )


@given(st.text(), st.text())
def test_each_version_can_be_read_out_of_the_comparison(before, after):
    found = words(before, after)
    assert "".join(text for op, text in found if op != "+") == before
    assert "".join(text for op, text in found if op != "-") == after


def test_only_what_differs_is_shown_and_gone_clauses_too(drafted):
    terms = queries.terms_of(drafted)
    assert passages(terms, terms) == []
    left = tuple(one for one in terms.clauses if one.key != "disputes")
    later = terms.model_copy(update={"clauses": left, "ends": terms.ends.replace(day=28)})
    assert [(one.place, one.language) for one in passages(terms, later)] == [
        ("clause:disputes", "zh-Hans"),
        ("clause:disputes", "en"),
        ("plan:ends", ""),
    ]
