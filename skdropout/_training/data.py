"""From data to batches: encoded targets, weights, gathering."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import issparse

from skdropout._core import tuning
from skdropout._core.buffers import Array, pieces
from skdropout._core.losses import Loss, NumberLoss
from skdropout._core.scores import R2, Accuracy, RunningScore
from skdropout._network.sparse import SparseRows
from skdropout._network.standardization import StandardizedRows
from skdropout._network.training_pass import Batch
from skdropout._training.rows import Complement, Rows, in_order

ONE = slice(0, 1)
"""The only network."""

N_COUNTED = 10_000
"""Sparse rows that tell how many features a batch has entries of, at the most."""

AT_ONCE = 1 << 17
"""Rows whose targets are worked with at once, outside of batches."""

CONVERTED = 1 << 12
"""Rows whose targets are converted at once."""

Portion = tuple[tuple[int, int], Array, bool]
"""The first of some networks, and how many rows each has; their numbers; whether a step ends."""


class ClassTargets:
    """One class a row, given by its code; one-hot encoded batch by batch.

    Parameters
    ----------
    codes : ndarray of shape (n, 1)
        Numbers from 0 on.
    n_classes : int
    smoothing : float
    """

    def __init__(self, codes: Array, n_classes: int, smoothing: float):
        self.codes = codes
        self.classes = np.arange(n_classes, dtype=codes.dtype)
        self.n_outputs = n_classes
        self.smoothing = smoothing

    def astype(self, dtype: DTypeLike) -> "ClassTargets":
        """The same for batches of this type."""
        return self

    def mean(self, rows: Array, share: Array) -> Array:
        """What rows of these shares in all add to the mean: the part of each class."""
        return np.bincount(self.codes[rows, 0], weights=share, minlength=self.n_outputs)

    def pool(self, parts: Sequence[tuple[Any, Array]]) -> "ClassTargets":
        """Rows of several targets of the same kind, one after the other."""
        codes = np.concatenate([one.codes[rows] for one, rows in parts])
        return ClassTargets(codes, self.n_outputs, self.smoothing)

    def encode(self, rows: Array, out: Array):
        """Write ``(1 - smoothing) [y = k] + smoothing / n_classes`` into `out`."""
        np.equal(self.codes.take(rows, axis=0, mode="clip"), self.classes, out=out)
        smooth(out, self.smoothing, self.n_outputs)


class DenseTargets:
    """A column an output: zeros and ones of two classes or of many labels, or any numbers.

    Parameters
    ----------
    values : ndarray or StandardizedRows of shape (n, n_outputs)
        Of any type.
    smoothing : float
        For zeros and ones only.
    """

    def __init__(self, values: Array | StandardizedRows, smoothing: float):
        self.values = values
        self.n_outputs = values.shape[1]
        self.smoothing = smoothing

    def astype(self, dtype: DTypeLike) -> "DenseTargets":
        """The same for batches of this type: few are converted at once, many in each batch."""
        if self.values.size > tuning.COPIED_NUMBERS:
            return self
        return DenseTargets(self.values[:].astype(dtype, copy=False), self.smoothing)

    def mean(self, rows: Array, share: Array) -> Array:
        """What rows of these shares in all add to the mean of each output."""
        return share.dot(self.values[rows])

    def pool(self, parts: Sequence[tuple[Any, Array]]) -> "DenseTargets":
        """Rows of several targets of the same kind, one after the other."""
        return DenseTargets(
            np.concatenate([one.values[rows] for one, rows in parts]), self.smoothing
        )

    def encode(self, rows: Array, out: Array):
        """Write ``(1 - smoothing) y + smoothing / 2`` into `out`."""
        if self.values.dtype == out.dtype:
            self.values.take(rows, axis=0, out=out, mode="clip")  # else numpy buffers it all
        else:
            for some in pieces(len(rows), CONVERTED):
                out[some] = self.values.take(rows[some], axis=0, mode="clip")
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

    Attributes
    ----------
    encoded : ClassTargets or DenseTargets
    strata : ndarray of shape (n,) or None
        The classes to split a validation set by.
    sample_weight : ndarray of shape (n,) or None
        The weights given; None where all are one.
    weight : ndarray of shape (n,) or None
        Their products with the class weights; None where all are one.
    loss : Loss
    class_weight : list of ndarray or None
        The weights of the classes, or of 0 and 1 for each of many labels.
    """

    encoded: ClassTargets | DenseTargets
    strata: Array | None
    sample_weight: Array | None
    weight: Array | None
    loss: Loss
    class_weight: list[Array] | None = None

    def sampled(self, n_rows: int) -> Complement:
        """The numbers of the rows with a positive sample weight."""
        return _positive(self.sample_weight, n_rows)

    def weighted(self, n_rows: int) -> Complement:
        """The numbers of the rows with a positive weight."""
        return _positive(self.weight, n_rows)

    def astype(self, dtype: DTypeLike) -> "Targets":
        """The same for batches of another type."""
        weight = None if self.weight is None else self.weight.astype(dtype, copy=False)
        return replace(self, encoded=self.encoded.astype(dtype), weight=weight)

    def start(self, rows: Rows) -> Array:
        """The raw predictions that suit all of these rows alike, of shape (n_outputs,)."""
        return self.loss.link(self._mean(rows, self.encoded.mean))

    def score_of(self, rows: Rows) -> RunningScore:
        """The score of predictions for these rows: accuracy, or R2."""
        encoded = self.encoded
        if not isinstance(self.loss, NumberLoss) or isinstance(encoded, ClassTargets):
            return Accuracy(one_of_many=isinstance(encoded, ClassTargets))
        values, first = encoded.values, encoded.values[rows[:1]]  # from which constants are zero
        mean = self._mean(rows, lambda some, share: share.dot(values[some] - first))

        @np.errstate(over="ignore", invalid="ignore")
        def squares(some: Array, share: Array) -> Array:
            return share.dot(np.square(values[some] - first - mean))

        return R2(self.loss, self._mean(rows, squares))

    def _mean(self, rows: Rows, of: Callable[[Array, Array], Array]) -> Array:
        """The sum of ``of(rows, share)`` over pieces of the rows, whose shares sum to one."""
        total = len(rows) if self.weight is None else self.weight[rows[:]].astype(float).sum()
        mean = np.zeros(self.encoded.n_outputs)
        for piece in pieces(len(rows), AT_ONCE):
            some = rows[piece]
            weight = np.ones(len(some)) if self.weight is None else self.weight[some].astype(float)
            mean += of(some, weight / total)
        return mean

    def subset(self, rows: Array, dtype: DTypeLike) -> tuple[Array, Array | None]:
        """The encoded targets of some rows, of shape (n_rows, n_outputs), and their weights."""
        y = np.empty((len(rows), self.encoded.n_outputs), dtype)
        for block in pieces(len(rows), AT_ONCE):
            self.encoded.encode(rows[block], out=y[block])
        return y, None if self.weight is None else self.weight[rows]


