"""Reading reviews. Blindness is decided here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, select

from service.reviews.models import Review

if TYPE_CHECKING:
    from sqlmodel.sql.expression import SelectOfScalar

    from service.permissions import Actor


def visible_to(actor: Actor) -> SelectOfScalar[Review]:
    """One's own reviews; all of them for staff."""
    return select(Review) if actor.is_staff else select(Review).where(col(Review.user_id) == actor.user_id)
