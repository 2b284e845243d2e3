"""Who is told what about a pairing: one promise in the transaction, mail to both sides by a job.

While people choose in a hall, phones and the wall tell at once and the mail follows when the hall is quiet.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from sqlmodel import Session, col, select

from matching.profiles import Side
from service.accounts.queries import emails_of_editors
from service.choices.models import Answer
from service.choices.queries import HOLDING, choosing, with_sides
from service.db import writing
from service.i18n import moment_text
from service.jobs import promise
from service.mail import send
from service.pairings.models import Pairing, PairingStatus
from service.rounds.models import Round

if TYPE_CHECKING:
    from datetime import datetime

    from service.choices.queries import Choosing
    from service.jobs import Work

QUIET = timedelta(minutes=5)
"""How long mail waits where a hall has no countdown."""
LATEST = timedelta(minutes=30)
News = Literal["mutual", "declined", "again", "lapsed", "reminder", "offered", "signed"]
BOTH = (Side.NEED, Side.OFFER)


def tell(
    session: Session, state: Choosing, pairing: Pairing, news: News, sides: tuple[Side, ...] = BOTH
) -> None:
    """Promise mail to the editors of these sides."""
    promise(
        session,
        "tell_choice",
        due=_when_quiet(state),
        pairing=pairing.uid,
        news=news,
        sides=[str(side) for side in sides],
    )


def _when_quiet(state: Choosing) -> datetime | None:
    if not state.is_live or state.stage is None:
        return None
    return min(state.stage.ends or state.moment + QUIET, state.moment + LATEST)


_STILL: dict[str, tuple[PairingStatus, ...]] = {
    "mutual": HOLDING,
    "signed": (PairingStatus.AGREED,),
    "declined": (PairingStatus.DECLINED,),
    "lapsed": (PairingStatus.LAPSED,),
    "again": (PairingStatus.RELEASED,),
    "offered": (PairingStatus.RELEASED,),
    "reminder": (PairingStatus.RELEASED,),
}
"""While which status each piece of news is still true."""


def tell_choice(work: Work, *, pairing: str, news: News, sides: list[str]) -> None:
    """The job behind `tell`; what has changed again since is not told."""
    with writing(work.engine) as session:
        found = session.exec(select(Pairing).where(col(Pairing.uid) == pairing)).one()
        if found.status not in _STILL[news]:
            return
        one = session.get_one(Round, found.round_id)
        line, state = with_sides(session, [found])[0], choosing(session, one)
        until = state.until(found)
        refusing = next((half.choice for half in line.halves if half.answer is Answer.DECLINED), None)
        for side in sides:
            mine, theirs = line.half(Side(side)), line.other(Side(side))
            for email, language in emails_of_editors(session, mine.organization.key):
                send(
                    session,
                    email,
                    f"choice-{news}",
                    language,
                    round_uid=one.uid,
                    round_title=one.title,
                    own=mine.listing.title,
                    other=theirs.listing.title,
                    organization=theirs.organization.name,
                    reason=refusing.reason if refusing else found.reason,
                    page="choices" if state.has_phase else "signing",
                    until=moment_text(until, language, one.time_zone) if until else "",
                )
