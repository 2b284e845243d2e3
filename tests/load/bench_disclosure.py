"""Open data of 10,000 grants, the graph of 5,000 organizations: `python -m tests.load.bench_disclosure`.

SQLite files with made-up cooperations. Each export is a process of its own; how much more memory it takes
for 10,000 grants than for 1,000 says whether it is flat. Baselines of the same run: reading the same rows of
agreements, parties and promises with plain SQL, and numbering who signed with whom (connected parts) without
any analysis. On a machine that others use too, time of the processor is what counts.
"""

from __future__ import annotations

import resource
import sys
import time
from datetime import timedelta
from pathlib import Path
from random import Random
from subprocess import check_output
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.load.bench_search import _row
from tests.load.figures import Figure, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from service.settings import Settings

FEW, GRANTS, ORGANIZATIONS, COOPERATIONS = 1_000, 10_000, 5_000, 20_000
KINDS = ("ngo", "ngo", "ngo", "business", "government", "finance", "association")


def fill(engine: Engine, organizations: int, cooperations: int) -> None:
    """So many organizations, some of them in many cooperations, most in few."""
    from sqlalchemy import insert

    from service.agreements.models import Agreement, AgreementKind, AgreementStatus, Party, PartyRole
    from service.db import now, writing
    from service.funding.models import Commitment, CommitmentKind, Disbursement, DisbursementStatus
    from service.migrations import upgrade
    from service.organizations.models import Organization, OrganizationStatus

    upgrade(engine)
    random, moment = Random(7), now()
    first = {"status": OrganizationStatus.VERIFIED}
    with writing(engine) as session:
        session.execute(
            insert(Organization),
            [
                {**_row(Organization), **first, "name": f"Organization {n}", "kind": KINDS[n % len(KINDS)]}
                for n in range(organizations)
            ],
        )
        agreements, parties, promises, tranches = [], [], [], []
        for n in range(1, cooperations + 1):
            giver = int(organizations * random.random() ** 2) + 1
            doer = (giver + 1 + int((organizations - 2) * random.random() ** 1.5)) % organizations + 1
            agreements.append(
                {
                    **_row(Agreement),
                    "id": n,
                    "number": f"B-{n}",
                    "kind": AgreementKind.DONATION,
                    "status": AgreementStatus.IN_FORCE,
                    "title": f"Cooperation {n}",
                    "in_force": moment - timedelta(days=n % 2_000),
                }
            )
            for place, (one, role) in enumerate(((giver, PartyRole.FUNDER), (doer, PartyRole.IMPLEMENTER))):
                bound = {"agreement_id": n, "organization_id": one, "role": role, "position": place}
                parties.append({**_row(Party), **bound})
            own = {"agreement_id": n, "item": "c1", "currency": "CNY"}
            promises.append(
                {
                    **_row(Commitment),
                    **own,
                    "id": n,
                    "organization_id": giver,
                    "kind": CommitmentKind.CASH,
                    "quantity": 500_000,
                    "unit": "CNY",
                }
            )
            tranches.append(
                {
                    **_row(Disbursement),
                    **own,
                    "commitment_id": n,
                    "payee_id": doer,
                    "amount": 500_000,
                    "status": DisbursementStatus.PAID,
                    "paid": moment.date(),
                }
            )
        for table, rows in (
            (Agreement, agreements),
            (Party, parties),
            (Commitment, promises),
            (Disbursement, tranches),
        ):
            session.execute(insert(table), rows)


def _settings(folder: str) -> Settings:
    from service.settings import Settings

    return Settings(data_dir=Path(folder), secret="bench", rate_limit=False, worker_in_process=False).ready()


