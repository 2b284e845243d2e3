"""A result as a file: the report for a browser, the workbook, and everything as JSON."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.profiles import Profiles
from service.errors import NotFound
from service.pairings import showing
from service.pairings.finding import run_of
from service.results.records import record
from service.results.report import report
from service.results.sources import Source
from service.results.workbook import write_workbook
from service.web import XLSX, Asking, Reading, download, language_of

if TYPE_CHECKING:
    from sqlmodel import Session

    from matching.outcome import Matching
    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(include_in_schema=False)


def _result(session: Session, actor: Actor, uid: str, run_uid: str) -> tuple[Round, Matching]:
    one, run = run_of(session, actor, uid, run_uid)
    if not run.certificate:
        raise NotFound
    return one, showing.result_of(session, run)


@router.get("/match/{run_uid}/report.html")
def report_file(request: Request, session: Reading, actor: Asking, uid: str, run_uid: str) -> Response:
    """Pictures, pairings with reasons and the certificate in one file that needs no network."""
    one, matching = _result(session, actor, uid, run_uid)
    source = Source(
        name=one.title,
        titles={},
        profiles=Profiles(needs=matching.needs, offers=matching.offers),
        rules=matching.rules,
        summaries={},
    )
    return _file(report(matching, source, language_of(request, actor)), "text/html", one, "html")


@router.get("/match/{run_uid}/pairings.xlsx")
def workbook_file(request: Request, session: Reading, actor: Asking, uid: str, run_uid: str) -> Response:
    """The result as a spreadsheet."""
    one, matching = _result(session, actor, uid, run_uid)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairings.xlsx"
        write_workbook(matching, path, one.title, language_of(request, actor))
        return _file(path.read_bytes(), XLSX, one, "xlsx")


@router.get("/match/{run_uid}/result.json")
def json_file(request: Request, session: Reading, actor: Asking, uid: str, run_uid: str) -> Response:
    """The result as JSON, as `qiao match --json` writes it."""
    one, matching = _result(session, actor, uid, run_uid)
    found = {"source": one.uid, "title": one.title, **record(matching, language_of(request, actor))}
    text = json.dumps(found, ensure_ascii=False, indent=2) + "\n"
    return _file(text, "application/json", one, "json")


def _file(content: str | bytes, media_type: str, one: Round, ending: str) -> Response:
    """A download named after the round; names that are not Latin keep the plain name."""
    plain = re.sub(r"[^a-z0-9]+", "-", one.title.lower()).strip("-") or "round"
    return download(content, media_type, f"{plain}-match.{ending}")
