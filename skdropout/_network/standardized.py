"""Rows as a network inside sees them, standardised while they are read."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from skdropout._core import tuning
from skdropout._core.buffers import Array

BLOCK = 1 << 17
"""Numbers that are measured or standardised at once, in double precision."""


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
        self.shape, self.size = X.shape, X.size
        self.dtype = np.dtype(dtype)

    def __getitem__(self, rows: slice | Array) -> Array:
        """Some of the rows, as an array."""
        if not isinstance(rows, slice):
            return self.take(rows)
        X = self.X[rows]
        out = np.empty(X.shape, self.dtype)
        n_rows = max(1, BLOCK // X.shape[1])
        for start in range(0, len(X), n_rows):
            block = slice(start, start + n_rows)
            self._standardize(X[block], out[block])
        return out

    def take(
        self, rows: Array, axis: int = 0, out: Array | None = None, mode: Any = "raise"
    ) -> Array:
        """The rows of these numbers, with one more axis in front where the numbers have two."""
        if out is None:
            out = np.empty((*rows.shape, self.shape[1]), self.dtype)
        n_rows = max(1, BLOCK // out[0].size) if len(rows) else 1
        for start in range(0, len(rows), n_rows):
            block = slice(start, start + n_rows)
            self._standardize(self.X.take(rows[block], axis=axis, mode=mode), out[block])
        return out

    def _standardize(self, X: Array, out: Array):
        np.divide(X - self.mean, self.scale, out=out, casting="same_kind")


def standardize_rows(
    X: Array, mean: Array, scale: Array, dtype: DTypeLike
) -> Array | StandardizedRows:
    """Standardised rows: few as a copy, many worked out whenever they are read."""
    rows = StandardizedRows(X, mean, scale, dtype)
    return rows[:] if X.size <= tuning.COPIED_NUMBERS else rows
