"""The audit trail: everything that happened can be read by those who may, and by nobody else."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import update
from sqlmodel import col

import service
from matching.profiles import Side
from service.audit.words import STEPS, noun, word
from service.db import now, writing
from service.events import Event, record
from service.lifecycle import Lifecycle
from service.organizations import decisions
from service.organizations.models import DecisionStep, FlagLevel, FlagRisk
from service.pairings.models import Objection
from service.permissions import SYSTEM_ACTOR, Actor
from tests.service.conftest import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from httpx import Response
    from sqlalchemy import Engine

    from service.accounts.models import User
    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, Pair
    from tests.service.organizations.conftest import MakeOrganization

AUDIT = "/api/v1/audit"
pytestmark = pytest.mark.usefixtures("database_url")


@dataclass
class MatchRun:
    """A kind of thing that has no table here."""

    uid: str = field(default_factory=lambda: uuid4().hex)


def happened(engine: Engine, name: str, thing: Any, by: Any = SYSTEM_ACTOR, **more: Any) -> None:
    with writing(engine) as session:
        record(session, by, name, thing, **more)


def names(answer: Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


def test_decision_is_read_with_who_why_and_from_what_to_what(
    as_olga: TestClient,
    make_organization: MakeOrganization,
    engine: Engine,
    olga: User,
    actor: Callable[[User], Actor],
) -> None:
    organization = make_organization("Green Home")
    with writing(engine) as session:
        decisions.decide(
            session, actor(olga), organization.uid, DecisionStep.SUSPEND, reason="The accounts are late."
        )
    seen = as_olga.get(f"/audit?subject={organization.uid}&lang=en")
    assert seen.status_code == 200
    assert "Olga" in words(seen)
    assert "Organization: suspended" in words(seen)
    assert "Verified → then Suspended The accounts are late." in words(seen)
    assert "Green Home" in words(seen)


def test_trail_of_a_thing_holds_what_names_it(
    as_olga: TestClient,
    make_organization: MakeOrganization,
    engine: Engine,
    olga: User,
    actor: Callable[[User], Actor],
) -> None:
    here, there = make_organization("Green Home"), make_organization("Blue House")
    with writing(engine) as session:
        for organization in (here, there):
            decisions.raise_flag(
                session,
                actor(olga),
                organization.uid,
                level=FlagLevel.YELLOW,
                risk=FlagRisk.FINANCIAL,
                text="Late.",
            )
    found = as_olga.get(AUDIT, params={"subject": here.uid})
    assert names(found) == ["flag.raise", "organization.register", "membership.add"]
    assert {item["details"].get("organization", item["subject"]) for item in found.json()["items"]} == {
        here.uid
    }


def test_kind_of_event_that_nobody_foresaw_is_readable(as_olga: TestClient, engine: Engine) -> None:
    run = MatchRun()
    round_id = uuid4().hex
    happened(engine, "match_run.finish", run, round=round_id, drift=0.4, sides=["need", "offer"])
    happened(engine, "match_run.weigh-anew", run, round=round_id, before={"themes": 1}, after={"themes": 2})
    seen = words(as_olga.get(f"/audit?subject={round_id}&lang=en"))
    assert "Match run: finished" in seen
    assert "Drift: 0.4" in seen
    assert "Sides: Need, Offer" in seen
    assert "Match run: weigh anew" in seen
    assert "Themes: 1 → then Themes: 2" in seen


def test_things_without_a_name_are_called_by_what_they_are_about(
    as_olga: TestClient,
    engine: Engine,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
    pair: Pair,
) -> None:
    one = make_round("venture-call")
    need = enter(one, make_listing(make_party("Green Home"), "Wells"))
    offer = enter(one, make_listing(make_party("Rich Bank", kind="finance"), "Money", Side.OFFER))
    pairing = pair(need, offer)
    objection = Objection(round_id=one.key, pairing_id=pairing.key, name="Ana", email="a@b.org", text="No.")
    with writing(engine) as session:
        session.add(objection)
    happened(engine, "application.decline", need, round=one.uid)
    happened(engine, "pairing.release", pairing, round=one.uid)
    happened(engine, "objection.raise", objection, round=one.uid)
    happened(engine, "round.confirm", one, round=one.uid, pairings=[pairing.uid])
    items = as_olga.get(AUDIT, params={"subject": one.uid}).json()["items"]
    assert [item["title"] for item in items] == [one.title, "Wells – Money", "Wells – Money", "Wells"]
    page = words(as_olga.get(f"/audit?subject={one.uid}&kind=round.confirm&lang=en"))
    assert "Pairings: Wells – Money" in page
    assert "Ana" not in words(as_olga.get(f"/audit?subject={one.uid}&lang=en"))


def test_filters_narrow_by_kind_person_and_period(
    as_olga: TestClient, make_organization: MakeOrganization, engine: Engine, li: User
) -> None:
    make_organization("Green Home")
    run = MatchRun()
    happened(engine, "match_run.finish", run)
    with writing(engine) as session:
        long_ago = datetime(2020, 5, 4, 12, tzinfo=UTC)
        session.execute(update(Event).where(col(Event.subject) == run.uid).values(at=long_ago))
    assert names(as_olga.get(AUDIT, params={"kind": "organization"})) == ["organization.register"]
    assert names(as_olga.get(AUDIT, params={"kind": "match_run.finish"})) == ["match_run.finish"]
    assert names(as_olga.get(AUDIT, params={"kind": "match"})) == []
    by_li = names(as_olga.get(AUDIT, params={"by": li.email}))
    assert set(by_li) == {"organization.register", "membership.add"}
    assert names(as_olga.get(AUDIT, params={"by": "system"})) == ["match_run.finish"]
    assert names(as_olga.get(AUDIT, params={"until": "2020-05-05T00:00:00Z"})) == ["match_run.finish"]
    assert "match_run.finish" not in names(as_olga.get(AUDIT, params={"since": "2020-05-05T00:00:00Z"}))
    on_that_day = words(as_olga.get("/audit?since=2020-05-04&until=2020-05-04&lang=en"))
    assert "Match run: finished" in on_that_day
    assert "Organization: registered" not in on_that_day.partition("Why")[2]


def test_day_that_is_none_is_said_beside_its_field(as_olga: TestClient) -> None:
    wrong = as_olga.get("/audit?since=yesterday&lang=en")
    assert wrong.status_code == 422
    assert "Write the date as year-month-day" in words(wrong)
    assert 'value="yesterday"' in wrong.text


def test_cursor_leads_through_the_whole_log_without_repeating(as_olga: TestClient, engine: Engine) -> None:
    for number in range(7):
        happened(engine, "match_run.finish", MatchRun(), number=number)
    found, cursor = [], None
    while True:
        answer = as_olga.get(
            AUDIT, params={"kind": "match_run", "limit": 3, **({"cursor": cursor} if cursor else {})}
        )
        found += [item["details"]["number"] for item in answer.json()["items"]]
        if (cursor := answer.json()["next"]) is None:
            break
    assert found == [6, 5, 4, 3, 2, 1, 0]


def test_changed_entry_is_marked_and_the_whole_log_shows_it(as_olga: TestClient, engine: Engine) -> None:
    runs = [MatchRun() for _ in range(3)]
    for run in runs:
        happened(engine, "match_run.finish", run)
    whole = as_olga.get("/audit?check=yes&lang=en")
    assert "entries are whole and in order" in words(whole)
    assert as_olga.get(f"{AUDIT}/chain").json()["broken"] == []
    with writing(engine) as session:
        changed = update(Event).where(col(Event.subject) == runs[1].uid).values(reason="forged")
        session.execute(changed)
    sound = {item["subject"]: item["sound"] for item in as_olga.get(AUDIT).json()["items"]}
    assert [sound[run.uid] for run in runs] == [True, False, True]
    seen = words(as_olga.get("/audit?check=yes&lang=en"))
    assert "One of 3 entries is not what it was" in seen
    assert "changed afterwards" in seen
    assert len(as_olga.get(f"{AUDIT}/chain").json()["broken"]) == 1


def test_removed_entry_leaves_the_next_one_without_its_link(as_olga: TestClient, engine: Engine) -> None:
    runs = [MatchRun() for _ in range(3)]
    for run in runs:
        happened(engine, "match_run.finish", run)
    with writing(engine) as session:
        session.execute(Event.__table__.delete().where(col(Event.subject) == runs[0].uid))  # type: ignore[attr-defined]
    sound = {item["subject"]: item["sound"] for item in as_olga.get(AUDIT).json()["items"]}
    assert [sound.get(run.uid) for run in runs] == [None, False, True]


def test_sentences_come_in_the_readers_language_beside_their_codes(
    as_olga: TestClient, engine: Engine
) -> None:
    happened(engine, "match_run.finish", MatchRun(), reason="In time.")
    [item] = as_olga.get(AUDIT, headers={"Accept-Language": "en"}, params={"kind": "match_run"}).json()[
        "items"
    ]
    assert (item["name"], item["text"], item["reason"]) == (
        "match_run.finish",
        "Match run: finished",
        "In time.",
    )
    assert item["who"] == {"id": "system", "name": "the service"}
    assert abs(datetime.fromisoformat(item["at"]) - now()) < timedelta(minutes=5)


def test_phone_is_named_by_the_organization_for_which_it_acts(
    as_olga: TestClient, make_organization: MakeOrganization, engine: Engine
) -> None:
    organization = make_organization("Green Home")
    happened(engine, "match_run.finish", MatchRun(), by=Actor(uid=f"phone:{organization.uid}"))
    [item] = as_olga.get(AUDIT, params={"kind": "match_run"}).json()["items"]
    assert item["who"] == {"id": f"phone:{organization.uid}", "name": "Green Home, on a phone"}
    seen = as_olga.get("/audit?kind=match_run&lang=en")
    assert "Green Home, on a phone" in words(seen)
    mine = as_olga.get(f"/audit?actor=phone:{organization.uid}&lang=en")
    assert "Match run: finished" in words(mine)


def every_lifecycle() -> list[Lifecycle[Any]]:
    """All that the service has, wherever they stand."""
    found: dict[int, Lifecycle[Any]] = {}
    for module in pkgutil.walk_packages(service.__path__, "service."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, Lifecycle):
                    found[id(value)] = value
    return list(found.values())


def test_every_status_is_said_in_words() -> None:
    lifecycles = every_lifecycle()
    assert len(lifecycles) > 15
    statuses = {status for one in lifecycles for step in one.steps for status in (*step.sources, step.target)}
    assert {status for status in statuses if isinstance(word(status), str)} == set()


def test_every_event_is_said_in_words() -> None:
    """What the log calls a thing and what happened to it is a word, not a code, for all that is recorded."""
    named = re.compile(r'record\(\s*[\w.]+,\s*[\w.]+,\s*f?"([a-z_-]+)\.([a-z_-]+)"')
    happened = {
        event
        for file in Path(service.__file__).parent.rglob("*.py")
        for event in named.findall(file.read_text(encoding="utf-8"))
    } | {(one.noun, step.name) for one in every_lifecycle() for step in one.steps}
    assert len(happened) > 150
    assert {kind for kind, _ in happened if noun(kind).template == "{word}"} == set()
    assert {(kind, step) for kind, step in happened if not {f"{kind}.{step}", step} & STEPS.keys()} == set()


def test_log_is_closed_to_all_but_those_who_may_read_it(
    as_li: TestClient, nobody: TestClient, make_organization: MakeOrganization
) -> None:
    organization = make_organization("Green Home")
    for path in ("/audit", f"/audit?subject={organization.uid}", AUDIT, f"{AUDIT}/chain"):
        refused = as_li.get(path)
        assert refused.status_code == 403
        assert "organization.register" not in refused.text
    assert nobody.get(AUDIT).status_code == 401
    asked = nobody.get("/audit")
    assert (asked.status_code, asked.headers["location"].partition("?")[0]) == (303, "/accounts/sign-in")
    assert "/audit" not in as_li.get("/").text


def test_whole_log_is_not_looked_at_too_often(as_olga: TestClient, app: Any, settings: Any) -> None:
    app.state.site.settings = settings.model_copy(update={"rate_limit": True})
    answers = [as_olga.get(f"{AUDIT}/chain").status_code for _ in range(7)]
    assert answers == [200] * 6 + [429]


def test_people_and_things_lead_to_their_own_trail(
    as_olga: TestClient, make_organization: MakeOrganization, li: User
) -> None:
    organization = make_organization("Green Home")
    seen = as_olga.get("/audit").text
    assert f'href="/audit?actor={li.uid}"' in seen
    assert f'href="/audit?subject={organization.uid}"' in seen
    assert (
        f'href="/organizations/{organization.uid}"' in as_olga.get(f"/audit?subject={organization.uid}").text
    )
