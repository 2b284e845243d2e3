"""The venture call, from preset to confirmed result, as programs do it; at the end the log alone tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.audit.words import STEPS
from service.permissions import Role
from tests.house import Program
from tests.journeys.trail import Trail
from tests.journeys.venture import (
    FUND,
    HOMELESS,
    MESA,
    MOHAI,
    RIDERS,
    SCOPES,
    TITLE,
    WHEELS,
    WORDS,
    Call,
    Somebody,
    accept_fitting,
    appeal,
    apply,
    assign_reviews,
    confirm,
    create_round,
    facts_of,
    match,
    match_again,
    object_and_uphold,
    profiles_of_the_call,
    publish,
    reassign,
    recuse,
    resubmit,
    return_it,
    shortlist,
    write_all,
)
from tests.service.conftest import *  # noqa: F403 — the fixtures of a running application
from tests.service.conftest import BASE_URL, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.jobs import Jobs
    from tests.service.conftest import MakeParty, MakeUser, Party, SignInAs


@pytest.fixture
def call(
    engine: Engine,
    jobs: Jobs,
    browser: Callable[[], TestClient],
    sign_in: SignInAs,
    make_party: MakeParty,
    make_user: MakeUser,
) -> Call:
    profiles = profiles_of_the_call()

    def program(user: User, name: str, role: str = "applicant") -> Somebody:
        asked = {"name": "journey", "scopes": SCOPES[role]}
        made = sign_in(browser(), user).post("/api/v1/accounts/tokens", json=asked).json()
        return Somebody(client(made["secret"]), name, user.email)

    def client(secret: str = "") -> Any:
        found = browser()
        found.base_url = f"{BASE_URL}/api/v1"
        found.headers.update(
            {"Accept-Language": "en"} | ({"Authorization": f"Bearer {secret}"} if secret else {})
        )
        return found

    def staff(name: str, role: Role, **more: Any) -> Somebody:
        user = make_user(f"{name.lower()}@example.org", name=name, roles=[role], **more)
        return program(user, name, role)

    members: dict[str, Party] = {
        one.organization.id: make_party(one.organization.name, **facts_of(one)) for one in profiles.values()
    }
    tied = {members["org-mesa"].organization.key: Role.VIEWER}
    return Call(
        engine=engine,
        work=jobs.run_all,
        profiles=profiles,
        parties={key: program(party.user, party.user.name) for key, party in members.items()},
        organizations={key: party.organization.uid for key, party in members.items()},
        frida=staff("Frida", Role.FACILITATOR),
        felix=staff("Felix", Role.FACILITATOR),
        reviewers={
            "Rosa": staff("Rosa", Role.REVIEWER, member_of=tied),
            **{name: staff(name, Role.REVIEWER) for name in ("Stan", "Rui", "Rita", "Rolf")},
        },
        public=Program(client()),
    )


def test_venture_call_from_preset_to_confirmation_is_told_by_its_log(database_url: str, call: Call) -> None:
    assert database_url
    publish(call)
    create_round(call)
    apply(call)
    accept_fitting(call)
    return_it(call)
    resubmit(call)
    appeal(call)
    assign_reviews(call)
    recuse(call)
    reassign(call)
    write_all(call)
    shortlist(call)
    first = match(call)
    objection = object_and_uphold(call, first)
    second = match_again(call, first)
    confirm(call, objection, second)
    read_the_log(call)


def read_the_log(call: Call) -> None:
    """Whoever reads the log of the round alone can say who decided what, when and why."""
    trail = Trail(call.felix, call.round)
    trail.check_readable()
    entries = trail.entries
    bare = {one["name"] for one in entries if not {one["name"], one["name"].partition(".")[2]} & {*STEPS}}
    assert bare == set(), "everything that happened is said in words"
    told = iter([(one["who"]["name"], one["text"], one["title"], one["reason"]) for one in entries])
    for expected in the_story(call):
        assert expected in told, expected
    [released] = [
        one["details"]["amounts"]
        for one in entries
        if one["name"] == "pairing.release" and call.profiles[RIDERS].title in one["title"]
    ]
    assert released[0]["unit"] == "CNY", "how much was decided is in the log too"
    [line] = [one for one in entries if one["name"] == "application.waitlist"]
    assert (line["details"]["place"], line["details"]["mark"]) == (1, 60)
    read_the_page(call)


def the_story(call: Call) -> list[tuple[str, str, str, str]]:
    """Who did what about what, and why, in order; much else stands between."""
    title = {name: profile.title for name, profile in call.profiles.items()}
    about_mesa = title[MESA]
    mohai, wheels = (call.owner(name).name for name in (MOHAI, WHEELS))
    nobody, service = "somebody who is not signed in", "the service"
    return [
        ("Frida", "Round: created", TITLE, ""),
        ("Frida", "Round: opened", TITLE, ""),
        (mohai, "Application: submitted", title[MOHAI], ""),
        ("Frida", "Application: accepted", about_mesa, ""),
        ("Frida", "Application: returned", title[MOHAI], WORDS["return"]),
        (mohai, "Application: submitted", title[MOHAI], ""),
        ("Frida", "Application: accepted", title[MOHAI], WORDS["accept"]),
        ("Frida", "Application: declined", title[WHEELS], WORDS["return-wrongly"]),
        (wheels, "Appeal: raised", title[WHEELS], WORDS["appeal"]),
        ("Felix", "Appeal: upheld", title[WHEELS], WORDS["uphold-appeal"]),
        ("Felix", "Application: reinstated", title[WHEELS], WORDS["uphold-appeal"]),
        ("Frida", "Round: reviewing begun", TITLE, ""),
        ("Frida", "Reviewer of a round: added", "Rosa", ""),
        ("Frida", "Round: reviews assigned", TITLE, ""),
        ("Rui", "Conflict of interest: declared", "Rui", WORDS["recuse"]),
        ("Rui", "Review: recused", call.recused, WORDS["recuse"]),
        ("Frida", "Review: assigned", call.recused, ""),
        (call.written[0][0], "Review: submitted", call.written[0][1], ""),
        ("Frida", "Application: shortlisted", about_mesa, ""),
        ("Frida", "Application: put on the waiting list", title[RIDERS], ""),
        ("Frida", "Application: declined", title[HOMELESS], WORDS["decline"]),
        ("Frida", "Round: shortlist decided", TITLE, WORDS["decline"]),
        ("Frida", "Round: matching begun", TITLE, ""),
        ("Frida", "Match run: asked for", TITLE, ""),
        (service, "Match run: finished", TITLE, ""),
        ("Frida", "Pairing: released", f"{about_mesa} – {title[FUND]}", ""),
        ("Frida", "Match run: released", TITLE, ""),
        ("Frida", "Round: public notice begun", TITLE, ""),
        (nobody, "Objection: raised", f"{about_mesa} – {title[FUND]}", ""),
        ("Felix", "Objection: upheld", f"{about_mesa} – {title[FUND]}", WORDS["uphold"]),
        ("Felix", "Round: back to matching", TITLE, WORDS["uphold"]),
        ("Felix", "Application: declined", about_mesa, WORDS["uphold"]),
        ("Felix", "Pairing: dropped", f"{about_mesa} – {title[FUND]}", WORDS["uphold"]),
        ("Frida", "Application: shortlisted", title[RIDERS], WORDS["call-up"]),
        ("Frida", "Match run: asked for", TITLE, ""),
        ("Frida", "Pairing: released", f"{title[RIDERS]} – {title[FUND]}", ""),
        ("Frida", "Round: public notice begun", TITLE, ""),
        ("Frida", "Round: signing begun", TITLE, ""),
        ("Frida", "Round: confirmed", TITLE, ""),
    ]


def read_the_page(call: Call) -> None:
    """The page of the log says the same to people, names instead of ids."""
    page: Any = call.frida.http.get(
        f"{BASE_URL}/audit", params={"subject": call.round, "kind": "round.confirm"}
    )
    seen = words(page)
    fund = call.profiles[FUND].title
    assert f"Round: confirmed {TITLE}" in seen
    assert f"{call.profiles[RIDERS].title} – {fund}" in seen
    page = call.frida.http.get(f"{BASE_URL}/audit", params={"subject": call.round, "kind": "objection"})
    assert f"{call.profiles[MESA].title} – {fund}" in words(page)
    assert "Ana" not in page.text
