"""The Liaocheng talk, from the theme to the signed list, as programs and phones do it.

What organizations ask for and give is the bundled scenario's. The facilitator and the associations ask with
tokens of their own; the other half of the hall chooses on phones that came in with the code on their card.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from service.db import now
from tests.house import open_house
from tests.journeys.forum import gather
from tests.journeys.trail import Trail
from tests.listening import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.journeys.forum import Forum

THEME = ["elderly-care"]
COOPERATIONS = 6
WHY = "13 organizations ask for it and nobody carries them."
NO = "今年的名额已经排满，明年再谈。"
HOW_LONG = timedelta(days=3)


@pytest.fixture
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forum]:
    with open_house(tmp_path_factory.mktemp("talk"), scenarios=["liaocheng"]) as house:
        yield gather(house)


def test_talk_goes_from_the_theme_to_six_signed_cooperations(talk: Forum) -> None:
    choose_theme(talk)
    apply(talk)
    arrange_showcase(talk)
    match_and_release(talk)
    pairs = choose_live(talk)
    sign(talk, pairs)
    read_the_log(talk, pairs)


def choose_theme(talk: Forum) -> None:
    """What most organizations ask for and nobody carries becomes the theme of the month."""
    talk.house.wait_for_jobs()
    largest = talk.frida.get("/rounds/themes")[0]
    assert largest["themes"] == THEME
    assert largest["needs"] >= 10
    made = talk.begin(
        "monthly-talk",
        "社会组织月月谈：为老服务",
        themes=THEME,
        calendar="CN",
        venue="社会组织创新园",
        reason=WHY,
        plan=[{"phase": "open", "ends": (now() + HOW_LONG).isoformat()}],
    )
    assert made["phases"] == ["open", "matching", "choosing", "meeting", "signing", "delivering"]
    assert talk.public.get(talk.here, status=404), "a draft is nobody's business"
    assert talk.advance() == "open"
    assert talk.public.get(talk.here)["themes"] == THEME


def apply(talk: Forum) -> None:
    """Whoever needs or gives something for old people comes in; the rules answer at once."""
    for listing in talk.listings(THEME):
        talk.enter(listing)
    sides = [one["side"] for one in talk.frida.all_of(f"{talk.here}/applications", limit=100)]
    assert sides.count("need") >= 10
    assert sides.count("offer") >= 10
    turned_away(talk)


def turned_away(talk: Forum) -> None:
    """An association that comes with a need learns from the rule why it cannot."""
    listing = next(
        one
        for one in talk.public.all_of("/listings", limit=100)
        if one["side"] == "need" and one["organization"]["kind"] == "association"
    )
    owner = talk.owner(listing["organization"]["id"]).program
    entered = owner.post(f"{talk.here}/applications", status=201, listing=listing["id"])
    refused = owner.post(f"{talk.here}/applications/{entered['id']}/submit", status=422)
    assert refused["errors"], refused
    owner.post(f"{talk.here}/applications/{entered['id']}/withdraw")


def arrange_showcase(talk: Forum) -> None:
    """Everybody has a page; the order is fair until the facilitator puts a guest first."""
    turns = talk.frida.ask("PUT", f"{talk.here}/showcase", json={"fair": True})
    assert {turn["organization"]["id"] for turn in turns} == set(talk.names)
    last = turns[-1]["organization"]["id"]
    talk.frida.ask("PUT", f"{talk.here}/showcase", json={"order": [last]})
    first, *others = talk.public.get(f"{talk.here}/showcase")
    assert first["organization"]["id"] == last
    assert len(others) == len(turns) - 1
    assert first["needs"] or first["offers"]
    page = httpx.get(f"{talk.house.url}/rounds/{talk.round}/showcase/{last}")
    assert talk.names[last] in page.text
    assert (first["needs"] + first["offers"])[0]["title"] in page.text


def match_and_release(talk: Forum) -> None:
    """One button; who would leave with nothing is named before anything goes out."""
    assert talk.advance() == "matching"
    run = talk.match()
    result = talk.frida.get(f"{talk.here}/match-runs/{run['id']}/result")
    there = f"{talk.here}/match-runs/{run['id']}/release"
    if result["alarms"]:
        refused = talk.frida.post(there, status=422)
        assert result["alarms"][0]["name"] in refused["errors"][0]["detail"]
    released = talk.frida.post(there, confirmed=True)
    assert len(released) > COOPERATIONS
    assert talk.advance() == "choosing"


def choose_live(talk: Forum) -> list[str]:
    """Phones and programs answer; the wall shows each pair once, though its connection is lost on the way."""
    phones = check_in(talk)
    pairings = talk.frida.get(f"{talk.here}/choices")
    chosen, spare = pairings[:COOPERATIONS], pairings[COOPERATIONS]
    talk.frida.ask("PATCH", f"{talk.here}/live", json={"step": "wait"})
    hasty = talk.owner(spare["offer"]["organization"]).program
    early = hasty.post(f"{talk.here}/choices/{spare['pairing']}", status=409, answer="accept")
    assert early["code"] == "choosing-not-begun"
    talk.frida.ask("PATCH", f"{talk.here}/live", json={"step": "choose", "minutes": 10})
    with Screen(f"{talk.house.url}{talk.here}/wall/events?after=0", language="zh-Hans") as wall:
        for one in chosen[:2]:
            accept(talk, phones, one)
            wall.wait_for(shows(one))
        wall.disconnect()
        for one in chosen[2:4]:
            accept(talk, phones, one)
        wall.connect()
        for one in chosen[2:4]:
            wall.wait_for(shows(one))
        for one in chosen[4:]:
            accept(talk, phones, one)
            wall.wait_for(shows(one))
    on_the_wall = [found[1] for one in wall.heard if (found := re.search(r'id="pair-(\w+)"', one.data))]
    assert on_the_wall == [one["pairing"] for one in chosen]
    declined = hasty.post(f"{talk.here}/choices/{spare['pairing']}", answer="decline", reason=NO)
    assert declined["status"] == "declined"
    assert talk.frida.get(f"{talk.here}/live")["mutual"] == COOPERATIONS
    closed = talk.frida.post(f"{talk.here}/live/close")
    assert closed["lapsed"] == len(pairings) - COOPERATIONS - 1
    return on_the_wall


def check_in(talk: Forum) -> dict[str, httpx.Client]:
    """A phone for every organization that needs something; the others are marked present at the desk."""
    sides = {one["organization"]["id"]: one["side"] for one in talk.frida.all_of(f"{talk.here}/applications")}
    phones = {}
    for guest, address in talk.codes().items():
        if sides[guest] == "offer":
            talk.frida.ask("PUT", f"{talk.here}/attendance/{guest}")
        else:
            assert talk.names[guest] in httpx.get(address).text
            phones[guest] = talk.phone(address)
    stage = talk.public.get(f"{talk.here}/live")
    assert stage["present"] == stage["expected"]
    return phones


def accept(talk: Forum, phones: dict[str, httpx.Client], one: dict[str, Any]) -> None:
    """The association's program says yes, then the charity's phone."""
    path = f"{talk.here}/choices/{one['pairing']}"
    half = talk.owner(one["offer"]["organization"]).program.post(path, answer="accept")
    assert half["status"] == "released"
    assert half["need"]["answer"] is None
    phone = phones[one["need"]["organization"]]
    card = phone.post(path, data={"answer": "accept"}, headers={"x-part": "1"})
    assert "choice-mutual" in card.text


def shows(one: dict[str, Any]) -> Any:
    return lambda news: f'id="pair-{one["pairing"]}"' in news.data


def sign(talk: Forum, pairs: list[str]) -> None:
    """All six stand on the list; both owners sign, and the last two do so on stage."""
    assert talk.advance() == "meeting"
    assert talk.advance() == "signing"
    order = list(reversed(pairs))
    listed = talk.frida.ask("PUT", f"{talk.here}/signing", json={"pairings": order})
    assert [one["pairing"] for one in listed] == order
    assert {one["status"] for one in listed} == {"mutual"}
    for one in listed[:4]:
        path = f"{talk.here}/signing/{one['pairing']}"
        half = talk.owner(one["need"]["organization"]).program.post(path)
        assert (half["status"], bool(half["need"]["signed"])) == ("mutual", True)
        assert talk.owner(one["offer"]["organization"]).program.post(path)["status"] == "agreed"
    for one in listed[4:]:
        signed = talk.frida.post(f"{talk.here}/signing/{one['pairing']}", on_stage=True)
        assert (signed["status"], signed["need"]["signed_on_stage"]) == ("agreed", True)
    assert talk.frida.get(f"{talk.here}/live")["agreed"] == COOPERATIONS
    assert talk.advance() == "delivering"


def read_the_log(talk: Forum, pairs: list[str]) -> None:
    """Somebody who was not there can say who decided what, when and why."""
    trail = Trail(talk.frida, talk.round)
    trail.check_readable()
    begun = trail.one("round.create")
    assert (begun["who"]["name"], begun["reason"], begun["details"]["themes"]) == ("Frida", WHY, THEME)
    phases = [
        entry["after"] for entry in trail.entries if entry["name"].startswith("round.") and entry["after"]
    ]
    assert phases == ["open", "matching", "choosing", "meeting", "signing", "delivering"]
    for submitted in trail.of("application.submit"):
        assert submitted["who"]["name"].startswith("Owner")
    asked, released = trail.one("match_run.request"), trail.one("match_run.release")
    assert asked["subject"] == released["subject"]
    assert {asked["who"]["name"], released["who"]["name"]} == {"Frida"}
    assert set(released["details"]["left_with_nothing"]) <= set(talk.names)
    proposed = {entry["subject"] for entry in trail.of("pairing.release")}
    assert {entry["subject"] for entry in trail.of("pairing.become_mutual")} == set(pairs)
    for pairing in pairs:
        half, whole = (entry for entry in trail.of("choice.accept") if entry["details"]["pairing"] == pairing)
        assert (half["details"]["side"], whole["details"]["side"]) == ("offer", "need")
        assert half["who"]["name"].startswith("Owner")
        assert whole["who"]["name"] == f"{talk.names[whole['details']['organization']]}, on a phone"
        assert half["at"] < whole["at"]
    declined = trail.one("pairing.decline")
    assert (declined["reason"], declined["details"]["side"]) == (NO, "offer")
    lapsed = trail.of("pairing.lapse")
    assert {(entry["who"]["name"], entry["details"]["cause"]) for entry in lapsed} == {
        ("Frida", "choosing-closed")
    }
    assert proposed == {*pairs, declined["subject"], *(entry["subject"] for entry in lapsed)}
    agreed = trail.of("pairing.agree")
    assert {entry["subject"] for entry in agreed} == set(pairs)
    signed = [entry for entry in trail.of("pairing.sign") if entry["details"]["on_stage"]]
    assert {entry["who"]["name"] for entry in signed} == {"Frida"}
    assert len({entry["subject"] for entry in signed}) == 2
