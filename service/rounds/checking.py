"""The rules of a round against one need or offer: each rule as met, not met or not known, with its remedy.

What the library's screening would refuse in the match is told here while applying, beside what only the
service knows: whether the organization may act, whether the listing is open, the yearly cap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, extract, func, or_
from sqlmodel import Session, col, select

from matching.messages import Message, Term
from matching.profiles import MONEY, Side
from matching.screening import Refusal, refusals, role_refusal
from service.listings import queries as listings
from service.listings.actions import publishing_problems, standing_in_the_way
from service.listings.models import Listing, ListingStatus
from service.rounds.asking import Said
from service.rounds.models import Application, ApplicationStatus, Round, RoundStatus
from service.rounds.queries import preset_of
from service.wording import restored, stored

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from matching.profiles import Profile
    from matching.rules import Rules
    from service.organizations.models import Organization

ENTERED = (
    ApplicationStatus.SUBMITTED,
    ApplicationStatus.ELIGIBLE,
    ApplicationStatus.SHORTLISTED,
    ApplicationStatus.WAITLISTED,
)
"""Statuses of what takes part, or will unless somebody decides otherwise."""


RULE_NAMES = {
    "standing": Message("short-standing", "May act"),
    "listing": Message("short-listing", "Listing open"),
    "roles": Message("short-roles", "Who brings what"),
    "organization-kind": Message("short-organization-kind", "Kind of organization"),
    "area": Message("short-area", "Area"),
    "record": Message("short-record", "Record"),
    "registered": Message("short-registered", "Registration"),
    "inspection": Message("short-inspection", "Annual inspection"),
    "rating": Message("short-rating", "Rating"),
    "beneficiaries": Message("short-beneficiaries", "Beneficiaries"),
    "scope": Message("short-scope", "Themes and people"),
    "overhead": Message("short-overhead", "Share of administration"),
    "cap": Message("short-cap", "Projects a year"),
    "reports": Message("short-reports", "Reports owed"),
}
"""Each rule in a word or two."""

Overdue = Callable[["Session", "Collection[int]"], "Mapping[str, tuple[int, date]]"]
OVERDUE: list[Overdue] = []
"""Asked with the numbers of organizations: by uid, how many reports those that owe some owe, and since when;
`worker.py` puts it here."""


def with_overdue(
    session: Session, one: Round, profiles: Sequence[Profile], organizations: Collection[int]
) -> list[Profile]:
    """Profiles with what their organizations, which have these numbers, owe where the round asks for it."""
    if not preset_of(one).process.reports:
        return list(profiles)
    late = {uid: owed for ask in OVERDUE for uid, owed in ask(session, organizations).items()}
    return [
        replace(
            profile,
            organization=replace(
                profile.organization,
                overdue=late[profile.organization.id][0],
                overdue_since=late[profile.organization.id][1],
            ),
        )
        if profile.organization.id in late
        else profile
        for profile in profiles
    ]


class State(StrEnum):
    """What a rule says of a listing."""

    MET = "met"
    UNMET = "unmet"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule of a round, and what it says. `hard`: no facilitator can let it pass.

    `refuses`: the match leaves it out as long as this is so. `terms` are the words that the rule names,
    `mend` is the address where the fact can be changed.
    """

    rule: str
    asks: Message
    state: State = State.MET
    reason: Message | None = None
    remedy: Message | None = None
    hard: bool = False
    refuses: bool = False
    terms: tuple[Term, ...] = ()
    mend: str = ""


def fits(findings: Iterable[Finding]) -> bool:
    """Whether nothing stands in the way."""
    return not any(one.refuses for one in findings)


def check(
    session: Session,
    one: Round,
    listing: Listing,
    organization: Organization,
    *,
    said: Said | None = None,
    besides: int | None = None,
) -> tuple[Finding, ...]:
    """What each rule of the round says of a listing, with what was `said` in the form put over it.

    `besides`: the number of its own application, which does not count against its cap.
    """
    rules = preset_of(one).rules
    [profile] = with_overdue(
        session, one, [listings.profile_of(session, listing, organization)], [organization.key]
    )
    day = rules.as_of or listings.today()
    judge = _Judge(rules, (said or Said()).over(profile), day, listing, organization)
    return (
        _standing(organization),
        _listing(listing, judge),
        *_reports(one, judge),
        *judge.findings(),
        *_cap(session, one, organization, rules, day, listing, besides),
    )


def _standing(organization: Organization) -> Finding:
    asks = Message("rule-standing", "The organization is verified and may act.")
    address = f"/organizations/{organization.uid}/verification"
    reason = standing_in_the_way(organization)
    if reason is None:
        return Finding(rule="standing", asks=asks)
    return Finding(
        rule="standing", asks=asks, state=State.UNMET, reason=reason, hard=True, refuses=True, mend=address
    )


