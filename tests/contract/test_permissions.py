"""Every line of the permission table, walked through HTTP by somebody of each role."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlmodel import Session, col, func, select

from service.agreements.models import PartyRole
from service.db import now
from service.events import Event
from service.funding.models import DisbursementStatus, MilestoneStatus
from service.organizations.models import OrganizationStatus
from service.pairings.models import PairingStatus
from service.permissions import Role, table
from service.reports.models import ReportStatus
from service.rounds.models import ApplicationStatus, RoundStatus
from tests.contract.conftest import FRAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.accounts.models import User
    from tests.contract.conftest import Place, World

NEED = b"title,kind,amount,unit\nClean water,money,5000,CNY\n"
PAPER = {"file": ("certificate.pdf", b"%PDF-1.7\n%%EOF\n")}
FLAG = {"level": "yellow", "risk": "financial", "text": "The accounts are late."}
OBJECTION = {"name": "Ana López", "email": "ana@example.org", "text": "It was paid for already."}
REPORT = {"activities": "Two wells.", "beneficiaries": "120", "results": "Clean water.", "next": "A pump."}
SCREENING = {"decision": "accepted", "reason": "Nothing was found."}


@dataclass(frozen=True)
class Ask:
    """A request that needs the permission. `hidden`: who may not even see what it is about is told 404."""

    method: str
    path: str
    hidden: bool = False
    sent: dict[str, Any] = field(default_factory=dict)
    prepare: Callable[[User], None] = lambda _user: None
    """What must be there for whoever asks, so that nothing but the permission is missing."""


def ask(method: str, path: str, *, hidden: bool = False, **sent: Any) -> Ask:
    return Ask(method, path, hidden, sent)


def _assign(here: Place) -> Ask:
    path = f"/api/v1/rounds/{here.under_review().round_uid}/reviewers"
    return ask("POST", path, json={"user": here.world.user(Role.REVIEWER).uid})


def _review(here: Place) -> Ask:
    """Whoever asks has been assigned the review of another organization's application."""
    there = here.world.place().under_review()
    uid = uuid4().hex
    path = f"/api/v1/reviews/{uid}/no-conflict"
    return Ask("POST", path, hidden=True, prepare=lambda user: there.review(user, uid))


def _decide(here: Place, step: str, **more: str) -> Ask:
    path = f"/api/v1/organizations/{here.uid}/decisions"
    return ask("POST", path, json={"step": step, "reason": "Seen on the spot.", **more})


def _verify(here: Place) -> Ask:
    path = f"/api/v1/organizations/{here.uid}/questions"
    return ask("POST", path, json={"text": "Who keeps your books?"})


def _flag(here: Place) -> Ask:
    typed = {**FLAG, "flag": FLAG["text"]}
    return ask("POST", f"/organizations/{here.uid}/flags", data=typed)


def _invite(here: Place) -> Ask:
    typed = {"email": f"{here.uid}@example.org", "role": "viewer"}
    return ask("POST", f"/organizations/{here.uid}/members/invite", hidden=True, data=typed)


def _create(here: Place) -> Ask:
    given = {"side": "need", "organization": here.uid, "title": "Clean water"}
    return ask("POST", "/api/v1/listings", json=given)


def _publish(here: Place) -> Ask:
    return ask("POST", f"/api/v1/listings/{here.listing(publish=False).uid}/publish", hidden=True)


def _withdraw(here: Place) -> Ask:
    return ask("POST", f"/api/v1/listings/{here.listing().uid}/withdraw", json={"reason": "Already met."})


def _import(here: Place) -> Ask:
    typed = {"organization": here.uid, "side": "need"}
    return ask("POST", "/listings/import", data=typed, files={"file": ("needs.csv", NEED)})


def _bring(here: Place) -> Ask:
    heads = "title,signed,need_organization,offer_organization,source"
    row = f"Water,2015-03-02,{here.uid},{here.world.place().uid},Report"
    files = {"file": ("earlier.csv", f"{heads}\n{row}\n".encode())}
    return ask("POST", "/api/v1/cooperations/import", data={"confirm": "yes"}, files=files)


def _question(here: Place) -> Ask:
    path = f"/api/v1/listings/{here.listing().uid}/questions"
    return ask("POST", path, json={"text": "Could you start in May?"})


def _answer(here: Place) -> Ask:
    """Until it is answered, a question is seen by who asked and by those who may answer."""
    path = f"/api/v1/listings/questions/{here.question().uid}/answer"
    return ask("POST", path, hidden=True, json={"text": "Yes."})


def _send(here: Place) -> Ask:
    there = here.world.place().listing()
    given = {"organization": here.uid, "text": "We could help."}
    return ask("POST", f"/api/v1/listings/{there.uid}/requests", json=given)


