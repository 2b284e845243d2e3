"""Organizations with published needs and offers, and their vectors, ready to be searched."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from matching.profiles import Side
from service.listings import actions as listing_actions
from service.listings.models import Listing
from service.listings.reading import Draft
from service.organizations import names
from service.organizations.models import Organization, OrganizationStatus
from service.permissions import SYSTEM_ACTOR

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.jobs import Jobs

Publish = Callable[..., Listing]

WATER_ZH = (
    "山区小学净水设备",
    "六所村小没有干净的饮用水，孩子们喝的是井水。我们想安装净水设备，并培训老师维护。",
)
WATER_RU = (
    "Чистая вода для сельских школ",
    "В трёх деревнях детям негде набрать питьевой воды; нужны фильтры.",
)
ELDERLY_ES = (
    "Compañía para personas mayores",
    "Vecinos de más de ochenta años viven solos en el barrio; buscamos voluntarios que los visiten.",
)
CHILDREN_HANT = ("兒童課後照顧", "偏鄉兒童放學後無人照顧，我們需要老師與志工陪伴做功課。")
BOOKS_EN = (
    "Bookkeeping for a small charity",
    "Our treasurer left; we need an accountant for our yearly accounts.",
)


@pytest.fixture
def make_organization(session: Session) -> Callable[..., Organization]:
    """Makes a verified organization."""

    def make(name: str = "绿色家园", *, kind: str = "ngo", **more: Any) -> Organization:
        known = names.keys([name, *more.get("other_names", [])])
        organization = Organization(
            name=name, name_keys=known, kind=kind, status=OrganizationStatus.VERIFIED, **more
        )
        session.add(organization)
        session.commit()
        return organization

    return make


@pytest.fixture
def publish(session: Session, jobs: Jobs) -> Publish:
    """Publishes a need (or offer) of an organization and does the jobs that follow from it."""

    def published(
        organization: Organization,
        words: tuple[str, str],
        *,
        side: Side = Side.NEED,
        line: dict[str, str] | None = None,
        embed: bool = True,
        **fields: str,
    ) -> Listing:
        title, text = words
        draft = Draft(
            side,
            {"title": title, "text": text, **fields},
            [line or {"kind": "money", "amount": "280000 CNY"}],
            "en",
        )
        listing = listing_actions.save_draft(session, SYSTEM_ACTOR, organization, draft)
        listing_actions.publish(session, SYSTEM_ACTOR, listing)
        session.commit()
        if embed:
            jobs.run_all()
            session.refresh(listing)
            session.commit()
        return listing

    return published
