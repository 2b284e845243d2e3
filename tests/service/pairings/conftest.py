"""A small round that is ready to be matched: three needs, three offers, a facilitator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from matching.profiles import Side
from service.pairings import actions
from service.pairings.models import MatchRunStatus
from service.permissions import Role
from service.rounds.models import Application, ApplicationStatus, RoundStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sqlmodel import Session

    from service.accounts.models import User
    from service.jobs import Jobs
    from service.listings.models import Listing
    from service.pairings.models import MatchRun
    from service.permissions import Actor
    from service.rounds.models import Round
    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, MakeUser, Party

NEEDS = {
    "meals": ("Hot lunches for older people who live alone", "50000 CNY", "elderly-care"),
    "trees": ("Trees for the school yard", "30000 CNY", "environment"),
    "film": ("A film about our volunteers", "20000 CNY", "culture-arts"),
}
OFFERS = {
    "fund": ("Support for older people: lunches, visits", "60000 CNY", "elderly-care"),
    "nursery": ("We pay for trees and green yards of schools", "30000 CNY", "environment"),
    "studio": ("We pay for films about volunteers", "20000 CNY", "culture-arts"),
}


@dataclass
class Talk:
    """A monthly talk in its phase of matching; parties, listings and applications by short names."""

    round: Round
    user: User
    facilitator: Actor
    parties: dict[str, Party] = field(default_factory=dict)
    listings: dict[str, Listing] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)


def matched(session: Session, talk: Talk, jobs: Jobs, changes: Mapping[str, Any] | None = None) -> MatchRun:
    """A run that is done, over the round as it is now."""
    run = actions.request_match(session, talk.facilitator, talk.round, changes)
    session.commit()
    jobs.run_all()
    session.refresh(run)
    session.commit()
    assert run.status is MatchRunStatus.DONE, run.note
    return run


def withdrawn(session: Session, talk: Talk, name: str) -> None:
    """One application leaves the round."""
    found = session.get_one(Application, talk.applications[name].key)
    found.status = ApplicationStatus.WITHDRAWN
    session.add(found)
    session.flush()


@pytest.fixture
def talk(
    make_round: MakeRound,
    make_party: MakeParty,
    make_listing: MakeListing,
    enter: Enter,
    make_user: MakeUser,
    actor: Callable[[User], Actor],
) -> Talk:
    """Three needs and three offers that fit each other one to one."""
    user = make_user("facilitator@example.org", roles=[Role.FACILITATOR])
    made = Talk(make_round("monthly-talk", RoundStatus.MATCHING, title="Spring talk"), user, actor(user))
    for side, kind, listed in ((Side.NEED, "ngo", NEEDS), (Side.OFFER, "association", OFFERS)):
        for name, (title, amount, theme) in listed.items():
            party = make_party(f"{name.title()} {kind}", kind=kind)
            lines = [{"kind": "money", "amount": amount}]
            listing = make_listing(party, title, side, lines=lines, themes=theme)
            made.parties[name], made.listings[name] = party, listing
            made.applications[name] = enter(made.round, listing)
    return made
