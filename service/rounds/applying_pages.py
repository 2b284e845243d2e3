"""Pages of those who apply: choose or write what to enter, answer what is missing, see what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.messages import Message, Term
from matching.profiles import Side
from service.errors import BadInput, Changed, NotFound, NotNow, TooLarge
from service.listings import queries as listings
from service.organizations import queries as organizations
from service.organizations.desk import problems_by_field, signed_in
from service.permissions import may
from service.rounds import applications, applying, queries, screening
from service.rounds.asking import OPTIONAL, field_of, label, missing_facts, questions_for
from service.rounds.checking import check, fits, restored_findings
from service.rounds.models import REMARK_CHARACTERS, ApplicationStatus, RoundStatus
from service.rounds.phases import of_round
from service.texts import MISSING
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
    typed_before,
)
from service.wording import term_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from service.listings.models import Listing
    from service.permissions import Actor
    from service.rounds.asking import Said
    from service.rounds.models import Application, Round

router = APIRouter(include_in_schema=False)
MOST_CHOICES = 30
"""Own listings that are offered to choose from, each with what the rules say of it."""


# Choosing what to enter ---------------------------------------------------------------------------------


@router.get("/rounds/{uid}/apply")
def choose(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """Pick one of one's own needs and offers, or write a new one."""
    signed_in(actor)
    return _choose(request, session, actor, uid, typed_before(request, session))


