"""The hall through HTTP: codes, phones that come in with them, steering, the wall, signing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from itsdangerous import Signer
from sqlmodel import select

from matching.profiles import Side
from service.choices import codes
from service.choices.models import Attendance, LiveStage, Signed
from service.choices.phones import COOKIE
from service.db import now, writing
from service.events import Event, broken_links
from service.pairings.models import Pairing, PairingStatus
from service.permissions import Role
from service.rounds.models import Application, Round, RoundStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine
    from sqlmodel import Session

    from service.accounts.models import User
    from service.settings import Settings
    from tests.service.choices.conftest import Bring, Stand

Couple = tuple["Stand", "Stand", Pairing]


@pytest.fixture
def code_of(settings: Settings, talk: Round) -> Callable[..., str]:
    def made(stand: Stand, number: int = 0, one: Round | None = None) -> str:
        return codes.make_code(settings.secret, one or talk, stand.party.organization, number)

    return made


@pytest.fixture
def phone(browser: Callable[[], TestClient], talk: Round, code_of: Any) -> Callable[[Stand], TestClient]:
    """A phone that has come in with the code of an organization."""

    def new(stand: Stand) -> TestClient:
        client = browser()
        answer = client.post(f"/rounds/{talk.uid}/in/{code_of(stand)}")
        assert answer.headers["location"].startswith(f"/rounds/{talk.uid}/choices")
        return client

    return new


@pytest.fixture
def desk(browser: Callable[[], TestClient], facilitator: User, sign_in: Any) -> TestClient:
    """The facilitator's browser."""
    client: TestClient = sign_in(browser(), facilitator)
    return client


def test_code_checks_in_and_lets_the_phone_choose(
    talk: Round, couple: Couple, browser: Callable[[], TestClient], code_of: Any, rows: Any, look: Any
) -> None:
    need, _, pairing = couple
    client, door = browser(), f"/rounds/{talk.uid}/in/{code_of(need)}"
    page = client.get(door)
    assert need.party.organization.name in page.text
    assert rows(select(Attendance)) == [], "looking at an address checks nobody in"
    answer = client.post(door)
    cookie = answer.headers["set-cookie"]
    assert f"Path=/rounds/{talk.uid}" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    (there,) = rows(select(Attendance))
    assert there.checked_in is not None
    cards = client.get(f"/rounds/{talk.uid}/choices").text
    assert f"pairing-{pairing.uid}" in cards
    sent = client.post(f"/rounds/{talk.uid}/choices/{pairing.uid}", data={"answer": "accept"})
    assert sent.status_code == 303
    assert look(pairing).need.answer == "accepted"
    (event,) = rows(select(Event).where(Event.name == "choice.accept"))
    assert event.actor == f"phone:{need.uid}"
    assert look(pairing).need.choice.user_id is None


def test_phone_asks_for_one_card_after_the_other_side_has_answered(
    couple: Couple, talk: Round, phone: Any, bring: Bring, give: Any
) -> None:
    need, offer, pairing = couple
    client, address = phone(need), f"/rounds/{talk.uid}/choices/{pairing.uid}"
    phone(offer).post(address, data={"answer": "accept"})
    card = client.get(address, headers={"x-part": "1"})
    assert "Only your answer is missing" in card.text
    assert "<html" not in card.text, "the card alone"
    whole = client.get(address, follow_redirects=False)
    assert whole.headers["location"] == f"/rounds/{talk.uid}/choices#pairing-{pairing.uid}"
    foreign = give(bring(Side.NEED), bring(Side.OFFER))
    assert client.get(f"/rounds/{talk.uid}/choices/{foreign.uid}", headers={"x-part": "1"}).status_code == 404