def _accept(here: Place) -> Ask:
    path = f"/api/v1/listings/requests/{here.request().uid}/accept"
    return ask("POST", path, hidden=True, json={"text": "Gladly."})


def _save(_here: Place) -> Ask:
    return ask("POST", "/api/v1/search/saved", json={"name": "Water", "query": {"q": "water"}})


def _webhook(here: Place) -> Ask:
    given = {"organization": here.uid, "url": "https://crm.example.org/hooks/qiao"}
    return ask("POST", "/api/v1/webhooks", json=given)


def _enter(here: Place) -> Ask:
    path = f"/api/v1/rounds/{here.round().uid}/applications"
    return ask("POST", path, json={"listing": here.listing().uid})


def _screen(here: Place) -> Ask:
    entered = here.application(ApplicationStatus.SUBMITTED)
    given = {"step": "return", "reason": "It has no plan."}
    return ask("POST", f"{here.address(entered)}/decision", hidden=True, json=given)


def _appeal(here: Place) -> Ask:
    refused = here.application(ApplicationStatus.INELIGIBLE)
    return ask("POST", f"{here.address(refused)}/appeals", hidden=True, json={"text": "It has one."})


def _choice(here: Place) -> Ask:
    """The pairing is seen by both its sides and by facilitators."""
    pairing, talk = here.pairing(RoundStatus.CHOOSING)
    path = f"/api/v1/rounds/{talk.uid}/choices/{pairing.uid}"
    return ask("POST", path, hidden=True, json={"answer": "accept", "side": "need"})


def _match(here: Place) -> Ask:
    _, talk = here.pairing(RoundStatus.MATCHING, PairingStatus.PROPOSED)
    return ask("POST", f"/api/v1/rounds/{talk.uid}/match-runs", json={})


def _override(here: Place) -> Ask:
    pairing, talk = here.pairing(RoundStatus.MATCHING, PairingStatus.PROPOSED)
    need, offer = here.sides(pairing)
    given = {"kind": "ban", "need": need, "offer": offer, "reason": "They share a treasurer."}
    return ask("POST", f"/api/v1/rounds/{talk.uid}/overrides", json=given)


def _release(here: Place) -> Ask:
    talk, run = here.matched()
    return ask("POST", f"/api/v1/rounds/{talk}/match-runs/{run}/release", json={"confirmed": True})


def _steer(here: Place) -> Ask:
    _, talk = here.pairing(RoundStatus.CHOOSING)
    return ask("PATCH", f"/api/v1/rounds/{talk.uid}/live", json={"step": "wait"})


def _sign(here: Place) -> Ask:
    pairing, talk = here.pairing(RoundStatus.SIGNING, PairingStatus.MUTUAL)
    return ask("POST", f"/api/v1/rounds/{talk.uid}/signing/{pairing.uid}", json={"side": "need"})


def _write_report(here: Place) -> Ask:
    report = here.report(ReportStatus.DRAFT, own=True)
    path = f"/api/v1/reports/{report.uid}/submit"
    return ask("POST", path, hidden=True, json={"answers": REPORT})


def _review_report(here: Place) -> Ask:
    report = here.report(ReportStatus.SUBMITTED, own=False)
    return ask("POST", f"/api/v1/reports/{report.uid}/accept", hidden=True, json={})


def _visit(here: Place) -> Ask:
    agreement = here.agreement_of(here.report(ReportStatus.DRAFT, own=False))
    given = {"on": "2026-05-12", "text": "Both wells give water."}
    return ask("POST", f"/api/v1/agreements/{agreement}/visits", hidden=True, json=given)


def _amend(here: Place) -> Ask:
    uid = here.books(PartyRole.FUNDER).agreement.uid
    return ask("POST", f"/api/v1/agreements/{uid}/amendments", hidden=True)


def _suspend(here: Place) -> Ask:
    uid = here.books(PartyRole.FUNDER).agreement.uid
    given = {"reason": "The wells are under water."}
    return ask("POST", f"/api/v1/agreements/{uid}/reasoned-steps/suspend", hidden=True, json=given)


def _request_tranche(here: Place) -> Ask:
    uid = here.books(PartyRole.IMPLEMENTER).tranche.uid
    return ask("POST", f"/api/v1/tranches/{uid}/request", hidden=True)


def _approve_tranche(here: Place) -> Ask:
    uid = here.books(PartyRole.FUNDER).tranche_is(DisbursementStatus.REQUESTED)
    return ask("POST", f"/api/v1/tranches/{uid}/approve", hidden=True)


def _pay_tranche(here: Place) -> Ask:
    uid = here.books(PartyRole.FUNDER).tranche_is(DisbursementStatus.APPROVED)
    given = {"on": str(now().date()), "reference": "Bank 42"}
    return ask("POST", f"/api/v1/tranches/{uid}/pay", hidden=True, json=given)


