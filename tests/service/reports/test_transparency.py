"""The transparency of an organization: facts filled in, and reports handed in of those due."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from service.db import reading
from service.organizations.models import Organization
from service.reports import transparency
from service.reports.models import ReportStatus
from tests.service.conftest import words
from tests.service.reports.conftest import today

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    from tests.service.reports.conftest import Project


def of_ngo(project: Project) -> transparency.Transparency:
    with reading(project.jobs.engine) as session:
        return transparency.of_organization(
            session, session.get_one(Organization, project.ngo.organization.key)
        )


def test_half_the_score_is_what_was_reported_of_what_was_due(
    project: Callable[..., Project], client: TestClient
) -> None:
    work = project(days_ago=0)
    first, second, third, *_ = work.reports()
    assert of_ngo(work).due == 0
    assert of_ngo(work).score == of_ngo(work).facts.share

    work.change(first, due=today() - timedelta(2), status=ReportStatus.ACCEPTED)
    work.change(second, due=today() - timedelta(2))
    work.change(third, due=today() + timedelta(2))
    told = of_ngo(work)
    assert (told.handed_in, told.due) == (1, 2)
    assert told.score == pytest.approx((told.facts.share + 1 / 2) / 2)

    page = words(client.get(f"/organizations/{work.ngo.organization.uid}?lang=en"))
    assert "Reports handed in, of those due 1 / 2" in page

    answer = client.get(f"/api/v1/organizations/{work.ngo.organization.uid}/transparency").json()
    assert (answer["reports_handed_in"], answer["reports_due"]) == (1, 2)
    assert answer["score"] == pytest.approx((answer["facts"] + 1 / 2) / 2, abs=1e-4)

    work.change(second, status=ReportStatus.RETURNED)
    assert of_ngo(work).handed_in == 1, "what was returned is owed again"
    work.change(second, status=ReportStatus.SUBMITTED)
    assert of_ngo(work).handed_in == 2
