"""The rounds of the demonstration: each scenario applied for, screened, matched, left in a phase to see."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from matching.profiles import Side
from matching.resources import data_path
from matching.scenarios import load_scenario, scenario_names
from service.db import now, writing
from service.errors import BadInput
from service.listings.models import Listing
from service.pairings import actions as pairings
from service.pairings.models import MatchRun, MatchRunStatus
from service.permissions import SYSTEM_ACTOR
from service.rounds import actions as rounds
from service.rounds import applying, screening
from service.rounds.asking import field_of
from service.rounds.models import Application, ApplicationStatus, Round, RoundStatus
from service.rounds.phases import has_reached
from service.rounds.shapes import PhaseIn, RoundIn
from service.rounds.steps import take_step

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from service.jobs import Jobs

SHOWN = {
    "liaocheng": RoundStatus.CHOOSING,
    "serpukhov": RoundStatus.CHOOSING,
    "kaifeng": RoundStatus.CHOOSING,
    "venture-call": RoundStatus.NOTICE,
    "futian": RoundStatus.MATCHING,
}
"""The phase in which each scenario's round is left, so that something is to be done in it."""
PLACES = {"ru": ("Europe/Moscow", "RU")}
ELSEWHERE = ("Asia/Shanghai", "CN")
DAYS_OPEN = 21
REASON = "Demonstration data."
ANSWERS = {
    "facilities": "现有社区活动室一间，桌椅和投影齐全，场地不收费。",
    "professionals": "专职社工两名、督导一名，另有二十名志愿者。",
}
"""What applicants of the venture call answer; their plan is the text of their need."""


def hold(engine: Engine, jobs: Jobs, *, progress: Callable[[str], None] = lambda _name: None) -> None:
    """Hold a round for every scenario that has none yet; `demo.load` has put its listings there."""
    for name in scenario_names():
        progress(name)
        with writing(engine) as session:
            one = _round(session, name)
            if one is None:
                continue
            _apply(session, one, name)
        with writing(engine) as session:
            one = session.get_one(Round, one.key)
            _advance_to(session, one, RoundStatus.MATCHING)
            run = pairings.request_match(session, SYSTEM_ACTOR, one)
        jobs.run(run.job)
        with writing(engine) as session:
            run = session.get_one(MatchRun, run.key)
            one = session.get_one(Round, one.key)
            if run.status is MatchRunStatus.DONE and SHOWN[name] is not RoundStatus.MATCHING:
                pairings.release(session, SYSTEM_ACTOR, run, confirmed=True)
                _advance_to(session, one, SHOWN[name])


def _round(session: Session, name: str) -> Round | None:
    """A new round with the scenario's title and rules, open; None where it was held before."""
    scenario = load_scenario(name)
    table = tomllib.loads(data_path("scenarios", name, "scenario.toml").read_text(encoding="utf-8"))
    language = table["language"]
    title = scenario.title[language]
    if session.exec(select(Round.id).where(Round.title == title, col(Round.synthetic))).first() is not None:
        return None
    zone, country = PLACES.get(language, ELSEWHERE)
    given = RoundIn(
        preset=table["preset"],
        title=title,
        summary=scenario.summary[language],
        language=language,
        rules=_with_listings(session, name, table.get("rules", {})),
        time_zone=zone,
        calendar=country,
        plan=[PhaseIn(phase="open", ends=now() + timedelta(days=DAYS_OPEN))],
    )
    one = rounds.create(session, SYSTEM_ACTOR, given, synthetic=True)
    return rounds.advance_phase(session, SYSTEM_ACTOR, one)


def _with_listings(session: Session, name: str, rules: dict[str, Any]) -> dict[str, Any]:
    """A scenario's rules with the listings' ids in the place of its own."""
    budgets = [
        {**budget, "offers": [_listing(session, name, offer).uid for offer in budget["offers"]]}
        for budget in rules.get("budgets", ())
    ]
    return {**rules, "budgets": budgets} if budgets else rules


def _listing(session: Session, name: str, profile: str) -> Listing:
    return session.exec(select(Listing).where(Listing.source == f"demo:{name}:{profile}")).one()


def _apply(session: Session, one: Round, name: str) -> None:
    """Enter every published listing of the scenario; what a rule keeps out stays a draft with its reasons."""
    listings = session.exec(
        select(Listing)
        .where(col(Listing.source).startswith(f"demo:{name}:"), Listing.status == "published")
        .order_by(col(Listing.id))
    ).all()
    for listing in listings:
        application = applying.begin(session, SYSTEM_ACTOR, one, listing)
        answers = {"plan": listing.text, **ANSWERS}
        fields = {field_of(question): [text] for question, text in answers.items()}
        applying.answer(session, SYSTEM_ACTOR, one, application, fields, one.language)
        try:
            with session.begin_nested():
                applying.submit(session, SYSTEM_ACTOR, one, application, although=True)
        except BadInput:
            continue


def _advance_to(session: Session, one: Round, target: RoundStatus) -> None:
    """Go on from phase to phase; what waits at each is screened and, where there are reviews, shortlisted."""
    while not has_reached(one, target):
        rounds.advance_phase(session, SYSTEM_ACTOR, one)
        waiting = session.exec(select(Application).where(Application.round_id == one.key)).all()
        if one.status is RoundStatus.SCREENING:
            _, left = screening.accept_fitting(session, SYSTEM_ACTOR, one, waiting)
            for application in left:
                if application.status is ApplicationStatus.SUBMITTED:
                    reason = screening.prefilled_reason(application, one.language) or REASON
                    screening.return_(session, SYSTEM_ACTOR, one, application, reason)
        if one.status is RoundStatus.REVIEWING:
            for application in waiting:
                if application.status is ApplicationStatus.ELIGIBLE and application.side == Side.NEED:
                    take_step(session, SYSTEM_ACTOR, one, application, "shortlist", reason=REASON)
