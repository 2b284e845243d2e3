"""What facilitators decide, and who may not."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import Session, select

from service.events import broken_links, history
from service.organizations.models import Flag, FlagStatus, OrganizationStatus
from service.organizations.queries import today
from service.permissions import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.jobs import Jobs
    from service.organizations.models import Organization
    from service.settings import Settings
    from tests.service.organizations.conftest import MakeOrganization

SCREENED = {"screening": "accepted", "screening_reason": "Nothing found in three registers."}


def _decide(browser: TestClient, organization: Organization, step: str, **more: str) -> int:
    return browser.post(
        f"/organizations/{organization.uid}/decision", data={"step": step, **more}
    ).status_code


def test_a_refusal_needs_a_reason_and_can_be_mended(
    as_olga: TestClient,
    as_li: TestClient,
    make_organization: MakeOrganization,
    reload: Callable[[Organization], Organization],
) -> None:
    organization = make_organization(status=OrganizationStatus.REGISTERED)
    home = f"/organizations/{organization.uid}"
    assert _decide(as_olga, organization, "decline", reason="  ") == 422
    assert reload(organization).status is OrganizationStatus.REGISTERED
    assert _decide(as_olga, organization, "decline", reason="The certificate cannot be read.") == 303
    assert "The certificate cannot be read." in as_li.get(f"{home}/verification").text
    assert as_li.post(f"{home}/apply-again").status_code == 303
    assert reload(organization).status is OrganizationStatus.REGISTERED
    assert as_li.post(f"{home}/apply-again").status_code == 409


def test_a_sponsor_is_screened_before_it_is_verified(
    as_olga: TestClient,
    make_organization: MakeOrganization,
    reload: Callable[[Organization], Organization],
) -> None:
    organization = make_organization(kind="business", status=OrganizationStatus.REGISTERED)
    home = f"/organizations/{organization.uid}"
    assert _decide(as_olga, organization, "verify") == 409
    unreasoned = as_olga.post(f"{home}/screening", data={"screening": "accepted", "concerns": "tobacco"})
    assert unreasoned.status_code == 422
    assert reload(organization).screening == {}
    refused = {
        "screening": "refused",
        "screening_reason": "Sells tobacco.",
        "concerns": ["tobacco", "made-up"],
    }
    assert as_olga.post(f"{home}/screening", data=refused).status_code == 303
    assert reload(organization).screening["concerns"] == ["tobacco"]
    assert _decide(as_olga, organization, "verify") == 409
    assert as_olga.post(f"{home}/screening", data=SCREENED).status_code == 303
    assert _decide(as_olga, organization, "verify") == 303
    assert reload(organization).status is OrganizationStatus.VERIFIED


def test_suspension_hides_an_organization_and_reinstating_shows_it_again(
    as_olga: TestClient, nobody: TestClient, make_organization: MakeOrganization
) -> None:
    organization = make_organization()
    home = f"/organizations/{organization.uid}"
    assert nobody.get(home).status_code == 200
    assert _decide(as_olga, organization, "suspend") == 422
    assert _decide(as_olga, organization, "suspend", reason="Money is missing.") == 303
    assert nobody.get(home).status_code == 404
    assert nobody.get(f"/api/v1/organizations/{organization.uid}").status_code == 404
    assert _decide(as_olga, organization, "reinstate", reason="It was found.") == 303
    assert nobody.get(home).status_code == 200


def test_a_bar_has_a_date_in_the_future_and_a_reason(
    as_olga: TestClient,
    nobody: TestClient,
    make_organization: MakeOrganization,
    reload: Callable[[Organization], Organization],
) -> None:
    organization = make_organization()
    until = today() + timedelta(days=365)
    assert _decide(as_olga, organization, "bar", reason="Misused funds.") == 422
    assert _decide(as_olga, organization, "bar", reason="Misused funds.", until="soon") == 422
    past = str(today() - timedelta(days=1))
    assert _decide(as_olga, organization, "bar", reason="Misused funds.", until=past) == 422
    assert _decide(as_olga, organization, "bar", until=str(until)) == 422
    kept = reload(organization)
    assert (kept.status, kept.barred_until) == (OrganizationStatus.VERIFIED, None)
    assert _decide(as_olga, organization, "bar", reason="Misused funds.", until=str(until)) == 303
    assert reload(organization).barred_until == until
    assert nobody.get(f"/organizations/{organization.uid}").status_code == 404
    assert _decide(as_olga, organization, "lift", reason="An appeal was upheld.") == 303
    kept = reload(organization)
    assert (kept.status, kept.barred_until) == (OrganizationStatus.VERIFIED, None)


def test_after_a_bar_is_over_the_next_step_can_be_taken(
    engine: Engine,
    as_olga: TestClient,
    make_organization: MakeOrganization,
    reload: Callable[[Organization], Organization],
) -> None:
    organization = make_organization(
        status=OrganizationStatus.BARRED, barred_until=today() - timedelta(days=1)
    )
    assert _decide(as_olga, organization, "suspend", reason="Again.") == 303
    kept = reload(organization)
    assert (kept.status, kept.barred_until) == (OrganizationStatus.SUSPENDED, None)
    with Session(engine) as session:
        steps = [event.name for event in history(session, organization.uid)]
        assert steps[-2:] == ["organization.lift", "organization.suspend"]
        assert not list(broken_links(session))


def test_a_bar_that_runs_cannot_be_suspended_away(
    as_olga: TestClient, make_organization: MakeOrganization
) -> None:
    organization = make_organization(status=OrganizationStatus.BARRED, barred_until=today())
    assert _decide(as_olga, organization, "suspend", reason="Again.") == 409


@pytest.mark.parametrize("step", ["", "register", "__class__"])
def test_an_unknown_step_is_refused(
    as_olga: TestClient, make_organization: MakeOrganization, step: str
) -> None:
    assert _decide(as_olga, make_organization(), step, reason="x") == 422


# Flags ------------------------------------------------------------------------------------------------


def _raise(browser: TestClient, organization: Organization, level: str, engine: Engine) -> Flag:
    answer = browser.post(
        f"/organizations/{organization.uid}/flags",
        data={"level": level, "risk": "financial", "flag": "An invoice that nobody knows."},
    )
    assert answer.status_code == 303
    with Session(engine) as session:
        return session.exec(select(Flag).order_by(Flag.id.desc())).first()  # type: ignore[union-attr,return-value]


def _judge(browser: TestClient, organization: Organization, flag: Flag, step: str, reason: str = "") -> int:
    return browser.post(
        f"/organizations/{organization.uid}/flags/{flag.uid}",
        data={"step": step, f"flag-{flag.uid}": reason},
    ).status_code


def test_a_flag_is_dismissed_only_with_a_reason(
    engine: Engine, as_olga: TestClient, make_organization: MakeOrganization
) -> None:
    organization = make_organization()
    flag = _raise(as_olga, organization, "yellow", engine)
    assert (
        "An invoice that nobody knows." in as_olga.get(f"/organizations/{organization.uid}/verification").text
    )
    assert _judge(as_olga, organization, flag, "dismiss") == 422
    assert _judge(as_olga, organization, flag, "dismiss", "The invoice was found.") == 303
    assert _judge(as_olga, organization, flag, "confirm", "Or not.") == 409
    with Session(engine) as session:
        kept = session.get_one(Flag, flag.id)
        assert (kept.status, kept.reason) == (FlagStatus.DISMISSED, "The invoice was found.")
        assert [event.reason for event in history(session, flag.uid)] == ["", "The invoice was found."]


def test_a_red_flag_is_decided_by_a_second_person_and_stops_verification(
    engine: Engine,
    as_olga: TestClient,
    browser: Callable[[], TestClient],
    sign_in: Callable[..., TestClient],
    make_user: Callable[..., User],
    make_organization: MakeOrganization,
) -> None:
    organization = make_organization(status=OrganizationStatus.REGISTERED)
    flag = _raise(as_olga, organization, "red", engine)
    assert _decide(as_olga, organization, "verify") == 409
    assert _judge(as_olga, organization, flag, "confirm", "Seen myself.") == 409
    assert _judge(as_olga, organization, flag, "escalate") == 303
    assert _judge(as_olga, organization, flag, "dismiss", "Never mind.") == 403
    pavel = sign_in(browser(), make_user("pavel@example.org", roles=[Role.FACILITATOR]))
    assert "Red flag" in pavel.get("/organizations/desk").text
    assert _judge(pavel, organization, flag, "dismiss", "The bank has explained it.") == 303
    assert _decide(as_olga, organization, "verify") == 303


def test_members_never_see_flags(
    engine: Engine, as_olga: TestClient, as_li: TestClient, make_organization: MakeOrganization
) -> None:
    organization = make_organization()
    flag = _raise(as_olga, organization, "yellow", engine)
    for address in ("", "/verification", "/edit", "/members"):
        page = as_li.get(f"/organizations/{organization.uid}{address}")
        assert page.status_code == 200
        assert "An invoice that nobody knows." not in page.text
    assert _judge(as_li, organization, flag, "dismiss", "It is nothing.") == 403


# Who may not ------------------------------------------------------------------------------------------


def test_nobody_decides_about_their_own_organization(
    engine: Engine,
    as_olga: TestClient,
    olga: User,
    make_organization: MakeOrganization,
) -> None:
    organization = make_organization(owner=olga, status=OrganizationStatus.REGISTERED)
    assert _decide(as_olga, organization, "verify") == 403
    flag = _raise(as_olga, organization, "yellow", engine)
    assert _judge(as_olga, organization, flag, "dismiss", "It is nothing.") == 403
    assert as_olga.post(f"/organizations/{organization.uid}/screening", data=SCREENED).status_code == 403


def test_only_facilitators_decide_and_strangers_do_not_even_see(
    as_li: TestClient,
    nobody: TestClient,
    browser: Callable[[], TestClient],
    sign_in: Callable[..., TestClient],
    make_user: Callable[..., User],
    make_organization: MakeOrganization,
    reload: Callable[[Organization], Organization],
) -> None:
    verified = make_organization("Green Home")
    waiting = make_organization("Red Roof", status=OrganizationStatus.REGISTERED)
    stranger = sign_in(browser(), make_user("stranger@example.org"))
    reviewer = sign_in(browser(), make_user("reviewer@example.org", roles=[Role.REVIEWER]))
    forms = {
        "decision": {"step": "suspend", "reason": "x"},
        "questions": {"question": "x"},
        "flags": {"level": "red", "risk": "financial", "flag": "x"},
        "screening": {"screening": "refused", "screening_reason": "x"},
    }
    for address, form in forms.items():
        for organization, asker, status in (
            (verified, as_li, 403),
            (waiting, as_li, 403),
            (verified, stranger, 403),
            (waiting, stranger, 404),
            (waiting, reviewer, 404),
            (verified, nobody, 303),
        ):
            answer = asker.post(f"/organizations/{organization.uid}/{address}", data=form)
            assert answer.status_code == status, (address, status)
            assert status != 303 or "/accounts/sign-in" in answer.headers["location"]
    for address in ("verification", "members", "edit"):
        assert stranger.get(f"/organizations/{waiting.uid}/{address}").status_code == 404
        assert stranger.get(f"/organizations/{verified.uid}/{address}").status_code in (403, 404)
    assert stranger.get("/organizations/desk").status_code == 403
    assert reload(verified).status is OrganizationStatus.VERIFIED


def test_every_decision_is_recorded_and_told(
    engine: Engine,
    as_olga: TestClient,
    olga: User,
    jobs: Jobs,
    settings: Settings,
    make_organization: MakeOrganization,
) -> None:
    organization = make_organization(status=OrganizationStatus.REGISTERED)
    _decide(as_olga, organization, "verify")
    _decide(as_olga, organization, "suspend", reason="Money is missing.")
    with Session(engine) as session:
        events = history(session, organization.uid)
        assert [event.name for event in events] == [
            "organization.register",
            "organization.verify",
            "organization.suspend",
        ]
        assert events[-1].actor == olga.uid
        assert events[-1].reason == "Money is missing."
        assert not list(broken_links(session))
    jobs.run_all()
    sent = "".join(file.read_text() for file in (settings.data_dir / "outbox").glob("*.eml"))
    assert "Money is missing." in sent
    assert re.search(r"Subject: .*suspended", sent)
