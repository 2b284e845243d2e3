"""Rounds as JSON."""

from __future__ import annotations

from datetime import date  # noqa: TC003 — FastAPI reads it
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from matching.rules import load_preset
from matching.vocabulary import default_vocabulary
from service.paging import Cursor, Limit, PieceOut, piece
from service.rounds import actions, calendar, forms, queries, ruleforms, ruling, suggesting
from service.rounds.models import RoundStatus  # noqa: TC001 — FastAPI reads it
from service.rounds.rulebook import RULES
from service.rounds.shapes import (
    CalendarDayOut,
    DayOffIn,
    NameIn,
    PresetOut,
    RoundChange,
    RoundIn,
    RoundOut,
    RuleOut,
    RuleValueOut,
    StepIn,
    ThemeOut,
)
from service.web import Asking, Reading, Writing, etag, language_of, require_match
from service.wording import say

router = APIRouter(prefix="/api/v1/rounds", tags=["rounds"])

Uid = Annotated[str, Path(max_length=32, description="The round's id.")]
Country = Annotated[str, Path(max_length=2, description="A country or region, ISO 3166.", examples=["CN"])]


@router.get("")
def list_rounds(
    session: Reading,
    actor: Asking,
    status: Annotated[RoundStatus | None, Query(description="The phase a round is in.")] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> PieceOut[RoundOut]:
    """The rounds that the caller may see, the newest first; drafts are seen by facilitators."""
    wanted = queries.in_status(actor, status)
    found = piece(session, wanted, queries.ROW, cursor=cursor, limit=limit)
    return PieceOut(items=queries.out(session, found.items), next=found.next)


@router.post("", status_code=201)
def create_round(given: RoundIn, response: Response, session: Writing, actor: Asking) -> RoundOut:
    """Begin a round as a draft; for facilitators. `Idempotency-Key` makes it safe to try again."""
    one = actions.create(session, actor, given)
    response.headers["Location"] = f"/api/v1/rounds/{one.uid}"
    response.headers["ETag"] = etag(one.version)
    return queries.out(session, [one])[0]


# What rounds are made of ------------------------------------------------------------------------------


@router.get("/presets")
def list_presets(request: Request, session: Reading, actor: Asking) -> list[PresetOut]:
    """What a round can begin with: the presets of the house, and for facilitators their own."""
    language = language_of(request, actor)
    house = [load_preset(name) for name in forms.preset_choices()]
    return [
        PresetOut(
            id=one.name,
            title=one.title[language],
            summary=one.summary[language],
            phases=list(one.process.phases),
            own=False,
        )
        for one in house
    ] + [
        PresetOut(id=one.uid, title=one.name, summary="", phases=one.phases, own=True)
        for one in queries.own_presets(session, actor)
    ]


@router.get("/themes")
def suggest_themes(request: Request, session: Reading, actor: Asking) -> list[ThemeOut]:
    """What open needs have in common that nobody carries, the largest group first; for facilitators."""
    language = language_of(request, actor)
    carried = request.app.state.carried_needs(session)
    return [
        ThemeOut(
            themes=list(theme.themes),
            groups=list(theme.groups),
            keywords=list(theme.keywords(language)),
            needs=theme.size,
            examples=list(theme.examples),
        )
        for theme in suggesting.themes(session, actor, carried)
    ]


@router.get("/rules")
def list_rules(request: Request, actor: Asking) -> list[RuleOut]:
    """All rules that a round may have: the key of each in `rules`, what it is called and what it does."""
    language = language_of(request, actor)
    default = ruling.values("open-round", {})
    return [
        RuleOut(
            key=rule.key,
            kind=rule.kind.value,
            label=say(rule.label, language),
            help=say(rule.help, language),
            default=default[rule.key],
            options=list(rule.options or (default_vocabulary().codes(rule.scheme) if rule.scheme else ())),
        )
        for rule in RULES.values()
    ]


@router.get("/calendars/{country}")
def get_calendar(
    country: Country,
    request: Request,
    session: Reading,
    actor: Asking,
    year: Annotated[int, Query(ge=calendar.FIRST_YEAR, le=calendar.LAST_YEAR)],
) -> list[CalendarDayOut]:
    """The days of a year that are not what their weekday says: holidays, make-up days, days set by hand."""
    code = calendar.known_calendar(country)
    found = calendar.calendar_of(session, code).special(year, language_of(request, actor))
    return [
        CalendarDayOut(day=one.day, works=one.works, name=one.name, own=one.own is not None) for one in found
    ]


@router.put("/calendars/{country}/{day}")
def set_day(country: Country, day: date, given: DayOffIn, session: Writing, actor: Asking) -> CalendarDayOut:
    """Say that a day is worked or not; for facilitators."""
    one = calendar.set_day(session, actor, country, day, works=given.works, name=given.name)
    return CalendarDayOut(day=one.day, works=one.works, name=one.name, own=True)


@router.delete("/calendars/{country}/{day}", status_code=204)
def forget_day(country: Country, day: date, session: Writing, actor: Asking) -> None:
    """Let the country's calendar decide about a day again; for facilitators."""
    calendar.forget_day(session, actor, country, day)


# One round --------------------------------------------------------------------------------------------


@router.get("/{uid}")
def get_round(uid: Uid, response: Response, session: Reading, actor: Asking) -> RoundOut:
    """One round, with the `ETag` that an edit needs."""
    one = queries.get(session, actor, uid)
    response.headers["ETag"] = etag(one.version)
    return queries.out(session, [one])[0]


@router.patch("/{uid}")
def change_round(
    uid: Uid, change: RoundChange, request: Request, response: Response, session: Writing, actor: Asking
) -> RoundOut:
    """Change some facts of a round; what is left out stays. `If-Match` guards against lost edits.

    `rules` replaces all keys that were put over the preset; `plan` changes the phases it names.
    """
    one = queries.get(session, actor, uid, lock=True)
    require_match(request, one.version)
    given = queries.as_given(session, one).model_copy(update=_changed(change))
    one = actions.edit(session, actor, uid, given)
    response.headers["ETag"] = etag(one.version)
    return queries.out(session, [one])[0]


@router.get("/{uid}/rules")
def get_rules(uid: Uid, request: Request, session: Reading, actor: Asking) -> list[RuleValueOut]:
    """The rules of a round as they hold, in words too, and where they differ from the preset."""
    one = queries.get(session, actor, uid)
    language = language_of(request, actor)
    held, given = ruling.values(one.preset, one.rules), ruling.values(one.preset, {})
    return [
        RuleValueOut(
            key=key,
            value=held[key],
            words=ruleforms.words(rule, held[key], language),
            preset=given[key],
            differs=held[key] != given[key],
        )
        for key, rule in RULES.items()
    ]


@router.post("/{uid}/keep", status_code=201)
def keep_preset(uid: Uid, given: NameIn, session: Writing, actor: Asking) -> PresetOut:
    """Keep a round's phases and rules under a name, to begin others with; for facilitators."""
    own = actions.keep_preset(session, actor, queries.get(session, actor, uid), given.name)
    return PresetOut(id=own.uid, title=own.name, summary="", phases=own.phases, own=True)


@router.post("/{uid}/advance")
def advance_round(uid: Uid, response: Response, session: Writing, actor: Asking) -> RoundOut:
    """Move a round on to its next phase, or say what stands in the way (409)."""
    one = actions.advance_phase(session, actor, queries.get(session, actor, uid, lock=True))
    response.headers["ETag"] = etag(one.version)
    return queries.out(session, [one])[0]


@router.post("/{uid}/back")
def step_back(uid: Uid, given: StepIn, response: Response, session: Writing, actor: Asking) -> RoundOut:
    """Go back to an earlier phase, with a reason."""
    one = queries.get(session, actor, uid, lock=True)
    actions.step_back(session, actor, one, given.reason, ends=given.ends)
    response.headers["ETag"] = etag(one.version)
    return queries.out(session, [one])[0]


@router.post("/{uid}/cancel")
def cancel_round(uid: Uid, given: StepIn, response: Response, session: Writing, actor: Asking) -> RoundOut:
    """Call a round off, with a reason; all who have applied are told."""
    one = queries.get(session, actor, uid, lock=True)
    actions.cancel(session, actor, one, given.reason)
    response.headers["ETag"] = etag(one.version)
    return queries.out(session, [one])[0]


def _changed(change: RoundChange) -> dict[str, Any]:
    return {name: getattr(change, name) for name in change.model_fields_set}
