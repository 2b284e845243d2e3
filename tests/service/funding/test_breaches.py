"""Breaches: said, answered, found, and what follows; the appeal, decided by somebody else."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import Session

from service.agreements.models import Agreement, AgreementStatus
from service.errors import BadInput, NotAllowed, NotFound, NotNow
from service.events import history
from service.funding import actions, breaches, queries
from service.funding.models import Breach, BreachStatus
from service.organizations import decisions
from service.organizations.models import Organization, OrganizationStatus
from service.permissions import Role
from tests.service.funding.test_giving import PAPER, spend
from tests.service.funding.test_tranches import mails

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.permissions import Actor
    from service.settings import Settings
    from tests.service.conftest import MakeParty, MakeUser
    from tests.service.funding.conftest import Deal

WHY = "The wells were never dug."


def allege(deal: Deal, settings: Settings, actor: Actor | None = None, **more: Any) -> Breach:
    given = {"organization": deal.implementer.organization.uid, "text": WHY, **more}
    made: Breach = deal.do(
        breaches.allege, actor or deal.funder.actor, deal.agreement.uid, data_dir=settings.data_dir, **given
    )
    return made


def found(deal: Deal, settings: Settings) -> Breach:
    made = allege(deal, settings)
    deal.do(breaches.find, deal.facilitator, made.uid, "Nobody was at the site.")
    return now(deal, made)


def now(deal: Deal, breach: Breach) -> Breach:
    with Session(deal.engine, expire_on_commit=False) as session:
        return session.get_one(Breach, breach.key)


def accused(deal: Deal) -> Organization:
    with Session(deal.engine, expire_on_commit=False) as session:
        return session.get_one(Organization, deal.implementer.organization.key)


def test_party_says_so_with_evidence_and_the_accused_answers(deal: Deal, settings: Settings) -> None:
    made = allege(deal, settings, files=[("site.pdf", PAPER)])
    assert (made.status, made.raised_for) == (BreachStatus.ALLEGED, deal.funder.organization.key)
    with Session(deal.engine) as session:
        kept = breaches.piece_of_evidence(session, deal.implementer.actor, made.uid, 1)
        assert kept["filename"] == "site.pdf"
        with pytest.raises(NotFound):
            breaches.piece_of_evidence(session, deal.facilitator, made.uid, 2)
        assert queries.holds_content(session, kept["sha256"])
    with pytest.raises(NotAllowed):
        deal.do(breaches.answer, deal.funder.actor, made.uid, "We saw it.")
    deal.do(breaches.answer, deal.implementer.actor, made.uid, "They were dug in May.")
    assert now(deal, made).answer == "They were dug in May."
    assert mails(deal)[0] == (deal.implementer.user.email, "alleged")


def test_breach_must_name_another_party_with_words_and_once(
    deal: Deal, settings: Settings, make_party: MakeParty
) -> None:
    elsewhere = make_party("Elsewhere")
    for more, field in (
        ({"organization": deal.funder.organization.uid}, "organization"),
        ({"organization": elsewhere.organization.uid}, "organization"),
        ({"text": " "}, "text"),
        ({"files": [("a.pdf", PAPER)] * 6}, "file"),
        ({"files": [("a.exe", b"MZ")]}, "file"),
    ):
        with pytest.raises(BadInput) as refused:
            allege(deal, settings, **more)
        assert refused.value.problems[0].field == field
    with pytest.raises(NotFound):
        allege(deal, settings, elsewhere.actor)
    allege(deal, settings)
    with pytest.raises(NotNow) as refused_again:
        allege(deal, settings, deal.facilitator)
    assert refused_again.value.message.code == "breach-open"


def test_nothing_in_it_is_said_with_a_reason(deal: Deal, settings: Settings) -> None:
    made = allege(deal, settings)
    with pytest.raises(BadInput):
        deal.do(breaches.dismiss, deal.facilitator, made.uid, "")
    deal.do(breaches.dismiss, deal.facilitator, made.uid, "The wells are there.")
    assert (now(deal, made).status, now(deal, made).reason) == (
        BreachStatus.DISMISSED,
        "The wells are there.",
    )
    assert accused(deal).status is OrganizationStatus.VERIFIED
    with pytest.raises(NotNow):
        deal.do(breaches.find, deal.facilitator, made.uid, "After all.")
    with pytest.raises(NotNow):
        deal.do(breaches.answer, deal.implementer.actor, made.uid, "Thank you.")


def test_finding_ends_the_agreement_bars_and_says_what_has_to_come_back(
    database_url: str, make_deal: Callable[..., Deal], settings: Settings
) -> None:
    deal = make_deal()
    deal.pay("t0")
    spend(deal, settings, 90_000)
    deal.do(
        actions.recover_tranche,
        deal.facilitator,
        deal.tranche("t0").uid,
        10_000,
        queries.today(),
        "A refund of the supplier.",
    )
    made = found(deal, settings)
    assert made.status is BreachStatus.FOUND
    assert made.to_recover == {"CNY": 150_000}, "250,000 paid − 10,000 recovered − 90,000 spent"
    assert made.barred_until == queries.today() + timedelta(days=365)
    organization = accused(deal)
    assert (organization.status, organization.barred_until) == (OrganizationStatus.BARRED, made.barred_until)
    with Session(deal.engine) as session:
        agreement = session.get_one(Agreement, deal.agreement.key)
        assert agreement.status is AgreementStatus.TERMINATED
        assert agreement.ended is not None
        ending = [one for one in history(session, agreement.uid) if one.name == "agreement.terminate"]
        assert [one.reason for one in ending] == ["Nobody was at the site."]
    book = deal.book()
    assert [one.item for one in breaches.recoverable(book, made)] == ["t0"]
    deal.do(
        actions.recover_tranche,
        deal.facilitator,
        deal.tranche("t0").uid,
        150_000,
        queries.today(),
        "After the breach.",
    )
    assert breaches.recoverable(deal.book(), made) == []
    assert breaches.unused_by(deal.book(), organization) == {}


def test_barred_organization_is_told_why_and_until_when(deal: Deal, settings: Settings) -> None:
    found(deal, settings)
    with Session(deal.engine) as session:
        from sqlmodel import select

        from service.jobs import Job

        letters = [
            job.payload
            for job in session.exec(select(Job).where(Job.name == "send_mail"))
            if job.payload["to"] == deal.implementer.user.email
        ]
    told = {letter["template"]: letter["values"] for letter in letters}
    assert "Nobody was at the site." in told["organization_decision"]["reason"]
    assert told["organization_decision"]["until"] == str(queries.today() + timedelta(days=365))
    finding = [letter["values"] for letter in letters if letter["values"].get("step") == "find"]
    assert finding[0]["until"]


def test_party_does_not_decide_even_as_a_facilitator(
    deal: Deal, settings: Settings, make_user: MakeUser, actor: Callable[[Any], Actor]
) -> None:
    made = allege(deal, settings)
    partial = make_user(roles=[Role.FACILITATOR], member_of={deal.funder.organization.key: Role.VIEWER})
    for action in (breaches.find, breaches.dismiss):
        with pytest.raises(NotAllowed) as refused:
            deal.do(action, actor(partial), made.uid, "So it is.")
        assert refused.value.message.code == "party-decides"
        with pytest.raises(NotAllowed):
            deal.do(action, deal.funder.actor, made.uid, "So it is.")
    assert accused(deal).status is OrganizationStatus.VERIFIED


def test_longer_bar_is_not_made_shorter(deal: Deal, settings: Settings) -> None:
    longer = queries.today() + timedelta(days=800)
    deal.do(decisions.bar, deal.facilitator, accused(deal).uid, longer, "Something else.")
    made = found(deal, settings)
    assert made.barred_until == accused(deal).barred_until == longer


def test_shorter_bar_is_made_longer(deal: Deal, settings: Settings) -> None:
    shorter = queries.today() + timedelta(days=8)
    deal.do(decisions.bar, deal.facilitator, accused(deal).uid, shorter, "Something else.")
    made = found(deal, settings)
    assert made.barred_until == accused(deal).barred_until == queries.today() + timedelta(days=365)


# Appeal -------------------------------------------------------------------------------------------------


@pytest.fixture
def second(make_user: MakeUser, actor: Callable[[Any], Actor]) -> Actor:
    """Another facilitator."""
    return actor(make_user(roles=[Role.FACILITATOR]))


def test_appeal_that_succeeds_lifts_the_bar(deal: Deal, settings: Settings, second: Actor) -> None:
    made = found(deal, settings)
    deal.do(breaches.appeal, deal.implementer.actor, made.uid, "Here are the photographs.")
    with pytest.raises(NotAllowed) as refused:
        deal.do(breaches.decide_appeal, deal.facilitator, made.uid, "No.", overturn=False)
    assert refused.value.message.code == "own-finding"
    deal.do(breaches.decide_appeal, second, made.uid, "The photographs show it.", overturn=True)
    kept = now(deal, made)
    assert (kept.status, kept.appeal_reason) == (BreachStatus.OVERTURNED, "The photographs show it.")
    assert (kept.to_recover, kept.barred_until) == ({}, None)
    assert accused(deal).status is OrganizationStatus.VERIFIED
    assert accused(deal).barred_until is None


def test_appeal_that_fails_leaves_the_bar(deal: Deal, settings: Settings, second: Actor) -> None:
    made = found(deal, settings)
    deal.do(breaches.appeal, deal.implementer.actor, made.uid, "It was the rain.")
    deal.do(breaches.decide_appeal, second, made.uid, "It did not rain.", overturn=False)
    assert now(deal, made).status is BreachStatus.UPHELD
    assert accused(deal).status is OrganizationStatus.BARRED
    with pytest.raises(NotNow):
        deal.do(breaches.decide_appeal, second, made.uid, "Again.", overturn=True)


def test_appeal_is_made_once_in_time_by_the_accused(
    deal: Deal, settings: Settings, second: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = allege(deal, settings)
    with pytest.raises(NotNow) as refused:
        deal.do(breaches.appeal, deal.implementer.actor, made.uid, "Why?")
    assert refused.value.message.code == "nothing-to-appeal"
    deal.do(breaches.find, deal.facilitator, made.uid, "Nobody was at the site.")
    with pytest.raises(NotNow) as refused:
        deal.do(breaches.decide_appeal, second, made.uid, "No.", overturn=True)
    assert refused.value.message.code == "no-appeal"
    with pytest.raises(NotAllowed):
        deal.do(breaches.appeal, deal.funder.actor, made.uid, "For them.")
    late = queries.today() + timedelta(days=31)
    with monkeypatch.context() as clock:
        clock.setattr(queries, "today", lambda: late)
        with pytest.raises(NotNow) as refused:
            deal.do(breaches.appeal, deal.implementer.actor, made.uid, "Late.")
    assert refused.value.message.code == "appeal-late"
    deal.do(breaches.appeal, deal.implementer.actor, made.uid, "In time.")
    with pytest.raises(NotNow) as refused:
        deal.do(breaches.appeal, deal.implementer.actor, made.uid, "Once more.")
    assert refused.value.message.code == "appealed-once"


def test_success_leaves_a_bar_that_stands_for_something_else(
    deal: Deal, settings: Settings, second: Actor
) -> None:
    longer = queries.today() + timedelta(days=800)
    made = found(deal, settings)
    deal.do(decisions.lift, deal.facilitator, accused(deal).uid, "To bar anew.")
    deal.do(decisions.bar, deal.facilitator, accused(deal).uid, longer, "Something else.")
    deal.do(breaches.appeal, deal.implementer.actor, made.uid, "Here are the photographs.")
    deal.do(breaches.decide_appeal, second, made.uid, "The photographs show it.", overturn=True)
    assert accused(deal).barred_until == longer
