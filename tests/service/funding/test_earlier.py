"""Cooperations signed elsewhere: looked at, brought in once, public with their source, nothing made up."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook
from sqlmodel import select

from matching.profiles import Side
from service.agreements.models import Agreement, AgreementStatus, CooperationSheet, Origin
from service.db import reading
from service.disclosure.exports import Format, export
from service.disclosure.graph import cooperations
from service.events import history
from service.funding.models import Commitment, Disbursement
from service.organizations.models import Identifier
from service.permissions import Role
from service.reports.models import Report
from tests.service.conftest import places, words
from tests.service.refusing import codes

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine
    from sqlmodel import Session

    from service.jobs import Jobs
    from tests.service.conftest import MakeListing, MakeParty, MakeUser, Party

pytestmark = pytest.mark.usefixtures("database_url")

API = "/api/v1/cooperations/import"
SOURCE = "福田區民政局二〇一五年年報"
SHEET = """项目编号,项目名称,签约日期,结束日期,资助方,实施方,其他参与方,金额（万元）,领域,地区,状态,来源
ft-1,華富情緒急救培訓,2015年1月12日,2015-12-31,區民政局,青亭社工中心,,9.655,心理健康,福田,已完成,
ft-2,蓮花盲人電影放映,2015-01-14,,CN-USCI-11440304007542832W,明途助殘,營運中心,6.46,disability-inclusion,福田,,區報第三版
"""
WRONG = """ft-3,長者食堂,2015-02-30,,區民政局,明途助殘,,1,养老服务,福田,,
ft-4,夜校,2015-03-01,,區民政處,明途助殘,,1,养老服务,福田,,
ft-5,,2091-03-01,2090-01-01,區民政局,明途助殘,,一些,没有这个,福田,盛大,
ft-6,合唱,2015-03-02,,區民政局,區民政局,,1,养老服务,福田,,
ft-2,蓮花盲人電影放映,2015-01-14,,區民政局,明途助殘,營運中心,7,disability-inclusion,福田,,
"""


@pytest.fixture
def city(make_party: MakeParty, session: Session) -> dict[str, Party]:
    """A district with its bureau, two social organizations and a centre."""
    kinds = {"區民政局": "government", "青亭社工中心": "ngo", "明途助殘": "ngo", "營運中心": "ngo"}
    made = {name: make_party(name, Role.OWNER, kind=kind) for name, kind in kinds.items()}
    bureau = made["區民政局"].organization
    number = Identifier(organization_id=bureau.key, scheme="CN-USCI", number="11440304007542832W")
    session.add(number)
    session.commit()
    return made


@pytest.fixture
def facilitator(make_user: MakeUser, as_user: Callable[..., TestClient]) -> TestClient:
    return as_user(make_user(roles=[Role.FACILITATOR]))


def _sent(text: str, encoding: str = "utf-8") -> dict[str, Any]:
    return {"file": ("earlier.csv", text.encode(encoding), "text/csv")}


def test_brought_in_on_screen_once_and_public_with_its_source(
    city: dict[str, Party], facilitator: TestClient, rows: Any, engine: Engine, jobs: Jobs
) -> None:
    assert 'href="/agreements/import"' in facilitator.get("/agreements").text
    sent = facilitator.post("/agreements/import", data={"source": SOURCE}, files=_sent(SHEET, "gb18030"))
    address = sent.headers["location"]
    page = words(facilitator.get(address))
    assert "2 can be brought in" in page
    assert "華富情緒急救培訓 區民政局 · 青亭社工中心 Jan 12, 2015 Completed Money: CN¥96,550" in page
    assert rows(select(Agreement)) == [], "nothing is kept until that is confirmed"
    assert facilitator.post(address, data={"do": "bring"}).headers["location"] == "/agreements?done=imported"
    assert rows(select(CooperationSheet)) == []

    first, second = rows(select(Agreement).order_by(Agreement.number))
    assert (first.number, first.status, first.kind) == ("2015-0001", AgreementStatus.COMPLETED, "donation")
    assert (second.number, second.status, second.ended) == ("2015-0002", AgreementStatus.IN_FORCE, None)
    with reading(engine) as session:
        assert next(event.name for event in history(session, first.uid)) == "agreement.bring"
    jobs.run_all()
    assert [one.quantity for one in rows(select(Commitment).order_by(Commitment.id))] == [
        9_655_000,
        6_460_000,
    ]
    assert rows(select(Disbursement)) == []
    assert rows(select(Report)) == []
    facilitator.cookies.clear()
    public = words(facilitator.get(f"/cooperations/{first.uid}"))
    assert "Brought in from elsewhere" in public
    assert f"Source {SOURCE} · ft-1" in public
    assert "paid" not in public.partition("promised")[0]
    assert "Reports are kept where it was signed." in public

    found = facilitator.get("/api/v1/cooperations?theme=mental-health&place=futian").json()
    assert [one["id"] for one in found["items"]] == [first.uid]
    origin = {"source": SOURCE, "reference": "ft-1", "themes": ["mental-health"], "places": ["futian"]}
    assert found["items"][0]["origin"] == origin
    assert found["items"][0]["link_types"] == ["government-society"]
    counts = {one["value"]: one["count"] for one in found["facets"]["place"]}
    assert counts["futian"] == 1
    other = facilitator.get(f"/api/v1/cooperations/{second.uid}").json()
    assert other["origin"]["source"] == "區報第三版"
    assert [one["role"] for one in other["parties"]] == ["funder", "partner", "implementer"]


def test_twice_brings_them_once_and_rows_that_cannot_be_read_are_named(
    city: dict[str, Party], facilitator: TestClient, rows: Any
) -> None:
    looked = facilitator.post(API, data={"source": SOURCE}, files=_sent(SHEET + WRONG)).json()
    assert (looked["rows"], looked["ready"], looked["here"], looked["made"]) == (7, 2, 0, [])
    assert [(one["row"], one["code"]) for one in looked["problems"]] == [
        (4, "date-impossible"),
        (5, "organization-near"),
        (6, "cell-empty"),
        (6, "signed-ahead"),
        (6, "term-backwards"),
        (6, "unit-unknown-at-all"),
        (6, "word-unknown-at-all"),
        (6, "word-unknown-at-all"),
        (7, "party-once"),
        (8, "cooperation-twice"),
    ]
    near = looked["problems"][1]
    assert near["detail"] == "There is no organization “區民政處” here; the nearest are: 區民政局."
    assert rows(select(Agreement)) == []
    for here, made in ((0, 2), (2, 0)):
        sent = facilitator.post(API, data={"source": SOURCE, "confirm": "yes"}, files=_sent(SHEET + WRONG))
        assert (sent.json()["here"], len(sent.json()["made"])) == (here, made)
    assert len(rows(select(Origin))) == 2

    address = facilitator.post("/agreements/import", data={"source": SOURCE}, files=_sent(SHEET)).headers[
        "location"
    ]
    nothing = facilitator.post(address, data={"do": "bring"})
    assert nothing.status_code == 422
    assert "No row is left to bring in" in words(nothing), "bring-nothing"
    facilitator.post(address, data={"do": "discard"})
    assert facilitator.get(address).status_code == 404
    assert len(rows(select(Agreement))) == 2


def test_wrong_cells_are_mended_on_screen_and_what_was_mended_is_kept(
    city: dict[str, Party], facilitator: TestClient, rows: Any
) -> None:
    def at(row: int, column: str) -> str:
        return f"cell:{json.dumps(['', row, column], ensure_ascii=False)}"

    sent = facilitator.post("/agreements/import", data={"source": SOURCE}, files=_sent(SHEET + WRONG))
    address = sent.headers["location"]
    shown = places(facilitator.get(address))
    assert (shown[at(4, "签约日期")], shown[at(5, "资助方")]) == ("2015-02-30", "區民政處")
    mended = {
        **shown,
        at(4, "签约日期"): "2015-02-28",
        at(5, "资助方"): "区民政局",
        at(7, "实施方"): "明途助殘",
    }
    saved = facilitator.post(address, data={"do": "mend", **mended})
    assert saved.headers["location"] == f"{address}?done=saved"
    page = facilitator.get(address)
    assert "4 can be brought in" in words(page)
    assert places(page)[at(5, "资助方")] == "区民政局", "nobody has this name, and what was typed is kept"
    assert at(4, "签约日期") not in places(page)
    rest = {at(5, "资助方"): "區民政局", at(2, "项目名称"): "A sound cell is not touched"}
    assert (
        facilitator.post(address, data={"do": "bring", **rest}).headers["location"]
        == "/agreements?done=imported"
    )
    assert sorted(one.title for one in rows(select(Agreement))) == sorted(
        ["華富情緒急救培訓", "蓮花盲人電影放映", "長者食堂", "夜校", "合唱"]
    )


def test_source_is_needed_and_files_that_are_none_are_refused(
    city: dict[str, Party], facilitator: TestClient, rows: Any, as_user: Any
) -> None:
    unsaid = facilitator.post(API, data={"confirm": "yes"}, files=_sent(SHEET)).json()
    assert [(one["row"], one["column"], one["code"]) for one in unsaid["problems"]] == [
        (2, "来源", "cell-empty")
    ]
    assert len(unsaid["made"]) == 1
    assert codes(facilitator.post(API, files={"file": ("a.exe", b"MZ")})) == ["import-type"]
    wrong = facilitator.post("/agreements/import", data={"source": "x" * 501}, files=_sent(SHEET))
    assert wrong.status_code == 422
    assert "Use at most 500 characters." in words(wrong)
    assert "x" * 501 in wrong.text
    assert facilitator.post("/agreements/import", data={"source": SOURCE}).status_code == 422
    lacks = facilitator.post(API, files=_sent("title,signed\nA,2015-01-01\n")).json()
    assert {one["code"] for one in lacks["problems"]} == {"column-missing"}
    own = as_user(city["明途助殘"].user)
    assert own.get("/agreements/import").status_code == 403
    assert own.post(API, files=_sent(SHEET)).status_code == 403


def test_its_text_is_elsewhere_and_its_offer_counts(
    city: dict[str, Party],
    facilitator: TestClient,
    engine: Engine,
    jobs: Jobs,
    make_listing: MakeListing,
) -> None:
    offer = make_listing(city["區民政局"], "民生微實事", Side.OFFER)
    foreign = make_listing(city["明途助殘"], "場地", Side.OFFER)
    sheet = "title,signed,need_organization,offer_organization,offer,amount,source\n"
    row = "Night school,2015-03-01,明途助殘,區民政局,{},CNY 1000,Report\n"
    refused = facilitator.post(API, files=_sent(sheet + row.format(foreign.uid))).json()
    assert [one["code"] for one in refused["problems"]] == ["offer-unknown"]
    sent = facilitator.post(API, data={"confirm": "yes"}, files=_sent(sheet + row.format(offer.uid)))
    [uid] = sent.json()["made"]
    jobs.run_all()
    with reading(engine) as session:
        [pair] = cooperations(session)
    assert (pair.offer, pair.quantity and pair.quantity.amount, str(pair.signed)) == (
        offer.uid,
        100_000,
        "2015-03-01",
    )
    for ask in (
        facilitator.get(f"/api/v1/agreements/{uid}/pdf"),
        facilitator.post(f"/api/v1/agreements/{uid}/amendments"),
    ):
        assert (ask.status_code, codes(ask)) == (409, ["signed-elsewhere"])
    assert "It was signed elsewhere and brought in from: Report." in words(
        facilitator.get(f"/agreements/{uid}")
    )
    grants = b"".join(export(engine, Format("360giving"), "https://qiao.example")).decode()
    assert '"dataSource": "Report"' in grants or '"dataSource":"Report"' in grants
    assert "amountDisbursed" not in grants
    table = b"".join(export(engine, Format("csv"), "https://qiao.example")).decode("utf-8-sig")
    assert ",Report,," in table


def test_template_comes_back_as_it_was_filled_in(city: dict[str, Party], facilitator: TestClient) -> None:
    book = load_workbook(BytesIO(facilitator.get("/agreements/import/template.xlsx?lang=es").content))
    sheet = book["Cooperaciones"] if "Cooperaciones" in book.sheetnames else book.worksheets[1]
    headings = [cell.value for cell in sheet[1]]
    filled = {
        "Título": "Comedor",
        "Firmado": "1 de marzo de 2015",
        "Organización receptora": "明途助殘",
        "Organización donante": "區民政局",
        "Fuente": "Memoria",
        "Estado": "concluida",
    }
    assert set(filled) <= set(headings)
    sheet.append([filled.get(heading) for heading in headings])
    held = BytesIO()
    book.save(held)
    answer = facilitator.post(API, files={"file": ("plantilla.xlsx", held.getvalue())}).json()
    assert (answer["ready"], answer["problems"]) == (1, [])
