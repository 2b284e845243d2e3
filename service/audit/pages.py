"""/audit: the log for those who may read it, of everything or of one thing."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.messages import Message
from matching.rules import load_preset, preset_names
from service.audit import queries, words
from service.audit.models import CHECKS
from service.errors import SignInNeeded
from service.permissions import require
from service.web import Asking, Reading, language_of, page
from service.web import limit as limit_rate
from service.wording import say

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.permissions import Actor

router = APIRouter(prefix="/audit", include_in_schema=False)

FILTERS = ("subject", "kind", "actor", "since", "until")


@router.get("")
def trail(request: Request, session: Reading, actor: Asking) -> Response:
    """Who did what, when and why."""
    if not actor.signed_in:
        raise SignInNeeded
    require(actor, "audit:read")
    asked = {name: request.query_params.get(name, "").strip()[:200] for name in FILTERS}
    problems: dict[str, Message] = {}
    since, until = (_day(asked[name], name, problems) for name in ("since", "until"))
    wanted = queries.Wanted(
        subject=asked["subject"],
        kind=asked["kind"],
        actor=asked["actor"],
        since=_midnight(since, actor),
        until=_midnight(until + timedelta(days=1), actor) if until and until < date.max else None,
    )
    cursor = request.query_params.get("cursor")
    found = queries.trail(session, actor, wanted, cursor=cursor)
    shown = {name: value for name, value in asked.items() if value}
    language = language_of(request, actor)
    kind, title = queries.thing(session, actor, wanted.subject) if wanted.subject else ("", "")
    return page(
        request,
        actor,
        "audit/trail.html",
        status=422 if problems else 200,
        problems=problems,
        asked=asked,
        entries=queries.entries(session, found.items),
        title=title,
        noun=words.noun(kind) if kind else None,
        home=words.address(kind, wanted.subject),
        kinds=_kinds(session, actor, language),
        chain=_chain(request, session, actor) if "check" in request.query_params else None,
        check="/audit?" + urlencode({**shown, "check": "yes"}),
        all_about=lambda uid: "/audit?" + urlencode({"subject": uid}),
        all_by=lambda uid: "/audit?" + urlencode({"actor": uid}),
        address=words.address,
        word=words.word,
        preset_title=lambda name: load_preset(name).title[language] if name in preset_names() else name,
        label=words.label,
        older="/audit?" + urlencode({**shown, "cursor": found.next}) if found.next else "",
    )


def _chain(request: Request, session: Session, actor: Actor) -> queries.Chain:
    limit_rate(request, CHECKS, "audit", actor.uid)
    return queries.chain(session, actor)


def _kinds(session: Session, actor: Actor, language: str) -> list[tuple[str, str]]:
    """What one may choose from: each kind of thing, followed by what happens to it."""
    names = queries.names(session, actor)
    nouns = {name.partition(".")[0] for name in names}
    choices = [(noun, say(words.everything(noun), language)) for noun in nouns]
    choices += [(name, say(words.happening(name), language)) for name in names]
    return sorted(
        choices, key=lambda one: (say(words.noun(one[0].partition(".")[0]), language), "." in one[0])
    )


def _day(text: str, field: str, problems: dict[str, Message]) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        problems[field] = Message("date-malformed", "Write the date as year-month-day, such as 2015-04-01.")
        return None


def _midnight(day: date | None, actor: Actor) -> datetime | None:
    """When a day begins where the reader is."""
    return datetime.combine(day, time(), ZoneInfo(actor.time_zone)) if day else None
