"""Reading what is public of cooperations, for everybody alike. Starts at `public`.

A cooperation is an agreement that all parties have signed; amendments are no cooperations of their own but
corrections of one. `disclosed` makes the public extract of many with the same few statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sqlmodel import Session, col, select

from service.agreements.models import Agreement, Party
from service.agreements.queries import cooperations
from service.disclosure.extracting import columns, disclosed
from service.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlmodel.sql.expression import SelectOfScalar

    from service.disclosure.models import DisclosureOut
    from service.listings.models import Listing
    from service.organizations.models import Organization
    from service.rounds.models import Round

ROW = col(Agreement.id)
PIECE = 500
"""Cooperations read at once where all are read."""


def public() -> SelectOfScalar[Agreement]:
    """The agreements that are cooperations: everybody sees the same of them."""
    return cooperations()


def get(session: Session, uid: str) -> DisclosureOut:
    """What is public of one cooperation. Raises NotFound."""
    return disclosed(session, [found(session, uid)])[0]


def found(session: Session, uid: str) -> Agreement:
    """One cooperation. Raises NotFound."""
    agreement = session.exec(public().where(Agreement.uid == uid)).first()
    if agreement is None:
        raise NotFound
    return agreement


def everything(session: Session, wanted: SelectOfScalar[Agreement] | None = None) -> Iterator[DisclosureOut]:
    """All cooperations (or those of `wanted`), the oldest first, a piece at a time and in flat memory."""
    last, everyone = 0, (public() if wanted is None else wanted).order_by(None).order_by(ROW)
    read = everyone.with_only_columns(*columns(Agreement, "terms")).limit(PIECE)
    while agreements := cast("Sequence[Agreement]", session.execute(read.where(last < ROW)).all()):
        last = agreements[-1].key
        yield from disclosed(session, agreements)


def of_organization(session: Session, organization: Organization, most: int = 50) -> list[DisclosureOut]:
    """The cooperations of an organization, the newest first."""
    own = select(Party.agreement_id).where(Party.organization_id == organization.key)
    return _newest(session, public().where(ROW.in_(own)), most)


def of_round(session: Session, one: Round, most: int = 50) -> list[DisclosureOut]:
    """The cooperations that came of a round, the newest first."""
    return _newest(session, public().where(Agreement.round_id == one.key), most)


def of_need(session: Session, listing: Listing, most: int = 20) -> list[DisclosureOut]:
    """The cooperations that answer a need, the newest first."""
    return _newest(session, public().where(Agreement.need_id == listing.key), most)


def _newest(session: Session, wanted: SelectOfScalar[Agreement], most: int) -> list[DisclosureOut]:
    ordered = wanted.order_by(col(Agreement.in_force).desc(), ROW.desc())
    return disclosed(session, list(session.exec(ordered.limit(most))))
