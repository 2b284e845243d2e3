"""Pages of organizations: the directory, the public profile, the forms, members, verification, the desk.

Later slices show their part of a public profile without being imported here: each callable in
`app.state.organization_sections` gets (session, actor, organization) and gives a template and its values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002

from matching.vocabulary import default_vocabulary
from service.accounts import memberships
from service.accounts.queries import members_of, pending_invitations
from service.errors import BadInput, Changed
from service.organizations import actions, desk, queries
from service.organizations.checks import number_of, places_of, understand
from service.organizations.desk import problems_by_field, signed_in
from service.organizations.identifiers import REGISTERS
from service.organizations.linked_data import profile_data
from service.organizations.models import MOST_NUMBERS, OrganizationStatus
from service.paging import Cursor, piece
from service.permissions import may, require
from service.web import (
    Asking,
    Form,
    Reading,
    Writing,
    brief,
    language_of,
    page,
    see_other,
    site_of,
    typed_before,
)

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.organizations.models import Organization, OrganizationIn
    from service.permissions import Actor
    from service.web import Typed

router = APIRouter(prefix="/organizations", include_in_schema=False)
router.include_router(desk.router)

_PLAIN = (
    "name",
    "kind",
    "description",
    "website",
    "contact_email",
    "registered",
    "rating",
    "inspection_year",
    "inspection_passed",
    "members",
)
_ROWS = 3
"""How many lines for numbers a form has at least."""


# Finding ----------------------------------------------------------------------------------------------


@router.get("")
def directory(
    request: Request, session: Reading, actor: Asking, q: str = "", kind: str = "", cursor: Cursor = None
) -> Response:
    """All organizations that one may see."""
    found = piece(session, queries.directory(actor, q=q[:200], kind=kind), queries.ROW, cursor=cursor)
    return page(
        request,
        actor,
        "organizations/directory.html",
        found=found,
        q=q[:200],
        kind=kind,
        kinds=default_vocabulary().codes("organization_kinds"),
        standing=_standing,
    )


@router.get("/mine")
def mine(request: Request, session: Reading, actor: Asking) -> Response:
    """The organizations that one belongs to."""
    signed_in(actor)
    return page(
        request,
        actor,
        "organizations/mine.html",
        organizations=queries.mine(session, actor),
        standing=_standing,
    )


def _standing(organization: Organization) -> OrganizationStatus:
    return queries.standing(organization, queries.today())


# Registering and editing -------------------------------------------------------------------------------


@router.get("/new")
def new(request: Request, session: Reading, actor: Asking) -> Response:
    """The form for a new organization."""
    require(actor, "organization:register")
    return _form(request, actor, typed_before(request, session))


@router.post("/new")
def register(request: Request, session: Writing, actor: Asking, typed: Form) -> Response:
    """Register it, or show what has to be mended."""
    require(actor, "organization:register")
    try:
        organization = actions.register(session, actor, _understood(typed))
    except BadInput as error:
        return _form(request, actor, typed, status=422, problems=problems_by_field(error))
    return see_other(f"/organizations/{organization.uid}/verification?done=registered")


@router.get("/{uid}/edit")
def edit_form(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """The form for an organization's facts."""
    signed_in(actor)
    organization = queries.get(session, actor, uid)
    require(actor, "organization:edit", organization.key)
    kept = typed_before(request, session)
    typed = kept if kept.fields else _as_typed(request, actor, queries.as_given(session, organization))
    return _form(request, actor, typed, organization=organization)


