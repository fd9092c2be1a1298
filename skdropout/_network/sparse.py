"""Sparse rows as the inputs of a network: the first layer, and what is dropped of them.

A sparse batch is a new object each time, so it cannot lie in the work space.
"""

from dataclasses import dataclass, field
from typing import Protocol

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


class WeightRows(Protocol):
    """Whoever hands out rows of the first weight matrix, and takes their gradient."""

    g: Array  # (gathered rows, u)

    def gather(self, rows: Array) -> Array:
        """Some rows, as they are now."""


@dataclass(eq=False, slots=True)
class LazyDense:
    """``y = x W + b`` for the features alone that the batch has entries of, and their weights."""

    x: SparseRows
    y: Array  # (n, u)
    dy: Array  # (n, u)
    b: Array | None  # (u,)
    db: Array | None  # (u,)
    ones: Array  # (n,)
    weights: WeightRows
    matrix: csr_array = field(init=False)  # (n, features of the batch)

    def forward(self):
        features, self.matrix = drop_empty_columns(self.x.matrix)
        self.y[:] = self.matrix @ self.weights.gather(features)
        if self.b is not None:
            self.y += self.b

    def backward(self):
        self.weights.g = self.matrix.T @ self.dy
        if self.db is not None:
            self.ones.dot(self.dy, out=self.db)


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


def drop_empty_columns(X: csr_array) -> tuple[Array, csr_array]:
    """The columns that have entries, and the matrix of these."""
    has_entries = np.zeros(X.shape[1], bool)
    has_entries[X.indices] = True
    columns = np.flatnonzero(has_entries)
    place = np.empty(X.shape[1], X.indices.dtype)
    place[columns] = np.arange(len(columns))
    entries = X.data, place[X.indices], X.indptr
    return columns, csr_array(entries, shape=(X.shape[0], len(columns)))


def drop_features(X: csr_array, mask: Array):
    """Multiply each row of `X`, in place, by a mask of shape (1, n_features)."""
    X.data *= mask[0].take(X.indices)


def drop_entries(X: csr_array, scheme: DropoutScheme, rate: float, rng: np.random.Generator):
    """Multiply the stored entries of `X`, in place, by a mask drawn for them."""
    mask = np.empty((1, X.nnz), X.dtype)
    scheme.draw(rng, rate, out=mask)
    X.data *= mask[0]
