"""The demonstration: the bundled scenarios in the database, and five people who can sign in.

Loading twice changes nothing the second time. Everything is marked synthetic, because even published facts
are put here under made-up circumstances: all days are moved so that each scenario happens today.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlmodel import select

from matching.messages import Message
from matching.scenarios import load_scenario, scenario_names
from service.accounts.actions import add_membership, add_user
from service.accounts.models import User
from service.accounts.queries import actor_of, user_by_email
from service.db import reading, writing
from service.listings import actions as listings
from service.listings.models import Listing
from service.listings.queries import today
from service.listings.reading import from_profile
from service.organizations import actions as organizations
from service.organizations import decisions
from service.organizations.models import FlagLevel, FlagRisk, Organization, OrganizationIn, ScreeningDecision
from service.permissions import SYSTEM_ACTOR, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta

    from sqlalchemy import Engine
    from sqlmodel import Session

    from matching import profiles
    from matching.scenarios import Scenario
    from service.permissions import Actor
    from service.settings import Settings

CHUNK = 50
"""Listings made in one transaction."""
REASON = "Demonstration data."


@dataclass(frozen=True, slots=True)
class Sample:
    """Somebody who can sign in; `listing`, a need or an offer of `scenario`, says of which organization."""

    email: str
    name: str
    what: Message
    language: str | None = None
    time_zone: str = "Asia/Shanghai"
    roles: tuple[Role, ...] = ()
    scenario: str = ""
    listing: str = ""
    role: Role | None = None


SAMPLES = (
    Sample(
        "ngo@example.org",
        "李娜",
        Message("sample-ngo", "editor of an NGO"),
        "zh-Hans",
        scenario="liaocheng",
        listing="n-wangge",
        role=Role.EDITOR,
    ),
    Sample(
        "company@example.org",
        "Анна Орлова",
        Message("sample-company", "owner of a company"),
        "ru",
        "Europe/Moscow",
        scenario="serpukhov",
        listing="o-obedy",
        role=Role.OWNER,
    ),
    Sample(
        "facilitator@example.org",
        "Frida",
        Message("sample-facilitator", "facilitator"),
        roles=(Role.FACILITATOR,),
    ),
    Sample("reviewer@example.org", "Rafael", Message("sample-reviewer", "reviewer"), roles=(Role.REVIEWER,)),
    Sample(
        "administrator@example.org",
        "Ada",
        Message("sample-administrator", "administrator"),
        roles=(Role.ADMINISTRATOR,),
    ),
)


def load(
    engine: Engine,
    *,
    names: Iterable[str] | None = None,
    progress: Callable[[str], None] = lambda _name: None,
) -> None:
    """Put all scenarios, or those that are named, into the database, but for what is there already."""
    for name in scenario_names() if names is None else names:
        progress(name)
        scenario = load_scenario(name)
        found = (*scenario.profiles.needs, *scenario.profiles.offers)
        with writing(engine) as session:
            keys = _organizations(session, {one.organization.id: one.organization for one in found}.values())
        for begin in range(0, len(found), CHUNK):
            with writing(engine) as session:
                _listings(session, scenario, found[begin : begin + CHUNK], keys)


def _organizations(session: Session, wanted: Iterable[profiles.Organization]) -> dict[str, int]:
    """By their id in the scenario: the numbers of the organizations, registered where they are new."""
    keys: dict[str, int] = {}
    for one in wanted:
        kept = session.exec(select(Organization).where(Organization.name == one.name)).first()
        keys[one.id] = (kept or _organization(session, one)).key
    return keys


def _organization(session: Session, one: profiles.Organization) -> Organization:
    given = OrganizationIn(
        name=one.name,
        kind=one.kind,
        places=sorted(one.places),
        registered=one.registered,
        rating=one.rating,
        inspection_passed=one.inspection_passed,
        inspection_year=None if one.inspection_passed is None else today().year - 1,
        distinct=True,
    )
    organization = organizations.register(session, SYSTEM_ACTOR, given, synthetic=True)
    if one.verified is not False:
        if decisions.is_sponsor(organization):
            decisions.screen(
                session,
                SYSTEM_ACTOR,
                organization.uid,
                concerns=(),
                decision=ScreeningDecision.ACCEPTED,
                reason=REASON,
            )
        decisions.verify(session, SYSTEM_ACTOR, organization.uid)
    if one.bad_record:
        flag = decisions.raise_flag(
            session,
            SYSTEM_ACTOR,
            organization.uid,
            level=FlagLevel.RED,
            risk=FlagRisk.FINANCIAL,
            text=REASON,
        )
        decisions.escalate(session, SYSTEM_ACTOR, organization.uid, flag.uid)
        decisions.confirm(session, SYSTEM_ACTOR, organization.uid, flag.uid, REASON)
    return organization


def _listings(
    session: Session, scenario: Scenario, wanted: Iterable[profiles.Profile], keys: dict[str, int]
) -> None:
    moved = today() - scenario.as_of
    for profile in wanted:
        source = _source(scenario.name, profile.id)
        if session.exec(select(Listing.id).where(Listing.source == source)).first() is not None:
            continue
        organization = session.get_one(Organization, keys[profile.organization.id])
        values = from_profile(_on(profile, moved))
        vetoes = [
            session.get_one(Organization, keys[veto]).uid for veto in profile.strings.vetoes if veto in keys
        ]
        values |= {"source": source, "preferences": [], "synthetic": True}
        if vetoes:
            values["strings"]["vetoes"] = sorted(vetoes)
        listing = listings.create(session, SYSTEM_ACTOR, organization, profile.side, values)
        if listings.standing_in_the_way(organization) is None:
            listings.publish(session, SYSTEM_ACTOR, listing)


def _on(profile: profiles.Profile, moved: timedelta) -> profiles.Profile:
    """The same profile, so many days later; open for the usual time where it would be over."""
    expires = profile.expires + moved if profile.expires else None
    return replace(
        profile,
        starts=profile.starts + moved if profile.starts else None,
        ends=profile.ends + moved if profile.ends else None,
        expires=expires if expires and expires >= today() else None,
    )


def _source(scenario: str, profile: str) -> str:
    return f"demo:{scenario}:{profile}"


def facilitator(engine: Engine) -> Actor:
    """The facilitator among the sample people, who must be there."""
    with reading(engine) as session:
        [sample] = [one for one in SAMPLES if Role.FACILITATOR in one.roles]
        user = session.exec(select(User).where(User.email == sample.email)).one()
        return actor_of(session, user)


def sign_ins(engine: Engine, settings: Settings, language: str) -> list[tuple[Sample, str]]:
    """The sample people with their passwords; made where they are missing."""
    for sample in SAMPLES:
        with writing(engine) as session:
            if user_by_email(session, sample.email) is None:
                _person(session, sample, password_of(settings, sample), language)
    return [(sample, password_of(settings, sample)) for sample in SAMPLES]


def _person(session: Session, sample: Sample, password: str, language: str) -> None:
    user = add_user(
        session,
        SYSTEM_ACTOR,
        email=sample.email,
        name=sample.name,
        password=password,
        roles=sample.roles,
        language=sample.language or language,
        time_zone=sample.time_zone,
    )
    if sample.role is not None:
        source = _source(sample.scenario, sample.listing)
        organization_id = session.exec(
            select(Listing.organization_id).where(Listing.source == source)
        ).first()
        if organization_id is not None:
            add_membership(session, user.key, organization_id, sample.role)


def password_of(settings: Settings, sample: Sample) -> str:
    """The same at every start of one installation, and nobody else's."""
    digest = hmac.digest(settings.secret.encode(), sample.email.encode(), hashlib.sha256)
    text = base64.b32encode(digest).decode().lower()[:16]
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def counts(engine: Engine) -> tuple[int, int]:
    """How many organizations and listings there are."""
    with reading(engine) as session:
        return (
            len(session.exec(select(Organization.id)).all()),
            len(session.exec(select(Listing.id)).all()),
        )
