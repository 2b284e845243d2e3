"""Pages of matching: the button, progress, table, board, certificate, files, decisions, what-if, release."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from openpyxl import load_workbook
from sqlmodel import select

from service.pairings import actions
from service.pairings.models import MatchRun, MatchRunStatus, Override, Pairing, PairingStatus
from tests.service.pairings.conftest import matched, withdrawn

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlmodel import Session

    from service.accounts.models import User
    from service.jobs import Jobs
    from tests.service.pairings.conftest import Talk


@pytest.fixture
def page(as_user: Callable[[User], TestClient], talk: Talk) -> TestClient:
    return as_user(talk.user)


def home(talk: Talk) -> str:
    return f"/rounds/{talk.round.uid}/match"


def test_the_button_leads_to_progress_and_progress_to_the_result(
    page: TestClient, talk: Talk, jobs: Jobs
) -> None:
    assert "Press the button above" in page.get(home(talk)).text
    pressed = page.post(home(talk))
    assert pressed.status_code == 303
    address = pressed.headers["location"]
    assert page.post(home(talk)).headers["location"] == address, "pressed twice, one run"
    waiting = page.get(address).text
    assert f'hx-get="{address}/progress"' in waiting
    assert "Waiting to begin" in waiting
    assert "HX-Redirect" not in page.get(f"{address}/progress").headers
    jobs.run_all()
    assert page.get(f"{address}/progress").headers["HX-Redirect"] == address
    result = page.get(address).text
    assert "Proven: no better result is possible" in result
    for listing in talk.listings.values():
        assert listing.title in result
    assert "Same theme: Elderly care" in result
    assert "CN¥50,000" in result


def test_a_cancelled_run_says_that_nothing_was_kept(
    page: TestClient, session: Session, talk: Talk, jobs: Jobs
) -> None:
    address = page.post(home(talk)).headers["location"]
    assert page.post(f"{address}/cancel").headers["location"] == home(talk)
    assert "Nothing of it was kept" in page.get(address).text
    jobs.run_all()
    assert page.post(f"{address}/cancel").status_code == 409
    assert session.exec(select(MatchRun)).one().status is MatchRunStatus.CANCELLED


def test_the_board_shows_each_need_as_a_column_with_its_offers(
    page: TestClient, session: Session, talk: Talk, jobs: Jobs
) -> None:
    withdrawn(session, talk, "film")
    run = matched(session, talk, jobs)
    board = page.get(f"{home(talk)}/{run.uid}?view=board").text
    columns = board.split('<section class="board-column"')[1:]
    assert len(columns) == 2
    meals = next(column for column in columns if talk.listings["meals"].title in column)
    assert talk.listings["fund"].title in meals
    assert talk.listings["nursery"].title not in meals
    assert talk.listings["studio"].title in board.split("board-rest")[1], "what is not used stands at the end"
    filtered = page.get(f"{home(talk)}/{run.uid}?q=TREES").text
    assert talk.listings["trees"].title in filtered
    assert 'href="/rounds/' in filtered
    table = filtered.split("pairing-table")[1].split("</table>")[0]
    assert talk.listings["meals"].title not in table


def test_the_certificate_explains_itself_and_can_be_taken_along(
    page: TestClient, session: Session, talk: Talk, jobs: Jobs
) -> None:
    run = matched(session, talk, jobs)
    address = f"{home(talk)}/{run.uid}"
    shown = page.get(f"{address}/certificate").text
    assert "Proven: no better result is possible" in shown
    assert run.fingerprint in shown
    assert run.certificate["fingerprint"] in shown
    assert shown.count('class="flow-ribbon"') == 3
    assert "style=" not in shown, "the content security policy allows no inline style"
    record = json.loads(page.get(f"{address}/result.json").text)
    assert {one["need"] for one in record["pairings"]} == {
        talk.listings[name].uid for name in ("meals", "trees", "film")
    }
    book = load_workbook(io.BytesIO(page.get(f"{address}/pairings.xlsx").content))
    assert book["Pairings"].max_row == 4
    report = page.get(f"{address}/report.html")
    assert report.headers["content-disposition"] == 'attachment; filename="spring-talk-match.html"'
    assert talk.listings["meals"].title in report.text


def test_a_decision_without_a_reason_comes_back_with_what_was_typed(
    page: TestClient, session: Session, talk: Talk, jobs: Jobs
) -> None:
    run = matched(session, talk, jobs)
    typed = {
        "kind": "amount",
        "need": talk.applications["meals"].uid,
        "offer": talk.applications["fund"].uid,
        "amount": "60000 CNY",
        "reason": "They have grown.",
    }
    refused = page.post(f"{home(talk)}/{run.uid}/decide", data=typed)
    assert refused.status_code == 422
    assert "would get 60,000 CNY" in refused.text or "would get CN¥60,000" in refused.text
    assert 'value="60000 CNY"' in refused.text
    assert "They have grown." in refused.text
    assert refused.text.count('<details class="decide" open>') == 1
    taken = page.post(f"{home(talk)}/{run.uid}/decide", data={**typed, "amount": "40000 CNY"})
    assert taken.headers["location"].endswith("done=amount")
    assert "CN¥40,000" in page.get(f"{home(talk)}/{run.uid}").text
    certificate = page.get(f"{home(talk)}/{run.uid}/certificate").text
    assert "One amount was set by hand after this run." in certificate


def test_pairs_are_pinned_and_taken_back_on_a_page_of_their_own(
    page: TestClient, session: Session, talk: Talk
) -> None:
    address = f"{home(talk)}/decisions"
    typed = {"need": talk.applications["trees"].uid, "offer": talk.applications["fund"].uid, "kind": "lock"}
    refused = page.post(address, data=typed)
    assert refused.status_code == 422
    assert "Please give a reason." in refused.text
    assert f'value="{typed["need"]}" selected' in refused.text
    assert page.post(address, data={**typed, "reason": "Promised."}).status_code == 303
    assert "Promised." in page.get(address).text
    made = session.exec(select(Override)).one()
    session.commit()
    assert page.post(f"{address}/{made.uid}/remove").status_code == 303
    assert "Nothing is pinned or excluded." in page.get(address).text
    assert page.post(f"{address}/{made.uid}/remove").status_code == 404


def test_an_impossible_pin_is_taken_back_and_matched_again_with_one_button(
    page: TestClient, session: Session, talk: Talk, jobs: Jobs
) -> None:
    address = f"{home(talk)}/decisions"
    typed = {"need": talk.applications["trees"].uid, "offer": talk.applications["fund"].uid, "kind": "lock"}
    page.post(address, data={**typed, "reason": "Promised."})
    fund = talk.listings["fund"]
    fund.strings = {"themes": ["elderly-care"]}
    session.add(fund)
    session.commit()
    run_address = page.post(home(talk)).headers["location"]
    jobs.run_all()
    shown = page.get(run_address).text
    assert "Some locked pairs are not possible." in shown
    assert "The offer is for other themes." in shown
    made = session.exec(select(Override)).one()
    session.commit()
    assert f"/decisions/{made.uid}/remove" in shown
    again = page.post(f"{address}/{made.uid}/remove", data={"again": "1"})
    assert again.headers["location"].startswith(f"{home(talk)}/")
    jobs.run_all()
    assert "Proven" in page.get(again.headers["location"]).text


def test_a_what_if_is_asked_for_on_a_form_and_says_what_it_tries(
    page: TestClient, session: Session, talk: Talk, jobs: Jobs
) -> None:
    before = matched(session, talk, jobs)
    form = page.get(f"{home(talk)}/what-if").text
    assert 'name="money"' in form
    assert 'name="rules.fairness"' in form
    fields = {"rules.fairness": "first-seat", "rules.min_score": "0.45", "money": "50"}
    unreadable = page.post(f"{home(talk)}/what-if", data={**fields, "rules.min_score": "often"})
    assert unreadable.status_code == 422
    assert 'value="often"' in unreadable.text
    endless = page.post(f"{home(talk)}/what-if", data=_all_fields(form) | fields | {"money": "9" * 5_000})
    assert endless.status_code == 422
    assert "Write a whole number from 1 to 1,000." in endless.text
    tried = page.post(f"{home(talk)}/what-if", data=_all_fields(form) | fields)
    assert tried.status_code == 303, tried.text
    jobs.run_all()
    shown = page.get(tried.headers["location"]).text
    assert "Money of the offers: 100 % → 50 %" in shown
    assert "/release" not in shown
    uid = tried.headers["location"].rsplit("/", 1)[1]
    compared = page.get(f"{home(talk)}/compare?before={before.uid}&after={uid}").text
    assert "Pairs with another amount" in compared
    assert "gets less" in compared
    assert "Run 1 · " in compared
    assert "Run 2 · " in compared
    assert "What if: " in compared
    assert page.get(f"{home(talk)}/compare?before=nobody&after={uid}").status_code == 404


def _all_fields(form: str) -> dict[str, str]:
    """What the fields of the form hold."""
    import re

    found = dict(re.findall(r'name="(rules\.[^"]+)" type="(?:number|text)" value="([^"]*)"', form))
    return {name: value for name, value in found.items() if value}


def test_a_release_has_to_be_confirmed_while_somebody_would_leave_with_nothing(
    page: TestClient, session: Session, talk: Talk, jobs: Jobs, as_user: Callable[[User], TestClient]
) -> None:
    withdrawn(session, talk, "film")
    run = matched(session, talk, jobs)
    assert "Studio association" in page.get(f"{home(talk)}/{run.uid}").text.split('id="alarm"')[1]
    assert "Organizations that would leave with nothing: 1." in page.get("/").text
    refused = page.post(f"{home(talk)}/{run.uid}/release")
    assert refused.status_code == 422
    assert "among them Studio association" in refused.text
    released = page.post(f"{home(talk)}/{run.uid}/release", data={"confirmed": "yes"})
    assert released.headers["location"].endswith("done=released")
    rows = session.exec(select(Pairing)).all()
    session.commit()
    assert {row.status for row in rows} == {PairingStatus.RELEASED}
    meals = next(row for row in rows if row.need_id == talk.applications["meals"].key)
    address = f"/rounds/{talk.round.uid}/pairings/{meals.uid}"
    party = as_user(talk.parties["meals"].user)
    shown = party.get(address).text
    assert talk.listings["fund"].title in shown
    assert "Same theme: Elderly care" in shown
    assert "Both sides are asked for an answer by" in shown
    overview = party.get(f"/rounds/{talk.round.uid}").text
    assert address in overview
    assert as_user(talk.parties["trees"].user).get(address).status_code == 404


def test_only_facilitators_come_here(
    talk: Talk, session: Session, jobs: Jobs, as_user: Callable[[User], TestClient]
) -> None:
    run = matched(session, talk, jobs)
    party = as_user(talk.parties["meals"].user)
    for path in ("", "/what-if", "/compare", "/decisions", f"/{run.uid}", f"/{run.uid}/report.html"):
        assert party.get(f"{home(talk)}{path}").status_code == 403, path
    assert party.post(home(talk)).status_code == 403


def test_a_run_that_broke_off_says_so_and_is_tried_again(
    page: TestClient, session: Session, talk: Talk, jobs: Jobs
) -> None:
    run = actions.request_match(session, talk.facilitator, talk.round)
    run.inputs = {"profiles": [{"id": "broken"}], "cooperations": []}
    session.commit()
    jobs.run_all()
    shown = page.get(f"{home(talk)}/{run.uid}").text
    assert "It broke off; it is being tried again." in shown
    assert "TypeError" in shown
