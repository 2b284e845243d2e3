"""Weights learned from decisions: logistic regression that starts from what is known and moves with evidence.

With few decisions plain logistic regression overshoots; this one is shrunk towards the prior weights, not
towards zero, so that it may be used from the first decision on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from matching.scoring import FEATURES, Weights

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

ENOUGH_TO_CALIBRATE = 1_000
"""Decisions from which the probabilities are calibrated as well; with fewer, isotonic regression overfits."""

_SETTLED = 1e-10


class AcceptanceModel:
    """How likely one side is to accept a pair, given the features it sees.

    `prior` are weights by feature and `base` the intercept to start from, `strength` how many decisions'
    worth of trust they have: the objective is −log-likelihood + strength/2 · ‖w − prior‖². After `fit`,
    `weights_` has the learned weights, `base_` the intercept.
    """

    def __init__(self, prior: Weights | None = None, side: str = "need", strength: float = 2.0) -> None:
        self.prior = prior
        self.side = side
        self.strength = strength

    def fit(self, features: ArrayLike, accepted: ArrayLike) -> Self:
        """Learn from n decisions: `features` (n, len(FEATURES)) in [0, 1], `accepted` (n,) of 0 and 1."""
        prior = self.prior or Weights()
        given = prior.need if self.side == "need" else prior.offer
        start = np.array([prior.base, *(given.get(name, 0.0) for name in FEATURES)])
        seen = np.asarray(features, dtype=np.float64).reshape(-1, len(FEATURES))
        x = np.column_stack([np.ones(len(seen)), seen])
        y = np.asarray(accepted, dtype=np.float64)
        w = start.copy()
        move = np.full_like(w, np.inf)
        while np.abs(move).max() > _SETTLED:  # Newton's method: the objective is smooth and strictly convex
            p = _sigmoid(x @ w)
            slope = x.T @ (p - y) + self.strength * (w - start)
            curvature = (x * (p * (1 - p))[:, None]).T @ x + self.strength * np.eye(len(w))
            move = np.linalg.solve(curvature, slope)
            while self._loss(x, y, w - move, start) > self._loss(x, y, w, start) + _SETTLED:
                move /= 2
            w -= move
        self.base_ = float(w[0])
        self.weights_ = {name: float(value) for name, value in zip(FEATURES, w[1:], strict=True)}
        self._calibration = None
        if len(y) >= ENOUGH_TO_CALIBRATE:
            from sklearn.isotonic import IsotonicRegression

            self._calibration = IsotonicRegression(y_min=0.001, y_max=0.999, out_of_bounds="clip")
            self._calibration.fit(_sigmoid(x @ w), y)
        return self

    def predict(self, features: ArrayLike) -> Floats:
        """The probability that each of m pairs is accepted: shape (m,)."""
        seen = np.asarray(features, dtype=np.float64).reshape(-1, len(FEATURES))
        weights = np.array([self.weights_[name] for name in FEATURES])
        likely = _sigmoid(self.base_ + seen @ weights)
        if self._calibration is None:
            return likely
        calibrated: Floats = self._calibration.predict(likely)
        return calibrated

    def _loss(self, x: Floats, y: Floats, w: Floats, start: Floats) -> float:
        z = x @ w
        return float(np.logaddexp(0, z).sum() - y @ z + self.strength / 2 * ((w - start) ** 2).sum())


def _sigmoid(z: Floats) -> Floats:
    likely: Floats = 1 / (1 + np.exp(-z))
    return likely
