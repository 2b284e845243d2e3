"""What-ifs: other weights, caps, fairness or money, tried on a round without changing it.

What is to be tried is kept with the run: `rules` that stand in the place of the round's own, and `money` in
per cent of what the offers have. A remedy that the matcher names is turned into such a try where it can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matching.messages import Message, Quantity
from matching.rules import merged
from service.errors import BadInput
from service.pairings.inputs import WHOLE
from service.rounds import ruling
from service.rounds.rule import PREFIX
from service.rounds.rulebook import RULES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matching.profiles import Side
    from service.rounds.models import Round
    from service.rounds.rule import Rule

TRIED = (
    "fairness",
    "coverage_bonus",
    "min_score",
    "second_chance",
    "keep",
    "projects_per_organization",
    "project_cap",
    "budgets",
    "quotas",
    "weights.need",
    "weights.offer",
    "weights.base",
)
"""The rules that the form of a what-if offers; programs may try any."""
LEAST_MONEY, MOST_MONEY = 1, 1_000
MORE_MONEY = 125
STEP = 0.1
"""By how much the least fit is lowered in a try."""
STRONGER = {"none": "first-seat", "first-seat": "bottleneck", "bottleneck": "leximin"}


def tried_rules() -> list[Rule]:
    """The rules of the form, in its order."""
    return [RULES[key] for key in TRIED]


def changes_of(one: Round, rules: Mapping[str, Any], money: int = WHOLE) -> dict[str, Any]:
    """What is to be tried: `rules` are all keys over the preset. Raises BadInput where nothing differs."""
    if problems := ruling.problems(one.preset, rules):
        raise BadInput(problems)
    if not LEAST_MONEY <= money <= MOST_MONEY:
        wrong = Message(
            "not-a-count",
            "Write a whole number from {least} to {most}.",
            least=LEAST_MONEY,
            most=MOST_MONEY,
        )
        raise BadInput.one("money", wrong)
    changes: dict[str, Any] = {}
    if ruling.changes(one.preset, one.rules, rules):
        changes["rules"] = dict(rules)
    if money != WHOLE:
        changes["money"] = money
    if not changes:
        nothing = Message("what-if-nothing", "Change at least one thing to see what would come of it.")
        raise BadInput.one(f"{PREFIX}fairness", nothing)
    return changes


def differing(one: Round, changes: Mapping[str, Any]) -> dict[str, list[Any]]:
    """By the key of a rule: what holds in the round, and what a what-if tries."""
    return ruling.changes(one.preset, one.rules, changes.get("rules", one.rules))


def suggested(one: Round, remedy: Message, side: Side | None = None) -> dict[str, Any] | None:
    """The what-if that tries a remedy; None where no rule would bring it about."""
    now = ruling.values(one.preset, one.rules)
    count, amount = remedy.params.get("count"), remedy.params.get("amount")
    who = "sponsors" if side == "offer" else "applicants"
    keys: dict[str, Any] | None = None
    match remedy.code:
        case "remedy-organization-cap" | "raise-organization-cap" if now["projects_per_organization"]:
            keys = {"projects_per_organization": now["projects_per_organization"] + int(str(count or 1))}
        case "more-beneficiaries":
            keys = {"min_beneficiaries": max(0, now["min_beneficiaries"] - int(str(remedy.params["more"])))}
        case "raise-rating" if now[f"{who}.min_rating"]:
            keys = {who: {"min_rating": None}}
        case "pass-inspection":
            keys = {who: {"inspection_passed": False}}
        case "verify":
            keys = {who: {"verified": False}}
        case "register":
            keys = {who: {"registered": False}}
        case "less-overhead":
            keys = {"most_overhead": None}
        case "seek-offer" | "widen-offer" if now["min_score"] > 0:
            keys = {"min_score": round(max(0.0, now["min_score"] - STEP), 4)}
        case "remedy-outbid" if now["fairness"] in STRONGER:
            keys = {"fairness": STRONGER[now["fairness"]]}
        case "raise-shared-budget" if isinstance(amount, int | Quantity):
            more = amount.amount if isinstance(amount, Quantity) else amount
            keys = {"budgets": _raised(one, str(remedy.params["name"]), more)}
        case "lower-quota":
            keys = {"quotas": _lowered(now["quotas"], str(remedy.params["name"]), int(str(count)))}
        case "remedy-budget-exhausted" | "remedy-more-offers" | "remedy-offers-too-small":
            return {"money": MORE_MONEY}
    return None if keys is None else {"rules": merged(one.rules, keys)}


def _raised(one: Round, name: str, more: int) -> list[dict[str, Any]]:
    """The funds with one of them larger."""
    from service.rounds.queries import preset_of

    return [
        {
            "name": budget.name,
            "offers": sorted(budget.offers),
            "limit": ruling.plain(
                Quantity(budget.limit.amount + more * (budget.name == name), budget.limit.unit)
            ),
        }
        for budget in preset_of(one).rules.budgets
    ]


def _lowered(quotas: list[dict[str, Any]], code: str, by: int) -> list[dict[str, Any]]:
    """The quotas with one of them lower; one that would be nothing is left out."""
    lower = [{**quota, "at_least": quota["at_least"] - by * (quota["code"] == code)} for quota in quotas]
    return [quota for quota in lower if quota["at_least"] > 0]
