"""Pages of a round's settings: facts, phases and times, rules, own presets, the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.rules import PHASES, load_preset
from matching.vocabulary import default_vocabulary
from service.errors import BadInput, Changed, NotNow
from service.listings.forms import differences
from service.organizations.desk import problems_by_field, signed_in
from service.permissions import require
from service.rounds import actions, forms, phases, queries, ruleforms, ruling
from service.rounds.models import RoundStatus
from service.rounds.procedure import CRITERIA
from service.rounds.rulebook import GROUPS, RULES
from service.web import Asking, Form, Reading, Typed, Writing, language_of, page, see_other, typed_before
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from matching.messages import Message
    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(include_in_schema=False)

Part = Annotated[Literal["facts", "phases", "rules"], Query()]


@router.get("/{uid}/settings")
def settings(request: Request, session: Reading, actor: Asking, uid: str, part: Part = "facts") -> Response:
    """One part of a round's settings, as it is kept or was typed last."""
    signed_in(actor)
    one = queries.get(session, actor, uid)
    require(actor, "round:run")
    held = typed_before(request, session)
    kept = forms.as_typed(part, queries.as_given(session, one), language_of(request, actor))
    return _page(request, session, actor, one, part, held if held.fields else Typed(kept, {}))


@router.post("/{uid}/settings")
def change(
    request: Request, session: Writing, actor: Asking, uid: str, typed: Form, part: Part = "facts"
) -> Response:
    """Keep one part. Where somebody else was faster, show both versions and overwrite nothing."""
    signed_in(actor)
    one = queries.get(session, actor, uid, lock=True)
    require(actor, "round:run")
    kept, language = queries.as_given(session, one), language_of(request, actor)
    version = typed.text("version")
    try:
        given = forms.given_of(part, typed, kept, language)
        number = int(version) if version.isdecimal() and len(version) < 10 else None
        actions.edit(session, actor, uid, given, version=number)
    except BadInput as error:
        session.rollback()
        one = queries.get(session, actor, uid)
        problems = problems_by_field(error)
        return _page(request, session, actor, one, part, typed, status=422, problems=problems)
    except NotNow as error:
        problems = {"version": error.message}
        return _page(request, session, actor, one, part, typed, status=error.status, problems=problems)
    except Changed as error:
        theirs = differences(forms.as_typed(part, kept, language), typed.fields)
        return _page(
            request,
            session,
            actor,
            one,
            part,
            typed,
            status=error.status,
            changed=error.message,
            theirs=theirs,
        )
    return see_other(f"/rounds/{uid}/settings?part={part}&done=saved")


def _page(
    request: Request,
    session: Session,
    actor: Actor,
    one: Round,
    part: str,
    typed: Typed,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
    changed: Message | None = None,
    theirs: list[tuple[str, str, str]] | None = None,
) -> Response:
    language = language_of(request, actor)
    return page(
        request,
        actor,
        "rounds/settings.html",
        status=status,
        typed=typed,
        problems=problems or {},
        round=one,
        part=part,
        changed=changed,
        theirs=theirs or [],
        over=one.status in (RoundStatus.CLOSED, RoundStatus.CANCELLED),
        preset_title=load_preset(one.preset).title[language],
        **{"facts": _facts, "phases": _phases, "rules": _rules}[part](session, actor, one, typed, language),
    )


def _facts(session: Session, actor: Actor, _one: Round, _typed: Typed, language: str) -> dict[str, Any]:
    return forms.choices(session, actor, language)


def _phases(session: Session, _actor: Actor, one: Round, _typed: Typed, _language: str) -> dict[str, Any]:
    reached = list(PHASES).index(one.status.value) if one.status.value in PHASES else -1
    return {
        "phases": [(code, PHASES.index(code) <= reached) for code in PHASES],
        "needed": [phase.value for phase in phases.NEEDED],
        "explained": phases.EXPLAINED,
        "notice_days": queries.preset_of(one).process.notice_working_days,
        "plan": queries.plan_of(session, one),
    }


def _rules(session: Session, actor: Actor, one: Round, typed: Typed, language: str) -> dict[str, Any]:
    return {
        **rule_fields(session, actor, one, typed, language),
        "groups": GROUPS,
        "sentences": {code: said for code, (_, said) in ruleforms.sentences(one, language).items()},
        "needs_reason": phases.has_reached(one, RoundStatus.MATCHING),
    }


def rule_fields(session: Session, actor: Actor, one: Round, typed: Typed, language: str) -> dict[str, Any]:
    """What `rounds/rules.html` needs to show rules as fields."""
    vocabulary = default_vocabulary()
    differing = {
        key: (
            ruleforms.words(RULES[key], before, language),
            ruleforms.words(RULES[key], after, language),
        )
        for key, (before, after) in ruling.changes(one.preset, {}, one.rules).items()
    }
    return {
        "options": {
            rule.key: [(code, say(name, language)) for code, name in rule.options.items()]
            for rule in RULES.values()
        },
        "criteria": [say(name, language) for name in CRITERIA.values()],
        "differing": differing,
        "labels": {rule.name: rule.label for rule in RULES.values()},
        "lines": {rule.key: range(ruleforms.line_count(rule, typed.fields)) for rule in RULES.values()},
        "words": {
            scheme: [(code, vocabulary.label(scheme, code, language)) for code in vocabulary.codes(scheme)]
            for scheme in ("organization_kinds", "kinds", "groups", "themes", "places")
        },
        "offers": queries.offers_for(session, actor, one),
    }


# Own presets ------------------------------------------------------------------------------------------


@router.post("/{uid}/settings/keep")
def keep_preset(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Keep the rules of a round under a name, to begin others with."""
    signed_in(actor)
    one = queries.get(session, actor, uid)
    try:
        actions.keep_preset(session, actor, one, typed.text("name"))
    except BadInput as error:
        kept = forms.as_typed("rules", queries.as_given(session, one), language_of(request, actor))
        again = Typed({**kept, "name": [typed.text("name")]}, {})
        problems = problems_by_field(error)
        return _page(request, session, actor, one, "rules", again, status=422, problems=problems)
    return see_other(f"/rounds/{uid}/settings?part=rules&done=preset-kept")


@router.post("/presets/{preset}/discard")
def discard_preset(session: Writing, actor: Asking, preset: str) -> Response:
    """Discard a preset of one's own; rounds that began with it keep their rules."""
    signed_in(actor)
    actions.discard_preset(session, actor, preset)
    return see_other("/rounds/new?done=deleted")
