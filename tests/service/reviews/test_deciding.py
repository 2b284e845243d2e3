"""Pass marks by size, shortlist and waiting list, decisions by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlmodel import Session, col, select

from matching.messages import Quantity
from matching.rules import PassMark, Process
from service.db import writing
from service.errors import BadInput, NotNow
from service.events import Event
from service.jobs import Job
from service.listings.models import Listing
from service.reviews import deciding
from service.reviews.models import Review, ReviewStatus, VerdictStep
from service.reviews.scoring import mark_for, standings, weighted
from service.rounds.models import Application, ApplicationStatus, Round, RoundStatus
from tests.service.reviews.conftest import SCORES

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from service.permissions import Actor
    from tests.service.reviews.conftest import Scene

MARKS = Process(
    pass_marks=(
        PassMark(mark=60, up_to=Quantity(50_000_00, "CNY")),
        PassMark(mark=65, up_to=Quantity(100_000_00, "CNY")),
        PassMark(mark=70),
    )
)


@pytest.mark.parametrize(
    ("amount", "currency", "mark"),
    [
        (50_000_00, "CNY", 60),
        (50_000_01, "CNY", 65),
        (100_000_00, "CNY", 65),
        (100_000_01, "CNY", 70),
        (1_00, "EUR", 70),
        (None, "", 60),
    ],
)
def test_mark_goes_by_the_size_of_what_is_asked(amount: int | None, currency: str, mark: int) -> None:
    assert mark_for(MARKS, amount, currency) == mark


def test_without_marks_everything_passes_and_without_an_open_class_the_last_counts() -> None:
    assert mark_for(Process(), 10, "CNY") is None
    closed = Process(pass_marks=(PassMark(mark=60, up_to=Quantity(10_00, "CNY")),))
    assert mark_for(closed, 10**9, "CNY") == 60


def test_weights_make_a_hundred() -> None:
    assert weighted({"a": 70, "b": 30}, {"a": 10, "b": 10}) == 100
    assert weighted({"a": 70, "b": 30}, {"a": 5}) == 35


@pytest.fixture
def scored(scene: Scene) -> Scene:
    """Scores of 90, 80 and 40 by two reviewers who agree."""
    scene.add(*scene.reviewers)
    with writing(scene.engine) as session:
        for application, raw in zip(scene.applications, (90.0, 80.0, 40.0), strict=True):
            session.add_all(
                Review(
                    application_id=application.key,
                    user_id=user.key,
                    status=ReviewStatus.SUBMITTED,
                    scores=SCORES,
                    comment=f"{user.name} says yes",
                    raw=raw,
                )
                for user in scene.reviewers[:2]
            )
    return scene


def round_of(scene: Scene, session: Session) -> Round:
    return session.get_one(Round, scene.round.key)


def statuses(session: Session) -> list[tuple[str, int | None]]:
    found = session.exec(select(Application).where(Application.side == "need").order_by(col(Application.id)))
    return [(one.status.value, one.place) for one in found]


def test_line_falls_by_mark_and_number_and_counts_what_is_listed(
    scored: Scene, session: Session, as_facilitator: Actor
) -> None:
    one = round_of(scored, session)
    everything = deciding.cut(session, as_facilitator, one)
    assert [row.after for row in everything.shortlist] == pytest.approx([90, 80])
    assert [row.after for row in everything.declined] == pytest.approx([40])
    deciding.shortlist(session, as_facilitator, one, 1)
    assert statuses(session) == [("shortlisted", None), ("waitlisted", 1), ("eligible", None)]
    line = deciding.cut(session, as_facilitator, one, 1)
    assert (line.listed, len(line.shortlist), len(line.waiting)) == (1, 0, 1)
    deciding.shortlist(session, as_facilitator, one, 2)
    assert statuses(session)[1] == ("shortlisted", None)


def test_changed_scores_refuse_the_line_one_has_looked_at(
    scored: Scene, session: Session, as_facilitator: Actor
) -> None:
    one = round_of(scored, session)
    looked_at = deciding.cut(session, as_facilitator, one, 2).fingerprint
    review = session.exec(select(Review)).first()
    assert review
    review.raw = 10.0
    session.add(review)
    session.flush()
    with pytest.raises(NotNow) as refused:
        deciding.shortlist(session, as_facilitator, one, 2, fingerprint=looked_at)
    assert refused.value.message.code == "cut-old"


def test_nobody_is_declined_without_a_reason_or_a_review(
    scored: Scene, session: Session, as_facilitator: Actor, as_user: Callable[[User], TestClient]
) -> None:
    desk = as_user(scored.facilitator)
    answer = desk.post(f"{scored.desk}/shortlist", data={"decline": "yes", "decline_reason": ""})
    assert answer.status_code == 422
    assert "Please give a reason." in answer.text
    answer = desk.post(f"{scored.desk}/shortlist", data={"number": "many"})
    assert answer.status_code == 422
    assert {status for status, _ in statuses(session)} == {"eligible"}
    one = round_of(scored, session)
    for review in session.exec(select(Review).where(Review.application_id == scored.applications[2].key)):
        review.status = ReviewStatus.RECUSED
        session.add(review)
    line = deciding.shortlist(session, as_facilitator, one, decline_reason="Too low.")
    assert [row.application.uid for row in line.unscored] == [scored.applications[2].uid]
    assert statuses(session)[2] == ("eligible", None)


def test_by_hand_closes_up_the_waiting_list_and_writes_down_scores_and_reason(
    scored: Scene, session: Session, as_facilitator: Actor
) -> None:
    one = round_of(scored, session)
    deciding.shortlist(session, as_facilitator, one, 0)
    assert statuses(session)[:2] == [("waitlisted", 1), ("waitlisted", 2)]
    with pytest.raises(BadInput):
        deciding.decide(session, as_facilitator, one, scored.applications[0].uid, VerdictStep.DECLINE, " ")
    uid = scored.applications[0].uid
    deciding.decide(session, as_facilitator, one, uid, VerdictStep.DECLINE, "Double funding.")
    assert statuses(session)[:2] == [("declined", None), ("waitlisted", 1)]
    with pytest.raises(NotNow):
        deciding.decide(session, as_facilitator, one, uid, VerdictStep.SHORTLIST, "After all.")
    deciding.decide(
        session,
        as_facilitator,
        one,
        scored.applications[2].uid,
        VerdictStep.WAITLIST,
        "Only one of its kind.",
    )
    assert statuses(session)[2] == ("waitlisted", 2)
    assert (
        deciding.call_up(session, as_facilitator, one, "A place is free.").uid == scored.applications[1].uid
    )
    assert statuses(session) == [("declined", None), ("shortlisted", None), ("waitlisted", 1)]
    [event] = session.exec(select(Event).where(Event.name == "application.decline"))
    assert (event.reason, event.details["score"], event.details["mark"]) == ("Double funding.", 90, 60)


def test_applicants_are_told_scores_only_where_the_round_says_so(
    scored: Scene, session: Session, as_facilitator: Actor
) -> None:
    one = round_of(scored, session)
    one.rules = {"process": {"tell_scores": False}}
    session.flush()
    deciding.shortlist(session, as_facilitator, one, 1)
    one.rules = {}
    deciding.decide(
        session, as_facilitator, one, scored.applications[1].uid, VerdictStep.SHORTLIST, "A place is free."
    )
    quiet, _, told = (job.payload for job in session.exec(select(Job).where(Job.name == "send_mail")))
    assert (quiet["values"]["score"], quiet["values"]["criteria"], quiet["values"]["comments"]) == (
        None,
        [],
        [],
    )
    assert told["values"]["score"] == 80
    assert told["values"]["criteria"][0] == ["Broad need", 8]
    assert len(told["values"]["comments"]) == 2


def test_mails_read_well(
    scored: Scene, session: Session, as_facilitator: Actor, jobs: Any, rows: Callable[[Any], list[Any]]
) -> None:
    import email
    import email.policy

    one = round_of(scored, session)
    deciding.shortlist(session, as_facilitator, one, 1, decline_reason="Below the mark of its size.")
    session.commit()
    jobs.run_all()
    texts = [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        .get_content()
        .replace("\r\n", "\n")
        for path in (jobs.settings.data_dir / "outbox").iterdir()
    ]
    assert len(texts) == 3
    declined = next(text for text in texts if "was not chosen" in text)
    assert "Reason: Below the mark of its size." in declined
    assert "Score of the reviews, out of 100: 40.0" in declined
    assert "Mark to be reached by applications of this size: 60" in declined
    assert "Broad need: 8.0 / 10\n" in declined
    assert "\n\n\n" not in declined
    assert "Its place on the waiting list: 1." in "".join(texts)


def test_reviews_of_withdrawn_applications_do_not_count(
    scored: Scene, session: Session, as_facilitator: Actor
) -> None:
    gone = session.get_one(Application, scored.applications[0].key)
    gone.status = ApplicationStatus.WITHDRAWN
    session.add(gone)
    session.flush()
    found = standings(session, round_of(scored, session))
    assert [row.application.uid for row in found.rows] == [one.uid for one in scored.applications[1:]]
    assert as_facilitator.is_staff


def test_first_in_line_is_called_up_while_the_match_is_made(
    scored: Scene, session: Session, as_facilitator: Actor, as_user: Callable[[User], TestClient]
) -> None:
    deciding.shortlist(session, as_facilitator, round_of(scored, session), 1)
    one = round_of(scored, session)
    one.status = RoundStatus.MATCHING
    session.commit()
    desk = as_user(scored.facilitator)
    page = desk.get(f"{scored.desk}/scores").text
    assert "Next in line" in page
    assert "Show where the line falls" not in page, "the line itself is drawn while reviews are written"
    answer = desk.post(f"{scored.desk}/call-up", data={"call_reason": "An objection was upheld."})
    assert answer.status_code == 303, answer.text
    session.expire_all()
    assert statuses(session)[1] == ("shortlisted", None)


def test_nothing_is_decided_outside_the_phase(scored: Scene, session: Session, as_facilitator: Actor) -> None:
    one = round_of(scored, session)
    one.status = RoundStatus.MATCHING
    session.flush()
    with pytest.raises(NotNow) as refused:
        deciding.shortlist(session, as_facilitator, one)
    assert refused.value.message.code == "wrong-phase"
    listing = session.exec(select(Listing)).first()
    assert listing
