"""500 phones choose within a minute, and a wall watches: `python -m tests.load.bench_forum`.

`qiao serve` with its worker beside it, on SQLite. 500 organizations have checked in with their codes, each
on one phone: a connection of its own that is kept alive, a cookie of its own, and an open stream of news.
Within the minute every phone loads its page and answers its two pairings; one in ten is declined, which sets
the search for the next in line going; one answer in twenty is sent twice, as after a lost reply. A phone that
hears that one of its pairings changed loads its page again a little later, as its script does. A wall listens
as its browser does. The clock runs from the tap that makes a pair mutual (the request is sent) until the pair
has arrived at the wall. The baseline of the same run writes the same rows straight into SQLite.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import re
import sqlite3
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np

from tests.load.bench_search import _row, serving
from tests.load.figures import Figure, show

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from service.settings import Settings

PHONES = 500
EACH = 2
"""Pairings of each organization."""
SECONDS = 55.0
"""Within which everybody has tapped."""
DECLINED, TWICE = 0.1, 0.05
QUIET_SECONDS = 240.0


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


def fill(settings: Settings) -> Hall:
    """A talk with 250 needs and 250 offers; each need is paired with two offers."""
    from sqlalchemy import insert
    from sqlmodel import col, select

    from matching.rules import load_preset
    from service.choices.codes import make_code
    from service.choices.models import LiveStage, LiveStatus
    from service.db import make_engine, now, writing
    from service.listings.models import Listing, ListingStatus
    from service.migrations import upgrade
    from service.organizations.models import Organization, OrganizationStatus
    from service.pairings.models import Pairing, PairingStatus
    from service.rounds.models import Application, ApplicationStatus, Round, RoundPhase, RoundStatus

    engine = make_engine(settings.database_url)
    upgrade(engine)
    half, today = PHONES // 2, now().date()
    line = {"kind": "money", "amount": 1_000_000, "unit": "CNY", "minimum": 0, "labour": 0, "overhead": 0}
    line |= {"critical": True, "worth": None, "cheque_min": 0, "cheque_max": None}
    phases = list(load_preset("monthly-talk").process.phases)
    talk = Round(preset="monthly-talk", title="Talk", phases=phases, status=RoundStatus.CHOOSING)
    with writing(engine) as session:
        session.add(talk)
        session.flush()
        session.add_all(RoundPhase(round_id=talk.key, phase=phase) for phase in phases)
        session.add(LiveStage(round_id=talk.key, status=LiveStatus.CHOOSING))
        session.execute(
            insert(Organization),
            [
                {
                    **_row(Organization),
                    "id": n + 1,
                    "name": f"{'Charity' if n < half else 'Association'} {n}",
                    "kind": "ngo" if n < half else "association",
                    "status": OrganizationStatus.VERIFIED,
                }
                for n in range(PHONES)
            ],
        )
        session.execute(
            insert(Listing),
            [
                {
                    **_row(Listing),
                    "id": n + 1,
                    "side": "need" if n < half else "offer",
                    "organization_id": n + 1,
                    "status": ListingStatus.PUBLISHED,
                    "title": f"Lunch for old people in street {n}",
                    "text": "We cook for people who live alone."
                    if n < half
                    else "Money for meals of the old.",
                    "language": "en",
                    "themes": ["elderly-care"],
                    "lines": [line],
                    "published": today,
                    "revision": 1,
                }
                for n in range(PHONES)
            ],
        )
        session.execute(
            insert(Application),
            [
                {
                    **_row(Application),
                    "id": n + 1,
                    "round_id": talk.key,
                    "listing_id": n + 1,
                    "organization_id": n + 1,
                    "side": "need" if n < half else "offer",
                    "status": ApplicationStatus.ELIGIBLE,
                }
                for n in range(PHONES)
            ],
        )
        quantity = {"amount": 200_000, "unit": "CNY"}
        gift = {"need_line": 0, "offer_line": 0, "kind": "money", "part": "programme"}
        session.execute(
            insert(Pairing),
            [
                {
                    **_row(Pairing),
                    "round_id": talk.key,
                    "need_id": need + 1,
                    "offer_id": half + (need + k) % half + 1,
                    "status": PairingStatus.RELEASED,
                    "score": 0.8,
                    "gifts": [{**gift, "quantity": quantity, "used": quantity}],
                    "released": now(),
                }
                for need in range(half)
                for k in range(EACH)
            ],
        )
        mine: list[list[str]] = [[] for _ in range(PHONES)]
        for pairing in session.exec(select(Pairing).order_by(col(Pairing.id))):
            mine[pairing.need_id - 1].append(pairing.uid)
            mine[pairing.offer_id - 1].append(pairing.uid)
        organizations = session.exec(select(Organization).order_by(col(Organization.id))).all()
        codes = [make_code(settings.secret, talk, organization, 0) for organization in organizations]
    engine.dispose()
    return Hall(talk.uid, codes, mine)


# Clients ------------------------------------------------------------------------------------------------


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


async def choose(hall: Hall, number: int, connection: Connection, seen: Seen, began: float) -> None:
    """One phone: look, then answer one pairing after the other."""
    dice = random.Random(number)
    taps = sorted(dice.uniform(0, SECONDS) for _ in range(EACH))
    here = f"/rounds/{hall.round}/choices"
    await _until(began + max(0.0, taps[0] - dice.uniform(1, 5)))
    await look(hall, connection, seen)
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
            if status == 200:
                seen.answers[number, uid] = answer
                if "choice-mutual" in card and uid not in seen.tapped:
                    seen.tapped[uid] = sent
            elif status != 409:
                seen.errors[f"answer {status}"] += 1
    seen.in_time += time.perf_counter() - began < 60


async def look(hall: Hall, connection: Connection, seen: Seen) -> None:
    """Load a phone's page."""
    start = time.perf_counter()
    status, _ = await connection.ask("GET", f"/rounds/{hall.round}/choices")
    seen.pages.append(time.perf_counter() - start)
    if status != 200:
        seen.errors[f"page {status}"] += 1


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.perf_counter()))


