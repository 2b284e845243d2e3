"""Blind by rule: whatever a reviewer reaches from their reviews, nothing says whose the applications are."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import pytest
from sqlmodel import Session, select

from service.db import writing
from service.listings import threads
from service.listings.models import Listing
from service.organizations.models import Organization
from service.reviews.models import Remark, Review, ReviewStatus
from service.rounds.models import Application, Round
from tests.service.reviews.conftest import SCORES

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from service.permissions import Actor
    from service.settings import Settings
    from tests.service.reviews.conftest import Scene

HREF = re.compile(r'(?:href|action|src|data-autosave)="([^"]+)"')
MAIN = re.compile(r"<main.*?</main>", re.S)
REGISTRY = ("/api/v1/organizations", "/api/v1/listings", "/api/v1/search")
"""The public register of needs and offers, which nothing in a review leads to."""
PDF = b"%PDF-1.4\nGreen Home\n%%EOF\n"


@pytest.fixture
def prepared(scene: Scene, settings: Settings, actor: Callable[[User], Actor]) -> Scene:
    """Two reviewers of one application, one of whom has handed in; a file and a remark with the name."""
    scene.add(*scene.reviewers[:2])
    first, second = scene.review(0, 0), scene.review(0, 1)
    scene.review(1, 0, clear=False)
    with writing(scene.engine) as session:
        listing = session.get_one(Listing, scene.applications[0].listing_id)
        threads.attach(
            session,
            actor(scene.parties[0].user),
            listing,
            data_dir=settings.data_dir,
            filename="Green Home budget.pdf",
            content=PDF,
        )
        kept = session.get_one(Review, second.key)
        kept.status, kept.scores, kept.raw = ReviewStatus.SUBMITTED, SCORES, 71.5
        kept.comment = "I think this is Green Home, and a good plan."
        session.add(kept)
        session.add(
            Remark(
                application_id=scene.applications[0].key,
                user_id=scene.facilitator.key,
                text="Mind that 绿色家園 has a branch.",
            )
        )
    assert first.key != second.key
    return scene


def forbidden(scene: Scene) -> list[str]:
    """What must not be seen: names, numbers, ids, members, addresses; who else reviews."""
    organization, party = scene.parties[0].organization, scene.parties[0]
    listing_uid, application_uid = "", scene.applications[0].uid
    with Session(scene.engine) as session:
        listing_uid = session.get_one(Listing, scene.applications[0].listing_id).uid
    words = [organization.name, "绿色家园", "綠色家園", "绿色家園", organization.uid, "51100000500000001A"]
    words += ["greenhome.org", listing_uid, application_uid, party.user.name, party.user.email]
    words += [scene.parties[1].organization.name, scene.parties[1].organization.uid]
    return [*words, scene.reviewers[1].name, scene.reviewers[1].email, scene.reviewers[1].uid]


def crawl(browser: TestClient, start: str) -> dict[str, bytes]:
    """Everything that links in the main part of pages lead to, from `start` on."""
    waiting, seen = [start], {}
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        answer = browser.get(address, follow_redirects=True)
        seen[address] = answer.content + str(answer.headers).encode()
        page = answer.text if "html" in answer.headers["content-type"] and answer.is_success else ""
        for main in MAIN.findall(page):
            for link in HREF.findall(main):
                there = urlsplit(urljoin(address, link.replace("&amp;", "&")))
                if not there.netloc and there.path.startswith("/") and not there.path.startswith("/static"):
                    waiting.append(there.path)
    return seen


def check(seen: dict[str, bytes], words: list[str]) -> None:
    for address, content in seen.items():
        for word in words:
            assert word.encode() not in content, f"{address} says {word}"


@pytest.mark.parametrize("handed_in", [False, True])
def test_nothing_that_a_reviewer_reaches_says_whose_it_is(
    prepared: Scene,
    app: FastAPI,
    as_user: Callable[[User], TestClient],
    rows: Callable[[Any], list[Any]],
    handed_in: bool,
) -> None:
    reviewer = prepared.reviewers[0]
    browser = as_user(reviewer)
    [own, other] = rows(select(Review).where(Review.user_id == reviewer.key).order_by(Review.id))
    if handed_in:
        typed = {f"score-{code}": str(points) for code, points in SCORES.items()}
        browser.post(f"/reviews/{own.uid}", data={**typed, "comment": "Fine.", "do": "submit"})
    seen = crawl(browser, "/reviews")
    assert {"/reviews", f"/reviews/{own.uid}", f"/reviews/{other.uid}"} <= set(seen)
    text = seen[f"/reviews/{own.uid}"].decode()
    assert "[applicant]" in text
    assert "clean wells" in text
    assert "1 file is held back" in text
    assert ("71.5 of 100" in text) == ("has a branch" in text) == handed_in
    assert ("Reviewer 2" in text) == handed_in
    check(seen, forbidden(prepared))

    [application] = rows(select(Application).where(Application.id == prepared.applications[0].id))
    ids = [own.uid, other.uid, prepared.round.uid, application.uid, "1"]
    answers = {}
    for path, operations in app.openapi()["paths"].items():
        if "get" not in operations or path.startswith(REGISTRY):
            continue
        names = re.findall(r"\{(\w+)\}", path)
        for chosen in product(ids, repeat=len(names)):
            address = path.format(**dict(zip(names, chosen, strict=True)))
            answer = browser.get(address)
            assert answer.status_code < 500, address
            # An address that one types oneself comes back in a problem document.
            told = answer.content.replace(address.encode(), b"")
            answers[address] = told
    assert b"clean wells" in answers[f"/api/v1/reviews/{own.uid}"]
    check(answers, [word for word in forbidden(prepared) if word != reviewer.uid])
    for uid in ids[:3]:
        for path in ("listings", "organizations"):
            assert browser.get(f"/api/v1/{path}/{uid}").status_code == 404


def test_reviewer_learns_nothing_from_pages_of_others(
    prepared: Scene, as_user: Callable[[User], TestClient], rows: Callable[[Any], list[Any]]
) -> None:
    browser = as_user(prepared.reviewers[0])
    [others] = rows(select(Review).where(Review.user_id == prepared.reviewers[1].key))
    application = prepared.applications[0].uid
    for address, code in (
        (f"/reviews/{others.uid}", 404),
        (f"/api/v1/reviews/{others.uid}", 404),
        (f"/applications/{application}", 404),
        (prepared.desk, 403),
        (f"{prepared.desk}/scores", 403),
        (f"{prepared.desk}/assignment", 403),
        (f"{prepared.desk}/applications/{application}", 403),
        (f"/api/v1/rounds/{prepared.round.uid}/reviewers", 403),
        (f"/api/v1/rounds/{prepared.round.uid}/conflicts", 403),
        (f"/api/v1/rounds/{prepared.round.uid}/scores", 403),
        (f"/api/v1/rounds/{prepared.round.uid}/reviews", 403),
        (f"/api/v1/rounds/{prepared.round.uid}/shortlist", 403),
    ):
        answer = browser.get(address)
        assert answer.status_code == code, address
        check({address: answer.content}, [word for word in forbidden(prepared) if word != application])


def test_applicants_and_the_public_never_see_reviewers_or_scores(
    prepared: Scene,
    client: TestClient,
    as_user: Callable[[User], TestClient],
    rows: Callable[[Any], list[Any]],
) -> None:
    reviews = rows(select(Review))
    words = [name for user in prepared.reviewers for name in (user.name, user.email, user.uid)]
    addresses = [f"/reviews/{reviews[0].uid}", f"/applications/{prepared.applications[0].uid}", prepared.desk]
    addresses += [f"/rounds/{prepared.round.uid}", f"/api/v1/reviews/{reviews[0].uid}", "/reviews"]
    for user in (None, prepared.parties[0].user):
        browser = client if user is None else as_user(user)
        for address in addresses:
            answer = browser.get(address)
            check({address: answer.content}, [*words, "a good plan", "71.5"])


def test_file_opens_once_somebody_has_looked_into_it_under_a_name_that_says_nothing(
    prepared: Scene, as_user: Callable[[User], TestClient], rows: Callable[[Any], list[Any]]
) -> None:
    [own, _] = rows(select(Review).where(Review.user_id == prepared.reviewers[0].key).order_by(Review.id))
    browser = as_user(prepared.reviewers[0])
    assert browser.get(f"/reviews/{own.uid}/files/1").status_code == 404
    desk = f"{prepared.desk}/applications/{prepared.applications[0].uid}"
    page = as_user(prepared.facilitator).get(desk).text
    assert "Green Home budget.pdf" in page
    [address] = re.findall(rf'action="({desk}/files/\w+/clear)"', page)
    assert as_user(prepared.facilitator).post(address).status_code == 303
    answer = as_user(prepared.reviewers[0]).get(f"/reviews/{own.uid}/files/1")
    assert answer.content == PDF
    assert answer.headers["content-disposition"] == 'attachment; filename="file-1.pdf"'
    assert as_user(prepared.facilitator).post(address.replace("clear", "withhold")).status_code == 303
    assert as_user(prepared.reviewers[0]).get(f"/reviews/{own.uid}/files/1").status_code == 404


def test_where_the_round_is_not_blind_the_name_is_shown_and_reviewers_stay_numbers(
    prepared: Scene, as_user: Callable[[User], TestClient], rows: Callable[[Any], list[Any]]
) -> None:
    with writing(prepared.engine) as session:
        one = session.get_one(Round, prepared.round.key)
        one.rules = {"process": {"blind_review": False}}
        session.add(one)
    [own, _] = rows(select(Review).where(Review.user_id == prepared.reviewers[0].key).order_by(Review.id))
    page = as_user(prepared.reviewers[0]).get(f"/reviews/{own.uid}").text
    assert "Green Home" in page
    assert "[applicant]" not in page
    assert "Green Home budget.pdf" in page
    assert prepared.reviewers[1].name not in page


def test_renaming_does_not_uncover_the_old_or_the_new_name(
    prepared: Scene, as_user: Callable[[User], TestClient], rows: Callable[[Any], list[Any]]
) -> None:
    with writing(prepared.engine) as session:
        organization = session.get_one(Organization, prepared.parties[0].organization.key)
        organization.other_names = [*organization.other_names, organization.name]
        organization.name = "Clean Springs"
        listing = session.get_one(Listing, prepared.applications[0].listing_id)
        listing.text = "Clean Springs, once Green Home."
        session.add_all([organization, listing])
    [own, _] = rows(select(Review).where(Review.user_id == prepared.reviewers[0].key).order_by(Review.id))
    page = as_user(prepared.reviewers[0]).get(f"/reviews/{own.uid}").text
    assert "[applicant], once [applicant]." in page
