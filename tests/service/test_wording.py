"""Messages, quantities and numbers as each of the five languages writes them."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path

import pytest

from matching.messages import Message, Quantity, Term
from matching.text import LANGUAGES
from matching.vocabulary import default_vocabulary
from service.i18n import closest_language, date_text, environment_language, percent_text
from service.templating import make_templates
from service.wording import quantity_text, say


@pytest.mark.parametrize(
    ("hours", "text"), [(1, "1 час"), (3, "3 часа"), (5, "5 часов"), (21, "21 час"), (2.5, "2,5 часа")]
)
def test_russian_forms_follow_the_number(hours: float, text: str) -> None:
    assert quantity_text(Quantity(round(hours * 100), "hour"), "ru").replace("\xa0", " ") == text


def test_every_unit_can_be_said_in_every_language() -> None:
    for unit in default_vocabulary().codes("units"):
        for language in LANGUAGES:
            assert "3" in quantity_text(Quantity(300, unit), language)


def test_money_is_written_as_the_language_writes_it() -> None:
    assert quantity_text(Quantity(120_050, "EUR"), "es").replace("\xa0", " ") == "1.200,50 €"
    assert quantity_text(Quantity(28_000_000, "CNY"), "zh-Hans") == "¥280,000"
    assert quantity_text(Quantity(28_000_000, "RUB"), "zh-Hans") == "RUB\N{NO-BREAK SPACE}280,000"


def test_parameters_are_said_in_the_language_too() -> None:
    inner = Message("expired", "The listing expired on {day}.", day=date(2021, 6, 30))
    outer = Message(
        "drop-lock",
        "Remove the lock of “{need}” and “{offer}”: {reason}",
        need="n1",
        offer="o1",
        reason=inner,
    )
    assert say(outer, "zh-Hans") == "取消“n1”与“o1”的锁定：该条目已于2021年6月30日过期。"
    theme = Message("same-theme", "Same theme: {term}", term=Term("themes", "education"))
    assert say(theme, "es") == "Mismo tema: Educación"


def test_ids_become_names_where_names_are_given() -> None:
    message = Message("wrong-gift", "{offer} cannot give this to {need}.", need="n1", offer="o1")
    assert say(message, "en", {"n1": "“Meals”", "o1": "“Fund”"}) == "“Fund” cannot give this to “Meals”."


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("zh_TW", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("zh_CN", "zh-Hans"),
        ("es_MX", "es"),
        ("ru_RU", "ru"),
        ("de", "en"),
    ],
)
def test_the_nearest_language_is_chosen(tag: str, language: str) -> None:
    assert closest_language([tag]) == language


def test_the_environment_names_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QIAO_LANG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "es_ES.UTF-8")
    assert environment_language() == "es"
    monkeypatch.setenv("QIAO_LANG", "ru")
    assert environment_language() == "ru"
    for name in ("QIAO_LANG", "LANG"):
        monkeypatch.setenv(name, "C")
    assert environment_language() == "en"


def test_shares_are_rounded_to_whole_per_cent() -> None:
    assert [percent_text(0.936, language).replace("\xa0", " ") for language in LANGUAGES] == [
        "94%", "94%", "94%", "94 %", "94 %",
    ]  # fmt: skip


def test_a_russian_year_ends_its_sentence() -> None:
    day = date(2026, 11, 20)
    late = say(Message("appeal-late", "An appeal was possible until {day}.", day=day), "ru")
    assert late == f"Обжаловать можно было до {date_text(day, 'ru')}"
    page = make_templates().from_string("{{ _('Hand in by %(day)s.', day=day|day) }}")
    assert page.render(language="ru", day=day) == f"Сдайте до {date_text(day, 'ru')}"
    assert page.render(language="en", day=day) == "Hand in by Nov 20, 2026."


def test_no_message_hides_its_words_in_a_variable() -> None:
    """What is to be translated is found where messages are made: words, not the name of a variable."""
    hidden = []
    root = Path(__file__).parents[2]
    for file in (*(root / "service").rglob("*.py"), *(root / "matching").rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        named = {
            target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name) and isinstance(node.value.value, str)
        }
        hidden += [
            f"{file.relative_to(root)}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "Message"
            and any(isinstance(words, ast.Name) and words.id in named for words in node.args[1:2])
        ]
    assert hidden == []
