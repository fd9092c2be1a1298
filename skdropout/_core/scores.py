"""Scores of raw predictions from sums over rows, batch by batch; they know no network."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from skdropout._core.buffers import Array
from skdropout._core.losses import NumberLoss


class RunningScore(Protocol):
    """A score that is found from sums over rows, many batches at a time."""

    def terms(self, z: Array, y: Array) -> Array:
        """What is summed up, of shape (n, n_terms), for raw predictions and targets."""

    def value(self, sums: Array, weight: float) -> float:
        """The score, given the weighted sums of the terms, and the sum of the weights."""


@dataclass(frozen=True)
class Accuracy:
    """The part of the rows whose class, or all of whose labels, are right.

    Parameters
    ----------
    one_of_many : bool
        Whether there is an output for each class, and not one for each answer of yes or no.
    """

    one_of_many: bool

    def terms(self, z: Array, y: Array) -> Array:
        """Whether each row is right, of shape (n, 1)."""
        if self.one_of_many:
            return (z.argmax(axis=1) == y.argmax(axis=1))[:, np.newaxis]
        right = (z > 0.0) == (y > 0.5)
        return right if right.shape[1] == 1 else right.all(axis=1, keepdims=True)

    def value(self, sums: Array, weight: float) -> float:
        """The part that is right."""
        return float(sums[0]) / weight


@dataclass(frozen=True)
class R2:
    """The coefficient of determination, the mean over the outputs.

    Parameters
    ----------
    loss : NumberLoss
        Makes means of raw predictions.
    """

    loss: NumberLoss

    def terms(self, z: Array, y: Array) -> Array:
        """Targets, their squares and the squared errors, of shape (n, 3 n_outputs)."""
        y = y.astype(np.float64)
        return np.concatenate((y, np.square(y), np.square(y - self.loss.mean(z))), axis=1)

    def value(self, sums: Array, weight: float) -> float:
        """``1 - (sum of squared errors) / (sum of squares about the mean)``; NaN for constants."""
        y, squares, errors = sums.reshape(3, -1)
        about_mean = squares - np.square(y) / weight
        ratio = np.divide(errors, about_mean, out=np.full(len(y), np.nan), where=about_mean > 0.0)
        return 1.0 - float(ratio.mean())
