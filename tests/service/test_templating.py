"""Templates are compiled once, kept where that is possible, and give their macros once a page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from jinja2 import Environment

from service import templating

if TYPE_CHECKING:
    from pathlib import Path


def environment(templates: Path, kept: Path) -> Environment:
    made = Environment(
        loader=templating._Loader(templates), bytecode_cache=templating._Bytecode(kept), autoescape=True
    )
    made.template_class = templating._Template
    return made


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "word.html").write_text("{% macro word() %}{{ name }}{% endmacro %}")
    (folder / "page.html").write_text("{% from 'word.html' import word with context %}{{ word() }}")
    return folder


def test_what_was_compiled_is_kept_for_the_next_process(templates: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert environment(templates, kept).get_template("page.html").render(name="A") == "A"
    assert len(list(kept.iterdir())) == 2
    made = environment(templates, kept)
    made.compile = None  # type: ignore[assignment]
    assert made.get_template("page.html").render(name="B") == "B", "nothing is compiled again"


def test_pages_come_also_where_nothing_can_be_kept(templates: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    made = environment(templates, tmp_path / "file" / "kept")
    assert made.get_template("page.html").render(name="A") == "A"


def test_sixteen_at_once_compile_a_template_once(templates: Path, tmp_path: Path) -> None:
    made = environment(templates, tmp_path / "kept")
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: made.get_template("page.html"), range(64)))
    assert len({id(one) for one in found}) == 1


def test_macros_are_made_once_a_page_and_never_for_another(templates: Path, tmp_path: Path) -> None:
    made = environment(templates, tmp_path / "kept")
    (templates / "twice.html").write_text("{% include 'page.html' %}{% include 'page.html' %}")
    page, macros = made.get_template("twice.html"), {}
    assert page.render(name="A", macros=macros) == "AA"
    assert list(macros) == ["word.html"]
    assert page.render(name="B", macros={}) == "BB"
