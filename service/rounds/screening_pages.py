"""The screening desk: all applications of a round, what the rules said of them, what is decided together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.profiles import Side
from service.errors import NotFound
from service.i18n import catalogue, moment_text
from service.organizations.desk import signed_in
from service.permissions import require
from service.results.workbook import csv_bytes, sheet_bytes
from service.rounds import applications, queries, screening
from service.rounds.asking import label
from service.rounds.checking import RULE_NAMES
from service.rounds.models import ApplicationStatus
from service.web import XLSX, Asking, Form, Reading, Writing, download, language_of, page, see_other
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.permissions import Actor
    from service.results.workbook import Value
    from service.rounds.applications import Entry

router = APIRouter(prefix="/rounds", include_in_schema=False)

FITTING = "fits"
"""The filter for what met every rule when it was submitted."""
CHANGED = "changed"


@router.get("/{uid}/applications")
def desk(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """All applications of a round that one asks for, with what may be done to them."""
    signed_in(actor)
    one = queries.get(session, actor, uid)
    require(actor, "application:screen")
    asked = request.query_params
    everything = applications.entries(session, actor, one)
    found = _asked_for(everything, asked)
    return page(
        request,
        actor,
        "rounds/applications.html",
        round=one,
        entries=found,
        counts=applications.counts(session, actor, one),
        asked=asked,
        rules=_rules_in(everything),
        names=RULE_NAMES,
        may_decide=one.status in screening.SCREENED_IN,
        waiting=[entry for entry in found if entry.application.status is ApplicationStatus.SUBMITTED],
    )


def _asked_for(found: Sequence[Entry], asked: Mapping[str, str]) -> list[Entry]:
    """What the filters leave."""
    status, side, rule = asked.get("status", ""), asked.get("side", ""), asked.get("rule", "")
    return [
        entry
        for entry in found
        if (entry.application.status == status if status else entry.application.status != "draft")
        and (not side or entry.application.side == side)
        and (
            not rule
            or (rule == FITTING and entry.application.findings and not entry.unmet)
            or (rule == CHANGED and entry.changed)
            or rule in entry.unmet
        )
    ]


def _rules_in(found: Sequence[Entry]) -> list[str]:
    """The rules that something of the round did not meet."""
    unmet = {rule for entry in found for rule in entry.unmet}
    return [rule for rule in RULE_NAMES if rule in unmet]


@router.post("/{uid}/applications")
def accept_together(session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Accept those of the chosen ones (none chosen: of all that wait) that meet every rule."""
    signed_in(actor)
    one = queries.get(session, actor, uid)
    chosen = set(typed.texts("application"))
    waiting = [
        entry.application
        for entry in applications.entries(session, actor, one, status=[ApplicationStatus.SUBMITTED])
        if not chosen or entry.application.uid in chosen
    ]
    _, left = screening.accept_fitting(session, actor, one, waiting)
    return see_other(f"/rounds/{uid}/applications?done=applications-accepted&left={len(left)}")


@router.get("/{uid}/applications.{ending}")
def export(request: Request, session: Reading, actor: Asking, uid: str, ending: str) -> Response:
    """The list as asked for, as a workbook (xlsx) or as CSV."""
    signed_in(actor)
    one = queries.get(session, actor, uid)
    require(actor, "application:screen")
    if ending not in ("xlsx", "csv"):
        raise NotFound
    language = language_of(request, actor)
    found = _asked_for(applications.entries(session, actor, one), request.query_params)
    questions = list(dict.fromkeys(name for entry in found for name in entry.application.answers))
    headings, rows = _table(found, questions, actor, language)
    title = catalogue(language).gettext("Applications")
    content = sheet_bytes(title, headings, rows) if ending == "xlsx" else csv_bytes(headings, rows)
    media_type = XLSX if ending == "xlsx" else "text/csv; charset=utf-8"
    return download(content, media_type, f"applications-{one.uid[:8]}.{ending}")


def _table(
    found: Sequence[Entry], questions: Sequence[str], actor: Actor, language: str
) -> tuple[list[str], list[list[Value]]]:
    _ = catalogue(language).gettext
    words = {
        ApplicationStatus.DRAFT: _("Not submitted"),
        ApplicationStatus.SUBMITTED: _("Submitted"),
        ApplicationStatus.ELIGIBLE: _("Takes part"),
        ApplicationStatus.INELIGIBLE: _("Returned"),
        ApplicationStatus.SHORTLISTED: _("On the shortlist"),
        ApplicationStatus.WAITLISTED: _("On the waiting list"),
        ApplicationStatus.DECLINED: _("Declined"),
        ApplicationStatus.WITHDRAWN: _("Withdrawn"),
    }
    headings = [
        _("Title"),
        _("Organization"),
        _("Need or offer"),
        _("State"),
        _("Submitted"),
        _("Rules not met"),
        _("Changed since"),
        _("Reason"),
        *(say(label(question), language) for question in questions),
        _("Id"),
    ]
    rows: list[list[Value]] = []
    for entry in found:
        one = entry.application
        rows.append(
            [
                entry.listing.title,
                entry.organization.name,
                _("Need") if one.side == Side.NEED else _("Offer"),
                words[one.status],
                moment_text(one.submitted, language, actor.time_zone) if one.submitted else "",
                ", ".join(say(RULE_NAMES[rule], language) for rule in entry.unmet),
                _("yes") if entry.changed else "",
                one.reason,
                *(one.answers.get(question, "") for question in questions),
                one.uid,
            ]
        )
    return headings, rows
