"""Verification as JSON: files that an organization hands in, flags on it, its screening as a sponsor."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Path, Request, Response, UploadFile
from fastapi.responses import FileResponse

from service.errors import NotFound
from service.organizations import actions, decisions, queries
from service.organizations.evidence import ENDINGS, path_of, read
from service.organizations.models import (
    Evidence,
    EvidenceKind,
    EvidenceOut,
    Flag,
    FlagDecisionIn,
    FlagIn,
    FlagOut,
    ScreeningIn,
    ScreeningOut,
)
from service.web import Asking, Reading, Writing, file_to_save, site_of

router = APIRouter(prefix="/api/v1/organizations/{uid}", tags=["verification"])

Uid = Annotated[str, Path(max_length=32, description="The organization's id.")]
Piece = Annotated[str, Path(max_length=32, description="The file's id.")]


@router.get("/evidence")
def list_evidence(uid: Uid, session: Reading, actor: Asking) -> list[EvidenceOut]:
    """The files that it has handed in, oldest first; for its members and facilitators."""
    organization = queries.inside(session, actor, uid)
    return [_evidence(piece) for piece in queries.evidence_of(session, organization)]


@router.post("/evidence", status_code=201)
def hand_in(
    uid: Uid,
    request: Request,
    session: Writing,
    actor: Asking,
    file: Annotated[UploadFile, File(description="PDF, PNG, JPEG or Word (.docx).")],
    kind: Annotated[
        EvidenceKind, Form(description="What it proves.", examples=["registration"])
    ] = EvidenceKind.OTHER,
) -> EvidenceOut:
    """Hand in a file that proves something; for the organization's owners and editors."""
    settings = site_of(request).settings
    content = read(file.file, settings.upload_bytes)
    piece = actions.hand_in(
        session, actor, uid, settings.data_dir, content=content, filename=file.filename or "", kind=kind
    )
    return _evidence(piece)


@router.get(
    "/evidence/{piece}",
    response_class=FileResponse,
    responses={
        200: {
            "description": "The file.",
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ENDINGS},
        }
    },
)
def download_evidence(uid: Uid, piece: Piece, request: Request, session: Reading, actor: Asking) -> Response:
    """A file, to be saved; for members and facilitators."""
    found = queries.piece_of_evidence(session, actor, uid, piece)
    return file_to_save(path_of(site_of(request).settings.data_dir, found.sha256), found)


@router.delete("/evidence/{piece}", status_code=204)
def take_back_evidence(uid: Uid, piece: Piece, session: Writing, actor: Asking) -> Response:
    """Remove a file; for the organization's owners and editors."""
    actions.take_back(session, actor, uid, piece)
    return Response(status_code=204)


# For facilitators --------------------------------------------------------------------------------------


@router.get("/flags")
def list_flags(uid: Uid, session: Reading, actor: Asking) -> list[FlagOut]:
    """The flags on an organization, the newest first; for facilitators."""
    return [_flag(flag) for flag in queries.flags(session, actor, uid)]


@router.post("/flags", status_code=201)
def raise_flag(uid: Uid, given: FlagIn, session: Writing, actor: Asking) -> FlagOut:
    """Note something adverse; only facilitators see it."""
    flag = decisions.raise_flag(session, actor, uid, level=given.level, risk=given.risk, text=given.text)
    return _flag(flag)


@router.post("/flags/{flag}/decisions")
def judge_flag(
    uid: Uid,
    flag: Annotated[str, Path(max_length=32, description="The flag's id.")],
    given: FlagDecisionIn,
    session: Writing,
    actor: Asking,
) -> FlagOut:
    """Escalate, dismiss or confirm a flag; a red one is confirmed by a second person only."""
    return _flag(decisions.judge(session, actor, uid, flag, given.step, given.reason))


@router.get("/screening")
def get_screening(uid: Uid, session: Reading, actor: Asking) -> ScreeningOut:
    """The screening of a sponsor, where there was one; for facilitators."""
    found = queries.screening(session, actor, uid)
    if not found:
        raise NotFound
    return ScreeningOut.model_validate(found)


@router.put("/screening")
def screen(uid: Uid, given: ScreeningIn, session: Writing, actor: Asking) -> ScreeningOut:
    """Write down the screening of a sponsor, which must come before verifying it; for facilitators."""
    organization = decisions.screen(
        session, actor, uid, concerns=given.concerns, decision=given.decision, reason=given.reason
    )
    return ScreeningOut.model_validate(organization.screening)


def _evidence(piece: Evidence) -> EvidenceOut:
    return EvidenceOut(id=piece.uid, **piece.model_dump(include=set(EvidenceOut.model_fields) - {"id"}))


def _flag(flag: Flag) -> FlagOut:
    return FlagOut(id=flag.uid, **flag.model_dump(include=set(FlagOut.model_fields) - {"id"}))
