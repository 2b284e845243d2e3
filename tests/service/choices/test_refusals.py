"""What choosing refuses beside what its own tests tell, with the reason and without a trace."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import col, select

from matching.profiles import Side
from service.choices import actions, forum, next_in_line, queries, settling, signing, stream
from service.choices.models import Attendance, Choice, LiveStage, Signed, StageIn
from service.db import now
from service.events import Event
from service.pairings.models import PairingStatus
from service.permissions import Role
from service.rounds.models import ApplicationStatus, RoundStatus
from tests.service.refusing import codes


@pytest.fixture
def desk(as_user, facilitator):
    """The facilitator's browser."""
    return as_user(facilitator)


def test_who_is_on_both_sides_says_for_which_one_answers_and_signs(
    talk, bring, give, make_round, refuse, look
):
    need = bring(Side.NEED, "Both", role=Role.OWNER)
    offer = bring(Side.OFFER, party=need.party)
    pairing = give(need, offer)
    refuse("side-missing", actions.accept, need.actor, talk, pairing.uid)
    refuse("side-missing", signing.sign, need.actor, talk, pairing.uid)
    refuse("too-long", actions.decline, need.actor, talk, pairing.uid, "x" * 1_001, Side.NEED)
    assert [half.choice or half.signed for half in look(pairing).halves] == [None, None]


def test_what_others_carry_by_now_is_neither_accepted_nor_opened_again_nor_signed(
    talk, bring, give, make_round, kept, refuse, steering, look
):
    need, offer = bring(Side.NEED), bring(Side.OFFER)
    pairing = give(need, offer)
    kept(lambda s: actions.accept(s, need.actor, talk, pairing.uid))
    give(need, bring(Side.OFFER), status=PairingStatus.MUTUAL)
    refuse("need-carried", actions.accept, offer.actor, talk, pairing.uid)
    kept(lambda s: actions.decline(s, offer.actor, talk, pairing.uid, "Too late"))
    refuse("need-carried", actions.take_back, offer.actor, talk, pairing.uid)
    refuse("need-carried", next_in_line.offer_again, steering, talk, pairing.uid, "They have more")
    assert look(pairing).pairing.status is PairingStatus.DECLINED
    others = bring(Side.OFFER)
    crowded = give(need, others, status=PairingStatus.LAPSED)
    refuse("need-carried", actions.accept, others.actor, talk, crowded.uid)
    following = give(need, bring(Side.OFFER), status=PairingStatus.PROPOSED, instead_of_id=pairing.key)
    refuse("need-carried", next_in_line.offer_next, steering, talk, following.uid)
    refuse("too-long", next_in_line.skip_next, steering, talk, following.uid, "x" * 1_001)
    refuse("too-long", settling.settle, steering, talk, "x" * 1_001)
    relief = make_round("flood-relief", RoundStatus.SIGNING)
    carried, late = bring(Side.NEED, into=relief), bring(Side.OFFER, into=relief, role=Role.OWNER)
    give(carried, bring(Side.OFFER, into=relief), status=PairingStatus.AGREED)
    refuse("need-carried", signing.sign, late.actor, relief, give(carried, late).uid)


def test_what_is_not_ready_is_not_signed_and_does_not_come_on_stage(
    bring, give, make_round, refuse, steering, rows
):
    one = make_round("monthly-talk", RoundStatus.SIGNING)
    owner = bring(Side.NEED, into=one, role=Role.OWNER)
    released, ready = (
        give(owner, bring(Side.OFFER, into=one), status=status)
        for status in (PairingStatus.RELEASED, PairingStatus.MUTUAL)
    )
    refuse("not-mutual", signing.sign, owner.actor, one, released.uid)
    refuse("not-mutual", signing.record_on_stage, steering, one, released.uid)
    for uids in ([released.uid], [ready.uid, ready.uid], ["nobody"]):
        refuse("order-unknown", signing.put_in_order, steering, one, uids)
    relief = make_round("flood-relief", RoundStatus.SIGNING)
    late = give(
        giver := bring(Side.NEED, into=relief, role=Role.OWNER),
        bring(Side.OFFER, into=relief),
        reply_by=now() - timedelta(minutes=1),
    )
    refuse("reply-over", signing.sign, giver.actor, relief, late.uid)
    assert rows(select(Signed)) == []


def test_after_the_time_nothing_is_answered_ranked_settled_or_asked(
    talk, make_round, bring, give, refuse, steering
):
    one = make_round("monthly-talk", RoundStatus.CHOOSING, ends={"choosing": now() - timedelta(minutes=1)})
    need = bring(Side.NEED, into=one)
    pairing = give(need, bring(Side.OFFER, into=one))
    own = {"organization": need.party.organization, "side": Side.NEED}
    behalf = {"side": Side.NEED, "on_behalf": True, "reason": "By telephone"}
    refuse("choosing-over", actions.accept, steering, one, pairing.uid, **behalf)
    for actor in (need.actor, steering):
        refuse("choosing-over", actions.rank, actor, one, uids=[pairing.uid], **own)
    refuse("choosing-over", next_in_line.offer_again, steering, one, pairing.uid, "Again")
    refuse("choosing-over", next_in_line.offer_more, steering, one, 1)
    refuse("choosing-over", forum.close, steering, one)


