"""Standardised coordinates: a network inside them, and the same network for the data as given."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from skdropout._core.buffers import Array
from skdropout._network.network import Network


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

    def inside(self, network: Network) -> Network:
        """A network inside that predicts as `network` does outside."""
        inner = self.take_inputs(network)
        _move_outputs(inner, -self.y_mean / self.y_scale, 1.0 / self.y_scale)
        return inner if inner.dtype == self.dtype else inner.copy(self.dtype)

    def to_outside(self, network: Network, out: Network):
        """Write the network that predicts outside as `network` does inside into `out`."""
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
