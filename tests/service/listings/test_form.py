"""From an empty form to a published need, as a person does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from service.jobs import Job
from service.listings.models import Listing, ListingStatus, ListingTag, Unsaved
from service.organizations.models import OrganizationStatus
from tests.service.conftest import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from tests.service.conftest import MakeListing, MakeParty

    AsUser = Callable[[User], TestClient]
    Rows = Callable[[Any], list[Any]]


def only(rows: Rows) -> Listing:
    [listing] = rows(select(Listing))
    return listing


def test_need_goes_from_first_words_through_four_steps_to_published(
    rows: Rows, make_party: MakeParty, as_user: AsUser
) -> None:
    party = make_party("绿色家园")
    browser = as_user(party.user)
    began = browser.post(
        "/listings/new?side=need",
        data={
            "organization": party.organization.uid,
            "title": "农村学校饮用水净化",
            "text": "为六所村小安装净水设备。",
        },
    )
    assert began.status_code == 303
    listing = only(rows)
    here = f"/listings/{listing.uid}/edit"
    assert began.headers["location"].startswith(f"{here}?step=1")
    assert (listing.status, listing.language) == (ListingStatus.DRAFT, "zh-Hans")
    first = browser.get(f"{here}?step=1&lang=en")
    assert first.status_code == 200
    assert "农村学校饮用水净化" in first.text
    assert "Detected: 简体中文" in first.text

    saved = browser.post(
        f"{here}?step=1",
        data={
            "version": listing.version,
            "title": listing.title,
            "text": listing.text,
            "language": "",
            "themes": ["water-sanitation", "education"],
            "groups": ["students"],
            "beneficiaries": "1200人",
            "do": "next",
        },
    )
    assert saved.headers["location"].startswith(f"{here}?step=2")
    listing = only(rows)
    assert (listing.themes, listing.beneficiaries) == (["education", "water-sanitation"], 1200)

    assert browser.get(f"{here}?step=2").status_code == 200
    saved = browser.post(
        f"{here}?step=2",
        data={
            "version": listing.version,
            "rows": "2",
            "lines-0-kind": "money",
            "lines-0-amount": "28万元",
            "lines-0-unit": "",
            "lines-0-critical": "yes",
            "lines-0-minimum": "15万元",
            "lines-1-kind": "volunteers",
            "lines-1-amount": "20",
            "lines-1-unit": "day",
            "do": "next",
        },
    )
    assert saved.headers["location"].startswith(f"{here}?step=3")
    listing = only(rows)
    assert [(line["kind"], line["amount"], line["unit"], line["critical"]) for line in listing.lines] == [
        ("money", 28_000_000, "CNY", True),
        ("volunteers", 2000, "day", False),
    ]
    assert (listing.budget, listing.currency) == (28_000_000, "CNY")

    assert browser.get(f"{here}?step=3").status_code == 200
    saved = browser.post(
        f"{here}?step=3",
        data={
            "version": listing.version,
            "places": "昆明; Yunnan",
            "languages": ["zh-Hans"],
            "starts": "2027年3月1日",
            "ends": "",
            "expires": "",
            "do": "next",
        },
    )
    assert saved.headers["location"].startswith(f"{here}?step=4")
    listing = only(rows)
    assert listing.places == ["kunming", "yunnan"]
    assert listing.starts is not None
    assert listing.starts.isoformat() == "2027-03-01"

    assert "28" in words(browser.get(f"{here}?step=4"))
    published = browser.post(f"/listings/{listing.uid}/publish")
    assert published.headers["location"] == f"/listings/{listing.uid}?done=published"
    listing = only(rows)
    assert listing.status is ListingStatus.PUBLISHED
    assert listing.published is not None
    assert listing.expires is not None
    assert (listing.expires - listing.published).days == 90
    assert rows(select(Job.payload).where(Job.name == "embed_listings")) == [{"listings": [listing.uid]}]
    tags = set(rows(select(ListingTag.scheme, ListingTag.code)))
    assert {("kinds", "money"), ("kinds", "volunteers"), ("places", "cn"), ("groups", "students")} <= tags

    browser.cookies.clear()
    public = browser.get(f"/listings/{listing.uid}")
    assert public.status_code == 200
    assert 'lang="zh-Hans"' in public.text


def test_values_that_cannot_be_read_are_named_beside_their_fields_and_survive(
    rows: Rows, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser
) -> None:
    party = make_party()
    listing = make_listing(party, publish=False)
    browser = as_user(party.user)
    here = f"/listings/{listing.uid}/edit?step=2"
    answer = browser.post(
        f"{here}&lang=en",
        data={
            "version": listing.version,
            "lines-0-kind": "money",
            "lines-0-amount": "quite a lot",
            "do": "next",
        },
    )
    assert answer.status_code == 422
    assert 'value="quite a lot"' in answer.text
    assert 'id="problem-lines-0-amount"' in answer.text
    assert only(rows).lines == listing.lines
    again = browser.get(here)
    assert 'value="quite a lot"' in again.text, "what was typed is there when one comes back"


def test_lines_are_added_and_removed_without_a_script(
    rows: Rows, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser
) -> None:
    party = make_party()
    listing = make_listing(party, publish=False)
    browser = as_user(party.user)
    here = f"/listings/{listing.uid}/edit?step=2"
    typed = {"rows": "1", "lines-0-kind": "money", "lines-0-amount": "7 000 RUB"}
    added = browser.post(here, data={**typed, "do": "add-line"})
    assert added.headers["location"] == f"{here}#line-1"
    page = browser.get(here).text
    assert 'name="lines-1-kind"' in page
    assert 'value="7 000 RUB"' in page
    typed |= {"rows": "2", "lines-1-kind": "staff", "lines-1-amount": "3", "lines-1-unit": "person"}
    browser.post(here, data={**typed, "do": "remove-line-0"})
    page = browser.get(here).text
    assert 'name="lines-1-kind"' not in page
    assert 'value="7 000 RUB"' not in page
    assert 'value="3"' in page
    assert only(rows).lines == listing.lines, "nothing is saved yet"


def test_autosave_keeps_what_is_typed_until_it_is_saved_or_given_up(
    rows: Rows, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser
) -> None:
    party = make_party()
    listing = make_listing(party)
    browser = as_user(party.user)
    here = f"/listings/{listing.uid}/edit?step=1"
    kept = browser.post(f"/listings/{listing.uid}/draft?step=1", data={"title": "Half a sent", "text": "…"})
    assert kept.status_code == 204
    assert 'value="Half a sent"' in browser.get(here).text
    assert only(rows).title == "Clean water", "others see the last saved words"
    browser.post(here, data={"do": "forget"})
    assert 'value="Clean water"' in browser.get(here).text
    browser.post(f"/listings/{listing.uid}/draft?step=1", data={"title": "A sentence", "text": ""})
    browser.post(here, data={"version": listing.version, "title": "A sentence", "text": "", "do": "stay"})
    assert only(rows).title == "A sentence"
    assert rows(select(Unsaved)) == []


def test_edit_on_an_old_version_is_refused_and_shows_both(
    rows: Rows, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser
) -> None:
    party = make_party()
    listing = make_listing(party)
    browser = as_user(party.user)
    here = f"/listings/{listing.uid}/edit?step=1"
    mine = {"version": listing.version, "title": "Mine", "do": "next"}
    assert browser.post(here, data={**mine, "title": "Theirs"}).status_code == 303
    refused = browser.post(f"{here}&lang=en", data=mine)
    assert refused.status_code == 412
    assert 'value="Mine"' in refused.text
    assert "Theirs" in refused.text
    listing = only(rows)
    assert listing.title == "Theirs"
    assert f'name="version" value="{listing.version}"' in refused.text
    assert browser.post(here, data={**mine, "version": listing.version}).status_code == 303
    assert only(rows).title == "Mine"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (OrganizationStatus.REGISTERED, "has not been verified yet"),
        (OrganizationStatus.DECLINED, "was declined"),
        (OrganizationStatus.SUSPENDED, "is suspended"),
    ],
)
def test_organization_that_may_not_act_keeps_a_draft_and_reads_why(
    rows: Rows,
    make_party: MakeParty,
    make_listing: MakeListing,
    as_user: AsUser,
    status: OrganizationStatus,
    said: str,
) -> None:
    party = make_party(status=status)
    listing = make_listing(party, publish=False)
    browser = as_user(party.user)
    assert said in words(browser.get(f"/listings/{listing.uid}/edit?step=4&lang=en"))
    refused = browser.post(f"/listings/{listing.uid}/publish?lang=en")
    assert refused.status_code == 409
    assert said in words(refused)
    assert only(rows).status is ListingStatus.DRAFT


def test_publishing_without_a_resource_is_refused_beside_the_button(
    rows: Rows, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser
) -> None:
    party = make_party()
    listing = make_listing(party, publish=False, lines=[])
    refused = as_user(party.user).post(f"/listings/{listing.uid}/publish?lang=en")
    assert refused.status_code == 422
    assert "at least one thing" in words(refused)
    assert only(rows).status is ListingStatus.DRAFT


def test_change_of_a_published_need_keeps_it_fit_and_raises_its_revision(
    rows: Rows, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser
) -> None:
    party = make_party()
    listing = make_listing(party)
    browser = as_user(party.user)
    here = f"/listings/{listing.uid}/edit?step=2"
    emptied = browser.post(here, data={"version": listing.version, "lines-0-kind": "", "do": "next"})
    assert emptied.status_code == 422
    assert only(rows).lines == listing.lines
    changed = {
        "version": listing.version,
        "lines-0-kind": "goods",
        "lines-0-amount": "3",
        "lines-0-unit": "set",
    }
    assert browser.post(here, data=changed).status_code == 303
    after = only(rows)
    assert after.revision == listing.revision + 1
    assert after.lines[0]["kind"] == "goods"


def test_text_is_kept_as_text_without_what_is_invisible(
    rows: Rows, make_party: MakeParty, as_user: AsUser
) -> None:
    party = make_party()
    browser = as_user(party.user)
    title = "<script>alert(1)</script> 𠮷野家 👨‍👩‍👧"
    browser.post(
        "/listings/new",
        data={"organization": party.organization.uid, "title": f"\u202e{title}\x07", "text": "a\r\nb\x00"},
    )
    listing = only(rows)
    assert listing.title == title
    assert listing.text == "a\nb"
    page = browser.get(f"/listings/{listing.uid}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_too_long_title_is_refused_with_its_limit(make_party: MakeParty, as_user: AsUser) -> None:
    party = make_party()
    answer = as_user(party.user).post(
        "/listings/new?lang=en", data={"organization": party.organization.uid, "title": "x" * 201}
    )
    assert answer.status_code == 422
    assert "Use at most 200 characters." in words(answer)


def test_offer_keeps_its_conditions(
    rows: Rows, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser
) -> None:
    from matching.profiles import Side

    party = make_party("Bank", kind="finance")
    other = make_party("绿色家园")
    listing = make_listing(party, side=Side.OFFER, publish=False)
    browser = as_user(party.user)
    here = f"/listings/{listing.uid}/edit?step=3"
    saved = browser.post(
        here,
        data={
            "version": listing.version,
            "most_projects": "4",
            "only_places": "深圳",
            "only_groups": ["elderly"],
            "min_rating": "3A",
            "only_verified": "yes",
            "pays_labour": "yes",
            "vetoes": "绿色家园",
        },
    )
    assert saved.status_code == 303
    assert only(rows).strings == {
        "places": ["shenzhen"],
        "groups": ["elderly"],
        "min_rating": 3,
        "verified": True,
        "pays_overhead": False,
        "vetoes": [other.organization.uid],
    }
    page = browser.get(here).text
    assert "绿色家园" in page
    listing = only(rows)
    unknown = browser.post(here, data={"version": listing.version, "only_places": "", "vetoes": "Nobody"})
    assert unknown.status_code == 422


def test_copy_begins_a_draft_with_everything_but_dates(
    rows: Rows, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser
) -> None:
    party = make_party()
    listing = make_listing(party, themes="education", starts="2027-03-01")
    answer = as_user(party.user).post(f"/listings/{listing.uid}/copy")
    [made] = rows(select(Listing).where(Listing.uid != listing.uid))
    assert answer.headers["location"].startswith(f"/listings/{made.uid}/edit")
    assert made.status is ListingStatus.DRAFT
    assert (made.title, made.themes, made.lines) == (listing.title, ["education"], listing.lines)
    assert (made.starts, made.expires, made.revision) == (None, None, 0)


def test_strangers_and_viewers_cannot_edit(
    make_party: MakeParty, make_listing: MakeListing, as_user: AsUser, make_user: Callable[..., User]
) -> None:
    from service.permissions import Role

    party = make_party()
    listing = make_listing(party)
    draft = make_listing(party, "Draft", publish=False)
    stranger = make_user()
    viewer = make_user(member_of={party.organization.key: Role.VIEWER})
    for user, expected in ((stranger, (403, 404)), (viewer, (403, 403))):
        browser = as_user(user)
        for one, status in zip((listing, draft), expected, strict=True):
            assert browser.get(f"/listings/{one.uid}/edit").status_code == status
            assert browser.post(f"/listings/{one.uid}/edit", data={"title": "x"}).status_code == status
            assert browser.post(f"/listings/{one.uid}/draft", data={"title": "x"}).status_code == status
            assert browser.post(f"/listings/{one.uid}/publish").status_code == status
            assert browser.post(f"/listings/{one.uid}/copy").status_code == status


def test_draft_is_deleted_but_not_what_others_have_seen(
    rows: Rows, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser
) -> None:
    party = make_party()
    draft, published = make_listing(party, "Draft", publish=False), make_listing(party)
    browser = as_user(party.user)
    assert browser.post(f"/listings/{draft.uid}/discard").status_code == 303
    assert browser.post(f"/listings/{published.uid}/discard").status_code == 409
    assert [one.uid for one in rows(select(Listing))] == [published.uid]


def test_form_typed_after_the_session_ended_comes_back_after_signing_in(
    make_party: MakeParty, make_listing: MakeListing, as_user: AsUser, client: TestClient
) -> None:
    party = make_party()
    here = f"/listings/{make_listing(party).uid}/edit?step=1"
    away = client.post(
        here, data={"title": "Typed without a session"}, headers={"Referer": f"http://localhost:8000{here}"}
    )
    assert away.status_code == 303
    assert away.headers["location"].startswith("/accounts/sign-in?next=")
    back = as_user(party.user).get(f"{here}&held=1")
    assert 'value="Typed without a session"' in back.text


def test_fulfilled_need_is_not_changed_any_more(
    rows: Rows, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser
) -> None:
    party = make_party()
    listing = make_listing(party)
    browser = as_user(party.user)
    assert browser.post(f"/listings/{listing.uid}/fulfil").status_code == 303
    refused = browser.post(f"/listings/{listing.uid}/edit?step=1", data={"title": "Other"})
    assert refused.status_code == 409
    assert only(rows).title == "Clean water"