def _choose(
    request: Request,
    session: Session,
    actor: Actor,
    uid: str,
    typed: Typed,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    one = queries.get(session, actor, uid)
    mine = [
        listing
        for listing in listings.mine(session, actor)
        if may(actor, "application:submit", listing.organization_id) and listing.status != "fulfilled"
    ][:MOST_CHOICES]
    owners = listings.owners_of(session, mine)
    entered = {entry.listing.key: entry.application for entry in applications.entries(session, actor, one)}
    last = applications.apply_by(session, one)
    return page(
        request,
        actor,
        "rounds/apply.html",
        status=status,
        typed=typed,
        problems=problems or {},
        round=one,
        closed=applications.closed_for_new(session, one),
        last=last,
        choices=[
            {
                "listing": listing,
                "organization": owners[listing.organization_id],
                "application": entered.get(listing.key),
                "findings": [
                    finding
                    for finding in check(session, one, listing, owners[listing.organization_id])
                    if finding.refuses
                ],
            }
            for listing in mine
        ],
        organizations=listings.editable_organizations(session, actor),
    )


@router.post("/rounds/{uid}/apply")
def enter(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Enter the listing that was picked, or begin a new one and enter it."""
    signed_in(actor)
    one = queries.get(session, actor, uid)
    if chosen := typed.text("listing"):
        application = applying.begin(session, actor, one, listings.get(session, actor, chosen, lock=True))
        return see_other(f"/applications/{application.uid}")
    try:
        if not typed.text("organization"):
            raise BadInput.one("organization", MISSING)
        application = applying.begin_new(
            session,
            actor,
            one,
            organizations.get(session, actor, typed.text("organization")),
            Side.OFFER if typed.text("side") == Side.OFFER else Side.NEED,
            typed.text("title"),
            language_of(request, actor),
        )
    except BadInput as error:
        problems = problems_by_field(error)
        return _choose(request, session, actor, uid, typed, status=422, problems=problems)
    listing = applications.behind(session, [application])[0].listing
    return see_other(f"/listings/{listing.uid}/edit?step=1&done=created")


# One application ----------------------------------------------------------------------------------------


@router.get("/applications/{uid}")
def show(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """An application: what is asked, how far it is, what comes next; for facilitators, what they decide."""
    signed_in(actor)
    found = queries.application(session, actor, uid)
    held = typed_before(request, session)
    typed = held if held.fields else _with_unsaved(session, actor, found, held)
    return application_page(request, session, actor, found, typed)


def _with_unsaved(session: Session, actor: Actor, application: Application, typed: Typed) -> Typed:
    """What was typed into another form of the page, and what was typed into its own and not saved yet."""
    kept = applications.unsaved(session, actor, application)
    return Typed({**(kept.fields if kept else {}), **typed.fields}, {})


def application_page(
    request: Request,
    session: Session,
    actor: Actor,
    application: Application,
    typed: Typed = NOTHING_TYPED,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
    changed: Message | None = None,
) -> Response:
    """The page of an application, also after something typed into it was refused."""
    one = queries.round_of(session, application)
    entry = applications.behind(session, [application])[0]
    is_open = application.status in (ApplicationStatus.DRAFT, ApplicationStatus.INELIGIBLE)
    language = language_of(request, actor)
    answering = is_open and may(actor, "application:submit", application.organization_id)
    said = applying.understand(session, one, application, typed.fields, language) if answering else None
    steps, barred = screening.steps_open_to(session, actor, one, application)
    return page(
        request,
        actor,
        "rounds/application.html",
        status=status,
        typed=typed,
        problems=problems or {},
        changed=changed,
        unsaved=bool(typed.fields) and not problems and not changed,
        round=one,
        entry=entry,
        application=application,
        listing=entry.listing,
        organization=entry.organization,
        strings=listings.strings_of(entry.listing.strings),
        answering=answering,
        on_behalf=application.organization_id not in actor.memberships,
        closed=applications.not_taken_in(session, one, application) if is_open else None,
        last=applications.deadline(session, one, application),
        next=applications.what_next(session, one, application),
        steps=steps,
        barred=barred,
        questions=_questions(one, application),
        asked=_asked(session, one, entry.listing, language) if answering else {},
        appeals=applications.appeals_of(session, application),
        history=applications.history_of(session, application),
        prefilled=screening.prefilled_reason(
            application, applications.language_of_editors(session, application)
        ),
        limit=REMARK_CHARACTERS,
        **_checked(session, one, application, said),
    )


def _questions(one: Round, application: Application) -> list[dict[str, Any]]:
    """What the round asks, with the answers; also answers to what it has asked before."""
    asked = questions_for(queries.preset_of(one), Side(application.side))
    return [
        {
            "field": field_of(question),
            "label": label(question),
            "own": label(question).code == "question-own",
            "required": question not in OPTIONAL,
            "answer": application.answers.get(question, ""),
        }
        for question in dict.fromkeys([*asked, *application.answers])
    ]


def _asked(session: Session, one: Round, listing: Listing, language: str) -> dict[str, list[tuple[str, str]]]:
    """The facts that nobody has stated, each with the words one may choose from."""
    preset = queries.preset_of(one)
    words = {"groups": preset.rules.groups, "themes": preset.rules.themes}
    return {
        name: sorted(
            ((code, term_text(Term(name, code), language)) for code in words.get(name, ())),
            key=lambda pair: pair[1],
        )
        for name in missing_facts(listings.profile_of(session, listing), preset)
    }


def _checked(
    session: Session, one: Round, application: Application, said: Said | None = None
) -> dict[str, Any]:
    """What the rules say: live while it can be changed or is screened, else as they said on submission."""
    entry = applications.behind(session, [application])[0]
    live = one.status in (RoundStatus.OPEN, RoundStatus.SCREENING, RoundStatus.MATCHING)
    findings = (
        check(session, one, entry.listing, entry.organization, said=said, besides=application.key)
        if live or not application.findings
        else restored_findings(application.findings)
    )
    return {
        "findings": findings,
        "fits": fits(findings),
        "hard": any(finding.refuses and finding.hard for finding in findings),
        "left_to_desk": applying.may_submit_although(one),
    }


@router.post("/applications/{uid}/draft")
def autosave(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Keep what has been typed so far, and say what the rules make of it."""
    signed_in(actor)
    application = queries.application(session, actor, uid)
    fields = {name: values for name, values in typed.fields.items() if name not in ("do", "version")}
    if not applying.keep_unsaved(session, actor, application, fields):
        raise TooLarge(Message("form-too-long", "This is more text than a form can keep."))
    one = queries.round_of(session, application)
    said = applying.understand(session, one, application, fields, language_of(request, actor))
    return page(
        request,
        actor,
        "rounds/checks.html",
        typed=typed,
        answering=True,
        application=application,
        **_checked(session, one, application, said),
    )


@router.post("/applications/{uid}")
def save(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Save the answers, and submit it where that was asked for. What was typed is kept whatever happens."""
    signed_in(actor)
    application = queries.application(session, actor, uid, lock=True)
    one = queries.round_of(session, application)
    wanted, version = typed.text("do"), typed.text("version")
    if wanted == "forget":
        applying.forget_unsaved(session, actor, application)
        return see_other(f"/applications/{uid}")
    fields = {name: values for name, values in typed.fields.items() if name not in ("do", "version")}
    try:
        applying.answer(
            session,
            actor,
            one,
            application,
            fields,
            language_of(request, actor),
            version=int(version) if version.isdecimal() and len(version) < 10 else None,
        )
        if wanted == "submit":
            applying.submit(session, actor, one, application, although=typed.text("although") == "yes")
    except BadInput as error:
        applying.keep_unsaved(session, actor, application, fields)
        problems = problems_by_field(error)
        return application_page(request, session, actor, application, typed, status=422, problems=problems)
    except Changed as error:
        return application_page(
            request, session, actor, application, typed, status=error.status, changed=error.message
        )
    except NotNow as error:
        applying.keep_unsaved(session, actor, application, fields)
        return application_page(
            request,
            session,
            actor,
            application,
            typed,
            status=error.status,
            problems={"submit": error.message},
        )
    return see_other(f"/applications/{uid}?done={'application-submitted' if wanted == 'submit' else 'saved'}")


@router.post("/applications/{uid}/{step}")
def take(request: Request, session: Writing, actor: Asking, uid: str, step: str, typed: Form) -> Response:
    """Withdraw it, enter it again, appeal; accept, return or decline it."""
    signed_in(actor)
    application = queries.application(session, actor, uid, lock=True)
    one = queries.round_of(session, application)
    try:
        match step:
            case "withdraw":
                applying.withdraw(session, actor, one, application)
            case "again":
                applying.apply_again(session, actor, one, application)
            case "appeal":
                applying.appeal(session, actor, one, application, typed.text("appeal"))
            case "accept":
                screening.accept(session, actor, one, application, typed.text("accept-reason"))
            case "return":
                screening.return_(session, actor, one, application, typed.text("return-reason"))
            case "decline":
                screening.decline(session, actor, one, application, typed.text("decline-reason"))
            case _:
                raise NotFound
    except BadInput as error:
        problems = problems_by_field(error, {"reason": f"{step}-reason"})
        typed = _with_unsaved(session, actor, application, typed)
        return application_page(request, session, actor, application, typed, status=422, problems=problems)
    return see_other(f"/applications/{uid}?done=application-{step}")


@router.post("/applications/{uid}/appeals/{appeal}")
def decide(request: Request, session: Writing, actor: Asking, uid: str, appeal: str, typed: Form) -> Response:
    """Uphold or dismiss an appeal."""
    signed_in(actor)
    application = queries.application(session, actor, uid, lock=True)
    one = queries.round_of(session, application)
    found = applications.appeal(session, application, appeal)
    field = f"decision-{appeal}"
    try:
        screening.decide_appeal(
            session,
            actor,
            one,
            application,
            found,
            uphold=typed.text("do") == "uphold",
            reason=typed.text(field),
        )
    except BadInput as error:
        problems = problems_by_field(error, {"reason": field})
        typed = _with_unsaved(session, actor, application, typed)
        return application_page(request, session, actor, application, typed, status=422, problems=problems)
    return see_other(f"/applications/{uid}?done=appeal-decided")


# What other pages show ----------------------------------------------------------------------------------


def section_of_listing(session: Session, actor: Actor, listing: Listing) -> tuple[str, dict[str, Any]]:
    """What a listing's page shows its own people of rounds: where it is entered, where it can be."""
    inside = may(actor, "application:submit", listing.organization_id) and listings.is_insider(actor, listing)
    entered = applications.of_listing(session, actor, listing) if inside else []
    there = {one.key for one, _ in entered}
    return "rounds/of_listing.html", {
        "listing": listing,
        "entered": [
            (one, application, applications.what_next(session, one, application))
            for one, application in entered
        ],
        "open": [one for one in applications.open_rounds(session, actor) if one.key not in there]
        if inside and listing.status != "fulfilled"
        else [],
    }


def section_of_round(session: Session, actor: Actor, one: Round) -> tuple[str, dict[str, Any]] | None:
    """What a round's page shows of one's own applications, or how to apply."""
    own = [
        entry
        for entry in applications.entries(session, actor, one)
        if entry.application.organization_id in actor.memberships
    ]
    closed = applications.closed_for_new(session, one)
    if closed and not own:
        return None
    return "rounds/of_round.html", {
        "round": one,
        "entries": [(entry, applications.what_next(session, one, entry.application)) for entry in own],
        "closed": closed,
        "last": applications.apply_by(session, one),
        "shortened": RoundStatus.SCREENING not in of_round(one),
    }
