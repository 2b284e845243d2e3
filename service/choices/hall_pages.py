"""Pages of the hall: steering, check-in and its cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import segno
from fastapi import APIRouter, Request, Response

from matching.messages import Message
from service.choices import codes, forum, phones, presence, queries, wall_pages
from service.choices.models import (
    LIVE_STAGE,
    NOTICE_CHARACTERS,
    REASON_CHARACTERS,
    LiveStatus,
    StageIn,
)
from service.errors import BadInput, NotFound, NotNow
from service.organizations.desk import problems_by_field, signed_in
from service.permissions import Actor, may, require
from service.rounds import queries as rounds
from service.texts import too_long
from service.web import Asking, Form, Reading, Typed, Writing, brief, page, see_other, site_of, typed_before

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from service.organizations.models import Organization
    from service.rounds.models import Round

router = APIRouter(include_in_schema=False)
router.include_router(wall_pages.router)


def picture_of(address: str) -> str:
    """The QR code of an address, as a picture for the page; badges that get scratched stay readable."""
    return str(segno.make(address, error="m", micro=False).svg_data_uri(border=2))


def address_of(request: Request, one: Round, organization: Organization, number: int) -> str:
    """What an organization's code leads to."""
    settings = site_of(request).settings
    code = codes.make_code(settings.secret, one, organization, number)
    return f"{settings.public_url}/rounds/{one.uid}/in/{code}"


