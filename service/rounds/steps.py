"""The one way in which an application's status changes: checked, logged, and told to its editors by mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.accounts.queries import emails_of_editors
from service.events import advance
from service.listings.models import Listing
from service.mail import send
from service.rounds.applications import what_next
from service.rounds.checking import restored_findings
from service.rounds.models import APPLICATION, Application, Round
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlmodel import Session

    from service.permissions import Actor

UNTOLD = frozenset({"apply_again"})
"""Steps that only lead back into one's own draft."""


def take_step(
    session: Session,
    actor: Actor,
    one: Round,
    application: Application,
    step: str,
    *,
    reason: str = "",
    tell: bool = True,
    **details: object,
) -> Application:
    """Take a step of `APPLICATION` with the round in the log; its editors are told what happened, what next.

    `tell` is False where another step follows at once. Raises NotNow, or BadInput for a missing reason.
    """
    advance(session, actor, application, APPLICATION, step, reason=reason, round=one.uid, **details)
    application.reason = reason.strip()
    application.version += 1
    session.flush()
    if tell and step not in UNTOLD:
        tell_editors(session, one, application, step)
    return application


def tell_editors(session: Session, one: Round, application: Application, step: str) -> None:
    """Mail the editors of its organization what happened, why, and what comes next."""
    following = what_next(session, one, application)
    reasons = [
        finding.reason
        for finding in restored_findings(application.findings)
        if finding.refuses and finding.reason is not None and step == "return"
    ]
    mail_editors(
        session,
        one,
        application,
        "application-step",
        lambda language: {
            "step": step,
            "reason": application.reason,
            "rules": [say(reason, language) for reason in reasons],
            "next": say(following, language),
        },
    )


def mail_editors(
    session: Session,
    one: Round,
    application: Application,
    template: str,
    values: Callable[[str], Mapping[str, Any]],
) -> None:
    """Send a mail about an application to each editor of its organization; `values` by language."""
    listing = session.get_one(Listing, application.listing_id)
    for email, language in emails_of_editors(session, application.organization_id):
        send(
            session,
            email,
            template,
            language,
            title=listing.title,
            round=one.title,
            uid=application.uid,
            **values(language),
        )
