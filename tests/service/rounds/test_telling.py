"""What mails and home pages tell of applications: to whom, in which language, with what to do next."""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest

from matching.text import LANGUAGES
from service.db import now, writing
from service.home import queries as home
from service.mail import compose
from service.permissions import Role
from service.rounds import applying, screening
from service.rounds.models import Application, ApplicationStatus, Round, RoundStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine
    from sqlmodel import Session

    from service.accounts.models import User
    from service.jobs import Jobs
    from service.permissions import Actor
    from service.web import Site
    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, MakeUser, Party

STEPS = (
    "submit",
    "accept",
    "return",
    "reinstate",
    "shortlist",
    "waitlist",
    "decline",
    "unlist",
    "withdraw",
)


@pytest.fixture
def staff(make_user: MakeUser, actor: Callable[[User], Actor]) -> Actor:
    return actor(make_user("screens@example.org", roles=[Role.FACILITATOR]))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_has_words_of_its_own(language: str) -> None:
    told = {"title": "Чистая вода", "round": "Весна", "uid": "x", "public_url": "https://q.example"}
    subjects = set()
    for step in STEPS:
        values = {**told, "step": step, "reason": "So it is.", "rules": ["One.", "Two."], "next": "Wait."}
        subject, body = compose("application-step", language, values)
        subjects.add(subject)
        assert "Чистая вода" in subject
        for words in ("So it is.", "- One.\n- Two.", "Wait.", "https://q.example/applications/x"):
            assert words in body
    assert len(subjects) == len(STEPS)


def test_refused_rules_are_told_to_each_editor_in_their_language(
    session: Session,
    engine: Engine,
    jobs: Jobs,
    make_party: MakeParty,
    make_user: MakeUser,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
    staff: Actor,
) -> None:
    party = make_party()
    make_user("marta@example.org", member_of={party.organization.key: Role.OWNER}, language="es")
    make_user("viewer@example.org", member_of={party.organization.key: Role.VIEWER}, language="es")
    call, need = make_round("venture-call"), make_listing(party, groups="elderly", beneficiaries="30")
    answers = {"plan": "Soup.", "facilities": "A kitchen.", "professionals": "A cook."}
    entered = enter(call, need, ApplicationStatus.DRAFT, answers=answers)
    uid = entered.uid
    with writing(engine) as work:
        one = work.get_one(Round, call.key)
        application = work.get_one(Application, entered.key)
        applying.submit(work, party.actor, one, application, although=True)
        assert "30 people" in screening.prefilled_reason(application, "en")
        assert "30" in screening.prefilled_reason(application, "ru")
        assert "people" not in screening.prefilled_reason(application, "ru")
        screening.return_(work, staff, one, application, "Demasiado pequeño.")
    jobs.run_all()
    sent: dict[str, list[Any]] = {}
    for path in (jobs.settings.data_dir / "outbox").glob("*.eml"):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        sent.setdefault(str(mail["To"]), []).append(mail)
    assert set(sent) == {party.user.email, "marta@example.org"}, "viewers are not asked to do anything"
    [returned] = [mail for mail in sent["marta@example.org"] if "pequeño" in mail.get_content()]
    assert returned["Content-Language"] == "es"
    assert "30" in returned.get_content()
    assert "people" not in returned.get_content()
    assert f"/applications/{uid}" in returned.get_content()


def test_home_names_what_waits_for_applicants_and_for_the_desk(
    session: Session,
    site: Site,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
    staff: Actor,
) -> None:
    party: Party = make_party()
    viewer = make_party("Viewer", Role.VIEWER)
    call = make_round("venture-call", ends={"screening": now()})
    over = make_round("venture-call", RoundStatus.MATCHING)
    enter(call, make_listing(party), ApplicationStatus.DRAFT)
    enter(call, make_listing(party), ApplicationStatus.SUBMITTED)
    enter(make_round("venture-call"), make_listing(party), ApplicationStatus.INELIGIBLE)
    enter(over, make_listing(party), ApplicationStatus.DRAFT)

    def told(somebody: Actor) -> list[tuple[str, str]]:
        found = home.home(session, site, somebody).todo
        return [(todo.message.code, todo.address) for todo in found if "appl" in todo.address]

    assert [code for code, _ in told(party.actor)] == ["home-unsubmitted", "home-returned"]
    assert told(viewer.actor) == []
    assert told(staff) == [("home-screen", f"/rounds/{call.uid}/applications?status=submitted")]
