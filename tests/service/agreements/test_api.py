"""Agreements as JSON: from the draft over edits that collide to signatures, scans and the PDF."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from matching.profiles import Side
from service.listings import requests
from tests.service.conftest import PASSWORD

if TYPE_CHECKING:
    from fastapi.testclient import TestClient
    from sqlmodel import Session

    from service.accounts.models import User
    from service.agreements.models import Agreement
    from tests.service.agreements.conftest import Deal
    from tests.service.conftest import MakeListing, MakeParty

API = "/api/v1/agreements"
SCAN = b"%PDF-1.7\n%%EOF\n"
AsUser = Callable[["User"], "TestClient"]
pytestmark = pytest.mark.usefixtures("database_url")


def opened(client: TestClient, uid: str) -> dict[str, Any]:
    """Opens the signing of a draft."""
    tag = client.get(f"{API}/{uid}").headers["ETag"]
    answer = client.post(f"{API}/{uid}/steps/open-signing", headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_draft_is_for_its_parties_and_an_edit_never_overwrites_another(
    deal: Deal, drafted: Agreement, as_user: AsUser, make_user: Callable[..., User], client: TestClient
) -> None:
    path = f"{API}/{drafted.uid}"
    assert client.get(path).status_code == 401
    assert as_user(make_user("stranger@example.org")).get(path).status_code == 404

    ngo = as_user(deal.ngo.user)
    shown = ngo.get(path)
    named = {party["name"]: party["role"] for party in shown.json()["parties"]}
    assert named == {
        deal.bureau.organization.name: "supervisor",
        deal.fund.organization.name: "funder",
        deal.ngo.organization.name: "implementer",
    }
    terms = {**shown.json()["terms"], "title": {"zh-Hans": "乐邻小家", "en": "A home among neighbours"}}
    asked = {"terms": terms, "note": "Its name in English"}
    first = ngo.put(f"{path}/terms", json=asked, headers={"If-Match": shown.headers["ETag"]})
    assert first.status_code == 200, first.text
    late = as_user(deal.fund.user).put(
        f"{path}/terms", json=asked, headers={"If-Match": shown.headers["ETag"]}
    )
    assert late.status_code == 412
    assert late.headers["content-type"] == "application/problem+json"


def test_kind_is_derived_chosen_or_refused(deal: Deal, as_user: AsUser, make_party: MakeParty) -> None:
    ngo = as_user(deal.ngo.user)
    given: dict[str, Any] = {"pairings": [one.uid for one in deal.pairings]}
    partner = make_party("Neighbours").organization.uid
    for more, field, code in (
        ({"kind": "three-party"}, "kind", "kind-third"),
        ({"kind": "three-party", "partners": [partner]}, "kind", "kind-third"),
        ({"partners": [deal.fund.organization.uid]}, "partners", "party-once"),
        ({"supervisor": partner, "operator": partner}, "operator", "party-once"),
        ({"kind": "lease"}, "kind", "malformed"),
    ):
        answer = ngo.post(API, json=given | more)
        assert answer.status_code == 422, answer.text
        assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]
    assert ngo.get(API).json()["items"] == [], "nothing was drafted"
    made = ngo.post(API, json=given | {"kind": "cooperation", "partners": [partner]})
    assert made.status_code == 201, made.text
    assert made.json()["kind"] == "cooperation"
    assert [one["role"] for one in made.json()["parties"]] == ["funder", "funder", "partner", "implementer"]


def test_services_are_neither_donated_nor_bought_without_money(
    deal: Deal, as_user: AsUser, make_listing: MakeListing, session: Session
) -> None:
    bureau, ngo = deal.bureau, deal.ngo
    offer = make_listing(bureau, "Advice", Side.OFFER, lines=[{"kind": "services", "amount": "40 hours"}])
    asked = requests.send_request(session, ngo.actor, offer, ngo.organization.uid, "Please advise us.")
    requests.accept(session, bureau.actor, asked)
    session.commit()
    client = as_user(ngo.user)
    for kind in ("donation", "purchase"):
        answer = client.post(API, json={"request": asked.uid, "kind": kind})
        assert [one["code"] for one in answer.json()["errors"]] == [f"kind-{kind}"]
        page = client.post("/agreements/new", data={"asked": asked.uid, "kind": kind})
        assert page.status_code == 422
        assert f'value="{kind}" checked' in page.text
    made = client.post(API, json={"request": asked.uid})
    assert made.json()["kind"] == "cooperation", "though a government gives"


def test_one_signs_here_one_on_paper_and_the_paper_can_be_read_again(
    deal: Deal, drafted: Agreement, as_user: AsUser
) -> None:
    path = f"{API}/{drafted.uid}"
    signing = opened(as_user(deal.ngo.user), drafted.uid)
    text_hash = signing["text_hash"]

    bureau = as_user(deal.bureau.user)
    given = {"text_hash": text_hash, "name": "Zhao Min", "position": "Director", "password": PASSWORD}
    wrong = bureau.post(f"{path}/signatures", json={**given, "text_hash": "0" * 64})
    assert wrong.status_code == 412, "what was read must be what is signed"
    assert bureau.post(f"{path}/signatures", json=given).json()["status"] == "signing"

    fund = as_user(deal.fund.user)
    paper = {"organization": deal.fund.organization.uid, "name": "Li Na", "position": "Director"}
    refused = fund.post(f"{path}/scans", data=paper, files={"file": ("scan.gif", b"GIF89a")})
    assert refused.status_code == 422
    told = fund.post(f"{path}/scans", data=paper, files={"file": ("scan.pdf", SCAN)}).json()
    scan = {party["name"]: party["signature"] for party in told["parties"]}[deal.fund.organization.name]
    assert (scan["name"], scan["method"], scan["text_hash"]) == ("Li Na", "scan", text_hash)
    assert fund.get(scan["scan"]).content == SCAN

    ngo = as_user(deal.ngo.user)
    assert ngo.post(f"{path}/signatures", json=given).json()["status"] == "in-force"
    printed = ngo.get(f"{path}/pdf")
    assert printed.headers["content-type"] == "application/pdf"
    assert printed.content.startswith(b"%PDF-")


def test_scan_is_for_the_parties_alone(
    deal: Deal, drafted: Agreement, as_user: AsUser, make_user: Callable[..., User]
) -> None:
    opened(as_user(deal.ngo.user), drafted.uid)
    paper = {"organization": deal.fund.organization.uid, "name": "Li Na", "position": "Director"}
    told = as_user(deal.fund.user).post(
        f"{API}/{drafted.uid}/scans", data=paper, files={"file": ("scan.pdf", SCAN)}
    )
    [scan] = [party["signature"]["scan"] for party in told.json()["parties"] if party["signature"]]
    assert as_user(make_user("stranger@example.org")).get(scan).status_code == 404
    other = as_user(deal.bureau.user)
    assert other.get(scan.rpartition("/")[0] + "/" + "0" * 32).status_code == 404
    again = other.post(f"{API}/{drafted.uid}/scans", data=paper, files={"file": ("scan.pdf", SCAN)})
    assert again.status_code == 403, "nobody hands in another party's scan"
