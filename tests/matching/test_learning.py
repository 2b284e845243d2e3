import numpy as np
import pytest

from matching.learning import ENOUGH_TO_CALIBRATE, AcceptanceModel
from matching.scoring import FEATURES, Weights

TRUTH = Weights(need={"semantic": 4.5, "concept": 0.8, "amount": 1.6, "place": 0.9}, base=-3.2)


def decisions(count, seed):
    rng = np.random.default_rng(seed)
    features = rng.random((count, len(FEATURES)))
    likely = 1 / (1 + np.exp(-(TRUTH.base + features @ TRUTH.arrays()[0])))
    return features, (rng.random(count) < likely).astype(float)


def log_loss(model, seed=999):
    features, accepted = decisions(4000, seed)
    likely = np.clip(model.predict(features), 1e-9, 1 - 1e-9)
    return -float(np.mean(accepted * np.log(likely) + (1 - accepted) * np.log(1 - likely)))


def mean_loss(count, strength):
    return np.mean(
        [log_loss(AcceptanceModel(strength=strength).fit(*decisions(count, seed))) for seed in range(8)]
    )


def test_nothing_decided_leaves_the_prior():
    model = AcceptanceModel().fit(np.zeros((0, len(FEATURES))), [])
    assert model.weights_ == pytest.approx(dict(Weights().need))
    assert model.base_ == Weights().base


def test_few_decisions_do_not_make_it_worse_and_many_make_it_better():
    prior = log_loss(AcceptanceModel().fit(np.zeros((0, len(FEATURES))), []))
    few, many = mean_loss(20, 2.0), mean_loss(300, 2.0)
    assert few < prior
    assert many < few


def test_without_shrinking_few_decisions_overshoot():
    assert mean_loss(20, 1e-6) > 1.5 * mean_loss(20, 2.0)


def test_each_side_learns_from_its_own_prior():
    nothing = np.zeros((0, len(FEATURES)))
    assert AcceptanceModel(side="offer").fit(nothing, []).weights_ == pytest.approx(dict(Weights().offer))


def test_weights_move_towards_the_evidence():
    features = np.zeros((50, len(FEATURES)))
    features[:, FEATURES.index("place")] = 1
    model = AcceptanceModel().fit(features, np.ones(50))
    assert model.weights_["place"] > Weights().need["place"]
    assert model.weights_["semantic"] == pytest.approx(Weights().need["semantic"])


def test_probabilities_are_calibrated_from_a_thousand_decisions_on():
    model = AcceptanceModel().fit(*decisions(ENOUGH_TO_CALIBRATE, 1))
    assert len(np.unique(model.predict(decisions(500, 2)[0]))) < 200, "isotonic regression gives steps"
    model = AcceptanceModel().fit(*decisions(ENOUGH_TO_CALIBRATE - 1, 1))
    assert len(np.unique(model.predict(decisions(500, 2)[0]))) == 500


def test_learned_weights_score_pairs():
    model = AcceptanceModel().fit(*decisions(100, 3))
    assert Weights(need=model.weights_, base=model.base_).arrays()[0].shape == (len(FEATURES),)
