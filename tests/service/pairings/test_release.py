"""Releasing a result: both sides are told, have until a day to answer, and older proposals give way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from service.choices.queries import choosing
from service.db import now
from service.errors import BadInput, NotFound
from service.events import history
from service.jobs import Job
from service.mail import compose
from service.pairings import actions, queries
from service.pairings.actions import reply_deadline
from service.pairings.models import MatchRunStatus, Pairing, PairingStatus
from service.rounds import actions as rounds
from service.rounds.models import Round, RoundPhase, RoundStatus
from tests.service.pairings.conftest import matched, withdrawn

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.jobs import Jobs
    from tests.service.pairings.conftest import Talk


def mails(session: Session) -> dict[str, dict[str, object]]:
    sent = session.exec(select(Job).where(Job.name == "send_mail")).all()
    return {job.payload["to"]: job.payload["values"] for job in sent}


def test_both_sides_see_what_is_released_and_have_until_the_end_of_a_day_to_answer(
    database_url: str, session: Session, talk: Talk, jobs: Jobs
) -> None:
    talk.round.time_zone = "Asia/Shanghai"
    session.add(talk.round)
    run = matched(session, talk, jobs)
    meals = talk.parties["meals"].actor
    before = session.exec(select(Pairing).where(Pairing.need_id == talk.applications["meals"].key)).one()
    with pytest.raises(NotFound):
        queries.get(session, meals, before.uid)
    released = actions.release(session, talk.facilitator, run)
    assert len(released) == 3
    pairing = queries.get(session, meals, before.uid)
    assert pairing.status is PairingStatus.RELEASED
    zone = ZoneInfo("Asia/Shanghai")
    assert pairing.reply_by is not None
    local = pairing.reply_by.astimezone(zone)
    assert (local.hour, local.minute) == (23, 59)
    assert local.date() == (datetime.now(UTC).astimezone(zone) + timedelta(days=2)).date()
    with pytest.raises(NotFound):
        queries.get(session, talk.parties["trees"].actor, before.uid)
    assert [event.name for event in history(session, pairing.uid)] == ["pairing.release"]


def test_days_to_reply_do_not_begin_before_a_public_notice_is_over(
    session: Session, talk: Talk, jobs: Jobs
) -> None:
    talk.round.phases = ["open", "matching", "notice", "choosing", "signing"]
    session.add(talk.round)
    released = actions.release(session, talk.facilitator, matched(session, talk, jobs))
    session.commit()
    assert [pairing.reply_by for pairing in released] == [None] * 3
    told = mails(session)[talk.parties["meals"].user.email]
    assert (told["noticed"], told["day"]) == (True, "")
    _, body = compose("pairings-released", "en", told | {"public_url": ""})
    assert "stands in public notice first" in body
    one = rounds.advance_phase(session, talk.facilitator, session.get_one(Round, talk.round.key))
    session.execute(
        update(RoundPhase).where(col(RoundPhase.phase) == "notice").values(ends=now() - timedelta(minutes=1))
    )
    session.expire_all()
    assert choosing(session, one).has_lapsed(released[0]) is False
    rounds.advance_phase(session, talk.facilitator, one)
    assert one.status is RoundStatus.CHOOSING
    assert {pairing.reply_by for pairing in released} == {reply_deadline(one)}
    assert choosing(session, one).closed is None


def test_each_side_is_told_with_reasons_and_who_gets_nothing_what_would_have_changed_it(
    session: Session, talk: Talk, jobs: Jobs
) -> None:
    withdrawn(session, talk, "film")
    run = matched(session, talk, jobs)
    with pytest.raises(BadInput, match="Some fields") as refused:
        actions.release(session, talk.facilitator, run)
    assert "Studio association" in str(refused.value.problems[0].message)
    actions.release(session, talk.facilitator, run, confirmed=True)
    session.commit()
    told = mails(session)
    meals = told[talk.parties["meals"].user.email]
    assert [one["organization"] for one in meals["pairings"]] == ["Fund association"]  # type: ignore[attr-defined]
    assert "Same theme: Elderly care" in meals["pairings"][0]["reasons"]  # type: ignore[index]
    studio = told[talk.parties["studio"].user.email]
    assert studio["pairings"] == []
    assert studio["nothing"][0]["reason"] == "No need in this round asks for it."  # type: ignore[index]
    session.commit()
    assert jobs.run_all() == 5
    events = [event for event in history(session, run.uid) if event.name == "match_run.release"]
    assert events[0].details["left_with_nothing"] == [talk.parties["studio"].organization.uid]


def test_a_newer_release_takes_the_place_of_an_older_one(session: Session, talk: Talk, jobs: Jobs) -> None:
    first = matched(session, talk, jobs)
    actions.release(session, talk.facilitator, first)
    session.commit()
    withdrawn(session, talk, "film")
    second = matched(session, talk, jobs)
    actions.release(session, talk.facilitator, second, confirmed=True)
    session.refresh(first)
    assert first.status is MatchRunStatus.SUPERSEDED
    old = session.exec(select(Pairing).where(Pairing.run_id == first.key)).all()
    assert {(one.status, one.reason) for one in old} == {
        (PairingStatus.DROPPED, "A newer result of the round was released.")
    }
    new = session.exec(select(Pairing).where(Pairing.run_id == second.key)).all()
    assert [one.status for one in new] == [PairingStatus.RELEASED] * 2
