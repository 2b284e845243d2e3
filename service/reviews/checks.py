"""What people type into reviews, as it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Message
from service.errors import BadInput, FieldProblem
from service.reviews.criteria import field_of
from service.reviews.models import COMMENT_CHARACTERS, MOST_POINTS, REASON_CHARACTERS
from service.texts import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def reason_of(text: str, field: str = "reason") -> str:
    """A reason, which is never left out. Raises BadInput."""
    return written(text, field, REASON_CHARACTERS)


def comment_of(text: str, field: str = "comment") -> str:
    """A comment or remark with something in it. Raises BadInput."""
    return written(text, field, COMMENT_CHARACTERS)


def chosen(text: str, field: str, among: Iterable[str] = ()) -> str:
    """What was chosen: one of `among`, where that is given, else anything. Raises BadInput."""
    if not text or (among and text not in set(among)):
        raise BadInput.one(field, Message("choose-one", "Choose one from the list."))
    return text


def points_of(criteria: Mapping[str, int], scores: Mapping[str, int]) -> dict[str, int]:
    """Points by criterion of the round, in its order. Raises BadInput for what it does not ask or allow."""
    problems = [
        FieldProblem(field_of(code), Message("criterion-unknown", "This round does not score this."))
        for code in scores
        if code not in criteria
    ]
    problems += [
        FieldProblem(field_of(code), Message("points-range", "Give 0 to {most} points.", most=MOST_POINTS))
        for code, points in scores.items()
        if code in criteria and not 0 <= points <= MOST_POINTS
    ]
    if problems:
        raise BadInput(problems)
    return {code: scores[code] for code in criteria if code in scores}
