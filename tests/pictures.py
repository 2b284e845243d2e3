"""Pictures of the demonstration for the README: `python -m tests.pictures [FOLDER]`."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright
from sqlmodel import col, select

from service.accounts.queries import SESSION_COOKIE
from service.db import reading
from service.pairings.models import MatchRun
from service.rounds.models import Round, RoundStatus
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.house import House, demonstrate, open_house

FOLDER = Path(__file__).parents[1] / "notebooks" / "pictures"
QUALITY = 82
"""Of JPEG, of 100."""


@dataclass(frozen=True, slots=True)
class Shot:
    """What somebody sees; `{round}` and `{run}` in the path are a round that was matched and its run."""

    name: str
    path: str
    language: str
    email: str = ""
    size: tuple[int, int] = (1280, 960)
    scrolled_to: str = ""


SHOTS = (
    Shot("search", "/search?q=compañía+para+personas+mayores&side=need", "es"),
    Shot(
        "match", "/rounds/{round}/match/{run}", "en", "facilitator@example.org", scrolled_to=".section-head"
    ),
    Shot("home", "/", "zh-Hans", "ngo@example.org", (420, 960)),
)


def take(browser: Browser, house: House, shot: Shot, folder: Path) -> Path:
    """Take one picture."""
    with reading(house.engine) as session:
        matched = (
            select(Round.uid, MatchRun.uid)
            .join(MatchRun, col(MatchRun.round_id) == col(Round.id))
            .where(col(Round.status) == RoundStatus.CHOOSING)
            .order_by(col(Round.id))
        )
        round_uid, run_uid = session.exec(matched.limit(1)).one()
    width, height = shot.size
    context = browser.new_context(
        base_url=house.url, locale=shot.language, viewport={"width": width, "height": height}
    )
    if shot.email:
        key = house.sign_in(shot.email)
        context.add_cookies([{"name": SESSION_COOKIE, "value": key, "url": house.url}])
    page = context.new_page()
    page.goto(shot.path.format(round=round_uid, run=run_uid), wait_until="networkidle")
    if shot.scrolled_to:
        page.locator(shot.scrolled_to).first.evaluate("part => part.scrollIntoView()")
    path = folder / f"{shot.name}.jpg"
    page.screenshot(path=path, type="jpeg", quality=QUALITY)
    context.close()
    return path


def main(folder: Path = FOLDER) -> None:
    """Take all of them, as soon as the search compares meanings."""
    program = next(found for name in CHROMIUM if (found := shutil.which(name)))
    with (
        tempfile.TemporaryDirectory() as kept,
        open_house(Path(kept), furnish=demonstrate) as house,
        sync_playwright() as driver,
    ):
        while httpx.get(f"{house.url}/readyz").status_code != httpx.codes.OK:
            time.sleep(0.5)
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        for shot in SHOTS:
            print(take(browser, house, shot, folder))
        browser.close()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
