"""Pages of agreements: the list, where one stands, its text and versions, editing, signing, the PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from matching.messages import Message
from service.accounts import queries as accounts
from service.accounts.queries import SESSION_COOKIE
from service.accounts.sessions import prove
from service.agreements import actions, comparing, drafting, forms, printing, queries, signing
from service.agreements.clauses import book
from service.agreements.models import SIGNED, AgreementStatus
from service.agreements.terms import Terms
from service.audit.words import happening
from service.errors import BadInput, SignInNeeded
from service.events import history
from service.listings.editing import options
from service.organizations import evidence
from service.organizations import queries as organizations
from service.organizations.desk import problems_by_field, sent, signed_in
from service.paging import piece
from service.permissions import Role, may
from service.templating import LANGUAGE_NAMES
from service.web import (
    Asking,
    Form,
    Reading,
    Typed,
    Writing,
    language_of,
    limit,
    page,
    see_other,
    site_of,
    typed_before,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from service.agreements.models import Agreement
    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(include_in_schema=False)

Uid = Annotated[str, Path(max_length=32)]
ON_A_PAGE = 20
OVERTAKEN = Message(
    "draft-overtaken",
    "Somebody else has changed this draft meanwhile. Your changes are still in the form; look at the newest"
    " version and save again to put yours over it.",
)
PARTY_UNKNOWN = Message(
    "party-unknown", "No organization, or more than one, is called so. Write its whole name."
)
TRIES = "10/15minutes"
"""How often one may show who one is before signing."""


def section_of_round(session: Session, actor: Actor, one: Round) -> tuple[str, dict[str, Any]] | None:
    """What a round's page shows of agreements: the actor's, and how many pairings have none yet."""
    if not actor.signed_in:
        return None
    found = queries.of_round(session, actor, one)
    missing = queries.undrafted(session, actor, one)
    if not found and not missing:
        return None
    values = {"round": one, "agreements": found, "bundles": queries.bundles(session, missing)}
    return "agreements/of_round.html", values


@router.get("/agreements")
def mine(
    request: Request,
    session: Reading,
    actor: Asking,
    status: Annotated[str, Query(max_length=20)] = "",
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The agreements of the actor's organizations, for facilitators all; the newest first."""
    if not actor.signed_in:
        raise SignInNeeded
    chosen = AgreementStatus(status) if status in set(AgreementStatus) else None
    wanted = queries.listed(actor, status=chosen)
    found = piece(session, wanted, queries.ROW, cursor=cursor, limit=ON_A_PAGE)
    return page(
        request,
        actor,
        "agreements/mine.html",
        agreements=found.items,
        parties=queries.parties_of(session, found.items),
        counts=queries.counts(session, actor),
        chosen=chosen,
        next=found.next,
        bundles=queries.bundles(session, queries.undrafted(session, actor)),
        requests=queries.undrafted_requests(session, actor),
    )


