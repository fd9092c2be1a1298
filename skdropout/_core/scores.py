"""Scores of raw predictions from sums over rows, batch by batch; they know no network."""

from dataclasses import dataclass
from math import nan
from typing import Protocol

import numpy as np

from skdropout._core.buffers import Array
from skdropout._core.losses import NumberLoss


class RunningScore(Protocol):
    """A score that is found from sums over rows, many batches at a time."""

    def terms(self, z: Array, y: Array) -> Array:
        """What is summed up, of shape (n,) or (n, n_terms), for raw predictions and targets."""

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
        """One for each row that is right, of shape (n,)."""
        if self.one_of_many:
            right = z.argmax(axis=1) == y.argmax(axis=1)
        elif z.shape[1] == 1:
            right = (z[:, 0] > 0.0) == (y[:, 0] > 0.5)
        else:
            right = ((z > 0.0) == (y > 0.5)).all(axis=1)
        return right.astype(np.float64)

    def value(self, sums: Array, weight: float) -> float:
        """The part that is right."""
        return float(sums) / weight


@dataclass(frozen=True)
class R2:
    """The coefficient of determination, the mean over the outputs.

    Parameters
    ----------
    loss : NumberLoss
        Makes means of raw predictions.
    variance : ndarray of shape (n_outputs,)
        That of the targets.
    """

    loss: NumberLoss
    variance: Array

    def terms(self, z: Array, y: Array) -> Array:
        """The squared errors, of shape (n, n_outputs)."""
        return np.square(y - self.loss.mean(z))

    def value(self, sums: Array, weight: float) -> float:
        """``1 - (mean squared error) / variance``; NaN for constants, and beyond float64."""
        if not (self.variance.all() and np.isfinite(self.variance).all()):
            return nan
        return 1.0 - float(np.mean(sums / self.variance)) / weight
