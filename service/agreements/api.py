"""Agreements as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, File, Form, Path, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse

from service.accounts.queries import SESSION_COOKIE
from service.accounts.sessions import prove
from service.agreements import actions, drafting, printing, queries, showing, signing
from service.agreements.models import AgreementStatus  # noqa: TC001 — FastAPI reads it
from service.agreements.shapes import (
    AgreementDetailOut,
    AgreementOut,
    CommentIn,
    CommentOut,
    DraftedOut,
    DraftIn,
    PassageOut,
    ReasonIn,
    RevisionOut,
    SignatureIn,
    TermsIn,
)
from service.agreements.terms import Terms
from service.errors import SignInNeeded
from service.listings import queries as listings
from service.organizations.desk import sent, signed_in
from service.organizations.evidence import read
from service.paging import Cursor, Limit, PieceOut, piece
from service.pairings import queries as pairings
from service.rounds import queries as rounds
from service.web import (
    Asking,
    Reading,
    Writing,
    etag,
    language_of,
    limit,
    require_match,
    site_of,
)

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.agreements.models import Agreement
    from service.permissions import Actor

router = APIRouter(prefix="/api/v1", tags=["agreements"])

Uid = Annotated[str, Path(max_length=32, description="The agreement's id.")]
Step = Literal["open-signing", "resume", "complete", "on-stage"]
StepWithReason = Literal["revise", "abandon", "suspend", "terminate"]
TRIES = "10/15minutes"
"""How often one may show who one is before signing."""


class Pdf(Response):
    """A PDF."""

    media_type = "application/pdf"


def _get(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Agreement:
    if not actor.signed_in:
        raise SignInNeeded
    return queries.get(session, actor, uid, lock=lock)


def _shown(
    request: Request, response: Response, session: Session, actor: Actor, agreement: Agreement
) -> AgreementDetailOut:
    response.headers["ETag"] = etag(agreement.version)
    return showing.detail(session, agreement, language_of(request, actor))


@router.get("/agreements")
def list_agreements(
    session: Reading,
    actor: Asking,
    status: Annotated[AgreementStatus | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> PieceOut[AgreementOut]:
    """The agreements of the caller's organizations, for facilitators all; the newest first."""
    if not actor.signed_in:
        raise SignInNeeded
    found = piece(session, queries.listed(actor, status=status), queries.ROW, cursor=cursor, limit=limit)
    return PieceOut(items=showing.out(session, found.items), next=found.next)


@router.post("/agreements", status_code=201)
def draft_agreement(
    given: DraftIn, request: Request, response: Response, session: Writing, actor: Asking
) -> AgreementDetailOut:
    """Draft an agreement from pairings of one need, or from an accepted request; nothing is typed twice."""
    signed_in(actor)
    wanted = drafting.Wanted(
        given.kind,
        given.language,
        given.second_language,
        given.supervisor,
        given.operator,
        tuple(given.partners),
    )
    if given.request:
        asked = listings.request(session, actor, given.request, lock=True)
        made = drafting.from_request(session, actor, asked, wanted)
    else:
        chosen = [pairings.get(session, actor, uid) for uid in given.pairings]
        made = drafting.from_pairings(session, actor, chosen, wanted)
    response.headers["Location"] = f"/api/v1/agreements/{made.uid}"
    return _shown(request, response, session, actor, made)


@router.post("/rounds/{uid}/agreements", status_code=201)
def draft_round(
    uid: Annotated[str, Path(max_length=32, description="The round's id.")], session: Writing, actor: Asking
) -> DraftedOut:
    """Draft all that both sides of a round want and nobody has drafted: one agreement for each need."""
    signed_in(actor)
    made = drafting.round_of(session, actor, rounds.get(session, actor, uid))
    return DraftedOut(agreements=showing.out(session, made))


@router.get("/agreements/{uid}")
def get_agreement(
    uid: Uid, request: Request, response: Response, session: Reading, actor: Asking
) -> AgreementDetailOut:
    """One agreement: what it says, who has signed, what is missing; with the `ETag` that an edit needs."""
    return _shown(request, response, session, actor, _get(session, actor, uid))


@router.put("/agreements/{uid}/terms")
def save_terms(
    uid: Uid, given: TermsIn, request: Request, response: Response, session: Writing, actor: Asking
) -> AgreementDetailOut:
    """Write a new version of a draft. `If-Match` guards against lost edits.

    Clauses that still read as their template follow the new dates and sums.
    """
    agreement = _get(session, actor, uid, lock=True)
    queries.require_own(session, actor, "agreement:draft", agreement)
    require_match(request, agreement.version)
    actions.save(
        session, actor, agreement, given.terms, note=given.note, second_language=given.second_language
    )
    return _shown(request, response, session, actor, agreement)


@router.get("/agreements/{uid}/revisions")
def list_revisions(uid: Uid, session: Reading, actor: Asking) -> list[RevisionOut]:
    """All versions, the newest first."""
    return showing.revisions(session, _get(session, actor, uid))


@router.get("/agreements/{uid}/revisions/{number}")
def get_revision(
    uid: Uid, number: Annotated[int, Path(ge=1, le=100_000)], session: Reading, actor: Asking
) -> Terms:
    """What one version says."""
    return Terms.model_validate(queries.revision(session, _get(session, actor, uid), number).terms)


@router.get("/agreements/{uid}/changes")
def compare_revisions(
    uid: Uid,
    session: Reading,
    actor: Asking,
    older: Annotated[int, Query(ge=1, le=100_000, description="Number of the older version.")],
    newer: Annotated[int, Query(ge=1, le=100_000, description="Number of the newer version.")],
) -> list[PassageOut]:
    """Two versions compared word by word, Chinese by character."""
    agreement = _get(session, actor, uid)
    before, after = (
        Terms.model_validate(queries.revision(session, agreement, number).terms) for number in (older, newer)
    )
    return showing.compared(before, after)


