"""What `y` and the weights turn into for the training; they know no estimator."""

from dataclasses import dataclass

import numpy as np

from skdropout._core.buffers import Array
from skdropout._core.losses import Loss


class ClassTargets:
    """One class a row, given by its code; one-hot encoded batch by batch.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Numbers from 0 on.
    n_classes : int
    smoothing : float
    dtype : dtype
    """

    def __init__(self, codes, n_classes, smoothing, dtype):
        self.codes = codes.astype(dtype).reshape(-1, 1)
        self.classes = np.arange(n_classes, dtype=dtype)
        self.n_outputs = n_classes
        self.smoothing = smoothing

    def encode(self, rows: Array, out: Array, column: Array):
        """Write ``(1 - smoothing) [y = k] + smoothing / n_classes`` into `out`."""
        self.codes.take(rows, axis=0, out=column, mode="clip")
        np.equal(column, self.classes, out=out)
        smooth(out, self.smoothing, self.n_outputs)


class DenseTargets:
    """A column an output: zeros and ones of two classes or of many labels, or any numbers.

    Parameters
    ----------
    values : ndarray of shape (n, n_outputs)
    smoothing : float
        For zeros and ones only.
    dtype : dtype
    """

    def __init__(self, values, smoothing, dtype):
        self.values = values.astype(dtype)
        self.n_outputs = values.shape[1]
        self.smoothing = smoothing

    def encode(self, rows: Array, out: Array, column: Array):
        """Write ``(1 - smoothing) y + smoothing / 2`` into `out`."""
        self.values.take(rows, axis=0, out=out, mode="clip")
        smooth(out, self.smoothing, 2)


def smooth(y: Array, smoothing: float, n_classes: int):
    """``y = (1 - smoothing) y + smoothing / n_classes``.

    Szegedy et al., 2015, arXiv 1512.00567.
    """
    if smoothing:
        y *= 1.0 - smoothing
        y += smoothing / n_classes


@dataclass(frozen=True)
class Targets:
    """Targets, weights and the loss that goes with them.

    `strata` are the classes to split a validation set by, None where there are none;
    `sample_weight` are the weights given, of shape (n,), and `weight` their products with the class
    weights; None where all are one. `class_weight` are these, an array for each column of labels.
    """

    encoded: ClassTargets | DenseTargets
    strata: Array | None
    sample_weight: Array | None
    weight: Array | None
    loss: Loss
    class_weight: list[Array] | None = None

    def rows(self, n_rows: int, *, of_any_class: bool = False) -> Array:
        """The numbers of the rows with a positive weight, or with a positive sample weight."""
        weight = self.sample_weight if of_any_class else self.weight
        return np.arange(n_rows) if weight is None else np.flatnonzero(weight)

    def part(self, rows: Array, dtype) -> tuple[Array, Array | None]:
        """The encoded targets of some rows, of shape (n_rows, n_outputs), and their weights."""
        y = np.empty((len(rows), self.encoded.n_outputs), dtype)
        self.encoded.encode(rows, out=y, column=np.empty((len(rows), 1), dtype))
        return y, None if self.weight is None else self.weight[rows]
