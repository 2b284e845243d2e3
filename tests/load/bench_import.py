"""A spreadsheet of 1,000 needs and offers: `python -m tests.load.bench_import`.

The file has the texts of the project's benchmark and scenarios over and over with a number each, so every row
is a listing of its own that must be read, made, published, encoded and found. It is uploaded, looked at,
imported and indexed by the jobs of one process on SQLite; the vectors are nobody's before. The baseline of
the same run is what `csv` and one bare `INSERT` a row take.
"""

from __future__ import annotations

import csv
import io
import os
import sqlite3
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.load.figures import Figure, show

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 1_000


def spreadsheet(rows: int = ROWS) -> bytes:
    """Rows as an organization would upload them."""
    from tests.load.bench_search import profiles

    known = [profile for profile in profiles() if profile.side == "need"]
    held = io.StringIO()
    writer = csv.writer(held)
    writer.writerow(("id", "title", "text", "kind", "amount", "unit", "themes", "places"))
    for number in range(rows):
        profile = known[number % len(known)]
        writer.writerow(
            (
                number + 1,
                f"{profile.title[:150]} {number + 1}",
                f"{profile.text} ({number + 1})",
                "money",
                1_000 * (1 + number % 90),
                "CNY",
                "education",
                "Shenzhen",
            )
        )
    return held.getvalue().encode()


def figures() -> Iterator[Figure]:
    """The one figure of this bench."""
    content = spreadsheet()
    with TemporaryDirectory() as name:
        start = time.perf_counter()
        plain = sqlite3.connect(Path(name) / "plain.db")
        plain.execute("CREATE TABLE listing (title, text, amount)")
        for row in csv.reader(io.StringIO(content.decode())):
            plain.execute("INSERT INTO listing VALUES (?, ?, ?)", (row[1], row[2], row[4]))
        plain.commit()
        bare = time.perf_counter() - start
        with _own_cache(name):
            wall, cpu, steps, found = _imported(Path(name), content)
    yield Figure(
        f"import of {ROWS} rows until all are found",
        f"{wall:.0f} s ({cpu:.0f} s CPU), {steps} steps of progress",
        f"bare INSERTs {bare:.2f} s",
        "at most 60 s, with progress",
        wall <= 60 and found == ROWS and steps >= 10,
    )


@contextmanager
def _own_cache(folder: str) -> Iterator[None]:
    """Keep vectors there meanwhile, so that every text has to be encoded."""
    before = os.environ.get("QIAO_CACHE_DIR")
    os.environ["QIAO_CACHE_DIR"] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ["QIAO_CACHE_DIR"]
        else:
            os.environ["QIAO_CACHE_DIR"] = before


def _imported(folder: Path, content: bytes) -> tuple[float, float, int, int]:
    """Seconds, CPU seconds, how many steps of progress one sees, how many listings are found in the end."""
    from service.app import create_app
    from service.db import writing
    from service.listings import importing
    from service.migrations import upgrade
    from service.organizations.models import Organization, OrganizationStatus
    from service.permissions import SYSTEM_ACTOR
    from service.search.queries import index_of
    from service.settings import Settings

    settings = Settings(data_dir=folder / "data", worker_in_process=False, warm_search=False)
    site = create_app(settings).state.site
    upgrade(site.engine)
    index_of(site).warm()
    with writing(site.engine) as session:
        owner = Organization(name="Bench", kind="ngo", status=OrganizationStatus.VERIFIED)
        session.add(owner)
    wall, cpu = time.perf_counter(), time.process_time()
    with writing(site.engine) as session:
        kept = importing.upload(
            session, SYSTEM_ACTOR, owner, filename="needs.csv", content=content, side="need"
        )
    with writing(site.engine) as session:
        job = importing.start(session, SYSTEM_ACTOR, session.merge(kept), publish=True).job
    working = threading.Thread(target=site.jobs.run_all)
    working.start()
    told = set()
    while working.is_alive():
        working.join(0.1)
        told.add(_progress(settings.data_dir / "qiao.db", job))
    found = int(index_of(site).current().vectors[False].any(axis=1).sum())
    return time.perf_counter() - wall, time.process_time() - cpu, len(told), found


def _progress(file: Path, job: str) -> float:
    """What the page shows of it just now."""
    with closing(sqlite3.connect(file)) as database:
        share: float = database.execute("SELECT progress FROM job WHERE uid = ?", (job,)).fetchone()[0]
    return share


if __name__ == "__main__":
    sys.exit(not show(figures()))
