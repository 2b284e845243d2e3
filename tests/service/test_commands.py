"""The commands that run and keep the service, as somebody types them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from io import BytesIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import httpx
import pytest
from openpyxl import load_workbook
from sqlalchemy import delete, update
from sqlmodel import col, select
from typer.testing import CliRunner

from service import demo
from service.accounts.models import User
from service.accounts.queries import authenticate
from service.cli import app as cli
from service.db import make_engine, reading, writing
from service.disclosure.exports import Format
from service.events import Event
from service.jobs import LEASE, Job, JobStatus, promise
from service.listings.models import Listing, ListingStatus
from service.organizations.models import Organization, OrganizationStatus
from service.settings import Settings
from tests.load.bench_disclosure import fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result
    from sqlalchemy import Engine

PATIENCE = 60
ROWS = """id,title,text,kind,amount,unit,themes
n1,Clean water,Wells for three villages,money,5000,EUR,water-sanitation
n2,=cmd|' /C calc'!A1,Formula,services,,,education
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An installation of its own, found through the environment."""
    for name in list(os.environ):
        if name.startswith("QIAO_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("QIAO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("QIAO_LANG", "en")
    engine = make_engine(Settings.from_environment().ready().database_url)
    yield engine
    engine.dispose()


def _run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == status, result.output + repr(result.exception)
    return result


def _organization(engine: Engine) -> str:
    with writing(engine) as session:
        organization = Organization(name="Green Home", kind="ngo", status="verified")
        session.add(organization)
    return organization.uid


def test_log_is_verified_and_what_was_changed_or_cut_off_is_named(installed: Engine) -> None:
    for name in ("ada", "bob"):
        _run("user", "create", f"{name}@example.org")
    whole = _run("audit", "verify")
    last = whole.stdout.strip()
    assert re.fullmatch("[0-9a-f]{64}", last)
    assert "All 2 entries" in whole.stderr
    _run("audit", "verify", "--known", last)
    with writing(installed) as session:
        session.execute(delete(Event).where(col(Event.hash) == last))
    assert _run("audit", "verify").stdout.strip() != last
    assert f"{last} is no longer there" in _run("audit", "verify", "--known", last, status=1).stderr
    with writing(installed) as session:
        session.execute(update(Event).values(reason="forged"))
    changed = _run("audit", "verify", status=1)
    assert changed.stdout == ""
    assert "user.add" in changed.stderr


def test_migrate_may_be_run_again(installed: Engine) -> None:
    _run("migrate")
    _run("migrate")
    with reading(installed) as session:
        assert session.exec(select(User)).all() == []


def test_user_is_made_given_roles_and_a_new_password(installed: Engine) -> None:
    first = _run("user", "create", "Ada@Example.org", "--role", "administrator").stdout.strip()
    second = _run("user", "password", "ada@example.org").stdout.strip()
    _run("user", "role", "ada@example.org", "facilitator", "administrator")
    with reading(installed) as session:
        assert authenticate(session, "ada@example.org", second) is not None
        assert authenticate(session, "ada@example.org", first) is None
        assert set(session.exec(select(User)).one().roles) == {"administrator", "facilitator"}


@pytest.mark.usefixtures("installed")
def test_user_that_cannot_be_is_refused_with_the_reason() -> None:
    _run("user", "create", "ada@example.org")
    assert "already" in _run("user", "create", "ada@example.org", status=1).stderr
    assert "email" in _run("user", "create", "no-address", status=1).stderr
    assert _run("user", "role", "nobody@example.org", "facilitator", status=1).stderr
    assert _run("user", "role", "ada@example.org", "emperor", status=1).stderr


@pytest.mark.usefixtures("installed")
def test_misspelt_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QIAO_SMPT_URL", "x")
    assert "QIAO_SMPT_URL" in _run("migrate", status=1).stderr


def test_open_data_are_written_in_each_of_their_forms(installed: Engine, tmp_path: Path) -> None:
    fill(installed, 9, 3)
    found: dict[str, int] = {}
    for form in Format:
        out = tmp_path / form
        assert _run("export", form, "--out", str(out)).stdout == ""
        match form:
            case Format.GIVING | Format.OCDS | Format.JSONLD:
                whole = json.loads(out.read_text(encoding="utf-8"))
                lists = [value for name, value in whole.items() if name in ("grants", "releases", "@graph")]
                found[form] = len(lists[0])
            case Format.CSV:
                found[form] = len(out.read_text(encoding="utf-8-sig").splitlines()) - 1
                assert _run("export", form).stdout_bytes == out.read_bytes(), "without a file: to the screen"
            case Format.XLSX:
                found[form] = load_workbook(BytesIO(out.read_bytes()))["Cooperations"].max_row - 1
            case Format.GRAPHML | Format.GEXF:
                found[form] = ElementTree.fromstring(out.read_bytes()).tag.endswith(form)  # noqa: S314 — our own
    assert found == dict.fromkeys(Format, 3) | {"ocds": 0, "graphml": 1, "gexf": 1}
    refused = _run("export", "pdf", "--out", str(tmp_path / "x"), status=2)
    assert "no form of open data" in refused.stderr
    assert not (tmp_path / "x").exists()


def test_spreadsheet_is_imported_once_and_written_out_again(installed: Engine, tmp_path: Path) -> None:
    _run("migrate")
    uid = _organization(installed)
    file = tmp_path / "needs.csv"
    file.write_text(ROWS, encoding="utf-8")
    arguments = ("import", str(file), "--organization", uid, "--side", "need", "--publish")
    assert _run(*arguments).stdout.startswith("2 made")
    assert _run(*arguments).stdout.startswith("0 made, 0 changed, 2 there already")
    with reading(installed) as session:
        listings = session.exec(select(Listing).order_by(col(Listing.id))).all()
    assert [listing.status for listing in listings] == [ListingStatus.PUBLISHED] * 2
    out = tmp_path / "out"
    assert _run("export", str(out)).stdout.startswith("2 ")
    written = "".join(path.read_text(encoding="utf-8-sig") for path in out.glob("*.csv"))
    assert "Wells for three villages" in written
    assert "\n=cmd" not in written
    assert ",=cmd" not in written


def test_rows_that_cannot_be_read_are_named_and_left_out_only_when_asked(
    installed: Engine, tmp_path: Path
) -> None:
    _run("migrate")
    uid = _organization(installed)
    file = tmp_path / "needs.csv"
    file.write_text(ROWS + "n3,Bad,Text,money,lots,EUR,education\n", encoding="utf-8")
    arguments = ("import", str(file), "--organization", uid, "--side", "need")
    assert "4:amount" in _run(*arguments, status=1).stderr
    with reading(installed) as session:
        assert session.exec(select(Listing)).all() == []
    assert _run(*arguments, "--keep-good").stdout.strip() == "2 made, 0 changed, 0 there already, 1 left out"


def test_earlier_cooperations_are_brought_in_once(installed: Engine, tmp_path: Path) -> None:
    _run("migrate")
    uid, other = _organization(installed), "Bureau of Nowhere"
    file = tmp_path / "earlier.csv"
    heads = "title,signed,need_organization,offer_organization"
    file.write_text(f"{heads}\nWells,2015-03-01,{uid},{other}\n", encoding="utf-8")
    arguments = ("import", str(file), "--cooperations", "--source", "Annual report")
    assert (
        f"2:offer_organization  There is no organization “{other}” here" in _run(*arguments, status=1).stderr
    )
    with writing(installed) as session:
        session.add(Organization(name=other, kind="government", status=OrganizationStatus.VERIFIED))
    assert _run(*arguments).stdout.strip() == "1 made, 0 there already, 0 left out"
    assert _run(*arguments).stdout.strip() == "0 made, 1 there already, 0 left out"
    assert "Annual report" in _run("export", "csv").stdout


def test_demonstration_is_loaded_once(installed: Engine) -> None:
    _run("migrate")
    settings = Settings.from_environment().ready()
    found = []
    for _ in range(2):
        demo.load(installed)
        people = demo.sign_ins(installed, settings, "en")
        found.append((demo.counts(installed), [(sample.email, password) for sample, password in people]))
    assert found[0] == found[1]
    assert found[0][0][1] > 300
    with reading(installed) as session:
        assert all(listing.synthetic for listing in session.exec(select(Listing)))
        published = session.exec(select(Listing).where(Listing.status == ListingStatus.PUBLISHED)).all()
        assert len(published) > 300
        for email, password in found[0][1]:
            assert authenticate(session, email, password) is not None


# Processes of their own -------------------------------------------------------------------------------


def _missing(address: str) -> set[str]:
    """What the service still waits for; searches answer by words until meaning joins."""
    return set(httpx.get(f"{address}/readyz", timeout=PATIENCE).json()["missing"]) - {"search"}


def test_service_starts_answers_and_stops(installed: Engine, tmp_path: Path) -> None:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "serve", "--port", str(port)], stderr=log
        )
        until = time.monotonic() + PATIENCE
        while True:
            try:
                assert httpx.get(f"{address}/healthz").text == "ok"
                break
            except httpx.TransportError:
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.05)
        while missing := _missing(address):
            assert time.monotonic() < until, missing
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
    lines = [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    assert all(json.loads(line)["level"] in ("info", "warning") for line in lines), lines
    assert installed


WORKER = """
import sys, time
from pathlib import Path
from service.db import make_engine
from service.jobs import Jobs
from service.settings import Settings

