"""What time does to rounds: reminders once for each end, and phases that begin by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from matching.messages import Message
from service.db import now, writing
from service.events import Event
from service.i18n import moment_text
from service.jobs import Job, promise
from service.permissions import Role
from service.rounds.models import Round, RoundPhase, RoundStatus
from service.rounds.phases import BEFORE_LEAVING, clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.jobs import Jobs
    from tests.service.conftest import MakeRound, MakeUser

    Rows = Callable[[Any], list[Any]]

HOUR = timedelta(hours=1)


@pytest.fixture
def run(engine: Engine, jobs: Jobs) -> Callable[[str], None]:
    """Does one of the timers' jobs now."""

    def done(name: str) -> None:
        with writing(engine) as session:
            promise(session, name)
        jobs.run_all()

    return done


def mails(rows: Rows) -> list[dict[str, Any]]:
    return [job.payload for job in rows(select(Job).where(Job.name == "send_mail"))]


def test_facilitators_are_reminded_once_and_again_when_the_end_moves(
    make_round: MakeRound, make_user: MakeUser, engine: Engine, run: Callable[[str], None], rows: Rows
) -> None:
    make_user("f@example.org", roles=[Role.FACILITATOR])
    make_user("somebody@example.org")
    one = make_round("venture-call", ends={"open": now() + 30 * HOUR}, time_zone="Asia/Shanghai")
    run("remind_phases")
    run("remind_phases")
    (mail,) = mails(rows)
    assert (mail["to"], mail["template"]) == ("f@example.org", "round_phase_ends")
    assert (mail["values"]["phase"], mail["values"]["next"]) == ("Applying", "Screening")
    with writing(engine) as session:
        (phase,) = session.exec(
            select(RoundPhase).where(RoundPhase.round_id == one.key, RoundPhase.phase == "open")
        )
        phase.ends, phase.reminded = now() + 40 * HOUR, None
    run("remind_phases")
    assert len(mails(rows)) == 2


def test_nobody_is_reminded_long_before_or_after_the_end(
    make_round: MakeRound, make_user: MakeUser, run: Callable[[str], None], rows: Rows
) -> None:
    make_user(roles=[Role.FACILITATOR])
    make_round(ends={"open": now() + 72 * HOUR})
    make_round(ends={"open": now() - HOUR})
    make_round(ends={"matching": now() + HOUR})
    run("remind_phases")
    assert mails(rows) == []


def test_short_phase_reminds_when_a_quarter_is_left() -> None:
    moment = now()
    one = Round(title="Talk", preset="monthly-talk", status=RoundStatus.OPEN, phases=["open", "matching"])
    phase = RoundPhase(round_id=1, phase="open", began=moment, ends=moment + 8 * HOUR)
    assert clock(one, {"open": phase}, moment).reminds == moment + 6 * HOUR
    phase.began = moment - timedelta(days=30)
    assert clock(one, {"open": phase}, moment).reminds == moment - 40 * HOUR


def test_next_phase_begins_by_itself_only_where_that_is_wanted(
    make_round: MakeRound, run: Callable[[str], None], rows: Rows
) -> None:
    over = {"open": now() - HOUR}
    wanted = make_round(ends=over, automatic=True)
    make_round(ends=over, title="By hand")
    make_round(ends={"open": now() + HOUR}, automatic=True, title="Not over")
    run("advance_phases")
    found = {one.title: one.status for one in rows(select(Round))}
    assert found == {
        "Spring round": RoundStatus.MATCHING,
        "By hand": RoundStatus.OPEN,
        "Not over": RoundStatus.OPEN,
    }
    (event,) = rows(select(Event).where(Event.subject == wanted.uid))
    assert (event.actor, event.name) == ("system", "round.match")


def test_way_back_leaves_no_time_behind_that_would_rush_the_round_on(
    facilitator: TestClient, make_round: MakeRound, engine: Engine, run: Callable[[str], None], rows: Rows
) -> None:
    soon, late = now() + 20 * HOUR, now() + 900 * HOUR
    ends = {"open": now() - HOUR, "screening": soon, "reviewing": late}
    one = make_round("venture-call", RoundStatus.SCREENING, ends=ends, automatic=True)
    sent = {"reason": "A road was closed.", "ends": (now() + 40 * HOUR).isoformat()}
    assert facilitator.post(f"/api/v1/rounds/{one.uid}/back", json=sent).json()["status"] == "open"
    planned = {phase.phase: phase.ends for phase in rows(select(RoundPhase))}
    assert (planned["screening"], planned["reviewing"]) == (None, late)
    (event,) = rows(select(Event).where(Event.name == "round.plan"))
    assert event.details["times"] == {"screening.ends": [soon.isoformat(), None]}
    with writing(engine) as session:
        for phase in session.exec(select(RoundPhase).where(RoundPhase.phase == "open")):
            phase.ends = now() - HOUR
    for _ in range(2):
        run("advance_phases")
    assert rows(select(Round.status)) == [RoundStatus.SCREENING], "what was applied for is looked at"


def test_what_stands_in_the_way_keeps_a_phase_and_is_shown(
    make_round: MakeRound,
    run: Callable[[str], None],
    rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reason = Message("test-open", "An objection is open.")
    monkeypatch.setitem(BEFORE_LEAVING, RoundStatus.MATCHING, [lambda _session, _one: reason])
    one = make_round(status=RoundStatus.MATCHING, ends={"matching": now() - HOUR}, automatic=True)
    run("advance_phases")
    assert [found.status for found in rows(select(Round).where(Round.uid == one.uid))] == [
        RoundStatus.MATCHING
    ]


def test_overdue_round_waits_for_those_who_run_it(
    facilitator: TestClient, make_round: MakeRound, as_user: Callable[..., TestClient], make_user: MakeUser
) -> None:
    make_round(ends={"open": now() - HOUR}, title="Late talk")
    make_round(ends={"open": now() + HOUR}, title="Timely talk")
    page = facilitator.get("/").text
    assert "“Late talk”: the time of the phase “Applying” is over." in page
    assert "Timely talk" not in page
    assert "Late talk" not in as_user(make_user()).get("/").text


def test_pages_of_a_round_tell_its_own_times_and_say_so_to_readers_elsewhere(
    make_round: MakeRound, make_user: MakeUser, as_new: Callable[[User], TestClient]
) -> None:
    last = datetime(2031, 5, 6, 22, 30, tzinfo=UTC)
    one = make_round("venture-call", ends={"open": last}, time_zone="Asia/Shanghai")
    there, elsewhere = (
        as_new(make_user(roles=[Role.FACILITATOR], time_zone=zone))
        for zone in ("Asia/Shanghai", "Europe/Moscow")
    )
    said = "All times are those of the forum: "
    for page in ("apply", "applications"):
        assert said not in there.get(f"/rounds/{one.uid}/{page}").text
    assert said in elsewhere.get(f"/rounds/{one.uid}/applications").text
    assert moment_text(last, "en", "Asia/Shanghai") in elsewhere.get(f"/rounds/{one.uid}/apply").text
