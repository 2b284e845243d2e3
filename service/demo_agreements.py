"""The agreements of the demonstration: one in each state that can be seen, drafted from the demo's rounds.

Signatures are noted as given on paper before witnesses: nobody of the demonstration has a hand of her own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from service.agreements import actions, drafting, queries, signing
from service.agreements.models import Agreement, AgreementStatus
from service.db import writing
from service.events import advance
from service.pairings.models import PAIRING, Pairing, PairingStatus
from service.permissions import SYSTEM_ACTOR
from service.rounds.models import Round, RoundStatus
from service.rounds.phases import has_reached

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from service.jobs import Jobs

STATES = (
    AgreementStatus.COMPLETED,
    AgreementStatus.IN_FORCE,
    AgreementStatus.IN_FORCE,
    AgreementStatus.SUSPENDED,
    AgreementStatus.SIGNING,
    AgreementStatus.DRAFT,
)
"""How far the agreements of a round are taken, one need after the other, and again from the beginning."""
MOST = 6
"""How many needs of one round get an agreement; a third at least is left to choose from."""
SECOND = {"zh-Hans": "en", "zh-Hant": "en", "ru": "zh-Hans", "es": "zh-Hans"}
"""The language beside the first, on every second agreement."""
REASON = {
    "zh-Hans": "场地装修，项目暂停一个月。",
    "zh-Hant": "場地整修，計畫暫停一個月。",
    "ru": "Ремонт помещения: проект приостановлен на месяц.",
    "es": "Obras en el local: el proyecto se detiene un mes.",
    "en": "The premises are being repaired; the project rests for a month.",
}
NOTED = {
    "zh-Hans": "能否把中期报告的期限推迟两周？",
    "zh-Hant": "能否將期中報告之期限延後兩週？",
    "ru": "Можно ли перенести срок промежуточного отчёта на две недели?",
    "es": "¿Podría aplazarse dos semanas el informe intermedio?",
    "en": "Could the interim report be due two weeks later?",
}


def sign(engine: Engine, jobs: Jobs, *, progress: Callable[[str], None] = lambda _name: None) -> None:
    """Draft and sign in every round of the demonstration that has pairings and no agreement yet."""
    with writing(engine) as session:
        rounds = session.exec(select(Round).where(col(Round.synthetic)).order_by(col(Round.id))).all()
    for one in rounds:
        progress(one.title)
        with writing(engine) as session:
            _of_round(session, session.get_one(Round, one.key))
    jobs.run_all()


def _of_round(session: Session, one: Round) -> None:
    if not has_reached(one, RoundStatus.CHOOSING) or queries.of_round(session, SYSTEM_ACTOR, one):
        return
    released = session.exec(
        select(Pairing)
        .where(
            col(Pairing.round_id) == one.key,
            col(Pairing.status).in_([PairingStatus.RELEASED, *queries.READY]),
        )
        .order_by(col(Pairing.score).desc(), col(Pairing.id))
    ).all()
    bundles: dict[int, list[Pairing]] = {}
    for pairing in released:
        bundles.setdefault(pairing.need_id, []).append(pairing)
    for place, bundle in enumerate(list(bundles.values())[: min(MOST, len(bundles) - len(bundles) // 3)]):
        for pairing in bundle:
            if pairing.status is PairingStatus.RELEASED:
                _choose(session, one, pairing)
        wanted = drafting.Wanted(second_language=SECOND.get(one.language, "") if place % 2 else "")
        agreement = drafting.from_pairings(session, SYSTEM_ACTOR, bundle, wanted)
        _take(session, agreement, STATES[place % len(STATES)])


def _choose(session: Session, one: Round, pairing: Pairing) -> None:
    """Both sides have said yes, as the demonstration has it."""
    advance(session, SYSTEM_ACTOR, pairing, PAIRING, "become_mutual", round=one.uid)


def _take(session: Session, agreement: Agreement, target: AgreementStatus) -> None:
    """As far as the target, or as far as what is known of it reaches."""
    if target is AgreementStatus.DRAFT:
        actions.comment(session, SYSTEM_ACTOR, agreement, NOTED[agreement.language], "payment")
        return
    if actions.problems(session, agreement):
        return
    signing.open_signing(session, SYSTEM_ACTOR, agreement)
    if target is AgreementStatus.SIGNING:
        return
    signing.record_on_stage(session, SYSTEM_ACTOR, agreement)
    if target is AgreementStatus.SUSPENDED:
        actions.suspend(session, SYSTEM_ACTOR, agreement, REASON[agreement.language])
    elif target is AgreementStatus.COMPLETED:
        _complete(session, agreement)


def _complete(session: Session, agreement: Agreement) -> None:
    """Where nothing stands in the way, which payments and reports may."""
    if all(check(session, agreement) is None for check in actions.BEFORE_COMPLETING):
        actions.complete(session, SYSTEM_ACTOR, agreement)
