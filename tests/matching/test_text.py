"""Folding, language detection and tokens, in the five languages and in what people paste."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from matching import text
from matching.text import content_tokens, detect_language, fold, tokens

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = {
    "zh-Hans": "我们为社区长者提供免费健康检查，需要二十名志愿者。",
    "zh-Hant": "我們為社區長者提供免費健康檢查，需要二十名志願者。",
    "en": "We offer free health checks for older people and need twenty volunteers.",
    "ru": "Мы бесплатно проверяем здоровье пожилых людей, нам нужны двадцать волонтёров.",
    "es": "Ofrecemos revisiones médicas gratuitas a las personas mayores y buscamos voluntarios.",
}


@pytest.mark.parametrize(
    ("given_text", "folded"),
    [
        ("", ""),
        ("  \n\t ", ""),
        ("ＮＧＯ　２０２４", "NGO 2024"),
        ("兒童與長者", "儿童与长者"),
        ("first\nsecond\r\nthird\u2028fourth", "first second third fourth"),
        ("no\u00a0break", "no break"),
        ("zero\u200bwidth\ufeff so\u00adft", "zerowidth soft"),
        ("\u202egpj.exe\u202c \u2066x\u2069", "gpj.exe x"),
        ("e\u200b\u0301", "é"),
        ("bell\x07\x00", "bell"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("❤\ufe0f 👩\u200d🏫", "❤ 👩🏫"),
        ("𠮷野家 𡈽", "𠮷野家 𡈽"),
        ("Ёлка", "Ёлка"),
    ],
)
def test_fold_gives_one_spelling(given_text: str, folded: str) -> None:
    assert fold(given_text) == folded


@example("薴")
@settings(max_examples=300, deadline=None)
@given(st.text(st.one_of(st.characters(), st.sampled_from("乾著後裏麼台\u200b\u0301\u202e \n"))))
def test_fold_twice_changes_nothing_more(sample: str) -> None:
    folded = fold(sample)
    assert fold(folded) == folded
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in folded)


def test_fold_makes_both_chinese_scripts_the_same() -> None:
    assert fold(SAMPLES["zh-Hant"]) == fold(SAMPLES["zh-Hans"])
    assert tokens(SAMPLES["zh-Hant"]) == tokens(SAMPLES["zh-Hans"])


@pytest.mark.parametrize(("language", "sample"), SAMPLES.items())
def test_detect_language_knows_the_five(language: str, sample: str) -> None:
    assert detect_language(sample) == language


@pytest.mark.parametrize(
    ("sample", "language"),
    [
        ("", "und"),
        ("12 345,00 – 50 %", "und"),
        ("🎉🎉", "und"),
        ("A", "und"),
        ("\u202e\u200b", "und"),
        ("educación", "es"),
        ("silla de ruedas", "es"),
        ("hogar para niños", "es"),
        ("wheelchairs for disabled", "en"),
        ("clean water", "en"),
        ("Banco de alimentos de Madrid", "es"),
        ("Нужны волонтёры", "ru"),
        ("Потрібні волонтери для дітей", "und"),
        ("Procuramos voluntários para crianças da nossa escola", "und"),
        ("Wir suchen Freiwillige für unsere Kinder in Berlin", "und"),
        ("Bonjour tout le monde, nous cherchons des bénévoles", "und"),
        ("子どもの教育を支援する", "und"),
        ("한국어 교육", "und"),
        ("الأطفال بحاجة إلى مدرسة", "und"),
        ("社工", "zh-Hans"),
        ("長者服務", "zh-Hant"),
        ("为NGO提供training", "zh-Hans"),
        ("The 启程 Foundation of Shenzhen helps migrants with legal aid", "en"),
    ],
)
def test_detect_language_of_short_mixed_and_foreign_texts(sample: str, language: str) -> None:
    assert detect_language(sample) == language


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("", []),
        ("🎉 … — !", []),
        ("Volunteers volunteering", ["volunt", "volunt"]),
        ("волонтёрам волонтеров", ["волонтер", "волонтер"]),
        ("Необходимы формы; формация", ["необходим", "форм", "формац"]),
        ("para la formación de los niños", ["par", "la", "formacion", "de", "los", "niñ"]),
        ("兒童 5G網絡", ["儿童", "5g", "网络"]),
        ("第3中学", ["第", "3", "中学"]),
        ("𠮷", ["𠮷"]),
        ("snake_case", ["snake", "case"]),
        ("ελπίδα", ["ελπίδα"]),
    ],
)
def test_tokens_by_script(sample: str, expected: list[str]) -> None:
    assert tokens(sample) == expected


def test_tokens_do_not_split_accented_or_cyrillic_words_beside_chinese() -> None:
    assert tokens("志愿者formación志愿者волонтёр") == ["志愿者", "formación", "志愿者", "волонтер"]


def test_content_tokens_leave_function_words_out() -> None:
    assert content_tokens("the education of children") == ["educ", "children"]
    assert content_tokens("школа для детей и родителей") == ["школ", "дет", "родител"]
    assert content_tokens("la formación de los niños y con las familias") == ["formacion", "niñ", "famili"]
    assert content_tokens("为儿童的教育") == ["儿童", "教育"]


def test_tokens_are_the_same_from_many_threads() -> None:
    texts = list(SAMPLES.values()) * 8
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tokens, texts)) == [tokens(one) for one in texts]


def test_tokens_need_no_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    for folder in (blocked, tmp_path):
        monkeypatch.setenv("QIAO_CACHE_DIR", str(folder))
        text._segmenter.cache_clear()
        assert tokens("社区长者") == ["社区", "长者"]
    text._segmenter.cache_clear()


def _tokens_in_new_process(cache: Path) -> subprocess.CompletedProcess[str]:
    code = "from matching.text import tokens; print(' '.join(tokens('为社区长者提供服务')))"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"QIAO_CACHE_DIR": str(cache), "PYTHONIOENCODING": "utf-8", "PYTHONPATH": "."},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )


def test_jieba_is_silent_and_keeps_its_dictionary_in_our_cache(tmp_path: Path) -> None:
    done = _tokens_in_new_process(tmp_path / "new")
    assert (done.stdout.strip(), done.stderr) == ("为 社区 长者 提供 服务", "")
    assert list((tmp_path / "new" / "jieba").glob("*.cache"))


def test_jieba_works_without_a_usable_or_with_a_torn_cache(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    done = _tokens_in_new_process(blocked)
    assert (done.stdout.strip(), done.stderr) == ("为 社区 长者 提供 服务", "")
    _tokens_in_new_process(tmp_path)
    (kept,) = (tmp_path / "jieba").glob("*.cache")
    kept.write_bytes(kept.read_bytes()[:1000])
    done = _tokens_in_new_process(tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("为 社区 长者 提供 服务", "")
