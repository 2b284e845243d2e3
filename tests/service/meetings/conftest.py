"""A forum: needs and offers that want to meet, and somebody who runs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from matching.profiles import Side
from service.db import reading, writing
from service.jobs import Work
from service.meetings import queries
from service.meetings.models import Meeting, MeetingPlan
from service.meetings.shapes import PlanIn
from service.meetings.telling import tell_meetings
from service.pairings.models import Pairing, PairingStatus
from service.permissions import Actor, Role
from service.rounds.models import Application, Round, RoundStatus
from tests.days import FORUM_DAY

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.jobs import Jobs
    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, MakeUser, Pair, Party

ZONE = "Asia/Shanghai"
FRAME: dict[str, Any] = {
    "day": FORUM_DAY.isoformat(),
    "start": "09:00",
    "slots": 4,
    "minutes": 20,
    "pause": 5,
    "tables": ["1", "2"],
}
NINE = datetime(FORUM_DAY.year, FORUM_DAY.month, FORUM_DAY.day, 1, 0, tzinfo=UTC)
"""When the first slot begins: nine o'clock in Shanghai."""


@dataclass
class Forum:
    """A round with its people; `pairs` by the names of the two organizations."""

    engine: Engine
    round: Round
    user: User
    actor: Actor
    join: Callable[..., Pairing]
    """One more pairing: `join(("Blue Sky", "Water Works"), PairingStatus.RELEASED, score=0.9)`."""
    parties: dict[str, Party] = field(default_factory=dict)
    pairs: dict[tuple[str, str], Pairing] = field(default_factory=dict)

    def pairing(self, need: str, offer: str) -> Pairing:
        """As it is now."""
        with reading(self.engine) as session:
            return session.get_one(Pairing, self.pairs[need, offer].key)

    def plan(self) -> MeetingPlan:
        """The frame as it is now."""
        with reading(self.engine) as session:
            return session.exec(select(MeetingPlan)).one()

    def meeting(self, need: str, offer: str) -> Meeting | None:
        """The meeting of two, as it is now."""
        with reading(self.engine) as session:
            wanted = select(Meeting).where(Meeting.pairing_id == self.pairs[need, offer].key)
            return session.exec(wanted).first()

    def act(self, action: Callable[..., Any], actor: Actor, pair: tuple[str, str], *given: Any) -> Any:
        """Does something with the meeting of two, in a transaction of its own."""
        with writing(self.engine) as session:
            encounter = queries.get(session, self.actor, self.meeting(*pair).uid)
            return action(session, actor, self.round, encounter, *given)

    def hold_at(self, moment: datetime) -> None:
        """Let the whole forum be so that its first slot begins then."""
        moment = moment.astimezone(UTC).replace(microsecond=0)
        with writing(self.engine) as session:
            plan = session.exec(select(MeetingPlan)).one()
            shift = moment - queries.slots_of(plan)[0]
            plan.slots = [(slot + shift).isoformat() for slot in queries.slots_of(plan)]
            session.add(plan)
            for meeting in session.exec(select(Meeting)):
                meeting.starts += shift
                session.add(meeting)


@pytest.fixture
def forum(
    engine: Engine,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    make_user: MakeUser,
    actor: Callable[[User], Actor],
    enter: Enter,
    pair: Pair,
) -> Callable[..., Forum]:
    """Makes a forum: `forum([("Green Home", "Water Works")], status=RoundStatus.MEETING)`."""

    def make(
        pairs: list[tuple[str, str]],
        status: RoundStatus = RoundStatus.MEETING,
        pairing: PairingStatus = PairingStatus.MUTUAL,
        **values: Any,
    ) -> Forum:
        values = {"title": "May forum", "time_zone": ZONE, "venue": "Liaocheng Hall", **values}
        one = make_round(status=status, **values)
        user = make_user(roles=[Role.FACILITATOR])
        entered: dict[str, Application] = {}

        def join(names: tuple[str, str], status: PairingStatus, score: float = 0.5) -> Pairing:
            for name, side in zip(names, Side, strict=True):
                if name not in made.parties:
                    made.parties[name] = make_party(name, kind="ngo" if side is Side.NEED else "business")
                    listing = make_listing(made.parties[name], f"{name}: {side}", side)
                    entered[name] = enter(one, listing)
            made.pairs[names] = pair(*(entered[name] for name in names), status, score=score, evidence=[WHY])
            return made.pairs[names]

        made = Forum(engine, one, user, actor(user), join)
        for names in pairs:
            join(names, pairing)
        return made

    return make


WHY = {"code": "same-theme", "template": "Both are about {theme}.", "params": {"theme": "clean water"}}


@pytest.fixture
def write(engine: Engine) -> Callable[..., Any]:
    """Runs an action in a transaction of its own: `write(actions.release, actor, round)`."""

    def run(action: Callable[..., Any], *given: Any, **more: Any) -> Any:
        with writing(engine) as session:
            return action(session, *given, **more)

    return run


@pytest.fixture
def tell(jobs: Jobs) -> Callable[[Forum], dict[str, EmailMessage]]:
    """Sends what waits for further changes, and gives the newest mail of everybody by address."""

    def run(forum: Forum) -> dict[str, EmailMessage]:
        tell_meetings(Work(jobs.engine, jobs.settings, jobs.site, ""), round=forum.round.uid)
        jobs.run_all()
        return outbox(jobs)

    return run


def outbox(jobs: Jobs) -> dict[str, EmailMessage]:
    """The newest mail of everybody, by address."""
    files = (jobs.settings.data_dir / "outbox").glob("*.eml")
    newest = sorted(files, key=lambda file: file.stat().st_mtime_ns)
    mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in newest]
    return {str(mail["To"]): mail for mail in mails}


def frame(**changes: Any) -> PlanIn:
    """Four slots of twenty minutes from nine o'clock and two tables, unless told otherwise."""
    return PlanIn.model_validate({**FRAME, **changes})
