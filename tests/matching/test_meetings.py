from dataclasses import replace
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from matching.errors import Infeasible
from matching.meetings import Frame, Meeting, Place, slots_needed, solving, timetable, verify


def meeting(one, other, priority=1, id_=""):
    return Meeting(id_ or f"{one}-{other}", (one, other), priority)


def frame(slots=2, tables=2, **more):
    return Frame(slots=slots, tables=tuple(f"T{k + 1}" for k in range(tables)), **more)


@st.composite
def forums(draw, most=6):
    """Few meetings among few organizations, some on both sides, in a frame that is often too small."""
    names = "abcde"
    pairs = st.tuples(st.sampled_from(names), st.sampled_from(names)).filter(lambda pair: pair[0] != pair[1])
    chosen = draw(st.lists(pairs, min_size=1, max_size=most))
    listed = [meeting(*pair, draw(st.integers(1, 5)), f"m{i}") for i, pair in enumerate(chosen)]
    slots = draw(st.integers(1, 3))
    absent = st.frozensets(st.integers(0, slots - 1))
    return listed, frame(slots, draw(st.integers(1, 2)), absent={name: draw(absent) for name in names})


def best_total(listed, within):
    """By trying everything."""
    best = 0
    for chosen in product(range(-1, within.slots), repeat=len(listed)):
        held = [(one, slot) for one, slot in zip(listed, chosen, strict=True) if slot >= 0]
        busy = [(name, slot) for one, slot in held for name in one.organizations]
        fits = (
            len(set(busy)) == len(busy)
            and all(slot not in within.absent.get(name, ()) for name, slot in busy)
            and all(chosen.count(slot) <= len(within.tables) for slot in range(within.slots))
            and all(slot >= within.over for _, slot in held)
        )
        if fits:
            best = max(best, sum(one.priority for one, _ in held))
    return best


@given(forums())
def test_total_is_the_best_there_is_and_proven(forum):
    listed, within = forum
    found = timetable(listed, within)
    assert found.certificate.objective == found.certificate.bound == best_total(listed, within)
    assert not verify(listed, within, found.places)
    placed = {one.id: one.priority for one in listed if one.id in found.places}
    assert sum(placed.values()) == found.certificate.objective
    assert {one.meeting for one in found.unplaced} == {one.id for one in listed} - set(placed)


@settings(max_examples=30)
@given(forums(), st.randoms())
def test_order_of_the_input_never_matters(forum, random):
    listed, within = forum
    other = random.sample(listed, len(listed))
    assert timetable(other, within) == timetable(listed, within)


@settings(max_examples=30)
@given(forums())
def test_doing_it_again_changes_nothing_that_people_were_told(forum):
    listed, within = forum
    first = timetable(listed, within)
    again = timetable(listed, replace(within, before=first.places))
    assert again.places == first.places


@settings(max_examples=50)
@given(forums(), st.data())
def test_what_was_set_by_hand_stays_and_the_rest_is_the_best_around_it(forum, data):
    listed, within = forum
    places = timetable(listed, within).places
    kept = data.draw(st.sets(st.sampled_from(sorted(places)))) if places else set()
    pinned = replace(within, fixed={id_: places[id_] for id_ in kept})
    again = timetable(listed, pinned)
    assert all(again.places[id_] == places[id_] for id_ in kept)
    assert again.certificate.objective == best_total(listed, within)
    assert not verify(listed, pinned, again.places)


@given(st.sets(st.tuples(st.integers(0, 6), st.integers(0, 5)), min_size=1), st.integers(1, 4))
def test_enough_slots_are_enough_where_all_can_come(pairs, tables):
    listed = [meeting(f"need{n}", f"offer{o}") for n, o in pairs]
    slots = slots_needed(listed, tables)
    found = timetable(listed, frame(slots, tables))
    assert not found.unplaced
    if slots > 1:
        fewer = timetable(listed, frame(slots - 1, tables))
        assert fewer.unplaced, "and no fewer are"


@settings(max_examples=50)
@given(forums())
@example(([meeting("a", "b"), meeting("c", "d")], frame(1, 1)))
def test_each_remedy_is_enough(forum):
    listed, within = forum
    found = timetable(listed, within)
    by_code = {one.code: one.params["count"] for one in found.certificate.remedies}
    wider = timetable(listed, replace(within, tables=(*within.tables, "spare")))
    longer = timetable(listed, replace(within, slots=within.slots + 1))
    assert (
        by_code.get("more-tables", 0) <= len(wider.places) - len(found.places) or wider.certificate.objective
    )
    assert by_code.get("more-slots", 0) <= len(longer.places)
    for one in found.unplaced:
        for remedy in one.remedies:
            slot = remedy.params["slot"] - 1
            if remedy.code == "one-table":
                spare = len(within.tables)
                more = replace(within, tables=(*within.tables, "spare"))
                places = {**found.places, one.meeting: Place(slot, spare)}
            else:
                who = remedy.params["organization"]
                more = replace(within, absent={**within.absent, who: within.absent[who] - {slot}})
                used = {place.table for place in found.places.values() if place.slot == slot}
                table = min(set(range(len(within.tables))) - used)
                places = {**found.places, one.meeting: Place(slot, table)}
            assert not verify(listed, more, places)


def reason(listed, within):
    (left,) = timetable(listed, within).unplaced
    return str(left.reason), [str(one) for one in left.remedies]


