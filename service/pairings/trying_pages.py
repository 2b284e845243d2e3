"""Pages of what-ifs, and of two results side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.messages import Message
from service.errors import BadInput, NotFound, NotNow
from service.i18n import catalogue, number_text
from service.organizations.desk import problems_by_field
from service.pairings import actions, queries, showing
from service.pairings.comparing import compared
from service.pairings.finding import facilitated
from service.pairings.inputs import WHOLE
from service.pairings.trying import LEAST_MONEY, MOST_MONEY, changes_of, differing, tried_rules
from service.results.words import certificate_rows, names_of
from service.rounds import ruleforms
from service.rounds.rulebook import RULES
from service.rounds.settings import rule_fields
from service.web import NOTHING_TYPED, Asking, Form, Reading, Typed, Writing, language_of, page, see_other
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(include_in_schema=False)

MONEY = Message("what-if-money", "Money of the offers")


@router.get("/match/what-if")
def what_if(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """The form: the rules as they are, to be changed for a try."""
    return _what_if(request, session, actor, uid)


def _what_if(
    request: Request,
    session: Session,
    actor: Actor,
    uid: str,
    typed: Typed = NOTHING_TYPED,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    one = facilitated(session, actor, uid)
    language = language_of(request, actor)
    fields = dict(typed.fields) or ruleforms.typed_as(one.preset, one.rules, language)
    shown = Typed({"money": [str(WHOLE)], **fields}, {})
    return page(
        request,
        actor,
        "pairings/what_if.html",
        status=status,
        typed=shown,
        problems=problems or {},
        round=one,
        tried=tried_rules(),
        least=LEAST_MONEY,
        most=MOST_MONEY,
        **rule_fields(session, actor, one, shown, language),
    )


@router.post("/match/what-if")
def try_out(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Match with the changes, to look at and compare."""
    one = facilitated(session, actor, uid)
    language = language_of(request, actor)
    now = ruleforms.typed_as(one.preset, one.rules, language)
    names = tuple(rule.name for rule in tried_rules())
    kept = {name: values for name, values in now.items() if not _of_these(name, names)}
    fields = {**kept, **{name: values for name, values in typed.fields.items() if _of_these(name, names)}}
    money = typed.text("money").strip() or str(WHOLE)
    try:
        rules = ruleforms.read(one.preset, Typed(fields, {}), language)
        changes = changes_of(one, rules, int(money) if money.isdecimal() and len(money) < 6 else 0)
        run = actions.request_match(session, actor, one, changes)
    except BadInput as error:
        problems = problems_by_field(error)
        return _what_if(request, session, actor, uid, typed, status=error.status, problems=problems)
    except NotNow as error:
        problems = {"money": error.message}
        return _what_if(request, session, actor, uid, typed, status=error.status, problems=problems)
    return see_other(f"/rounds/{uid}/match/{run.uid}")


def _of_these(name: str, rules: tuple[str, ...]) -> bool:
    return any(name == rule or name.startswith(f"{rule}-") for rule in rules)


@router.get("/match/compare")
def compare(
    request: Request, session: Reading, actor: Asking, uid: str, before: str = "", after: str = ""
) -> Response:
    """Two results of the round side by side."""
    one = facilitated(session, actor, uid)
    runs = [run for run in queries.runs(session, actor, one) if run.certificate]
    by_uid = {run.uid: run for run in runs}
    if (before and before not in by_uid) or (after and after not in by_uid):
        raise NotFound
    chosen = (by_uid.get(before), by_uid.get(after))
    language = language_of(request, actor)
    values: dict[str, Any] = {"comparison": None, "rows": []}
    if chosen[0] and chosen[1]:
        old, new = (showing.result_of(session, run) for run in chosen if run)
        both = [
            dict(certificate_rows(result, language, names_of(result, language), limits=False))
            for result in (old, new)
        ]
        values = {
            "comparison": compared(old, new),
            "rows": [(name, both[0].get(name, "–"), both[1].get(name, "–")) for name in both[0] | both[1]],
        }
    return page(
        request,
        actor,
        "pairings/compare.html",
        round=one,
        runs=[(run, tried_words(one, run.changes, language)) for run in runs],
        numbers=queries.numbers(session, one),
        chosen=chosen,
        tried=[tried_words(one, run.changes, language) if run else [] for run in chosen],
        **values,
    )


def tried_words(one: Round, changes: Mapping[str, Any], language: str) -> list[str]:
    """What a what-if changes, as people say it: one line for each rule."""
    arrow = catalogue(language).gettext("{what}: {before} → {after}")
    found = [
        arrow.format(
            what=say(RULES[key].label, language),
            before=ruleforms.words(RULES[key], old, language),
            after=ruleforms.words(RULES[key], new, language),
        )
        for key, (old, new) in differing(one, changes).items()
    ]
    money = changes.get("money", WHOLE)
    if money != WHOLE:
        shares = (f"{number_text(share, language)} %" for share in (WHOLE, money))
        found.append(arrow.format(what=say(MONEY, language), before=next(shares), after=next(shares)))
    return found
