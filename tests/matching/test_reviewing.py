from __future__ import annotations

from collections import Counter
from itertools import combinations, product
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.reviewing import Reviewed, Reviewer, Score, assign, normalise


def applications(count: int, reviews: int = 2, **values: object) -> list[Reviewed]:
    return [Reviewed(id=f"a{number}", reviews=reviews, **values) for number in range(count)]


def reviewers(count: int, **values: object) -> list[Reviewer]:
    return [Reviewer(id=f"r{number}", **values) for number in range(count)]


# Assignment -------------------------------------------------------------------------------------------


@st.composite
def small_rounds(draw: st.DrawFn) -> tuple[list[Reviewed], list[Reviewer], set[tuple[str, str]]]:
    asked = draw(st.lists(st.integers(1, 2), min_size=1, max_size=4))
    rows = [Reviewed(id=f"a{number}", reviews=reviews) for number, reviews in enumerate(asked)]
    people = [
        Reviewer(id=f"r{number}", most=most)
        for number, most in enumerate(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    ]
    cells = [(one.id, person.id) for one, person in product(rows, people)]
    return rows, people, draw(st.sets(st.sampled_from(cells), max_size=len(cells) // 2))


def every_assignment(
    rows: list[Reviewed], people: list[Reviewer], conflicts: set[tuple[str, str]]
) -> list[tuple[int, list[int]]]:
    """Of all there are: how many reviews, and the loads."""
    able = [[person.id for person in people if (one.id, person.id) not in conflicts] for one in rows]
    choices = [
        [chosen for size in range(one.reviews + 1) for chosen in combinations(known, size)]
        for one, known in zip(rows, able, strict=True)
    ]
    found = []
    for chosen in product(*choices):
        loads = Counter(person for part in chosen for person in part)
        if all(loads[person.id] <= person.most for person in people):
            found.append((sum(map(len, chosen)), [loads[person.id] for person in people]))
    return found


@given(small_rounds())
def test_as_many_reviews_as_can_be_with_loads_as_even_as_can_be(
    drawn: tuple[list[Reviewed], list[Reviewer], set[tuple[str, str]]],
) -> None:
    rows, people, conflicts = drawn
    found = assign(rows, people, conflicts=conflicts)
    assert len(set(found.pairs)) == len(found.pairs)
    assert not set(found.pairs) & conflicts
    by_application, loads = Counter(one for one, _ in found.pairs), found.loads()
    assert all(by_application[one.id] <= one.reviews for one in rows)
    assert all(loads.get(person.id, 0) <= person.most for person in people)
    everything = every_assignment(rows, people, conflicts)
    most = max(count for count, _ in everything)
    assert len(found.pairs) == most
    own = [loads.get(person.id, 0) for person in people]
    best = [loads for count, loads in everything if count == most]
    assert sum(load**2 for load in own) == min(sum(load**2 for load in loads) for loads in best)
    assert max(own) - min(own) == min(max(loads) - min(loads) for loads in best)
    assert bool(found.missing) == (most < sum(one.reviews for one in rows))


@given(st.integers(1, 12), st.integers(3, 7), st.randoms(use_true_random=False))
def test_loads_differ_by_at_most_one_and_the_order_of_the_input_does_not_matter(
    count: int, people: int, random: Random
) -> None:
    rows, known = applications(count, 3), reviewers(people)
    found = assign(rows, known)
    loads = [found.loads().get(one.id, 0) for one in known]
    assert max(loads) - min(loads) <= 1
    random.shuffle(rows)
    random.shuffle(known)
    assert assign(rows, known) == found


def test_what_was_assigned_stays_when_the_rest_changes() -> None:
    rows, people = applications(20), reviewers(5)
    before = assign(rows, people)
    more = assign(
        [*rows, Reviewed(id="late", reviews=2)], [*people, Reviewer(id="new")], kept={*before.pairs}
    )
    assert set(before.pairs) <= set(more.pairs)
    assert more.dropped == ()
    assert {one for one, _ in more.added} == {"late"}
    assert ("late", "new") in more.added, "who has least gets what is new"


def test_conflict_moves_one_review_and_nothing_else() -> None:
    rows, people = applications(12), reviewers(4)
    before = assign(rows, people)
    taken = before.pairs[0]
    after = assign(rows, people, kept={*before.pairs}, conflicts={taken})
    assert set(before.pairs) - set(after.pairs) == {taken}
    [(application, reviewer)] = after.added
    assert application == taken[0]
    assert reviewer != taken[1]


def test_assigned_pair_gives_way_only_where_an_application_would_have_too_few() -> None:
    rows = [Reviewed(id="easy", reviews=1), Reviewed(id="hard", reviews=1)]
    people = [Reviewer(id="both", most=1), Reviewer(id="other", most=1)]
    found = assign(rows, people, kept={("easy", "both")}, conflicts={("hard", "other")})
    assert found.pairs == (("easy", "other"), ("hard", "both"))
    assert found.dropped == (("easy", "both"),)


def test_written_reviews_count_and_stay_even_beyond_what_somebody_takes() -> None:
    rows, people = applications(3, 1), [Reviewer(id="r0", most=1), Reviewer(id="r1")]
    found = assign(rows, people, done={("a0", "r0"), ("a1", "r0")})
    assert found.pairs == (("a0", "r0"), ("a1", "r0"), ("a2", "r1"))
    assert found.added == (("a2", "r1"),)


def test_readers_of_the_language_come_before_even_loads_and_themes_after() -> None:
    rows = [Reviewed(id=f"a{number}", reviews=1, language="ru") for number in range(4)]
    people = [
        Reviewer(id="reads", languages=frozenset({"ru"})),
        Reviewer(id="does not", languages=frozenset({"es"})),
    ]
    assert assign(rows, people).loads() == {"reads": 4}
    rows = [
        Reviewed(id="old", reviews=1, themes=frozenset({"ageing"})),
        Reviewed(id="water", reviews=1, themes=frozenset({"water"})),
    ]
    people = [Reviewer(id="a", themes=frozenset({"water"})), Reviewer(id="b", themes=frozenset({"ageing"}))]
    assert assign(rows, people).pairs == (("old", "b"), ("water", "a"))


def test_what_is_missing_is_said_in_words() -> None:
    found = assign(applications(1, 3), reviewers(3), conflicts={("a0", "r0"), ("a0", "r1")})
    assert [str(one) for one in found.missing] == [
        "Reviewers without a conflict of interest that “a0” still needs: 2."
    ]
    [full] = assign(applications(4, 2), reviewers(2, most=3)).missing
    assert full.code == "reviewers-full"
    assert full.params["count"] == 2
    assert [one.code for one in assign(applications(1, 2), []).missing] == ["reviewers-conflicted"]
    assert assign([], reviewers(2)).pairs == ()


# Scores -----------------------------------------------------------------------------------------------


def rank_correlation(one: list[float], other: list[float]) -> float:
    first, second = (np.argsort(np.argsort(values)) for values in (one, other))
    return float(np.corrcoef(first, second)[0, 1])


def panel(random: Random) -> tuple[float, float, float]:
    """How well a panel with habits recovers what was planted, by rank: merits before and after, leniency."""
    merit = {f"a{number:02}": random.gauss(60, 10) for number in range(40)}
    lenient = {f"r{number}": random.gauss(0, 12) for number in range(8)}
    wide = {name: random.choice([0.5, 1.0, 1.5]) for name in lenient}
    scores = [
        Score(one, name, 60 + lenient[name] + wide[name] * (merit[one] - 60 + random.gauss(0, 3)))
        for one in merit
        for name in random.sample(sorted(lenient), 3)
    ]
    found = normalise([one for one in scores if 0 <= one.points <= 100])
    names = sorted(found.before)
    truth = [merit[name] for name in names]
    estimated = [found.habits[name].leniency for name in sorted(lenient)]
    assert sum(estimated) == pytest.approx(0, abs=1e-6)
    return (
        rank_correlation(truth, [found.before[name] for name in names]),
        rank_correlation(truth, [found.after[name] for name in names]),
        rank_correlation([lenient[name] for name in sorted(lenient)], estimated),
    )


@given(st.integers(0, 10_000))
def test_planted_habits_are_found_and_the_true_order_is_recovered_better(seed: int) -> None:
    random = Random(seed)
    before, after, leniency = np.mean([panel(random) for _ in range(6)], axis=0)
    assert after > before + 0.02, "a single panel may be unlucky, six are not"
    assert leniency > 0.8


score_lists = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(0, 100)),
    min_size=1,
    max_size=20,
    unique_by=lambda one: one[:2],
)


@given(score_lists)
def test_results_lie_within_bounds_whatever_is_given_in_whatever_order(
    given_scores: list[tuple[int, int, int]],
) -> None:
    scores = [Score(f"a{one}", f"r{other}", points) for one, other, points in given_scores]
    found = normalise(scores)
    assert all(0 <= one.points <= 100 for one in found.scores)
    assert set(found.before) == set(found.after) == {one.application for one in scores}
    assert normalise(reversed(scores)) == found


@given(st.lists(st.integers(0, 100), min_size=1, max_size=12))
def test_single_reviewer_is_left_as_they_are(points: list[int]) -> None:
    scores = [Score(f"a{number:02}", "only", given) for number, given in enumerate(points)]
    found = normalise(scores)
    assert [one.points for one in found.scores] == pytest.approx(points)
    assert found.habits["only"].leniency == pytest.approx(0)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=8), st.integers(2, 4))
