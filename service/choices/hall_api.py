"""The hall as JSON: what is going on, who is there, and what their codes lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Request

from service.choices import codes, forum, presence, queries
from service.choices.models import AttendanceOut, ClosedOut, StageIn, StageOut
from service.permissions import require
from service.rounds import queries as rounds
from service.rounds.models import Application
from service.web import Asking, Reading, Writing, site_of

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.choices.presence import Guest
    from service.rounds.models import Round

router = APIRouter()

Uid = Annotated[str, Path(max_length=32, description="The round's id.")]
OrganizationId = Annotated[str, Path(max_length=32, description="The organization's id.")]


def _stage_out(session: Session, one: Round) -> StageOut:
    stage, numbers = queries.stage(session, one), presence.numbers(session, one)
    shown = session.get(Application, stage.spotlight_id) if stage and stage.spotlight_id else None
    return StageOut(
        status=stage.status if stage else None,
        spotlight=shown.uid if shown else None,
        notice=stage.notice if stage else "",
        ends=stage.ends if stage else None,
        present=numbers.present,
        expected=numbers.expected,
        answered=numbers.answered,
        to_answer=numbers.to_answer,
        mutual=numbers.mutual,
        agreed=numbers.agreed,
    )


@router.get("/{uid}/live")
def get_stage(uid: Uid, session: Reading, actor: Asking) -> StageOut:
    """What is going on in the hall, as its wall shows it to everybody."""
    return _stage_out(session, rounds.get(session, actor, uid))


@router.patch("/{uid}/live")
def steer_stage(uid: Uid, given: StageIn, session: Writing, actor: Asking) -> StageOut:
    """Change what is going on in the hall; for facilitators."""
    one = rounds.get(session, actor, uid)
    forum.steer(session, actor, one, given)
    return _stage_out(session, one)


@router.post("/{uid}/live/close")
def close_choosing(uid: Uid, session: Writing, actor: Asking) -> ClosedOut:
    """Close the choosing: whatever both sides have not answered lapses."""
    return ClosedOut(lapsed=forum.close(session, actor, rounds.get(session, actor, uid)))


def _guest_out(request: Request, one: Round, guest: Guest) -> AttendanceOut:
    number = guest.attendance.code if guest.attendance else 0
    settings = site_of(request).settings
    code = codes.make_code(settings.secret, one, guest.organization, number)
    return AttendanceOut(
        organization=guest.organization.uid,
        organization_name=guest.organization.name,
        checked_in=guest.attendance.checked_in if guest.attendance else None,
        address=f"{settings.public_url}/rounds/{one.uid}/in/{code}",
    )


@router.get("/{uid}/attendance")
def list_attendance(uid: Uid, request: Request, session: Reading, actor: Asking) -> list[AttendanceOut]:
    """Who belongs at the forum, who is there, and the addresses of their codes; for facilitators."""
    require(actor, "forum:steer")
    one = rounds.get(session, actor, uid)
    return [_guest_out(request, one, guest) for guest in presence.guests(session, one)]


@router.put("/{uid}/attendance/{organization}")
def check_in(
    uid: Uid, organization: OrganizationId, request: Request, session: Writing, actor: Asking
) -> AttendanceOut:
    """Mark an organization present by hand."""
    require(actor, "forum:steer")
    one = rounds.get(session, actor, uid)
    forum.check_in(session, actor, one, presence.guest(session, one, organization).organization)
    return _guest_out(request, one, presence.guest(session, one, organization))


@router.delete("/{uid}/attendance/{organization}")
def check_out(
    uid: Uid, organization: OrganizationId, request: Request, session: Writing, actor: Asking
) -> AttendanceOut:
    """Take back that an organization is present."""
    require(actor, "forum:steer")
    one = rounds.get(session, actor, uid)
    forum.check_out(session, actor, one, presence.guest(session, one, organization).organization)
    return _guest_out(request, one, presence.guest(session, one, organization))


@router.post("/{uid}/attendance/{organization}/revoke")
def revoke_code(
    uid: Uid, organization: OrganizationId, request: Request, session: Writing, actor: Asking
) -> AttendanceOut:
    """Give an organization a new code; phones that came in with the old one are turned away."""
    require(actor, "forum:steer")
    one = rounds.get(session, actor, uid)
    forum.revoke_code(session, actor, one, presence.guest(session, one, organization).organization)
    return _guest_out(request, one, presence.guest(session, one, organization))
