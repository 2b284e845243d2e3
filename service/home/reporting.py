"""What waits for somebody because of reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Message, Param
from service.home.todo import Todo
from service.permissions import may
from service.reports import queries
from service.reports.words import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlmodel import Session

    from service.permissions import Actor

MOST = 5
SOON = 14
"""How many days before it is due a report waits on the home page."""


def waiting(session: Session, actor: Actor) -> Iterator[Todo]:
    """Reports to hand in and to decide; for facilitators how many are overdue."""
    for one in queries.to_write(session, actor, SOON)[:MOST]:
        named: dict[str, Param] = {
            "kind": KINDS[one.report.kind],
            "title": one.agreement.title,
            "day": one.report.due,
        }
        yield Todo(
            "flag" if one.late else "edit",
            Message("home-report-late", "{kind} of “{title}” was due on {day}.", **named)
            if one.late
            else Message("home-report-due", "{kind} of “{title}” is due on {day}.", **named),
            f"/reports/{one.report.uid}",
            Message("home-write", "Write"),
        )
    decided_by_parties = [] if actor.is_staff else queries.to_decide(session, actor)[:MOST]
    for one in decided_by_parties:
        yield Todo(
            "eye",
            Message(
                "home-report-submitted",
                "{organization} has handed in a report about “{title}”.",
                organization=one.organization.name,
                title=one.agreement.title,
            ),
            f"/reports/{one.report.uid}",
            Message("home-read", "Read"),
        )
    if may(actor, "report:review") and (late := len(queries.overdue(session))):
        yield Todo(
            "clock",
            Message("home-reports-overdue", "Reports that are overdue: {count}.", count=late),
            "/reports#overdue",
            Message("home-show", "Show"),
        )
