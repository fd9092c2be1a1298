"""Losses on raw predictions, by log-sum-exp; they know no network and no label."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike
from scipy.special import expit, log_expit, log_softmax, logit, logsumexp, xlogy

from skdropout._core import tuning
from skdropout._core.buffers import Array, Shape

RAREST = 1e-6
"""The smallest probability or mean that a raw prediction is found for."""


class Loss(ABC):
    """A loss together with the link that turns raw predictions into what users see.

    A loss takes raw predictions `z` and targets `y`, both of shape (n, n_outputs).

    Attributes
    ----------
    out_activation : str
    reach : float
        The part of the largest number up to which `z` may go, as differences are taken of it; one
        where they are not.
    """

    out_activation: str
    reach: ClassVar[float] = 0.25

    @abstractmethod
    def per_sample(self, z: Array, y: Array) -> Array:
        """The loss of each row, summed over the outputs, of shape (n,)."""

    @abstractmethod
    def gradient(self, z: Array, y: Array, weight: Array, dz: Array, row: Array):
        """Write the derivative of the weighted sum of the rows' losses into `dz`.

        `weight` is a column, `row` scratch of its shape.
        """

    @abstractmethod
    def link(self, mean: Array) -> Array:
        """The raw predictions whose mean, or probability, is `mean`, of shape (..., n_outputs)."""

    @abstractmethod
    def average(self, draws: Array, weight: Array) -> Array:
        """The raw predictions whose mean, or probability, is the average of those of `draws`.

        `draws` have the shape (m, n, n_outputs), `weight` the shape (m, n, 1) and sums to one over
        the first axis.
        """

    def value(self, z: Array, y: Array, weight: Array | None = None) -> float:
        """The mean loss, weighted by `weight` of shape (n,) or not."""
        per_sample = self.per_sample(z, y)
        if weight is None:
            return float(per_sample.mean())
        return float((weight / weight.sum()).dot(per_sample))


class ClassLoss(Loss):
    """A loss of probabilities."""

    @abstractmethod
    def proba(self, z: Array) -> Array:
        """Probabilities of the classes."""

    @abstractmethod
    def log_proba(self, z: Array) -> Array:
        """Their logarithms, finite wherever `z` is."""


class NumberLoss(Loss):
    """A loss of means."""

    @abstractmethod
    def mean(self, z: Array) -> Array:
        """The predicted means."""


class RunningLoss:
    """The weighted sum of the losses of all rows of an epoch, many batches at a time.

    Parameters
    ----------
    loss : Loss
    n_outputs : int
    dtype : dtype
    stack : tuple of int, default=()
        The axis of several networks, ``(n_networks,)``, which all arrays have in front then.
    terms : callable, default=None
        ``terms(z, y)``, of shape (n,) or (n, n_terms), whose weighted sums are wanted, too.
    """

    def __init__(
        self,
        loss: Loss,
        n_outputs: int,
        dtype: DTypeLike,
        stack: Shape = (),
        terms: Callable[[Array, Array], Array] | None = None,
    ):
        self.loss, self._terms = loss, terms
        self._capacity = max(1, min(tuning.LOSS_ROWS, tuning.LOSS_NUMBERS // n_outputs))
        zyw = [np.empty((*stack, self._capacity, n), dtype) for n in (n_outputs, n_outputs, 1)]
        self._z, self._y, self._weight = zyw
        self._rows = [np.moveaxis(numbers, -2, 0) for numbers in zyw]  # the rows come first
        self._stack = stack
        self._n_rows = 0
        self._sizes: list[int] = []
        self._factors: list[float | Array] = []
        self._total: Any = self._nothing()
        self._sums: Any = self._nothing()

    def add(self, z: Array, y: Array, weight: Array, factor: float | Array):
        """Add a batch, whose rows weigh ``factor weight``, a column."""
        n_rows = z.shape[-2]
        if n_rows > self._capacity:
            for first in range(0, n_rows, self._capacity):
                part = slice(first, first + self._capacity)
                self.add(z[..., part, :], y[..., part, :], weight[..., part, :], factor)
            return
        if self._n_rows + n_rows > self._capacity:
            self._settle()
        here = slice(self._n_rows, self._n_rows + n_rows)
        if self._stack:
            z, y, weight = z.swapaxes(0, 1), y.swapaxes(0, 1), weight.swapaxes(0, 1)
        all_z, all_y, all_weight = self._rows
        all_z[here] = z
        all_y[here] = y
        all_weight[here] = weight
        self._sizes.append(n_rows)
        self._factors.append(factor)
        self._n_rows += n_rows

    def pop(self) -> tuple[Any, Any]:
        """The sums since the last call: of the losses, a number for each network, and the terms."""
        self._settle()
        total, self._total = self._total, self._nothing()
        sums, self._sums = self._sums, self._nothing()
        return total, sums

    def _nothing(self) -> Any:
        return [0.0] * self._stack[0] if self._stack else [0.0]

    def _settle(self):
        rows, sizes = slice(self._n_rows), np.array(self._sizes, int)
        factors = np.array(self._factors, float)  # so that sums of large weights are finite
        factors = factors.repeat(sizes, axis=0)
        if not self._stack:
            z, y, weight = self._z[rows], self._y[rows], self._weight[rows, 0] * factors
            self._total[0] += float(weight.dot(self.loss.per_sample(z, y)))
            if self._terms is not None:
                self._sums[0] += weight.dot(self._terms(z, y))
        else:
            z, y = (a[:, rows].reshape(-1, a.shape[-1]) for a in (self._z, self._y))
            weights = np.multiply(self._weight[:, rows, 0], factors.T, order="C")
            per_sample = self.loss.per_sample(z, y).reshape(weights.shape)
            terms = None if self._terms is None else self._terms(z, y)
            for i, weight in enumerate(weights):
                self._total[i] += float(weight.dot(per_sample[i]))
                if terms is not None:
                    own = slice(i * self._n_rows, (i + 1) * self._n_rows)
                    self._sums[i] += weight.dot(terms[own])
        self._n_rows = 0
        self._sizes, self._factors = [], []


class SoftmaxCrossEntropy(ClassLoss):
    """``-sum_k y_k log softmax(z)_k``, where the `y_k` of a row sum to one.

    With ``u = z - max(z)`` it is ``log(sum_k exp(u_k)) - sum_k y_k u_k``; its derivative is
    ``softmax(z) - y``.
    """

    out_activation = "softmax"

    def per_sample(self, z, y):
        u, largest = np.empty(z.shape, z.dtype), np.empty((len(z), 1), z.dtype)
        np.subtract(z, find_largest(z, largest, tmp=u), out=u)
        return np.log(np.einsum("ij->i", np.exp(u))) - np.einsum("ij,ij->i", y, u)

    def gradient(self, z, y, weight, dz, row):
        u = np.subtract(z, find_largest(z, row, tmp=dz), out=dz)
        np.exp(u, out=dz)
        np.einsum("ij->i", dz, out=row[:, 0])
        dz /= row
        dz -= y
        dz *= weight

    def link(self, mean):
        return np.log(np.maximum(mean, RAREST))

    def average(self, draws, weight):
        return logsumexp(log_softmax(draws, axis=-1), b=weight, axis=0)

    def proba(self, z):
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return p

    def log_proba(self, z):
        return _log_where_large(self.proba(z), log_softmax(z, axis=1))


class LogisticCrossEntropy(ClassLoss):
    """``-y log s(z) - (1 - y) log(1 - s(z))``, `s` the logistic function, summed over the outputs.

    It is ``z ([z > 0] - y) + log(1 + exp(-|z|))``, whose terms do not cancel where `y` is 0 or 1,
    and its derivative is ``s(z) - y``.
    """

    out_activation = "logistic"

    def per_sample(self, z, y):
        return (z * ((z > 0) - y) - log_expit(np.abs(z))).sum(axis=1)

    def gradient(self, z, y, weight, dz, row):
        expit(z, out=dz)
        dz -= y
        dz *= weight

    def link(self, mean):
        return logit(np.clip(mean, RAREST, 1.0 - RAREST))

    def average(self, draws, weight):
        yes, no = (logsumexp(log_expit(z), b=weight, axis=0) for z in (draws, -draws))
        return yes - no

    def proba(self, z):
        return expit(z)

    def log_proba(self, z):
        return _log_where_large(self.proba(z), log_expit(z))


class BrierScore(LogisticCrossEntropy):
    """``sum_k (s(z_k) - y_k)^2 / 2``, `s` the logistic function; its derivative is ``(s - y) s'``.

    Half the score of G. Brier, "Verification of forecasts expressed in terms of probability",
    Monthly Weather Review 78, 1950. With ``s' = s(z) s(-z)``.
    """

    def per_sample(self, z, y):
        return 0.5 * np.square(expit(z) - y).sum(axis=1)

    def gradient(self, z, y, weight, dz, row):
        p = factor = row[:, 0]  # column by column, in the scratch that there is
        for z_k, y_k, dz_k in zip(z.T, y.T, dz.T, strict=True):
            np.subtract(expit(z_k, out=p), y_k, out=dz_k)
            dz_k *= p
            dz_k *= expit(np.negative(z_k, out=factor), out=factor)
        dz *= weight


class BrierScoreOfMany(BrierScore):
    """The same for classes of which one is right, with probabilities ``s(z_k) / sum_j s(z_j)``.

    They are the softmax of ``log s(z)``.
    """

    def average(self, draws, weight):
        log_p = logsumexp(log_softmax(log_expit(draws), axis=-1), b=weight, axis=0)
        rest = -np.expm1(log_p)
        return log_p - np.log(np.maximum(rest, np.finfo(rest.dtype).tiny))

    def proba(self, z):
        return CLASS_LOSSES["softmax"].proba(log_expit(z))

    def log_proba(self, z):
        return CLASS_LOSSES["softmax"].log_proba(log_expit(z))


class SquaredError(NumberLoss):
    """``sum_k (z_k - y_k)^2 / 2``; its derivative is ``z - y``."""

    out_activation = "identity"
    reach = 1.0

    def per_sample(self, z, y):
        return 0.5 * np.square(z - y).sum(axis=1)

    def gradient(self, z, y, weight, dz, row):
        np.subtract(z, y, out=dz)
        dz *= weight

    def link(self, mean):
        return mean

    def average(self, draws, weight):
        return (draws * weight).sum(axis=0)

    def mean(self, z):
        return z


class PoissonDeviance(NumberLoss):
    """``sum_k exp(z_k) - y_k z_k + y_k log(y_k) - y_k``; its derivative is ``exp(z) - y``.

    Half the Poisson deviance of the mean ``exp(z)``.
    """

    out_activation = "exp"

    def per_sample(self, z, y):
        return (np.exp(z) - y * z + xlogy(y, y) - y).sum(axis=1)

    def gradient(self, z, y, weight, dz, row):
        np.exp(z, out=dz)
        dz -= y
        dz *= weight

    def link(self, mean):
        return np.log(np.where(mean > 0, mean, RAREST))

    def average(self, draws, weight):
        return logsumexp(draws, b=weight, axis=0)

    def mean(self, z):
        largest = np.floor(np.log(np.finfo(z.dtype).max))  # whose power is a number
        return np.exp(np.minimum(z, largest))


def find_largest(z: Array, largest: Array, tmp: Array) -> Array:
    """Write the largest number of each row into the column `largest`; `tmp` is contiguous scratch.

    With few columns NumPy takes a tenth of the time for the maximum over the first axis.
    """
    columns = tmp.reshape(z.shape[::-1])
    columns[:] = z.T
    np.maximum.reduce(columns, axis=0, out=largest[:, 0])
    return largest


def _log_where_large(p, log_p):
    """``log(p)`` where `p` is large, so that both tell the same to the last digit."""
    return np.log(p, out=log_p, where=p > 0.5)


CLASS_LOSSES: dict[str, ClassLoss] = {
    "softmax": SoftmaxCrossEntropy(),
    "logistic": LogisticCrossEntropy(),
    "brier": BrierScore(),
    "brier_of_many": BrierScoreOfMany(),
}
"""Cross-entropies by the activation of the outputs, and squared errors."""

NUMBER_LOSSES: dict[str, NumberLoss] = {
    "squared_error": SquaredError(),
    "poisson": PoissonDeviance(),
}
"""By the names that the regressor's `loss` takes."""