def test_pass_is_good_for_answers_in_this_round_and_for_nothing_else(
    talk: Round,
    couple: Couple,
    phone: Any,
    make_round: Any,
    bring: Bring,
    give: Any,
    rows: Any,
    settings: Any,
) -> None:
    need, _, pairing = couple
    client = phone(need)
    other = bring(Side.NEED)
    foreign = give(other, bring(Side.OFFER))
    sent = client.post(f"/rounds/{talk.uid}/choices/{foreign.uid}", data={"answer": "accept"})
    assert sent.status_code == 404
    for_them = client.post(
        f"/rounds/{talk.uid}/choices/{pairing.uid}", data={"answer": "accept", "side": "offer"}
    )
    assert "/accounts/sign-in" in for_them.headers["location"]
    elsewhere = make_round("monthly-talk", RoundStatus.CHOOSING)
    assert "/accounts/sign-in" in client.get(f"/rounds/{elsewhere.uid}/choices").headers["location"]
    word = client.cookies.get(COOKIE)
    client.cookies.set(COOKIE, word, path=f"/rounds/{elsewhere.uid}")
    assert client.get(f"/rounds/{elsewhere.uid}/choices").status_code == 409
    assert "/accounts/sign-in" in client.get(f"/organizations/{need.uid}/members").headers["location"]
    assert "/accounts/sign-in" in client.post(f"/rounds/{talk.uid}/signing/{pairing.uid}").headers["location"]
    assert client.get(f"/api/v1/rounds/{talk.uid}/choices").status_code == 401
    assert rows(select(Signed)) == []


@pytest.mark.parametrize("wrong", ["", "x", "0" * 32 + "-0.abc"])
def test_codes_that_are_not_ours_open_nothing(
    talk: Round,
    couple: Couple,
    browser: Callable[[], TestClient],
    wrong: str,
    code_of: Any,
    settings: Settings,
    rows: Any,
) -> None:
    client = browser()
    forged = Signer("another secret", salt=f"choices.code.{talk.uid}").sign(f"{couple[0].uid}-0").decode()
    for code in (wrong or forged, code_of(couple[0], 1), code_of(couple[0])[:-1] + "!"):
        answer = client.post(f"/rounds/{talk.uid}/in/{code}")
        assert answer.status_code == 409
        assert "set-cookie" not in answer.headers
    assert rows(select(Attendance)) == []


def test_revoked_code_turns_its_phones_away_and_the_new_one_lets_in(
    talk: Round,
    couple: Couple,
    phone: Any,
    desk: TestClient,
    code_of: Any,
    browser: Any,
    rows: Any,
    look: Any,
) -> None:
    need, _, pairing = couple
    stolen = phone(need)
    assert desk.post(f"/rounds/{talk.uid}/attendance/{need.uid}/revoke").status_code == 303
    assert stolen.get(f"/rounds/{talk.uid}/choices").status_code == 409
    sent = stolen.post(f"/rounds/{talk.uid}/choices/{pairing.uid}", data={"answer": "accept"})
    assert sent.status_code == 409
    assert look(pairing).need.answer is None
    assert browser().post(f"/rounds/{talk.uid}/in/{code_of(need)}").status_code == 409
    fresh = browser()
    assert fresh.post(f"/rounds/{talk.uid}/in/{code_of(need, 1)}").status_code == 303
    assert fresh.get(f"/rounds/{talk.uid}/choices").status_code == 200
    assert "attendance.revoke_code" in [event.name for event in rows(select(Event))]


