"""/cooperations: the public register, the page of a cooperation, open data; what other pages show of them."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.vocabulary import default_vocabulary
from service.db import now
from service.disclosure import open_data, queries, register
from service.disclosure.downloads import download
from service.disclosure.exports import Format
from service.disclosure.models import LICENCE, LICENCE_NAME, Sort, Wanted
from service.disclosure.speaking import speaker
from service.i18n import date_text
from service.web import Asking, Reading, language_of, page, site_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlmodel import Session

    from service.listings.models import Listing
    from service.organizations.models import Organization
    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(prefix="/cooperations", include_in_schema=False)


@router.get("")
def all_of_them(
    request: Request, session: Reading, actor: Asking, wanted: Annotated[Wanted, Query()]
) -> Response:
    """The register."""
    asked = {
        name: value
        for name, value in wanted.model_dump(mode="json", exclude_defaults=True, exclude={"page"}).items()
        if value
    }

    def address(where: str = "/cooperations", **changes: Any) -> str:
        chosen = {name: value for name, value in {**asked, **changes}.items() if value}
        return f"{where}?{urlencode(chosen)}" if chosen else where

    return page(
        request,
        actor,
        "disclosure/register.html",
        wanted=wanted,
        asked=asked,
        found=register.search(session, wanted),
        facets=register.facets(session, wanted, language_of(request, actor)),
        kinds=default_vocabulary().codes("organization_kinds"),
        sorts=Sort,
        formats=Format,
        address=address,
        states=register.STATES,
        licence=(LICENCE_NAME, LICENCE),
    )


@router.get("/export/{format}")
def export(
    request: Request,
    format: Format,  # noqa: A002 — its name in the address
    wanted: Annotated[Wanted, Query()],
) -> Response:
    """What the register finds, as a file."""
    return download(request, format, wanted)


@router.get("/{uid}")
def cooperation(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """Everything that is public of one cooperation, from the need to the final report."""
    one = queries.get(session, uid)
    publisher = open_data.Publisher(site_of(request).settings.public_url, now())
    quantity = speaker(language_of(request, actor))
    return page(
        request,
        actor,
        "disclosure/cooperation.html",
        one=one,
        quantity=quantity,
        spoken=lambda text: _said(text, quantity, language_of(request, actor)),
        parties={party.id: party for party in one.parties},
        states=register.STATES,
        address=publisher.page(uid),
        data={"@context": "https://schema.org", **open_data.linked(one, publisher)},
        licence=(LICENCE_NAME, LICENCE),
    )


def _said(text: str, quantity: Callable[[int, str], str], language: str) -> str:
    """A text of a correction: a day or a sum in the reader's language, anything else as it is."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return date_text(date.fromisoformat(text), language)
    amount, _, unit = text.partition(" ")
    return quantity(int(amount), unit) if amount.isdecimal() and unit and " " not in unit else text


# On other pages ---------------------------------------------------------------------------------------


def section_of_organization(
    session: Session, _actor: Actor, organization: Organization
) -> tuple[str, dict[str, Any]]:
    """What it has signed, on its public profile."""
    found = queries.of_organization(session, organization)
    return "disclosure/section.html", {"cooperations": found, "more": f"organization={organization.uid}"}


def section_of_round(session: Session, _actor: Actor, one: Round) -> tuple[str, dict[str, Any]] | None:
    """What came of it, on a round's page."""
    found = queries.of_round(session, one)
    return ("disclosure/section.html", {"cooperations": found, "more": f"round={one.uid}"}) if found else None


def section_of_listing(session: Session, _actor: Actor, listing: Listing) -> tuple[str, dict[str, Any]]:
    """How it was met, on a need's page."""
    return "disclosure/section.html", {"cooperations": queries.of_need(session, listing), "more": ""}
