"""Spreadsheets in and out: what is wrong is mended on screen, nothing is lost, nothing is made twice."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook
from sqlmodel import select

from matching.profiles import Side
from service.events import Event
from service.jobs import Job
from service.listings.models import Import, ImportStatus, Listing, ListingStatus
from service.organizations.models import OrganizationStatus
from service.permissions import Role
from tests.service.conftest import places, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from openpyxl import Workbook

    from service.accounts.models import User
    from service.jobs import Jobs
    from tests.service.conftest import MakeListing, MakeParty, MakeUser

    AsUser = Callable[[User], TestClient]
    Rows = Callable[[Any], list[Any]]

CHINESE = """编号,标题,说明,资源种类,金额,单位,主题,地点
1,农村饮用水,为六所村小安装净水设备,资金,28万元,,饮用水,昆明
2,社区食堂,为独居老人送餐,资金,很多钱,,养老服务,深圳
3,乡村图书室,为留守儿童建图书室,资金,5万元,,教书育人,昆明
4,法律咨询,每周一次法律咨询,服务,,,法律援助,深圳
5,,没有标题的一行,志愿者,20,天,教育,深圳
"""


def upload(
    browser: TestClient, party: Any, content: bytes, name: str = "需求.csv", side: str = "need"
) -> str:
    answer = browser.post(
        "/listings/import",
        data={"organization": party.organization.uid, "side": side},
        files={"file": (name, content)},
    )
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


@pytest.mark.usefixtures("database_url")
def test_gb18030_file_is_imported_with_three_bad_rows_mended_on_screen(
    make_party: MakeParty, as_user: AsUser, jobs: Jobs, rows: Rows
) -> None:
    party = make_party("绿色家园")
    browser = as_user(party.user)
    here = upload(browser, party, CHINESE.encode("gb18030"))
    seen = browser.get(f"{here}?lang=en")
    assert seen.status_code == 200
    assert "2 can be taken 3 rows to mend 5 rows in the file" in words(seen)
    wrong = places(seen)
    assert list(wrong.values()) == ["很多钱", "教书育人", ""]
    money, theme, title = wrong

    browser.cookies.clear()
    browser = as_user(party.user)
    kept = browser.post(here, data={money: "3万元", theme: "教书育人", title: "", "do": "mend"})
    assert kept.status_code == 303
    seen = browser.get(f"{here}?lang=en")
    assert "3 can be taken 2 rows to mend" in words(seen)
    browser.post(here, data={theme: "教育", title: "暑期支教", "do": "mend"})
    seen = browser.get(f"{here}?lang=en")
    assert "5 can be taken 0 rows to mend" in words(seen)
    assert browser.post(here, data={"do": "apply", "publish": "yes"}).status_code == 303
    assert "being taken" in words(browser.get(f"{here}?lang=en"))
    jobs.run_all()
    listings = rows(select(Listing).order_by(Listing.id))
    assert [one.title for one in listings] == ["农村饮用水", "社区食堂", "乡村图书室", "法律咨询", "暑期支教"]
    assert {one.status for one in listings} == {ListingStatus.PUBLISHED}
    assert [one.budget for one in listings] == [28_000_000, 3_000_000, 5_000_000, None, None]
    assert listings[2].themes == ["education"]
    done = browser.get(f"{here}?lang=en")
    assert "5 taken 0 here already 0 rows left out" in words(done)


def test_rows_that_are_not_mended_are_left_out_and_the_rest_become_drafts(
    make_party: MakeParty, as_user: AsUser, jobs: Jobs, rows: Rows
) -> None:
    party = make_party(status=OrganizationStatus.REGISTERED)
    browser = as_user(party.user)
    here = upload(browser, party, CHINESE.encode())
    refused = browser.post(f"{here}?lang=en", data={"do": "apply", "publish": "yes"})
    assert refused.status_code == 409
    assert "has not been verified yet" in words(refused)
    browser.post(here, data={"do": "apply"})
    jobs.run_all()
    assert [one.status for one in rows(select(Listing))] == [ListingStatus.DRAFT] * 2
    [kept] = rows(select(Import))
    assert (kept.status, kept.created_count, kept.left_out) == (ImportStatus.DONE, 2, 3)


def test_import_job_run_again_makes_nothing_twice(
    make_party: MakeParty, as_user: AsUser, jobs: Jobs, rows: Rows
) -> None:
    party = make_party()
    browser = as_user(party.user)
    for _ in range(2):
        here = upload(browser, party, CHINESE.encode())
        browser.post(here, data={"do": "apply"})
        jobs.run_all()
        jobs.handlers["import_listings"](_work(jobs, rows), uid=here.rpartition("/")[2])
    assert len(rows(select(Listing))) == 2
    assert [one.skipped_count for one in rows(select(Import).order_by(Import.id))] == [0, 2]


def _work(jobs: Jobs, rows: Rows) -> Any:
    from service.jobs import Work

    job = rows(select(Job).where(Job.name == "import_listings").order_by(Job.id))[-1]
    return Work(jobs.engine, jobs.settings, jobs.site, job.uid)


def test_interrupted_import_goes_on_where_it_stopped(
    make_party: MakeParty, as_user: AsUser, jobs: Jobs, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.listings import importing

    party = make_party()
    browser = as_user(party.user)
    lines = [f"need {number},money,{number + 1} CNY" for number in range(5)]
    here = upload(browser, party, "\n".join(["title,kind,amount", *lines]).encode())
    browser.post(here, data={"do": "apply"})
    monkeypatch.setattr(importing, "CHUNK", 2)
    work = _work(jobs, rows)

    class Killed(Exception):
        pass

    class Dying(type(work)):  # type: ignore[misc]
        def progress(self, share: float) -> None:
            raise Killed(share)

    with pytest.raises(Killed):
        importing.import_listings(
            Dying(work.engine, work.settings, work.site, work.job), uid=here.rpartition("/")[2]
        )
    assert len(rows(select(Listing))) == 2
    jobs.run_all()
    assert sorted(one.title for one in rows(select(Listing))) == [f"need {number}" for number in range(5)]


def test_rows_of_another_organization_are_not_taken(
    make_party: MakeParty, as_user: AsUser, jobs: Jobs, rows: Rows
) -> None:
    party = make_party("Green Home")
    make_party("Red House")
    content = "title,organization,kind,amount\nOurs,green home,money,5 CNY\nTheirs,Red House,money,5 CNY\n"
    browser = as_user(party.user)
    here = upload(browser, party, content.encode())
    seen = browser.get(f"{here}?lang=en")
    assert "1 can be taken 1 rows to mend" in words(seen)
    assert "Red House" in words(seen)
    browser.post(here, data={"do": "apply"})
    jobs.run_all()
    assert [one.title for one in rows(select(Listing))] == ["Ours"]


def test_heading_that_is_not_known_is_chosen_on_screen(make_party: MakeParty, as_user: AsUser) -> None:
    party = make_party()
    browser = as_user(party.user)
    here = upload(browser, party, b"title,kind,How very much,unit\nWater,money,500,CNY\n", "needs.csv", "")
    seen = browser.get(f"{here}?lang=en")
    assert "0 can be taken" in words(seen)
    [name] = {unescape(one) for one in re.findall(r'<select class="select" name="(cell:[^"]*)"', seen.text)}
    browser.post(here, data={name: "Amount", "do": "mend"})
    assert "1 can be taken 0 rows to mend" in words(browser.get(f"{here}?lang=en"))


def test_progress_is_shown_and_leads_to_the_result(
    make_party: MakeParty, as_user: AsUser, jobs: Jobs
) -> None:
    party = make_party()
    browser = as_user(party.user)
    here = upload(browser, party, CHINESE.encode())
    browser.post(here, data={"do": "apply"})
    asked = browser.get(f"{here}/progress")
    assert "hx-trigger" in asked.text
    assert "hx-redirect" not in asked.headers
    jobs.run_all()
    assert browser.get(f"{here}/progress").headers["hx-redirect"].startswith(here)
    assert browser.post(here, data={"do": "apply"}).status_code == 409, "it is not taken twice"


def test_file_that_is_thrown_away_is_gone(make_party: MakeParty, as_user: AsUser, rows: Rows) -> None:
    party = make_party()
    browser = as_user(party.user)
    here = upload(browser, party, CHINESE.encode())
    assert browser.post(here, data={"do": "discard"}).status_code == 303
    [kept] = rows(select(Import))
    assert (kept.status, kept.tables) == (ImportStatus.DISCARDED, [])
    assert here not in browser.get("/listings/import").text


def test_facilitator_imports_for_an_organization_but_publishes_nothing(
    make_party: MakeParty, make_user: MakeUser, as_user: AsUser, jobs: Jobs, rows: Rows
) -> None:
    party = make_party()
    browser = as_user(make_user(roles=[Role.FACILITATOR]))
    assert party.organization.uid in browser.get("/listings/import").text
    here = upload(browser, party, CHINESE.encode())
    assert browser.post(here, data={"do": "apply", "publish": "yes"}).status_code == 403
    browser.post(here, data={"do": "apply"})
    jobs.run_all()
    assert {one.status for one in rows(select(Listing))} == {ListingStatus.DRAFT}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("needs.exe", b"MZ"),
        ("needs.xlsx", b"PK\x03\x04 but no workbook"),
        ("needs.csv", b""),
        ("needs.json", b"{not json"),
    ],
)
def test_file_that_is_no_table_is_refused_beside_the_field(
    make_party: MakeParty, as_user: AsUser, name: str, content: bytes
) -> None:
    party = make_party()
    answer = as_user(party.user).post(
        "/listings/import", data={"organization": party.organization.uid}, files={"file": (name, content)}
    )
    assert answer.status_code == 422
    assert 'id="problem-file"' in answer.text


def test_import_needs_the_right_to_and_is_seen_by_its_organization_only(
    make_party: MakeParty, make_user: MakeUser, as_user: AsUser
) -> None:
    party = make_party()
    here = upload(as_user(party.user), party, CHINESE.encode())
    viewer = make_user(member_of={party.organization.key: Role.VIEWER})
    refused = as_user(viewer).post(
        "/listings/import",
        data={"organization": party.organization.uid},
        files={"file": ("a.csv", CHINESE.encode())},
    )
    assert refused.status_code == 403
    assert as_user(viewer).post(here, data={"do": "apply"}).status_code == 403
    assert as_user(make_user()).get(here).status_code == 404


def test_export_comes_back_as_the_same_listings(
    make_party: MakeParty, make_listing: MakeListing, as_user: AsUser, jobs: Jobs, rows: Rows
) -> None:
    party, other = make_party("Green Home"), make_party("Other", status=OrganizationStatus.VERIFIED)
    line = {"kind": "money", "amount": "1234.50 CNY", "minimum": "200 CNY"}
    make_listing(
        party, "=cmd|' /C calc'!A0", lines=[line, {"kind": "staff", "amount": "2", "unit": "person"}],
        text="- first\n- second", themes="education;health", places="futian", starts="2027-03-01",
        beneficiaries="30", languages="es;zh-Hans",
    )  # fmt: skip
    make_listing(party, "An offer", Side.OFFER, most_projects="3", only_places="yunnan", min_rating="3A",
                 only_verified="yes", pays_labour="no", pays_overhead="yes")  # fmt: skip
    browser = as_user(party.user)
    exported = browser.get("/listings/export.xlsx")
    assert exported.status_code == 200
    book = load_workbook(io.BytesIO(exported.content))
    cells = [cell.value for sheet in book for row in sheet for cell in row if isinstance(cell.value, str)]
    assert cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    before = {one.title: one for one in rows(select(Listing))}
    here = upload(browser, party, exported.content, "listings.xlsx", "")
    assert "Here already: 2" in words(browser.get(f"{here}?lang=en"))
    for kept in rows(select(Listing)):
        book = renamed(book, kept.uid, f"N{kept.id}")
        browser.post(f"/listings/{kept.uid}/withdraw", data={"reason": "to see it come back"})
    here = upload(browser, party, saved(book), "listings.xlsx", "")
    assert "2 can be taken 0 rows to mend" in words(browser.get(f"{here}?lang=en"))
    browser.post(here, data={"do": "apply"})
    jobs.run_all()
    after = {one.title: one for one in rows(select(Listing).where(Listing.source != ""))}
    assert after.keys() == before.keys()
    same = ("side", "text", "lines", "strings", "themes", "places", "starts", "beneficiaries", "languages")
    for title, one in after.items():
        assert {name: getattr(one, name) for name in same} == {
            name: getattr(before[title], name) for name in same
        }
    assert other.organization.uid not in exported.content.decode("latin-1")


def renamed(book: Workbook, old: str, new: str) -> Workbook:
    """The workbook with another text in every cell that holds `old`."""
    for cell in (cell for sheet in book for row in sheet for cell in row if cell.value == old):
        cell.value = new
    return book


def saved(book: Workbook) -> bytes:
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


@pytest.mark.usefixtures("database_url")
def test_edited_export_changes_its_listings_and_makes_none_twice(
    make_party: MakeParty, make_listing: MakeListing, as_user: AsUser, jobs: Jobs, rows: Rows
) -> None:
    party = make_party()
    water = make_listing(party, "Water", text="Two wells.", themes="water-sanitation")
    make_listing(party, "Books", lines=[{"kind": "money", "amount": "700 CNY", "minimum": "300 CNY"}])
    fulfilled = make_listing(party, "Done")
    browser = as_user(party.user)
    browser.post(f"/listings/{fulfilled.uid}/fulfil")
    book = load_workbook(io.BytesIO(browser.get("/listings/export.xlsx").content))
    for old, new in (("Two wells.", "Three wells."), ("5000", "6000"), ("Done", "Done again")):
        renamed(book, old, new)
    sheet = book["needs"]
    head = [cell.value for cell in sheet[1]]
    sheet.append(
        [{"title": "Trees", "kind": "money", "amount": "5", "unit": "CNY"}.get(code) for code in head]
    )
    here = upload(browser, party, saved(book), "listings.xlsx", "")
    seen = words(browser.get(f"{here}?lang=en"))
    assert "New: 1 Changes: 1 Here already: 1 Cannot be changed: 1" in seen
    assert "Changes Description, Resources Need Water" in seen
    assert "This is fulfilled and stays as it is" in seen
    browser.post(here, data={"do": "apply", "publish": "yes"})
    jobs.run_all()
    found = {one.title: one for one in rows(select(Listing))}
    assert found.keys() == {"Water", "Books", "Done", "Trees"}
    assert (found["Water"].uid, found["Water"].text) == (water.uid, "Three wells.")
    assert (found["Water"].budget, found["Water"].themes) == (600_000, ["water-sanitation"])
    assert (found["Water"].version, found["Books"].version) == (water.version + 1, 2)
    assert found["Trees"].status is ListingStatus.PUBLISHED
    [kept] = rows(select(Import))
    assert (kept.created_count, kept.updated_count, kept.skipped_count, kept.left_out) == (1, 1, 1, 1)
    changes = rows(select(Event).where(Event.name == "listing.change"))
    assert [(one.subject, one.details["fields"]) for one in changes] == [(water.uid, ["lines", "text"])]


def test_sheet_leaves_alone_what_it_has_no_column_for(
    make_party: MakeParty, make_listing: MakeListing, as_user: AsUser, jobs: Jobs, rows: Rows
) -> None:
    party, other = make_party("Green Home"), make_party("Blue House")
    line = {"kind": "money", "amount": "5000 CNY", "cheque_min": "900 CNY"}
    offer = make_listing(
        party, "Grants", Side.OFFER, lines=[line], text="For schools.", places="yunnan",
        only_places="yunnan", min_rating="3A", pays_labour="no",
    )  # fmt: skip
    theirs = make_listing(other, "Theirs", Side.OFFER)
    sheet = (
        f"id,title,places,kind,amount,unit,pays_labour\n{offer.uid},Grants,,money,4000,CNY,yes\n"
        f"{theirs.uid},Mine now,,money,1,CNY,yes\n"
    )
    browser = as_user(party.user)
    here = upload(browser, party, sheet.encode(), "offers.csv", "offer")
    assert "New: 1 Changes: 1" in words(browser.get(f"{here}?lang=en"))
    browser.post(here, data={"do": "apply"})
    jobs.run_all()
    found = {one.uid: one for one in rows(select(Listing))}
    changed = found[offer.uid]
    assert (changed.text, changed.places) == ("For schools.", [])
    assert (changed.lines[0]["amount"], changed.lines[0]["cheque_min"]) == (400_000, 90_000)
    assert changed.strings == {"places": ["yunnan"], "min_rating": 3}
    assert found[theirs.uid].title == "Theirs"


def test_csv_export_guards_formulas(
    make_party: MakeParty, make_listing: MakeListing, as_user: AsUser
) -> None:
    party = make_party()
    make_listing(party, "+1234", text="@SUM(A1)")
    exported = as_user(party.user).get("/listings/export.zip")
    with ZipFile(io.BytesIO(exported.content)) as archive:
        table = list(csv.DictReader(io.StringIO(archive.read("needs.csv").decode("utf-8-sig"))))
    assert (table[0]["title"], table[0]["text"]) == ("'+1234", "'@SUM(A1)")
