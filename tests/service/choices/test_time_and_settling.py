"""Reminders and lapse, the hall closed, next in line, more to choose from, stable settlement."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from matching.profiles import Side
from service.choices import actions, forum, next_in_line, settling
from service.choices.models import LiveStage, LiveStatus, StageIn
from service.db import now, writing
from service.errors import NotAllowed
from service.events import Event
from service.jobs import Job, promise
from service.pairings.models import Pairing, PairingStatus
from service.rounds.models import Round, RoundStatus
from tests.service.refusing import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from service.jobs import Jobs
    from service.permissions import Actor
    from tests.service.choices.conftest import Bring, Stand

Couple = tuple["Stand", "Stand", Pairing]
MEALS = {"text": "Lunch for old people who live alone.", "themes": "elderly-care"}


def templates(rows: Callable[[Any], list[Any]]) -> list[str]:
    return sorted(job.payload["template"] for job in rows(select(Job).where(Job.name == "send_mail")))


def sweep(engine: Engine, jobs: Jobs) -> None:
    with writing(engine) as session:
        promise(session, "lapse_pairings")
    jobs.run_all()


def test_what_nobody_answers_lapses_and_both_are_told_once(
    talk: Round, couple: Couple, engine: Engine, jobs: Jobs, look: Any, rows: Any
) -> None:
    _, _, pairing = couple
    sweep(engine, jobs)
    assert look(pairing).pairing.status is PairingStatus.RELEASED
    with writing(engine) as session:
        session.get_one(Pairing, pairing.key).reply_by = now() - timedelta(minutes=1)
    sweep(engine, jobs)
    sweep(engine, jobs)
    assert look(pairing).pairing.status is PairingStatus.LAPSED
    assert templates(rows) == ["choice-lapsed"] * 2
    (event,) = rows(select(Event).where(Event.name == "pairing.lapse"))
    assert (event.actor, event.details["cause"], event.details["round"]) == ("system", "time-over", talk.uid)


def test_who_has_not_answered_is_reminded_once_the_day_before(
    talk: Round, couple: Couple, engine: Engine, jobs: Jobs, kept: Any, rows: Any
) -> None:
    need, offer, pairing = couple
    kept(lambda s: actions.accept(s, need.actor, talk, pairing.uid))
    with writing(engine) as session:
        row = session.get_one(Pairing, pairing.key)
        row.released, row.reply_by = now() - timedelta(days=4), now() + timedelta(days=1, hours=1)
    sweep(engine, jobs)
    assert templates(rows) == []
    with writing(engine) as session:
        session.get_one(Pairing, pairing.key).reply_by = now() + timedelta(hours=23)
    sweep(engine, jobs)
    sweep(engine, jobs)
    (mail,) = [job for job in rows(select(Job)) if job.name == "send_mail"]
    assert (mail.payload["to"], mail.payload["template"]) == (offer.party.user.email, "choice-reminder")


def test_short_time_reminds_when_a_quarter_is_left(
    couple: Couple, engine: Engine, jobs: Jobs, rows: Any
) -> None:
    with writing(engine) as session:
        row = session.get_one(Pairing, couple[2].key)
        row.released, row.reply_by = now() - timedelta(hours=2), now() + timedelta(hours=1)
    sweep(engine, jobs)
    assert templates(rows) == []
    with writing(engine) as session:
        session.get_one(Pairing, couple[2].key).reply_by = now() + timedelta(minutes=30)
    sweep(engine, jobs)
    assert templates(rows) == ["choice-reminder"] * 2


def test_round_that_has_moved_on_waits_for_nobody(
    talk: Round, couple: Couple, engine: Engine, jobs: Jobs, look: Any
) -> None:
    with writing(engine) as session:
        session.get_one(Round, talk.key).status = RoundStatus.MEETING
    sweep(engine, jobs)
    assert look(couple[2]).pairing.status is PairingStatus.LAPSED


def test_closing_the_hall_ends_what_is_open_and_keeps_what_is_mutual(
    talk: Round, couple: Couple, bring: Bring, give: Any, kept: Any, look: Any, steering: Actor, rows: Any
) -> None:
    _, _, waiting = couple
    need, offer = bring(Side.NEED), bring(Side.OFFER)
    found = give(need, offer)
    kept(lambda s: forum.steer(s, steering, talk, StageIn(step="choose", minutes=5)))
    for side in (need, offer):
        kept(lambda s, a=side.actor: actions.accept(s, a, talk, found.uid))
    assert kept(lambda s: forum.close(s, steering, talk)) == 1
    assert look(waiting).pairing.status is PairingStatus.LAPSED
    assert look(found).pairing.status is PairingStatus.MUTUAL
    (stage,) = rows(select(LiveStage))
    assert stage.status is LiveStatus.ENDED
    with pytest.raises(NotAllowed):
        kept(lambda s: forum.close(s, need.actor, talk))
    waiting_mail = [job for job in rows(select(Job)) if job.name == "tell_choice"]
    assert min(job.due for job in waiting_mail if job.payload["news"] == "mutual") > now() + timedelta(
        minutes=4
    )


# Next in line -------------------------------------------------------------------------------------------


@pytest.fixture
def three(bring: Bring, give: Any) -> tuple[Stand, list[Stand], Pairing]:
    """A need, three offers that fit it, and its pairing with the first."""
    need = bring(Side.NEED, **MEALS)
    offers = [bring(Side.OFFER, **MEALS) for _ in range(3)]
    return need, offers, give(need, offers[0])


def proposed(rows: Any) -> list[Pairing]:
    found: list[Pairing] = rows(select(Pairing).where(Pairing.status == PairingStatus.PROPOSED))
    return found


def test_next_in_line_waits_for_the_facilitator(
    talk: Round, three: Any, kept: Any, jobs: Jobs, rows: Any, steering: Actor, look: Any, engine: Engine
) -> None:
    need, offers, pairing = three
    kept(lambda s: actions.decline(s, offers[0].actor, talk, pairing.uid, "No money left"))
    jobs.run_all()
    (found,) = proposed(rows)
    assert found.instead_of_id == pairing.key
    assert found.need_id == need.application.key
    assert found.offer_id in {offer.application.key for offer in offers[1:]}
    assert found.evidence
    assert found.gifts[0]["quantity"] == {"amount": 100_000, "unit": "CNY"}
    jobs.run_all()
    kept(lambda s: next_in_line.look_for_next(s, actions.queries.choosing(s, talk)))
    jobs.run_all()
    assert len(proposed(rows)) == 1, "looking twice finds nobody else"
    with pytest.raises(NotAllowed):
        kept(lambda s: next_in_line.offer_next(s, need.actor, talk, found.uid))
    kept(lambda s: next_in_line.offer_next(s, steering, talk, found.uid))
    jobs.run_all()
    assert look(found).pairing.status is PairingStatus.RELEASED
    assert look(found).pairing.reply_by > now()
    assert templates(rows).count("choice-offered") == 2
    kept(lambda s: actions.accept(s, need.actor, talk, found.uid))


def test_who_is_passed_over_with_a_reason_does_not_come_again(
    talk: Round, three: Any, kept: Any, jobs: Jobs, rows: Any, steering: Actor, look: Any
) -> None:
    _, offers, pairing = three
    kept(lambda s: actions.decline(s, offers[0].actor, talk, pairing.uid, "No money left"))
    jobs.run_all()
    (first,) = proposed(rows)
    refused("reason-needed", kept, lambda s: next_in_line.skip_next(s, steering, talk, first.uid, " "))
    refused("not-next", kept, lambda s: next_in_line.skip_next(s, steering, talk, pairing.uid, "No."))
    refused("not-next", kept, lambda s: next_in_line.offer_next(s, steering, talk, pairing.uid))
    kept(lambda s: next_in_line.skip_next(s, steering, talk, first.uid, "They quarrel"))
    jobs.run_all()
    (second,) = proposed(rows)
    assert second.offer_id not in (first.offer_id, offers[0].application.key)
    assert look(first).pairing.reason == "They quarrel"


def test_rounds_that_say_so_ask_the_next_at_once(
    talk: Round, three: Any, kept: Any, jobs: Jobs, rows: Any, engine: Engine
) -> None:
    _, offers, pairing = three
    with writing(engine) as session:
        session.get_one(Round, talk.key).rules = {"process": {"offers_next": True}}
    kept(lambda s: actions.decline(s, offers[0].actor, s.get_one(Round, talk.key), pairing.uid, "No"))
    jobs.run_all()
    (found,) = rows(select(Pairing).where(Pairing.instead_of_id == pairing.key))
    assert found.status is PairingStatus.RELEASED
    names = [event.name for event in rows(select(Event).where(Event.subject == found.uid).order_by(Event.id))]
    assert names == ["pairing.line_up", "pairing.release"]


def test_what_came_to_nothing_is_opened_again_with_a_reason(
    talk: Round, three: Any, kept: Any, look: Any, steering: Actor
) -> None:
    need, offers, pairing = three
    kept(lambda s: actions.accept(s, need.actor, talk, pairing.uid))
    kept(lambda s: actions.decline(s, offers[0].actor, talk, pairing.uid, "No money left"))
    refused("reason-needed", kept, lambda s: next_in_line.offer_again(s, steering, talk, pairing.uid, ""))
    assert look(pairing).offer.answer == "declined"
    kept(lambda s: next_in_line.offer_again(s, steering, talk, pairing.uid, "The council gave more"))
    assert look(pairing).waits_for is Side.OFFER
    kept(lambda s: actions.accept(s, offers[0].actor, talk, pairing.uid))
    assert look(pairing).pairing.status is PairingStatus.MUTUAL


def test_more_to_choose_from_is_released_beside_what_there_is(
    talk: Round, three: Any, kept: Any, jobs: Jobs, rows: Any, steering: Actor
) -> None:
    need, _, _ = three
    kept(lambda s: next_in_line.offer_more(s, steering, talk, 1))
    kept(lambda s: next_in_line.offer_more(s, steering, talk, 1))
    jobs.run_all()
    released = rows(select(Pairing).where(Pairing.status == PairingStatus.RELEASED))
    assert len(released) == 2
    assert {one.need_id for one in released} == {need.application.key}
    assert len({one.offer_id for one in released}) == 2
    for most in (0, 6):
        refused("most-more", kept, lambda s, most=most: next_in_line.offer_more(s, steering, talk, most))
    with pytest.raises(NotAllowed):
        kept(lambda s: next_in_line.offer_more(s, need.actor, talk, 1))


# Settlement ---------------------------------------------------------------------------------------------


def test_settlement_follows_the_ranks_and_tells_its_price(
    talk: Round, bring: Bring, give: Any, kept: Any, look: Any, steering: Actor, rows: Any
) -> None:
    """The total wants a–x and b–y; a and y would both rather have each other."""
    a, b = bring(Side.NEED, "a"), bring(Side.NEED, "b")
    x, y = bring(Side.OFFER, "x"), bring(Side.OFFER, "y")
    pairs = {
        "ax": give(a, x, score=0.9),
        "ay": give(a, y, score=0.6),
        "by": give(b, y, score=0.8),
        "bx": give(b, x, score=0.2),
    }
    for stand, side in ((a, Side.NEED), (y, Side.OFFER)):
        kept(
            lambda s, w=stand, d=side: actions.rank(
                s, w.actor, talk, w.party.organization, d, [pairs["ay"].uid]
            )
        )
    with pytest.raises(NotAllowed):
        kept(lambda s: settling.preview(s, a.actor, talk))
    found = kept(lambda s: settling.preview(s, steering, talk))
    assert {line.pairing.uid for line in found.together} == {pairs["ay"].uid, pairs["bx"].uid}
    assert (found.settlement.blocking_before, found.settlement.blocking_after) == (1, 0)
    assert found.settlement.price == pytest.approx(1 - 0.8 / 1.7)
    assert look(pairs["ay"]).pairing.status is PairingStatus.RELEASED, "looking changes nothing"
    refused("reason-needed", kept, lambda s: settling.settle(s, steering, talk, ""))
    kept(lambda s: settling.settle(s, steering, talk, "As both sides ranked"))
    statuses = {name: look(pairing).pairing.status.value for name, pairing in pairs.items()}
    assert statuses == {"ax": "lapsed", "ay": "mutual", "by": "lapsed", "bx": "mutual"}
    (event,) = rows(select(Event).where(Event.name == "round.settle"))
    assert (event.reason, event.details["blocking_after"]) == ("As both sides ranked", 0)
    refused("nothing-to-settle", kept, lambda s: settling.settle(s, steering, talk, "Again"))


def test_settlement_leaves_out_what_was_declined_and_respects_what_is_promised(
    talk: Round, bring: Bring, give: Any, kept: Any, steering: Actor
) -> None:
    need, fund, other = bring(Side.NEED), bring(Side.OFFER), bring(Side.OFFER)
    taken = give(bring(Side.NEED), fund, status=PairingStatus.MUTUAL)
    full, refused, left = give(need, fund), give(bring(Side.NEED), other), give(need, other)
    kept(lambda s: actions.decline(s, other.actor, talk, refused.uid, "No"))
    found = kept(lambda s: settling.preview(s, steering, talk))
    assert {line.pairing.uid for line in (*found.together, *found.left_out)} == {left.uid}
    assert taken.uid != full.uid
