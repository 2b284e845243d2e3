"""The service's fixtures, with an organization, its listings and people of every role around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, SQLModel

from matching.profiles import Side
from service.accounts.models import Membership, SignIn, User, UserStatus
from service.accounts.proofs import key_hash
from service.accounts.queries import SESSION_COOKIE, actor_of
from service.agreements.models import Agreement, AgreementKind, AgreementStatus, Party, PartyRole
from service.agreements.terms import Terms
from service.app import create_app
from service.db import make_engine, now, writing
from service.events import record
from service.funding.models import (
    Breach,
    BudgetLine,
    Commitment,
    CommitmentKind,
    Disbursement,
    DisbursementStatus,
    Milestone,
    MilestoneStatus,
    Purpose,
)
from service.jobs import Work
from service.listings import actions, requests, threads
from service.listings.reading import Draft
from service.meetings.actions import set_plan
from service.meetings.shapes import PlanIn
from service.organizations.models import Organization, OrganizationStatus
from service.pairings import actions as matching
from service.pairings.models import Objection, Pairing, PairingStatus
from service.pairings.running import match_round
from service.permissions import SYSTEM_ACTOR, Role
from service.reports.models import Report, ReportKind, ReportStatus
from service.reviews.models import Review
from service.rounds.models import Application, ApplicationStatus, Round, RoundPhase, RoundStatus
from service.settings import Settings
from tests.days import FORUM_DAY
from tests.service.conftest import BASE_URL, new_url, password_hash, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from sqlalchemy import Engine

    from service.listings.models import Inquiry, Listing, Request
    from service.permissions import Actor

INSIDE = (Role.VIEWER, Role.EDITOR, Role.OWNER)
FRAME = {"day": FORUM_DAY.isoformat(), "start": "09:00", "slots": 4, "tables": ["1", "2"]}
LINES = [{"kind": "money", "amount": "5000 CNY"}]


@dataclass
class World:
    """One running installation; every `Place` in it stands for itself."""

    app: FastAPI
    engine: Engine

    def user(self, role: Role = Role.MEMBER, organization: Organization | None = None) -> User:
        """Somebody with a role: inside the organization, or in the whole service."""
        user = User(
            email=f"{uuid4().hex}@example.org",
            name=f"A {role}",
            password_hash=password_hash(),
            confirmed=now(),
            status=UserStatus.ACTIVE,
            roles=[] if role in (*INSIDE, Role.MEMBER) else [str(role)],
        )
        with writing(self.engine) as session:
            session.add(user)
            session.flush()
            if organization is not None and role in INSIDE:
                session.add(Membership(user_id=user.key, organization_id=organization.key, role=role))
        return user

    def actor(self, user: User) -> Actor:
        """The person as one who asks."""
        with Session(self.engine) as session:
            return actor_of(session, session.get_one(User, user.key))

    def browser(self, user: User | None = None) -> TestClient:
        """A browser in which somebody (or nobody) is signed in."""
        client = TestClient(self.app, base_url=BASE_URL, follow_redirects=False)
        if user is not None:
            client.cookies.set(SESSION_COOKIE, self.sign_in(user))
        return client

    def sign_in(self, user: User) -> str:
        """The key of a new session of somebody."""
        key, expires = uuid4().hex, now() + timedelta(days=1)
        with writing(self.engine) as session:
            session.add(SignIn(token_hash=key_hash(key), user_id=user.key, last_seen=now(), expires=expires))
        return key

    def place(self, status: OrganizationStatus = OrganizationStatus.VERIFIED) -> Place:
        """A new organization with its owner, and whatever belongs to it once asked for."""
        organization = Organization(name=f"Green Home {uuid4().hex}", kind="ngo", status=status)
        with writing(self.engine) as session:
            session.add(organization)
        owner = self.user(Role.OWNER, organization)
        return Place(self, organization, owner)


@dataclass
class Entered:
    """An application in a round."""

    world: World
    round_uid: str
    application: Application

    def review(self, user: User, uid: str) -> None:
        """Assign it to somebody."""
        with writing(self.world.engine) as session:
            session.add(Review(uid=uid, application_id=self.application.key, user_id=user.key))


@dataclass
class Books:
    """An agreement in force with something in each of its books; `other`: uid of the other party."""

    world: World
    agreement: Agreement
    other: str
    tranche: Disbursement
    milestone: Milestone
    gift: Commitment
    line: BudgetLine
    breach: Breach

    def tranche_is(self, status: DisbursementStatus) -> str:
        """The uid of the tranche, which is put into a status."""
        return self._is(Disbursement, self.tranche, status)

    def milestone_is(self, status: MilestoneStatus) -> str:
        """The uid of the milestone, which is put into a status."""
        return self._is(Milestone, self.milestone, status)

    def _is(self, table: type[Any], row: Any, status: Any) -> str:
        with writing(self.world.engine) as session:
            kept = session.get_one(table, row.key)
            kept.status = status
            session.add(kept)
        return str(row.uid)


@dataclass
class Place:
    """An organization and its owner."""

    world: World
    organization: Organization
    owner: User

    @property
    def uid(self) -> str:
        """Of the organization."""
        return self.organization.uid

    def listing(
        self, title: str = "Clean water", side: Side = Side.NEED, *, publish: bool = True, **fields: str
    ) -> Listing:
        """A need (or an offer) of the organization's."""
        actor = self.world.actor(self.owner)
        with Session(self.world.engine.execution_options(writing=True), expire_on_commit=False) as session:
            draft = Draft(side, {"title": title, **fields}, LINES, "en")
            listing = actions.save_draft(session, actor, self.organization, draft)
            if publish:
                actions.publish(session, actor, listing)
            session.commit()
        return listing

    def round(self) -> Round:
        """A call that takes applications."""
        phases = ["open", "screening", "reviewing", "matching", "signing"]
        one = Round(preset="venture-call", title="Spring call", phases=phases, status=RoundStatus.OPEN)
        with writing(self.world.engine) as session:
            session.add(one)
            session.flush()
            for phase in phases:
                session.add(RoundPhase(round_id=one.key, phase=phase))
        return one

    def forum(self) -> Round:
        """A round whose pairings meet, with its slots and tables."""
        phases = ["open", "matching", "choosing", "meeting", "signing"]
        one = Round(preset="monthly-talk", title="May forum", phases=phases, status=RoundStatus.MEETING)
        brought = {"listing_id": self.listing().key, "organization_id": self.organization.key}
        with writing(self.world.engine) as session:
            session.add(one)
            session.flush()
            set_plan(session, SYSTEM_ACTOR, one, PlanIn.model_validate(FRAME))
            session.add(Application(round_id=one.key, side=Side.NEED, **brought))
        return one

    def application(self, status: ApplicationStatus = ApplicationStatus.DRAFT) -> Application:
        """A need of the organization's in a call; where it was refused, the log says so."""
        one, listing = self.round(), self.listing()
        entered = Application(
            round_id=one.key,
            listing_id=listing.key,
            organization_id=self.organization.key,
            side=Side.NEED,
            status=status,
            submitted=now(),
        )
        with writing(self.world.engine) as session:
            session.add(entered)
            session.flush()
            if status is ApplicationStatus.INELIGIBLE:
                record(session, SYSTEM_ACTOR, "application.return", entered, reason="No plan.")
        return entered

    def under_review(self) -> Entered:
        """A need of the organization's in a call that is under review."""
        application = self.application(ApplicationStatus.ELIGIBLE)
        with writing(self.world.engine) as session:
            one = session.get_one(Round, application.round_id)
            one.status = RoundStatus.REVIEWING
            session.add(one)
        return Entered(self.world, one.uid, application)

    def pairing(
        self, phase: RoundStatus, status: PairingStatus = PairingStatus.RELEASED
    ) -> tuple[Pairing, Round]:
        """A pairing of a need of the organization's with somebody's offer, in a talk that is in a phase."""
        phases = ["open", "matching", "choosing", "meeting", "signing"]
        one = Round(preset="monthly-talk", title="June talk", phases=phases, status=phase)
        places = (self, self.world.place())
        listings = [place.listing(side=side) for side, place in zip(Side, places, strict=True)]
        with writing(self.world.engine) as session:
            session.add(one)
            session.flush()
            entered = [
                Application(
                    round_id=one.key,
                    listing_id=listing.key,
                    organization_id=listing.organization_id,
                    side=side,
                    status=ApplicationStatus.ELIGIBLE,
                )
                for side, listing in zip(Side, listings, strict=True)
            ]
            session.add_all(entered)
            session.flush()
            need, offer = entered
            made = Pairing(round_id=one.key, need_id=need.key, offer_id=offer.key, status=status, score=0.5)
            session.add(made)
        return made, one

    def noticed(self) -> Entered:
        """A need of the organization's in a round whose result stands in public notice."""
        entered = self.under_review()
        with writing(self.world.engine) as session:
            one = session.get_one(Round, entered.application.round_id)
            one.status, one.phases = RoundStatus.NOTICE, ["open", "matching", "notice", "signing"]
            session.add(one)
        return entered

    def objected(self) -> str:
        """Where the API has an objection to a result that this organization has no part in."""
        there = self.world.place().noticed()
        with writing(self.world.engine) as session:
            objection = Objection(
                round_id=there.application.round_id, name="Ana", email="ana@example.org", text="No."
            )
            session.add(objection)
        return f"/api/v1/rounds/{there.round_uid}/objections/{objection.uid}"

    def sides(self, pairing: Pairing) -> tuple[str, str]:
        """The uids of a pairing's applications."""
        with Session(self.world.engine) as session:
            need, offer = (session.get_one(Application, key) for key in (pairing.need_id, pairing.offer_id))
            return need.uid, offer.uid

    def matched(self) -> tuple[str, str]:
        """The uids of a round and of its match run that is done."""
        _, talk = self.pairing(RoundStatus.MATCHING, PairingStatus.DROPPED)
        facilitator = self.world.actor(self.world.user(Role.FACILITATOR))
        with Session(self.world.engine.execution_options(writing=True), expire_on_commit=False) as session:
            run = matching.request_match(session, facilitator, session.get_one(Round, talk.key))
            session.commit()
        site = self.world.app.state.site
        match_round(Work(self.world.engine, site.settings, site, run.job), uid=run.uid)
        return talk.uid, run.uid

    def books(self, role: PartyRole) -> Books:
        """The books of an agreement in force in which the organization funds, or carries out."""
        other = self.world.place()
        funder, doer = (self, other) if role is PartyRole.FUNDER else (other, self)
        with writing(self.world.engine) as session:
            made = Agreement(
                terms=Terms(title={"en": "Wells"}).model_dump(mode="json"),
                number=uuid4().hex[:12],
                kind=AgreementKind.DONATION,
                status=AgreementStatus.IN_FORCE,
                title="Clean water",
            )
            session.add(made)
            session.flush()
            for place, part in ((funder, PartyRole.FUNDER), (doer, PartyRole.IMPLEMENTER)):
                session.add(Party(agreement_id=made.key, organization_id=place.organization.key, role=part))
            common: dict[str, Any] = {"agreement_id": made.key, "currency": "CNY"}
            cash, gift = (
                Commitment(
                    **common,
                    organization_id=funder.organization.key,
                    item=kind.value,
                    kind=kind,
                    quantity=5_000,
                    unit=unit,
                )
                for kind, unit in ((CommitmentKind.CASH, "CNY"), (CommitmentKind.GOODS, "piece"))
            )
            milestone = Milestone(agreement_id=made.key, item="m", title="Wells")
            line = BudgetLine(**common, item="b", purpose=Purpose.PROGRAMME, label="Filters", planned=5_000)
            session.add_all([cash, gift, milestone, line])
            session.flush()
            tranche = Disbursement(
                **common,
                commitment_id=cash.key,
                payee_id=doer.organization.key,
                item="t",
                amount=5_000,
            )
            breach = Breach(
                agreement_id=made.key, organization_id=self.organization.key, text="Nothing came."
            )
            session.add_all([tranche, breach])
        return Books(self.world, made, other.uid, tranche, milestone, gift, line, breach)

    def report(self, status: ReportStatus, *, own: bool) -> Report:
        """A quarter's report that the organization owes (`own`), or that another owes to it."""
        other = self.world.place()
        funder, doer = (other, self) if own else (self, other)
        day = now().date()
        with writing(self.world.engine) as session:
            made = Agreement(
                number=uuid4().hex[:12],
                kind=AgreementKind.DONATION,
                status=AgreementStatus.IN_FORCE,
                title="Clean water",
            )
            session.add(made)
            session.flush()
            for place, role in ((funder, PartyRole.FUNDER), (doer, PartyRole.IMPLEMENTER)):
                session.add(Party(agreement_id=made.key, organization_id=place.organization.key, role=role))
            report = Report(
                agreement_id=made.key,
                organization_id=doer.organization.key,
                kind=ReportKind.QUARTERLY,
                number=1,
                status=status,
                period_start=day - timedelta(days=90),
                period_end=day - timedelta(days=1),
                due=day + timedelta(days=14),
            )
            session.add(report)
        return report

    def agreement_of(self, report: Report) -> str:
        """The uid of a report's agreement."""
        with Session(self.world.engine) as session:
            return session.get_one(Agreement, report.agreement_id).uid

    def address(self, entered: Application) -> str:
        """Where the API has an application."""
        with Session(self.world.engine) as session:
            one = session.get_one(Round, entered.round_id)
        return f"/api/v1/rounds/{one.uid}/applications/{entered.uid}"

    def question(self) -> Inquiry:
        """A question that somebody asked about a listing of the organization's."""
        listing, actor = self.listing(), self.world.actor(self.world.user())
        with Session(self.world.engine.execution_options(writing=True), expire_on_commit=False) as session:
            inquiry = threads.ask(session, actor, listing, "Could you start in May?")
            session.commit()
        return inquiry

    def request(self) -> Request:
        """A request that another organization has sent."""
        listing, other = self.listing(), self.world.place()
        actor = self.world.actor(other.owner)
        with Session(self.world.engine.execution_options(writing=True), expire_on_commit=False) as session:
            request = requests.send_request(session, actor, listing, other.uid, "We could help.")
            session.commit()
        return request


NewPlace = Callable[..., Place]
__all__ = ["postgres"]


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One installation for all tests of a file, each of which makes its own people and organizations.

    On the database that `--database` names.
    """
    folder = tmp_path_factory.mktemp("contract")
    settings = Settings(
        data_dir=folder,
        database_url=new_url(request.config.getoption("--database"), request, folder),
        secret="a secret for tests",
        rate_limit=False,
        worker_in_process=False,
        warm_search=False,
        upload_bytes=200_000,
    ).ready()
    engine = make_engine(settings.database_url)
    SQLModel.metadata.create_all(engine)
    app = create_app(settings)
    yield World(app, engine)
    app.state.site.engine.dispose()
    engine.dispose()
