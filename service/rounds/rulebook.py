"""The rules of a round, described once: what each is called, does and may hold.

Forms, the API's description, plain words and what differs from the preset all come from `RULES`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from matching.messages import Message
from service.results.words import FAIRNESS, PARTS
from service.rounds.procedure import PROCEDURE
from service.rounds.rule import Group, Kind, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    *PROCEDURE,
    Group(
        "matching",
        Message("rules-matching", "Matching"),
        (
            Rule(
                key="fairness",
                kind=Kind.ONE,
                options=FAIRNESS,
                explained=FAIRNESS_HELP,
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
            Rule(
                key="second_chance",
                kind=Kind.NUMBER,
                label=Message("rule-second-chance", "Second chance"),
                help=Message(
                    "rule-second-chance-help",
                    "From 0 to 1. What a pair counts beside its fit for each side whose organization left "
                    "the last round with nothing; 0.1 is as much as ten points of fit.",
                ),
                says=Message(
                    "rule-second-chance-says",
                    "Who left the last round with nothing has an advantage: {value}.",
                    value="",
                ),
            ),
            Rule(
                key="keep",
                kind=Kind.NUMBER,
                label=Message("rule-keep", "Staying with the earlier result"),
                help=Message(
                    "rule-keep-help",
                    "From 0 to 1. What a pair of the earlier result counts beside its fit when the round is "
                    "matched again. Higher means fewer changes; 0 means starting afresh.",
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
match run, `locks`, `bans` and `amounts` are decided pair by pair with a reason."""
