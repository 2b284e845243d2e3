"""Open data of 10,000 grants, the graph of 5,000 organizations: `python -m tests.load.bench_disclosure`.

One SQLite file with made-up cooperations. Baselines of the same run: reading the same rows of agreements,
parties and promises with plain SQL, and numbering who signed with whom (connected parts) without any
analysis.
"""

from __future__ import annotations

import resource
import sys
import time
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.load.bench_search import _row
from tests.load.figures import Figure, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from service.settings import Settings

GRANTS, ORGANIZATIONS, COOPERATIONS = 10_000, 5_000, 20_000
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


def _peak() -> float:
    """Most memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _exports() -> Iterator[Figure]:
    from service.db import make_engine
    from service.disclosure.exports import Format, export

    with TemporaryDirectory() as folder:
        engine = make_engine(_settings(folder).database_url)
        fill(engine, 2_000, GRANTS)
        plain = _timed_rows(engine)
        for _ in range(2):
            pieces = export(engine, Format.GIVING, "http://localhost")
            next(pieces)
        for form in (Format.GIVING, Format.CSV, Format.XLSX, Format.JSONLD):
            before, start, size = _peak(), time.perf_counter(), 0
            for piece in export(engine, form, "http://localhost"):
                size += len(piece)
            took, grew = time.perf_counter() - start, _peak() - before
            yield Figure(
                f"{form} of {GRANTS:,} grants",
                f"{took:.1f} s, {size / 1e6:.1f} MB, memory +{grew:.0f} MB",
                f"rows alone {plain:.2f} s (×{took / plain:.0f})",
                "at most 10 s and +50 MB",
                took <= 10 and grew <= 50,
            )
        engine.dispose()


def _timed_rows(engine: Engine) -> float:
    from sqlalchemy import text

    start = time.perf_counter()
    with engine.connect() as connection:
        for table in ("agreement", "agreement_party", "commitment", "disbursement"):
            connection.execute(text(f"SELECT * FROM {table}")).fetchall()  # noqa: S608 — our own names
    return time.perf_counter() - start


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
        start = time.perf_counter()
        sum(1 for _ in nx.connected_components(known))
        plain = time.perf_counter() - start
        with writing(site.engine) as session:
            promise(session, "draw_network")
        start = time.perf_counter()
        site.jobs.run_all()
        took = time.perf_counter() - start
        yield Figure(
            f"graph of {len(known):,} and {COOPERATIONS:,}, job",
            f"{took:.1f} s",
            f"connected parts alone {plain:.3f} s (×{took / plain:.0f})",
            "at most 20 s",
            took <= 20,
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
    """Exports first, whose memory is measured at its peak."""
    yield from _exports()
    yield from _graph()


if __name__ == "__main__":
    sys.exit(not show(figures()))
