"""The phones and the wall of a hall: what `bench_forum` holds against the service.

A phone opens its page, listens to the news of its organization on a second connection, and posts its answers
as its script does; when it hears that one of its pairings changed, it asks for its card a little later.
Both connections are kept alive. The wall only listens. All of them share one event loop and speak HTTP
through plain sockets, in about a millisecond of processor for each request, because they run on the same two
cores as what they measure.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PHONES = 500
EACH = 2
"""Pairings of each organization."""
SECONDS = 55.0
"""Within which everybody has tapped."""
DECLINED, TWICE = 0.1, 0.05


@dataclass
class Hall:
    """What was put into the database."""

    round: str
    codes: list[str]
    """Of each phone's organization."""
    pairings: list[list[str]]
    """By phone."""
    after: int = 0
    """The last entry of the log before the minute."""


class Connection:
    """One connection that is kept alive, with its own cookies; as little as a browser needs."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def ask(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, str]:
        """Status and body of an answer; where the server has hung up meanwhile, on a new connection."""
        async with self._turn:
            try:
                status, told, reader = await self._ask(method, path, form, headers)
            except (asyncio.IncompleteReadError, ConnectionError):
                self.close()
                status, told, reader = await self._ask(method, path, form, headers)
            return status, (await reader.readexactly(int(told.get("content-length", 0)))).decode()

    async def _ask(
        self, method: str, path: str, form: dict[str, str] | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], asyncio.StreamReader]:
        reader = await self._send(method, path, form, headers)
        status, told = await self._head(reader)
        return status, told, reader

    async def listen(self, path: str) -> AsyncIterator[tuple[str, str, str]]:
        """id, name and text of each server-sent event."""
        reader = await self._send("GET", path, None, {"accept": "text/event-stream"})
        status, _ = await self._head(reader)
        assert status == 200, status
        waiting = ""
        while True:
            size = int((await reader.readline()).strip() or b"0", 16)
            if not size:
                return
            waiting += (await reader.readexactly(size + 2))[:-2].decode()
            *whole, waiting = waiting.split("\n\n")
            for message in whole:
                parts: dict[str, str] = {}
                for row in message.splitlines():
                    name, _, value = row.partition(": ")
                    parts[name] = f"{parts[name]}\n{value}" if name in parts else value
                if "event" in parts:
                    yield parts["id"], parts["event"], parts.get("data", "")

    async def _send(
        self, method: str, path: str, form: dict[str, str] | None, headers: dict[str, str]
    ) -> asyncio.StreamReader:
        if self._streams is None or self._streams[0].at_eof():
            self._streams = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        reader, writer = self._streams
        body = urlencode(form or {}).encode()
        lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", "accept-language: en"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if self.cookies:
            lines.append("cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if method == "POST":
            lines += ["content-type: application/x-www-form-urlencoded", f"content-length: {len(body)}"]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        return reader

    async def _head(self, reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        told = {}
        for row in head[1:]:
            name, _, value = row.partition(": ")
            told[name.lower()] = value
            if name.lower() == "set-cookie":
                key, _, word = value.partition(";")[0].partition("=")
                self.cookies[key] = word
        return int(head[0].split()[1]), told

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@dataclass
class Seen:
    """What the phones were told and the wall showed."""

    answers: dict[tuple[int, str], str] = field(default_factory=dict)
    """By phone and pairing: the answer that was acknowledged."""
    tapped: dict[str, float] = field(default_factory=dict)
    """By pairing: when the tap was made that made it mutual."""
    shown: dict[str, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    shown_twice: int = 0
    strange: int = 0
    """News that came to a phone which they do not concern."""
    in_time: int = 0
    cards: dict[tuple[int, str], str] = field(default_factory=dict)
    """By phone and pairing: the version that its screen shows."""

    def keep(self, number: int, body: str) -> None:
        """A phone shows these cards from now on."""
        for uid, version in re.findall(r'data-pairing="(\w+)" data-version="([\d ]+)"', body):
            self.cards[number, uid] = version

    def knows(self, number: int, uid: str, version: str) -> bool:
        """Whether a phone shows this version already, or a later one."""
        shown = self.cards.get((number, uid), "0 0 0")
        return all(int(has) >= int(told) for has, told in zip(shown.split(), version.split(), strict=True))


async def choose(hall: Hall, number: int, connection: Connection, seen: Seen, began: float) -> None:
    """One phone: look, then answer one pairing after the other."""
    dice = random.Random(number)
    taps = sorted(dice.uniform(0, SECONDS) for _ in range(EACH))
    here = f"/rounds/{hall.round}/choices"
    await _until(began + max(0.0, taps[0] - dice.uniform(1, 5)))
    await look(hall, number, connection, seen)
    for tap, uid in zip(taps, hall.pairings[number], strict=True):
        await _until(began + tap)
        side = "need" if number < PHONES // 2 else "offer"
        answer = "decline" if dice.random() < DECLINED else "accept"
        form = {
            "answer": answer,
            "side": side,
            f"reason-{uid}": "It does not suit us." * (answer == "decline"),
        }
        for _ in range(2 if dice.random() < TWICE else 1):
            sent = time.perf_counter()
            status, card = await connection.ask("POST", f"{here}/{uid}", form, x_part="1")
            seen.seconds.append(time.perf_counter() - sent)
            seen.keep(number, card)
            if status == 200:
                seen.answers[number, uid] = answer
                if "choice-mutual" in card and uid not in seen.tapped:
                    seen.tapped[uid] = sent
            elif status != 409:
                seen.errors[f"answer {status}"] += 1
    seen.in_time += time.perf_counter() - began < 60


async def look(hall: Hall, number: int, connection: Connection, seen: Seen, uid: str = "") -> None:
    """Load a phone's page, or the card of one pairing."""
    start = time.perf_counter()
    here = f"/rounds/{hall.round}/choices"
    if uid:
        status, body = await connection.ask("GET", f"{here}/{uid}", x_part="1")
    else:
        status, body = await connection.ask("GET", here)
    seen.pages.append(time.perf_counter() - start)
    seen.keep(number, body)
    if status != 200:
        seen.errors[f"page {status}"] += 1


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.perf_counter()))


