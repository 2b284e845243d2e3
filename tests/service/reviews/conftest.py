"""A round under blind review: three applicants, a sponsor, a facilitator and four reviewers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import Session, select

from matching.profiles import Side
from service.db import now, writing
from service.organizations.models import Identifier
from service.permissions import Role
from service.reviews.models import Review, RoundReviewer
from service.rounds.models import RoundStatus

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.permissions import Actor
    from service.rounds.models import Application, Round
    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, MakeUser, Party

SCORES = {
    "broad_need": 8,
    "public_benefit": 7,
    "innovation": 6,
    "sound_plan": 7,
    "economy": 8,
    "growth": 5,
    "replicability": 9,
}


@dataclass
class Scene:
    """The round and everybody in it."""

    engine: Engine
    round: Round
    parties: list[Party]
    applications: list[Application]
    sponsor: Party
    facilitator: User
    reviewers: list[User]

    @property
    def desk(self) -> str:
        """Where facilitators work on the reviews."""
        return f"/rounds/{self.round.uid}/reviews"

    def add(self, *users: User, most: int = 20) -> list[RoundReviewer]:
        """Let people review, without a request."""
        with Session(self.engine.execution_options(writing=True), expire_on_commit=False) as session:
            taken = len(session.exec(select(RoundReviewer)).all())
            made = [
                RoundReviewer(round_id=self.round.key, user_id=user.key, number=number, most=most)
                for number, user in enumerate(users, taken + 1)
            ]
            session.add_all(made)
            session.commit()
        return made

    def review(self, application: int = 0, reviewer: int = 0, *, clear: bool = True) -> Review:
        """Give an application to a reviewer, who has said that there is no conflict."""
        made = Review(
            application_id=self.applications[application].key,
            user_id=self.reviewers[reviewer].key,
            clear=now() if clear else None,
        )
        with writing(self.engine) as session:
            session.add(made)
        return made


MakeScene = Callable[..., Scene]


@pytest.fixture
def scene(
    engine: Engine,
    make_user: MakeUser,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
) -> Scene:
    """A venture call under review, its reviewers not yet added to it."""
    parties = [
        make_party("Green Home", other_names=["绿色家园"]),
        make_party("Blue River"),
        make_party("Open Door"),
    ]
    with writing(engine) as session:
        session.add(
            Identifier(
                organization_id=parties[0].organization.key, scheme="CN-USCI", number="51100000500000001A"
            )
        )
    one = make_round("venture-call", RoundStatus.REVIEWING, ends={"reviewing": now() + timedelta(days=5)})
    texts = [
        "We, Green Home (綠色家園), clean wells. Write to info@greenhome.org.",
        "A river path.",
        "A shelter.",
    ]
    listings = [
        make_listing(party, f"{title} by {party.organization.name}", text=text)
        for party, title, text in zip(parties, ("Wells", "A path", "A shelter"), texts, strict=True)
    ]
    applications = [
        enter(one, listing, answers={"plan": f"{party.organization.name} starts in May."})
        for listing, party in zip(listings, parties, strict=True)
    ]
    sponsor = make_party("Rich Bank", kind="finance")
    enter(one, make_listing(sponsor, "Money for wells", Side.OFFER))
    return Scene(
        engine,
        one,
        parties,
        applications,
        sponsor,
        make_user(roles=[Role.FACILITATOR]),
        [make_user(roles=[Role.REVIEWER]) for _ in range(4)],
    )


@pytest.fixture
def as_facilitator(scene: Scene, actor: Callable[[User], Actor]) -> Actor:
    """The round's facilitator as one who asks."""
    return actor(scene.facilitator)
