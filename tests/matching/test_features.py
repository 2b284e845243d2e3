from datetime import date, timedelta

import numpy as np
import pytest

from matching.candidates import Candidates
from matching.features import (
    TrackRecord,
    amount_fit,
    concepts,
    evidence,
    freshness,
    nearness,
    pair_features,
)
from matching.profiles import Cooperation
from matching.scoring import FEATURES
from tests.builders import line, money, need, offer, organization

TODAY = date(2022, 3, 1)


def cooperation(taker, giver):
    return Cooperation(id=f"{taker}{giver}", need_organization=taker, offer_organization=giver)


@pytest.mark.parametrize(
    ("needed", "offered", "expected"),
    [
        (money(1000), money(500), 0.5),
        (money(1000), money(5000), 1.0),
        (money(1000), money(5000, cheque_max=250), 0.25),
        (money(1000), money(5000, "RUB"), 0.0),
        (money(1000, labour=200), line("staff", 10, "hour", worth=100), 0.5),
    ],
)
def test_amount_fit_is_the_share_the_offer_could_carry(needed, offered, expected):
    assert amount_fit(need("n", needed), offer("o", offered)) == expected


def places(*codes):
    return frozenset(codes)


def test_nearness_falls_with_the_narrowest_common_place():
    assert nearness(places("dongchangfu"), places("dongchangfu")) == 1.0
    same_city = nearness(places("dongchangfu"), places("chiping"))
    same_province = nearness(places("dongchangfu"), places("shandong"))
    same_country = nearness(places("dongchangfu"), places("kaifeng"))
    assert 1.0 > same_city > same_province > same_country > 0
    assert nearness(places("dongchangfu"), places("serpukhov")) == 0
    assert nearness(places(), places("kaifeng")) == 0
    assert nearness(places("serpukhov", "kaifeng"), places("kaifeng")) == 0.8


def test_freshness_halves_in_ninety_days():
    assert freshness(need(published=TODAY), TODAY) == 1
    assert freshness(need(published=TODAY - timedelta(days=90)), TODAY) == pytest.approx(0.5)
    assert freshness(need(published=TODAY + timedelta(days=9)), TODAY) == 1
    assert freshness(need(), TODAY) == 0


def test_track_record_grows_with_cooperations_and_with_having_met():
    a_need, an_offer = need("n"), offer("o")
    none = TrackRecord([])
    some = TrackRecord([cooperation("x", "org-o")])
    met = TrackRecord([cooperation("org-n", "org-o")])
    assert none.of_giver(a_need, an_offer) == 0
    assert 0 < some.of_giver(a_need, an_offer) < met.of_giver(a_need, an_offer) <= 1


def test_offers_side_sees_the_rating_of_the_receiver():
    rated = need("n", organization=organization("a", rating=5))
    record = TrackRecord([])
    assert record.of_receiver(need("n"), offer()) == 0
    assert record.of_receiver(rated, offer()) == pytest.approx(0.6)


def one_pair(a_need, an_offer, cooperations=()):
    pair = Candidates(
        np.array([0]), np.array([0]), np.array([0.7]), np.array([0.1]), np.array([0.4]), np.array([0.5])
    )
    need_side, offer_side = pair_features([a_need], [an_offer], pair, cooperations, TODAY)
    return dict(zip(FEATURES, need_side[0], strict=True)), dict(zip(FEATURES, offer_side[0], strict=True))


def test_each_side_sees_its_own_preference_and_the_others_freshness():
    a_need = need("n1", preferences=("o9", "o1"), published=TODAY)
    an_offer = offer("o1", goals=frozenset({"sdg-1"}))
    need_side, offer_side = one_pair(a_need, an_offer)
    assert (need_side["semantic"], need_side["lexical"], need_side["concept"]) == (0.7, 0.1, 0.4)
    assert (need_side["preference"], offer_side["preference"]) == (0.5, 0)
    assert (need_side["freshness"], offer_side["freshness"]) == (0, 1)
    assert need_side["goals"] == 0


def test_shared_goals_count():
    both = frozenset({"sdg-1", "sdg-3"})
    need_side, _ = one_pair(need("n", goals=both), offer("o", goals=frozenset({"sdg-3"})))
    assert need_side["goals"] == 1


def test_no_pairs_give_empty_features():
    nothing = Candidates(*(np.zeros(0, np.int64) for _ in range(2)), *(np.zeros(0) for _ in range(4)))
    need_side, _ = pair_features([], [], nothing, [], TODAY)
    assert need_side.shape == (0, len(FEATURES))


def codes(messages):
    return [message.code for message in messages]


def test_evidence_names_what_both_share():
    theme, group = frozenset({"health"}), frozenset({"elderly"})
    a_need = need("n1", themes=theme, groups=group, places=places("kaifeng"))
    an_offer = offer("o1", preferences=("n1",), places=places("kaifeng"))
    record = TrackRecord([cooperation("org-n1", "org-o1")])
    assert codes(evidence(a_need, an_offer, 0.9, record)) == [
        "similar-meaning",
        "same-place",
        "met-before",
        "ranked",
    ]
    alike = offer("o2", themes=theme, groups=group)
    assert codes(evidence(a_need, alike, 0.2, TrackRecord([]))) == ["same-theme", "same-group"]


def test_stated_themes_stand_before_those_the_text_mentions():
    text = "We dig wells for clean drinking water"
    assert concepts(need("n", text=text))["themes"] == {"water-sanitation"}
    assert concepts(need("n", text=text, themes=frozenset({"health"})))["themes"] == {"health"}
