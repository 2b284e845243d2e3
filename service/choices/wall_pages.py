"""The wall: pairs as they become mutual, for everybody in the hall; and the news that keep screens fresh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import segno
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlmodel import Session, col, select

from service.choices import places, presence, queries
from service.choices.stream import Channel, Hub, News
from service.db import now, reading
from service.events import Event
from service.listings.models import Listing
from service.organizations.models import Organization
from service.pairings.models import Pairing
from service.permissions import VISITOR, Actor
from service.rounds import queries as rounds
from service.rounds.models import Application, Round
from service.web import Asking, Reading, briefly, language_of, page, render, site_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from service.choices.models import LiveStatus
    from service.choices.queries import Line
    from service.web import Site

router = APIRouter(include_in_schema=False)

COUNTED = ("pairing.", "choice.", "attendance.", "round.", "application.")
"""Events after which the numbers are counted anew."""
PUT = ("pairing.become_mutual", "pairing.agree", "pairing.meet")
GONE = ("pairing.decline", "pairing.drop")
CHANGED = (*PUT, *GONE, "pairing.lapse", "pairing.take_back", "pairing.offer_again")
"""Events after which both sides look at their pairing again."""


@dataclass(frozen=True, slots=True)
class Act:
    """An application as it is shown in the hall."""

    application: Application
    listing: Listing
    organization: Organization


@dataclass(frozen=True, slots=True)
class StageShown:
    """What is going on in the hall, as screens show it."""

    status: LiveStatus | None
    notice: str
    ends: datetime | None
    spotlight: Act | None
    open: bool
    """Whether phones may answer."""


def stage_shown(session: Session, one: Round) -> StageShown:
    """The stage of a round with who is shown on it."""
    state = queries.choosing(session, one)
    stage = state.stage
    if stage is None:
        return StageShown(None, "", None, None, state.closed is None)
    spotlight = None
    if stage.spotlight_id is not None:
        application = session.get_one(Application, stage.spotlight_id)
        spotlight = Act(
            application,
            session.get_one(Listing, application.listing_id),
            session.get_one(Organization, application.organization_id),
        )
    return StageShown(stage.status, stage.notice, stage.ends, spotlight, state.closed is None)


def acts(session: Session, one: Round) -> list[Act]:
    """What may be shown, by its turn at the showcase."""
    found = session.exec(
        select(Application, Listing, Organization)
        .where(
            rounds.matchable(one),
            col(Listing.id) == col(Application.listing_id),
            col(Organization.id) == col(Application.organization_id),
        )
        .order_by(col(Application.showing).is_(None), col(Application.showing), col(Application.id))
    )
    return [Act(application, listing, organization) for application, listing, organization in found]


@router.get("/rounds/{uid}/wall")
def wall(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """The page for the projector."""
    one = rounds.get(session, actor, uid)
    after = queries.newest_event(session)
    pairs = queries.lines(session, VISITOR, one, statuses=queries.HOLDING)
    address = f"{site_of(request).settings.public_url}/rounds/{uid}/choices"
    return page(
        request,
        actor,
        "choices/wall.html",
        round=one,
        after=after,
        lines=_newest_first(session, pairs),
        amounts=places.amounts,
        stage=stage_shown(session, one),
        numbers=presence.numbers(session, one),
        now=now(),
        address=address,
        picture=str(segno.make(address, error="m", micro=False).svg_data_uri(border=2)),
    )


def _newest_first(session: Session, lines: Sequence[Line]) -> list[Line]:
    """The pairs in the order in which they came together, the last first."""
    came = session.exec(
        select(Event.subject)
        .where(
            col(Event.name) == "pairing.become_mutual",
            col(Event.subject).in_([line.pairing.uid for line in lines]),
        )
        .order_by(col(Event.id))
    ).all()
    order = {uid: place for place, uid in enumerate(came)}
    return sorted(lines, key=lambda line: -order.get(line.pairing.uid, -1))


# News ---------------------------------------------------------------------------------------------------


@router.get("/rounds/{uid}/wall/events")
async def news(
    request: Request,
    uid: str,
    actor: Asking,
    after: Annotated[int, Query(ge=0)] = 0,
    manner: Annotated[Literal["wall", "phone"], Query()] = "wall",
    of: Annotated[str, Query(max_length=2_000)] = "",
    last_event_id: Annotated[str, Header()] = "",
) -> Response:
    """What happens in the hall, as server-sent events; after a lost connection from where it was.

    `of`: the organizations of which a phone wants to hear; of a hall full of others it hears nothing.
    """
    hub: Hub = request.app.state.hub
    await briefly(request, _check_round, site_of(request), actor, uid)
    hub.check_room()
    if last_event_id.isdecimal() and len(last_event_id) < 19:
        after = int(last_event_id)
    channel = Channel(uid, language_of(request, actor), manner)
    return StreamingResponse(
        hub.listen(channel, after, frozenset(of.split())),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _check_round(site: Site, actor: Actor, uid: str) -> None:
    with reading(site.engine) as session:
        rounds.get(session, actor, uid)


def make_hub(site: Site) -> Hub:
    """The news of this process."""

    def tell(session: Session, channel: Channel, events: Sequence[Event]) -> Iterator[News]:
        one = session.exec(select(Round).where(Round.uid == channel.round)).one()
        yield from (_to_phones if channel.manner == "phone" else _to_walls)(
            site, session, one, channel.language, events
        )

    return Hub(site.engine, tell)


def _to_walls(
    site: Site, session: Session, one: Round, language: str, events: Sequence[Event]
) -> Iterator[News]:
    """Pairs that came together or apart, the stage, and the numbers after all of it."""
    latest = {event.subject: event for event in events if _moves_a_pair(event)}
    found = session.exec(select(Pairing).where(col(Pairing.uid).in_(latest))).all()
    lines = {line.pairing.uid: line for line in queries.with_sides(session, found)}
    counted = None
    for event in events:
        number = event.id or 0
        if latest.get(event.subject) is event and event.subject in lines:
            line = lines[event.subject]
            if line.pairing.status in queries.HOLDING:
                html = render(
                    site, "choices/wall_pair.html", language, VISITOR, line=line, amounts=places.amounts
                )
                yield News(number, "put", html)
            else:
                yield News(number, "gone", f"pair-{event.subject}")
        elif event.name.startswith("live_stage."):
            shown = stage_shown(session, one)
            html = render(
                site, "choices/wall_stage.html", language, VISITOR, round=one, stage=shown, now=now()
            )
            yield News(number, "put", html)
        if event.name.startswith(COUNTED):
            counted = number
    if counted is not None:
        html = render(
            site, "choices/wall_numbers.html", language, VISITOR, numbers=presence.numbers(session, one)
        )
        yield News(max(counted, events[-1].id or 0), "put", html)


def _moves_a_pair(event: Event) -> bool:
    """Whether a pair comes onto the wall with it, changes there or leaves it."""
    return event.name in PUT or (event.name in GONE and event.details.get("before") in queries.HOLDING)


def _to_phones(
    site: Site, session: Session, one: Round, language: str, events: Sequence[Event]
) -> Iterator[News]:
    """Which pairings changed and to which version, without saying how, to both their sides; and whether
    one may answer.
    """
    changed = {event.subject for event in events if event.name in CHANGED}
    found = session.exec(select(Pairing).where(col(Pairing.uid).in_(changed))).all()
    lines = {line.pairing.uid: line for line in queries.with_sides(session, found)}
    for event in events:
        number = event.id or 0
        if event.name.startswith("live_stage."):
            state = queries.choosing(session, one)
            html = render(site, "choices/phone_stage.html", language, VISITOR, state=state)
            yield News(number, "put", html)
        elif (line := lines.pop(event.subject, None)) is not None:
            sides = frozenset(half.organization.uid for half in line.halves)
            yield News(number, "changed", f"{line.pairing.uid} {line.version}", sides)
