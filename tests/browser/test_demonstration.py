"""The demonstration as its people see it: every page after signature, free of faults, in every language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from sqlmodel import col, select

from matching.text import LANGUAGES
from service import demo
from service.agreements.models import SIGNED, Agreement, AgreementStatus, Party
from service.db import reading
from service.funding.models import Breach
from service.organizations.models import Organization
from service.reports.models import Report, ReportStatus
from service.rounds.models import Round
from tests.browser.test_accessibility import PHONE, TWO_VIEWS, examine
from tests.house import House, demonstrate, open_house

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page


@dataclass
class Shown:
    """The demonstration, who looks at it, and where its things lie."""

    house: House
    keys: dict[str, str]
    places: dict[str, str]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with open_house(tmp_path_factory.mktemp("demonstration"), furnish=demonstrate) as house:
        keys = {one.email.partition("@")[0]: house.sign_in(one.email) for one in demo.SAMPLES}
        yield Shown(house, {"visitor": "", **keys}, places(house))


def places(house: House) -> dict[str, str]:
    """One of everything, by its uid."""
    with reading(house.engine) as session:

        def agreement(*statuses: AgreementStatus) -> Agreement:
            wanted = select(Agreement).where(col(Agreement.status).in_(statuses))
            return session.exec(wanted.order_by(col(Agreement.id))).first() or pytest.fail(str(statuses))

        reports = select(Report.uid).order_by(col(Report.id))
        accepted = session.exec(reports.where(col(Report.status) == ReportStatus.ACCEPTED)).first()
        partner = (
            select(Organization.uid)
            .join(Party, col(Party.organization_id) == col(Organization.id))
            .join(Agreement, col(Agreement.id) == col(Party.agreement_id))
            .where(col(Agreement.status).in_(SIGNED))
        )
        return {
            "draft": agreement(AgreementStatus.DRAFT).uid,
            "signing": agreement(AgreementStatus.SIGNING).uid,
            "agreement": agreement(AgreementStatus.IN_FORCE).uid,
            "completed": agreement(AgreementStatus.COMPLETED).uid,
            "report": accepted or pytest.fail("no report was accepted"),
            "breach": session.exec(select(Breach.uid)).first() or pytest.fail("nothing was broken"),
            "partner": session.exec(partner).first() or pytest.fail("nobody has signed"),
            "round": session.exec(select(Round.uid).order_by(col(Round.id).desc())).first() or "",
        }


PAGES = [
    ("ngo", "/"),
    ("company", "/"),
    ("facilitator", "/"),
    ("reviewer", "/reviews"),
    ("facilitator", "/desk"),
    ("facilitator", "/agreements"),
    ("facilitator", "/agreements/import"),
    ("facilitator", "/agreements/{agreement}"),
    ("facilitator", "/agreements/{agreement}/text"),
    ("facilitator", "/agreements/{draft}/edit"),
    ("facilitator", "/agreements/{signing}"),
    ("facilitator", "/agreements/{agreement}/money"),
    ("facilitator", "/agreements/{agreement}/breach"),
    ("facilitator", "/agreements/{agreement}/reports"),
    ("facilitator", "/breaches/{breach}"),
    ("facilitator", "/money"),
    ("facilitator", "/reports"),
    ("facilitator", "/reports/{report}"),
    ("facilitator", "/clinic"),
    ("facilitator", "/rounds/{round}"),
    ("facilitator", "/rounds/{round}/match"),
    ("facilitator", "/network/introductions"),
    ("company", "/giving"),
    ("ngo", "/privacy/mine"),
    ("visitor", "/cooperations"),
    ("visitor", "/cooperations/{completed}"),
    ("visitor", "/network"),
    ("visitor", "/network/organizations/{partner}"),
    ("visitor", "/organizations/{partner}"),
    ("visitor", "/numbers"),
    ("visitor", "/privacy"),
    ("visitor", "/recommendations"),
    ("visitor", "/rounds/{round}"),
    ("visitor", "/rounds/{round}/notice"),
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("who", "path"), PAGES)
def test_page_has_no_fault(
    look_at: Callable[..., Page], shown: Shown, who: str, path: str, language: str
) -> None:
    page = look_at(path.format_map(shown.places), language=language, key=shown.keys[who], at=shown.house)

    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("h1").count() == 1
    assert examine(page, TWO_VIEWS if language == "en" else ((PHONE, "light"),)) == []
