"""What matching refuses, with the reason and without a trace: runs, releases, decisions, objections."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import update
from sqlmodel import select

from service.db import now
from service.errors import NotAllowed, NotFound
from service.pairings import actions, objections, queries
from service.pairings.inputs import what_changed
from service.pairings.models import MatchRun, MatchRunStatus, OverrideKind, Pairing, PairingStatus
from service.pairings.overrides import override, remove
from service.permissions import VISITOR
from service.rounds.models import RoundPhase, RoundStatus
from tests.service.pairings.conftest import matched, withdrawn
from tests.service.refusing import codes, nothing_written, refused


def test_a_round_is_matched_in_its_phase_with_something_on_both_sides_and_once_at_a_time(
    session, talk, make_round
):
    press = partial(actions.request_match, session, talk.facilitator)
    open_round, empty = make_round(status=RoundStatus.OPEN), make_round(status=RoundStatus.MATCHING)
    with nothing_written(session):
        refused("wrong-phase", press, open_round)
        refused("match-no-needs", press, empty)
    for name in ("fund", "nursery", "studio"):
        withdrawn(session, talk, name)
    with nothing_written(session):
        refused("match-no-offers", press, talk.round)
    session.rollback()
    pressed = press(talk.round)
    withdrawn(session, talk, "film")
    with nothing_written(session):
        refused("match-running", press, talk.round)
    assert [run.uid for run in session.exec(select(MatchRun))] == [pressed.uid]


def test_only_what_a_run_named_as_a_remedy_is_tried(session, talk, jobs):
    run = matched(session, talk, jobs)
    run.remedies = [{"code": "appeal", "template": "Appeal.", "params": {}}]
    with nothing_written(session):
        for about in ("", "nobody", "0", "9" * 5_000):
            refused("remedy-not-tried", actions.try_remedy, session, talk.facilitator, run, about)


def test_what_is_unfinished_outdated_unseen_or_out_already_is_not_released(session, talk, jobs):
    run = actions.request_match(session, talk.facilitator, talk.round)
    release = partial(actions.release, session, talk.facilitator)
    with nothing_written(session):
        refused("run-not-done", release, run)
    session.commit()
    jobs.run_all()
    session.refresh(run)
    withdrawn(session, talk, "film")
    with nothing_written(session):
        refused("run-outdated", release, run)
        with pytest.raises(NotAllowed):
            actions.release(session, talk.parties["meals"].actor, run)
    newer = matched(session, talk, jobs)
    with nothing_written(session):
        refused("release-unconfirmed", release, newer)
    tries = (MatchRun(round_id=newer.round_id, what_if=True, status=MatchRunStatus.DONE) for _ in range(50))
    session.add_all(tries)
    release(newer, confirmed=True)
    session.commit()
    session.refresh(run)
    assert run.note["code"] == "newer-released"
    with nothing_written(session):
        refused("run-not-done", release, run)
        refused("run-released", release, newer, confirmed=True)
    by_run = {pairing.run_id: pairing.status for pairing in session.exec(select(Pairing))}
    assert by_run == {run.key: PairingStatus.DROPPED, newer.key: PairingStatus.RELEASED}


def test_a_result_that_is_out_of_date_says_what_has_changed(session, talk, jobs, make_round, enter, pair):
    before = make_round(status=RoundStatus.CLOSED)
    need, offer = (enter(before, talk.listings[name]) for name in ("meals", "fund"))
    run = matched(session, talk, jobs)
    changed = partial(what_changed, session, talk.round, run)
    assert changed() is None
    session.commit()
    pair(need, offer, PairingStatus.AGREED, gifts=[{"kind": "money", "used": {"amount": 1, "unit": "CNY"}}])
    assert changed().code == "changed-cooperations"
    talk.round.rules = {"min_score": 0.3}
    assert changed().code == "changed-rules"
    withdrawn(session, talk, "film")
    assert changed().code == "changed-applications"
    with nothing_written(session):
        refused("run-outdated", actions.release, session, talk.facilitator, run)


def test_decisions_that_cannot_be_are_refused_with_the_rule_and_leave_the_result_alone(session, talk, jobs):
    uid = {name: application.uid for name, application in talk.applications.items()}
    own = talk.parties["meals"].actor

    def decide(kind, need, offer, **more):
        given = {"reason": "Agreed.", **more}
        return override(
            session, talk.facilitator, talk.round, OverrideKind(kind), uid[need], uid[offer], **given
        )

    with nothing_written(session):
        for code, amount in (("number-missing", "much"), ("unit-missing", "5"), ("number-zero", "0 CNY")):
            refused(code, decide, "amount", "meals", "fund", amount=amount)
        refused("amount-no-result", decide, "amount", "meals", "fund", amount="30000 CNY")
        refused("not-in-match", decide, "lock", "fund", "meals")
        refused("reason-needed", decide, "lock", "meals", "fund", reason="  ")
        refused("too-long", decide, "ban", "meals", "fund", reason="x" * 2_001)
    talk.round.rules = {"bans": [[talk.listings["trees"].uid, talk.listings["fund"].uid]]}
    session.add(talk.round)
    with nothing_written(session):
        refused("cannot-pin", decide, "lock", "trees", "fund")
    matched(session, talk, jobs)
    with nothing_written(session):
        refused("amount-no-pair", decide, "amount", "meals", "studio", amount="1000 CNY")
        refused("amount-other-unit", decide, "amount", "meals", "fund", amount="20 hours")
        refused("broken-need", decide, "amount", "meals", "fund", amount="60000 CNY")
    pin, excluded = decide("lock", "meals", "fund"), decide("ban", "trees", "nursery")
    with nothing_written(session):
        refused("override-twice", decide, "lock", "meals", "fund")
        refused("override-twice", decide, "ban", "trees", "nursery")
        refused("override-pinned", decide, "ban", "meals", "fund")
        refused("override-excluded", decide, "lock", "trees", "nursery")
        refused("override-excluded", decide, "amount", "trees", "nursery", amount="10000 CNY")
    remove(session, talk.facilitator, talk.round, pin)
    decide("amount", "meals", "fund", amount="30000 CNY")
    with nothing_written(session):
        refused("override-pinned", decide, "ban", "meals", "fund")
        refused("too-long", remove, session, talk.facilitator, talk.round, excluded, "x" * 2_001)
        with pytest.raises(NotFound):
            queries.override(session, talk.facilitator, pin.uid, one=talk.round)
        with pytest.raises(NotAllowed):
            override(session, own, talk.round, OverrideKind.BAN, uid["film"], uid["studio"], reason="Mine!")
    talk.round.status = RoundStatus.CHOOSING
    session.add(talk.round)
    with nothing_written(session):
        refused("wrong-phase", decide, "lock", "film", "studio")
        refused("wrong-phase", remove, session, talk.facilitator, talk.round, excluded)


def test_an_amount_for_an_excluded_pair_is_refused_on_the_page_and_the_result_stays(
    session, talk, jobs, as_user
):
    """The pair was excluded after the run, so the result has it still."""
    run = matched(session, talk, jobs)
    need, offer = talk.applications["meals"].uid, talk.applications["fund"].uid
    override(session, talk.facilitator, talk.round, OverrideKind.BAN, need, offer, reason="One treasurer.")
    session.commit()
    typed = {"kind": "amount", "need": need, "offer": offer, "amount": "30000 CNY", "reason": "Less."}
    for path in (f"match/{run.uid}/decide", "match/decisions"):
        answer = as_user(talk.user).post(f"/rounds/{talk.round.uid}/{path}", data=typed)
        assert answer.status_code == 409
        assert "This pair is excluded." in answer.text
    session.expire_all()
    row = session.exec(select(Pairing).where(Pairing.need_id == talk.applications["meals"].key)).one()
    assert (queries.given_in(row, "CNY"), row.reason, row.version) == (50_000_00, "", 1)


def test_after_the_notice_nobody_objects_and_no_reason_says_who_did(
    session, talk, jobs, settings, make_round, client
):
    one = make_round("venture-call", RoundStatus.NOTICE, ends={"notice": now() + timedelta(days=9)})
    given = {"name": "Ana López", "email": "ana@example.org", "text": "It was paid for last year."}
    more = {"data_dir": settings.data_dir, "language": "en"}
    raised = objections.raise_objection(session, VISITOR, one, **given, **more)
    with nothing_written(session):
        refused(
            "choose-listed", objections.raise_objection, session, VISITOR, one, **given, **more, pairing="x"
        )
        for reason in ("Ana Lopez is mistaken.", "Ask ana@example.org."):
            refused("reason-personal", objections.dismiss, session, talk.facilitator, one, raised.uid, reason)
        with pytest.raises(NotFound):
            objections.dismiss(session, talk.facilitator, talk.round, raised.uid, "It stands.")
    session.execute(update(RoundPhase).values(ends=now() - timedelta(minutes=1)))
    session.expire_all()
    with nothing_written(session):
        refused("notice-over", objections.raise_objection, session, VISITOR, one, **given, **more)
    session.commit()
    late = client.post(f"/api/v1/rounds/{one.uid}/objections", data=given)
    assert (late.status_code, codes(late)) == (409, ["notice-over"])
