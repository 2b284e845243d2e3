"""What time does to money: reminders before and after the day on which a milestone or tranche is due."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from service.accounts.queries import emails_of_editors
from service.db import writing
from service.funding import queries
from service.funding.models import Disbursement, Milestone
from service.funding.showing import sentence
from service.funding.turns import TurnKind, turns
from service.i18n import date_text
from service.mail import send
from service.permissions import SYSTEM_ACTOR
from service.wording import say

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.funding.queries import Book
    from service.funding.turns import Turn
    from service.jobs import Work

DAYS = (-7, 1, 8, 22)
"""When reminders go out, in days after the day on which something is due."""
ASKED = (
    TurnKind.REPORT_MILESTONE,
    TurnKind.ACCEPT_MILESTONE,
    TurnKind.REQUEST_TRANCHE,
    TurnKind.APPROVE_TRANCHE,
    TurnKind.PAY_TRANCHE,
)


def remind_money(work: Work) -> None:
    """The job that reminds whoever's turn it is; what was missed while nobody worked is said once."""
    with writing(work.engine) as session:
        for book in queries.unfinished(session, SYSTEM_ACTOR, live=True):
            _remind(session, book)


def _remind(session: Session, book: Book) -> None:
    """One mail about all that is due in one agreement to each editor of each party whose turn it is."""
    day = queries.today()
    found: dict[int, list[Turn]] = defaultdict(list)
    for turn in turns(session, book):
        thing = turn.thing
        if turn.kind not in ASKED or turn.due is None or not isinstance(thing, Disbursement | Milestone):
            continue
        passed = sum(day >= turn.due + timedelta(days=days) for days in DAYS)
        if passed > thing.reminded:
            thing.reminded = passed
            session.add(thing)
            for organization in turn.organizations:
                found[organization.key].append(turn)
    for number, listed in found.items():
        for email, language in emails_of_editors(session, number):
            send(
                session,
                email,
                "money-reminder",
                language,
                agreement=book.agreement.title,
                uid=book.agreement.uid,
                organization=book.organization(number).name,
                lines=[
                    {
                        "what": say(sentence(turn), language),
                        "due": date_text(turn.due, language) if turn.due else "",
                        "late": turn.due is not None and turn.due < day,
                    }
                    for turn in listed
                ],
            )
