"""Losses on raw predictions, by log-sum-exp; they know no network and no label.

A loss takes the raw predictions `z`, targets `y` of the same shape and a column `weight` that sums
to one over the batch. Its value is the weighted mean over the rows of the sum over the outputs.
"""

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax, xlogy

from skdropout._buffers import Array


class Loss:
    """A loss together with the link that turns raw predictions into what users see.

    A loss for classes has ``proba(z)`` and ``log_proba(z)``, which is finite wherever `z` is; a
    loss for numbers has ``mean(z)``.
    """

    out_activation: str

    def value_and_gradient(self, z: Array, y: Array, weight: Array, dz: Array, row: Array) -> float:
        """Return the loss and write its derivative into `dz`; `z` and `row` are used up."""
        raise NotImplementedError

    def value(self, z: Array, y: Array, weight: Array | None = None) -> float:
        """Return the weighted mean loss; changes nothing. `weight` : (n_rows,) or None."""
        n_rows = len(z)
        weight = np.ones(n_rows, z.dtype) if weight is None else weight
        shares = (weight / weight.sum()).astype(z.dtype).reshape(n_rows, 1)
        row = np.empty((n_rows, 1), z.dtype)
        return self.value_and_gradient(z.copy(), y, shares, np.empty_like(z), row)


class SoftmaxCrossEntropy(Loss):
    """``-sum_k y_k log softmax(z)_k``, where the `y_k` of a row sum to one.

    With ``u = z - max(z)`` and ``s = sum_k exp(u_k)`` it is ``log(s) - sum_k y_k u_k``, and its
    derivative is ``exp(u) / s - y``.
    """

    out_activation = "softmax"

    def value_and_gradient(self, z, y, weight, dz, row):
        u = np.subtract(z, z.max(axis=1, keepdims=True, out=row), out=z)
        np.exp(u, out=dz)
        dz /= dz.sum(axis=1, keepdims=True, out=row)
        dz -= y
        dz *= weight
        log_s = np.log(row, out=row)
        u *= y
        u *= weight
        return float(np.vdot(weight, log_s) - u.sum())

    def proba(self, z):
        return softmax(z, axis=1)

    def log_proba(self, z):
        return _log_where_large(self.proba(z), log_softmax(z, axis=1))


class LogisticCrossEntropy(Loss):
    """``-y log s(z) - (1 - y) log(1 - s(z))``, `s` the logistic function, summed over the outputs.

    It is ``z ([z > 0] - y) + log(1 + exp(-|z|))``, whose terms do not cancel where `y` is 0 or 1,
    and its derivative is ``s(z) - y``.
    """

    out_activation = "logistic"

    def value_and_gradient(self, z, y, weight, dz, row):
        linear = np.greater(z, 0.0, out=dz)
        linear -= y
        linear *= z
        linear *= weight
        value = linear.sum()
        rest = np.exp(np.copysign(z, -1.0, out=dz), out=dz)
        np.log1p(rest, out=rest)
        rest *= weight
        value += rest.sum()
        expit(z, out=dz)
        dz -= y
        dz *= weight
        return float(value)

    def proba(self, z):
        return expit(z)

    def log_proba(self, z):
        return _log_where_large(self.proba(z), log_expit(z))


class SquaredError(Loss):
    """``sum_k (z_k - y_k)^2 / 2``; its derivative is ``z - y``."""

    out_activation = "identity"

    def value_and_gradient(self, z, y, weight, dz, row):
        error = np.subtract(z, y, out=dz)
        squares = np.square(error, out=z)
        squares *= weight
        error *= weight
        return 0.5 * float(squares.sum())

    def mean(self, z):
        return z


class PoissonDeviance(Loss):
    """``sum_k exp(z_k) - y_k z_k + y_k log(y_k) - y_k``; its derivative is ``exp(z) - y``.

    Half the Poisson deviance of the mean ``exp(z)``.
    """

    out_activation = "exp"

    def value_and_gradient(self, z, y, weight, dz, row):
        excess = np.exp(z, out=dz)
        excess -= y
        z *= y
        z -= xlogy(y, y)
        z *= weight
        excess *= weight
        return float(excess.sum() - z.sum())

    def mean(self, z):
        return np.exp(z)


def _log_where_large(p, log_p):
    """``log(p)`` where `p` is large, so that both tell the same to the last digit."""
    return np.log(p, out=log_p, where=p > 0.5)


LOSSES = {
    loss.out_activation: loss
    for loss in (SoftmaxCrossEntropy(), LogisticCrossEntropy(), SquaredError(), PoissonDeviance())
}
OUT_ACTIVATIONS = {"squared_error": "identity", "poisson": "exp"}
"""What the names of the regressor's losses stand for."""
