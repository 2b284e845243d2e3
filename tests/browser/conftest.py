"""The real application on a free port and a real Chromium; skipped, with the reason, where there is none."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jinja2 import ChoiceLoader, FileSystemLoader

from service.accounts.queries import SESSION_COOKIE
from tests.house import open_house

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.house import House

HERE = Path(__file__).parent
CHROMIUM = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
"""The first that is here; the one without windows is several times quicker."""
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The application, served by uvicorn in a thread, with the jobs running."""
    with open_house(tmp_path_factory.mktemp("house")) as house:
        templates = house.app.state.site.templates
        templates.loader = ChoiceLoader([templates.loader, FileSystemLoader(HERE)])
        yield house


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(
            "no Chromium on this machine (Debian: apt-get install chromium-headless-shell fonts-noto-cjk)"
        )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def _complaints() -> list[str]:
    return []


@pytest.fixture
def complaints(_complaints: list[str]) -> Iterator[list[str]]:
    """What scripts and the content policy complain about, which fails the test."""
    _complaints.clear()
    yield _complaints
    assert _complaints == []


def _window(context: BrowserContext, house: House, key: str, complaints: list[str]) -> Page:
    if key:
        context.add_cookies([{"name": SESSION_COOKIE, "value": key, "url": house.url}])
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    return page


@pytest.fixture
def open_page(chromium: Browser, house: House, complaints: list[str]) -> Iterator[Callable[..., Page]]:
    """Opens a fresh browser window: `open_page("/search", language="es", width=390, key=house.person(…))`.

    `at` another house where it is not the one that all stories share.
    """
    contexts = []

    def opened(
        path: str = "/",
        *,
        language: str = "en",
        width: int = 1280,
        key: str = "",
        scripts: bool = True,
        at: House = house,
    ) -> Page:
        context = chromium.new_context(
            base_url=at.url,
            locale=language,
            viewport={"width": width, "height": 844},
            java_script_enabled=scripts,
        )
        contexts.append(context)
        page = _window(context, at, key, complaints)
        page.goto(_in(path, language))
        return page

    yield opened
    for context in contexts:
        context.close()


def _in(path: str, language: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}lang={language}"


@pytest.fixture(scope="session")
def _windows() -> Iterator[dict[tuple[str, str], Page]]:
    windows: dict[tuple[str, str], Page] = {}
    yield windows
    for page in windows.values():
        page.context.close()


@pytest.fixture
def look_at(
    chromium: Browser, house: House, complaints: list[str], _windows: dict[tuple[str, str], Page]
) -> Callable[..., Page]:
    """Goes to a page in the one window that somebody keeps through all tests: `look_at("/", key=…)`.

    For pages that are only looked at; several times quicker than a fresh window.
    """

    def looked(path: str, *, language: str, key: str = "", at: House = house) -> Page:
        if (at.url, key) not in _windows:
            context = chromium.new_context(base_url=at.url)
            _windows[at.url, key] = _window(context, at, key, complaints)
        page = _windows[at.url, key]
        page.goto(_in(path, language))
        return page

    return looked