@router.get("/rounds/{uid}/live")
def live(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """The facilitator's desk in the hall."""
    signed_in(actor)
    require(actor, "forum:steer")
    return _live(request, session, actor, rounds.get(session, actor, uid), typed_before(request, session))


def _live(
    request: Request,
    session: Session,
    actor: Actor,
    one: Round,
    typed: Typed | Mapping[str, str],
    *,
    status: int = 200,
    problems: dict[str, Message] | None = None,
) -> Response:
    state = queries.choosing(session, one)
    guests = presence.guests(session, one)
    now_status = state.stage.status if state.stage else LiveStatus.WAITING
    return page(
        request,
        actor,
        "choices/live.html",
        status=status,
        round=one,
        state=state,
        stage=wall_pages.stage_shown(session, one),
        steps=LIVE_STAGE.possible(now_status),
        numbers=presence.numbers(session, one),
        guests=guests,
        missing=[guest for guest in guests if not guest.is_present],
        acts=wall_pages.acts(session, one),
        after=queries.newest_event(session),
        typed=typed,
        problems=problems or {},
    )


@router.post("/rounds/{uid}/live")
def steer(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Change what is going on in the hall."""
    signed_in(actor)
    one = rounds.get(session, actor, uid)
    try:
        forum.steer(session, actor, one, _stage_in(typed))
    except (BadInput, NotNow) as error:
        session.rollback()
        problems = problems_by_field(error) if isinstance(error, BadInput) else {"step": error.message}
        return _live(request, session, actor, one, typed, status=error.status, problems=problems)
    return see_other(f"/rounds/{uid}/live?done=saved")


def _stage_in(typed: Typed) -> StageIn:
    given: dict[str, Any] = {
        name: typed.text(name) for name in ("step", "spotlight", "notice", "reason") if name in typed.fields
    }
    if "spotlight" in given:
        given["spotlight"] = given["spotlight"][:32]
    if given.get("step") not in (None, *{step.name for step in LIVE_STAGE.steps}):
        raise BadInput.one("step", Message("choose-one", "Choose one from the list."))
    if minutes := typed.text("minutes").strip():
        if not minutes.isdecimal() or len(minutes) > 5 or int(minutes) > 600:
            raise BadInput.one(
                "minutes", Message("minutes-wrong", "Enter whole minutes, at most {most}.", most=600)
            )
        given["minutes"] = int(minutes)
    for name, most in (("notice", NOTICE_CHARACTERS), ("reason", REASON_CHARACTERS)):
        if len(given.get(name, "")) > most:
            raise BadInput.one(name, too_long(most))
    return StageIn(**given)


@router.post("/rounds/{uid}/live/close")
def close(session: Writing, actor: Asking, uid: str) -> Response:
    """Close the choosing."""
    signed_in(actor)
    forum.close(session, actor, rounds.get(session, actor, uid))
    return see_other(f"/rounds/{uid}/live?done=choosing-closed")


@router.post("/rounds/{uid}/attendance/{organization}/{step}")
def attend(session: Writing, actor: Asking, uid: str, organization: str, step: str) -> Response:
    """Check an organization in or out by hand, or give it a new code."""
    signed_in(actor)
    require(actor, "forum:steer")
    one = rounds.get(session, actor, uid)
    guest = presence.guest(session, one, organization)
    match step:
        case "in":
            forum.check_in(session, actor, one, guest.organization)
        case "out":
            forum.check_out(session, actor, one, guest.organization)
        case "revoke":
            forum.revoke_code(session, actor, one, guest.organization)
        case _:
            raise NotFound
    return see_other(f"/rounds/{uid}/live?done=saved#guests")


@router.get("/rounds/{uid}/cards")
def cards(request: Request, session: Reading, actor: Asking, uid: str, only: str = "") -> Response:
    """Cards with the codes of all organizations (or one), for printing."""
    signed_in(actor)
    require(actor, "forum:steer")
    one = rounds.get(session, actor, uid)
    guests = [guest for guest in presence.guests(session, one) if only in ("", guest.organization.uid)]
    printed = [(guest, picture_of(_address(request, one, guest))) for guest in guests]
    return page(request, actor, "choices/cards.html", round=one, cards=printed, holder="")


@router.get("/rounds/{uid}/code/{organization}")
def own_code(request: Request, session: Reading, actor: Asking, uid: str, organization: str) -> Response:
    """The code of one's own organization, to be shown at the desk or to colleagues."""
    signed_in(actor)
    one = rounds.get(session, actor, uid)
    guest = presence.guest(session, one, organization)
    if not may(actor, "choice:make", guest.organization.key):
        require(actor, "forum:steer")
    card = (guest, picture_of(_address(request, one, guest)))
    return page(request, actor, "choices/cards.html", round=one, cards=[card], holder=organization)


def _address(request: Request, one: Round, guest: presence.Guest) -> str:
    number = guest.attendance.code if guest.attendance else 0
    return address_of(request, one, guest.organization, number)


# Coming in ----------------------------------------------------------------------------------------------


@router.get("/rounds/{uid}/in/{code}")
@brief
def door(request: Request, session: Reading, actor: Asking, uid: str, code: str) -> Response:
    """Where a code leads: one button, so that nothing that merely looks at addresses checks anybody in."""
    one, organization = _let(request, session, actor, uid, code)
    there = presence.attendance(session, one, organization.key)
    return page(
        request, actor, "choices/door.html", round=one, organization=organization, code=code, there=there
    )


@router.post("/rounds/{uid}/in/{code}")
@brief
def come_in(request: Request, session: Writing, actor: Asking, uid: str, code: str) -> Response:
    """Mark the organization present; the phone may then choose for it."""
    one, organization = _let(request, session, actor, uid, code)
    if may(actor, "forum:steer"):
        forum.check_in(session, actor, one, organization)
        return see_other(f"/rounds/{uid}/live?done=saved#guests")
    number = presence.attendance(session, one, organization.key)
    secret = site_of(request).settings.secret
    word = codes.make_pass(secret, one, organization, number.code if number else 0)
    phone = codes.holder_of(session, secret, uid, word, actor.language)
    forum.check_in(session, phone or actor, one, organization)
    response = see_other(f"/rounds/{uid}/choices?done=checked-in")
    if not may(actor, "choice:make", organization.key):
        phones.let_in(request, response, one, organization, number.code if number else 0)
    return response


def _let(request: Request, session: Session, actor: Actor, uid: str, code: str) -> tuple[Round, Organization]:
    one = rounds.get(session, actor, uid)
    forum.require_forum(one)
    organization = codes.read_code(session, site_of(request).settings.secret, one, code)
    if organization is None:
        raise NotNow(Message("code-ended", "This code is no longer valid. Ask for a new one at the desk."))
    return one, organization