def _report_milestone(here: Place) -> Ask:
    uid = here.books(PartyRole.IMPLEMENTER).milestone.uid
    return ask("POST", f"/api/v1/milestones/{uid}/report", hidden=True, json={"statement": "Dug."})


def _accept_milestone(here: Place) -> Ask:
    uid = here.books(PartyRole.FUNDER).milestone_is(MilestoneStatus.REPORTED)
    return ask("POST", f"/api/v1/milestones/{uid}/accept", hidden=True)


def _deliver(here: Place) -> Ask:
    uid, given = here.books(PartyRole.FUNDER).gift.uid, {"quantity": 100, "on": str(now().date())}
    return ask("POST", f"/api/v1/commitments/{uid}/deliveries", hidden=True, json=given)


def _spend(here: Place) -> Ask:
    uid = here.books(PartyRole.IMPLEMENTER).line.uid
    typed = {"amount": "100", "on": str(now().date()), "text": "Filters"}
    return ask("POST", f"/api/v1/budget-lines/{uid}/expenses", hidden=True, data=typed)


def _allege(here: Place) -> Ask:
    books = here.books(PartyRole.FUNDER)
    typed = {"organization": books.other, "text": "Nothing came."}
    return ask("POST", f"/api/v1/agreements/{books.agreement.uid}/breaches", hidden=True, data=typed)


def _answer_breach(here: Place) -> Ask:
    uid = here.books(PartyRole.IMPLEMENTER).breach.uid
    return ask("POST", f"/api/v1/breaches/{uid}/answer", hidden=True, json={"text": "It came in March."})


def _decide_breach(here: Place) -> Ask:
    uid = here.books(PartyRole.IMPLEMENTER).breach.uid
    return ask("POST", f"/api/v1/breaches/{uid}/dismiss", hidden=True, json={"reason": "It came in March."})


def _introduce(here: Place) -> Ask:
    given = {"organizations": [here.uid, here.world.place().uid]}
    return ask("POST", "/api/v1/network/introductions", json=given)


ASKS: dict[str, Callable[[Place], Ask]] = {
    "organization:register": lambda here: ask(
        "POST", "/api/v1/organizations", json={"name": f"New {here.uid}", "kind": "ngo", "distinct": True}
    ),
    "organization:edit": lambda here: ask(
        "PATCH", f"/api/v1/organizations/{here.uid}", json={"description": "We plant trees."}
    ),
    "organization:invite": _invite,
    "organization:verify": _verify,
    "organization:flag": _flag,
    "organization:suspend": lambda here: _decide(here, "suspend"),
    "organization:bar": lambda here: _decide(here, "bar", until=str(now().date() + timedelta(days=90))),
    "listing:create": _create,
    "listing:edit": lambda here: ask(
        "PATCH", f"/api/v1/listings/{here.listing().uid}", json={"title": "Cleaner water"}
    ),
    "listing:publish": _publish,
    "listing:withdraw": _withdraw,
    "listing:import": _import,
    "listing:ask": _question,
    "listing:answer": _answer,
    "request:send": _send,
    "request:answer": _accept,
    "search:save": _save,
    "search:pin": lambda here: ask("PUT", f"/api/v1/search/pins/{here.listing().uid}"),
    "user:administer": lambda here: ask(
        "POST", f"/accounts/users/{here.world.user().uid}", data={"roles": "reviewer"}
    ),
    "match:run": _match,
    "pairing:override": _override,
    "pairing:release": _release,
    "audit:read": lambda here: ask("GET", "/api/v1/audit", params={"subject": here.uid}),
    "webhook:manage": _webhook,
    "choice:make": _choice,
    "forum:steer": _steer,
    "agreement:draft": _amend,
    "agreement:end": _suspend,
    "agreement:sign": _sign,
    "agreement:bring": _bring,
    "tranche:request": _request_tranche,
    "tranche:approve": _approve_tranche,
    "tranche:pay": _pay_tranche,
    "milestone:report": _report_milestone,
    "milestone:accept": _accept_milestone,
    "delivery:record": _deliver,
    "expense:record": _spend,
    "breach:raise": _allege,
    "breach:answer": _answer_breach,
    "breach:decide": _decide_breach,
    "application:submit": _enter,
    "application:screen": _screen,
    "application:appeal": _appeal,
    "network:introduce": _introduce,
    "meeting:plan": lambda here: ask("PUT", f"/api/v1/rounds/{here.forum().uid}/meetings/plan", json=FRAME),
    "meeting:report": lambda here: ask(
        "PUT", f"/api/v1/rounds/{here.forum().uid}/meetings/availability/{here.uid}", json={"absent": []}
    ),
    "review:assign": _assign,
    "review:submit": _review,
    "objection:raise": lambda here: ask(
        "POST", f"/api/v1/rounds/{here.noticed().round_uid}/objections", data=OBJECTION
    ),
    "objection:decide": lambda here: ask(
        "POST", f"{here.objected()}/dismiss", json={"reason": "Nothing of this is so."}
    ),
    "report:write": _write_report,
    "report:review": _review_report,
    "visit:write": _visit,
    "clinic:read": lambda _here: ask("GET", "/api/v1/clinic"),
    "round:run": lambda _here: ask("POST", "/api/v1/rounds", json={"preset": "open-round", "title": "Talk"}),
}
FURTHER: list[tuple[str, Callable[[Place], Ask]]] = [
    (
        "organization:edit",
        lambda here: ask("POST", f"/api/v1/organizations/{here.uid}/evidence", files=PAPER),
    ),
    ("organization:flag", lambda here: ask("POST", f"/api/v1/organizations/{here.uid}/flags", json=FLAG)),
    (
        "webhook:manage",
        lambda here: ask(
            "POST", f"/organizations/{here.uid}/webhooks", data={"url": "https://crm.example.org/hooks/qiao"}
        ),
    ),
    ("organization:flag", lambda here: ask("GET", f"/api/v1/organizations/{here.uid}/flags")),
    (
        "organization:verify",
        lambda here: ask("PUT", f"/api/v1/organizations/{here.uid}/screening", json=SCREENING),
    ),
]
"""Other doors to the same permissions."""
UNLOGGED = {"search:save", "search:pin"}
"""One's own bookmarks: nobody else's business, so not in the log of events."""


