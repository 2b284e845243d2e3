"""The showcase: who is shown to whom, in which order, and how it is changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from matching.profiles import Side
from service.db import writing
from service.listings import actions as listings
from service.listings.models import Listing
from service.permissions import Role
from service.rounds import showcase
from service.rounds.models import ApplicationStatus, Round, RoundStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine
    from sqlmodel import Session

    from service.accounts.models import User
    from service.permissions import Actor
    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, MakeUser, Party

    AsUser = Callable[[User], TestClient]
    Show = Callable[..., Party]


@pytest.fixture
def talk(make_round: MakeRound) -> Round:
    return make_round("monthly-talk")


@pytest.fixture
def show(make_party: MakeParty, make_listing: MakeListing, enter: Enter, talk: Round) -> Show:
    """An organization that shows something: `show("Green Home", "need")`."""

    def make(
        name: str,
        *sides: str,
        into: Round | None = None,
        status: ApplicationStatus = ApplicationStatus.ELIGIBLE,
    ) -> Party:
        party = make_party(name, kind="ngo" if "need" in sides else "association")
        for side in sides:
            listing = make_listing(party, f"{name} {side}", Side(side))
            enter(into or talk, listing, status)
        return party

    return make


def names(session: Session, one: Round) -> list[str]:
    return [turn.organization.name for turn in showcase.turns(session, one)]


def test_everybody_sees_what_takes_part_and_is_public_once(
    client: TestClient, engine: Engine, show: Show, talk: Round, session: Session
) -> None:
    show("Both", "need", "offer")
    show("Draft", "need", status=ApplicationStatus.DRAFT)
    show("Returned", "need", status=ApplicationStatus.INELIGIBLE)
    show("Gone", "need", status=ApplicationStatus.WITHDRAWN)
    hidden = show("Hidden", "need")
    with writing(engine) as other:
        own = select(Listing).where(Listing.organization_id == hidden.organization.key)
        for listing in other.exec(own).all():
            listings.withdraw(other, hidden.actor, listing, "Not any more.")
    page = client.get(f"/rounds/{talk.uid}/showcase").text
    assert "Both need" in page
    assert "Both offer" in page
    for name in ("Draft", "Returned", "Gone", "Hidden"):
        assert name not in page
    assert 'name="do"' not in page, "nobody but facilitators arranges"
    [turn] = client.get(f"/api/v1/rounds/{talk.uid}/showcase").json()
    assert turn["organization"]["name"] == "Both"
    assert set(turn) == {"organization", "offers", "needs"}
    assert client.get(f"/rounds/{talk.uid}/showcase/{hidden.organization.uid}").status_code == 404


def test_round_that_is_a_draft_or_blind_shows_nothing(
    client: TestClient,
    make_round: MakeRound,
    show: Show,
    as_user: AsUser,
    make_user: MakeUser,
    engine: Engine,
) -> None:
    draft = make_round("monthly-talk", RoundStatus.DRAFT)
    assert client.get(f"/rounds/{draft.uid}/showcase").status_code == 404
    call = make_round("venture-call", RoundStatus.REVIEWING)
    party = show("Secret applicant", "need", into=call)
    reviewer = as_user(make_user(roles=[Role.REVIEWER]))
    for path in ("", "/print", f"/{party.organization.uid}"):
        assert "Secret applicant need" not in reviewer.get(f"/rounds/{call.uid}/showcase{path}").text
    assert reviewer.get(f"/api/v1/rounds/{call.uid}/showcase").json()["code"] == "showcase-blind"
    with writing(engine) as session:
        session.get_one(Round, call.key).status = RoundStatus.MATCHING
    assert "Secret applicant" in reviewer.get(f"/rounds/{call.uid}/showcase").text


def test_fair_order_spreads_givers_and_lets_the_least_shown_come_first(
    session: Session,
    show: Show,
    make_round: MakeRound,
    make_listing: MakeListing,
    enter: Enter,
    talk: Round,
    make_user: MakeUser,
    actor: Callable[[User], Actor],
) -> None:
    parties = {name: show(name, "need") for name in ("n1", "n2", "n3", "n4")}
    show("o1", "offer")
    show("o2", "offer")
    earlier = make_round("monthly-talk", RoundStatus.CLOSED)
    enter(earlier, make_listing(parties["n1"]), ApplicationStatus.ELIGIBLE, showing=1)
    staff = actor(make_user(roles=[Role.FACILITATOR]))
    showcase.arrange_fairly(session, staff, talk)
    order = names(session, talk)
    assert [name for name in order if name.startswith("n")][-1] == "n1", "it was shown before"
    assert "".join(name[0] for name in order) == "nonnon"
    showcase.arrange_fairly(session, staff, talk)
    assert names(session, talk) == order, "the same every time"


def test_facilitator_moves_turns_by_button_and_as_a_whole(
    client: TestClient,
    session: Session,
    show: Show,
    talk: Round,
    make_user: MakeUser,
    as_user: AsUser,
) -> None:
    made = {name: show(name, "need").organization.uid for name in ("a", "b", "c")}
    desk = as_user(make_user(roles=[Role.FACILITATOR]))
    here = f"/rounds/{talk.uid}/showcase"

    def order() -> str:
        shown = desk.get(f"/api/v1/rounds/{talk.uid}/showcase").json()
        return "".join(turn["organization"]["name"] for turn in shown)

    assert order() == "abc"
    desk.post(here, data={"do": f"up:{made['c']}"})
    assert order() == "acb"
    desk.post(here, data={"do": f"down:{made['a']}"})
    assert order() == "cab"
    desk.post(here, data={"do": f"up:{made['c']}"})
    assert order() == "cab", "the first stays the first"
    desk.post(here, data={"do": "order", "order": [made["b"], made["a"]]})
    assert order() == "bac"
    desk.post(here, data={"do": f"first:{made['c']}"})
    assert order() == "cba"
    desk.post(here, data={"do": f"down:{made['c']}"})
    desk.post(here, data={"do": f"down:{made['c']}"})
    assert desk.post(here, data={"do": "order", "order": ["nobody"]}).status_code == 422
    assert order() == "bac"

    api = f"/api/v1/rounds/{talk.uid}/showcase"
    tag = desk.get(api).headers["etag"]
    assert desk.put(api, json={"order": [made["c"]]}, headers={"If-Match": tag}).status_code == 200
    assert order() == "cba"
    assert desk.put(api, json={"order": [made["a"]]}, headers={"If-Match": tag}).status_code == 412


def test_turns_lead_from_one_to_the_next_and_carry_a_code(
    client: TestClient, show: Show, talk: Round
) -> None:
    first, second = show("First", "need"), show("Second", "offer")
    here = f"/rounds/{talk.uid}/showcase"
    page = client.get(f"{here}/{first.organization.uid}").text
    assert "What we need" in page
    assert "What we have" not in page
    assert re.search(rf'rel="next" href="{here}/{second.organization.uid}"', page)
    assert 'class="qr"' in page
    assert "style=" not in page
    following = client.get(f"{here}/{second.organization.uid}").text
    assert re.search(rf'rel="prev" href="{here}/{first.organization.uid}"', following)
    printed = client.get(f"{here}/print").text
    assert printed.count("show-sheet") == 2


def test_order_is_for_facilitators(client: TestClient, show: Show, talk: Round, as_user: AsUser) -> None:
    party = show("First", "need")
    here = f"/rounds/{talk.uid}/showcase"
    assert client.post(here, data={"do": "fair"}).headers["location"].startswith("/accounts/sign-in")
    assert as_user(party.user).post(here, data={"do": "fair"}).status_code == 403
