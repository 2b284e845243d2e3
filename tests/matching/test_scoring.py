import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from matching.scoring import FEATURES, SCALE, Weights, score_pairs

features = arrays(np.float64, (7, len(FEATURES)), elements=st.floats(0, 1))


@given(features, features)
def test_parts_add_up_to_the_score_exactly(need_side, offer_side):
    scores = score_pairs(need_side, offer_side, Weights())
    assert (scores.parts.sum(axis=1) == scores.score).all()


@given(features, features)
def test_score_is_the_harmonic_mean_of_both_sides(need_side, offer_side):
    scores = score_pairs(need_side, offer_side, Weights())
    a, b = scores.need_side / SCALE, scores.offer_side / SCALE
    assert np.allclose(scores.score / SCALE, 2 * a * b / (a + b), atol=2e-4)


@given(features, features, st.integers(0, len(FEATURES) - 1))
def test_more_of_a_feature_never_lowers_the_score(need_side, offer_side, feature):
    less = score_pairs(need_side, offer_side, Weights()).score
    need_more, offer_more = need_side.copy(), offer_side.copy()
    need_more[:, feature] = offer_more[:, feature] = 1.0
    assert (score_pairs(need_more, offer_more, Weights()).score >= less).all()


def test_nothing_known_is_all_base():
    nothing = np.zeros((1, len(FEATURES)))
    scores = score_pairs(nothing, nothing, Weights(base=0.0))
    assert scores.score.tolist() == [SCALE // 2]
    assert scores.named_parts(0) == {"base": 0.5}


def test_parts_follow_the_weighted_features():
    one = np.zeros((1, len(FEATURES)))
    one[0, FEATURES.index("semantic")] = 1.0
    one[0, FEATURES.index("place")] = 0.5
    weights = Weights(need={"semantic": 2.0, "place": 2.0}, offer={"semantic": 2.0, "place": 2.0})
    parts = score_pairs(one, one, weights).named_parts(0)
    assert parts.keys() == {"base", "semantic", "place"}
    assert parts["semantic"] == pytest.approx(2 * parts["place"], abs=2e-4)


def test_taken_scores_keep_their_order():
    rng = np.random.default_rng(0)
    scores = score_pairs(rng.random((4, len(FEATURES))), rng.random((4, len(FEATURES))), Weights())
    assert scores.take(np.array([2, 0])).score.tolist() == [scores.score[2], scores.score[0]]
