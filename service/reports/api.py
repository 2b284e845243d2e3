"""Reports, visits and the clinic as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, File, Form, Path, Query, Request, UploadFile

from service.agreements import queries as agreements
from service.agreements.models import Agreement
from service.errors import SignInNeeded
from service.organizations import queries as organizations
from service.organizations.evidence import read
from service.permissions import require
from service.reports import actions, clinic, queries, shapes, transparency, visits
from service.reports.models import ReportStatus
from service.reports.shapes import (
    AcceptIn,
    AnswersIn,
    FaultOut,
    QuestionOut,
    ReportOut,
    ReturnIn,
    TransparencyOut,
    VisitIn,
    VisitOut,
)
from service.web import Asking, Reading, Writing, language_of, site_of

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.permissions import Actor
    from service.reports.models import Report, SiteVisit

router = APIRouter(prefix="/api/v1", tags=["reports"])

Uid = Annotated[str, Path(max_length=32, description="The report's id.")]
AgreementUid = Annotated[str, Path(max_length=32, description="The agreement's id.")]
VisitUid = Annotated[str, Path(max_length=32, description="The visit's id.")]
Number = Annotated[int, Path(ge=1, le=100, description="The file's number, from 1.")]
Upload = Annotated[UploadFile, File(description="PDF, PNG, JPEG or Word (.docx).")]
Caption = Annotated[str, Form(max_length=200)]
People = Annotated[
    Literal["", "nobody", "agreed", "refused"],
    Form(description="Of a photo: whether people can be recognised, and whether they agreed to be shown."),
]
Consent = Annotated[str, Form(max_length=200, description="Who agreed to be shown.")]


def _signed_in(actor: Actor) -> None:
    if not actor.signed_in:
        raise SignInNeeded


def _one(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Report:
    _signed_in(actor)
    return queries.get(session, actor, uid, lock=lock)


def _shown(session: Session, actor: Actor, found: queries.Told) -> ReportOut:
    one = found.report
    kept = one.facts if one.status in (ReportStatus.SUBMITTED, ReportStatus.ACCEPTED) else None
    return shapes.report(
        found, inside=queries.may_write(actor, one), facts=kept or queries.facts(session, one)
    )


def _answer(session: Session, actor: Actor, report: Report) -> ReportOut:
    return _shown(session, actor, queries.tell(session, report))


# Reading ------------------------------------------------------------------------------------------------


@router.get("/reports")
def list_reports(
    session: Reading, actor: Asking, waiting: Literal["write", "decide"] = "write"
) -> list[ReportOut]:
    """What waits for the caller: to be handed in within 30 days or late, or to be decided."""
    _signed_in(actor)
    found = queries.to_write if waiting == "write" else queries.to_decide
    return [_shown(session, actor, one) for one in found(session, actor)]


@router.get("/agreements/{uid}/reports")
def list_reports_of_agreement(uid: AgreementUid, session: Reading, actor: Asking) -> list[ReportOut]:
    """All reports of an agreement, in the order of what they are about."""
    _signed_in(actor)
    agreement = agreements.get(session, actor, uid)
    return [_shown(session, actor, one) for one in queries.of_agreement(session, actor, agreement)]


@router.get("/reports/{uid}")
def get_report(uid: Uid, session: Reading, actor: Asking) -> ReportOut:
    """One report."""
    return _answer(session, actor, _one(session, actor, uid))


@router.get("/reports/{uid}/questions")
def get_questions(uid: Uid, request: Request, session: Reading, actor: Asking) -> list[QuestionOut]:
    """The questions of its form, with their limits."""
    return shapes.form(_one(session, actor, uid).kind, language_of(request, actor))


# Writing ------------------------------------------------------------------------------------------------


@router.put("/reports/{uid}/answers")
def save_answers(uid: Uid, given: AnswersIn, session: Writing, actor: Asking) -> ReportOut:
    """Keep answers without handing them in; nothing of them is refused."""
    report = _one(session, actor, uid, lock=True)
    return _answer(session, actor, actions.save(session, actor, report, given.answers, given.checked))


@router.post("/reports/{uid}/submit")
def submit_report(uid: Uid, given: AnswersIn, session: Writing, actor: Asking) -> ReportOut:
    """Hand the report in."""
    report = _one(session, actor, uid, lock=True)
    return _answer(session, actor, actions.submit(session, actor, report, given.answers, given.checked))


@router.post("/reports/{uid}/files", status_code=201)
def attach_file(
    uid: Uid,
    request: Request,
    session: Writing,
    actor: Asking,
    file: Upload,
    caption: Caption = "",
    people: People = "",
    consent: Consent = "",
) -> ReportOut:
    """Add a file. A photo of people is published only with their consent."""
    report = _one(session, actor, uid, lock=True)
    settings = site_of(request).settings
    actions.attach(
        session,
        actor,
        report,
        file.filename or "",
        read(file.file, settings.upload_bytes),
        data_dir=settings.data_dir,
        caption=caption,
        people=people,
        consent=consent,
    )
    return _answer(session, actor, report)


@router.delete("/reports/{uid}/files/{number}")
def detach_file(uid: Uid, number: Number, session: Writing, actor: Asking) -> ReportOut:
    """Take a file out again."""
    report = _one(session, actor, uid, lock=True)
    return _answer(session, actor, actions.detach(session, actor, report, number))


@router.post("/reports/{uid}/files/{number}/withdraw-consent")
def withdraw_consent(uid: Uid, number: Number, session: Writing, actor: Asking) -> ReportOut:
    """Stop showing a photo, at any time."""
    report = _one(session, actor, uid, lock=True)
    return _answer(session, actor, actions.withdraw_consent(session, actor, report, number))


# Deciding -----------------------------------------------------------------------------------------------


@router.post("/reports/{uid}/accept")
def accept_report(uid: Uid, given: AcceptIn, session: Writing, actor: Asking) -> ReportOut:
    """Accept a report: for another party, or as a facilitator."""
    report = _one(session, actor, uid, lock=True)
    return _answer(session, actor, actions.accept(session, actor, report, given.faults, given.remark))


@router.post("/reports/{uid}/return")
def return_report(uid: Uid, given: ReturnIn, session: Writing, actor: Asking) -> ReportOut:
    """Return a report with the reason."""
    report = _one(session, actor, uid, lock=True)
    return _answer(session, actor, actions.return_(session, actor, report, given.reason, given.faults))


# Visits and the clinic ----------------------------------------------------------------------------------


@router.get("/agreements/{uid}/visits")
def list_visits(uid: AgreementUid, session: Reading, actor: Asking) -> list[VisitOut]:
    """The site visits of an agreement, the latest first."""
    _signed_in(actor)
    agreement = agreements.get(session, actor, uid)
    return [shapes.visit(one, agreement.uid) for one in visits.of_agreement(session, agreement)]


def _visit(session: Session, visit: SiteVisit) -> VisitOut:
    agreement = session.get_one(Agreement, visit.agreement_id)
    found = visits.of_agreement(session, agreement)
    return shapes.visit(next(one for one in found if one.visit.id == visit.id), agreement.uid)


@router.post("/agreements/{uid}/visits", status_code=201)
def write_visit(uid: AgreementUid, given: VisitIn, session: Writing, actor: Asking) -> VisitOut:
    """Write down what was seen on the spot."""
    _signed_in(actor)
    agreement = agreements.get(session, actor, uid)
    visit = visits.write(
        session, actor, agreement, on=given.on, place=given.place, text=given.text, faults=given.faults
    )
    return _visit(session, visit)


@router.post("/visits/{uid}/files", status_code=201)
def attach_to_visit(
    uid: VisitUid,
    request: Request,
    session: Writing,
    actor: Asking,
    file: Upload,
    caption: Caption = "",
    people: People = "",
    consent: Consent = "",
) -> VisitOut:
    """Add a photo or another file to one's visit."""
    _signed_in(actor)
    visit = visits.get(session, actor, uid)
    settings = site_of(request).settings
    visits.attach(
        session,
        actor,
        visit,
        file.filename or "",
        read(file.file, settings.upload_bytes),
        data_dir=settings.data_dir,
        caption=caption,
        people=people,
        consent=consent,
    )
    return _visit(session, visit)


@router.get("/organizations/{uid}/transparency")
def get_transparency(
    session: Reading,
    actor: Asking,
    uid: Annotated[str, Path(max_length=32, description="The organization's id.")],
) -> TransparencyOut:
    """How open an organization is: half for the facts filled in, half for the reports handed in."""
    shown = transparency.of_organization(session, organizations.get(session, actor, uid))
    return TransparencyOut(
        score=round(shown.score, 4),
        facts=round(shown.facts.share, 4),
        reports_handed_in=shown.handed_in,
        reports_due=shown.due,
    )


@router.get("/clinic")
def get_clinic(
    request: Request, session: Reading, actor: Asking, preset: Annotated[str, Query(max_length=40)] = ""
) -> list[FaultOut]:
    """Recurring faults, the most frequent first."""
    require(actor, "clinic:read")
    found = clinic.clinic(session, preset)
    language = language_of(request, actor)
    listed = [one.code for one in found.recurring]
    return shapes.recurring(found, dict(zip(listed, clinic.labels(listed, language), strict=True)))
