"""What later slices have to say before an amendment is signed; `worker.py` puts it here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlmodel import Session

    from matching.messages import Message
    from service.agreements.models import Agreement
    from service.agreements.terms import Terms

Objection = Callable[["Session", "Agreement", "Terms"], "Message | None"]
BEFORE_AMENDING: list[Objection] = []
"""Called with the agreement that is amended and the terms that it would have."""


def why_not_amended(session: Session, agreement: Agreement, terms: Terms) -> Message | None:
    """Why an agreement cannot be given these terms; None where it can."""
    reasons = (object_to(session, agreement, terms) for object_to in BEFORE_AMENDING)
    return next((reason for reason in reasons if reason is not None), None)
