"""Pages of the form in steps: begin, fill in, save as typed, check, attach, publish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from matching.messages import Message
from matching.profiles import Side
from matching.vocabulary import default_vocabulary
from service.errors import BadInput, Changed, NotFound, NotNow, TooLarge
from service.listings import actions, forms, queries, showing, threads
from service.listings.models import DAYS_OPEN, MOST_ATTACHMENTS, MOST_LINES, ListingStatus
from service.organizations.desk import chosen_organization, problems_by_field, signed_in, uploaded
from service.organizations.evidence import path_of
from service.permissions import may, require
from service.web import (
    Asking,
    Form,
    Reading,
    Typed,
    Writing,
    file_to_save,
    language_of,
    page,
    see_other,
    site_of,
    typed_before,
)

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.listings.models import Listing
    from service.permissions import Actor

router = APIRouter(include_in_schema=False)

Step = Annotated[int, Query(ge=1, le=4)]


def options(scheme: str, language: str) -> list[tuple[str, str]]:
    """The words of a scheme for a list to choose from."""
    vocabulary = default_vocabulary()
    return [(code, vocabulary.label(scheme, code, language)) for code in vocabulary.codes(scheme)]


# Beginning --------------------------------------------------------------------------------------------


@router.get("/new")
def new(request: Request, session: Reading, actor: Asking, side: str = "need") -> Response:
    """Begin a need or an offer, or copy one of one's own."""
    signed_in(actor)
    return _new(request, session, actor, side, typed_before(request, session))


def _new(
    request: Request,
    session: Session,
    actor: Actor,
    side: str,
    typed: Typed,
    **values: Any,
) -> Response:
    wanted = Side.OFFER if side == Side.OFFER else Side.NEED
    return page(
        request,
        actor,
        "listings/new.html",
        side=wanted,
        typed=typed,
        **values,
        organizations=queries.editable_organizations(session, actor),
        earlier=[
            one
            for one in queries.mine(session, actor, wanted)
            if may(actor, "listing:create", one.organization_id)
        ][:10],
    )


@router.post("/new")
def begin(request: Request, session: Writing, actor: Asking, typed: Form, side: str = "need") -> Response:
    """Save the first words as a draft and go on with the rest."""
    signed_in(actor)
    wanted = Side.OFFER if side == Side.OFFER else Side.NEED
    try:
        organization = chosen_organization(session, actor, typed)
        fields = {"title": [typed.text("title")], "text": [typed.text("text")]}
        draft = forms.draft_of(wanted, 1, fields, language_of(request, actor))
        draft.fields = {name: draft.fields[name] for name in fields}
        listing = actions.save_draft(session, actor, organization, draft)
    except BadInput as error:
        return _new(request, session, actor, wanted, typed, status=422, problems=problems_by_field(error))
    return see_other(f"/listings/{listing.uid}/edit?step=1&done=created")


@router.post("/{uid}/copy")
def copy(session: Writing, actor: Asking, uid: str) -> Response:
    """A new draft like this one."""
    signed_in(actor)
    made = actions.copy(session, actor, queries.get(session, actor, uid))
    return see_other(f"/listings/{made.uid}/edit?step=1&done=copied")


# The steps --------------------------------------------------------------------------------------------


@router.get("/{uid}/edit")
def edit_form(request: Request, session: Reading, actor: Asking, uid: str, step: Step = 1) -> Response:
    """One step of the form, with what was typed last, saved or not."""
    signed_in(actor)
    listing = queries.get(session, actor, uid)
    require(actor, "listing:edit", listing.organization_id)
    if step == forms.STEPS[-1]:
        return _check_page(request, session, actor, listing)
    held = typed_before(request, session)
    unsaved = queries.unsaved(session, actor, listing, step)
    language = language_of(request, actor)
    fields = held.fields or (unsaved.fields if unsaved else _kept(session, listing, step, language))
    return _step_page(
        request, session, actor, listing, step, Typed(fields, {}), is_unsaved=bool(held.fields or unsaved)
    )


@router.post("/{uid}/edit")
def edit(
    request: Request, session: Writing, actor: Asking, uid: str, typed: Form, step: Step = 1
) -> Response:
    """Save a step. Where somebody else was faster, show both versions and overwrite nothing."""
    signed_in(actor)
    listing = queries.get(session, actor, uid, lock=True)
    require(actor, "listing:edit", listing.organization_id)
    if step == forms.STEPS[-1]:
        return see_other(f"/listings/{uid}/edit?step=4")
    fields = dict(typed.fields)
    wanted = fields.pop("do", ["next"])[0]
    here = f"/listings/{uid}/edit?step={step}"
    if wanted == "forget":
        actions.forget_unsaved(session, actor, listing)
        return see_other(here)
    if (changed := _lines_changed(wanted, fields)) is not None:
        actions.keep_unsaved(session, actor, listing, step, changed)
        return see_other(f"{here}#line-{forms.row_count(changed) - 1}")
    language = language_of(request, actor)
    version = typed.text("version")
    try:
        actions.change(
            session,
            actor,
            listing,
            forms.draft_of(Side(listing.side), step, fields, language),
            version=int(version) if version.isdecimal() and len(version) < 10 else None,
        )
    except BadInput as error:
        session.refresh(listing)
        actions.keep_unsaved(session, actor, listing, step, fields)
        problems = problems_by_field(error)
        return _step_page(request, session, actor, listing, step, typed, status=422, problems=problems)
    except Changed as error:
        return _step_page(
            request,
            session,
            actor,
            listing,
            step,
            typed,
            status=error.status,
            changed=error.message,
            theirs=forms.differences(_kept(session, listing, step, language), fields),
        )
    following = step if wanted == "stay" else step + 1
    return see_other(f"/listings/{uid}/edit?step={following}&done=saved")


