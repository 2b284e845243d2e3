"""A round matched as the service does it: `python -m tests.load.bench_rounds`.

From the pressed button to the last pairing written, by the worker beside `qiao serve`: input gathered and
kept, matched, checked, compared with the round as it is then, written. Needs and offers are the project's
own, over and over, each with another amount; vectors are in the cache already, as they are where listings are
searched. The baseline of the same run is `matching.match` alone over the same profiles. While the run goes
on, somebody looks at pages, one after another; beside it stands how long the same pages took before.
"""

from __future__ import annotations

import http.client
import itertools
import os
import random
import sys
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import func, insert
from sqlmodel import Session, select

from matching.profiles import Profile, Side
from tests.load.bench_forum import wait_until_quiet
from tests.load.bench_search import _line, _row, ask, profiles, serving
from tests.load.figures import Figure, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    from service.rounds.models import Round

FACILITATOR = "facilitator@example.org"
PAUSE = 0.1
"""Between two pages."""
LOOKS = 60
"""Pages that are looked at before the run."""
MOST_SECONDS = 300.0


def figures() -> Iterator[Figure]:
    """All figures of this bench."""
    yield from matched(300, 100, 10)
    yield from matched(1_000, 600, 30)


def matched(needs: int, offers: int, most: float) -> Iterator[Figure]:
    """Seconds from the button to the pairings; the same matched by the library alone; pages meanwhile."""
    from service.app import create_app
    from service.pairings.models import Pairing
    from service.settings import Settings

    with TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(
            data_dir=folder, secret="bench", worker_in_process=False, warm_search=False
        ).ready()
        site = create_app(settings).state.site
        one = fill(site.engine, needs, offers)
        alone = _alone(site.engine, one)
        with serving(folder) as server:
            wait_until_quiet(server, folder / "qiao.db")
            look = itertools.cycle(["/", "/rounds", f"/rounds/{one.uid}"])
            before = [_look(server.port, next(look)) for _ in range(LOOKS)]
            whole, during = _pressed(site, one, lambda: _look(server.port, next(look)))
        with Session(site.engine) as session:
            written = session.exec(select(func.count()).select_from(Pairing)).one()
        site.engine.dispose()
    yield Figure(
        f"match run of {needs:,} needs and {offers:,} offers",
        f"{whole:.1f} s, {written} pairings written",
        f"match alone {alone:.1f} s ({whole / alone:.2f} times)",
        f"at most {most:.0f} s",
        whole <= most,
    )
    yield Figure(
        "a page while it goes on, p50 and p95",
        f"{_p(during, 50)} and {_p(during, 95)} of {len(during)}; load {os.getloadavg()[0]:.1f}",
        f"before it {_p(before, 50)} and {_p(before, 95)}",
        "—",
        met=True,
    )


def _p(seconds: list[float], share: int) -> str:
    return f"{1000 * np.percentile(seconds, share):.0f} ms"


def _look(port: int, path: str) -> float:
    """How long a page takes."""
    time.sleep(PAUSE)
    start = time.perf_counter()
    status, _ = ask(http.client.HTTPConnection("127.0.0.1", port, timeout=60), path)
    assert status == 200, (path, status)
    return time.perf_counter() - start


def _pressed(site: Any, one: Round, look: Callable[[], float]) -> tuple[float, list[float]]:
    """Seconds from the button until the run is done, and how long each page took meanwhile."""
    from service.accounts.queries import actor_of, user_by_email
    from service.pairings import actions
    from service.pairings.models import MatchRun, MatchRunStatus
    from service.rounds.models import Round

    start, pages = time.perf_counter(), []
    with Session(site.engine.execution_options(writing=True), expire_on_commit=False) as session:
        user = user_by_email(session, FACILITATOR)
        assert user is not None
        run = actions.request_match(session, actor_of(session, user), session.get_one(Round, one.key))
        session.commit()
        site.jobs.deliver(run.job)
    status = select(MatchRun.status, MatchRun.note).where(MatchRun.uid == run.uid)
    while time.perf_counter() - start < MOST_SECONDS:
        pages.append(look())
        with Session(site.engine) as session:
            found, note = session.exec(status).one()
        if found not in (MatchRunStatus.QUEUED, MatchRunStatus.RUNNING):
            assert found is MatchRunStatus.DONE, note
            break
    return time.perf_counter() - start, pages


