"""The news of a hall over a real server: in order, once each, over lost connections and restarts."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from matching.profiles import Side
from service.app import create_app
from service.choices import actions, forum, stream
from service.choices.models import StageIn
from service.rounds.models import RoundStatus
from tests.house import run_apart, serving
from tests.listening import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fastapi import FastAPI
    from sqlmodel import Session

    from service.choices.queries import Line
    from service.pairings.models import Pairing
    from service.permissions import Actor
    from service.rounds.models import Round
    from service.settings import Settings
    from tests.listening import News
    from tests.service.choices.conftest import Bring, Stand

Couple = tuple["Stand", "Stand", "Pairing"]


@pytest.fixture
def port(app: FastAPI) -> Iterator[int]:
    """Where the application is served."""
    with serving(app) as port:
        yield port


@pytest.fixture
def wall(talk: Round, port: int) -> Callable[..., Screen]:
    """A screen before the talk: `wall(after=12, manner="phone", language="ru")`."""

    def made(
        *,
        after: int | None = None,
        manner: str = "wall",
        of: Sequence[str] = (),
        language: str = "en",
        one: Round | None = None,
    ) -> Screen:
        here = f"http://127.0.0.1:{port}/rounds/{(one or talk).uid}/wall"
        if after is None:
            page = httpx.get(here, headers={"accept-language": language})
            after = int(re.findall(r'data-after="(\d+)"', page.text)[0])
        address = f"{here}/events?manner={manner}&of={'+'.join(of)}&after={after}"
        return Screen(address, language=language)

    return made


@pytest.fixture
def unite(talk: Round, kept: Any) -> Callable[[Couple], None]:
    """Both sides accept."""

    def both(couple: Couple) -> None:
        need, offer, pairing = couple
        for stand, side in ((need, Side.NEED), (offer, Side.OFFER)):
            kept(
                lambda session, on=stand, as_=side: actions.accept(session, on.actor, talk, pairing.uid, as_)
            )

    return both


@pytest.fixture
def couples(bring: Bring, give: Any) -> list[Couple]:
    """Three pairings of organizations of their own."""
    stands = [(bring(Side.NEED), bring(Side.OFFER)) for _ in range(3)]
    return [(need, offer, give(need, offer)) for need, offer in stands]


def _accept(session: Session, *, stand: Stand, one: Round, pairing: Pairing, side: Side) -> None:
    actions.accept(session, stand.actor, one, pairing.uid, side)


def pairs(heard: list[News]) -> list[str]:
    """Of the pairs that came onto a wall: their uids, as often as they came."""
    return [found[1] for one in heard if (found := re.search(r'id="pair-(\w+)"', one.data))]


def with_pair(couple: Couple) -> Callable[[News], bool]:
    return lambda one: f'id="pair-{couple[2].uid}"' in one.data


def about(one: News) -> str:
    """The pairing of which a phone hears."""
    return one.data.partition(" ")[0]


def test_wall_hears_each_pair_as_it_becomes_mutual_and_the_numbers_with_it(
    couples: list[Couple],
    wall: Callable[..., Screen],
    unite: Callable[[Couple], None],
    kept: Any,
    talk: Round,
) -> None:
    need, offer, pairing = couples[0]
    with wall() as screen:
        kept(lambda session: actions.accept(session, need.actor, talk, pairing.uid, Side.NEED))
        counted = screen.wait_for(lambda one: "wall-numbers" in one.data)
        assert pairs(screen.heard) == [], "one side alone is no pair"
        assert re.search(r"<dt>Answers</dt><dd>1<small> / 6", counted.data)
        kept(lambda session: actions.accept(session, offer.actor, talk, pairing.uid, Side.OFFER))
        came = screen.wait_for(with_pair(couples[0]))
        assert need.party.organization.name in came.data
        assert offer.party.organization.name in came.data
        screen.wait_for(lambda one: bool(re.search(r"<dt>Pairs</dt><dd>1<", one.data)))
        unite(couples[1])
        screen.wait_for(with_pair(couples[1]))
    assert pairs(screen.heard) == [pairing.uid, couples[1][2].uid]
    assert [one.id for one in screen.heard] == sorted(one.id for one in screen.heard)


def test_wall_that_lost_its_connection_hears_what_it_missed_once_and_goes_on(
    couples: list[Couple], wall: Callable[..., Screen], unite: Callable[[Couple], None]
) -> None:
    with wall() as screen:
        unite(couples[0])
        screen.wait_for(with_pair(couples[0]))
        screen.disconnect()
        unite(couples[1])
        screen.connect()
        screen.wait_for(with_pair(couples[1]))
        unite(couples[2])
        screen.wait_for(with_pair(couples[2]))
    assert pairs(screen.heard) == [pairing.uid for _, _, pairing in couples]


def test_wall_outlives_a_restart_of_the_server(
    talk: Round,
    couples: list[Couple],
    app: FastAPI,
    settings: Settings,
    unite: Callable[[Couple], None],
) -> None:
    with serving(app) as port:
        screen = Screen(f"http://127.0.0.1:{port}/rounds/{talk.uid}/wall/events?after=0")
        screen.connect()
        unite(couples[0])
        screen.wait_for(with_pair(couples[0]))
    assert screen.ended.wait(5), "a server that goes down takes its walls along at once"
    unite(couples[1])
    with serving(create_app(settings), port):
        screen.connect()
        screen.wait_for(with_pair(couples[1]))
        unite(couples[2])
        screen.wait_for(with_pair(couples[2]))
        screen.disconnect()
    assert pairs(screen.heard) == [pairing.uid for _, _, pairing in couples]


def test_phones_learn_which_pairing_changed_and_not_how(
    couples: list[Couple],
    wall: Callable[..., Screen],
    kept: Any,
    look: Callable[[Pairing], Line],
    talk: Round,
    unite: Callable[[Couple], None],
) -> None:
    need, _, pairing = couples[0]
    with wall(manner="phone") as screen:
        kept(lambda session: actions.decline(session, need.actor, talk, pairing.uid, "No driver", Side.NEED))
        screen.wait_for(lambda one: about(one) == pairing.uid)
        unite(couples[1])
        screen.wait_for(lambda one: about(one) == couples[1][2].uid)
    assert {one.event for one in screen.heard} == {"changed"}
    assert [about(one) for one in screen.heard] == [pairing.uid, couples[1][2].uid]
    for heard, (_, _, told) in zip(screen.heard, couples, strict=False):
        assert heard.data.split(" ", 1)[1] == look(told).version, "who shows this version need not ask"


def test_phone_hears_of_the_pairings_of_its_own_organizations_alone_and_of_those_it_missed(
    couples: list[Couple], wall: Callable[..., Screen], unite: Callable[[Couple], None]
) -> None:
    own = [couples[0][0].uid, couples[2][1].uid]
    with wall(manner="phone", of=own) as screen:
        for couple in couples:
            unite(couple)
        screen.wait_for(lambda one: about(one) == couples[2][2].uid)
    with wall(manner="phone", of=own, after=0) as late:
        late.wait_for(lambda one: about(one) == couples[2][2].uid)
    for heard in (screen.heard, late.heard):
        assert [about(one) for one in heard] == [couples[0][2].uid, couples[2][2].uid]


def test_screens_hear_their_own_round_in_their_own_language(
    couples: list[Couple],
    wall: Callable[..., Screen],
    make_round: Any,
    kept: Any,
    talk: Round,
    steering: Actor,
) -> None:
    elsewhere = make_round("monthly-talk", RoundStatus.CHOOSING)
    with wall(language="ru") as russian, wall(language="es") as spanish, wall(one=elsewhere) as other:
        kept(lambda session: forum.steer(session, steering, talk, StageIn(step="choose", notice="Coffee")))
        said = [screen.wait_for(lambda one: "wall-stage" in one.data).data for screen in (russian, spanish)]
        assert "Coffee" in said[0]
        assert "Coffee" in said[1]
        assert said[0] != said[1]
        kept(lambda session: forum.steer(session, steering, elsewhere, StageIn(notice="Next door")))
        other.wait_for(lambda one: "Next door" in one.data)
    assert not [one for one in other.heard if "Coffee" in one.data]
    assert not [one for one in russian.heard if "Next door" in one.data]


def test_screen_that_has_missed_too_much_loads_its_page_anew(
    couples: list[Couple],
    wall: Callable[..., Screen],
    unite: Callable[[Couple], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "MOST_MISSED", 5)
    unite(couples[0])
    unite(couples[1])
    with wall(after=1) as screen:
        screen.wait_for(lambda one: one.event == "reload")
        unite(couples[2])
        screen.wait_for(with_pair(couples[2]))
    assert pairs(screen.heard) == [couples[2][2].uid], "what the page shows by itself is not told"


def test_silent_connection_is_given_signs_of_life(
    wall: Callable[..., Screen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.05)
    with wall() as screen:
        screen.ended.wait(1)
    assert screen.alive > 3
    assert screen.heard == []


def test_screen_that_does_not_keep_up_is_let_go_and_comes_again_from_where_it_was(
    talk: Round, app: FastAPI, kept: Any, steering: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_WAITING", 1)
    hub: stream.Hub = app.state.hub
    channel = stream.Channel(talk.uid, "en", "phone")

    async def say(notice: str) -> None:
        await asyncio.to_thread(
            kept, lambda session: forum.steer(session, steering, talk, StageIn(notice=notice))
        )
        await asyncio.sleep(stream.PAUSE * 3)

    async def slow() -> list[bytes]:
        listening = hub.listen(channel, 0)
        heard = [await anext(listening)]
        await say("First coffee")
        heard.append(await anext(listening))
        await say("Second coffee")
        await say("Third coffee")
        assert [piece async for piece in listening] == [], "what has piled up is thrown away"
        again = hub.listen(channel, int(re.findall(rb"id: (\d+)", heard[-1])[-1]))
        heard += [await anext(again), await anext(again)]
        return heard

    heard = run_apart(slow())
    assert b"First coffee" in heard[1]
    assert heard[3].count(b"id: ") == 2, "both that were missed, once each"
    assert b"Third coffee" in heard[3]