def slow(work, *, mark):
    Path(mark).write_text("begun")
    time.sleep(60)

settings = Settings.from_environment().ready()
jobs = Jobs(make_engine(settings.database_url), settings, {"slow": slow})
jobs.start()
time.sleep(120)
"""


def test_job_of_a_worker_that_was_killed_is_done_by_the_next(installed: Engine, tmp_path: Path) -> None:
    from service.jobs import Jobs

    _run("migrate")
    settings, mark = Settings.from_environment().ready(), tmp_path / "mark"
    with writing(installed) as session:
        uid = promise(session, "slow", mark=str(mark)).uid
    done: list[str] = []
    jobs = Jobs(installed, settings, {"slow": lambda _work, *, mark: done.append(mark)})
    jobs.deliver(uid)
    process = subprocess.Popen([sys.executable, "-c", WORKER])
    until = time.monotonic() + PATIENCE
    while not mark.exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert jobs.run_all() == 0
    assert jobs.huey.storage.queue_size() == 0, "the queue alone has lost it"
    with writing(installed) as session:
        job = session.exec(select(Job)).one()
        assert job.status is JobStatus.RUNNING
        job.alive = job.alive - LEASE if job.alive else None
        session.add(job)
    assert jobs.sweep() == 1
    jobs.run_all()
    assert done == [str(mark)]
    with reading(installed) as session:
        assert session.exec(select(Job)).one().status is JobStatus.DONE