async def follow_news(hall: Hall, number: int, stream: Connection, phone: Connection, seen: Seen) -> None:
    """A phone's stream of news: after each that concerns it, it looks again."""
    organization = hall.codes[number].partition("-")[0]
    address = f"/rounds/{hall.round}/wall/events?manner=phone&of={organization}&after={hall.after}"
    async with asyncio.TaskGroup() as looking:
        async for _, event, uid in stream.listen(address):
            seen.strange += event != "changed" or uid not in hall.pairings[number]
            looking.create_task(_look_later(hall, phone, seen))


async def _look_later(hall: Hall, phone: Connection, seen: Seen) -> None:
    await asyncio.sleep(random.uniform(0, 1.5))
    await look(hall, phone, seen)


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


# What is in the database afterwards -----------------------------------------------------------------------


def lost(file: Path, hall: Hall, seen: Seen) -> tuple[int, int]:
    """How many acknowledged answers are not stored, and how many are stored more than once."""
    database = sqlite3.connect(file)
    stored = Counter(
        database.execute(
            "SELECT pairing.uid, choice.organization_id - 1, answer FROM choice "
            "JOIN pairing ON pairing.id = pairing_id WHERE answer IS NOT NULL"
        ).fetchall()
    )
    words = {"accept": "accepted", "decline": "declined"}
    missing = sum(not stored[uid, number, words[answer]] for (number, uid), answer in seen.answers.items())
    logged = Counter(
        (row["pairing"], row["side"])
        for (details,) in database.execute("SELECT details FROM event WHERE name = 'choice.accept'")
        if (row := json.loads(details))
    )
    return missing, sum(count - 1 for count in (*stored.values(), *logged.values()))


def mutual(file: Path) -> set[str]:
    """The pairs that came together."""
    return {
        uid for (uid,) in sqlite3.connect(file).execute("SELECT uid FROM pairing WHERE status = 'mutual'")
    }