def _reports(one: Round, judge: _Judge) -> Iterator[Finding]:
    """Where a round asks for reports, those of earlier agreements must not be overdue."""
    if not preset_of(one).process.reports:
        return
    asks = Message("rule-no-overdue", "The organization owes no report that is overdue.")
    refusal = judge.refused.get("overdue-reports")
    if refusal is None:
        yield Finding(rule="reports", asks=asks)
        return
    yield Finding(
        rule="reports",
        asks=asks,
        state=State.UNMET,
        reason=refusal.reason,
        remedy=refusal.remedy,
        hard=True,
        refuses=True,
        mend="/reports",
    )


def _listing(listing: Listing, judge: _Judge) -> Finding:
    asks = Message("rule-listing", "It is published and open.")
    address, reason, remedy = f"/listings/{listing.uid}", None, None
    if listing.status is ListingStatus.FULFILLED:
        reason = Message("listing-over", "This is fulfilled and stays as it is. Copy it to use it again.")
    elif problems := publishing_problems(listing):
        reason, address = problems[0].message, f"{address}/edit?step=2"
    elif expired := judge.refused.get("expired"):
        reason, remedy = expired.reason, expired.remedy
    elif listing.status is ListingStatus.EXPIRED:
        reason = Message("listing-expired", "It has expired.")
        remedy = Message("renew", "Renew the listing.")
    if reason is not None:
        return Finding(
            rule="listing",
            asks=asks,
            state=State.UNMET,
            reason=reason,
            remedy=remedy,
            hard=True,
            refuses=True,
            mend=address,
        )
    if listing.status is not ListingStatus.PUBLISHED:
        asks = Message(
            "rule-listing-draft", "It is complete; it is published when the application is submitted."
        )
    return Finding(rule="listing", asks=asks)


class _Judge:
    """The rules that look at a profile, each with the library's refusal where there is one."""

    def __init__(
        self, rules: Rules, profile: Profile, day: date, listing: Listing, organization: Organization
    ) -> None:
        self.rules = rules
        self.profile = profile
        self.refused: dict[str, Refusal] = {
            refusal.reason.code: refusal for refusal in refusals(profile, rules, day)
        }
        self.listing = f"/listings/{listing.uid}/edit?step="
        self.organization = f"/organizations/{organization.uid}/edit"

    def findings(self) -> Iterator[Finding]:
        """Every rule that the round has, in the order in which people think of them."""
        yield from self._who()
        yield from self._organization()
        if self.profile.side is Side.NEED:
            yield from self._project()

    def _say(
        self,
        rule: str,
        asks: Message,
        refusal: Refusal | None,
        mend: str,
        *,
        known: bool = True,
        hard: bool = False,
        terms: Iterable[Term] = (),
    ) -> Finding:
        if not known:
            state = State.UNKNOWN
            reason: Message | None = Message("not-stated", "This is not stated yet.")
            remedy = None
        else:
            state = State.MET if refusal is None else State.UNMET
            reason, remedy = (None, None) if refusal is None else (refusal.reason, refusal.remedy)
        return Finding(
            rule=rule,
            asks=asks,
            state=state,
            reason=reason,
            remedy=remedy,
            hard=hard,
            refuses=refusal is not None,
            terms=tuple(sorted(terms)),
            mend="" if state is State.MET else mend,
        )

    def _who(self) -> Iterator[Finding]:
        rules, profile = self.rules, self.profile
        asked = rules.applicants if profile.side is Side.NEED else rules.sponsors
        if rules.roles:
            refusal = role_refusal(profile, rules)
            about_lines = refusal is not None and refusal.reason.code == "no-such-resources"
            yield self._say(
                "roles",
                Message("rule-roles", "Who brings it and what it is about have a place in this round."),
                refusal,
                f"{self.listing}2" if about_lines else self.organization,
                hard=True,
            )
        if asked.organization_kinds:
            yield self._say(
                "organization-kind",
                Message("rule-organization-kind", "It comes from one of these kinds of organization:"),
                self.refused.get("organization-kind"),
                self.organization,
                hard=True,
                terms=(Term("organization_kinds", code) for code in asked.organization_kinds),
            )
        if asked.places:
            yield self._say(
                "area",
                Message("rule-area", "It takes place in the area of this round:"),
                self.refused.get("outside-area"),
                f"{self.listing}3",
                known=bool(profile.places or profile.organization.places),
                terms=(Term("places", code) for code in asked.places),
            )

    def _organization(self) -> Iterator[Finding]:
        organization = self.profile.organization
        asked = self.rules.applicants if self.profile.side is Side.NEED else self.rules.sponsors
        if asked.clean_record:
            yield self._say(
                "record",
                Message("rule-record", "The organization has no bad record."),
                self.refused.get("bad-record"),
                "",
            )
        if asked.registered:
            yield self._say(
                "registered",
                Message("rule-registered", "The organization is registered with the state."),
                self.refused.get("not-registered"),
                self.organization,
                known=organization.registered is not None,
            )
        if asked.inspection_passed:
            yield self._say(
                "inspection",
                Message("rule-inspection", "The organization passed the last annual inspection."),
                self.refused.get("inspection"),
                self.organization,
                known=organization.inspection_passed is not None,
            )
        if asked.min_rating is not None:
            yield self._say(
                "rating",
                Message(
                    "rule-rating", "The organization is rated {least}A or above.", least=asked.min_rating
                ),
                self.refused.get("rating"),
                self.organization,
                known=organization.rating is not None,
            )

    def _project(self) -> Iterator[Finding]:
        rules, profile = self.rules, self.profile
        if rules.min_beneficiaries:
            yield self._say(
                "beneficiaries",
                Message(
                    "rule-beneficiaries",
                    "The project reaches at least {least} people directly.",
                    least=rules.min_beneficiaries,
                ),
                self.refused.get("min-beneficiaries"),
                f"{self.listing}1",
                known=profile.beneficiaries is not None,
            )
        if rules.groups or rules.themes:
            stated = (profile.groups or not rules.groups) and (profile.themes or not rules.themes)
            refusal = self.refused.get("outside-scope")
            yield self._say(
                "scope",
                Message("rule-scope", "The project is about what this round is for:"),
                refusal,
                f"{self.listing}1",
                known=bool(stated) or refusal is not None,
                terms=[
                    *(Term("groups", code) for code in rules.groups),
                    *(Term("themes", code) for code in rules.themes),
                ],
            )
        if rules.most_overhead is not None and any(line.kind == MONEY for line in profile.lines):
            yield self._say(
                "overhead",
                Message(
                    "rule-overhead",
                    "Administration takes at most {most} % of the money.",
                    most=rules.most_overhead,
                ),
                self.refused.get("overhead"),
                f"{self.listing}2",
            )


