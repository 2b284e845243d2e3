"""What giving became: inputs when given, per currency, by theme and place; outputs; impacts; by year."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from io import StringIO

import pytest

from service.db import now, writing
from service.funding.models import (
    Commitment,
    CommitmentKind,
    Delivery,
    Disbursement,
    DisbursementStatus,
    Milestone,
    MilestoneStatus,
    Valuation,
)
from service.reports.giving import giving
from service.reports.models import ReportKind
from tests.service.conftest import words
from tests.service.reports.conftest import ANSWERS

PAID = DisbursementStatus.PAID


@pytest.fixture
def given(project, make_listing, make_party):
    """A project in which money was paid in two years, some came back, and volunteers came."""

    def make(theme="water-sanitation", **more):
        need = make_listing(make_party("Village"), "Wells", themes=theme, beneficiaries="300")
        made = project(days_ago=420, need=need, **more)
        with writing(made.jobs.engine) as session:
            common = {"agreement_id": made.agreement.key, "organization_id": made.company.organization.key}
            cash = Commitment(
                **common,
                item="c1",
                kind=CommitmentKind.CASH,
                quantity=500_000,
                unit="CNY",
                value=500_000,
                currency="CNY",
            )
            hours = Commitment(
                **common,
                item="c2",
                kind=CommitmentKind.VOLUNTEERS,
                quantity=10_000,
                unit="hour",
                value=80_000,
                currency="RUB",
                valuation=Valuation.TIME,
            )
            name = Commitment(
                **common,
                item="c3",
                kind=CommitmentKind.ENDORSEMENT,
                quantity=100,
                unit="piece",
                description="Our name on the posters.",
            )
            session.add_all([cash, hours, name])
            session.flush()
            tranches = [
                (PAID, 300_000, date(2025, 12, 1), 0, None),
                (DisbursementStatus.RECOVERED, 200_000, date(2026, 3, 1), 50_000, date(2026, 9, 1)),
                (DisbursementStatus.APPROVED, 70_000, None, 0, None),
            ]
            for n, (status, amount, paid, back, recovered) in enumerate(tranches):
                session.add(
                    Disbursement(
                        agreement_id=made.agreement.key,
                        commitment_id=cash.key,
                        payee_id=made.ngo.organization.key,
                        item=f"t{n}",
                        status=status,
                        amount=amount,
                        currency="CNY",
                        paid=paid,
                        recovered_amount=back,
                        recovered=recovered,
                    )
                )
            got = {"commitment_id": hours.key, "organization_id": made.ngo.organization.key}
            session.add(Delivery(**got, quantity=2_500, on=date(2026, 5, 1), confirmed=now()))
            session.add(Delivery(**got, quantity=5_000, on=date(2026, 6, 1)))
            session.add(
                Milestone(
                    agreement_id=made.agreement.key,
                    item="m1",
                    title="Two wells",
                    status=MilestoneStatus.ACCEPTED,
                    accepted=datetime(2026, 6, 30, tzinfo=UTC),
                )
            )
            session.add(Milestone(agreement_id=made.agreement.key, item="m2", title="A pump"))
        return made

    return make


def of(made, year=None):
    return made.see(giving, made.company.organization, year)


def sums(found):
    return [(one.valuation.value, str(one.promised), str(one.given)) for one in found.inputs]


def test_inputs_are_counted_when_given_and_by_currency(given):
    made = given()
    assert sums(of(made)) == [("cash", "5,000 CNY", "4,500 CNY"), ("time", "800 RUB", "200 RUB")]


def test_year_has_what_was_paid_and_came_back_in_it(given):
    made = given()
    found = of(made, 2025)
    assert [(one.valuation.value, str(one.given)) for one in found.inputs] == [("cash", "3,000 CNY")]
    found = of(made, 2026)
    assert [str(one.given) for one in found.inputs] == ["1,500 CNY", "200 RUB"]
    assert found.milestones == 1
    assert set(found.years) >= {2025, 2026}
    assert of(made, 1999).supported == ()


def test_outputs_and_impacts_come_from_accepted_reports_only(given):
    made = given(evaluation=True)
    made.submit(made.report(ReportKind.QUARTERLY, 1))
    assert of(made).reached is None
    made.accept(made.report(ReportKind.QUARTERLY, 1))
    found = of(made)
    assert (found.reached, found.milestones) == (1_200, 1)
    [one] = found.supported
    assert [report.answers["results"] for report in one.results] == [ANSWERS["results"]]
    assert [gift.description for gift in one.unvalued] == ["Our name on the posters."]
    assert [partner.name for partner in one.partners] == ["Green Home"]


def test_money_goes_to_the_first_theme_and_place_once(given):
    made = given("water-sanitation, education")
    found = of(made)
    [theme] = {one.code for one in found.by_theme}
    assert [(one.code, str(one.given)) for one in found.by_theme] == [
        (theme, "4,500 CNY"),
        (theme, "200 RUB"),
    ]
    assert [one.code for one in found.by_place] == ["", ""], "the need names no place"


def test_what_others_gave_is_not_ones_own(given):
    made = given()
    assert made.see(giving, made.ngo.organization, None).supported == ()


def test_page_table_and_json_say_the_same_and_are_for_insiders(given, as_user, client):
    made = given()
    uid = made.company.organization.uid
    company = as_user(made.company.user)
    shown = words(company.get("/giving"))
    assert "CN¥4,500" in shown or "¥4,500" in shown or "CNY 4,500" in shown
    assert "milestones reached" in shown
    table = company.get(f"/giving.csv?organization={uid}")
    lines = list(csv.reader(StringIO(table.content.decode("utf-8-sig"))))
    assert lines[1][5:9] == ["Money", "CNY", "5000.0", "4500.0"]
    assert lines[2][5:9] == ["Working time", "RUB", "800.0", "200.0"]
    found = company.get(f"/api/v1/giving?organization={uid}").json()
    assert found["inputs"][0] == {
        "valuation": "cash",
        "currency": "CNY",
        "promised": 500_000,
        "given": 450_000,
    }
    document = company.get(f"/giving.pdf?organization={uid}&year=2026&lang=zh-Hans")
    assert document.headers["content-type"] == "application/pdf"
    assert document.content.startswith(b"%PDF-")
    for path in ("/giving", "/giving.csv", "/giving.pdf", "/api/v1/giving"):
        assert as_user(made.ngo.user).get(f"{path}?organization={uid}").status_code == 404
    assert "Nothing given yet" in words(as_user(made.ngo.user).get("/giving"))
