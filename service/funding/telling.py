"""What the parties of an agreement are told by mail about its money."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Quantity
from service.accounts.queries import emails_of_editors, emails_with_role
from service.i18n import date_text
from service.mail import send
from service.permissions import Role
from service.wording import quantity_text

if TYPE_CHECKING:
    from datetime import date

    from sqlmodel import Session

    from service.agreements.models import Agreement
    from service.organizations.models import Organization


def tell(
    session: Session,
    agreement: Agreement,
    organization: Organization,
    step: str,
    *,
    amount: tuple[int, str] | None = None,
    number: int = 0,
    title: str = "",
    reason: str = "",
) -> None:
    """One mail about one step to each editor of a party. `amount`: hundredths and their unit."""
    for email, language in emails_of_editors(session, organization.key):
        send(
            session,
            email,
            "money-step",
            language,
            step=step,
            agreement=agreement.title,
            uid=agreement.uid,
            organization=organization.name,
            amount=quantity_text(Quantity(*amount), language) if amount else "",
            number=number,
            title=title,
            reason=reason,
        )


def tell_breach(
    session: Session,
    agreement: Agreement,
    organization: Organization | None,
    step: str,
    *,
    breach: str,
    accused: str,
    reason: str = "",
    until: date | None = None,
    amounts: dict[str, int] | None = None,
) -> None:
    """A mail about a breach to each editor of a party; to the facilitators where `organization` is None."""
    readers = (
        emails_with_role(session, Role.FACILITATOR)
        if organization is None
        else emails_of_editors(session, organization.key)
    )
    for email, language in readers:
        send(
            session,
            email,
            "breach-step",
            language,
            step=step,
            agreement=agreement.title,
            uid=breach,
            accused=accused,
            reason=reason,
            until=date_text(until, language) if until else "",
            amounts=[quantity_text(Quantity(sum_, unit), language) for unit, sum_ in (amounts or {}).items()],
        )