def test_hall_is_for_rounds_under_way_and_shows_who_is_in_the_match(
    talk, make_round, bring, enter, make_listing, refuse, steering, rows
):
    for status in (RoundStatus.DRAFT, RoundStatus.DELIVERING, RoundStatus.CANCELLED):
        over = make_round("monthly-talk", status)
        there = bring(Side.NEED, into=over)
        refuse("no-forum", forum.steer, steering, over, StageIn(notice="Welcome"))
        refuse("no-forum", forum.check_in, steering, over, there.party.organization)
    draft = enter(talk, make_listing(there.party, "Not handed in"), ApplicationStatus.DRAFT)
    for uid in ("nobody", there.application.uid, draft.uid):
        refuse("spotlight-unknown", forum.steer, steering, talk, StageIn(spotlight=uid))
    assert rows(select(LiveStage)) == rows(select(Attendance)) == []


def test_forms_of_the_hall_name_what_is_wrong(talk, couple, desk, rows):
    live = f"/rounds/{talk.uid}/live"
    whole, known, long = "Enter whole minutes, at most 600.", "Choose an application", "Use at most"
    for field, wrong, words, code in (
        ("minutes", "soon", whole, "minutes-wrong"),
        ("minutes", "601", whole, "minutes-wrong"),
        ("minutes", "0000601", whole, "minutes-wrong"),
        ("minutes", "0" * 6 + "9" * 5_000, whole, "minutes-wrong"),
        ("spotlight", "f" * 33, known, "spotlight-unknown"),
        ("notice", "x" * 201, f"{long} 200 characters.", "too-long"),
        ("reason", "x" * 1_001, f"{long} 1,000 characters.", "too-long"),
    ):
        answer = desk.post(live, data={field: wrong})
        assert answer.status_code == 422, code
        assert f'href="#field-{field}"' in answer.text, code
        assert words in answer.text, code
    assert desk.post(f"/rounds/{talk.uid}/attendance/{couple[0].uid}/kiss").status_code == 404
    assert rows(select(LiveStage)) == rows(select(Attendance)) == []


def test_words_that_are_no_longer_good_open_nothing_and_say_so(talk, couple, browser):
    phone, door = browser(), f"/rounds/{talk.uid}/in/{'0' * 32}-0.forged"
    for answer in (phone.get(door), phone.post(door)):
        assert (answer.status_code, "This code is no longer valid" in answer.text) == (409, True), (
            "code-ended"
        )
    phone.cookies.set("qiao_forum", "forged", path=f"/rounds/{talk.uid}")
    answer = phone.get(f"/rounds/{talk.uid}/choices")
    assert answer.status_code == 409
    assert "no longer checked in" in answer.text, "pass-ended"


def test_more_screens_than_there_is_room_for_are_turned_away(talk, client, monkeypatch):
    monkeypatch.setattr(stream, "MOST_LISTENERS", 0)
    answer = client.get(f"/rounds/{talk.uid}/wall/events")
    assert answer.status_code == 503
    assert "Too many screens are watching" in answer.text, "too-many-listeners"


def test_programs_are_told_the_code(talk, couple, bring, give, as_user, desk, rows):
    base = f"/api/v1/rounds/{talk.uid}"
    for path, sent, status, code in (
        (f"choices/{couple[2].uid}", {"answer": "accept", "on_behalf": True}, 422, "side-missing"),
        (f"next/{couple[2].uid}/offer", {}, 409, "not-next"),
    ):
        answer = desk.post(f"{base}/{path}", json=sent)
        assert (answer.status_code, codes(answer)) == (status, [code])
    ranks = {"organization": couple[0].uid, "side": "need", "pairings": ["nobody"]}
    answer = as_user(couple[0].party.user).put(f"{base}/ranks", json=ranks)
    assert (answer.status_code, codes(answer)) == (422, ["ranks-unknown"])
    assert rows(select(Choice)) == rows(select(Event).where(col(Event.name).startswith("choice."))) == []


def test_where_one_answers_in_two_phases_both_are_named(make_round, bring, give, refuse, kept):
    phases = ["open", "matching", "meeting", "signing", "delivering"]
    one = make_round("monthly-talk", RoundStatus.MATCHING, phases=phases)
    need = bring(Side.NEED, into=one)
    pairing = give(need, bring(Side.OFFER, into=one))
    refuse("wrong-phase", actions.accept, need.actor, one, pairing.uid)
    assert str(kept(lambda s: queries.choosing(s, one)).over).endswith("phases: Meeting, Signing.")
