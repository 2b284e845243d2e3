"""The next theme: what organizations ask for and nobody carries, from the vectors that searching keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching import profiles
from matching.profiles import Side
from service.listings import queries as listings
from service.listings.models import Listing
from service.permissions import require
from service.search.models import Embedding

if TYPE_CHECKING:
    from collections.abc import Collection

    from matching.themes import Asked, Theme
    from service.permissions import Actor

MOST_THEMES = 8


def themes(session: Session, actor: Actor, carried: Collection[int] = ()) -> list[Theme]:
    """Themes that unmet needs share, the largest first; for those who run rounds.

    `carried` are the numbers of listings that somebody carries already. Needs whose vector is not there yet
    are left out; it comes by a job a moment after they are published.
    """
    from matching.embedding import default_embedder
    from matching.themes import suggest_themes

    require(actor, "round:run")
    model = default_embedder().name
    return suggest_themes(_unmet(session, carried, model), model, most=MOST_THEMES)


def _unmet(session: Session, carried: Collection[int], model: str) -> list[Asked]:
    import numpy as np

    from matching.themes import MOST_NEEDS, Asked

    found = session.exec(
        select(Listing, Embedding)
        .where(
            col(Embedding.listing_id) == col(Listing.id),
            col(Embedding.revision) == col(Listing.revision),
            col(Embedding.model) == model,
            col(Listing.side) == Side.NEED,
            listings.public(listings.today()),
        )
        .order_by(col(Embedding.id).desc())
        .limit(MOST_NEEDS)
    )
    asked = {}
    for listing, kept in found:
        if listing.key in carried or listing.key in asked:
            continue
        asked[listing.key] = Asked(
            need=profiles.Profile(
                id=listing.uid,
                side=Side.NEED,
                title=listing.title,
                text=listing.text,
                organization=profiles.Organization(id=str(listing.organization_id), name=""),
                lines=(),
                themes=frozenset(listing.themes),
                groups=frozenset(listing.groups),
            ),
            vector=np.frombuffer(kept.vector, dtype="<f4"),
            language=kept.language,
            words=kept.words,
            concepts=kept.concepts,
        )
    return list(asked.values())


def examples(session: Session, actor: Actor, found: Collection[Theme]) -> dict[str, Listing]:
    """The needs that stand for the themes, by uid."""
    wanted = [uid for theme in found for uid in theme.examples]
    shown = session.exec(listings.visible_to(actor).where(col(Listing.uid).in_(wanted)))
    return {listing.uid: listing for listing in shown}
