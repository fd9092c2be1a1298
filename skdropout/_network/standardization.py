"""Standardised coordinates: rows and networks inside them, and the same network outside."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from skdropout._core import tuning
from skdropout._core.buffers import Array, pieces
from skdropout._network.network import Network

BLOCK = 1 << 17
"""Numbers that are measured or standardised at once, in double precision."""

FAR = 1e290
"""Means from which on the distance of a number to them may be no number any more."""


@dataclass(frozen=True)
class Standardization:
    """Where the data are centred and how they are scaled.

    A network inside takes ``(x - mean) / scale`` and predicts ``(y - y_mean) / y_scale``; outside
    the same network takes `x` and predicts `y`.

    Attributes
    ----------
    mean, scale : ndarray of shape (n_features,)
    y_mean, y_scale : ndarray of shape (n_outputs,)
        Zeros and ones for labels, and for numbers with a loss that has a scale of its own.
    dtype : dtype
        That of the data and the network inside.
    """

    mean: Array
    scale: Array
    y_mean: Array
    y_scale: Array
    dtype: DTypeLike

    @np.errstate(over="ignore", invalid="ignore")
    def inside(self, network: Network) -> Network:
        """A network inside that predicts as `network` does outside."""
        inner = self.take_inputs(network)
        _move_outputs(inner, -self.y_mean / self.y_scale, 1.0 / self.y_scale)
        return inner if inner.dtype == self.dtype else inner.copy(self.dtype)

    @np.errstate(over="ignore", invalid="ignore")
    def to_outside(self, network: Network, out: Network):
        """Write the network that predicts outside as `network` does inside into `out`.

        Its parameters are infinite where a unit is beyond what its type can hold.
        """
        out.memory[:] = network.memory
        _move_inputs(out, self.mean, self.scale)
        _move_outputs(out, self.y_mean, self.y_scale)

    def take_inputs(self, network: Network) -> Network:
        """A network that takes inputs inside and predicts outside, as `network` does."""
        inner = network.copy()
        _move_inputs(inner, -self.mean / self.scale, 1.0 / self.scale)
        return inner


def _move_inputs(network: Network, mean: Array, scale: Array):
    """Let a network for ``(x - mean) / scale`` take `x` itself, in place.

    ``(x - mean) / scale W = x (W / scale) - mean (W / scale)``; the second part goes into the bias
    or, as batch normalisation takes a bias away again, into the mean that it subtracts.
    """
    dtype = network.dtype
    W = network.weights[0]
    exact = W.astype(np.float64) / scale.reshape(-1, 1)
    shift = mean.dot(exact)
    W[:] = exact.astype(dtype)
    if network.is_normalised(0):
        running_mean = network.statistics["mean0"]
        running_mean += shift.astype(dtype)
    else:
        network.biases[0] -= shift.astype(dtype)


def _move_outputs(network: Network, mean: Array, scale: Array):
    """Let a network whose predictions are `z` predict ``mean + scale z``, in place."""
    W, b = network.weights[-1], network.biases[-1]
    W *= scale.astype(network.dtype)
    b *= scale.astype(network.dtype)
    b += mean.astype(network.dtype)


class StandardizedRows:
    """``(X - mean) / scale``, worked out in double precision for the rows that are asked for.

    It can do what a training asks of an array.

    Parameters
    ----------
    X : ndarray of shape (n, n_columns)
        Of any type of numbers; nothing is written into it.
    mean, scale : ndarray of shape (n_columns,)
    dtype : dtype
        That of the standardised rows.
    """

    def __init__(self, X: Array, mean: Array, scale: Array, dtype: DTypeLike):
        self.X = X
        self.mean = mean
        self.scale = scale
        self.is_far = bool(np.abs(mean).max(initial=0.0) > FAR)
        self.shape, self.size = X.shape, X.size
        self.dtype = np.dtype(dtype)

    def __getitem__(self, rows: slice | Array) -> Array:
        """Some of the rows, as an array."""
        if not isinstance(rows, slice):
            return self.take(rows)
        X = self.X[rows]
        out = np.empty(X.shape, self.dtype)
        n_rows = max(1, BLOCK // X.shape[1])
        for block in pieces(len(X), n_rows):
            self._standardize(X[block], out[block])
        return out

    def take(
        self, rows: Array, axis: int = 0, out: Array | None = None, mode: Any = "raise"
    ) -> Array:
        """The rows of these numbers, with one more axis in front where the numbers have two."""
        if out is None:
            out = np.empty((*rows.shape, self.shape[1]), self.dtype)
        n_rows = max(1, BLOCK // out[0].size) if len(rows) else 1
        for block in pieces(len(rows), n_rows):
            self._standardize(self.X.take(rows[block], axis=axis, mode=mode), out[block])
        return out

    def _standardize(self, X: Array, out: Array):
        """What is further away than the type has numbers for stays at its largest number."""
        try:
            with np.errstate(over="raise"):
                self._divide(X, out)
        except FloatingPointError:
            with np.errstate(over="ignore"):
                self._divide(X, out)
            largest = np.finfo(self.dtype).max
            np.clip(out, -largest, largest, out=out)

    def _divide(self, X: Array, out: Array):
        if self.is_far:  # half of the distance is a number
            np.divide(0.5 * X - 0.5 * self.mean, self.scale, out=out, casting="same_kind")
            out *= 2.0
        else:
            np.divide(X - self.mean, self.scale, out=out, casting="same_kind")


def standardize_rows(
    X: Array, mean: Array, scale: Array, dtype: DTypeLike
) -> Array | StandardizedRows:
    """Standardised rows: few as a copy, many worked out whenever they are read."""
    rows = StandardizedRows(X, mean, scale, dtype)
    return rows[:] if X.size <= tuning.COPIED_NUMBERS else rows
