"""The demonstration's rounds: every scenario applied for, matched and left in the phase it is shown in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, func, select

from service import demo, demo_rounds
from service.events import Event, broken_links
from service.pairings.models import MatchRun, MatchRunStatus, Pairing, PairingStatus
from service.rounds.models import Application, ApplicationStatus, Round, RoundStatus

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from service.jobs import Jobs


def test_every_scenario_is_matched_once_and_shown_in_its_phase(engine: Engine, jobs: Jobs) -> None:
    demo.load(engine)
    demo_rounds.hold(engine, jobs)
    with Session(engine) as session:
        rounds = session.exec(select(Round).order_by(col(Round.id))).all()
        assert sorted(one.status for one in rounds) == sorted(demo_rounds.SHOWN.values())
        assert all(one.synthetic for one in rounds)
        for one in rounds:
            run = session.exec(select(MatchRun).where(MatchRun.round_id == one.key)).one()
            assert run.status is MatchRunStatus.DONE
            shown = set(session.exec(select(Pairing.status).where(Pairing.round_id == one.key)))
            released = one.status is not RoundStatus.MATCHING
            assert shown == {PairingStatus.RELEASED if released else PairingStatus.PROPOSED}
        returned = select(Application).where(Application.status == ApplicationStatus.INELIGIBLE)
        assert all(application.reason for application in session.exec(returned))
        assert list(broken_links(session)) == []
        before = session.exec(select(func.count()).select_from(Event)).one()
    demo_rounds.hold(engine, jobs)
    with Session(engine) as session:
        assert session.exec(select(func.count()).select_from(Event)).one() == before