def _positive(weight: Array | None, n_rows: int) -> Complement:
    return Complement(n_rows, () if weight is None else np.flatnonzero(weight == 0))


def suit_batch_size(n_samples: int) -> int:
    """A hundredth of the samples, but from 32 to 256; up to 64 samples all of them."""
    return n_samples if n_samples <= 64 else min(max(32, n_samples // 100), 256)


@dataclass(eq=False)
class Samples:
    """What batches are taken from, the same for all networks of a training.

    Attributes
    ----------
    X : ndarray or csr_array of shape (n, n_features)
    targets : ClassTargets or DenseTargets
    weight : ndarray of shape (n, 1) or None
        Sample weights; None stands for ones.
    kept : (callable, tuple) or None
        Where they are kept for other processes: a function that gets them, and its arguments.
    """

    X: Any
    targets: ClassTargets | DenseTargets
    weight: Array | None
    kept: tuple[Callable[..., "Samples"], tuple] | None = None

    def __reduce__(self) -> tuple:
        return self.kept or (arrived, (self.X, self.targets, self.weight))

    def __sizeof__(self) -> int:
        """About as many bytes as they have; Dask plans with it."""
        return self.X.size * self.X.dtype.itemsize


def arrived(*parts: Any) -> Samples:
    """Samples out of a message, in which their arrays may begin at any byte. Moves the parts.

    Of such an array NumPy copies all, whenever some rows are taken.
    """
    return Samples(*map(aligned, parts))


def aligned(part: Any) -> Any:
    """An array, or an object that has arrays, at addresses that suit the type of the numbers."""
    if isinstance(part, np.ndarray):
        return np.require(part, requirements="A")
    if part is not None:
        arrays = {name: a for name, a in vars(part).items() if isinstance(a, np.ndarray)}
        vars(part).update({name: aligned(array) for name, array in arrays.items()})
    return part


class Batches:
    """The rows to train on, in a new random order each epoch.

    Parameters
    ----------
    X : ndarray, StandardizedRows or csr_array of shape (n, n_features)
    targets : ClassTargets or DenseTargets
    weight : ndarray of shape (n,) or None
        Sample weights; None stands for ones.
    rows : ndarray of int or Complement
        The rows that take part, each with a positive weight.
    batch_size : int
    rng : Generator or None
        Shuffles; None keeps the order.
    smallest : int, default=1
        Rows that a batch needs; a last one of less is merged into the one before.
    """

    def __init__(
        self,
        X: Any,
        targets: ClassTargets | DenseTargets,
        weight: Array | None,
        rows: Rows,
        batch_size: int,
        rng: np.random.Generator | None,
        *,
        smallest: int = 1,
    ):
        self.X = X
        self.is_sparse = issparse(X)
        self.targets = targets
        self.weight = None if weight is None else weight.reshape(-1, 1)
        self.rows = rows
        self.batch_size = batch_size
        self.rng = rng
        self.total_weight = len(rows) if weight is None else float(weight[rows[:]].sum())
        whole, rest = divmod(len(rows), batch_size)
        self.n_whole = max(1, whole + (rest >= smallest)) - 1
        self.n_last = len(rows) - self.n_whole * batch_size

    def __len__(self) -> int:
        return self.n_whole + 1

    @property
    def sizes(self) -> dict[int, int]:
        """The sizes of batch that occur, the largest first, and how often each does."""
        sizes = Counter({self.batch_size: self.n_whole}) + Counter([self.n_last])
        return dict(sorted(sizes.items(), reverse=True))

    @property
    def shapes(self) -> list[tuple[slice, int, int]]:
        """The same as a list of networks, size and number, where there is one network."""
        return [(ONE, size, n) for size, n in self.sizes.items()]

    @property
    def touched(self) -> float:
        """About the part of the features that a batch of sparse rows has entries of."""
        some = self.X[self.rows[:: -(-len(self.rows) // N_COUNTED)]]
        frequency = np.bincount(some.indices, minlength=some.shape[1]) / some.shape[0]
        return float(np.mean(1.0 - (1.0 - frequency) ** self.batch_size))

    @property
    def samples(self) -> Samples:
        """What the batches are taken from."""
        return Samples(self.X, self.targets, self.weight)

    @samples.setter
    def samples(self, samples: Samples) -> None:
        self.X, self.targets, self.weight = samples.X, samples.targets, samples.weight

    def without_samples(self) -> "Batches":
        """The numbers of the rows alone; with `samples` set, these are the same batches."""
        bare = copy(self)
        del bare.X, bare.targets, bare.weight
        return bare

    def order(self) -> Iterator[Array]:
        """Yield the rows in the order of a new epoch, piece by piece."""
        return in_order(self.rows, self.X.shape[1], self.rng)

    def __iter__(self) -> Iterator[Array]:
        """Yield the row numbers of one batch after the other."""
        for _, rows, _ in self.steps():
            yield rows

    def steps(self) -> Iterator[Portion]:
        """Yield what an engine has to go through, here one batch for each step."""
        size, n_left = self.batch_size, self.n_whole
        rest: list[Array] = []
        for piece in self.order():
            rows = np.concatenate([*rest, piece])
            n_whole = min(n_left, len(rows) // size)
            for i in range(n_whole):
                yield (0, size), rows[i * size : (i + 1) * size], True
            n_left, rest = n_left - n_whole, [rows[n_whole * size :]]
        yield (0, self.n_last), rest[0], True

    def load(self, rows: Array, batch: Batch) -> Any:
        """Gather rows into a batch and return their summed weight; one more axis is of networks."""
        if isinstance(batch.x, SparseRows):
            batch.x.matrix = self.X[rows]
        else:
            self.X.take(rows, axis=0, out=batch.x, mode="clip")  # else numpy buffers it all
        self.targets.encode(rows, out=batch.y)
        n_rows = rows.shape[-1]
        if self.weight is None:
            batch.weight.fill(1.0 / n_rows)
            return float(n_rows) if rows.ndim == 1 else np.full(len(rows), float(n_rows))
        self.weight.take(rows, axis=0, out=batch.weight, mode="clip")
        if rows.ndim == 1:
            return normalize(batch.weight)
        return np.array([normalize(weight) for weight in batch.weight])


class BatchStack:
    """The batches of several networks side by side: as many whole ones for each, a rest for all.

    Data that are not the same for all are copied, the rows that take part.

    Parameters
    ----------
    parts : list of Batches
        Of dense rows. Those with as many rows have to be neighbours.
    """

    is_sparse = False

    def __init__(self, parts: list[Batches]):
        self.parts, first = parts, parts[0]
        self.pool = first
        if not all(part.X is first.X and part.targets is first.targets for part in parts):
            X = np.concatenate([part.X[part.rows[:]] for part in parts])
            targets = first.targets.pool([(part.targets, part.rows[:]) for part in parts])
            weights = [part.weight[part.rows[:]] for part in parts if part.weight is not None]
            weight = np.concatenate(weights) if weights else None
            self.pool = Batches(X, targets, weight, Complement(len(X)), first.batch_size, None)
        self.load = self.pool.load
        self.n_whole, rest = divmod(len(first.rows), first.batch_size)
        self.has_rest = rest > 0
        self.everyone = slice(0, len(parts))
        sizes = [len(list(run)) for _, run in groupby(len(part.rows) for part in parts)]
        ends = accumulate(sizes)
        self.runs = [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]

    @property
    def shapes(self) -> list[tuple[slice, int, int]]:
        """Networks, size and number of their batches, the largest first."""
        size, n_whole = self.parts[0].batch_size, self.n_whole
        rest = [(run, len(self.parts[run.start].rows) - n_whole * size, 1) for run in self.runs]
        return [(self.everyone, size, n_whole), *(rest if self.has_rest else [])]

    def orders(self) -> list[Array]:
        """The rows of each network in the order of a new epoch, as the pool numbers them."""
        rows = [part.rows for part in self.parts]
        if self.pool is not self.parts[0]:
            ends = accumulate(map(len, rows))
            rows = [
                np.arange(end - len(of_one), end) for of_one, end in zip(rows, ends, strict=True)
            ]
        n_columns = self.pool.X.shape[1]
        return [
            np.concatenate([*in_order(of_one, n_columns, part.rng)])
            for of_one, part in zip(rows, self.parts, strict=True)
        ]

    def steps(self) -> Iterator[Portion]:
        """Yield what an engine has to go through; the rest goes by as many rows."""
        orders, size = self.orders(), self.parts[0].batch_size
        n_rows = self.n_whole * size
        whole = np.stack([order[:n_rows] for order in orders])
        for start in range(0, n_rows, size):
            yield (0, size), whole[:, start : start + size], True
        for run in self.runs if self.has_rest else ():
            rows = np.stack([order[n_rows:] for order in orders[run]])
            yield (run.start, rows.shape[1]), rows, run is self.runs[-1]


def normalize(weight: Array) -> float:
    """Divide weights by their sum, which is returned."""
    total = float(weight.sum())
    weight /= total
    return total
