"""Pages of reports: what waits, those of one agreement with its visits, one to write, read and decide."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from matching.rules import load_preset, preset_names
from service.agreements import queries as agreements
from service.errors import BadInput, NotFound
from service.organizations.desk import problems_by_field, sent, signed_in
from service.organizations.evidence import read
from service.permissions import may, require
from service.reports import actions, clinic, queries, questions, transparency, visits
from service.reports.models import (
    ANSWER_CHARACTERS,
    MOST_FILES,
    REASON_CHARACTERS,
    ReportKind,
    ReportStatus,
)
from service.reports.words import KINDS, PEOPLE
from service.web import (
    NOTHING_TYPED,
    Asking,
    Form,
    Reading,
    Typed,
    Writing,
    language_of,
    page,
    see_other,
    site_of,
    typed_before,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from matching.messages import Message
    from service.agreements.models import Agreement
    from service.organizations.models import Organization
    from service.permissions import Actor
    from service.reports.models import Report

router = APIRouter(include_in_schema=False)
SHARED: dict[str, Any] = {
    "kinds": KINDS,
    "people_words": PEOPLE,
    "images": queries.IMAGES,
    "published": queries.is_published,
    "most_files": MOST_FILES,
    "most_reason": REASON_CHARACTERS,
}


@router.get("/reports")
def mine(request: Request, session: Reading, actor: Asking) -> Response:
    """What waits for the actor: reports to hand in and to decide; for facilitators all that are overdue."""
    signed_in(actor)
    return page(
        request,
        actor,
        "reports/mine.html",
        to_write=queries.to_write(session, actor),
        to_decide=queries.to_decide(session, actor),
        overdue=queries.overdue(session) if actor.is_staff else [],
        **SHARED,
    )


# Those of one agreement ---------------------------------------------------------------------------------


@router.get("/agreements/{uid}/reports")
def of_agreement(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """The reports of an agreement and the visits to its project."""
    signed_in(actor)
    agreement = agreements.get(session, actor, uid)
    return _agreement_page(request, session, actor, agreement, typed_before(request, session))


def _agreement_page(
    request: Request,
    session: Session,
    actor: Actor,
    agreement: Agreement,
    typed: Typed = NOTHING_TYPED,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    listed = queries.of_agreement(session, actor, agreement)
    accepted = [one.report for one in listed if one.report.status is ReportStatus.ACCEPTED]
    return page(
        request,
        actor,
        "reports/of_agreement.html",
        status=status,
        typed=typed,
        problems=problems or {},
        agreement=agreement,
        reports=listed,
        reached=queries.reached(accepted),
        visits=visits.of_agreement(session, agreement),
        visitors=visits.visitors(session, actor, agreement),
        codes=clinic.codes(),
        most_text=ANSWER_CHARACTERS,
        **SHARED,
    )


@router.post("/agreements/{uid}/visits")
def write_visit(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Write down a visit, with a photo or another file."""
    signed_in(actor)
    agreement = agreements.get(session, actor, uid)
    try:
        visit = visits.write(
            session,
            actor,
            agreement,
            on=_day(typed.text("on")),
            place=typed.text("place"),
            text=typed.text("text"),
            faults=typed.texts("faults"),
        )
        if (file := _file(request, typed)) is not None:
            visits.attach(session, actor, visit, *file, **_about_file(request, typed))
    except BadInput as error:
        session.rollback()
        agreement = agreements.get(session, actor, uid)
        problems = problems_by_field(error)
        return _agreement_page(request, session, actor, agreement, typed, status=422, problems=problems)
    return see_other(f"/agreements/{uid}/reports?done=saved#visits")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _file(request: Request, typed: Typed) -> tuple[str, bytes] | None:
    chosen = typed.file("file")
    if chosen is None:
        return None
    return chosen.filename or "", read(chosen.file, site_of(request).settings.upload_bytes)


def _about_file(request: Request, typed: Typed) -> dict[str, Any]:
    return {
        "data_dir": site_of(request).settings.data_dir,
        "caption": typed.text("caption"),
        "people": typed.text("people"),
        "consent": typed.text("consent"),
    }


# One report ---------------------------------------------------------------------------------------------