def straight(folder: Path, count: int) -> list[float]:
    """Milliseconds for each answer that is written without any service: its row and its chained entry."""
    database = sqlite3.connect(folder / "baseline.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute("CREATE TABLE choice (id INTEGER PRIMARY KEY, pairing TEXT, side TEXT, answer TEXT)")
    database.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, details TEXT, hash TEXT UNIQUE)")
    times, previous = [], ""
    for number in range(count):
        start = time.perf_counter()
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO choice VALUES (NULL, ?, 'need', 'accepted')", (str(number),))
        previous = hashlib.sha256(f"{previous}{number}".encode()).hexdigest()
        database.execute("INSERT INTO event VALUES (NULL, ?, ?)", (str(number), previous))
        database.execute("COMMIT")
        times.append((time.perf_counter() - start) * 1000)
    return times


def cpu_seconds(process: int) -> dict[str, float]:
    """What the web server and the worker beside it have used of the processors, all threads together."""
    threads = Path(f"/proc/{process}/task").iterdir()
    children = [child for thread in threads for child in (thread / "children").read_text().split()]
    return {
        name: sum(_cpu_seconds(number) for number in numbers)
        for name, numbers in (("web", [str(process)]), ("worker", children))
    }


def _cpu_seconds(process: str) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until_quiet(file: Path) -> None:
    """Until the jobs that a fresh installation has are done."""
    until = time.perf_counter() + QUIET_SECONDS
    waiting = "SELECT count(*) FROM job WHERE status IN ('promised', 'running') AND due <= datetime('now')"
    time.sleep(8)
    while sqlite3.connect(file).execute(waiting).fetchone()[0] and time.perf_counter() < until:
        time.sleep(1)


def figures() -> Iterator[Figure]:
    """All figures of this bench."""
    from service.settings import Settings

    with TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "qiao.db"
        hall = fill(Settings(data_dir=folder, secret="bench").ready())
        plain = straight(folder, PHONES * EACH)
        with serving(folder) as server:
            wait_until_quiet(file)
            used = cpu_seconds(server.process.pid)
            seen = asyncio.run(minute(hall, server.port))
            used = {name: spent - used[name] for name, spent in cpu_seconds(server.process.pid).items()}
            load = os.getloadavg()[0]
            memory = server.megabytes()
        missing, twice = lost(file, hall, seen)
        together = mutual(file)
    baseline = f"straight into SQLite {np.percentile(plain, 95):.1f} ms"
    wall = [seen.shown[uid] - seen.tapped[uid] for uid in together & seen.shown.keys() & seen.tapped.keys()]
    delay = float(np.percentile(wall, 95)) if wall else float("inf")
    errors = sum(seen.errors.values())
    yield Figure(
        f"{PHONES} phones choose in a minute: errors",
        f"{errors} of {len(seen.seconds)} answers, {seen.in_time} in time",
        "—",
        "0, all in time",
        not errors and seen.in_time == PHONES,
    )
    if errors:
        print(dict(seen.errors), file=sys.stderr)
    yield Figure(
        "acknowledged answers lost / stored twice",
        f"{missing} / {twice} of {len(seen.answers)}",
        "—",
        "0 / 0",
        not missing and not twice,
    )
    unseen = len(together - seen.shown.keys())
    yield Figure(
        "pairs on the wall: missed / shown twice",
        f"{unseen} / {seen.shown_twice} of {len(together)}",
        "—",
        "0 / 0",
        not unseen and not seen.shown_twice,
    )
    ratio = f"{baseline} ({1000 * delay / np.percentile(plain, 95):,.0f} times)"
    yield Figure("choice to wall, p95", f"{delay:.2f} s", ratio, "at most 1 s", delay <= 1)
    yield Figure(
        "an answer, p95; a page, p95",
        f"{np.percentile(seen.seconds, 95) * 1000:.0f} ms; {np.percentile(seen.pages, 95) * 1000:.0f} ms "
        f"of {len(seen.pages)}",
        baseline,
        "—",
        met=True,
    )
    yield Figure(
        "processor for that minute; memory",
        f"web {used['web']:.0f} s, worker {used['worker']:.0f} s; {memory:.0f} MB",
        f"straight {sum(plain) / 1000:.1f} s; load {load:.1f}",
        "—",
        met=True,
    )


if __name__ == "__main__":
    sys.exit(not show(figures()))