async def follow_news(hall: Hall, number: int, stream: Connection, phone: Connection, seen: Seen) -> None:
    """A phone's stream of news: after each that concerns it, it looks again."""
    organization = hall.codes[number].partition("-")[0]
    address = f"/rounds/{hall.round}/wall/events?manner=phone&of={organization}&after={hall.after}"
    async with asyncio.TaskGroup() as looking:
        async for _, event, news in stream.listen(address):
            uid, _, version = news.partition(" ")
            seen.strange += event != "changed" or uid not in hall.pairings[number]
            looking.create_task(_look_later(hall, number, phone, seen, uid, version))


async def _look_later(hall: Hall, number: int, phone: Connection, seen: Seen, uid: str, version: str) -> None:
    await asyncio.sleep(random.uniform(0, 1.5))
    if not seen.knows(number, uid, version):
        await look(hall, number, phone, seen, uid)


async def watch(hall: Hall, connection: Connection, seen: Seen) -> None:
    """The wall."""
    async for _, event, data in connection.listen(f"/rounds/{hall.round}/wall/events?after={hall.after}"):
        found = re.search(r'id="pair-(\w+)"', data)
        if event == "put" and found:
            seen.shown_twice += found[1] in seen.shown
            seen.shown.setdefault(found[1], time.perf_counter())


async def minute(hall: Hall, port: int) -> Seen:
    """Everybody comes in, then the minute begins."""
    seen = Seen()
    phones = [Connection(port) for _ in range(PHONES)]
    streams = [Connection(port) for _ in range(PHONES)]
    for phone, code in zip(phones, hall.codes, strict=True):
        status, _ = await phone.ask("POST", f"/rounds/{hall.round}/in/{code}")
        assert status == 303, status
    _, page = await phones[0].ask("GET", f"/rounds/{hall.round}/choices")
    hall.after = int(re.findall(r'data-after="(\d+)"', page)[0])
    listening = [
        asyncio.create_task(follow_news(hall, number, stream, phones[number], seen))
        for number, stream in enumerate(streams)
    ]
    wall = Connection(port)
    listening.append(asyncio.create_task(watch(hall, wall, seen)))
    await asyncio.sleep(2)
    began = time.perf_counter()
    await asyncio.gather(*(choose(hall, n, phone, seen, began) for n, phone in enumerate(phones)))
    await asyncio.sleep(3)
    for task in listening:
        task.cancel()
    ended = await asyncio.gather(*listening, return_exceptions=True)
    seen.errors["stream broke"] += sum(not isinstance(end, asyncio.CancelledError) for end in ended)
    seen.errors["news for others"] += seen.strange
    for connection in (*phones, *streams, wall):
        connection.close()
    return seen