@router.get("/reports/{uid}")
def report(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """One report: its form for who writes it, else what it says, and the decision about it."""
    signed_in(actor)
    return _page(request, session, actor, queries.get(session, actor, uid), typed_before(request, session))


def _page(
    request: Request,
    session: Session,
    actor: Actor,
    found: Report,
    typed: Typed = NOTHING_TYPED,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    one = queries.tell(session, found)
    writes = (
        queries.may_write(actor, found)
        and found.status in queries.OPEN
        and queries.is_owed(found, one.agreement)
        and one.begins
    )
    decides = found.status is ReportStatus.SUBMITTED and queries.may_decide(
        actor, found, queries.parties_of(session, found)
    )
    open_to = queries.may_write(actor, found) or found.status in queries.HANDED_IN
    if writes and not typed.fields:
        kept = {code: [answer] for code, answer in queries.prefilled(session, found).items()}
        typed = Typed({**kept, "checked": list(found.answers.get("checked", []))}, {})
    return page(
        request,
        actor,
        "reports/report.html",
        status=status,
        typed=typed,
        problems=problems or {},
        told=one,
        report=found,
        agreement=one.agreement,
        asked=questions.asked(found.kind),
        points=questions.MOST_POINTS,
        number=questions.number,
        answers=found.answers if open_to else {},
        open_to=open_to,
        files=found.attachments if open_to else [],
        facts=queries.facts(session, found) if writes or not found.facts else found.facts,
        writes=writes,
        decides=decides,
        hides=queries.may_write(actor, found),
        checklist=clinic.checklist(session, one.agreement)
        if (writes or decides) and found.kind is not ReportKind.EVALUATION
        else [],
        noted=clinic.faults_of(session, [found.key]),
        codes=clinic.codes(),
        most_bytes=site_of(request).settings.upload_bytes,
        **SHARED,
    )


@router.post("/reports/{uid}/draft")
def autosave(session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Keep what is typed, as it is typed."""
    signed_in(actor)
    found = queries.get(session, actor, uid, lock=True)
    actions.save(session, actor, found, _answers(found, typed), typed.texts("checked"))
    return Response(status_code=204)


def _answers(found: Report, typed: Typed) -> dict[str, str]:
    return {one.code: typed.text(one.code) for one in questions.asked(found.kind)}


@router.post("/reports/{uid}")
def write(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Keep a report, add or take out a file, or hand it in; what was typed is kept in each case."""
    signed_in(actor)
    found = queries.get(session, actor, uid, lock=True)
    answers, checked, do = _answers(found, typed), typed.texts("checked"), typed.text("do")
    actions.save(session, actor, found, answers, checked)
    try:
        if (file := _file(request, typed)) is not None:
            actions.attach(session, actor, found, *file, **_about_file(request, typed))
        elif do == "attach":
            raise BadInput.one("file", actions.NO_FILE)
        if do.startswith("detach-"):
            actions.detach(session, actor, found, questions.number(do.removeprefix("detach-")) or 0)
        if do == "submit":
            actions.submit(session, actor, found, answers, checked)
    except BadInput as error:
        return _page(request, session, actor, found, typed, status=422, problems=problems_by_field(error))
    done = "report-submitted" if do == "submit" else "saved"
    anchor = "#files" if do == "attach" or do.startswith("detach-") else ""
    return see_other(f"/reports/{uid}?done={done}{anchor}")


@router.post("/reports/{uid}/accept")
def accept(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Accept a report."""
    return _decided(request, session, actor, uid, typed, "accepted")


@router.post("/reports/{uid}/return")
def return_(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Return a report with the reason."""
    return _decided(request, session, actor, uid, typed, "returned")


def _decided(request: Request, session: Session, actor: Actor, uid: str, typed: Typed, done: str) -> Response:
    signed_in(actor)
    found = queries.get(session, actor, uid, lock=True)
    reason, faults = typed.text("reason"), typed.texts("faults")
    try:
        if done == "accepted":
            actions.accept(session, actor, found, faults, reason)
        else:
            actions.return_(session, actor, found, reason, faults)
    except BadInput as error:
        session.rollback()
        found = queries.get(session, actor, uid)
        return _page(request, session, actor, found, typed, status=422, problems=problems_by_field(error))
    return see_other(f"/reports/{uid}?done=report-{done}")


# Files --------------------------------------------------------------------------------------------------


@router.get("/reports/{uid}/files/{number}")
def file(request: Request, session: Reading, actor: Asking, uid: str, number: int) -> Response:
    """A file of a report, for the parties and facilitators."""
    signed_in(actor)
    found = queries.get(session, actor, uid)
    if found.status not in queries.HANDED_IN and not queries.may_write(actor, found):
        raise NotFound
    return sent(request, queries.file_of(found, number))


@router.get("/reports/{uid}/photos/{number}")
def photo(request: Request, session: Reading, uid: str, number: int) -> Response:
    """A photo of an accepted report that everybody may see."""
    return sent(request, queries.published_photo(session, uid, number))


@router.post("/reports/{uid}/photos/{number}/hide")
def hide_photo(session: Writing, actor: Asking, uid: str, number: int) -> Response:
    """Stop showing a photo of people who no longer agree."""
    signed_in(actor)
    actions.withdraw_consent(session, actor, queries.get(session, actor, uid, lock=True), number)
    return see_other(f"/reports/{uid}?done=saved#files")


@router.get("/visits/{uid}/files/{number}")
def visit_file(request: Request, session: Reading, actor: Asking, uid: str, number: int) -> Response:
    """A file of a visit, for the parties and facilitators."""
    signed_in(actor)
    return sent(request, queries.file_of(visits.get(session, actor, uid), number))


# On the profile of an organization ----------------------------------------------------------------------


def section_of_organization(
    session: Session, _actor: Actor, organization: Organization
) -> tuple[str, dict[str, Any]]:
    """How open it is."""
    return "reports/transparency.html", {"shown": transparency.of_organization(session, organization)}


# The clinic ---------------------------------------------------------------------------------------------


@router.get("/clinic")
def case_clinic(request: Request, session: Reading, actor: Asking, preset: str = "") -> Response:
    """Recurring faults, by time and preset; the single cases for facilitators only."""
    require(actor, "clinic:read")
    return page(
        request,
        actor,
        "reports/clinic.html",
        clinic=clinic.clinic(session, preset[:40]),
        preset=preset,
        titles={name: load_preset(name).title[language_of(request, actor)] for name in preset_names()},
        cases=may(actor, "organization:verify"),
    )
