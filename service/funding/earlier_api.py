"""Cooperations that were signed elsewhere, brought in by programs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from pydantic import BaseModel

from service.funding import earlier
from service.organizations.desk import signed_in
from service.organizations.evidence import read
from service.web import Asking, Writing, language_of, site_of
from service.wording import say

router = APIRouter(prefix="/api/v1", tags=["agreements"])


class RowProblemOut(BaseModel):
    """What is wrong with a cell."""

    sheet: str
    row: int | None
    column: str
    value: str
    code: str
    detail: str


class BroughtOut(BaseModel):
    """What a spreadsheet says, and what came of it."""

    rows: int
    ready: int
    """How many can be brought in, or were."""
    here: int
    """How many had been brought in before."""
    problems: list[RowProblemOut]
    made: list[str]
    """Ids of the cooperations that were brought in; none unless that was asked for."""


@router.post("/cooperations/import")
def bring_cooperations(
    request: Request,
    session: Writing,
    actor: Asking,
    file: Annotated[UploadFile, File(description="CSV, TSV, XLSX or JSON in any encoding.")],
    source: Annotated[str, Form(max_length=500, description="Of the rows that name none.")] = "",
    confirm: Annotated[
        bool, Form(description="Bring in what can be read; else it is only looked at.")
    ] = False,
) -> BroughtOut:
    """Look at a spreadsheet of cooperations signed elsewhere, or bring them in. Twice brings them once."""
    signed_in(actor)
    content = read(file.file, site_of(request).settings.upload_bytes)
    kept = earlier.read(actor, filename=file.filename or "", content=content, source=source)
    looked = earlier.look(session, actor, kept)
    made = earlier.bring(session, actor, kept, looked) if confirm and looked.ready else []
    language = language_of(request, actor)
    return BroughtOut(
        rows=looked.rows,
        ready=len(looked.ready),
        here=looked.here,
        problems=[
            RowProblemOut(
                sheet=one.problem.sheet,
                row=one.problem.row,
                column=one.problem.column,
                value=one.problem.value,
                code=one.problem.message.code,
                detail=say(one.problem.message, language),
            )
            for one in looked.wrong
        ],
        made=[one.uid for one in made],
    )