def test_reviewers_who_agree_are_left_as_they_are(points: list[int], people: int) -> None:
    scores = [
        Score(f"a{one}", f"r{other}", given) for one, given in enumerate(points) for other in range(people)
    ]
    found = normalise(scores)
    assert found.after == pytest.approx(found.before)


@given(score_lists, st.integers(-20, 20))
def test_points_added_to_everything_are_added_to_the_result(
    given_scores: list[tuple[int, int, int]], shift: int
) -> None:
    middle = [Score(f"a{one}", f"r{other}", 40 + points / 5) for one, other, points in given_scores]
    moved = [Score(one.application, one.reviewer, one.points + shift) for one in middle]
    first, second = normalise(middle), normalise(moved)
    assert [one.points + shift for one in first.scores] == pytest.approx(
        [one.points for one in second.scores]
    )


def test_reviewer_with_few_reviews_is_hardly_corrected() -> None:
    def leniency(shared: int) -> float:
        scores = [Score(f"a{number}", name, 60) for number in range(20) for name in ("r1", "r2")]
        scores += [Score(f"a{number}", "strict", 40) for number in range(shared)]
        return normalise(scores).habits["strict"].leniency

    assert -7 < leniency(1) < 0
    assert leniency(20) < -11
    assert leniency(20) < leniency(10) < leniency(3) < leniency(1)


def test_nothing_gives_nothing() -> None:
    assert normalise([]).scores == ()
