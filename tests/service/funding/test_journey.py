"""Two projects of the venture call: one paid to its end, one recovered and its organization barred.

A bar that follows from a breach is enforced wherever an organization could act: rounds, search, the matcher.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import Session

from matching.profiles import Side
from service.agreements.models import Agreement, AgreementStatus
from service.events import broken_links
from service.funding import actions, breaches, queries
from service.funding.models import DisbursementStatus
from service.organizations import decisions
from service.pairings import actions as matching
from service.pairings.showing import result_of
from service.rounds.models import ApplicationStatus, RoundStatus
from tests.service.funding.test_breaches import accused, found
from tests.service.funding.test_giving import spend

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    from service.jobs import Jobs
    from service.listings.models import Listing
    from service.pairings.models import MatchRun
    from service.settings import Settings
    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, SignInAs
    from tests.service.funding.conftest import Deal, MakeDeal


@pytest.fixture
def need(deal: Deal, make_listing: MakeListing) -> Listing:
    """A need of the implementer, published before it was barred."""
    return make_listing(
        deal.implementer, "Trees for the school yard", lines=[{"kind": "money", "amount": "30000 CNY"}]
    )


def lift(deal: Deal) -> None:
    deal.do(decisions.lift, deal.facilitator, accused(deal).uid, "It was a mistake.")


def test_barred_organization_cannot_apply(
    deal: Deal,
    need: Listing,
    settings: Settings,
    make_round: MakeRound,
    client: TestClient,
    sign_in: SignInAs,
) -> None:
    base = f"/api/v1/rounds/{make_round('monthly-talk').uid}"
    sign_in(client, deal.implementer.user)
    before = client.post(f"{base}/applications", json={"listing": need.uid})
    found(deal, settings)
    standing = {
        one["rule"]: one
        for one in client.get(f"{base}/check", params={"listing": need.uid}).json()["findings"]
    }["standing"]
    assert standing["state"] == "unmet"
    refused = client.post(f"{before.headers['location']}/submit", json={})
    assert refused.status_code in (409, 422)
    assert "barred" in refused.text
    lift(deal)
    assert "barred" not in client.post(f"{before.headers['location']}/submit", json={}).text


def test_barred_organization_is_not_found(
    deal: Deal, need: Listing, settings: Settings, jobs: Jobs, client: TestClient
) -> None:
    jobs.run_all()

    def shown() -> set[str]:
        answer = client.get("/api/v1/search", params={"q": "trees school yard", "side": "need"}).json()
        return {item["listing"]["id"] if "listing" in item else item["id"] for item in answer["items"]}

    assert need.uid in shown()
    assert client.get(f"/api/v1/listings/{need.uid}").status_code == 200
    found(deal, settings)
    assert need.uid not in shown()
    assert client.get(f"/api/v1/listings/{need.uid}").status_code == 404
    lift(deal)
    assert need.uid in shown()


def match(deal: Deal, session: Session, one: Any, jobs: Jobs) -> Any:
    """The result of a run over a round, as the library gave it."""
    run: MatchRun = matching.request_match(session, deal.facilitator, one)
    session.commit()
    jobs.run_all()
    session.refresh(run)
    result = result_of(session, run)
    session.commit()
    return result


def test_venture_call_pays_one_project_and_bars_the_other(
    database_url: str,
    make_deal: MakeDeal,
    make_round: MakeRound,
    make_party: MakeParty,
    make_listing: MakeListing,
    enter: Enter,
    settings: Settings,
    session: Session,
    jobs: Jobs,
    rows: Callable[[Any], list[Any]],
) -> None:
    call = make_round("venture-call", RoundStatus.DELIVERING, title="Venture call")
    sound = make_deal(title="Meals on wheels", tranches=3, amount=900_000, round_id=call.key)
    broken = make_deal(title="Trees", tranches=2, amount=600_000, round_id=call.key)
    session.commit()

    sound.pay("t0")
    uid = sound.milestone("m1").uid
    sound.do(actions.report_milestone, sound.implementer.actor, uid, "Half is done.")
    sound.do(actions.return_milestone, sound.funder.actor, uid, "The list of guests is missing.")
    sound.accept("m1")
    sound.pay("t1")
    sound.accept("m2")
    sound.pay("t2")
    spend(sound, settings, 400_000)
    account = sound.book().accounts()[0]
    assert (account.ahead.amount, account.paid, account.unspent.amount) == (0, account.committed, 500_000)

    # The other project's need stands in the next round already when it breaks its agreement.
    need = make_listing(
        broken.implementer, "Trees for the school yard", lines=[{"kind": "money", "amount": "30000 CNY"}]
    )
    giver = make_party("Nursery", kind="association")
    offer = make_listing(
        giver,
        "We pay for trees in school yards",
        Side.OFFER,
        lines=[{"kind": "money", "amount": "30000 CNY"}],
    )
    following = make_round("monthly-talk", RoundStatus.MATCHING, title="Next talk")
    for listing in (need, offer):
        enter(following, listing, ApplicationStatus.ELIGIBLE)
    before = match(broken, session, following, jobs)
    assert [one.need.id for one in before.pairings] == [need.uid], "nothing stands against it yet"

    broken.pay("t0")
    spend(broken, settings, 120_000)
    session.commit()
    breach = found(broken, settings)
    assert breach.to_recover == {"CNY": 180_000}
    broken.do(
        actions.recover_tranche,
        broken.funder.actor,
        broken.tranche("t0").uid,
        180_000,
        queries.today(),
        "Unused money of the breach.",
    )
    assert broken.tranche("t0").status is DisbursementStatus.RECOVERED
    assert breaches.unused_by(broken.book(), accused(broken)) == {}
    with Session(broken.engine) as reading:
        statuses = [reading.get_one(Agreement, one.agreement.key).status for one in (sound, broken)]
    assert statuses == [AgreementStatus.IN_FORCE, AgreementStatus.TERMINATED]

    after = match(broken, session, following, jobs)
    assert after.pairings == ()
    reasons = {id_: refusal.reason for id_, refusal in after.refused.items()}
    assert reasons[need.uid].code == "barred"
    assert reasons[need.uid].params["day"] == breach.barred_until
    with Session(broken.engine) as reading:
        assert list(broken_links(reading)) == []