def _seen(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Agreement:
    if not actor.signed_in:
        raise SignInNeeded
    return queries.get(session, actor, uid, lock=lock)


def _standing(
    request: Request,
    session: Session,
    actor: Actor,
    agreement: Agreement,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
    typed: Typed | None = None,
) -> Response:
    bound = queries.parties(session, agreement)
    to_sign = [one for one in bound if one.signature is None and _signs(actor, one.organization.key)]
    first = to_sign[0].organization if to_sign else None
    user = accounts.own(session, actor)
    return page(
        request,
        actor,
        "agreements/standing.html",
        status=status,
        agreement=agreement,
        parties=bound,
        need=queries.need_of(session, agreement),
        missing=actions.problems(session, agreement) if agreement.status is AgreementStatus.DRAFT else [],
        edits=_edits(session, actor, agreement),
        to_sign=to_sign if agreement.status is AgreementStatus.SIGNING else [],
        signed=agreement.status in SIGNED,
        amended=queries.amended(session, agreement),
        origin=queries.origin_of(session, agreement),
        amendments=queries.amendments(session, agreement),
        has_password=bool(user.password_hash),
        terms=queries.terms_of(agreement),
        organizations={one.organization.uid: one.organization for one in bound},
        events=history(session, agreement.uid)[::-1],
        happening=happening,
        typed=typed or {"name": user.name, "organization": first.uid if first else ""},
        problems=problems or {},
    )


def _signs(actor: Actor, organization: int) -> bool:
    return actor.memberships.get(organization) is Role.OWNER


def _edits(session: Session, actor: Actor, agreement: Agreement) -> bool:
    own = queries.own_parties(actor, queries.parties(session, agreement), "agreement:draft")
    return bool(own) or may(actor, "agreement:draft")


@router.get("/agreements/{uid}/scans/{signature}")
def scan(request: Request, session: Reading, actor: Asking, uid: Uid, signature: Uid) -> Response:
    """The scan of a text that was signed on paper."""
    return sent(request, queries.scan_of(session, _seen(session, actor, uid), signature))


@router.get("/agreements/{uid}.pdf")
def pdf(request: Request, session: Reading, actor: Asking, uid: Uid) -> Response:
    """The agreement as PDF/A."""
    agreement = _seen(session, actor, uid)
    public_url = site_of(request).settings.public_url
    content = printing.print_out(session, agreement, public_url=public_url, time_zone=actor.time_zone)
    headers = {"Content-Disposition": f'inline; filename="agreement-{agreement.number}.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


@router.get("/agreements/{uid}")
def standing(request: Request, session: Reading, actor: Asking, uid: Uid) -> Response:
    """Where an agreement stands: parties, signatures, what is missing, what one can do."""
    agreement = _seen(session, actor, uid)
    return _standing(request, session, actor, agreement, typed=None)


@router.get("/agreements/{uid}/text")
def text(
    request: Request,
    session: Reading,
    actor: Asking,
    uid: Uid,
    older: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> Response:
    """What it says, its versions and remarks; with `older`: what has changed since that version."""
    agreement = _seen(session, actor, uid)
    return _text(request, session, actor, agreement, typed_before(request, session), older=older)


def _text(
    request: Request,
    session: Session,
    actor: Actor,
    agreement: Agreement,
    typed: Typed,
    *,
    older: int = 0,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    terms = queries.terms_of(agreement)
    passages = (
        comparing.passages(Terms.model_validate(queries.revision(session, agreement, older).terms), terms)
        if older
        else []
    )
    return page(
        request,
        actor,
        "agreements/text.html",
        status=status,
        agreement=agreement,
        terms=terms,
        organizations={one.organization.uid: one.organization for one in queries.parties(session, agreement)},
        text_languages=agreement.languages,
        revisions=queries.revisions(session, agreement),
        comments=queries.comments(session, agreement),
        passages=passages,
        older=older,
        edits=_edits(session, actor, agreement) and agreement.status is AgreementStatus.DRAFT,
        typed=typed,
        problems=problems or {},
    )


def _editor(
    request: Request,
    actor: Actor,
    agreement: Agreement,
    fields: Mapping[str, list[str]],
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    language = language_of(request, actor)
    there = {"".join(values) for name, values in fields.items() if name.endswith("-key")}
    clauses = book(agreement.language)["clauses"]
    return page(
        request,
        actor,
        "agreements/edit.html",
        status=status,
        agreement=agreement,
        text_languages=agreement.languages,
        others=[(code, name) for code, name in LANGUAGE_NAMES.items() if code != agreement.language],
        rows=forms.rows(fields),
        missing=[(key, one["heading"]) for key, one in clauses.items() if key not in there],
        currencies=options("currencies", language),
        units=options("units", language),
        typed=Typed(fields, {}),
        problems=problems or {},
    )


@router.get("/agreements/{uid}/edit")
def edit_form(request: Request, session: Reading, actor: Asking, uid: Uid) -> Response:
    """The draft's text and plan, to be changed."""
    agreement = _seen(session, actor, uid)
    queries.require_own(session, actor, "agreement:draft", agreement)
    before = typed_before(request, session).fields
    kept = forms.filled(agreement, queries.terms_of(agreement), language_of(request, actor))
    return _editor(request, actor, agreement, before or kept)


@router.post("/agreements/{uid}/edit")
def edit(request: Request, session: Writing, actor: Asking, typed: Form, uid: Uid) -> Response:
    """Write a new version, or show one more line; what cannot be saved stays as it was typed."""
    agreement = _seen(session, actor, uid, lock=True)
    queries.require_own(session, actor, "agreement:draft", agreement)
    if part := typed.text("add"):
        return _one_more(request, session, actor, agreement, typed, part)
    try:
        if typed.text("version") != str(agreement.version):
            raise BadInput.one("version", OVERTAKEN)
        terms = forms.read(agreement, typed.fields, language_of(request, actor))
        second = typed.text("second_language")
        actions.save(session, actor, agreement, terms, note=typed.text("note"), second_language=second)
    except BadInput as error:
        session.rollback()
        agreement = _seen(session, actor, uid)
        found = problems_by_field(error)
        return _editor(request, actor, agreement, typed.fields, status=422, problems=found)
    return see_other(f"/agreements/{uid}/text?done=saved")


def _one_more(
    request: Request, session: Session, actor: Actor, agreement: Agreement, typed: Typed, part: str
) -> Response:
    """The form with another line, and everything else as it was typed."""
    if part != "parties":
        fields = forms.with_one_more(agreement, typed.fields, part, typed.text("clause"))
        return _editor(request, actor, agreement, fields)
    found = organizations.called(session, actor, typed.text("party"))
    if found is not None:
        return _editor(request, actor, agreement, forms.with_party(typed.fields, found))
    return _editor(request, actor, agreement, typed.fields, status=422, problems={"party": PARTY_UNKNOWN})


@router.post("/agreements/{uid}/comments")
def comment(request: Request, session: Writing, actor: Asking, typed: Form, uid: Uid) -> Response:
    """Remark on a clause, or on the whole."""
    agreement = _seen(session, actor, uid)
    try:
        actions.comment(session, actor, agreement, typed.text("text"), typed.text("clause"))
    except BadInput as error:
        session.rollback()
        told = problems_by_field(error)
        return _text(request, session, actor, agreement, typed, status=422, problems=told)
    return see_other(f"/agreements/{uid}/text?done=saved#comments")


@router.post("/agreements/{uid}/comments/{remark}/resolve")
def resolve(session: Writing, actor: Asking, uid: Uid, remark: Uid) -> Response:
    """Say that a remark is dealt with."""
    actions.resolve(session, actor, _seen(session, actor, uid), remark)
    return see_other(f"/agreements/{uid}/text?done=saved#comments")


STEPS = {
    "open-signing": signing.open_signing,
    "on-stage": signing.record_on_stage,
    "resume": actions.resume,
    "complete": actions.complete,
}
REASONED = {
    "revise": signing.take_back,
    "abandon": actions.abandon,
    "suspend": actions.suspend,
    "terminate": actions.terminate,
}


@router.post("/agreements/{uid}/step")
def step(request: Request, session: Writing, actor: Asking, typed: Form, uid: Uid) -> Response:
    """Open signing, take back, suspend, resume, complete, terminate."""
    agreement = _seen(session, actor, uid, lock=True)
    name = typed.text("step")
    try:
        if name in STEPS:
            STEPS[name](session, actor, agreement)
        elif name in REASONED:
            REASONED[name](session, actor, agreement, typed.text("reason"))
    except BadInput as error:
        session.rollback()
        found = problems_by_field(error)
        again = _seen(session, actor, uid)
        return _standing(request, session, actor, again, status=422, problems=found, typed=typed)
    return see_other(f"/agreements/{uid}?done=saved")


@router.post("/agreements/{uid}/amend")
def amend(session: Writing, actor: Asking, uid: Uid) -> Response:
    """Draft an amendment that begins with what is in force."""
    made = drafting.amend(session, actor, _seen(session, actor, uid, lock=True))
    return see_other(f"/agreements/{made.uid}?done=created")


@router.post("/agreements/{uid}/sign")
def sign(
    request: Request, before: Reading, session: Writing, actor: Asking, typed: Form, uid: Uid
) -> Response:
    """Sign the text that was read; or hand in the scan of a text signed on paper."""
    limit(request, TRIES, "agreement-sign", actor.uid)
    who = {name: typed.text(name) for name in ("name", "position", "organization")}
    signed_in(actor)
    try:
        scan = typed.file("scan")
        if scan is not None:
            agreement = _seen(session, actor, uid, lock=True)
            settings = site_of(request).settings
            signing.record_scan(
                session,
                actor,
                agreement,
                **who,
                filename=scan.filename or "",
                content=evidence.read(scan.file, settings.upload_bytes),
                data_dir=settings.data_dir,
            )
        else:
            proof = prove(before, actor, typed.text("password"), request.cookies.get(SESSION_COOKIE, ""))
            agreement = _seen(session, actor, uid, lock=True)
            signing.sign(session, actor, agreement, proof, text_hash=typed.text("text_hash"), **who)
    except BadInput as error:
        session.rollback()
        found = problems_by_field(error)
        again = _seen(session, actor, uid)
        return _standing(request, session, actor, again, status=422, problems=found, typed=typed)
    return see_other(f"/agreements/{uid}?done=saved")
