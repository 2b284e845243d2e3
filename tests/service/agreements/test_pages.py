"""An agreement on screen: drafted, negotiated, signed by every party, shown to nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import select

from service.agreements.models import Agreement, AgreementStatus, Comment
from service.funding.models import Commitment
from tests.service.conftest import PASSWORD, words

if TYPE_CHECKING:
    from fastapi.testclient import TestClient
    from sqlmodel import Session

    from service.accounts.models import User
    from service.jobs import Jobs
    from tests.service.agreements.conftest import Deal
    from tests.service.conftest import MakeParty


def _now(rows: Any) -> Agreement:
    found: Agreement = rows(select(Agreement))[0]
    return found


def _form(client: TestClient, agreement: Agreement) -> dict[str, str]:
    """What stands in the form of a draft."""
    from html import unescape
    from re import DOTALL, findall

    page = client.get(f"/agreements/{agreement.uid}/edit").text
    inputs = {
        name: unescape(value)
        for name, value in findall(r'<input[^>]*? name="([^"]+)"[^>]*? value="([^"]*)"', page)
        if name != "reason"
    }
    areas = findall(r'<textarea[^>]*? name="([^"]+)"[^>]*>(.*?)</textarea>', page, flags=DOTALL)
    return inputs | {name: unescape(value) for name, value in areas}


def test_three_parties_come_from_a_drafted_text_to_an_agreement_in_force(
    deal: Deal, as_user: Any, rows: Any, jobs: Jobs, facilitator: User
) -> None:
    client = as_user(deal.ngo.user)
    assert "2 pairings have no agreement yet." in words(client.get("/agreements"))
    assert client.post("/agreements/undrafted").headers["location"] == "/agreements?done=created"
    agreement = _now(rows)
    page = words(client.get(f"/agreements/{agreement.uid}"))
    assert "乐邻小家" in page
    assert "Amity Fund" in page

    form = _form(client, agreement) | {"starts": "2026-03-01", "ends": "2030-12-31", "note": "Dates"}
    form |= {name: "2026-04-01" for name in form if name.endswith("-due") and not form[name]}
    saved = client.post(f"/agreements/{agreement.uid}/edit", data=form)
    assert saved.status_code == 303, words(saved)
    assert str(_now(rows).starts) == "2026-03-01"
    overtaken = client.post(f"/agreements/{agreement.uid}/edit", data=form | {"note": "Once more"})
    assert overtaken.status_code == 422
    assert "Somebody else has changed this draft meanwhile." in words(overtaken)
    assert 'value="Once more"' in overtaken.text, "what was typed must survive"

    as_user(deal.fund.user)
    client.post(f"/agreements/{agreement.uid}/comments", data={"text": "Thirty days, please."})
    assert "Thirty days, please." in words(client.get(f"/agreements/{agreement.uid}/text"))
    remark = rows(select(Comment))[0]
    client.post(f"/agreements/{agreement.uid}/comments/{remark.uid}/resolve")
    assert rows(select(Comment))[0].resolved is not None

    opened = client.post(f"/agreements/{agreement.uid}/step", data={"step": "open-signing"})
    assert opened.status_code == 303, words(opened)
    for party in deal.all:
        as_user(party.user)
        sent = {"text_hash": _now(rows).text_hash, "name": "Li Na", "position": "Director"}
        sent["organization"] = party.organization.uid
        wrong = client.post(f"/agreements/{agreement.uid}/sign", data=sent | {"password": "not hers at all"})
        assert wrong.status_code == 422
        assert "This is not your password. Nothing was signed." in words(wrong)
        assert 'value="Director"' in wrong.text
        signed = client.post(f"/agreements/{agreement.uid}/sign", data=sent | {"password": PASSWORD})
        assert signed.status_code == 303, words(signed)
    assert _now(rows).status is AgreementStatus.IN_FORCE
    assert "In force" in words(client.get("/agreements"))
    jobs.run_all()
    assert {one.quantity for one in rows(select(Commitment))} >= {2_400_000}
    printed = client.get(f"/agreements/{agreement.uid}.pdf")
    assert printed.content.startswith(b"%PDF-1.7")
    assert printed.headers["content-type"] == "application/pdf"

    reasonless = client.post(f"/agreements/{agreement.uid}/step", data={"step": "suspend"})
    assert reasonless.status_code == 422
    as_user(facilitator)
    client.post(f"/agreements/{agreement.uid}/step", data={"step": "suspend", "reason": "The venue is shut."})
    assert _now(rows).status is AgreementStatus.SUSPENDED


def test_draft_is_hidden_from_whom_it_does_not_bind(
    session: Session, drafted: Agreement, make_party: MakeParty, as_user: Any, client: TestClient
) -> None:
    assert client.get(f"/agreements/{drafted.uid}").status_code == 303, "visitors are asked to sign in"
    outsider = as_user(make_party("Curious").user)
    for path in ("", "/text", "/edit", ".pdf"):
        assert outsider.get(f"/agreements/{drafted.uid}{path}").status_code == 404
    assert drafted.title not in words(outsider.get("/agreements"))


def test_text_that_cannot_be_read_is_said_beside_its_field(
    drafted: Agreement, deal: Deal, as_user: Any, rows: Any
) -> None:
    client = as_user(deal.ngo.user)
    form = _form(client, drafted) | {"starts": "soon", "tranches-0-amount": "much"}
    wrong = client.post(f"/agreements/{drafted.uid}/edit", data=form)
    assert wrong.status_code == 422
    assert "Write the day as year-month-day, such as 2026-05-31." in words(wrong)
    assert "Write a number, such as 12000 or 12000.50." in words(wrong)
    assert 'value="soon"' in wrong.text
    assert _now(rows).revision == drafted.revision
