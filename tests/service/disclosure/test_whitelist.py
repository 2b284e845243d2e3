"""Nothing but the public fields leaves: every other column is filled with a marker, and none comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel
from sqlmodel import SQLModel, select

from service.accounts.models import User
from service.agreements.models import Agreement, Comment, Revision, Signature
from service.db import now, writing
from service.disclosure.discretion import LEFT_OUT, discreet
from service.disclosure.exports import Format
from service.disclosure.models import DisclosureOut
from service.funding.models import (
    Breach,
    BudgetLine,
    Commitment,
    Disbursement,
    Expense,
    Milestone,
    Purpose,
)
from service.listings.models import Listing
from service.organizations.models import Organization
from service.reports.models import Fault, Report, SiteVisit
from service.rounds.models import Round
from tests.service.conftest import words

if TYPE_CHECKING:
    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from tests.service.disclosure.conftest import Story

PUBLIC = {
    "agreement": {"uid", "number", "title", "language"},
    "organization": {"uid", "name", "language", "kind"},
    "listing": {"uid", "title", "language", "themes", "goals", "places", "lines", "currency"},
    "round": {"uid", "title", "language", "preset", "phases", "calendar", "time_zone", "rules", "themes"},
    "commitment": {"uid", "item", "description", "unit", "currency"},
    "milestone": {"uid", "item", "title"},
    "disbursement": {"uid", "item", "currency"},
    "report": {"uid", "language"},
}
"""Columns of texts that are public, or that only codes may stand in."""
SHAPES = {
    "number", "id", "title", "language", "kind", "status", "signed", "starts", "ends", "ended", "modified",
    "synthetic", "parties", "link_types", "need", "round", "promises", "totals", "milestones", "payments",
    "reports", "corrections", "licence", "name", "sector", "role", "identifiers", "listed", "organization",
    "published", "themes", "goals", "places", "beneficiaries", "asked", "open", "amount", "unit", "host",
    "result", "item", "giver", "purpose", "description", "quantity", "value", "currency", "valuation",
    "given", "due", "accepted", "payer", "payee", "paid", "recovered_amount", "recovered", "by",
    "period_start", "period_end", "answers", "score", "photos", "on", "amendment", "field", "subject",
    "before", "after", "promised", "origin", "source", "reference",
}  # fmt: skip


def test_no_field_is_added_without_a_thought() -> None:
    """Whoever adds a public field adds it here too, having asked whether everybody may know it."""
    found: set[str] = set()
    waiting: list[Any] = [DisclosureOut]
    while waiting:
        shape = waiting.pop()
        if isinstance(shape, type) and issubclass(shape, BaseModel):
            found |= set(shape.model_fields)
            waiting += [field.annotation for field in shape.model_fields.values()]
        else:
            waiting += getattr(shape, "__args__", ())
    assert found == SHAPES


def _mark(row: SQLModel, made: list[str]) -> None:
    """Put a marker into every column of text or JSON that is not public."""
    table = type(row)
    for name, column in table.__table__.columns.items():  # type: ignore[attr-defined]
        if name in PUBLIC.get(table.__tablename__, set()) or name in ("uid", "version"):  # type: ignore[arg-type]
            continue
        value, marker = getattr(row, name), f"SECRET{len(made):04}"
        if isinstance(value, dict):
            setattr(row, name, {**value, "zz": marker, "problems": marker, "next": marker, "money": marker})
        elif isinstance(value, list) and name != "attachments":
            setattr(row, name, [*value, marker])
        elif type(value) is str and not column.foreign_keys:
            setattr(row, name, marker)
        else:
            continue
        made.append(marker)


def _file(number: int, media_type: str, **more: str) -> dict[str, Any]:
    named = {"filename": f"SECRET{number}.x", "caption": "SECRETB", "sha256": str(number) * 64}
    return {**named, "media_type": media_type, "size": 1, **more}


@pytest.fixture
def markers(story: Story, engine: Engine) -> list[str]:
    made: list[str] = []
    with writing(engine) as session:
        key, user = story.agreement.key, story.ngo.user.key
        line = BudgetLine(
            agreement_id=key, item="b1", purpose=Purpose.PROGRAMME, label="x", planned=1, currency="CNY"
        )
        session.add(line)
        session.flush()
        ours = story.ngo.organization.key
        for row in (
            Comment(agreement_id=key, revision=1, text="x", user_id=user),
            Expense(budget_line_id=line.key, organization_id=ours, amount=1, on=now().date(), user_id=user),
            Breach(agreement_id=key, organization_id=ours, text="x", currency="CNY"),
            SiteVisit(agreement_id=key, on=now().date(), text="x"),
            Fault(agreement_id=key, code="x"),
            Revision(agreement_id=key, number=1, note="x"),
        ):
            session.add(row)
        session.flush()
        for report in session.exec(select(Report)):
            report.attachments = [
                _file(1, "image/jpeg"),
                _file(2, "application/pdf", people="agreed", consent="SECRETC"),
                _file(3, "image/jpeg", people="refused", consent="SECRETC"),
                _file(4, "image/jpeg", people="agreed", consent="SECRETC"),
            ]
        for person in session.exec(select(User)):
            person.name = f"Secret Person {person.key}"
        for table in (
            Agreement, Organization, Listing, Round, Commitment, Milestone, Disbursement, Report, Signature,
            Comment, Expense, Breach, SiteVisit, Fault, Revision, BudgetLine,
        ):  # fmt: skip
            for row in session.exec(select(table)):  # type: ignore[call-overload]
                _mark(row, made)
                session.add(row)
    assert len(made) > 60
    return made


def test_no_private_column_leaks_into_pages_api_or_files(
    client: TestClient, story: Story, markers: list[str]
) -> None:
    here = f"/cooperations/{story.agreement.uid}"
    pages = [here, "/cooperations", f"/api/v1{here}", "/api/v1/cooperations"]
    pages += [f"/cooperations/export/{form}" for form in Format]
    for address in pages:
        answer = client.get(address)
        assert answer.status_code == 200, address
        text = _text_of(answer.content) if address.endswith("xlsx") else answer.text
        assert "Clean water" in text or "graphml" in address or "gexf" in address or "ocds" in address
        leaked = [
            marker for marker in [*markers, "Secret Person", "@example.org", "SECRET"] if marker in text
        ]
        assert leaked == [], address
    photos = [
        address for report in client.get(f"/api/v1{here}").json()["reports"] for address in report["photos"]
    ]
    assert [address.rpartition("/")[2] for address in photos] == ["4"]
    assert photos[0] in client.get(here).text


def _text_of(content: bytes) -> str:
    from io import BytesIO

    from openpyxl import load_workbook

    book = load_workbook(BytesIO(content))
    return " ".join(str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row)


def test_names_and_addresses_in_public_texts_are_left_out(
    client: TestClient, story: Story, engine: Engine
) -> None:
    with writing(engine) as session:
        session.exec(
            select(Signature).where(Signature.user_id == story.ngo.user.key)
        ).one().name = "Wang Xiaoming"
        report = session.exec(select(Report)).one()
        report.answers = {
            "results": "Wang Xiaoming taught 40 pupils; write to xiaoming@green.example.org "
            "or +86 138 0013 8000."
        }
    for address in (f"/cooperations/{story.agreement.uid}", f"/api/v1/cooperations/{story.agreement.uid}"):
        said = words(client.get(address))
        assert "taught 40 pupils" in said
        assert LEFT_OUT in said
        assert not any(private in said for private in ("Xiaoming", "green.example.org", "0013"))


PLAIN = "480000 yuan for 1200 people, 2026-01-01 to 2026-12-31"


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("王小明老师教了四十个孩子", ["王小明"], "[…]老师教了四十个孩子"),
        ("Звоните 8 (912) 345-67-89", [], "Звоните […]"),
        ("手机13800138000", [], "手机[…]"),
        ("Ann Leeds worked in Leeds", ["Ann Lee"], "Ann Leeds worked in Leeds"),
        (PLAIN, [], PLAIN),
    ],
)  # fmt: skip
def test_discretion_takes_out_persons_and_nothing_else(text: str, names: list[str], said: str) -> None:
    assert discreet(text, names) == said
