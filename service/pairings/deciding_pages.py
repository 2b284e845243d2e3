"""Pages of what facilitators decide over the matcher: the list, and a form for any pair of the round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.messages import Message
from service.errors import BadInput, NotNow
from service.organizations.desk import problems_by_field
from service.pairings import actions, overrides, queries
from service.pairings.finding import facilitated
from service.pairings.models import REMARK_CHARACTERS, OverrideKind
from service.web import (
    NOTHING_TYPED,
    Asking,
    Form,
    Reading,
    Writing,
    language_of,
    page,
    see_other,
    typed_before,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from service.pairings.models import Override
    from service.permissions import Actor
    from service.rounds.models import Round
    from service.web import Typed

router = APIRouter(include_in_schema=False)


@router.get("/match/decisions")
def decisions(
    request: Request, session: Reading, actor: Asking, uid: str, need: str = "", offer: str = ""
) -> Response:
    """What is pinned, excluded or set by hand, and a form for one more."""
    return _decisions(
        request, session, actor, uid, typed_before(request, session), chosen=(need[:32], offer[:32])
    )


def _decisions(
    request: Request,
    session: Session,
    actor: Actor,
    uid: str,
    typed: Typed = NOTHING_TYPED,
    *,
    chosen: tuple[str, str] = ("", ""),
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    one = facilitated(session, actor, uid)
    return page(
        request,
        actor,
        "pairings/decisions.html",
        status=status,
        typed=typed,
        problems=problems or {},
        round=one,
        chosen=chosen,
        choices=queries.choosable(session, one),
        limit=REMARK_CHARACTERS,
        **decided(session, one),
    )


@router.post("/match/decisions")
def decide(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Pin or exclude a pair, whether or not any result has it."""
    one = facilitated(session, actor, uid)
    try:
        overrides.override(
            session,
            actor,
            one,
            kind_of(typed),
            typed.text("need"),
            typed.text("offer"),
            reason=typed.text("reason"),
            amount=typed.text("amount"),
            language=language_of(request, actor),
        )
    except BadInput as error:
        return _decisions(
            request, session, actor, uid, typed, status=error.status, problems=problems_by_field(error)
        )
    except NotNow as error:
        return _decisions(
            request, session, actor, uid, typed, status=error.status, problems={"reason": error.message}
        )
    return see_other(f"/rounds/{uid}/match/decisions?done=saved")


@router.post("/match/decisions/{override_uid}/remove")
def remove(session: Writing, actor: Asking, uid: str, override_uid: str, typed: Form) -> Response:
    """Take a decision back; with `again`, match at once without it."""
    one = facilitated(session, actor, uid)
    made = queries.override(session, actor, override_uid, one=one)
    overrides.remove(session, actor, one, made, typed.text("reason"))
    if typed.text("again"):
        run = actions.request_match(session, actor, one)
        return see_other(f"/rounds/{uid}/match/{run.uid}")
    return see_other(f"/rounds/{uid}/match/decisions?done=removed")


def kind_of(typed: Typed) -> OverrideKind:
    """The kind of decision that was chosen. Raises BadInput."""
    try:
        return OverrideKind(typed.text("kind"))
    except ValueError:
        raise BadInput.one("kind", Message("choose-one", "Choose one from the list.")) from None


def decided(session: Session, one: Round) -> dict[str, Any]:
    """What was decided and stands, for templates, with who decided it."""
    found = queries.overrides_in_force(session, one)
    return {
        "overrides": found,
        "makers": queries.names_of_users(session, {made.made_by for made, *_ in found}),
    }


def override_of(session: Session, one: Round, remedy: Message) -> Override | None:
    """The decision that a remedy asks to give up; None where it is about something else."""
    need, offer = (
        remedy.params.get(names[0]) or remedy.params.get(names[1])
        for names in (("need_id", "project_id"), ("offer_id", "supply_id"))
    )
    if not remedy.code.startswith("drop-lock"):
        return None
    return next(
        (
            made
            for made, sought, given in queries.overrides_in_force(session, one)
            if (sought.uid, given.uid) == (need, offer) and made.kind is not OverrideKind.BAN
        ),
        None,
    )
