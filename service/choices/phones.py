"""Who asks at a forum: somebody signed in, or a phone with the pass of an organization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from matching.messages import Message
from service.choices import codes
from service.db import reading
from service.errors import NotNow, SignInNeeded
from service.permissions import Actor, may
from service.web import Asking, briefly, keep_cookie, language_of, site_of

if TYPE_CHECKING:
    from fastapi.responses import Response

    from service.organizations.models import Organization
    from service.rounds.models import Round

COOKIE = "qiao_forum"


async def _at_forum(request: Request, actor: Asking, uid: str) -> Actor:
    """The person, or else the organization whose pass the phone has. One's own account comes first."""
    word = request.cookies.get(COOKIE)
    if word is None or actor.is_staff:
        return actor
    holder = await briefly(request, _holder_of, request, actor, uid, word)
    if holder is None:
        if actor.signed_in:
            return actor
        raise NotNow(
            Message(
                "pass-ended",
                "This phone is no longer checked in. Scan your organization's code again or ask at the desk.",
            )
        )
    if any(may(actor, "choice:make", organization) for organization in holder.memberships):
        return actor
    request.state.actor = holder
    return holder


def _holder_of(request: Request, actor: Actor, uid: str, word: str) -> Actor | None:
    site = site_of(request)
    with reading(site.engine) as session:
        return codes.holder_of(session, site.settings.secret, uid, word, language_of(request, actor))


AtForum = Annotated[Actor, Depends(_at_forum)]


def require_somebody(actor: Actor) -> None:
    """Raise SignInNeeded for visitors: neither signed in nor checked in."""
    if not actor.signed_in and not actor.memberships:
        raise SignInNeeded


def is_phone(actor: Actor) -> bool:
    """Whether it is a phone that came in with a code."""
    return bool(actor.memberships) and not actor.signed_in


def let_in(request: Request, response: Response, one: Round, organization: Organization, number: int) -> None:
    """Give a phone its pass, for the pages of this round alone."""
    word = codes.make_pass(site_of(request).settings.secret, one, organization, number)
    keep_cookie(request, response, COOKIE, word, days=codes.PASS_HOURS / 24, path=f"/rounds/{one.uid}")
