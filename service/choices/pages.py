"""Pages of choosing: what one's organizations have before them; for facilitators all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from matching.messages import Message
from matching.profiles import Side
from service.choices import (
    actions,
    hall_pages,
    next_in_line,
    presence,
    queries,
    settling,
    showing,
    signing_pages,
)
from service.choices.models import MOST_MORE
from service.choices.phones import AtForum, is_phone, require_somebody
from service.errors import BadInput, NotAllowed, NotFound, NotNow, ServiceError
from service.organizations import queries as organizations
from service.organizations.desk import problems_by_field, signed_in
from service.permissions import may
from service.rounds import queries as rounds
from service.web import (
    Asking,
    Form,
    Reading,
    Typed,
    Writing,
    brief,
    language_of,
    page,
    render,
    see_other,
    site_of,
    typed_before,
)
from service.wording import say

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.choices.queries import Line
    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(include_in_schema=False)
router.include_router(hall_pages.router)
router.include_router(signing_pages.router)


@router.get("/rounds/{uid}/choices")
@brief
def choices(request: Request, session: Reading, actor: AtForum, uid: str) -> Response:
    """The pairings of one's organizations, to accept, decline and rank."""
    require_somebody(actor)
    return _choices(request, session, actor, rounds.get(session, actor, uid), typed_before(request, session))


def _choices(
    request: Request,
    session: Session,
    actor: Actor,
    one: Round,
    typed: Typed | dict[str, str],
    *,
    status: int = 200,
    problems: dict[str, Message] | None = None,
) -> Response:
    state = queries.choosing(session, one)
    shown = {
        "round": one,
        "state": state,
        "lists": showing.card_lists(actor, state, queries.mine(session, actor, one)),
        "typed": typed,
        "problems": problems or {},
        "after": queries.newest_event(session),
    }
    if is_phone(actor):
        return page(request, actor, "choices/phone.html", status=status, **shown)
    steering: dict[str, Any] = {"overview": None}
    if may(actor, "forum:steer"):
        steering = {
            "overview": queries.lines(session, actor, one),
            "numbers": presence.numbers(session, one),
            "lined_up": next_in_line.lined_up(session, one),
            "most_more": MOST_MORE,
            "card_of": lambda line: showing.card(state, line, Side.NEED),
        }
    return page(request, actor, "choices/choices.html", status=status, **shown, **steering)


@router.post("/rounds/{uid}/choices/ranks")
@brief
def rank(request: Request, session: Writing, actor: AtForum, uid: str, typed: Form) -> Response:
    """Keep the order of one list: by its numbers, or one pairing moved up or down."""
    require_somebody(actor)
    one = rounds.get(session, actor, uid)
    organization = organizations.get(session, actor, typed.text("organization"))
    side = _side(typed.text("side")) or Side.NEED
    uids = _moved(_ordered(typed), typed.text("move"))
    try:
        actions.rank(session, actor, one, organization, side, uids)
    except (BadInput, NotNow) as error:
        if request.headers.get("x-part"):
            return _said(request, actor, error.message, error.status)
        problems = {f"ranks-{organization.uid}-{side}": error.message}
        return _choices(request, session, actor, one, typed, status=error.status, problems=problems)
    if request.headers.get("x-part"):
        return Response(status_code=204)
    return see_other(f"/rounds/{uid}/choices?done=saved#list-{organization.uid}-{side}")


def _ordered(typed: Typed) -> list[str]:
    """The pairings of a list by the numbers typed beside them; those without a number stay last."""
    numbered = []
    for place, uid in enumerate(typed.texts("pairing")):
        number = typed.text(f"rank-{uid}").strip()
        numbered.append((int(number) if number.isdecimal() and len(number) < 6 else 10**6, place, uid))
    return [uid for _, _, uid in sorted(numbered)]


def _moved(uids: list[str], move: str) -> list[str]:
    uid, _, way = move.partition(" ")
    if uid not in uids:
        return uids
    place = uids.index(uid)
    there = max(0, min(len(uids) - 1, place + (1 if way == "down" else -1)))
    uids[place], uids[there] = uids[there], uids[place]
    return uids


def _side(text: str) -> Side | None:
    return Side(text) if text in tuple(Side) else None


@router.post("/rounds/{uid}/choices/{pairing}")
@brief
def answer(
    request: Request, session: Writing, actor: AtForum, uid: str, pairing: str, typed: Form
) -> Response:
    """Accept, decline or take back. A script gets the card alone, to put in the place of the old one."""
    require_somebody(actor)
    one = rounds.get(session, actor, uid)
    side, on_behalf = _side(typed.text("side")), typed.text("on_behalf") == "yes"
    reason = typed.text(f"reason-{pairing}")
    line = None
    try:
        match typed.text("answer"):
            case "accept":
                line = actions.accept(session, actor, one, pairing, side, on_behalf=on_behalf, reason=reason)
            case "decline":
                line = actions.decline(session, actor, one, pairing, reason, side, on_behalf=on_behalf)
            case "take-back":
                line = actions.take_back(
                    session, actor, one, pairing, side, on_behalf=on_behalf, reason=reason
                )
            case _:
                raise BadInput.one("answer", Message("choose-one", "Choose one from the list."))
    except (BadInput, NotNow) as error:
        session.rollback()
        message = error.problems[0].message if isinstance(error, BadInput) else error.message
        problems = {pairing: message}
        if request.headers.get("x-part"):
            line = queries.line(session, actor, one, pairing)
            return _part(request, session, actor, one, line, side, typed, error, problems)
        return _choices(request, session, actor, one, typed, status=error.status, problems=problems)
    if request.headers.get("x-part"):
        return _part(request, session, actor, one, line, side, typed, None, {})
    return see_other(f"/rounds/{uid}/choices?done=choice-{typed.text('answer')}#pairing-{pairing}")


