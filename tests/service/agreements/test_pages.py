"""An agreement on screen: drafted, negotiated, signed by every party, shown to nobody else."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

from sqlmodel import select

from service.agreements.models import Agreement, AgreementStatus, Comment
from service.agreements.terms import Terms
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
    """What stands in the form of a draft, as a browser would send it."""
    page = client.get(f"/agreements/{agreement.uid}/edit").text
    return _sent(page)


def _sent(page: str) -> dict[str, str]:
    """The fields of the form on a page."""
    form = page[page.index('/edit" method="post"') :]
    found: dict[str, str] = {}
    for attributes in re.findall(r"<input([^>]*)>", form):
        named = dict(re.findall(r'(\w+)="([^"]*)"', attributes))
        if "name" in named and (named.get("type") != "checkbox" or attributes.rstrip().endswith("checked")):
            found[named["name"]] = unescape(named.get("value", ""))
    for name, inside in re.findall(r'<select[^>]*? name="([^"]+)".*?>(.*?)</select>', form, flags=re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', inside)
        found[name] = chosen[1] if chosen else ""
    areas = re.findall(r'<textarea[^>]*? name="([^"]+)"[^>]*>(.*?)</textarea>', form, flags=re.DOTALL)
    return found | {name: unescape(value).removeprefix("\n") for name, value in areas}


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


def test_kind_languages_and_further_parties_are_chosen_while_drafting(
    deal: Deal, as_user: Any, rows: Any, make_party: MakeParty
) -> None:
    centre = make_party("Operating Centre of the District")
    make_party("Neighbours of the Park")
    client = as_user(deal.ngo.user)
    page = client.get("/agreements")
    address = unescape(re.search(r'href="(/agreements/new[^"]*)"', page.text)[1])  # type: ignore[index]
    form = client.get(address)
    assert "Cooperation Each side contributes what it has" in words(form)
    assert re.findall(r'value="(\S+)" checked', form.text) == ["donation"], "what it is is chosen beforehand"

    sent = {"pairing": [one.uid for one in deal.pairings], "kind": "three-party", "language": "zh-Hans"}
    sent |= {"second_language": "ru", "partners": "Neighbours of the Park"}
    alone = client.post("/agreements/new", data=sent)
    assert alone.status_code == 422
    assert "A three-party agreement has a supervising authority" in words(alone)
    assert re.findall(r'value="(\S+)" checked', alone.text) == ["three-party"]
    assert ">\nNeighbours of the Park</textarea>" in alone.text, "what was typed is still there"
    unknown = client.post("/agreements/new", data=sent | {"supervisor": "Nobody", "partners": "Nobody\n"})
    assert "2 things need attention" in words(unknown)
    assert 'value="Nobody"' in unknown.text
    strange = client.post("/agreements/new", data=sent | {"kind": "marriage"})
    assert "Choose one from the list." in words(strange)
    assert rows(select(Agreement)) == [], "nothing was drafted"

    made = client.post("/agreements/new", data=sent | {"operator": centre.organization.name})
    agreement = _now(rows)
    assert made.headers["location"] == f"/agreements/{agreement.uid}?done=created", words(made)
    assert (agreement.kind, agreement.languages) == ("three-party", ("zh-Hans", "ru"))
    named = {one.name: one.role.value for one in Terms.model_validate(agreement.terms).parties}
    assert named[centre.organization.name] == "operator"
    assert named["Neighbours of the Park"] == "partner"
    again = client.post("/agreements/new", data=sent | {"operator": centre.organization.name})
    assert again.status_code == 409


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
    assert "2 things need attention" in words(wrong)
    assert 'value="soon"' in wrong.text
    assert _now(rows).revision == drafted.revision


def test_an_untouched_form_changes_nothing(drafted: Agreement, deal: Deal, as_user: Any, rows: Any) -> None:
    client = as_user(deal.ngo.user)
    assert client.post(f"/agreements/{drafted.uid}/edit", data=_form(client, drafted)).status_code == 303
    assert _now(rows).revision == 1, "nothing was changed, so there is no new version"


def test_lines_come_and_go_without_a_script(
    drafted: Agreement, deal: Deal, as_user: Any, rows: Any, make_party: MakeParty
) -> None:
    centre = make_party("Operating Centre of the District")
    client, address = as_user(deal.ngo.user), f"/agreements/{drafted.uid}/edit"
    form = _form(client, drafted) | {"title-en": "Neighbours' home", "add": "parties"}
    assert "No organization, or more than one" in words(client.post(address, data=form | {"party": "Nobody"}))
    more = client.post(address, data=form | {"party": "Operating Centre of the District"})
    form = _sent(more.text) | {"parties-3-role": "operator"}
    assert form["title-en"] == "Neighbours' home", "what was typed is still there"
    form = _sent(client.post(address, data=form | {"add": "commitments"}).text)
    form |= {
        "commitments-3-organization": centre.organization.uid,
        "commitments-3-kind": "venue",
        "commitments-3-quantity": "12",
        "commitments-3-unit": "month",
        "commitments-3-value": "24 000",
        "commitments-3-currency": "CNY",
        "commitments-3-purpose": "programme",
        "commitments-1-quantity": "5,000",
        "tranches-3-amount": "2,000",
        "budget-1-amount": "5,000",
        "second_language": "ru",
    }
    saved = client.post(address, data=form)
    assert saved.status_code == 303, words(saved)[:900]
    kept = Terms.model_validate(_now(rows).terms)
    assert [one.role for one in kept.parties][-1] == "operator"
    venue = kept.commitments[3]
    assert (venue.item, venue.quantity, venue.value, venue.valuation) == ("c4", 1_200, 2_400_000, "in-kind")
    labour = kept.commitments[1]
    assert (labour.quantity, labour.value) == (500_000, 500_000), "of money both are the same"
    assert kept.clauses[0].heading == {"zh-Hans": "合作目的", "ru": "Предмет"}
    assert "Оператор" in next(one for one in kept.clauses if one.key == "content").text["ru"]

    form = _form(client, drafted) | {"commitments-3-drop": "yes", "clauses-11-drop": "yes"}
    assert client.post(address, data=form).status_code == 303
    after = Terms.model_validate(_now(rows).terms)
    assert (len(after.commitments), len(after.clauses)) == (3, len(kept.clauses) - 1)
    form = _form(client, drafted) | {"add": "clauses", "clause": kept.clauses[11].key}
    assert kept.clauses[11].heading["ru"] in client.post(address, data=form).text


def test_a_remark_that_cannot_be_taken_stays_in_the_form(
    drafted: Agreement, deal: Deal, as_user: Any
) -> None:
    client = as_user(deal.ngo.user)
    wrong = client.post(f"/agreements/{drafted.uid}/comments", data={"text": "x" * 5_000, "clause": "term"})
    assert wrong.status_code == 422
    assert "x" * 5_000 in wrong.text
    assert "Use at most 4,000 characters." in words(wrong)


def test_versions_are_shown_with_what_came_in_and_went_out(
    drafted: Agreement, deal: Deal, as_user: Any
) -> None:
    client = as_user(deal.fund.user)
    form = _form(client, drafted) | {"clauses-9-text-en": "A new sentence.", "note": "Shorter."}
    client.post(f"/agreements/{drafted.uid}/edit", data=form)
    page = client.get(f"/agreements/{drafted.uid}/text", params={"older": 1})
    assert "<ins>" in page.text
    assert "<del>" in page.text
    assert "Shorter." in words(page)


def test_list_of_a_ceremony_leads_to_the_text_for_those_who_may_read_it(
    drafted: Agreement, deal: Deal, as_user: Any, facilitator: User, make_party: MakeParty
) -> None:
    link = f'href="/agreements/{drafted.uid}"'
    ceremony = f"/rounds/{deal.round.uid}/signing"
    assert as_user(facilitator).get(ceremony).text.count(link) == 2, "at each of its pairings"
    assert link in as_user(deal.fund.user).get(ceremony).text
    assert link not in as_user(make_party("Green Home").user).get(ceremony).text