@router.get("/agreements/{uid}/comments")
def list_comments(uid: Uid, session: Reading, actor: Asking) -> list[CommentOut]:
    """All remarks, oldest first."""
    return showing.comments(session, _get(session, actor, uid))


@router.post("/agreements/{uid}/comments", status_code=201)
def add_comment(uid: Uid, given: CommentIn, session: Writing, actor: Asking) -> CommentOut:
    """Remark on a clause, or on the whole; the other parties are told."""
    agreement = _get(session, actor, uid)
    made = actions.comment(session, actor, agreement, given.text, given.clause)
    return next(one for one in showing.comments(session, agreement) if one.id == made.uid)


@router.post("/agreements/{uid}/comments/{comment}/resolve")
def resolve_comment(
    uid: Uid, comment: Annotated[str, Path(max_length=32)], session: Writing, actor: Asking
) -> CommentOut:
    """Say that a remark is dealt with."""
    agreement = _get(session, actor, uid)
    found = actions.resolve(session, actor, agreement, comment)
    return next(one for one in showing.comments(session, agreement) if one.id == found.uid)


@router.post("/agreements/{uid}/signatures")
def sign_agreement(
    uid: Uid,
    given: SignatureIn,
    request: Request,
    response: Response,
    before: Reading,
    session: Writing,
    actor: Asking,
) -> AgreementDetailOut:
    """Sign for one's organization. With the last signature the agreement is in force. Twice signs once."""
    signed_in(actor)
    limit(request, TRIES, "agreement-sign", actor.uid)
    proof = prove(before, actor, given.password, request.cookies.get(SESSION_COOKIE, ""))
    agreement = _get(session, actor, uid, lock=True)
    signing.sign(
        session,
        actor,
        agreement,
        proof,
        text_hash=given.text_hash,
        name=given.name,
        position=given.position,
        organization=given.organization,
    )
    return _shown(request, response, session, actor, agreement)


@router.post("/agreements/{uid}/scans")
def hand_in_scan(
    uid: Uid,
    request: Request,
    response: Response,
    session: Writing,
    actor: Asking,
    organization: Annotated[str, Form(max_length=32, description="The party that signed on paper.")],
    name: Annotated[str, Form(max_length=120, description="Who signed.")],
    file: Annotated[UploadFile, File(description="PDF, PNG or JPEG.")],
    position: Annotated[str, Form(max_length=120, description="As what.")],
) -> AgreementDetailOut:
    """Hand in the scan of the text that a party signed on paper, in the place of signing here."""
    agreement = _get(session, actor, uid, lock=True)
    settings = site_of(request).settings
    signing.record_scan(
        session,
        actor,
        agreement,
        organization=organization,
        name=name,
        position=position,
        filename=file.filename or "",
        content=read(file.file, settings.upload_bytes),
        data_dir=settings.data_dir,
    )
    return _shown(request, response, session, actor, agreement)


@router.get("/agreements/{uid}/scans/{signature}", response_class=FileResponse)
def get_scan(uid: Uid, signature: Uid, request: Request, session: Reading, actor: Asking) -> Response:
    """The scan that stands for a signature."""
    return sent(request, queries.scan_of(session, _get(session, actor, uid), signature))


@router.get("/agreements/{uid}/pdf", response_class=Pdf)
def get_pdf(uid: Uid, request: Request, session: Reading, actor: Asking) -> Pdf:
    """The agreement as PDF/A: as it was signed, or as it stands in the draft."""
    agreement = _get(session, actor, uid)
    public_url = site_of(request).settings.public_url
    return Pdf(printing.print_out(session, agreement, public_url=public_url, time_zone=actor.time_zone))


@router.post("/agreements/{uid}/amendments", status_code=201)
def amend_agreement(
    uid: Uid, request: Request, response: Response, session: Writing, actor: Asking
) -> AgreementDetailOut:
    """Draft an amendment that begins with what is in force; signed, its terms take the place of these."""
    made = drafting.amend(session, actor, _get(session, actor, uid, lock=True))
    response.headers["Location"] = f"/api/v1/agreements/{made.uid}"
    return _shown(request, response, session, actor, made)


@router.post("/agreements/{uid}/steps/{step}")
def take_step(
    uid: Uid, step: Step, request: Request, response: Response, session: Writing, actor: Asking
) -> AgreementDetailOut:
    """Open signing, note what was signed on stage, resume, complete."""
    agreement = _get(session, actor, uid, lock=True)
    require_match(request, agreement.version)
    {
        "open-signing": signing.open_signing,
        "on-stage": signing.record_on_stage,
        "resume": actions.resume,
        "complete": actions.complete,
    }[step](session, actor, agreement)
    return _shown(request, response, session, actor, agreement)


@router.post("/agreements/{uid}/reasoned-steps/{step}")
def take_step_with_reason(
    uid: Uid,
    step: StepWithReason,
    given: ReasonIn,
    request: Request,
    response: Response,
    session: Writing,
    actor: Asking,
) -> AgreementDetailOut:
    """Back to draft, abandon, suspend, terminate; the parties read why."""
    agreement = _get(session, actor, uid, lock=True)
    require_match(request, agreement.version)
    {
        "revise": signing.take_back,
        "abandon": actions.abandon,
        "suspend": actions.suspend,
        "terminate": actions.terminate,
    }[step](session, actor, agreement, given.reason)
    return _shown(request, response, session, actor, agreement)
