"""Match runs, pairings and what is decided over them as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Request

from matching.rules import merged
from service.listings.models import OwnerOut
from service.paging import Cursor, Limit, PieceOut
from service.pairings import actions, overrides, queries, showing
from service.pairings.alarms import left_with_nothing
from service.pairings.comparing import Balance, Change, compared
from service.pairings.finding import facilitated, run_of
from service.pairings.inputs import what_changed
from service.pairings.models import PairingStatus  # noqa: TC001 — FastAPI reads it
from service.pairings.shapes import (
    AlarmOut,
    BalanceOut,
    ChangedOut,
    ComparisonOut,
    MatchRunOut,
    OverrideIn,
    OverrideOut,
    PairingOut,
    QuantityOut,
    ReleaseIn,
    ResultOut,
    SentenceOut,
    SideOut,
    WhatIfIn,
)
from service.pairings.trying import changes_of
from service.results.records import record
from service.rounds import queries as rounds
from service.web import Asking, Reading, Writing, language_of
from service.wording import restored, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel import Session

    from matching.messages import Message
    from matching.outcome import Pairing as Found
    from service.listings.models import Listing
    from service.pairings.models import MatchRun, Override, Pairing
    from service.pairings.queries import SideOf
    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(prefix="/api/v1/rounds", tags=["pairings"])

Uid = Annotated[str, Path(max_length=32, description="The round's id.")]
RunUid = Annotated[str, Path(max_length=32, description="The match run's id.")]
PairingUid = Annotated[str, Path(max_length=32, description="The pairing's id.")]
OverrideUid = Annotated[str, Path(max_length=32, description="The decision's id.")]


# Match runs -------------------------------------------------------------------------------------------


@router.get("/{uid}/match-runs")
def list_runs(request: Request, session: Reading, actor: Asking, uid: Uid) -> list[MatchRunOut]:
    """The match runs of a round, the newest first."""
    one = facilitated(session, actor, uid)
    language = language_of(request, actor)
    return [_run_out(one, run, language) for run in queries.runs(session, actor, one)]


@router.post("/{uid}/match-runs", status_code=202)
def request_run(request: Request, session: Writing, actor: Asking, uid: Uid, given: WhatIfIn) -> MatchRunOut:
    """Match the round as it is now, or with changes only to see what would come of them.

    A run that is on its way already with the same input is given instead of a second one.
    """
    one = facilitated(session, actor, uid)
    changes = None
    if given.model_fields_set & {"rules", "money"}:
        changes = changes_of(one, merged(one.rules, given.rules), given.money)
    return _run_out(one, actions.request_match(session, actor, one, changes), language_of(request, actor))


@router.get("/{uid}/match-runs/{run_uid}")
def show_run(request: Request, session: Reading, actor: Asking, uid: Uid, run_uid: RunUid) -> MatchRunOut:
    """How a run stands: its stage, how much is done, and what came of it."""
    one, run = run_of(session, actor, uid, run_uid)
    return _run_out(one, run, language_of(request, actor))


@router.get("/{uid}/match-runs/{run_uid}/result")
def show_result(request: Request, session: Reading, actor: Asking, uid: Uid, run_uid: RunUid) -> ResultOut:
    """Everything a run that is done has found, with who would leave with nothing."""
    one, run = run_of(session, actor, uid, run_uid)
    language = language_of(request, actor)
    matching = showing.result_of(session, run, wanted=True)
    return ResultOut(
        run=_run_out(one, run, language),
        changed=_sentence(what_changed(session, one, run), language),
        alarms=[
            AlarmOut(
                organization=alarm.organization.id,
                name=alarm.organization.name,
                title=alarm.cheapest.profile.title,
                reason=_said(alarm.cheapest.reason, language),
                remedy=_said(alarm.cheapest.remedy, language),
                changes=alarm.changes,
            )
            for alarm in left_with_nothing(one, matching)
        ],
        result=record(matching, language),
    )


@router.get("/{uid}/match-runs/{run_uid}/compare/{other_uid}")
def compare_runs(
    session: Reading,
    actor: Asking,
    uid: Uid,
    run_uid: RunUid,
    other_uid: Annotated[str, Path(max_length=32, description="The run to compare it with.")],
) -> ComparisonOut:
    """What differs from the first run to the second."""
    before, after = (
        showing.result_of(session, run_of(session, actor, uid, one)[1], wanted=True)
        for one in (run_uid, other_uid)
    )
    found = compared(before, after)
    return ComparisonOut(
        kept=len(found.kept),
        changed=_changes(found.changed),
        gone=_changes(found.gone),
        new=_changes(found.new),
        needs=_balances(found.needs),
        offers=_balances(found.offers),
    )


@router.post("/{uid}/match-runs/{run_uid}/cancel")
def cancel_run(request: Request, session: Writing, actor: Asking, uid: Uid, run_uid: RunUid) -> MatchRunOut:
    """Stop a run that is on its way; nothing of it is kept."""
    one, run = run_of(session, actor, uid, run_uid, lock=True)
    return _run_out(one, actions.cancel(session, actor, run), language_of(request, actor))


@router.post("/{uid}/match-runs/{run_uid}/release")
def release_run(
    request: Request, session: Writing, actor: Asking, uid: Uid, run_uid: RunUid, given: ReleaseIn
) -> list[PairingOut]:
    """Propose the pairings of a run to both sides; earlier proposals of the round end."""
    one = facilitated(session, actor, uid, "pairing:release")
    run = queries.run(session, actor, run_uid, one=one, lock=True)
    released = actions.release(session, actor, run, confirmed=given.confirmed)
    return _pairings_out(session, request, actor, one, released)


# Pairings ---------------------------------------------------------------------------------------------


@router.get("/{uid}/pairings")
def list_pairings(
    request: Request,
    session: Reading,
    actor: Asking,
    uid: Uid,
    status: Annotated[PairingStatus | None, Query(description="Only those that are so far.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PieceOut[PairingOut]:
    """The pairings of a round that the caller may see, the newest first."""
    one = rounds.get(session, actor, uid)
    found = queries.listed(session, actor, one, status=status, cursor=cursor, limit=limit)
    return PieceOut(items=_pairings_out(session, request, actor, one, found.items), next=found.next)


@router.get("/{uid}/pairings/{pairing_uid}")
def show_pairing(
    request: Request, session: Reading, actor: Asking, uid: Uid, pairing_uid: PairingUid
) -> PairingOut:
    """One pairing: both sides, what is given, why they fit, how it stands."""
    one = rounds.get(session, actor, uid)
    found = queries.get(session, actor, pairing_uid, one=one)
    return _pairings_out(session, request, actor, one, [found])[0]


# Decisions over the matcher ---------------------------------------------------------------------------


@router.get("/{uid}/overrides")
def list_overrides(session: Reading, actor: Asking, uid: Uid) -> list[OverrideOut]:
    """What is pinned, excluded or set by hand and stands."""
    one = facilitated(session, actor, uid, "pairing:override")
    return [_override_out(*found) for found in queries.overrides_in_force(session, one)]


@router.post("/{uid}/overrides", status_code=201)
def make_override(
    request: Request, session: Writing, actor: Asking, uid: Uid, given: OverrideIn
) -> OverrideOut:
    """Pin or exclude a pair for the runs to come, or set its amount in the result that is there.

    An amount is checked against every rule of the round at once; what it breaks is named in `errors`.
    """
    one = facilitated(session, actor, uid, "pairing:override")
    made = overrides.override(
        session,
        actor,
        one,
        given.kind,
        given.need,
        given.offer,
        reason=given.reason,
        amount=given.amount,
        language=language_of(request, actor),
    )
    return next(
        _override_out(*found)
        for found in queries.overrides_in_force(session, one)
        if found[0].uid == made.uid
    )


@router.delete("/{uid}/overrides/{override_uid}", status_code=204)
def remove_override(session: Writing, actor: Asking, uid: Uid, override_uid: OverrideUid) -> None:
    """Take a decision back."""
    one = facilitated(session, actor, uid, "pairing:override")
    overrides.remove(session, actor, one, queries.override(session, actor, override_uid, one=one))


# Out --------------------------------------------------------------------------------------------------


def _said(message: Message, language: str) -> SentenceOut:
    return SentenceOut(code=message.code, text=say(message, language))


def _sentence(message: Message | None, language: str) -> SentenceOut | None:
    return None if message is None else _said(message, language)


def _run_out(one: Round, run: MatchRun, language: str) -> MatchRunOut:
    return MatchRunOut(
        id=run.uid,
        round=one.uid,
        note=_said(restored(run.note), language) if run.note else None,
        remedies=[_said(restored(remedy), language) for remedy in run.remedies],
        objective=run.certificate.get("objective"),
        bound=run.certificate.get("bound"),
        gap=run.certificate.get("gap"),
        **{
            name: getattr(run, name)
            for name in ("status", "what_if", "changes", "stage", "share", "fingerprint", "seed")
        },
        **{name: getattr(run, name) for name in ("created", "finished", "released")},
    )


def _quantities(pairing: Found | None) -> list[QuantityOut]:
    return [QuantityOut(amount=one.amount, unit=one.unit) for one in (pairing.amounts if pairing else ())]


def _changes(changes: Iterable[Change]) -> list[ChangedOut]:
    return [
        ChangedOut(
            need=one.need.id,
            offer=one.offer.id,
            before=_quantities(one.before),
            after=_quantities(one.after),
        )
        for one in changes
    ]


def _balances(balances: Iterable[Balance]) -> list[BalanceOut]:
    return [
        BalanceOut(
            organization=one.organization.id,
            name=one.organization.name,
            unit=one.before.unit,
            before=one.before.amount,
            after=one.after.amount,
        )
        for one in balances
    ]


def _override_out(made: Override, need: Listing, offer: Listing) -> OverrideOut:
    return OverrideOut(
        id=made.uid,
        kind=made.kind,
        need=need.uid,
        need_title=need.title,
        offer=offer.uid,
        offer_title=offer.title,
        amount=QuantityOut(amount=made.amount, unit=made.unit) if made.amount is not None else None,
        reason=made.reason,
        created=made.created,
    )


def _side_out(side: SideOf) -> SideOut:
    owner = side.organization
    return SideOut(
        application=side.application.uid,
        listing=side.listing.uid,
        title=side.listing.title,
        organization=OwnerOut(id=owner.uid, name=owner.name, kind=owner.kind),
    )


def _pairings_out(
    session: Session, request: Request, actor: Actor, one: Round, found: Sequence[Pairing]
) -> list[PairingOut]:
    language = language_of(request, actor)
    sides, runs = queries.sides_of(session, found), queries.run_uids(session, found)
    shown = []
    for pairing in found:
        need, offer = sides[pairing.key]
        insider = queries.is_insider(actor, need, offer)
        shown.append(
            PairingOut(
                id=pairing.uid,
                round=one.uid,
                run=runs.get(pairing.run_id or 0) if actor.is_staff else None,
                need=_side_out(need),
                offer=_side_out(offer),
                amounts=[
                    QuantityOut(amount=given.amount, unit=given.unit) for given in queries.amounts_of(pairing)
                ],
                score=pairing.score if insider else None,
                parts=pairing.parts if insider else {},
                reasons=[_said(restored(message), language) for message in pairing.evidence * insider],
                flags=[_said(restored(message), language) for message in pairing.flags * insider],
                **{name: getattr(pairing, name) for name in ("status", "reply_by", "released")},
            )
        )
    return shown
