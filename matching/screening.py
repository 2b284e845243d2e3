"""Who may take part and which pairs are possible at all: rules and strings attached as filters.

A filter never lowers a score: what it refuses is absent from the match, with the reason kept. The reasons'
codes are stable: interfaces, statistics and tests rely on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from matching.messages import Message, Quantity, Term
from matching.profiles import LABOUR_KINDS, MONEY, Side
from matching.vocabulary import default_vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from matching.profiles import Organization, Profile, ResourceLine
    from matching.rules import Eligibility, Role, Rules


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something stays out of the match, and what would let it in."""

    reason: Message
    remedy: Message


def screen(profile: Profile, rules: Rules, as_of: date) -> Refusal | None:
    """Why `profile` may not take part in a round with these rules on the day `as_of`; None if it may."""
    return next(iter(refusals(profile, rules, as_of)), None)


def refusals(profile: Profile, rules: Rules, as_of: date) -> tuple[Refusal, ...]:
    """As `screen`, but everything that stands in the way."""
    eligibility = rules.applicants if profile.side is Side.NEED else rules.sponsors
    found = [*_listing_refusals(profile, as_of), *_organization_refusals(profile, eligibility, as_of)]
    if profile.side is Side.NEED:
        found += _project_refusals(profile, rules)
    return tuple(found)


def role_refusal(profile: Profile, rules: Rules) -> Refusal | None:
    """Why no organization could ever be paired with `profile`, by who brings what; None if one could."""
    kind = profile.organization.kind
    term = Term("organization_kinds", kind)
    roles = [role for role in rules.roles if kind in (_bringers(role, profile.side) or {kind})]
    if rules.roles and not roles:
        reason = (
            Message("no-need-from", "Organizations of the kind “{kind}” do not bring needs here.", kind=term)
            if profile.side is Side.NEED
            else Message(
                "no-offer-from", "Organizations of the kind “{kind}” do not bring offers here.", kind=term
            )
        )
        return Refusal(reason, _other_applicant())
    wanted = {line.kind for line in profile.lines}
    allowed = [role.kinds for role in roles]
    if wanted and allowed and all(allowed) and not any(wanted & kinds for kinds in allowed):
        return Refusal(
            Message("no-such-resources", "None of these resources changes hands in this round."),
            Message("other-resources", "Add a resource of a kind that this round is about."),
        )
    return None


def _other_applicant() -> Message:
    return Message("other-applicant", "Apply through an organization of a kind that may.")


def _bringers(role: Role, side: Side) -> frozenset[str]:
    return role.needs_from if side is Side.NEED else role.offers_from


def _listing_refusals(profile: Profile, as_of: date) -> Iterator[Refusal]:
    if profile.expires is not None and profile.expires < as_of:
        yield Refusal(
            Message("expired", "The listing expired on {day}.", day=profile.expires),
            Message("renew", "Renew the listing."),
        )


def _organization_refusals(profile: Profile, asked: Eligibility, as_of: date) -> Iterator[Refusal]:
    organization = profile.organization
    if organization.barred_until is not None and organization.barred_until >= as_of:
        yield Refusal(
            Message(
                "barred",
                "{organization} is barred until {day}.",
                organization=organization.name,
                day=organization.barred_until,
            ),
            Message("wait-or-appeal", "Apply again after that day, or appeal."),
        )
    if organization.overdue and organization.overdue_since is not None:
        yield Refusal(
            Message(
                "overdue-reports",
                "{organization} owes reports that are overdue: {count}, the first since {day}.",
                organization=organization.name,
                count=organization.overdue,
                day=organization.overdue_since,
            ),
            Message("hand-in-reports", "Hand in the reports that are overdue."),
        )
    if asked.clean_record and organization.bad_record:
        yield Refusal(
            Message("bad-record", "{organization} has a bad record.", organization=organization.name),
            Message("appeal", "Appeal if the record is wrong."),
        )
    if asked.organization_kinds and organization.kind not in asked.organization_kinds:
        yield Refusal(
            Message(
                "organization-kind",
                "Organizations of the kind “{kind}” do not take part on this side.",
                kind=Term("organization_kinds", organization.kind),
            ),
            _other_applicant(),
        )
    if asked.places and not _lies_in(profile.places or organization.places, asked.places):
        yield Refusal(
            Message("outside-area", "The place lies outside the area of this round."),
            Message("move-inside", "Bring a project inside the area."),
        )
    yield from _standing_refusals(organization, asked, as_of)


def _standing_refusals(organization: Organization, asked: Eligibility, as_of: date) -> Iterator[Refusal]:
    if asked.registered and (organization.registered is None or organization.registered > as_of):
        yield Refusal(
            Message(
                "not-registered",
                "{organization} is not registered on {day}.",
                organization=organization.name,
                day=as_of,
            ),
            Message("register", "Register the organization and state the day."),
        )
    if asked.inspection_passed and organization.inspection_passed is not True:
        yield Refusal(
            Message(
                "inspection",
                "{organization} has not shown that it passed the annual inspection.",
                organization=organization.name,
            ),
            Message("pass-inspection", "Pass the annual inspection and state it."),
        )
    if asked.verified and organization.verified is not True:
        yield Refusal(
            Message("not-verified", "{organization} is not verified.", organization=organization.name),
            Message("verify", "Ask the facilitator for verification."),
        )
    if asked.min_rating is not None and (organization.rating or 0) < asked.min_rating:
        yield Refusal(
            Message("rating", "A rating of {least}A or above is asked for.", least=asked.min_rating),
            Message("raise-rating", "Apply again with a higher rating."),
        )


