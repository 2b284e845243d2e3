"""The web server is killed again and again while a hall chooses: what a phone was told is stored, once."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlmodel import Session, col, select

from matching.profiles import Side
from service.choices import codes
from service.db import reading
from service.events import Event, broken_links
from service.pairings.models import Pairing, PairingStatus
from tests.journeys.killing import PATIENCE, free_port, processes, wait_for_answer
from tests.listening import Screen
from tests.service.choices.conftest import bring, give, talk
from tests.service.conftest import *  # noqa: F403 — the fixtures of a running application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Engine

    from service.rounds.models import Round
    from service.settings import Settings
    from tests.journeys.killing import Processes
    from tests.service.choices.conftest import Bring, Stand

__all__ = ["bring", "give", "processes", "talk"]

PAIRS, KILLED = 8, 8
ANSWERS = (0, 25)
"""How many answers a server gives before it is killed."""
SAID = {"accept": "choice.accept", "take-back": "choice.take_back"}


@dataclass
class Phone:
    """A phone of one organization, which answers about one pairing until it is told that it is stored."""

    address: str
    code: str
    path: str
    calm: threading.Event
    """From now on nobody changes their mind any more."""
    steady: threading.Event
    """The one of the couple that wavered does so no more."""
    told: list[str] = field(default_factory=list)
    lost: int = 0
    """Answers that did not come, so that it had to ask again."""

    def choose(self, *, wavers: bool) -> None:
        """Say yes; one that wavers says yes and no in turn for as long as servers are killed."""
        with httpx.Client(base_url=self.address, timeout=PATIENCE) as browser:
            self._send(browser, self.code, {})
            while wavers and not self.calm.is_set():
                self._send(browser, self.path, {"answer": "accept"})
                self._send(browser, self.path, {"answer": "take-back"})
            if wavers:
                self.steady.set()
            self.steady.wait()
            self._send(browser, self.path, {"answer": "accept"})

    def _send(self, browser: httpx.Client, path: str, data: dict[str, str]) -> None:
        """Until it is stored, as a phone's script does."""
        while True:
            with suppress(httpx.HTTPError):
                answer = browser.post(path, data=data, headers={"x-part": "1"} if data else {})
                assert answer.status_code == (200 if data else 303), answer.text[:500]
                if data:
                    self.told.append(SAID[data["answer"]])
                return
            self.lost += 1
            time.sleep(0.1)


@pytest.fixture
def couples(bring: Bring, give: Callable[..., Pairing]) -> list[tuple[Pairing, Stand, Stand]]:
    found = []
    for _ in range(PAIRS):
        need, offer = bring(Side.NEED), bring(Side.OFFER)
        found.append((give(need, offer), need, offer))
    return found


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_a_phone_was_told_is_stored_once_whenever_the_web_is_killed(
    engine: Engine,
    settings: Settings,
    talk: Round,
    couples: list[tuple[Pairing, Stand, Stand]],
    processes: Processes,
) -> None:
    rng = random.Random(4)
    port, calm = free_port(), threading.Event()
    address = f"http://127.0.0.1:{port}"
    phones: dict[tuple[str, str], Phone] = {}
    hall = []
    for pairing, need, offer in couples:
        steady = threading.Event()
        for stand in (need, offer):
            code = codes.make_code(settings.secret, talk, stand.party.organization, 0)
            path = f"/rounds/{talk.uid}/choices/{pairing.uid}"
            phone = Phone(address, f"/rounds/{talk.uid}/in/{code}", path, calm, steady)
            phones[pairing.uid, stand.uid] = phone
            hall.append(threading.Thread(target=phone.choose, kwargs={"wavers": stand is offer}, daemon=True))
    wall = Screen(f"{address}/rounds/{talk.uid}/wall/events?after=0")
    for one in hall:
        one.start()
    for left in reversed(range(KILLED)):
        with processes.running(f"web {port}") as web, httpx.Client(base_url=address) as browser:
            wait_for_answer(browser)
            wall.connect()
            if not left:
                calm.set()
            _wait_for_answers(phones.values(), rng.randint(*ANSWERS) if left else PAIRS)
            os.kill(web, signal.SIGKILL)
            assert wall.ended.wait(PATIENCE)
            wall.disconnect()
        with reading(engine) as session:
            assert list(broken_links(session)) == []
    with processes.running(f"web {port}"), httpx.Client(base_url=address) as browser:
        wait_for_answer(browser)
        wall.connect()
        for one in hall:
            one.join(PATIENCE)
        for pairing, _, _ in couples:
            wall.wait_for(lambda news, uid=pairing.uid: f'id="pair-{uid}"' in news.data)
        wall.disconnect()
    assert sum(phone.lost for phone in phones.values()) >= KILLED, "servers were killed while phones asked"
    with reading(engine) as session:
        assert list(broken_links(session)) == []
        assert {key: phone.told for key, phone in phones.items()} == _stored(session, phones)
        assert set(session.exec(select(Pairing.status))) == {PairingStatus.MUTUAL}
        mutual = session.exec(select(Event.subject).where(Event.name == "pairing.become_mutual")).all()
        assert sorted(mutual) == sorted(pairing.uid for pairing, _, _ in couples)
    on_the_wall = [one.data.partition('id="pair-')[2][:32] for one in wall.heard if 'id="pair-' in one.data]
    assert sorted(on_the_wall) == sorted(mutual), "each pair came once, though the wall was cut off so often"


def _wait_for_answers(phones: Iterable[Phone], number: int) -> None:
    """Until so many more answers were told to be stored."""
    enough = sum(len(phone.told) for phone in phones) + number
    end = time.monotonic() + PATIENCE
    while sum(len(phone.told) for phone in phones) < enough:
        assert time.monotonic() < end, "no answers come"
        time.sleep(0.002)


def _stored(session: Session, phones: dict[tuple[str, str], Phone]) -> dict[tuple[str, str], list[str]]:
    """What the log says that each organization answered, in order."""
    found: dict[tuple[str, str], list[str]] = {key: [] for key in phones}
    said = select(Event).where(col(Event.name).in_(SAID.values())).order_by(col(Event.id))
    for event in session.exec(said):
        found[event.details["pairing"], event.details["organization"]].append(event.name)
    return found