def test_every_permission_is_walked() -> None:
    assert set(ASKS) == set(table())


def _events(world: World) -> int:
    with Session(world.engine) as session:
        return session.exec(select(func.count(col(Event.id)))).one()


def _expected(permission: str, role: Role) -> bool:
    """Who has a role is also a member and a visitor."""
    also = {Role.VISITOR} if role is Role.VISITOR else {Role.VISITOR, Role.MEMBER, role}
    return bool(table()[permission] & also)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(("permission", "asks"), [*ASKS.items(), *FURTHER])
def test_table_is_what_http_does(
    world: World, permission: str, asks: Callable[[Place], Ask], role: Role
) -> None:
    here = world.place()
    wanted = asks(here)
    user = None if role is Role.VISITOR else world.user(role, here.organization)
    if user is not None:
        wanted.prepare(user)
    before = _events(world)
    answer = world.browser(user).request(wanted.method, wanted.path, **wanted.sent)
    code, told = answer.status_code, answer.headers.get("location", "")
    if _expected(permission, role):
        assert code in (200, 201, 202, 204, 303), answer.text
        assert "/accounts/sign-in" not in told
        assert wanted.method == "GET" or permission in UNLOGGED or _events(world) > before
        return
    assert _events(world) == before, "nothing has happened"
    if user is None and wanted.hidden:
        assert code in (401, 404) or "/accounts/sign-in" in told, answer.text
    elif user is None and wanted.path.startswith("/api/"):
        assert code == 401, answer.text
    elif user is None:
        assert code == 303
        assert told.startswith("/accounts/sign-in?next=")
    elif wanted.hidden and role in (Role.MEMBER, Role.REVIEWER):
        assert code in (403, 404), answer.text
    else:
        assert code == 403, answer.text
    if wanted.path.startswith("/api/"):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == code


@pytest.mark.parametrize("role", list(Role))
def test_organization_that_waits_is_verified_only_by_those_who_may(world: World, role: Role) -> None:
    here = world.place(OrganizationStatus.REGISTERED)
    user = None if role is Role.VISITOR else world.user(role, here.organization)
    wanted = _decide(here, "verify")
    code = world.browser(user).request(wanted.method, wanted.path, **wanted.sent).status_code
    if role in (Role.FACILITATOR, Role.ADMINISTRATOR):
        assert code == 200
    elif role in (Role.VIEWER, Role.EDITOR, Role.OWNER):
        assert code == 403
    else:
        assert code in (401, 404), "it is not public yet"


@pytest.mark.parametrize("role", [Role.EDITOR, Role.OWNER])
@pytest.mark.parametrize(
    "permission",
    [
        "organization:edit",
        "listing:create",
        "listing:edit",
        "listing:withdraw",
        "listing:import",
        "request:send",
        "webhook:manage",
    ],
)
def test_role_in_another_organization_counts_for_nothing(world: World, permission: str, role: Role) -> None:
    here, elsewhere = world.place(), world.place()
    wanted = ASKS[permission](here)
    browser = world.browser(world.user(role, elsewhere.organization))
    assert browser.request(wanted.method, wanted.path, **wanted.sent).status_code == 403
