"""The round, and the match run, that a page or an endpoint of facilitators is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.organizations.desk import signed_in
from service.pairings import queries
from service.permissions import require
from service.rounds import queries as rounds

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.pairings.models import MatchRun
    from service.permissions import Actor
    from service.rounds.models import Round


def facilitated(session: Session, actor: Actor, uid: str, permission: str = "match:run") -> Round:
    """The round, for those who run its match."""
    signed_in(actor)
    one = rounds.get(session, actor, uid)
    require(actor, permission)
    return one


def run_of(
    session: Session, actor: Actor, uid: str, run_uid: str, *, lock: bool = False
) -> tuple[Round, MatchRun]:
    """A round and one of its runs. Raises NotFound."""
    one = facilitated(session, actor, uid)
    return one, queries.run(session, actor, run_uid, one=one, lock=lock)
