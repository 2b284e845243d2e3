"""The rules of a round, described once: what each is called, does and may hold.

Forms, the API's description, plain words and what differs from the preset all come from `RULES`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from matching.messages import Message
from service.results.words import FAIRNESS, PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "rules."
"""Before a rule's key in the names of form fields and problems."""


class Kind(StrEnum):
    """What a rule holds, and with it how it is typed and said."""

    COUNT = "count"
    NUMBER = "number"
    FLAG = "flag"
    ONE = "one"
    MANY = "many"
    CODES = "codes"
    PLACES = "places"
    SUM = "sum"
    ROLES = "roles"
    BUDGETS = "budgets"
    QUOTAS = "quotas"
    CRITERIA = "criteria"
    WEIGHTS = "weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `key` is its place in a preset's file; `says` tells in a sentence what it asks for."""

    key: str
    kind: Kind
    label: Message
    help: Message
    says: Message | None = None
    """With the field {value}; None: it is technical, and nobody but facilitators needs to read it."""
    scheme: str = ""
    options: Mapping[str, Message] = field(default_factory=dict)
    unlimited: bool = False
    """Whether it may be left empty."""
    phase: str = ""
    """The phase without which it says nothing."""
    advanced: bool = False

    @property
    def name(self) -> str:
        """The name of its form field."""
        return PREFIX + self.key


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that belong together."""

    code: str
    title: Message
    rules: tuple[Rule, ...]


FAIRNESS_HELP = MappingProxyType(
    {
        "none": Message(
            "fairness-none-help",
            "The total of all pairs is as good as possible. An organization may leave with nothing.",
        ),
        "first-seat": Message(
            "fairness-first-seat-help",
            "The first pairing of each organization counts extra, so that few leave with nothing.",
        ),
        "bottleneck": Message(
            "fairness-bottleneck-help",
            "The organization that fares worst fares as well as possible; only then does the total count.",
        ),
        "leximin": Message(
            "fairness-leximin-help",
            "As before, and then the second worst, the third worst and so on. Slower and most even.",
        ),
    }
)
"""What each strength of fairness means."""

CRITERIA = MappingProxyType(
    {
        "broad_need": Message("criterion-broad-need", "Broad need"),
        "public_benefit": Message("criterion-public-benefit", "Public benefit"),
        "innovation": Message("criterion-innovation", "Innovation"),
        "sound_plan": Message("criterion-sound-plan", "Sound plan"),
        "economy": Message("criterion-economy", "Economy"),
        "growth": Message("criterion-growth", "Growth"),
        "replicability": Message("criterion-replicability", "Replicability"),
    }
)
"""The criteria that have a name in every language; others are called what facilitators call them."""

REPORTS = MappingProxyType(
    {
        "monthly": Message("report-monthly", "Every month"),
        "quarterly": Message("report-quarterly", "Every quarter"),
        "final": Message("report-final", "At the end"),
    }
)


def _standing(side: str) -> tuple[Rule, ...]:
    """What an organization must be to take part on one side."""
    return (
        Rule(
            key=f"{side}.organization_kinds",
            kind=Kind.CODES,
            scheme="organization_kinds",
            label=Message("rule-organization-kinds", "Kinds of organization"),
            help=Message("rule-organization-kinds-help", "Nothing ticked: all kinds."),
            says=Message(
                "rule-organization-kinds-says", "Only these kinds of organization: {value}.", value=""
            ),
        ),
        Rule(
            key=f"{side}.places",
            kind=Kind.PLACES,
            label=Message("rule-places", "Only from these places"),
            help=Message(
                "rule-places-help",
                "Cities, districts or provinces in any language, with semicolons between. Empty: anywhere.",
            ),
            says=Message("rule-places-says", "Only from {value}.", value=""),
        ),
        Rule(
            key=f"{side}.registered",
            kind=Kind.FLAG,
            label=Message("rule-registered", "Registered"),
            help=Message("rule-registered-help", "The organization has stated the day of its registration."),
            says=Message("rule-registered-says", "Only registered organizations."),
        ),
        Rule(
            key=f"{side}.inspection_passed",
            kind=Kind.FLAG,
            label=Message("rule-inspection", "Annual inspection passed"),
            help=Message("rule-inspection-help", "It has stated that it passed its last annual inspection."),
            says=Message("rule-inspection-says", "The last annual inspection must have been passed."),
        ),
        Rule(
            key=f"{side}.clean_record",
            kind=Kind.FLAG,
            label=Message("rule-clean-record", "No bad record"),
            help=Message("rule-clean-record-help", "No red flag against it has been confirmed."),
            says=Message("rule-clean-record-says", "No bad record."),
        ),
        Rule(
            key=f"{side}.verified",
            kind=Kind.FLAG,
            label=Message("rule-verified", "Verified"),
            help=Message("rule-verified-help", "A facilitator has verified the organization here."),
            says=Message("rule-verified-says", "Only verified organizations."),
        ),
        Rule(
            key=f"{side}.min_rating",
            kind=Kind.COUNT,
            unlimited=True,
            label=Message("rule-rating", "Least rating"),
            help=Message("rule-rating-help", "The official grade, 1 to 5: 3 means 3A or above. Empty: any."),
            says=Message("rule-rating-says", "A rating of {value}A or above.", value=""),
        ),
    )


GROUPS = (
    Group(
        "roles",
        Message("rules-roles", "Who may bring what"),
        (
            Rule(
                key="roles",
                kind=Kind.ROLES,
                label=Message("rule-roles", "Roles"),
                help=Message(
                    "rule-roles-help",
                    "Each line says who may give what to whom. What a line leaves open holds for all. "
                    "No line: everybody may give everything to everybody.",
                ),
                says=Message("rule-roles-says", "{value}", value=""),
            ),
        ),
    ),
    Group("applicants", Message("rules-applicants", "Organizations with a need"), _standing("applicants")),
    Group("sponsors", Message("rules-sponsors", "Organizations with an offer"), _standing("sponsors")),
    Group(
        "projects",
        Message("rules-projects", "Projects"),
        (
            Rule(
                key="min_beneficiaries",
                kind=Kind.COUNT,
                label=Message("rule-beneficiaries", "Least number of direct beneficiaries"),
                help=Message(
                    "rule-beneficiaries-help", "Projects that reach fewer people are refused. 0: any."
                ),
                says=Message("rule-beneficiaries-says", "At least {value} direct beneficiaries.", value=""),
            ),
            Rule(
                key="projects_per_organization",
                kind=Kind.COUNT,
                unlimited=True,
                label=Message("rule-per-organization", "Projects of one organization and year"),
                help=Message(
                    "rule-per-organization-help",
                    "At most so many of an organization's projects go ahead in a year, cooperations signed "
                    "earlier in the year included. Empty: as many as find support.",
                ),
                says=Message(
                    "rule-per-organization-says",
                    "Projects of one organization that may go ahead in a year: at most {value}.",
                    value="",
                ),
            ),
            Rule(
                key="groups",
                kind=Kind.CODES,
                scheme="groups",
                label=Message("rule-groups", "Only for these people"),
                help=Message(
                    "rule-groups-help",
                    "Projects that say they are for others are refused. Nothing ticked: for anybody.",
                ),
                says=Message("rule-groups-says", "Projects for: {value}.", value=""),
            ),
            Rule(
                key="themes",
                kind=Kind.CODES,
                scheme="themes",
                label=Message("rule-themes", "Only on these themes"),
                help=Message(
                    "rule-themes-help",
                    "Projects that name other themes are refused. Nothing ticked: on anything.",
                ),
                says=Message("rule-themes-says", "Projects on: {value}.", value=""),
            ),
        ),
    ),
    Group(
        "money",
        Message("rules-money", "Money and quotas"),
        (
            Rule(
                key="project_cap",
                kind=Kind.SUM,
                unlimited=True,
                label=Message("rule-project-cap", "Most support for one project"),
                help=Message(
                    "rule-project-cap-help",
                    "An amount with its currency, such as 50000 CNY. Empty: as much as it needs.",
                ),
                says=Message("rule-project-cap-says", "At most {value} for one project.", value=""),
            ),
            Rule(
                key="most_overhead",
                kind=Kind.COUNT,
                unlimited=True,
                label=Message("rule-overhead", "Most administration, in per cent"),
                help=Message(
                    "rule-overhead-help",
                    "A project that spends more of its money on administration is refused. Empty: any share.",
                ),
                says=Message(
                    "rule-overhead-says", "At most {value} % of the money for administration.", value=""
                ),
            ),
            Rule(
                key="budgets",
                kind=Kind.BUDGETS,
                label=Message("rule-budgets", "Funds"),
                help=Message(
                    "rule-budgets-help",
                    "Offers that draw on one fund never give more together than it holds, cooperations of "
                    "the same year included.",
                ),
                says=Message("rule-budgets-says", "Funds: {value}.", value=""),
            ),
            Rule(
                key="quotas",
                kind=Kind.QUOTAS,
                label=Message("rule-quotas", "Quotas"),
                help=Message(
                    "rule-quotas-help",
                    "At least so many projects of a theme, for a group or in a place go ahead. A quota that "
                    "cannot be met makes the match impossible, and you are told why.",
                ),
                says=Message("rule-quotas-says", "At least: {value}.", value=""),
            ),
        ),
    ),
    Group(
        "review",
        Message("rules-review", "Checking and reviewing"),
        (
            Rule(
                key="process.resubmission",
                phase="screening",
                kind=Kind.FLAG,
                label=Message("rule-resubmission", "Returned applications may be handed in again"),
                help=Message("rule-resubmission-help", "Mended, and before the deadline."),
                says=Message(
                    "rule-resubmission-says", "What is returned may be mended and handed in again in time."
                ),
            ),
            Rule(
                key="process.blind_review",
                phase="reviewing",
                kind=Kind.FLAG,
                label=Message("rule-blind", "Blind review"),
                help=Message(
                    "rule-blind-help",
                    "Reviewers see neither the name of an organization nor anything that tells it.",
                ),
                says=Message("rule-blind-says", "Reviewers do not see whose project it is."),
            ),
            Rule(
                key="process.criteria",
                phase="reviewing",
                kind=Kind.CRITERIA,
                label=Message("rule-criteria", "Criteria and their weights"),
                help=Message("rule-criteria-help", "In per cent; together they make 100."),
                says=Message("rule-criteria-says", "Reviewed by: {value}.", value=""),
            ),
        ),
    ),
    Group(
        "process",
        Message("rules-process", "Replies, notice and reports"),
        (
            Rule(
                key="process.reply_days",
                phase="choosing",
                kind=Kind.COUNT,
                label=Message("rule-reply-days", "Days to reply to a proposed pairing"),
                help=Message("rule-reply-days-help", "Then it lapses, and the next in line is asked."),
                says=Message(
                    "rule-reply-days-says", "Days to reply to a proposed pairing: {value}.", value=""
                ),
            ),
            Rule(
                key="process.most_pending",
                phase="choosing",
                kind=Kind.COUNT,
                label=Message("rule-most-pending", "Most replies an organization may leave open"),
                help=Message(
                    "rule-most-pending-help", "With so many open, it answers one before it asks for another."
                ),
                says=Message(
                    "rule-most-pending-says",
                    "Requests that an organization may have waiting at once: at most {value}.",
                    value="",
                ),
            ),
            Rule(
                key="process.notice_working_days",
                phase="notice",
                kind=Kind.COUNT,
                label=Message("rule-notice", "Public notice, in working days"),
                help=Message(
                    "rule-notice-help",
                    "The result is shown to everybody for so long before it is confirmed. Holidays of the "
                    "round's calendar do not count.",
                ),
                says=Message("rule-notice-says", "Working days of public notice: {value}.", value=""),
            ),
            Rule(
                key="process.reports",
                kind=Kind.MANY,
                options=REPORTS,
                label=Message("rule-reports", "Reports"),
                help=Message("rule-reports-help", "When those who carry out a project report about it."),
                says=Message("rule-reports-says", "Reports: {value}.", value=""),
            ),
        ),
    ),
    Group(
        "matching",
        Message("rules-matching", "Matching"),
        (
            Rule(
                key="fairness",
                kind=Kind.ONE,
                options=FAIRNESS,
                label=Message("rule-fairness", "Fairness"),
                help=Message(
                    "rule-fairness-help", "How strongly those count who would otherwise leave with nothing."
                ),
                says=Message("rule-fairness-says", "Fairness: {value}.", value=""),
            ),
            Rule(
                key="min_score",
                kind=Kind.NUMBER,
                label=Message("rule-min-score", "Least fit"),
                help=Message(
                    "rule-min-score-help",
                    "From 0 to 1. Pairs that fit less are never proposed: fewer, but better ones.",
                ),
                advanced=True,
            ),
            Rule(
                key="coverage_bonus",
                kind=Kind.NUMBER,
                label=Message("rule-coverage", "Worth of one more project"),
                help=Message(
                    "rule-coverage-help",
                    "What it counts that a project goes ahead at all, beside how well it fits; 1 is as much "
                    "as a perfect pair. Higher means more projects, each with less.",
                ),
                advanced=True,
            ),
            *(
                Rule(
                    key=f"weights.{side}",
                    kind=Kind.WEIGHTS,
                    options=MappingProxyType({code: part for code, part in PARTS.items() if code != "base"}),
                    label=label,
                    help=Message("rule-weights-help", "How much each part counts for the fit, from 0 to 20."),
                    advanced=True,
                )
                for side, label in (
                    ("need", Message("rule-weights-need", "What counts for those with a need")),
                    ("offer", Message("rule-weights-offer", "What counts for those with an offer")),
                )
            ),
            Rule(
                key="weights.base",
                kind=Kind.NUMBER,
                label=Message("rule-weights-base", "Starting point of the fit"),
                help=Message(
                    "rule-weights-base-help", "From -20 to 20. Lower means a lower fit for all pairs."
                ),
                advanced=True,
            ),
            Rule(
                key="candidates",
                kind=Kind.COUNT,
                label=Message("rule-candidates", "Offers compared with each need"),
                help=Message("rule-candidates-help", "So many of the nearest are looked at in full."),
                advanced=True,
            ),
            Rule(
                key="time_limit",
                kind=Kind.NUMBER,
                label=Message("rule-time-limit", "Longest time of a match run, in seconds"),
                help=Message(
                    "rule-time-limit-help", "Then the best result so far counts, with how far it can be off."
                ),
                advanced=True,
            ),
            Rule(
                key="seed",
                kind=Kind.COUNT,
                label=Message("rule-seed", "Seed"),
                help=Message(
                    "rule-seed-help",
                    "Decides between results that are equally good. The same seed, the same result.",
                ),
                advanced=True,
            ),
        ),
    ),
)
RULES: Mapping[str, Rule] = MappingProxyType({rule.key: rule for group in GROUPS for rule in group.rules})
"""All rules by key. Not among them: `process.phases` is a field of the round itself, `as_of` is the day of a
match run, `locks` and `bans` are decided pair by pair with a reason."""