def _kept(session: Session, listing: Listing, step: int, language: str) -> forms.Fields:
    names = dict(queries.names_by_uid(session, listing.strings.get("vetoes", [])))
    return forms.as_typed(listing, step, language, names)


def _lines_changed(wanted: str, fields: dict[str, list[str]]) -> forms.Fields | None:
    """The form with a line more or less, where that is what was asked for."""
    if wanted == "add-line":
        return forms.with_one_more(fields)
    number = wanted.removeprefix("remove-line-")
    if number != wanted and number.isascii() and number.isdecimal() and len(number) < 4:
        return forms.without_line(fields, int(number))
    return None


@router.post("/{uid}/draft")
def autosave(session: Writing, actor: Asking, uid: str, typed: Form, step: Step = 1) -> Response:
    """Keep what has been typed so far, right or wrong."""
    signed_in(actor)
    listing = queries.get(session, actor, uid)
    fields = {name: values for name, values in typed.fields.items() if name != "do"}
    if not actions.keep_unsaved(session, actor, listing, step, fields):
        raise TooLarge(Message("form-too-long", "This is more text than a form can keep."))
    return Response(status_code=204)


def _step_page(
    request: Request,
    session: Session,
    actor: Actor,
    listing: Listing,
    step: int,
    typed: Typed,
    **values: Any,
) -> Response:
    language = language_of(request, actor)
    schemes = ("themes", "groups", "goals", "kinds", "units", "currencies", "organization_kinds")
    return page(
        request,
        actor,
        f"listings/step{step}.html",
        **_common(session, listing),
        step=step,
        typed=typed,
        words={scheme: options(scheme, language) for scheme in schemes},
        rows=range(forms.row_count(typed.fields)),
        most_lines=MOST_LINES,
        days_open=DAYS_OPEN,
        **{"changed": None, "theirs": [], "is_unsaved": False, **values},
    )


def _common(session: Session, listing: Listing) -> dict[str, Any]:
    share, missing = showing.completeness(listing)
    return {
        "listing": listing,
        "organization": queries.organization_of(session, listing),
        "share": share,
        "missing": [(label, f"/listings/{listing.uid}/edit?step={step}") for label, step in missing],
    }


# Checking and publishing ------------------------------------------------------------------------------


def _check_page(
    request: Request,
    session: Session,
    actor: Actor,
    listing: Listing,
    **values: Any,
) -> Response:
    common = _common(session, listing)
    return page(
        request,
        actor,
        "listings/step4.html",
        **common,
        **values,
        step=4,
        obstacle=actions.standing_in_the_way(common["organization"]),
        lacking=[one.message for one in actions.publishing_problems(listing)],
        attachments=queries.attachments(session, listing),
        most_attachments=MOST_ATTACHMENTS,
        upload_bytes=site_of(request).settings.upload_bytes,
        days_open=DAYS_OPEN,
        strings=queries.strings_of(listing.strings),
        vetoed=[name for _, name in queries.names_by_uid(session, listing.strings.get("vetoes", []))],
        sections=[
            section(session, actor, listing) for section in getattr(request.app.state, "listing_ends", ())
        ],
    )


@router.post("/{uid}/publish")
def publish(request: Request, session: Writing, actor: Asking, uid: str) -> Response:
    """Show it to everybody, or say what stands in the way."""
    signed_in(actor)
    listing = queries.get(session, actor, uid, lock=True)
    try:
        actions.publish(session, actor, listing)
    except BadInput as error:
        return _check_page(request, session, actor, listing, status=422, problems=problems_by_field(error))
    except NotNow as error:
        if listing.status is not ListingStatus.DRAFT:
            raise
        problems = {"publish": error.message}
        return _check_page(request, session, actor, listing, status=error.status, problems=problems)
    return see_other(f"/listings/{uid}?done=published")


@router.post("/{uid}/attachments")
def attach(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Add a file."""
    signed_in(actor)
    listing = queries.get(session, actor, uid, lock=True)
    name, content = uploaded(request, typed)
    data_dir = site_of(request).settings.data_dir
    try:
        threads.attach(session, actor, listing, data_dir=data_dir, filename=name, content=content)
    except BadInput as error:
        return _check_page(request, session, actor, listing, status=422, problems=problems_by_field(error))
    return see_other(f"/listings/{uid}/edit?step=4&done=saved")


@router.post("/{uid}/attachments/{file}/remove")
def detach(session: Writing, actor: Asking, uid: str, file: str) -> Response:
    """Remove a file."""
    signed_in(actor)
    listing = queries.get(session, actor, uid, lock=True)
    attachment = queries.attachment(session, actor, file)
    if attachment.listing_id != listing.id:
        raise NotFound
    threads.detach(session, actor, listing, attachment)
    return see_other(f"/listings/{uid}/edit?step=4&done=deleted")


@router.get("/{uid}/attachments/{file}")
def download(request: Request, session: Reading, actor: Asking, uid: str, file: str) -> Response:
    """A file of a listing that one may see; always saved, never shown as a page of this site."""
    listing = queries.get(session, actor, uid)
    attachment = queries.attachment(session, actor, file)
    if attachment.listing_id != listing.id:
        raise NotFound
    return file_to_save(path_of(site_of(request).settings.data_dir, attachment.sha256), attachment)
