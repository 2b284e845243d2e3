"""Public notice: seen by everybody, objected to by anybody, decided with reasons, then confirmed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import Session, col, select, update

from matching.profiles import Side
from service.db import now, writing
from service.events import Event
from service.i18n import moment_text
from service.jobs import Job
from service.listings.models import Listing
from service.mail import compose
from service.organizations.evidence import path_of
from service.organizations.models import Organization, OrganizationStatus
from service.pairings import objections
from service.pairings.actions import reply_deadline
from service.pairings.models import Objection, ObjectionStatus, Override, OverrideKind, Pairing, PairingStatus
from service.permissions import Role
from service.rounds import actions as rounds_actions
from service.rounds.checks import end_of
from service.rounds.models import Application, ApplicationStatus, Round, RoundPhase, RoundStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.permissions import Actor
    from service.settings import Settings
    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, MakeUser, Pair, Party

    AsUser = Callable[[User], TestClient]
    Rows = Callable[[Any], list[Any]]

PDF = b"%PDF-1.4\nproof\n%%EOF\n"
TYPED = {"name": "Ana López", "email": "Ana@Example.org", "text": "This project was paid for last year."}


@dataclass
class Noticed:
    """A call whose result stands in public notice: two needs carried by one sponsor."""

    engine: Engine
    round: Round
    parties: list[Party]
    needs: list[Application]
    offer: Application
    pairings: list[Pairing]
    facilitator: User

    @property
    def page(self) -> str:
        return f"/rounds/{self.round.uid}/notice"

    def over(self) -> None:
        """Let the time of the notice pass."""
        with writing(self.engine) as session:
            session.execute(
                update(RoundPhase)
                .where(RoundPhase.round_id == self.round.key, RoundPhase.phase == "notice")
                .values(ends=now() - timedelta(minutes=1))
            )


@pytest.fixture
def noticed(
    engine: Engine,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    make_user: MakeUser,
    enter: Enter,
    pair: Pair,
) -> Noticed:
    parties = [make_party("Green Home"), make_party("Blue River"), make_party("Rich Bank", kind="finance")]
    one = make_round(
        "venture-call", RoundStatus.NOTICE, ends={"notice": now() + timedelta(days=9)}, calendar="CN"
    )
    needs = [
        enter(one, make_listing(party, title), ApplicationStatus.SHORTLISTED)
        for party, title in zip(parties[:2], ("Wells", "A path"), strict=True)
    ]
    offer = enter(one, make_listing(parties[2], "Money for wells", Side.OFFER))
    gift = {"kind": "money", "part": "programme", "used": {"amount": 250_000, "unit": "CNY"}}
    pairings = [pair(need, offer, PairingStatus.RELEASED, gifts=[gift]) for need in needs]
    return Noticed(engine, one, parties, needs, offer, pairings, make_user(roles=[Role.FACILITATOR]))


def test_everybody_sees_what_is_proposed_until_when_and_how_to_object(
    noticed: Noticed, client: TestClient
) -> None:
    page = client.get(noticed.page).text
    for words in ("Wells", "Green Home", "Money for wells", "Rich Bank", "CN¥2,500", "not confirmed yet"):
        assert words in page
    assert "Objections are taken until" in page
    assert "7 working days" in page
    assert "Send the objection" in page
    assert "Broad need" in page
    found = client.get(f"/api/v1/rounds/{noticed.round.uid}/notice").json()
    assert found["running"]
    assert {line["need_title"]: line["amounts"] for line in found["lines"]} == {
        "Wells": [{"amount": 2500.0, "unit": "CNY"}],
        "A path": [{"amount": 2500.0, "unit": "CNY"}],
    }


def test_before_the_notice_nothing_is_told_and_after_it_what_was_confirmed(
    noticed: Noticed, client: TestClient
) -> None:
    def to(status: RoundStatus) -> str:
        with writing(noticed.engine) as session:
            one = session.get_one(Round, noticed.round.key)
            one.status = status
            session.add(one)
        return client.get(noticed.page).text.partition("<main")[2]

    assert "Wells" not in to(RoundStatus.MATCHING)
    assert "Wells" in to(RoundStatus.SIGNING)
    assert "The confirmed result" in to(RoundStatus.SIGNING)
    assert "Send the objection" not in to(RoundStatus.SIGNING)


def test_round_without_notice_has_no_such_page(client: TestClient, make_round: MakeRound) -> None:
    one = make_round("monthly-talk", RoundStatus.SIGNING)
    assert client.get(f"/rounds/{one.uid}/notice").status_code == 404
    assert client.get(f"/api/v1/rounds/{one.uid}/notice").status_code == 404


def test_visitor_objects_with_evidence_and_both_sides_are_told(
    noticed: Noticed, client: TestClient, rows: Rows, settings: Settings
) -> None:
    answer = client.post(
        f"{noticed.page}/objections",
        data={**TYPED, "pairing": noticed.pairings[0].uid},
        files=[("files", ("../proof<1>.exe", PDF)), ("files", ("second.pdf", PDF + b"\n"))],
    )
    assert answer.status_code == 303, answer.text
    [objection] = rows(select(Objection))
    assert (objection.name, objection.email) == ("Ana López", "ana@example.org")
    assert objection.pairing_id == noticed.pairings[0].key
    assert [file["filename"] for file in objection.evidence] == ["proof1.pdf", "second.pdf"]
    assert path_of(settings.data_dir, objection.evidence[0]["sha256"]).read_bytes() == PDF
    mails = {job.payload["template"]: job.payload for job in rows(select(Job).where(Job.name == "send_mail"))}
    assert mails["objection-received"]["to"] == "ana@example.org"
    assert mails["objection-raised"]["to"] == noticed.facilitator.email
    assert "Ana" not in str(mails["objection-raised"]["values"])
    page = client.get(noticed.page).text
    assert "Open objections: 1" in page
    for hidden in ("Ana", "ana@example.org", "paid for last year", "proof1.pdf"):
        assert hidden not in page
    [event] = rows(select(Event).where(Event.name == "objection.raise"))
    assert event.details["round"] == noticed.round.uid
    assert "Ana" not in str(event.details)


def test_what_is_wrong_with_an_objection_is_said_and_what_was_typed_stays(
    noticed: Noticed, client: TestClient, rows: Rows
) -> None:
    typed = {"name": "", "email": "nowhere", "text": "I doubt it.", "pairing": noticed.pairings[1].uid}
    answer = client.post(f"{noticed.page}/objections", data=typed)
    assert answer.status_code == 422
    assert "Enter your name." in answer.text
    assert "This is not an e-mail address." in answer.text
    assert "I doubt it." in answer.text
    assert f'<option value="{noticed.pairings[1].uid}" selected>' in answer.text
    answer = client.post(
        f"{noticed.page}/objections", data=TYPED, files={"files": ("proof.pdf", b"MZ not a pdf")}
    )
    assert answer.status_code == 422
    assert "Only PDF, PNG, JPEG and Word" in answer.text
    answer = client.post(f"{noticed.page}/objections", data={**TYPED, "pairing": "elsewhere"})
    assert answer.status_code == 422
    assert rows(select(Objection)) == []


def test_nobody_objects_after_the_time_or_outside_the_phase(
    noticed: Noticed, client: TestClient, rows: Rows
) -> None:
    noticed.over()
    answer = client.post(f"{noticed.page}/objections", data=TYPED)
    assert answer.status_code == 409
    assert "The time to object is over." in answer.text
    assert "Send the objection" not in client.get(noticed.page).text
    with writing(noticed.engine) as session:
        session.execute(update(Round).values(status=RoundStatus.MATCHING))
    assert client.post(f"{noticed.page}/objections", data=TYPED).status_code == 409
    assert rows(select(Objection)) == []


def objected(noticed: Noticed, client: TestClient, rows: Rows, pairing: int | None = 0) -> Objection:
    """An objection by a visitor."""
    about = "" if pairing is None else noticed.pairings[pairing].uid
    sent = {**TYPED, "pairing": about}
    uid = client.post(f"/api/v1/rounds/{noticed.round.uid}/objections", data=sent).json()["id"]
    return next(one for one in rows(select(Objection)) if one.uid == uid)


def test_who_was_barred_during_the_notice_is_declined_with_the_reason(
    noticed: Noticed, as_user: AsUser, rows: Rows
) -> None:
    kept, barred = noticed.pairings[0], noticed.pairings[1]
    with writing(noticed.engine) as session:
        need = session.get_one(Application, barred.need_id)
        organization = session.get_one(
            Organization, session.get_one(Listing, need.listing_id).organization_id
        )
        organization.status = OrganizationStatus.BARRED
        organization.barred_until = now().date() + timedelta(days=300)
        session.add(organization)
        session.get_one(Round, noticed.round.key).language = "zh-Hans"
    noticed.over()
    assert as_user(noticed.facilitator).post(f"{noticed.page}/confirm").status_code == 303
    [declined] = rows(select(Application).where(Application.status == ApplicationStatus.DECLINED))
    assert declined.key == barred.need_id
    assert "之前不得参加" in declined.reason, "in the language of the round"
    [dropped] = rows(select(Pairing).where(Pairing.status == PairingStatus.DROPPED))
    assert (dropped.uid, dropped.reason) == (barred.uid, declined.reason)
    [event] = rows(select(Event).where(Event.name == "round.confirm"))
    assert event.details["pairings"] == [kept.uid]


def test_confirmation_waits_for_the_time_and_for_every_objection(
    noticed: Noticed, client: TestClient, browser: Callable[[], TestClient], as_user: AsUser, rows: Rows
) -> None:
    objection = objected(noticed, browser(), rows)
    desk = as_user(noticed.facilitator)
    answer = desk.post(f"{noticed.page}/confirm")
    assert answer.status_code == 409
    assert "stands in public notice until" in answer.text, "the period is a right"
    noticed.over()
    answer = desk.post(f"{noticed.page}/confirm")
    assert answer.status_code == 409
    assert "Objections that wait for a decision: 1." in answer.text
    assert desk.post(f"/rounds/{noticed.round.uid}/advance").status_code in (409, 422), "nor by another door"
    assert rows(select(Round.status)) == [RoundStatus.NOTICE]
    here = f"{noticed.page}/objections/{objection.uid}/dismiss"
    assert desk.post(here, data={f"reason-{objection.uid}": " "}).status_code == 422
    typed = {f"reason-{objection.uid}": "The register shows no earlier payment."}
    assert desk.post(here, data=typed).status_code == 303
    assert desk.post(f"{noticed.page}/confirm").status_code == 303
    assert rows(select(Round.status)) == [RoundStatus.SIGNING]
    [event] = rows(select(Event).where(Event.name == "round.confirm"))
    assert set(event.details["pairings"]) == {pairing.uid for pairing in noticed.pairings}
    assert {pairing.reply_by for pairing in rows(select(Pairing))} == {reply_deadline(noticed.round)}
    told = [job.payload for job in rows(select(Job)) if job.payload.get("template") == "result-confirmed"]
    assert {mail["to"] for mail in told} == {party.user.email for party in noticed.parties}
    bank = next(mail["values"] for mail in told if mail["to"] == noticed.parties[2].user.email)
    assert [one["other"] for one in bank["pairings"]] == ["A path", "Wells"]
    assert [one["amounts"] for one in bank["pairings"]] == ["CN¥2,500"] * 2
    subject, body = compose("result-confirmed", "en", bank | {"public_url": "https://qiao.example"})
    assert subject == "Confirmed: the result of “Spring round”"
    assert "asked for an answer by" in body
    assert f"/rounds/{noticed.round.uid}/signing" in body
    page = browser().get(noticed.page).text
    assert "The register shows no earlier payment." in page
    assert "Dismissed" in page
    [mail] = [job.payload for job in rows(select(Job)) if job.payload.get("template") == "objection-decided"]
    assert (mail["to"], mail["values"]["step"]) == ("ana@example.org", "dismiss")
    assert client.get(noticed.page).status_code == 200


def test_published_reason_does_not_say_who_objected_unless_somebody_has_looked(
    noticed: Noticed, browser: Callable[[], TestClient], as_user: AsUser, rows: Rows
) -> None:
    objection = objected(noticed, browser(), rows)
    desk = as_user(noticed.facilitator)
    here = f"{noticed.page}/objections/{objection.uid}/dismiss"
    typed = {f"reason-{objection.uid}": "Ana Lopez is mistaken."}
    answer = desk.post(here, data=typed)
    assert answer.status_code == 422
    assert "it seems to say who objected" in answer.text
    assert rows(select(Objection.status)) == [ObjectionStatus.RAISED]
    looked = {**typed, f"names_nobody-{objection.uid}": "yes"}
    assert desk.post(here, data=looked).status_code == 303


def test_upheld_objection_drops_the_pair_for_good_and_the_new_result_stands_anew(
    noticed: Noticed, browser: Callable[[], TestClient], as_user: AsUser, rows: Rows
) -> None:
    objection = objected(noticed, browser(), rows)
    desk = as_user(noticed.facilitator)
    here = f"{noticed.page}/objections/{objection.uid}/uphold"
    reason = {f"reason-{objection.uid}": "It was paid for already."}
    assert desk.post(here, data=reason).status_code == 422, "say what follows"
    assert desk.post(here, data={**reason, f"follows-{objection.uid}": "drop"}).status_code == 303
    [one] = rows(select(Round))
    assert one.status is RoundStatus.MATCHING
    dropped, kept = rows(select(Pairing).order_by(col(Pairing.id)))
    assert (dropped.status, dropped.reason) == (PairingStatus.DROPPED, "It was paid for already.")
    assert kept.status is PairingStatus.RELEASED
    [ban] = rows(select(Override))
    assert (ban.kind, ban.need_id, ban.offer_id) == (OverrideKind.BAN, dropped.need_id, dropped.offer_id)
    page = browser().get(noticed.page).text
    assert "The result is being worked on again" in page
    assert "Money for wells" in page, "what the decided objection was about"
    trail = {event.name: event for event in rows(select(Event)) if event.details.get("round") == one.uid}
    for name in ("objection.uphold", "round.match_again", "pairing.drop", "override.make"):
        assert trail[name].reason == "It was paid for already.", name

    before = rows(select(RoundPhase).where(RoundPhase.phase == "notice"))[0].ends
    with writing(noticed.engine) as session:
        session.execute(update(RoundPhase).values(ends=now() - timedelta(days=1)))
    assert desk.post(f"/rounds/{one.uid}/advance").status_code == 303
    after = rows(select(RoundPhase).where(RoundPhase.phase == "notice"))[0].ends
    assert after > now() + timedelta(days=8), "seven working days from now"
    assert after > before - timedelta(days=1)
    page = browser().get(noticed.page).text.partition("What is proposed")[2]
    assert "A path" in page
    assert "Upheld" in page
    assert f'id="pairing-{dropped.uid}"' not in page


@pytest.mark.parametrize(("follows", "declined", "left"), [("decline-need", 0, 1), ("decline-offer", 2, 0)])
def test_declined_side_loses_all_its_pairs(
    noticed: Noticed,
    session: Session,
    settings: Settings,
    actor: Callable[[User], Actor],
    follows: str,
    declined: int,
    left: int,
) -> None:
    staff = actor(noticed.facilitator)
    one = session.get_one(Round, noticed.round.key)
    objection = objections.raise_objection(
        session,
        staff,
        one,
        **TYPED,
        pairing=noticed.pairings[0].uid,
        data_dir=settings.data_dir,
        language="en",
    )
    objections.uphold(session, staff, one, objection.uid, objections.Consequence(follows), "It is barred.")
    application = session.get_one(Application, [*noticed.needs, noticed.offer][declined].key)
    assert (application.status, application.reason) == (ApplicationStatus.DECLINED, "It is barred.")
    statuses = [pairing.status for pairing in session.exec(select(Pairing))]
    assert statuses.count(PairingStatus.RELEASED) == left
    [told] = [
        job.payload
        for job in session.exec(select(Job).where(Job.name == "send_mail"))
        if job.payload["template"] == "application-step"
    ]
    assert told["to"] == [*noticed.parties][declined].user.email
    assert (told["values"]["step"], told["values"]["reason"]) == ("decline", "It is barred.")


def test_what_was_pinned_or_set_by_hand_gives_way_to_an_upheld_objection(
    noticed: Noticed, client: TestClient, as_user: AsUser, rows: Rows
) -> None:
    objection = objected(noticed, client, rows)
    pairing = noticed.pairings[0]
    sides = {"need_id": pairing.need_id, "offer_id": pairing.offer_id}
    with writing(noticed.engine) as session:
        session.add(
            Override(round_id=noticed.round.key, kind=OverrideKind.LOCK, reason="A promise.", **sides)
        )
    path = f"/api/v1/rounds/{noticed.round.uid}/objections/{objection.uid}/uphold"
    sent = {"reason": "It was paid for already.", "follows": "drop"}
    assert as_user(noticed.facilitator).post(path, json=sent).status_code == 204
    lock, ban = rows(select(Override).order_by(col(Override.id)))
    assert (lock.removed is not None, ban.removed, ban.kind) == (True, None, OverrideKind.BAN)
    trail = rows(select(Event).where(col(Event.name).startswith("override")).order_by(col(Event.id)))
    assert [(event.name, event.reason) for event in trail] == [
        ("override.remove", "It was paid for already."),
        ("override.make", "It was paid for already."),
    ]
    assert trail[1].details["need"] == noticed.needs[0].uid


def test_about_the_whole_no_pair_can_be_dropped_but_it_is_worked_on_again(
    noticed: Noticed, browser: Callable[[], TestClient], as_user: AsUser, rows: Rows
) -> None:
    objection = objected(noticed, browser(), rows, None)
    desk = as_user(noticed.facilitator)
    path = f"/api/v1/rounds/{noticed.round.uid}/objections/{objection.uid}/uphold"
    sent = {"reason": "A rule was misread.", "follows": "drop"}
    assert desk.post(path, json=sent).json()["errors"][0]["code"] == "follows-pairing"
    assert desk.post(path, json={**sent, "follows": "rework"}).status_code == 204
    assert rows(select(Round.status)) == [RoundStatus.MATCHING]
    assert {pairing.status for pairing in rows(select(Pairing))} == {PairingStatus.RELEASED}


def test_other_objections_are_still_decided_while_the_result_is_worked_on(
    noticed: Noticed, browser: Callable[[], TestClient], as_user: AsUser, rows: Rows
) -> None:
    first, second = objected(noticed, browser(), rows), objected(noticed, browser(), rows, 1)
    desk = as_user(noticed.facilitator)
    path = f"/api/v1/rounds/{noticed.round.uid}/objections"
    sent = {"reason": "It was paid for already.", "follows": "drop"}
    assert desk.post(f"{path}/{first.uid}/uphold", json=sent).status_code == 204
    assert desk.post(f"{path}/{second.uid}/uphold", json=sent).status_code == 204
    assert {pairing.status for pairing in rows(select(Pairing))} == {PairingStatus.DROPPED}
    assert len(rows(select(Event).where(Event.name == "round.match_again"))) == 1
    answer = desk.post(f"{path}/{second.uid}/dismiss", json={"reason": "After all not."})
    assert answer.status_code == 409, "it is decided"


def test_nobody_decides_about_an_organization_of_their_own(
    noticed: Noticed, browser: Callable[[], TestClient], as_user: AsUser, rows: Rows, make_user: MakeUser
) -> None:
    objection = objected(noticed, browser(), rows)
    own = make_user(roles=[Role.FACILITATOR], member_of={noticed.parties[0].organization.key: Role.VIEWER})
    path = f"/api/v1/rounds/{noticed.round.uid}/objections/{objection.uid}/dismiss"
    answer = as_user(own).post(path, json={"reason": "We are fine."})
    assert answer.status_code == 403
    assert answer.json()["code"] == "own-objection"


def test_evidence_and_who_objected_are_for_those_who_decide(
    noticed: Noticed, client: TestClient, as_user: AsUser, rows: Rows
) -> None:
    client.post(f"{noticed.page}/objections", data=TYPED, files={"files": ("proof.pdf", PDF)})
    [objection] = rows(select(Objection))
    path = f"{noticed.page}/objections/{objection.uid}/evidence/1"
    api = f"/api/v1/rounds/{noticed.round.uid}/objections"
    assert client.get(path).headers["location"].startswith("/accounts/sign-in")
    assert client.get(api).status_code == 401
    assert as_user(noticed.parties[0].user).get(path).status_code == 403
    desk = as_user(noticed.facilitator)
    answer = desk.get(path)
    assert answer.content == PDF
    assert answer.headers["content-disposition"] == 'attachment; filename="proof.pdf"'
    assert desk.get(path.replace("/1", "/2")).status_code == 404
    [shown] = desk.get(api).json()
    assert (shown["name"], shown["evidence"][0]["filename"]) == ("Ana López", "proof.pdf")
    assert "Objections to decide in “Spring round”: 1." in desk.get("/").text


def test_objection_keeps_its_evidence_when_the_same_file_is_taken_back_elsewhere(
    noticed: Noticed, client: TestClient, as_user: AsUser, rows: Rows, settings: Settings, jobs: Any
) -> None:
    client.post(f"{noticed.page}/objections", data=TYPED, files={"files": ("proof.pdf", PDF)})
    owner = as_user(noticed.parties[0].user)
    home = f"/organizations/{noticed.parties[0].organization.uid}"
    owner.post(f"{home}/evidence", data={"evidence_kind": "other"}, files={"file": ("same.pdf", PDF)})
    [remove] = re.findall(rf'action="({home}/evidence/\w+/remove)"', owner.get(f"{home}/verification").text)
    assert owner.post(remove).status_code == 303
    jobs.run_all()
    [objection] = rows(select(Objection))
    assert path_of(settings.data_dir, objection.evidence[0]["sha256"]).read_bytes() == PDF


def test_notice_does_not_begin_without_a_result(
    noticed: Noticed, session: Session, actor: Callable[[User], Actor]
) -> None:
    one = session.get_one(Round, noticed.round.key)
    one.status = RoundStatus.MATCHING
    session.add(one)
    for pairing in session.exec(select(Pairing)):
        pairing.status = PairingStatus.DROPPED
        session.add(pairing)
    session.flush()
    message = rounds_actions.obstacle(session, one)
    assert message is not None
    assert message.code == "nothing-released"
    assert actor(noticed.facilitator).is_staff


def test_last_day_of_the_notice_is_said_as_it_is_where_the_round_takes_place(
    noticed: Noticed, session: Session, client: TestClient
) -> None:
    day = now().date() + timedelta(days=9)
    one = session.get_one(Round, noticed.round.key)
    one.time_zone = "America/Lima"
    session.execute(update(RoundPhase).values(ends=end_of(day, one.time_zone)))
    session.commit()
    message = rounds_actions.obstacle(session, one)
    assert message is not None
    assert (message.code, message.params["day"]) == ("notice-runs", day), (
        "elsewhere it is the next day already"
    )
    session.commit()
    page = client.get(noticed.page).text
    assert (
        f"Objections are taken until {moment_text(end_of(day, one.time_zone), 'en', one.time_zone)} (" in page
    )


def test_objections_are_bounded_for_each_sender(noticed: Noticed, settings: Settings) -> None:
    from fastapi.testclient import TestClient

    from service.app import create_app
    from tests.service.conftest import BASE_URL

    app = create_app(settings.model_copy(update={"rate_limit": True}))
    with TestClient(app, base_url=BASE_URL, follow_redirects=False) as client:
        codes = [client.post(f"{noticed.page}/objections", data=TYPED).status_code for _ in range(6)]
    assert codes == [303] * 5 + [429]
