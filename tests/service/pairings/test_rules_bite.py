"""The rules of pairing bite: with each something comes out otherwise than without it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from matching.rules import load_preset
from service.db import now
from service.pairings.actions import reply_deadline
from service.rounds.models import RoundStatus
from tests.service.stated_rules import stating

if TYPE_CHECKING:
    from sqlmodel import Session

    from tests.service.conftest import MakeRound


@pytest.mark.parametrize("preset", stating("reply_days"))
def test_reply_days_end_the_time_to_answer(preset: str, session: Session, make_round: MakeRound) -> None:
    own = load_preset(preset).process.reply_days
    days = {}
    for rules in ({}, {"process": {"reply_days": own + 3}}):
        one = make_round(preset, RoundStatus.MATCHING, rules=rules, time_zone="Asia/Shanghai")
        ends = reply_deadline(one)
        session.commit()
        days[bool(rules)] = (ends.date() - now().astimezone(ZoneInfo("Asia/Shanghai")).date()).days
    assert days == {False: own, True: own + 3}
    assert timedelta(0) < ends - now()
