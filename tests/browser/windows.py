"""The windows that people of a story open, in their language; pictures of them, and what axe says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.i18n import catalogue
from tests.browser.test_accessibility import TWO_VIEWS, examine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

PHONE, DESKTOP = 390, 1280
ACROSS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Windows:
    """Opens windows of people by their name; `folder` takes the pictures."""

    open_page: Callable[..., Page]
    folder: Path
    keys: dict[str, str] = field(default_factory=dict)
    language: str = "en"

    def page(self, path: str, who: str = "", width: int = DESKTOP) -> Page:
        """A window of its own, on which somebody looks at a page."""
        page = self.open_page(path, key=self.keys.get(who, ""), width=width, language=self.language)
        page.on("dialog", lambda dialog: dialog.accept())
        return page

    def say(self, phrase: str, **fields: object) -> str:
        """What the pages say for an English phrase, in the language of the story."""
        return catalogue(self.language).gettext(phrase) % fields

    def count(self, singular: str, many: str, count: int) -> str:
        """The same for something that is counted."""
        return catalogue(self.language).ngettext(singular, many, count) % {"count": count, "all": count}

    def happened(self, noun: str, step: str) -> str:
        """How the log says that a step was taken with something."""
        return self.say("{noun}: {step}").format(noun=self.say(noun), step=self.say(step))

    def starting(self, phrase: str) -> re.Pattern[str]:
        """What begins with a phrase whose end is not known beforehand."""
        return re.compile("^" + re.escape(self.say(phrase)))

    def press(self, page: Page, phrase: str, **fields: object) -> None:
        """Click the one button that says this, and wait for the page that comes."""
        with page.expect_navigation():
            page.get_by_role("button", name=self.say(phrase, **fields), exact=True).click()

    def look(self, page: Page, name: str) -> None:
        """Take a picture of all of the page, as wide as it is."""
        width = page.viewport_size["width"] if page.viewport_size else 0
        page.screenshot(path=self.folder / f"{name}-{width}.png", full_page=True)
        assert page.evaluate(ACROSS) <= 0, f"{name} sticks out sideways"

    def check(self, who: str, **paths: str) -> None:
        """These pages, by name, have no fault that axe can find, on phone and desktop, dark and light."""
        for name, path in paths.items():
            page = self.page(path, who)
            assert page.locator(".empty h1").count() == 0, "nothing is missing"
            for width in (PHONE, DESKTOP):
                page.set_viewport_size({"width": width, "height": 844})
                self.look(page, name)
            assert examine(page, TWO_VIEWS) == [], path
            page.context.close()