def _project_refusals(need: Profile, rules: Rules) -> Iterator[Refusal]:
    if rules.min_beneficiaries and (need.beneficiaries or 0) < rules.min_beneficiaries:
        yield Refusal(
            Message(
                "min-beneficiaries",
                "The project reaches {count} people directly; at least {least} are asked for.",
                count=need.beneficiaries or 0,
                least=rules.min_beneficiaries,
            ),
            Message(
                "more-beneficiaries",
                "Widen the project by {more} people or more.",
                more=rules.min_beneficiaries - (need.beneficiaries or 0),
            ),
        )
    for scheme, stated, asked in (
        ("groups", need.groups, rules.groups),
        ("themes", need.themes, rules.themes),
    ):
        if asked and stated and not _any_within(scheme, stated, asked):
            yield Refusal(
                Message("outside-scope", "The project lies outside what this round is for."),
                Message("other-round", "Bring it to a round that is open to it."),
            )
    for line in need.lines:
        if rules.most_overhead is not None and line.overhead * 100 > rules.most_overhead * line.amount:
            yield Refusal(
                Message(
                    "overhead",
                    "Administration takes {share} % of the money; at most {most} % are allowed.",
                    share=round(100 * line.overhead / line.amount),
                    most=rules.most_overhead,
                ),
                Message(
                    "less-overhead",
                    "Lower the administration part to {sum} or less.",
                    sum=Quantity(line.amount * rules.most_overhead // 100, line.unit),
                ),
            )


def pair_refusal(need: Profile, offer: Profile, rules: Rules) -> Message | None:
    """Why this offer can never carry this need, whatever the score; None if it can."""
    for check in _PAIR_CHECKS:
        if (reason := check(need, offer, rules)) is not None:
            return reason
    return None


def _same_hands(need: Profile, offer: Profile, _rules: Rules) -> Message | None:
    ours, theirs = need.organization, offer.organization
    if ours.id == theirs.id:
        return Message("same-organization", "Need and offer come from the same organization.")
    if theirs.id in ours.conflicts or ours.id in theirs.conflicts:
        return Message("conflict-of-interest", "There is a conflict of interest between the two.")
    if ours.id in offer.strings.vetoes or theirs.id in need.strings.vetoes:
        return Message("veto", "One side has ruled out the other.")
    return None


def _banned(need: Profile, offer: Profile, rules: Rules) -> Message | None:
    if (need.id, offer.id) in rules.bans:
        return Message("banned", "The facilitator has excluded this pair.")
    return None


def _strings_attached(need: Profile, offer: Profile, _rules: Rules) -> Message | None:
    strings, organization = offer.strings, need.organization
    if strings.organization_kinds and organization.kind not in strings.organization_kinds:
        return Message("only-organization-kinds", "The offer is for other kinds of organization.")
    if strings.places and not _lies_in(need.places or organization.places, strings.places):
        return Message("only-places", "The offer is for other places.")
    if strings.groups and not _any_within("groups", need.groups, strings.groups):
        return Message("only-groups", "The offer is for other target groups.")
    if strings.themes and not _any_within("themes", need.themes, strings.themes):
        return Message("only-themes", "The offer is for other themes.")
    if strings.languages and not strings.languages & need.languages:
        return Message("only-languages", "The offer asks for another language.")
    if strings.min_rating is not None and (organization.rating or 0) < strings.min_rating:
        return Message("only-rating", "The offer asks for a rating of {least}A.", least=strings.min_rating)
    if strings.min_beneficiaries is not None and (need.beneficiaries or 0) < strings.min_beneficiaries:
        return Message(
            "only-beneficiaries",
            "The offer asks for at least {least} beneficiaries.",
            least=strings.min_beneficiaries,
        )
    if strings.verified and organization.verified is not True:
        return Message("only-verified", "The offer is for verified organizations.")
    return None


def _times_apart(need: Profile, offer: Profile, _rules: Rules) -> Message | None:
    late = need.starts is not None and offer.ends is not None and offer.ends < need.starts
    early = need.ends is not None and offer.starts is not None and need.ends < offer.starts
    return Message("dates-apart", "The two are active at different times.") if late or early else None


_PAIR_CHECKS = (_same_hands, _banned, _strings_attached, _times_apart)


def kinds_between(need_from: str, offer_from: str, rules: Rules) -> frozenset[str]:
    """The resource kinds that organizations of kind `offer_from` may give to those of kind `need_from`."""
    everything = frozenset(default_vocabulary().codes("kinds"))
    if not rules.roles:
        return everything
    allowed: frozenset[str] = frozenset()
    for role in rules.roles:
        if need_from in (role.needs_from or {need_from}) and offer_from in (role.offers_from or {offer_from}):
            allowed |= role.kinds or everything
    return allowed


def line_carries(offered: ResourceLine, needed: ResourceLine) -> bool:
    """Whether the offered line is of the kind and unit that the needed line asks for."""
    return (offered.kind, offered.unit) == (needed.kind, needed.unit)


def line_carries_labour(offered: ResourceLine, needed: ResourceLine) -> bool:
    """Whether the offered people, at their worth in money, can do what the labour part would pay for."""
    return (
        needed.kind == MONEY
        and needed.labour > 0
        and offered.kind in LABOUR_KINDS
        and offered.worth is not None
        and offered.worth.unit == needed.unit
    )


def _any_within(scheme: str, codes: frozenset[str], containers: frozenset[str]) -> bool:
    return any(_within(scheme, code, containers) for code in codes)


def _lies_in(places: frozenset[str], area: frozenset[str]) -> bool:
    return _any_within("places", places, area)


@cache
def _within(scheme: str, code: str, containers: frozenset[str]) -> bool:
    return default_vocabulary().within(scheme, code, containers)
