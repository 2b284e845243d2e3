"""From registering to a public profile, as people do it in their browsers."""

from __future__ import annotations

import json
import re
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

import pytest

from tests.service.organizations.conftest import PDF

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from service.jobs import Jobs
    from service.settings import Settings

FORM = {
    "name": "绿色家园志愿者协会",
    "other_names": "Green Home Volunteers\nЗелёный дом",
    "kind": "ngo",
    "description": "我们在社区推广垃圾分类。\n</script><script>alert(1)</script>",
    "places": "福田; Shenzhen",
    "website": "https://green.example.org",
    "contact_email": "hello@green.example.org",
    "registered": "2015-04-01",
    "rating": "3",
    "inspection_year": "2025",
    "inspection_passed": "yes",
    "members": "1200",
    "scheme-0": "cn-usci",
    "number-0": "5110 0000 5000 0000 1a",
}


def mails(settings: Settings, jobs: Jobs) -> list[tuple[str, str, str]]:
    """To, subject and text of what has been sent so far, oldest first."""
    jobs.run_all()
    files = sorted((settings.data_dir / "outbox").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    found = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    return [(mail["To"], mail["Subject"], mail.get_content()) for mail in found]


@pytest.mark.usefixtures("database_url")
def test_an_organization_goes_from_registration_to_a_public_profile(
    as_li: TestClient,
    as_olga: TestClient,
    nobody: TestClient,
    olga: User,
    jobs: Jobs,
    settings: Settings,
) -> None:
    assert as_li.get("/organizations/new").status_code == 200
    registered = as_li.post("/organizations/new", data=FORM)
    assert registered.status_code == 303
    home = registered.headers["location"].partition("/verification")[0]
    assert as_li.get(registered.headers["location"]).status_code == 200
    assert nobody.get(home).status_code == 404
    told = mails(settings, jobs)
    assert [(to, "绿色家园" in subject) for to, subject, _ in told] == [(olga.email, True)]

    handed_in = as_li.post(
        f"{home}/evidence",
        data={"evidence_kind": "registration"},
        files={"file": ("../../证书 \u202e.pdf", PDF, "text/html")},
    )
    assert handed_in.status_code == 303
    assert "证书" in as_li.get(f"{home}/verification").text

    desk = as_olga.get("/organizations/desk")
    assert desk.status_code == 200
    assert "绿色家园" in desk.text
    assert "1 file" in desk.text
    assert as_olga.post(f"{home}/questions", data={"question": "Who signs for you?"}).status_code == 303
    to, _, text = mails(settings, jobs)[-1]
    assert (to, "Who signs for you?" in text) == ("li@example.org", True)

    waiting = as_li.get(f"{home}/verification").text
    field = re.search(r'name="(answer-\w+)"', waiting)
    assert field is not None
    question = field.group(1).removeprefix("answer-")
    answered = as_li.post(
        f"{home}/questions/{question}/answer", data={field.group(1): "Our chair, Wang Wei."}
    )
    assert answered.status_code == 303
    to, _, text = mails(settings, jobs)[-1]
    assert (to, "Wang Wei" in text) == (olga.email, True)
    assert "Wang Wei" in as_olga.get(f"{home}/verification").text

    assert as_olga.post(f"{home}/decision", data={"step": "verify"}).status_code == 303
    to, subject, _ = mails(settings, jobs)[-1]
    assert (to, "is verified" in subject) == ("li@example.org", True)

    public = nobody.get(home, headers={"accept-language": "es"})
    assert public.status_code == 200
    assert public.headers["content-language"] == "es"
    assert '<div class="prose-text" lang="zh-Hans">' in public.text
    assert "<script>alert(1)" not in public.text
    assert "hello@green.example.org" not in public.text
    assert "51100000500000001A" in public.text
    data = re.search(r'<script type="application/ld\+json">(.*?)</script>', public.text, re.DOTALL)
    assert data is not None
    described = json.loads(data.group(1))
    assert described["@type"] == "NGO"
    assert described["name"] == FORM["name"]
    assert described["identifier"][0]["value"] == "51100000500000001A"
    assert "</script><script>alert(1)</script>" in described["description"]
    assert "Rated 3A" in nobody.get(home, headers={"accept-language": "en"}).text


def test_a_wrong_form_says_all_that_is_wrong_and_keeps_what_was_typed(as_li: TestClient) -> None:
    wrong = {
        **FORM,
        "name": "",
        "kind": "shop",
        "places": "Atlantis",
        "registered": "yesterday",
        "number-0": "51100000500000001B",
        "website": "javascript:alert(1)",
        "contact_email": "nobody",
    }
    answer = as_li.post("/organizations/new", data=wrong)
    assert answer.status_code == 422
    for field in ("name", "kind", "places", "registered", "identifiers", "website", "contact_email"):
        assert f'href="#field-{field}"' in answer.text, field
    assert "The check digit of" in answer.text
    assert 'value="Atlantis"' in answer.text
    assert "Green Home Volunteers\nЗелёный дом" in answer.text
    assert "垃圾分类" in answer.text


def test_what_was_typed_survives_the_end_of_the_session(
    client: TestClient, li: User, sign_in: object
) -> None:
    answer = client.post("/organizations/new", data=FORM, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/accounts/sign-in")
    assert callable(sign_in)
    sign_in(client, li)
    again = client.get("/organizations/new?held=1")
    assert "绿色家园志愿者协会" in again.text


def test_every_page_is_there_in_every_language(
    as_li: TestClient, as_olga: TestClient, nobody: TestClient
) -> None:
    home = as_li.post("/organizations/new", data=FORM).headers["location"].partition("/verification")[0]
    as_olga.post(f"{home}/questions", data={"question": "Why?"})
    as_olga.post(f"{home}/flags", data={"level": "red", "risk": "financial", "flag": "Heard something"})
    for language in ("zh-Hans", "zh-Hant", "en", "ru", "es"):
        for browser, addresses in (
            (as_li, ("/organizations/mine", "/organizations/new", home, f"{home}/edit", f"{home}/members")),
            (as_olga, ("/organizations/desk", f"{home}/verification", home, "/organizations?q=家园")),
            (nobody, ("/organizations", "/organizations?kind=ngo&q=zzz")),
        ):
            for address in addresses:
                joined = "&" if "?" in address else "?"
                answer = browser.get(f"{address}{joined}lang={language}")
                assert answer.status_code == 200, address
                assert f'<html lang="{language}"' in answer.text


def test_blank_and_endless_forms_of_the_desk_say_what_is_missing(
    as_li: TestClient, as_olga: TestClient
) -> None:
    home = as_li.post("/organizations/new", data=FORM).headers["location"].partition("/verification")[0]
    for address, form, field in (
        ("questions", {"question": " "}, "question"),
        ("questions", {"question": "x" * 4001}, "question"),
        ("flags", {"level": "red", "risk": "financial", "flag": ""}, "flag"),
        ("flags", {"level": "purple", "risk": "financial", "flag": "x"}, "level"),
        ("screening", {"screening_reason": "x"}, "screening"),
        ("decision", {"step": "decline", "reason": ""}, "reason"),
    ):
        answer = as_olga.post(f"{home}/{address}", data=form)
        assert answer.status_code == 422
        assert f'href="#field-{field}"' in answer.text, field
    as_olga.post(f"{home}/questions", data={"question": "Why?"})
    found = re.search(r'name="(answer-\w+)"', as_li.get(f"{home}/verification").text)
    assert found is not None
    question = found[1].removeprefix("answer-")
    blank = as_li.post(f"{home}/questions/{question}/answer", data={found[1]: ""})
    assert blank.status_code == 422
    assert f'href="#field-{found[1]}"' in blank.text
    assert as_olga.post(f"{home}/flags/nothing", data={"step": "escalate"}).status_code == 404
    assert as_olga.post(f"{home}/flags/nothing", data={"step": "forget"}).status_code == 422


def test_a_long_name_and_too_many_names_are_refused_with_the_limit(as_li: TestClient) -> None:
    many = "\n".join(f"Name {number}" for number in range(11))
    answer = as_li.post(
        "/organizations/new",
        data={**FORM, "name": "x" * 201, "other_names": many, "inspection_passed": "maybe"},
    )
    assert answer.status_code == 422
    for words in ("Use at most 200 characters.", "Give at most 10.", "Choose yes or no."):
        assert words in answer.text