@router.post("/{uid}/edit")
def edit(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Keep the changed facts. Where somebody else was faster, show both versions and overwrite nothing."""
    signed_in(actor)
    organization = queries.get(session, actor, uid)
    require(actor, "organization:edit", organization.key)
    version = typed.text("version")
    try:
        actions.edit(
            session,
            actor,
            uid,
            _understood(typed),
            version=int(version) if version.isdecimal() and len(version) < 10 else None,
        )
    except BadInput as error:
        return _form(
            request, actor, typed, status=422, problems=problems_by_field(error), organization=organization
        )
    except Changed as error:
        now_kept = _as_typed(request, actor, queries.as_given(session, organization))
        theirs = {name: now_kept[name] for name in _shown(now_kept) if now_kept[name] != typed.text(name)}
        return _form(
            request,
            actor,
            typed,
            status=error.status,
            organization=organization,
            changed=error.message,
            theirs=theirs,
        )
    return see_other(f"/organizations/{uid}?done=saved")


def _shown(fields: dict[str, str]) -> list[str]:
    return [name for name in fields if not name.startswith(("scheme-", "number-"))]


def _form(
    request: Request, actor: Actor, typed: Typed | dict[str, str], *, status: int = 200, **values: Any
) -> Response:
    used = [row for row in range(MOST_NUMBERS) if typed.get(f"number-{row}", "")]
    rows = min(MOST_NUMBERS, max(_ROWS, max(used, default=0) + 2))
    return page(
        request,
        actor,
        "organizations/form.html",
        status=status,
        typed=typed,
        rows=range(rows),
        kinds=default_vocabulary().codes("organization_kinds"),
        registers=REGISTERS.values(),
        **{"organization": None, "changed": None, "theirs": {}, **values},
    )


def _understood(typed: Typed) -> OrganizationIn:
    """What a form says. Raises BadInput with all that is wrong."""
    fields: dict[str, Any] = {name: typed.text(name) for name in _PLAIN}
    fields["other_names"] = [name for name in typed.text("other_names").splitlines() if name.strip()]
    fields["places"] = places_of(typed.text("places"))
    fields["identifiers"] = [
        number_of(typed.text(f"scheme-{row}"), typed.text(f"number-{row}"))
        for row in range(MOST_NUMBERS)
        if typed.text(f"number-{row}").strip()
    ]
    fields["distinct"] = typed.text("distinct") == "yes"
    given, problems = understand(fields)
    if problems:
        raise BadInput(problems)
    return given


def _as_typed(request: Request, actor: Actor, given: OrganizationIn) -> dict[str, str]:
    """The facts as they would have been typed, places in the reader's language."""
    language = language_of(request, actor)
    vocabulary = default_vocabulary()
    plain = {name: getattr(given, name) for name in _PLAIN}
    fields = {name: "" if value is None else str(value) for name, value in plain.items()}
    if given.inspection_passed is not None:
        fields["inspection_passed"] = "yes" if given.inspection_passed else "no"
    fields["other_names"] = "\n".join(given.other_names)
    fields["places"] = "; ".join(vocabulary.label("places", place, language) for place in given.places)
    for row, number in enumerate(given.identifiers):
        known = number.scheme in REGISTERS
        fields[f"scheme-{row}"] = number.scheme if known else ""
        fields[f"number-{row}"] = number.number if known else f"{number.scheme} {number.number}"
    return fields


# Members ----------------------------------------------------------------------------------------------


@router.get("/{uid}/members")
def members(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """Who belongs to an organization."""
    signed_in(actor)
    return _members(request, session, actor, uid)


def _members(request: Request, session: Session, actor: Actor, uid: str, **values: Any) -> Response:
    organization = queries.inside(session, actor, uid)
    return page(
        request,
        actor,
        "organizations/members.html",
        organization=organization,
        members=members_of(session, organization.key),
        invitations=pending_invitations(session, organization.key),
        manages=may(actor, "organization:invite", organization.key),
        **values,
    )


@router.post("/{uid}/members/invite")
def invite(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Invite somebody by mail."""
    signed_in(actor)
    organization = queries.inside(session, actor, uid)
    try:
        memberships.invite(
            session,
            site_of(request).settings.secret,
            actor,
            organization.key,
            organization.name,
            email=typed.text("email"),
            role=typed.text("role"),
        )
    except BadInput as error:
        return _members(
            request, session, actor, uid, status=422, typed=typed, problems=problems_by_field(error)
        )
    return see_other(f"/organizations/{uid}/members?done=invited")


@router.post("/{uid}/members/invitations/{invitation}/withdraw")
def withdraw_invitation(session: Writing, actor: Asking, uid: str, invitation: str) -> Response:
    """Take an invitation back."""
    signed_in(actor)
    memberships.withdraw_invitation(session, actor, queries.inside(session, actor, uid).key, invitation)
    return see_other(f"/organizations/{uid}/members?done=withdrawn")


@router.post("/{uid}/members/leave")
def leave(session: Writing, actor: Asking, uid: str) -> Response:
    """Leave an organization."""
    signed_in(actor)
    memberships.leave(session, actor, queries.inside(session, actor, uid).key)
    return see_other("/organizations/mine?done=left")


@router.post("/{uid}/members/{member}/role")
def set_role(session: Writing, actor: Asking, uid: str, member: str, typed: Form) -> Response:
    """Give a member another role."""
    signed_in(actor)
    memberships.set_role(session, actor, queries.inside(session, actor, uid).key, member, typed.text("role"))
    return see_other(f"/organizations/{uid}/members?done=saved")


@router.post("/{uid}/members/{member}/remove")
def remove_member(session: Writing, actor: Asking, uid: str, member: str) -> Response:
    """Remove a member."""
    signed_in(actor)
    memberships.remove_member(session, actor, queries.inside(session, actor, uid).key, member)
    return see_other(f"/organizations/{uid}/members?done=left")


# The public profile ------------------------------------------------------------------------------------


@router.get("/{uid}")
@brief
def profile(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """What everybody may know of an organization."""
    organization = queries.get(session, actor, uid)
    numbers = queries.identifiers(session, organization)
    language = language_of(request, actor)
    return page(
        request,
        actor,
        "organizations/profile.html",
        organization=organization,
        standing=_standing(organization),
        numbers=numbers,
        registers=REGISTERS,
        sector=queries.sector_of(organization.kind),
        insider=queries.is_insider(actor, organization),
        data=profile_data(organization, numbers, site_of(request).settings.public_url, language),
        sections=[
            section(session, actor, organization)
            for section in getattr(request.app.state, "organization_sections", ())
        ],
    )