def test_pass_ends_after_half_a_day(
    talk: Round, couple: Couple, phone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = phone(couple[0])
    monkeypatch.setattr(codes, "PASS_HOURS", -1)
    answer = client.get(f"/rounds/{talk.uid}/choices")
    assert answer.status_code == 409
    assert "no longer checked in" in answer.text


def test_ones_own_account_counts_before_the_pass(
    talk: Round, couple: Couple, phone: Any, sign_in: Any, look: Any
) -> None:
    need, _, pairing = couple
    client = sign_in(phone(need), need.party.user)
    client.post(f"/rounds/{talk.uid}/choices/{pairing.uid}", data={"answer": "accept"})
    assert look(pairing).need.choice.user_id == need.party.user.key


def test_facilitator_checks_in_by_hand_or_by_scanning_and_sees_who_is_missing(
    talk: Round, couple: Couple, desk: TestClient, code_of: Any, rows: Any
) -> None:
    need, offer, _ = couple
    assert "2 are missing" in desk.get(f"/rounds/{talk.uid}/live").text
    desk.post(f"/rounds/{talk.uid}/attendance/{need.uid}/in")
    scanned = desk.post(f"/rounds/{talk.uid}/in/{code_of(offer)}")
    assert scanned.headers["location"].startswith(f"/rounds/{talk.uid}/live")
    assert "set-cookie" not in scanned.headers
    assert "Everybody is here" in desk.get(f"/rounds/{talk.uid}/live").text
    desk.post(f"/rounds/{talk.uid}/attendance/{need.uid}/out")
    assert "1 is missing" in desk.get(f"/rounds/{talk.uid}/live").text
    assert [one.checked_in is None for one in rows(select(Attendance).order_by(Attendance.id))] == [
        True,
        False,
    ]
    assert desk.post(f"/rounds/{talk.uid}/attendance/{'0' * 32}/in").status_code == 404


def test_cards_carry_codes_that_work(
    talk: Round,
    couple: Couple,
    desk: TestClient,
    as_user: Any,
    browser: Any,
    settings: Settings,
    code_of: Any,
) -> None:
    import segno

    need, offer, _ = couple
    cards = desk.get(f"/rounds/{talk.uid}/cards").text
    for stand in (need, offer):
        address = f"{settings.public_url}/rounds/{talk.uid}/in/{code_of(stand)}"
        picture = segno.make(address, error="m", micro=False).svg_data_uri(border=2)
        assert picture.replace("&", "&amp;").replace("'", "&#39;") in cards
    own = as_user(need.party.user)
    assert "data:image/svg" in own.get(f"/rounds/{talk.uid}/code/{need.uid}").text
    assert own.get(f"/rounds/{talk.uid}/code/{offer.uid}").status_code == 403
    assert own.get(f"/rounds/{talk.uid}/cards").status_code == 403


def test_steps_of_the_hall_open_and_close_the_answers_on_phones(
    talk: Round, couple: Couple, phone: Any, desk: TestClient, rows: Any, look: Any
) -> None:
    need, _, pairing = couple
    client, live = phone(need), f"/rounds/{talk.uid}/live"
    assert desk.post(live, data={"step": "wait"}).status_code == 303
    assert "The choosing has not begun yet" in client.get(f"/rounds/{talk.uid}/choices").text
    refused = client.post(f"/rounds/{talk.uid}/choices/{pairing.uid}", data={"answer": "accept"})
    assert refused.status_code == 409
    desk.post(live, data={"step": "choose", "minutes": "10"})
    assert "The choosing is open" in client.get(f"/rounds/{talk.uid}/choices").text
    (stage,) = rows(select(LiveStage))
    assert timedelta(minutes=9) < stage.ends - now() <= timedelta(minutes=10)
    shown = need.application.uid
    desk.post(live, data={"step": "pause"})
    assert (
        desk.post(live, data={"step": "show", "spotlight": shown, "notice": "Coffee at ten"}).status_code
        == 303
    )
    wall = client.get(f"/rounds/{talk.uid}/wall").text
    assert "Coffee at ten" in wall
    assert need.listing.title in wall
    assert desk.post(live, data={"minutes": "soon"}).status_code == 422
    assert desk.post(live, data={"spotlight": "f" * 32}).status_code == 422
    assert desk.post(live, data={"step": "reopen"}).status_code == 409
    assert desk.post(live + "/close").status_code == 303
    assert look(pairing).pairing.status is PairingStatus.LAPSED
    assert desk.post(live, data={"step": "choose"}).status_code == 409
    assert desk.post(live, data={"step": "reopen"}).status_code == 422, "needs a reason"
    assert desk.post(live, data={"step": "reopen", "reason": "Too early"}).status_code == 303
    assert client.get(live).headers["location"].startswith("/accounts/sign-in")


def test_hall_is_only_for_rounds_under_way(
    make_round: Any, desk: TestClient, talk: Round, code_of: Any, couple: Couple, engine: Engine, browser: Any
) -> None:
    with writing(engine) as session:
        session.get_one(Round, talk.key).status = RoundStatus.DELIVERING
    assert desk.post(f"/rounds/{talk.uid}/live", data={"step": "wait"}).status_code == 409
    assert browser().post(f"/rounds/{talk.uid}/in/{code_of(couple[0])}").status_code == 409


def test_wall_shows_what_everybody_may_know_and_nothing_more(
    talk: Round, couple: Couple, bring: Bring, give: Any, client: TestClient
) -> None:
    open_need, _, _ = couple
    need, offer = bring(Side.NEED), bring(Side.OFFER)
    give(need, offer, status=PairingStatus.MUTUAL)
    wall = client.get(f"/rounds/{talk.uid}/wall").text
    assert need.party.organization.name in wall
    assert offer.party.organization.name in wall
    assert open_need.party.organization.name not in wall
    assert 'http-equiv="refresh"' in wall, "and without scripts too"


def test_card_alone_is_given_to_scripts(talk: Round, couple: Couple, phone: Any) -> None:
    need, _, pairing = couple
    client, here = phone(need), f"/rounds/{talk.uid}/choices/{pairing.uid}"
    part = {"X-Part": "1"}
    saved = client.post(here, data={"answer": "accept"}, headers=part)
    assert saved.status_code == 200
    assert saved.text.lstrip().startswith("<article")
    assert "You have accepted" in saved.text
    again = client.post(here, data={"answer": "accept"}, headers=part)
    assert again.text == saved.text
    wrong = client.post(here, data={"answer": "decline"}, headers=part)
    assert wrong.status_code == 422
    assert "Please say why" in wrong.text
    assert client.post(here, data={"answer": "maybe"}, headers=part).status_code == 422


def test_what_was_typed_survives_an_error(talk: Round, couple: Couple, phone: Any, desk: TestClient) -> None:
    need, _, pairing = couple
    client = phone(need)
    desk.post(f"/rounds/{talk.uid}/live", data={"step": "wait"})
    answer = client.post(
        f"/rounds/{talk.uid}/choices/{pairing.uid}",
        data={"answer": "decline", f"reason-{pairing.uid}": "We have no driver"},
    )
    assert answer.status_code == 409
    assert "We have no driver" in answer.text


def test_ranks_move_by_buttons_and_numbers(
    talk: Round, bring: Bring, give: Any, phone: Any, look: Any
) -> None:
    fund = bring(Side.OFFER, amount="9000 CNY")
    pairings = [give(bring(Side.NEED), fund) for _ in range(3)]
    client = phone(fund)
    uids = [pairing.uid for pairing in pairings]
    form = {"organization": fund.uid, "side": "offer", "pairing": uids}
    here = f"/rounds/{talk.uid}/choices/ranks"
    client.post(here, data={**form, "move": f"{uids[2]} up"})
    ranks = lambda: [look(pairing).offer.choice.rank for pairing in pairings]  # noqa: E731
    assert ranks() == [1, 3, 2]
    numbers = {f"rank-{uids[0]}": "3", f"rank-{uids[1]}": "1", f"rank-{uids[2]}": "2"}
    client.post(here, data={**form, **numbers})
    assert ranks() == [3, 1, 2]
    wrong = client.post(here, data={**form, "pairing": [uids[0], "f" * 32]})
    assert wrong.status_code == 422
    page = client.get(f"/rounds/{talk.uid}/choices").text
    found = re.findall(r'id="pairing-(\w+)"', page)
    assert found == [uids[1], uids[2], uids[0]], "the best on top"


# Signing ------------------------------------------------------------------------------------------------


@pytest.fixture
def signing_round(engine: Engine, talk: Round) -> Round:
    with writing(engine) as session:
        session.get_one(Round, talk.key).status = RoundStatus.SIGNING
    return talk


def test_both_owners_sign_and_it_is_agreed(
    signing_round: Round, bring: Bring, give: Any, as_user: Any, look: Any, rows: Any
) -> None:
    need, offer = bring(Side.NEED, role=Role.OWNER), bring(Side.OFFER, role=Role.OWNER)
    pairing = give(need, offer, status=PairingStatus.MUTUAL)
    here = f"/rounds/{signing_round.uid}/signing"
    client = as_user(need.party.user)
    assert "We sign" in client.get(here).text
    for _ in range(2):
        assert client.post(f"{here}/{pairing.uid}").status_code == 303
    assert len(rows(select(Signed))) == 1
    assert look(pairing).pairing.status is PairingStatus.MUTUAL
    assert client.post(f"{here}/{pairing.uid}", data={"side": "offer"}).status_code == 403
    as_user(offer.party.user).post(f"{here}/{pairing.uid}")
    assert look(pairing).pairing.status is PairingStatus.AGREED
    signed = {application.agreed for application in rows(select(Application))}
    assert signed == {now().date()}, "it counts for the yearly cap from then on"
    names = [
        event.name for event in rows(select(Event).where(Event.subject == pairing.uid).order_by(Event.id))
    ]
    assert names == ["pairing.sign", "pairing.sign", "pairing.agree"]


def test_editors_do_not_sign_and_nothing_is_signed_before_its_phase(
    talk: Round, couple: Couple, bring: Bring, give: Any, as_user: Any, look: Any, engine: Engine
) -> None:
    editor, owner = bring(Side.NEED), bring(Side.OFFER, role=Role.OWNER)
    pairing = give(editor, owner, status=PairingStatus.MUTUAL)
    here = f"/rounds/{talk.uid}/signing/{pairing.uid}"
    early = as_user(owner.party.user).post(here)
    assert early.status_code == 409
    with writing(engine) as session:
        session.get_one(Round, talk.key).status = RoundStatus.SIGNING
    assert as_user(editor.party.user).post(here).status_code == 403
    unanswered = as_user(couple[1].party.user).post(f"/rounds/{talk.uid}/signing/{couple[2].uid}")
    assert unanswered.status_code == 403
    owner_of_open = bring(Side.NEED, role=Role.OWNER)
    released = give(owner_of_open, owner)
    answer = as_user(owner.party.user).post(f"/rounds/{talk.uid}/signing/{released.uid}")
    assert answer.status_code == 409
    assert "must have accepted" in answer.text


def test_facilitator_writes_down_what_was_signed_on_stage_in_an_order_of_their_own(
    signing_round: Round, bring: Bring, give: Any, desk: TestClient, look: Any, rows: Any
) -> None:
    pairings = [give(bring(Side.NEED), bring(Side.OFFER), status=PairingStatus.MUTUAL) for _ in range(3)]
    here = f"/rounds/{signing_round.uid}/signing"
    desk.post(f"{here}/order", data={"move": f"{pairings[2].uid} up"})
    order = re.findall(r'id="pairing-(\w+)"', desk.get(here).text)
    assert order == [pairings[0].uid, pairings[2].uid, pairings[1].uid]
    for _ in range(2):
        assert desk.post(f"{here}/{pairings[2].uid}", data={"on_stage": "yes"}).status_code == 303
    assert look(pairings[2]).pairing.status is PairingStatus.AGREED
    assert all(half.signed.on_stage for half in look(pairings[2]).halves)
    assert len(rows(select(Event).where(Event.name == "pairing.agree"))) == 1


def test_relief_is_accepted_and_signed_with_one_tap_for_each_side(
    make_round: Any, bring: Bring, give: Any, as_user: Any, look: Any, session: Session, rows: Any
) -> None:
    relief = make_round("flood-relief", RoundStatus.SIGNING)
    need = bring(Side.NEED, into=relief, role=Role.OWNER)
    offer = bring(Side.OFFER, into=relief, role=Role.OWNER)
    pairing = give(need, offer, reply_by=now() + timedelta(hours=3))
    here = f"/rounds/{relief.uid}/signing"
    assert "We sign" in as_user(need.party.user).get(here).text
    as_user(need.party.user).post(f"{here}/{pairing.uid}")
    as_user(offer.party.user).post(f"{here}/{pairing.uid}")
    assert look(pairing).pairing.status is PairingStatus.AGREED
    names = [
        event.name for event in rows(select(Event).where(Event.subject == pairing.uid).order_by(Event.id))
    ]
    assert names == ["pairing.sign", "pairing.sign", "pairing.become_mutual", "pairing.agree"]
    assert list(broken_links(session)) == []
