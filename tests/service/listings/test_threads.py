"""Questions and answers, files, and requests from one organization to another."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from sqlmodel import select

from matching.profiles import Side
from service.db import writing
from service.jobs import Job
from service.listings import queries, requests
from service.listings.models import Attachment, Inquiry, Request, RequestStatus
from service.organizations.models import OrganizationStatus
from service.permissions import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.jobs import Jobs
    from tests.service.conftest import MakeListing, MakeParty, MakeUser

    AsUser = Callable[[User], TestClient]
    Rows = Callable[[Any], list[Any]]

PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


def mails(rows: Rows) -> list[tuple[str, str]]:
    return [
        (job.payload["template"], job.payload["to"])
        for job in rows(select(Job).where(Job.name == "send_mail").order_by(Job.id))
    ]


# Questions --------------------------------------------------------------------------------------------


def test_answer_is_seen_by_all_and_an_open_question_only_by_the_two(
    client: TestClient,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_user: MakeUser,
    as_user: AsUser,
    rows: Rows,
) -> None:
    party, asker, other = make_party(), make_user(), make_user()
    here = f"/listings/{make_listing(party).uid}"
    as_user(asker)
    assert client.post(f"{here}/questions", data={"question": "  "}).status_code == 422
    assert client.post(f"{here}/questions", data={"question": "Can you start in May?"}).status_code == 303
    assert "start in May" in client.get(here).text
    as_user(other)
    assert "start in May" not in client.get(here).text
    [inquiry] = rows(select(Inquiry))
    answering = {f"answer-{inquiry.uid}": "Yes, in May."}
    assert client.post(f"{here}/questions/{inquiry.uid}", data=answering).status_code == 404
    as_user(party.user)
    assert "start in May" in client.get(here).text
    too_long = client.post(f"{here}/questions/{inquiry.uid}", data={f"answer-{inquiry.uid}": "x" * 2001})
    assert too_long.status_code == 422
    assert "x" * 2001 in too_long.text
    assert client.post(f"{here}/questions/{inquiry.uid}", data=answering).status_code == 303
    client.cookies.clear()
    public = client.get(here).text
    assert "start in May" in public
    assert "Yes, in May." in public
    assert mails(rows) == [("listing-question", party.user.email), ("listing-answer", asker.email)]


def test_question_needs_somebody_signed_in_and_an_open_listing(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing, make_user: MakeUser, as_user: AsUser
) -> None:
    party = make_party()
    listing = make_listing(party)
    here = f"/listings/{listing.uid}"
    away = client.post(f"{here}/questions", data={"question": "Really?"})
    assert away.headers["location"].startswith("/accounts/sign-in")
    as_user(party.user).post(f"{here}/fulfil")
    staff = as_user(make_user(roles=[Role.FACILITATOR]))
    assert staff.post(f"{here}/questions", data={"question": "Really?"}).status_code == 409


# Files ------------------------------------------------------------------------------------------------


def test_files_are_recognised_by_content_and_hidden_with_their_listing(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser, rows: Rows
) -> None:
    party = make_party()
    listing = make_listing(party)
    here = f"/listings/{listing.uid}"
    as_user(party.user)
    wrong = client.post(f"{here}/attachments", files={"file": ("plan.pdf", b"<script>alert(1)</script>")})
    assert wrong.status_code == 422
    assert client.post(f"{here}/attachments", files={"file": ("../../计划.exe", PDF)}).status_code == 303
    [file] = rows(select(Attachment))
    assert file.filename == "计划.pdf"
    client.cookies.clear()
    got = client.get(f"{here}/attachments/{file.uid}")
    assert got.content == PDF
    assert got.headers["content-disposition"].startswith("attachment")
    as_user(party.user).post(f"{here}/withdraw", data={"reason": "over"})
    client.cookies.clear()
    assert client.get(f"{here}/attachments/{file.uid}").status_code == 404
    as_user(party.user)
    assert client.post(f"{here}/attachments/{file.uid}/remove").status_code == 303
    assert rows(select(Attachment)) == []


# Requests ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("database_url")
def test_request_is_sent_and_accepted_and_both_are_told(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser, rows: Rows
) -> None:
    giver, asker = (
        make_party("Bank", kind="finance", contact_email="help@bank.example"),
        make_party("绿色家园"),
    )
    offer = make_listing(giver, "Free accounting", Side.OFFER, lines=[{"kind": "services"}])
    own = make_listing(asker, "We need accounting", lines=[{"kind": "services"}])
    as_user(asker.user)
    assert "Send the request" in client.get(f"/listings/{offer.uid}?lang=en").text
    body = {"organization": asker.organization.uid, "text": "请帮我们做账。", "own_listing": own.uid}
    empty = client.post(f"/listings/{offer.uid}/requests", data={**body, "text": ""})
    assert empty.status_code == 422
    sent = client.post(f"/listings/{offer.uid}/requests", data=body)
    assert sent.status_code == 303
    [request] = rows(select(Request))
    assert request.reply_by == requests.after_working_days(queries.today(), 5)
    page = f"/listings/requests/{request.uid}"
    assert "help@bank.example" not in client.get(page).text
    assert client.post(f"{page}/accept", data={}).status_code == 403
    as_user(giver.user)
    assert "请帮我们做账。" in client.get(page).text
    assert client.post(f"{page}/accept", data={"reply": "Gladly."}).status_code == 303
    assert client.post(f"{page}/decline", data={"reason": "No."}).status_code == 409
    as_user(asker.user)
    assert "Gladly." in client.get(page).text
    assert "help@bank.example" in client.get(page).text
    assert mails(rows) == [
        ("listing-request", giver.user.email),
        ("listing-request-accepted", asker.user.email),
    ]


def test_at_most_three_requests_of_an_organization_wait_at_once(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser, rows: Rows
) -> None:
    giver, asker = make_party("Firm", kind="business"), make_party()
    offers = [make_listing(giver, f"Offer {number}", Side.OFFER) for number in range(5)]
    as_user(asker.user)

    def send(number: int) -> int:
        body = {"organization": asker.organization.uid, "text": "Please."}
        return client.post(f"/listings/{offers[number].uid}/requests?lang=en", data=body).status_code

    assert send(0) == 303
    assert send(0) == 409, "the same request twice"
    assert [send(1), send(2), send(3)] == [303, 303, 409]
    first, second, _ = rows(select(Request).order_by(Request.id))
    assert client.post(f"/listings/requests/{first.uid}/withdraw").status_code == 303
    assert send(3) == 303
    assert send(4) == 409
    as_user(giver.user)
    assert client.post(f"/listings/requests/{second.uid}/decline", data={"reason": ""}).status_code == 422
    assert (
        client.post(f"/listings/requests/{second.uid}/decline", data={"reason": "Full."}).status_code == 303
    )
    as_user(asker.user)
    assert send(4) == 303
    assert "Full." in client.get(f"/listings/requests/{second.uid}").text


def test_company_may_offer_itself_to_a_need_but_nobody_to_oneself(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser
) -> None:
    company, ngo = make_party("Firm", kind="business"), make_party()
    need = make_listing(ngo)
    own = make_listing(company)
    as_user(company.user)
    body = {"organization": company.organization.uid, "text": "We can help."}
    assert client.post(f"/listings/{need.uid}/requests", data=body).status_code == 303
    assert client.post(f"/listings/{own.uid}/requests", data=body).status_code == 409


@pytest.mark.parametrize("status", [OrganizationStatus.REGISTERED, OrganizationStatus.SUSPENDED])
def test_organization_that_may_not_act_sends_no_requests(
    client: TestClient,
    make_party: MakeParty,
    make_listing: MakeListing,
    as_user: AsUser,
    status: OrganizationStatus,
) -> None:
    need, asker = make_listing(make_party()), make_party("New", status=status)
    as_user(asker.user)
    body = {"organization": asker.organization.uid, "text": "We can help."}
    refused = client.post(f"/listings/{need.uid}/requests?lang=en", data=body)
    assert refused.status_code == 409
    assert "We can help." in refused.text


@pytest.mark.usefixtures("database_url")
def test_request_lapses_by_its_day_and_the_job_tells_both(
    engine: Engine,
    client: TestClient,
    make_party: MakeParty,
    make_listing: MakeListing,
    as_user: AsUser,
    rows: Rows,
    jobs: Jobs,
) -> None:
    from service.jobs import Work

    giver, asker = make_party("Firm", kind="business"), make_party()
    offer = make_listing(giver, side=Side.OFFER)
    as_user(asker.user).post(
        f"/listings/{offer.uid}/requests", data={"organization": asker.organization.uid, "text": "Please."}
    )
    [request] = rows(select(Request))
    work = Work(jobs.engine, jobs.settings, jobs.site, "none")
    with writing(engine) as session:
        session.execute(update(Request).values(reply_by=queries.today()))
    requests.lapse_requests(work)
    requests.lapse_requests(work)
    with writing(engine) as session:
        session.execute(update(Request).values(reply_by=queries.today() - timedelta(days=1)))
    as_user(giver.user)
    answer = client.post(f"/listings/requests/{request.uid}/accept", data={})
    assert answer.status_code == 409, "its time is over before the job has come round"
    requests.lapse_requests(work)
    requests.lapse_requests(work)
    assert rows(select(Request))[0].status is RequestStatus.LAPSED
    assert mails(rows) == [
        ("listing-request", giver.user.email),
        ("listing-request-reminder", giver.user.email),
        ("listing-request-lapsed", asker.user.email),
        ("listing-request-lapsed", giver.user.email),
    ]
    jobs.run_all()
    assert len(list((jobs.settings.data_dir / "outbox").iterdir())) == 4


def test_request_is_seen_by_its_two_sides_only(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser, rows: Rows
) -> None:
    giver, asker, third = make_party("Firm", kind="business"), make_party(), make_party("Third")
    offer = make_listing(giver, side=Side.OFFER)
    as_user(asker.user).post(
        f"/listings/{offer.uid}/requests", data={"organization": asker.organization.uid, "text": "Please."}
    )
    [request] = rows(select(Request))
    as_user(third.user)
    assert client.get(f"/listings/requests/{request.uid}").status_code == 404
    assert client.post(f"/listings/requests/{request.uid}/withdraw").status_code == 404
    assert client.get("/api/v1/listings/requests?box=received").json() == []


@pytest.mark.parametrize(
    ("day", "after"),
    [("2026-11-20", "2026-11-27"), ("2026-11-21", "2026-11-27"), ("2026-11-23", "2026-11-30")],
)
def test_working_days_leave_out_weekends(day: str, after: str) -> None:
    assert requests.after_working_days(date.fromisoformat(day), 5) == date.fromisoformat(after)