def test_those_who_are_never_there_together_are_told_so():
    within = frame(2, absent={"a": frozenset({0}), "b": frozenset({1})})
    why, remedies = reason([meeting("a", "b")], within)
    assert why == "a and b can never come in the same slot."
    assert remedies == ["It is enough that a comes in slot 1.", "It is enough that b comes in slot 2."]


def test_full_tables_are_named_with_their_slots():
    listed = [meeting("a", "b", 9), meeting("c", "d", 9), meeting("e", "f")]
    why, remedies = reason(listed, frame(2, 1))
    assert why == "All tables are full in the slots in which e and f are free: 1, 2."
    assert remedies == ["One more table in slot 1 is enough."]


def test_busy_organization_needs_one_more_slot():
    listed = [meeting("a", "b", 9), meeting("a", "c", 9), meeting("a", "d")]
    found = timetable(listed, frame(2, 3))
    assert "one of them has another meeting" in str(found.unplaced[0].reason)
    assert [str(one) for one in found.certificate.remedies] == [
        "With one more slot, more meetings could take place: 1."
    ]


def test_more_wanted_meeting_goes_first():
    listed = [meeting("a", "b", 1), meeting("a", "c", 3), meeting("a", "d", 2)]
    assert set(timetable(listed, frame(2, 3)).places) == {"a-c", "a-d"}


def test_people_do_not_wait_without_need():
    listed = [meeting("a", "x"), meeting("b", "x"), meeting("a", "y"), meeting("c", "y")]
    found = timetable(listed, frame(6, 2))
    assert found.certificate.waits == 0
    assert max(place.slot for place in found.places.values()) == 1


def test_busy_organization_keeps_its_table():
    listed = [meeting("host", guest) for guest in "abcd"] + [meeting("e", "f"), meeting("e", "g")]
    found = timetable(listed, frame(4, 2))
    assert len({place.table for id_, place in found.places.items() if id_.startswith("host")}) == 1
    assert found.certificate.table_changes == 0


def test_nothing_new_is_put_into_what_is_over():
    listed = [meeting("a", "b"), meeting("a", "c"), meeting("a", "d")]
    within = frame(3, 3, over=1, fixed={"a-c": Place(0, 1)})
    found = timetable(listed, within)
    assert found.places["a-c"] == Place(0, 1)
    assert {found.places[id_].slot for id_ in ("a-b", "a-d")} == {1, 2}
    assert not verify(listed, within, found.places)


def test_hands_that_contradict_each_other_are_told_where():
    listed = [meeting("a", "b"), meeting("a", "c")]
    with pytest.raises(Infeasible) as caught:
        timetable(listed, frame(2, 2, fixed={"a-b": Place(0, 0), "a-c": Place(0, 1)}))
    assert [str(one) for one in caught.value.remedies] == ["a meets b in slot 1."]


LISTED = [meeting("a", "b"), meeting("a", "c"), meeting("d", "e")]
WITHIN = frame(2, 2, absent={"d": frozenset({1})}, fixed={"a-c": Place(1, 0)})


@pytest.mark.parametrize(
    ("moved", "told"),
    [
        ({"d-e": Place(0, 0)}, "In slot 1, table T1 is taken: a meets b there."),
        ({"d-e": Place(1, 1)}, "d cannot come in slot 2."),
        ({"a-b": Place(1, 1)}, "a meets c in slot 2."),
        ({"a-c": Place(0, 1)}, "This meeting was set by hand and is not where it was put."),
        ({"d-e": Place(0, 2)}, "There is no such slot or table."),
        ({"d-e": Place(2, 0)}, "There is no such slot or table."),
    ],
)
def test_every_clash_is_found_and_named(moved, told):
    places = {"a-b": Place(0, 0), "a-c": Place(1, 0), "d-e": Place(0, 1)}
    assert not verify(LISTED, WITHIN, places)
    (changed,) = moved
    clashes = verify(LISTED, WITHIN, {**places, **moved}, only=changed)
    assert told in [str(clash.message) for clash in clashes]


def test_place_in_what_is_over_is_a_clash():
    (clash,) = verify([meeting("a", "b")], frame(2, 1, over=1), {"a-b": Place(0, 0)})
    assert str(clash.message) == "Slot 1 is over."


def test_too_little_time_gives_a_timetable_and_how_far_it_may_be_from_the_best():
    """Three that all want to meet each other: the linear program halves them, chains and rounding do not."""
    listed = [meeting("a", "b", 2), meeting("b", "c", 2), meeting("a", "c", 2)]
    found = timetable(listed, frame(1, 3), seconds=0.0)
    assert not verify(listed, frame(1, 3), found.places)
    assert found.certificate.stage in ("rounded", "integer")
    assert found.certificate.objective == 2 <= found.certificate.bound
    assert timetable(listed, frame(1, 3)).certificate.gap == 0


def test_chains_make_room_where_no_slot_is_free_for_both(monkeypatch):
    """a is busy in slot 1 and b in slot 2: only a swap of the two slots among b's others lets them meet."""
    monkeypatch.setattr(solving, "_solve", None)
    listed = [meeting("a", "x", 3), meeting("y", "b", 3), meeting("y", "z", 3), meeting("a", "b", 1)]
    within = frame(2, 3, absent={"x": frozenset({1})})
    found = timetable(listed, within)
    assert len(found.places) == 4
    assert found.certificate.stage == "chains"