@router.get("/rounds/{uid}/choices/{pairing}")
@brief
def card(
    request: Request,
    session: Reading,
    actor: AtForum,
    uid: str,
    pairing: str,
    side: str = "",
    ranked: str = "",
) -> Response:
    """One pairing among one's choices. A script gets the card alone, as it is now."""
    require_somebody(actor)
    one = rounds.get(session, actor, uid)
    line = queries.line(session, actor, one, pairing)
    if not request.headers.get("x-part"):
        return see_other(f"/rounds/{uid}/choices#pairing-{pairing}")
    return _part(request, session, actor, one, line, _side(side), Typed({"ranked": [ranked]}, {}), None, {})


def _part(
    request: Request,
    session: Session,
    actor: Actor,
    one: Round,
    line: Line,
    side: Side | None,
    typed: Typed,
    error: ServiceError | None,
    problems: dict[str, Message],
) -> Response:
    """One card, as it is now."""
    own = [half.side for half in line.halves if half.organization.key in actor.memberships]
    if not own:
        raise NotAllowed
    shown = line.half(side if side in own else own[0])
    state = queries.choosing(session, one)
    language = language_of(request, actor)
    html = render(
        site_of(request),
        "choices/card.html",
        language,
        actor,
        round=one,
        state=state,
        card=showing.card(state, line, shown.side),
        typed=typed if error else {},
        problems=problems,
        path=request.url.path,
        may_answer=may(actor, "choice:make", shown.organization.key),
        ranked=typed.text("ranked") == "yes",
    )
    status = 200 if error is None else error.status
    return HTMLResponse(html, status_code=status, headers={"Content-Language": language})


def _said(request: Request, actor: Actor, message: Message, status: int) -> Response:
    return HTMLResponse(say(message, language_of(request, actor)), status_code=status)


# What facilitators do -----------------------------------------------------------------------------------


@router.post("/rounds/{uid}/choices/{pairing}/{step}")
def decide(
    request: Request, session: Writing, actor: Asking, uid: str, pairing: str, step: str, typed: Form
) -> Response:
    """Offer the next in line, pass over it, or open once more what came to nothing."""
    signed_in(actor)
    one = rounds.get(session, actor, uid)
    reason = typed.text(f"reason-{pairing}")
    try:
        match step:
            case "offer":
                next_in_line.offer_next(session, actor, one, pairing)
            case "skip":
                next_in_line.skip_next(session, actor, one, pairing, reason)
            case "again":
                next_in_line.offer_again(session, actor, one, pairing, reason)
            case _:
                raise NotFound
    except (BadInput, NotNow) as error:
        session.rollback()
        message = error.problems[0].message if isinstance(error, BadInput) else error.message
        return _choices(request, session, actor, one, typed, status=error.status, problems={pairing: message})
    return see_other(f"/rounds/{uid}/choices?done=saved#pairing-{pairing}")


@router.post("/rounds/{uid}/more")
def offer_more(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Let both sides choose among more."""
    signed_in(actor)
    one = rounds.get(session, actor, uid)
    most = typed.text("most")
    try:
        number = int(most) if most.isdecimal() and len(most) < 6 else 0
        next_in_line.offer_more(session, actor, one, number)
    except BadInput as error:
        return _choices(request, session, actor, one, typed, status=422, problems=problems_by_field(error))
    return see_other(f"/rounds/{uid}/choices?done=searching#more")


@router.get("/rounds/{uid}/settlement")
def settlement(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """What a stable settlement would do, and its price."""
    signed_in(actor)
    return _settlement(request, session, actor, rounds.get(session, actor, uid))


def _settlement(
    request: Request, session: Session, actor: Actor, one: Round, status: int = 200, **values: Any
) -> Response:
    found = settling.preview(session, actor, one)
    return page(request, actor, "choices/settlement.html", status=status, round=one, preview=found, **values)


@router.post("/rounds/{uid}/settlement")
def settle(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Settle, with a reason."""
    signed_in(actor)
    one = rounds.get(session, actor, uid)
    try:
        settling.settle(session, actor, one, typed.text("reason"))
    except BadInput as error:
        problems = problems_by_field(error)
        return _settlement(request, session, actor, one, 422, typed=typed, problems=problems)
    return see_other(f"/rounds/{uid}/choices?done=settled")
