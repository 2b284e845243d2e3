"""Accepting, declining, taking back, ranking: who may, when, and what both sides are told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from matching.profiles import Side
from service.choices import actions
from service.choices.models import Answer, Choice, LiveStage, LiveStatus
from service.db import now, writing
from service.errors import NotAllowed, NotFound, NotNow
from service.events import Event
from service.jobs import Job
from service.mail import compose
from service.pairings.models import Pairing, PairingStatus
from service.permissions import Role
from service.rounds.models import Round, RoundPhase, RoundStatus
from tests.service.refusing import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from service.jobs import Jobs
    from service.permissions import Actor
    from tests.service.choices.conftest import Bring, Stand

Couple = tuple["Stand", "Stand", Pairing]


def mails(rows: Callable[[Any], list[Any]]) -> list[tuple[str, str]]:
    """Whom mail was promised to, and which."""
    jobs = rows(select(Job).where(Job.name == "send_mail").order_by(Job.id))
    return [(job.payload["to"], job.payload["template"]) for job in jobs]


def test_two_acceptances_make_a_pair_and_both_are_told(
    talk: Round, couple: Couple, kept: Any, look: Any, rows: Any, jobs: Jobs
) -> None:
    need, offer, pairing = couple
    kept(lambda s: actions.accept(s, need.actor, talk, pairing.uid))
    assert look(pairing).pairing.status is PairingStatus.RELEASED
    assert look(pairing).waits_for is Side.OFFER
    kept(lambda s: actions.accept(s, offer.actor, talk, pairing.uid))
    assert look(pairing).pairing.status is PairingStatus.MUTUAL
    jobs.run_all()
    assert sorted(mails(rows)) == sorted(
        [(need.party.user.email, "choice-mutual"), (offer.party.user.email, "choice-mutual")]
    )
    names = [
        event.name
        for event in rows(select(Event).order_by(Event.id))
        if "choice" in event.name or "pairing" in event.name
    ]
    assert names == ["choice.accept", "choice.accept", "pairing.become_mutual"]
    assert all(
        event.details["round"] == talk.uid
        for event in rows(select(Event).where(Event.name == "choice.accept"))
    )


def test_answer_sent_twice_is_stored_once(talk: Round, couple: Couple, kept: Any, rows: Any) -> None:
    need, offer, pairing = couple
    for _ in range(2):
        kept(lambda s: actions.accept(s, need.actor, talk, pairing.uid))
    for _ in range(2):
        kept(lambda s: actions.accept(s, offer.actor, talk, pairing.uid))
    kept(lambda s: actions.accept(s, need.actor, talk, pairing.uid))
    assert len(rows(select(Choice))) == 2
    assert len(rows(select(Event).where(Event.name == "choice.accept"))) == 2
    assert len(rows(select(Event).where(Event.name == "pairing.become_mutual"))) == 1


def test_declining_needs_a_reason_that_the_other_side_reads(
    talk: Round, couple: Couple, kept: Any, look: Any, rows: Any, jobs: Jobs
) -> None:
    need, offer, pairing = couple
    refused("decline-reason", kept, lambda s: actions.decline(s, offer.actor, talk, pairing.uid, "  "))
    assert look(pairing).pairing.status is PairingStatus.RELEASED
    for _ in range(2):
        kept(lambda s: actions.decline(s, offer.actor, talk, pairing.uid, "No trucks in May"))
    assert look(pairing).pairing.status is PairingStatus.DECLINED
    assert look(pairing).offer.choice.reason == "No trucks in May"
    (event,) = rows(select(Event).where(Event.name == "pairing.decline"))
    assert event.reason == "No trucks in May"
    assert event.details["organization"] == offer.uid
    (told,) = [job for job in rows(select(Job)) if job.name == "tell_choice"]
    assert told.payload["sides"] == ["need"]
    refused("other-declined", kept, lambda s: actions.accept(s, need.actor, talk, pairing.uid))
    values = {
        "organization": "O",
        "own": "a",
        "other": "b",
        "round_title": "R",
        "round_uid": "u",
        "public_url": "http://x",
    }
    _, body = compose(
        "choice-declined", "en", {**values, "reason": "No trucks in May", "until": "", "page": "choices"}
    )
    assert "No trucks in May" in body


def test_mind_is_changed_until_the_other_side_has_answered(
    talk: Round, couple: Couple, kept: Any, look: Any, rows: Any, jobs: Jobs
) -> None:
    need, offer, pairing = couple
    kept(lambda s: actions.accept(s, need.actor, talk, pairing.uid))
    kept(lambda s: actions.take_back(s, need.actor, talk, pairing.uid))
    assert look(pairing).need.answer is None
    kept(lambda s: actions.decline(s, need.actor, talk, pairing.uid, "Too small"))
    kept(lambda s: actions.take_back(s, need.actor, talk, pairing.uid))
    assert look(pairing).pairing.status is PairingStatus.RELEASED
    jobs.run_all()
    assert mails(rows) == [(offer.party.user.email, "choice-again")], "the refusal was no longer true"
    kept(lambda s: actions.decline(s, need.actor, talk, pairing.uid, "Too small"))
    kept(lambda s: actions.accept(s, need.actor, talk, pairing.uid))
    assert look(pairing).need.answer is Answer.ACCEPTED
    kept(lambda s: actions.accept(s, offer.actor, talk, pairing.uid))
    refused("both-accepted", kept, lambda s: actions.take_back(s, need.actor, talk, pairing.uid))
    assert look(pairing).pairing.status is PairingStatus.MUTUAL


def test_refusal_stands_once_somebody_else_was_asked(
    talk: Round, couple: Couple, bring: Bring, give: Any, kept: Any, look: Any
) -> None:
    need, offer, pairing = couple
    kept(lambda s: actions.decline(s, offer.actor, talk, pairing.uid, "No money"))
    give(need, bring(Side.OFFER), instead_of_id=pairing.key)
    refused("place-given", kept, lambda s: actions.take_back(s, offer.actor, talk, pairing.uid))
    refused("place-given", kept, lambda s: actions.accept(s, offer.actor, talk, pairing.uid))
    assert look(pairing).pairing.status is PairingStatus.DECLINED


def test_three_acceptances_may_wait_and_not_a_fourth(
    talk: Round, bring: Bring, give: Any, kept: Any, look: Any
) -> None:
    fund = bring(Side.OFFER, amount="9000 CNY")
    needs = [bring(Side.NEED) for _ in range(5)]
    pairings = [give(need, fund) for need in needs]
    for pairing in pairings[:3]:
        kept(lambda s, p=pairing: actions.accept(s, fund.actor, talk, p.uid))
    refused("pending-full", kept, lambda s: actions.accept(s, fund.actor, talk, pairings[3].uid))
    assert look(pairings[3]).offer.answer is None
    kept(lambda s: actions.accept(s, needs[0].actor, talk, pairings[0].uid))
    kept(lambda s: actions.accept(s, fund.actor, talk, pairings[3].uid))
    assert look(pairings[3]).offer.answer is Answer.ACCEPTED
    kept(lambda s: actions.accept(s, needs[4].actor, talk, pairings[4].uid))
    kept(lambda s: actions.accept(s, fund.actor, talk, pairings[4].uid))
    assert look(pairings[4]).pairing.status is PairingStatus.MUTUAL, (
        "an answer that ends the waiting is no waiting"
    )


def test_limit_is_the_rounds_own(talk: Round, bring: Bring, give: Any, kept: Any, engine: Engine) -> None:
    with writing(engine) as session:
        session.get_one(Round, talk.key).rules = {"process": {"most_pending": 1}}
    fund = bring(Side.OFFER, amount="9000 CNY")
    first, second = (give(bring(Side.NEED), fund) for _ in range(2))

    def accept(pairing: Pairing) -> None:
        kept(lambda s: actions.accept(s, fund.actor, s.get_one(Round, talk.key), pairing.uid))

    accept(first)
    refused("pending-full", accept, second)


def test_what_is_promised_is_not_promised_twice(
    talk: Round, bring: Bring, give: Any, kept: Any, look: Any, rows: Any
) -> None:
    fund = bring(Side.OFFER, amount="1500 CNY")
    first, second = bring(Side.NEED), bring(Side.NEED)
    one, two, small = give(first, fund), give(second, fund), give(second, bring(Side.OFFER), 400)
    for side, pairing in ((fund, one), (fund, two), (first, one)):
        kept(lambda s, a=side.actor, p=pairing: actions.accept(s, a, talk, p.uid))
    assert look(one).pairing.status is PairingStatus.MUTUAL
    assert look(two).pairing.status is PairingStatus.LAPSED, "500 of 1500 are left"
    assert look(small).pairing.status is PairingStatus.RELEASED
    (event,) = rows(select(Event).where(Event.name == "pairing.lapse"))
    assert event.details["cause"] == "offer-promised"
    assert event.details["instead"] == one.uid
    assert [job.name for job in rows(select(Job)) if job.name == "find_next"] == ["find_next"]


def test_need_that_is_carried_frees_those_who_still_wait_for_it(
    talk: Round, bring: Bring, give: Any, kept: Any, look: Any
) -> None:
    need, first, second = bring(Side.NEED), bring(Side.OFFER), bring(Side.OFFER)
    one, two = give(need, first), give(need, second)
    kept(lambda s: actions.accept(s, second.actor, talk, two.uid))
    kept(lambda s: actions.accept(s, need.actor, talk, one.uid))
    kept(lambda s: actions.accept(s, first.actor, talk, one.uid))
    assert look(one).pairing.status is PairingStatus.MUTUAL
    assert look(two).pairing.status is PairingStatus.LAPSED
    refused("need-carried", kept, lambda s: actions.accept(s, need.actor, talk, two.uid))


@pytest.mark.parametrize(
    ("status", "words"),
    [(RoundStatus.MATCHING, "Matching"), (RoundStatus.MEETING, "Meeting"), (RoundStatus.SIGNING, "Signing")],
)
def test_answers_are_taken_only_in_the_phase_of_choosing(
    talk: Round, couple: Couple, kept: Any, engine: Engine, status: RoundStatus, words: str
) -> None:
    need, _, pairing = couple
    with writing(engine) as session:
        session.get_one(Round, talk.key).status = status
    with pytest.raises(NotNow) as why:
        kept(lambda s: actions.accept(s, need.actor, s.get_one(Round, talk.key), pairing.uid))
    assert why.value.message.params["phase"].template == words


def test_answers_are_not_taken_after_the_planned_end_or_the_deadline(
    talk: Round, couple: Couple, kept: Any, engine: Engine, bring: Bring, give: Any
) -> None:
    need, _, pairing = couple
    late = give(bring(Side.NEED), offer := bring(Side.OFFER), reply_by=now() - timedelta(minutes=1))
    refused("reply-over", kept, lambda s: actions.accept(s, offer.actor, talk, late.uid))
    with writing(engine) as session:
        phase = session.exec(select(RoundPhase).where(RoundPhase.phase == "choosing")).one()
        phase.ends = now() - timedelta(seconds=1)
    refused("choosing-over", kept, lambda s: actions.accept(s, need.actor, talk, pairing.uid))


def test_days_to_reply_count_from_the_phase_where_that_begins_later(
    talk: Round, couple: Couple, kept: Any, engine: Engine, look: Any
) -> None:
    need, _, pairing = couple
    with writing(engine) as session:
        session.get_one(Pairing, pairing.key).reply_by = now() - timedelta(days=3)
        phase = session.exec(select(RoundPhase).where(RoundPhase.phase == "choosing")).one()
        phase.began = now() - timedelta(hours=1)
    kept(lambda s: actions.accept(s, need.actor, talk, pairing.uid))
    assert look(pairing).need.answer is Answer.ACCEPTED


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (LiveStatus.WAITING, "choosing-not-begun"),
        (LiveStatus.SHOWCASE, "choosing-not-begun"),
        (LiveStatus.PAUSED, "choosing-paused"),
        (LiveStatus.ENDED, "choosing-closed"),
    ],
)
def test_hall_opens_and_closes_the_choosing(
    talk: Round, couple: Couple, kept: Any, status: LiveStatus, code: str, steering: Actor, look: Any
) -> None:
    need, _, pairing = couple
    kept(lambda s: s.add(LiveStage(round_id=talk.key, status=status)))
    refused(code, kept, lambda s: actions.accept(s, need.actor, talk, pairing.uid))
    if status is not LiveStatus.ENDED:
        kept(
            lambda s: actions.accept(
                s, steering, talk, pairing.uid, Side.NEED, on_behalf=True, reason="Said so at the desk"
            )
        )
        assert look(pairing).need.choice.on_behalf


def test_countdown_of_the_hall_ends_the_choosing_and_days_to_reply_do_not(
    talk: Round, couple: Couple, kept: Any, engine: Engine
) -> None:
    need, offer, pairing = couple
    with writing(engine) as session:
        session.get_one(Pairing, pairing.key).reply_by = now() - timedelta(days=1)
        session.add(
            LiveStage(round_id=talk.key, status=LiveStatus.CHOOSING, ends=now() + timedelta(minutes=1))
        )
    kept(lambda s: actions.accept(s, need.actor, talk, pairing.uid))
    with writing(engine) as session:
        session.exec(select(LiveStage)).one().ends = now() - timedelta(seconds=1)
    refused("choosing-over", kept, lambda s: actions.accept(s, offer.actor, talk, pairing.uid))


def test_facilitator_answers_for_a_side_with_a_reason_that_is_logged(
    talk: Round, couple: Couple, kept: Any, look: Any, rows: Any, steering: Actor
) -> None:
    need, _, pairing = couple
    behalf = {"on_behalf": True, "reason": " "}
    for code, side in (("behalf-reason", Side.NEED), ("side-missing", None)):
        refused(
            code, kept, lambda s, side=side: actions.accept(s, steering, talk, pairing.uid, side, **behalf)
        )
    with pytest.raises(NotAllowed):
        kept(lambda s: actions.accept(s, steering, talk, pairing.uid, Side.NEED))
    with pytest.raises(NotAllowed):
        kept(
            lambda s: actions.accept(s, need.actor, talk, pairing.uid, Side.OFFER, on_behalf=True, reason="x")
        )
    for side in Side:
        kept(
            lambda s, side=side: actions.accept(
                s, steering, talk, pairing.uid, side, on_behalf=True, reason="By telephone"
            )
        )
    assert look(pairing).pairing.status is PairingStatus.MUTUAL
    event = rows(select(Event).where(Event.name == "choice.accept"))[0]
    assert (event.actor, event.reason, event.details["on_behalf"]) == (steering.uid, "By telephone", True)
    kept(lambda s: actions.decline(s, steering, talk, pairing.uid, "Withdrew", Side.OFFER, on_behalf=True))
    assert look(pairing).pairing.status is PairingStatus.DECLINED


def test_only_editors_of_a_side_answer_and_others_do_not_even_see(
    talk: Round, couple: Couple, kept: Any, bring: Bring, make_user: Any, actor: Any
) -> None:
    need, _, pairing = couple
    stranger = bring(Side.NEED)
    with pytest.raises(NotFound):
        kept(lambda s: actions.accept(s, stranger.actor, talk, pairing.uid))
    viewer = actor(make_user(member_of={need.party.organization.key: Role.VIEWER}))
    with pytest.raises(NotAllowed):
        kept(lambda s: actions.accept(s, viewer, talk, pairing.uid))
    with pytest.raises(NotAllowed):
        kept(lambda s: actions.accept(s, need.actor, talk, pairing.uid, Side.OFFER))


def test_pairing_that_is_not_released_is_not_there(talk: Round, bring: Bring, give: Any, kept: Any) -> None:
    need = bring(Side.NEED)
    pairing = give(need, bring(Side.OFFER), status=PairingStatus.PROPOSED)
    with pytest.raises(NotFound):
        kept(lambda s: actions.accept(s, need.actor, talk, pairing.uid))


def test_ranks_are_an_order_of_ones_own_pairings(
    talk: Round, bring: Bring, give: Any, kept: Any, rows: Any, look: Any, couple: Couple
) -> None:
    fund = bring(Side.OFFER, amount="9000 CNY")
    pairings = [give(bring(Side.NEED), fund) for _ in range(3)]
    order = [pairings[2].uid, pairings[0].uid]

    def rank(uids: list[str]) -> None:
        kept(lambda s: actions.rank(s, fund.actor, talk, fund.party.organization, Side.OFFER, uids))

    rank(order)
    rank(order)
    assert [look(pairing).offer.choice and look(pairing).offer.choice.rank for pairing in pairings] == [
        2,
        None,
        1,
    ]
    assert len(rows(select(Event).where(Event.name == "choice.rank"))) == 1
    for wrong in ([order[0], order[0]], [couple[2].uid]):
        refused("ranks-unknown", rank, wrong)
    with pytest.raises(NotAllowed):
        kept(lambda s: actions.rank(s, couple[0].actor, talk, fund.party.organization, Side.OFFER, order))
