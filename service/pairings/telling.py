"""Mail about a released result: to each organization what it got and why, or what would have changed that."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from service.accounts.queries import emails_of_editors
from service.i18n import moment_text
from service.mail import send
from service.organizations import queries as organizations
from service.pairings import queries
from service.pairings.showing import result_of
from service.permissions import SYSTEM_ACTOR
from service.results.words import amounts_text, names_of
from service.rounds.models import RoundStatus
from service.wording import quantity_text, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlmodel import Session

    from matching.outcome import Pairing as Found
    from matching.outcome import Unmatched
    from service.pairings.models import MatchRun, Pairing
    from service.pairings.notice import Proposed
    from service.rounds.models import Round


def tell_released(session: Session, one: Round, run: MatchRun) -> None:
    """One mail for each organization that took part, in the language of each of its editors."""
    matching = result_of(session, run)
    rows = {(need.uid, offer.uid): row for row, need, offer in queries.pairings_of(session, run)}
    got: dict[str, list[Found]] = defaultdict(list)
    for pairing in matching.pairings:
        for side in (pairing.need, pairing.offer):
            got[side.organization.id].append(pairing)
    nothing: dict[str, list[Unmatched]] = defaultdict(list)
    for item in (*matching.unmatched, *matching.idle):
        nothing[item.profile.organization.id].append(item)
    for organization in organizations.by_uids(session, SYSTEM_ACTOR, got.keys() | nothing.keys()):
        for email, language in emails_of_editors(session, organization.key):
            names = names_of(matching, language)
            send(
                session,
                email,
                "pairings-released",
                language,
                round=one.title,
                uid=one.uid,
                pairings=[
                    _told(pairing, rows[pairing.need.id, pairing.offer.id], organization.uid, language, names)
                    for pairing in got[organization.uid]
                ],
                nothing=[
                    {
                        "title": item.profile.title,
                        "reason": say(item.reason, language, names),
                        "remedy": say(item.remedy, language, names),
                    }
                    for item in nothing[organization.uid]
                ],
                day=_until(rows.values(), language, one.time_zone),
                noticed=RoundStatus.NOTICE.value in one.phases,
            )


def tell_confirmed(session: Session, one: Round, lines: Sequence[Proposed], until: datetime) -> None:
    """One mail for each organization with something in a result that has stood its public notice."""
    got: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        sides = ((line.need, line.needing), (line.offer, line.giving))
        for (own, mine), (other, theirs) in (sides, sides[::-1]):
            told = {
                "uid": line.pairing.uid,
                "own": own.title,
                "other": other.title,
                "organization": theirs.name,
            }
            got[mine.key].append({**told, "amounts": line.amounts})
    for organization, pairings in got.items():
        for email, language in emails_of_editors(session, organization):
            send(
                session,
                email,
                "result-confirmed",
                language,
                round=one.title,
                uid=one.uid,
                pairings=[
                    {
                        **told,
                        "amounts": " + ".join(quantity_text(amount, language) for amount in told["amounts"]),
                    }
                    for told in pairings
                ],
                page="choices" if RoundStatus.CHOOSING.value in one.phases else "signing",
                day=moment_text(until, language, one.time_zone),
            )


def _until(rows: Any, language: str, zone: str) -> str:
    deadlines = [row.reply_by for row in rows if row.reply_by]
    return moment_text(max(deadlines), language, zone) if deadlines else ""


def _told(
    pairing: Found, row: Pairing, organization: str, language: str, names: Mapping[str, str]
) -> dict[str, Any]:
    """A pairing as one of its two sides reads it."""
    sides = (pairing.need, pairing.offer)
    own, other = sides if pairing.need.organization.id == organization else sides[::-1]
    return {
        "uid": row.uid,
        "own": own.title,
        "other": other.title,
        "organization": other.organization.name,
        "amounts": amounts_text(pairing, language),
        "reasons": [say(reason, language, names) for reason in (*pairing.evidence, *pairing.flags)],
    }
