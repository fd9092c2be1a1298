"""Sparse rows as the inputs of a network: the first layer, and what is dropped of them.

A sparse batch is a new object each time, so it cannot lie in the work space.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from skdropout._core.buffers import Array
from skdropout._network.windows import Window
from skdropout.dropout import DropoutScheme


class SparseRows:
    """The inputs of a batch in sparse rows, of shape (n, i): `matrix`, a new one for each."""

    __slots__ = ("matrix",)
    matrix: csr_array


@dataclass(eq=False, slots=True)
class SparseDense:
    """``y = x W + b`` for inputs in sparse rows, and for the units that are kept.

    The derivative of the rest is zero.
    """

    x: SparseRows
    y: Array  # (n, kept units)
    dy: Array  # (n, kept units)
    W: Array  # (i, u)
    b: Array | None  # (u,)
    dW: Array  # (i, u)
    db: Array | None  # (u,)
    ones: Array  # (n,)
    units: Window

    def forward(self):
        y = self.x.matrix @ self.W
        if self.b is not None:
            y += self.b
        for at, units in self.units.parts:
            self.y[:, at] = y[:, units]

    def backward(self):
        dW = self.x.matrix.T @ self.dy
        for rest in self.units.rest:
            self.dW[:, rest] = 0.0
        for at, units in self.units.parts:
            self.dW[:, units] = dW[:, at]
        if self.db is not None:
            for rest in self.units.rest:
                self.db[rest] = 0.0
            for at, units in self.units.parts:
                np.matmul(self.ones, self.dy[:, at], out=self.db[units])


@dataclass(eq=False, slots=True)
class SparseDropout:
    """``x *= mask`` for inputs in sparse rows, a mask of the features."""

    mask: Array  # (1, i)
    x: SparseRows

    def forward(self):
        drop_features(self.x.matrix, self.mask)

    def backward(self):
        """Nobody asks for the derivative of the inputs."""


@dataclass(eq=False, slots=True)
class SparseEntryDropout:
    """``x *= mask`` for inputs in sparse rows, a mask of the entries, new for each batch."""

    scheme: DropoutScheme
    rate: float
    rng: np.random.Generator
    x: SparseRows

    def forward(self):
        drop_entries(self.x.matrix, self.scheme, self.rate, self.rng)

    def backward(self):
        """Nobody asks for the derivative of the inputs."""


def drop_features(X: csr_array, mask: Array):
    """Multiply each row of `X`, in place, by a mask of shape (1, n_features)."""
    X.data *= mask[0].take(X.indices)


def drop_entries(X: csr_array, scheme: DropoutScheme, rate: float, rng: np.random.Generator):
    """Multiply the stored entries of `X`, in place, by a mask drawn for them."""
    mask = np.empty((1, X.nnz), X.dtype)
    scheme.draw(rng, rate, out=mask)
    X.data *= mask[0]