def _alone(engine: Engine, one: Round) -> float:
    """Seconds of the library alone, with its vectors in the cache."""
    from matching.candidates import profile_vectors
    from matching.matcher import match
    from service.db import reading
    from service.pairings.inputs import gather, rules_of
    from service.results.keeping import revived

    with reading(engine) as session:
        inputs = gather(session, one)
    found = [revived(Profile, kept) for kept in inputs.profiles]
    profile_vectors(found)
    start = time.perf_counter()
    match(
        [profile for profile in found if profile.side is Side.NEED],
        [profile for profile in found if profile.side is Side.OFFER],
        rules_of(one, inputs.rules),
    )
    return time.perf_counter() - start


def fill(engine: Engine, needs: int, offers: int) -> Round:
    """A round in its phase of matching, with so many admitted needs and offers of as many organizations."""
    from service.accounts.models import User, UserStatus
    from service.db import now, writing
    from service.listings.models import Listing, ListingStatus
    from service.migrations import upgrade
    from service.organizations.models import Organization, OrganizationStatus
    from service.rounds.models import Application, ApplicationStatus, Round, RoundStatus

    upgrade(engine)
    chance = random.Random(7)
    known = {side: [one for one in profiles() if one.side is side and one.lines] for side in Side}
    chosen = [known[Side.NEED][n % len(known[Side.NEED])] for n in range(needs)]
    chosen += [known[Side.OFFER][n % len(known[Side.OFFER])] for n in range(offers)]
    today = now().date()
    one = Round(
        title="Large round", preset="open-round", status=RoundStatus.MATCHING, phases=["open", "matching"]
    )
    with writing(engine) as session:
        session.add(one)
        session.add(
            User(
                email=FACILITATOR,
                name="Facilitator",
                password_hash="",
                confirmed=now(),
                status=UserStatus.ACTIVE,
                roles=["facilitator"],
            )
        )
        session.flush()
        session.execute(
            insert(Organization),
            [
                {
                    **_row(Organization),
                    "id": n + 1,
                    "name": f"{profile.organization.name} {n}",
                    "name_keys": [],
                    "kind": profile.organization.kind,
                    "status": OrganizationStatus.VERIFIED,
                }
                for n, profile in enumerate(chosen)
            ],
        )
        session.execute(
            insert(Listing),
            [
                {
                    **_row(Listing),
                    "id": n + 1,
                    "side": profile.side,
                    "organization_id": n + 1,
                    "status": ListingStatus.PUBLISHED,
                    "title": profile.title[:190],
                    "text": profile.text,
                    "themes": sorted(profile.themes),
                    "groups": sorted(profile.groups),
                    "places": sorted(profile.places),
                    "lines": [_scaled(_line(line), chance) for line in profile.lines],
                    "published": today - timedelta(days=n % 80),
                    "revision": 1,
                }
                for n, profile in enumerate(chosen)
            ],
        )
        session.execute(
            insert(Application),
            [
                {
                    **_row(Application),
                    "round_id": one.key,
                    "listing_id": n + 1,
                    "organization_id": n + 1,
                    "side": profile.side,
                    "status": ApplicationStatus.ELIGIBLE,
                }
                for n, profile in enumerate(chosen)
            ],
        )
    return one


def _scaled(line: dict[str, object], chance: random.Random) -> dict[str, object]:
    """The line with another amount, its parts and limits in proportion; people and pieces stay whole."""
    factor = chance.choice((1, 2, 3))
    scaled = ("amount", "minimum", "labour", "overhead", "cheque_min", "cheque_max")
    return {
        name: value * factor if name in scaled and isinstance(value, int) else value
        for name, value in line.items()
    }


if __name__ == "__main__":
    sys.exit(not show(figures()))
