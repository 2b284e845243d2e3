"""500 phones choose within a minute, and a wall watches: `python -m tests.load.bench_forum`.

`qiao serve` with its worker beside it, on SQLite. 500 organizations have checked in with their codes, each
on one phone: a connection of its own that is kept alive, a cookie of its own, and an open stream of news.
Within the minute every phone loads its page and answers its two pairings; one in ten is declined, which sets
the search for the next in line going; one answer in twenty is sent twice, as after a lost reply. A phone that
hears that one of its pairings changed asks for its card a little later, as its script does. A wall listens
as its browser does. The clock runs from the tap that makes a pair mutual (the request is sent) until the pair
has arrived at the wall. The baseline of the same run writes the same rows straight into SQLite.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import os
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from tests.load.bench_search import _row, ask, serving
from tests.load.figures import Figure, show
from tests.load.phones import EACH, PHONES, Hall, minute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.settings import Settings
    from tests.load.bench_search import Serving
    from tests.load.phones import Seen

QUIET_SECONDS = 240.0


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


def wait_until_quiet(server: Serving, file: Path) -> None:
    """Until all is loaded and the jobs of a fresh installation are done, at three looks in a row."""
    until = time.perf_counter() + QUIET_SECONDS
    busy = "status IN ('promised', 'running') AND due <= datetime('now')"
    looked = f"SELECT coalesce(sum(status = 'done'), 0), coalesce(sum({busy}), 0) FROM job"  # noqa: S608
    quiet = 0
    while quiet < 3 and time.perf_counter() < until:
        done, waiting = sqlite3.connect(file, timeout=30).execute(looked).fetchone()
        ready = ask(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60), "/readyz")[0] == 200
        quiet = quiet + 1 if ready and done and not waiting else 0
        time.sleep(0.7)


def figures() -> Iterator[Figure]:
    """All figures of this bench."""
    from service.settings import Settings

    with TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "qiao.db"
        hall = fill(Settings(data_dir=folder, secret="bench").ready())
        plain = straight(folder, PHONES * EACH)
        with serving(folder) as server:
            wait_until_quiet(server, file)
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
