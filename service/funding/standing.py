"""For whom somebody acts in an agreement, and who must not decide because of whom they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Message
from service.errors import NotAllowed
from service.permissions import may, require

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from service.funding.models import Disbursement
    from service.funding.queries import Book
    from service.organizations.models import Organization
    from service.permissions import Actor


def acting_for(actor: Actor, permission: str, among: Sequence[Organization]) -> Organization | None:
    """The one of these organizations for which the actor may do it; None: for none of them.

    Raises NotAllowed (or SignInNeeded) where the actor has the permission neither there nor everywhere.
    """
    found = _own(actor, permission, among)
    if found is None:
        require(actor, permission)
    return found


def doing_for(
    actor: Actor, permission: str, among: Sequence[Organization], otherwise: Message
) -> Organization:
    """The one of these organizations as whose member the actor does it: nobody does it for them."""
    found = _own(actor, permission, among)
    if found is None:
        raise NotAllowed(otherwise)
    return found


def _own(actor: Actor, permission: str, among: Sequence[Organization]) -> Organization | None:
    own = (one for one in among if one.key in actor.memberships and may(actor, permission, one.key))
    return next(own, None)


def may_for(actor: Actor, permission: str, among: Iterable[Organization]) -> bool:
    """Whether the actor has the permission in one of these organizations, or everywhere."""
    return may(actor, permission) or any(may(actor, permission, one.key) for one in among)


def why_partial(actor: Actor, book: Book, tranche: Disbursement) -> Message | None:
    """Why somebody must not decide on a tranche: whoever asked for the money, or belongs to who gets it."""
    if actor.user_id is not None and actor.user_id == tranche.requested_by:
        return Message(
            "second-person", "You requested this tranche. Somebody else has to decide on it and pay it."
        )
    if tranche.payee_id in actor.memberships:
        return Message(
            "receiver-decides",
            "You belong to {organization}, which gets this money. Somebody else has to decide.",
            organization=book.organization(tranche.payee_id).name,
        )
    return None


def refuse_partial(actor: Actor, book: Book, tranche: Disbursement) -> None:
    """Raise NotAllowed for whoever is not impartial."""
    if (why := why_partial(actor, book, tranche)) is not None:
        raise NotAllowed(why)