def _cap(
    session: Session,
    one: Round,
    organization: Organization,
    rules: Rules,
    day: date,
    listing: Listing,
    besides: int | None,
) -> Iterator[Finding]:
    most = rules.projects_per_organization
    if most is None or listing.side != Side.NEED:
        return
    asks = Message("rule-cap", "One organization has at most {most} projects in a year.", most=most)
    count = projects_of_the_year(session, one, organization, day.year, besides)
    if count < most:
        yield Finding(rule="cap", asks=asks)
        return
    yield Finding(
        rule="cap",
        asks=asks,
        state=State.UNMET,
        reason=Message(
            "cap-reached",
            "{organization} has {count} projects this year already, submitted or signed; {most} are allowed.",
            organization=organization.name,
            count=count,
            most=most,
        ),
        remedy=Message(
            "cap-remedy", "Withdraw another application to enter this one, or wait for next year."
        ),
        hard=True,
        refuses=True,
        mend=f"/rounds/{one.uid}",
    )


def projects_of_the_year(
    session: Session, one: Round, organization: Organization, year: int, besides: int | None = None
) -> int:
    """How many projects count against an organization's cap in a year.

    What it has submitted to running rounds of the same preset, and what it has signed in any round.
    """
    running = and_(
        col(Round.preset) == one.preset,
        col(Round.status).not_in([RoundStatus.CLOSED, RoundStatus.CANCELLED]),
        col(Application.status).in_(ENTERED),
        extract("year", col(Application.submitted)) == year,
    )
    signed = extract("year", col(Application.agreed)) == year
    counted = (
        select(func.count(func.distinct(col(Application.listing_id))))
        .join(Round, col(Round.id) == col(Application.round_id))
        .where(
            Application.organization_id == organization.key,
            Application.side == Side.NEED,
            col(Application.id) != (besides or 0),
            or_(running, signed),
        )
    )
    return session.exec(counted).one()


# Kept with the application ------------------------------------------------------------------------------


def stored_findings(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as an application keeps them."""
    return [
        {
            "rule": one.rule,
            "asks": stored(one.asks),
            "state": one.state.value,
            "reason": stored(one.reason) if one.reason else None,
            "remedy": stored(one.remedy) if one.remedy else None,
            "hard": one.hard,
            "refuses": one.refuses,
            "terms": [[term.scheme, term.code] for term in one.terms],
        }
        for one in findings
    ]


def restored_findings(kept: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Findings that were kept with an application."""
    return tuple(
        Finding(
            rule=one["rule"],
            asks=restored(one["asks"]),
            state=State(one["state"]),
            reason=restored(one["reason"]) if one["reason"] else None,
            remedy=restored(one["remedy"]) if one["remedy"] else None,
            hard=one["hard"],
            refuses=one["refuses"],
            terms=tuple(Term(*term) for term in one["terms"]),
        )
        for one in kept
    )
