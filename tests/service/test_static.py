"""The static files are what the manifests say, and every class and icon in use exists."""

from __future__ import annotations

from tests import assets


def test_static_files_are_as_the_manifests_say() -> None:
    assert assets.problems() == []


def test_page_weighs_little() -> None:
    assert assets.page_weight() < assets.PAGE_BYTES


def test_no_template_has_inline_styles_or_handlers() -> None:
    """The content policy would block them."""
    for path in assets.templates():
        text = path.read_text(encoding="utf-8")
        for forbidden in (' style="', ' onclick="', ' onchange="', ' onsubmit="', "javascript:"):
            assert forbidden not in text, f"{path.name}: {forbidden}"