def _export(format_: str, url: str) -> None:
    """In a process of its own: write one export to nowhere, print what it took."""
    from service.db import make_engine
    from service.disclosure.exports import Format, export

    engine = make_engine(url)
    start, busy = time.perf_counter(), time.process_time()
    size = sum(len(piece) for piece in export(engine, Format(format_), "http://localhost"))
    took = (time.perf_counter() - start, time.process_time() - busy)
    print(*took, size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _exported(format_: str, url: str) -> list[float]:
    """What such a process printed: seconds, of the processor, bytes, most memory in MB."""
    command = [sys.executable, "-m", "tests.load.bench_disclosure", format_, url]
    return [float(one) for one in check_output(command, text=True).split()]


def _exports() -> Iterator[Figure]:
    from service.db import make_engine

    with TemporaryDirectory() as few, TemporaryDirectory() as many:
        urls = [_settings(folder).database_url for folder in (few, many)]
        for url, grants in zip(urls, (FEW, GRANTS), strict=True):
            engine = make_engine(url)
            fill(engine, 2_000, grants)
            plain = _timed_rows(engine)
            engine.dispose()
        for form in ("360giving", "csv", "xlsx", "jsonld"):
            least = _exported(form, urls[0])[-1]
            took, busy, size, most = _exported(form, urls[1])
            yield Figure(
                f"{form} of {GRANTS:,} grants",
                f"{took:.1f} s, {busy:.1f} s CPU, {size / 1e6:.1f} MB, memory +{most - least:.0f} MB",
                f"rows alone {plain:.2f} s (×{busy / plain:.0f})",
                "at most 10 s CPU and +30 MB",
                busy <= 10 and most - least <= 30,
            )


def _timed_rows(engine: Engine) -> float:
    from sqlalchemy import text

    start = time.process_time()
    with engine.connect() as connection:
        for table in ("agreement", "agreement_party", "commitment", "disbursement"):
            connection.execute(text(f"SELECT * FROM {table}")).fetchall()  # noqa: S608 — our own names
    return time.process_time() - start


def _graph() -> Iterator[Figure]:
    import networkx as nx
    from fastapi.testclient import TestClient

    from service.app import create_app
    from service.db import reading, writing
    from service.disclosure.graph import graph
    from service.jobs import promise

    with TemporaryDirectory() as folder:
        app = create_app(_settings(folder))
        site = app.state.site
        fill(site.engine, ORGANIZATIONS, COOPERATIONS)
        with reading(site.engine) as session:
            known = graph(session)
        start = time.process_time()
        sum(1 for _ in nx.connected_components(known))
        plain = time.process_time() - start
        with writing(site.engine) as session:
            promise(session, "draw_network")
        start, begun = time.perf_counter(), time.process_time()
        site.jobs.run_all()
        took, busy = time.perf_counter() - start, time.process_time() - begun
        yield Figure(
            f"graph of {len(known):,} and {COOPERATIONS:,}, job",
            f"{took:.1f} s, {busy:.1f} s CPU",
            f"connected parts alone {plain:.3f} s (×{busy / plain:.0f})",
            "at most 20 s CPU",
            busy <= 20,
        )
        client = TestClient(app, base_url="http://localhost:8000")
        client.get("/healthz")
        start = time.perf_counter()
        client.get("/healthz")
        nothing = time.perf_counter() - start
        for path in (
            "/network",
            "/network/pictures/graph.svg",
            "/network/organizations",
            "/numbers",
            "/cooperations",
        ):
            start = time.perf_counter()
            answer = client.get(path)
            took = time.perf_counter() - start
            yield Figure(
                path,
                f"{took:.2f} s, {int(answer.headers.get('content-length', 0)) / 1000:.0f} kB sent",
                f"/healthz {nothing * 1000:.1f} ms (×{took / nothing:.0f})",
                "at most 2 s",
                answer.status_code == 200 and took <= 2,
            )


def figures() -> Iterator[Figure]:
    """Exports first, then the graph."""
    yield from _exports()
    yield from _graph()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _export(*sys.argv[1:])
    else:
        sys.exit(not show(figures()))
