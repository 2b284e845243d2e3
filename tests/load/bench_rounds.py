"""A round matched as the service does it: `python -m tests.load.bench_rounds`.

From the pressed button to the last pairing written: input gathered and kept, matched, checked, compared with
the round as it is then, written. Needs and offers are the project's own, over and over, each with another
amount; vectors are in the cache already, as they are where listings are searched. The baseline of the same
run is `matching.match` alone over the same profiles.
"""

from __future__ import annotations

import random
import sys
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlalchemy import func, insert
from sqlmodel import Session, SQLModel, select

from matching.profiles import Side
from tests.load.bench_search import _line, _row, profiles
from tests.load.figures import Figure, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    from matching.profiles import Profile
    from service.rounds.models import Round

FACILITATOR = "facilitator@example.org"


def figures() -> Iterator[Figure]:
    """All figures of this bench."""
    yield matched(300, 100, 10)
    yield matched(1_000, 600, 30)


def matched(needs: int, offers: int, most: float) -> Figure:
    """Seconds from the button to the pairings; the same matched by the library alone."""
    from service.accounts.queries import actor_of, user_by_email
    from service.app import create_app
    from service.pairings import actions
    from service.pairings.models import MatchRunStatus, Pairing
    from service.rounds.models import Round
    from service.settings import Settings

    with TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), worker_in_process=False, warm_search=False).ready()
        app = create_app(settings)
        engine: Engine = app.state.site.engine
        one = fill(engine, needs, offers)
        alone = seconds(lambda: _alone(engine, one), warm=True)
        with Session(engine.execution_options(writing=True), expire_on_commit=False) as session:
            user = user_by_email(session, FACILITATOR)
            assert user is not None
            facilitator = actor_of(session, user)
            session.rollback()

            def press() -> None:
                run = actions.request_match(session, facilitator, session.get_one(Round, one.key))
                session.commit()
                app.state.site.jobs.run(run.job)
                session.refresh(run)
                assert run.status is MatchRunStatus.DONE, run.note

            whole = seconds(press)
            written = session.exec(select(func.count()).select_from(Pairing)).one()
        engine.dispose()
    return Figure(
        f"match run of {needs:,} needs and {offers:,} offers",
        f"{whole:.1f} s, {written} pairings written",
        f"match alone {alone:.1f} s ({whole / alone:.2f} times)",
        f"at most {most:.0f} s",
        whole <= most,
    )


def seconds(work: Callable[[], None], *, warm: bool = False) -> float:
    """Wall-clock seconds that it takes; `warm`: the second time."""
    if warm:
        work()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _alone(engine: Engine, one: Round) -> None:
    from matching.matcher import match
    from service.db import reading
    from service.pairings.inputs import gather, rules_of
    from service.results.keeping import revived

    with reading(engine) as session:
        inputs = gather(session, one)
    found = [revived(_profile(), kept) for kept in inputs.profiles]
    match(
        [profile for profile in found if profile.side is Side.NEED],
        [profile for profile in found if profile.side is Side.OFFER],
        rules_of(one, inputs.rules),
    )


def _profile() -> type[Profile]:
    from matching.profiles import Profile

    return Profile


def fill(engine: Engine, needs: int, offers: int) -> Round:
    """A round in its phase of matching, with so many admitted needs and offers of as many organizations."""
    from service.accounts.models import User, UserStatus
    from service.db import now, writing
    from service.listings.models import Listing, ListingStatus
    from service.organizations.models import Organization, OrganizationStatus
    from service.rounds.models import Application, ApplicationStatus, Round, RoundStatus

    SQLModel.metadata.create_all(engine)
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
