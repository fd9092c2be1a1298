"""What `standardize=True` learns of the data: means and scales of their columns, as they come."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import issparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils.sparsefuncs import min_max_axis

from skdropout._core.buffers import Array, pieces
from skdropout._network.network import Network
from skdropout._network.standardization import BLOCK, Standardization, standardize_rows
from skdropout._training.rows import Complement, Rows, blocks_of

FEWEST_RANKED, N_RANKED = 20, 10_000
"""Rows at the least, of a piece, and at the most whose quartiles tell of mostly one value."""

N_MEASURED = 1_000
"""Rows that tell whether columns are of wildly different scale, at the most."""

FEWEST_FAR = 5
"""Numbers as far from the mean as the farthest, at the least, of which a variance is to be."""

WILD = 1e3
"""Factor from which on scales are wildly different."""

ORDINARY = 400
"""Powers of two up to which float64 has room for the squares of numbers, and of what they differ by
from their mean."""

LARGE = 60
"""Powers of two from which on a constant, times a weight, is no number to take away again."""

HEAVIER = 2.0**32
"""How many times heavier a row may be than the first ones, before it becomes the unit."""


class Moments:
    """What scikit-learn's `StandardScaler` knows of columns, and their ranges.

    Columns of numbers whose squares would be infinite, or zero, are divided by a power of two
    before, which moves no digit.

    Attributes
    ----------
    scaler : StandardScaler
        Of the columns as they are divided.
    exponent : ndarray of int of shape (n_columns,)
        The powers; mostly all are zero.
    lowest, highest : ndarray of shape (n_columns,)
        Of the columns as they are given.
    """

    def __init__(self):
        self.scaler = StandardScaler()
        self.exponent: Array | int = 0
        self.lowest: Array | float = np.inf
        self.highest: Array | float = -np.inf

    def learn(self, X: Any, weight: Array | None) -> None:
        """Go on with these rows, of such weights. Sets: all attributes."""
        if issparse(X):  # whose squares scikit-learn takes in their own precision
            X = X.astype(np.float64)
        low, high = _ends(X)
        self.lowest = np.minimum(self.lowest, low)
        self.highest = np.maximum(self.highest, high)
        exponent = self._take_unit()
        if exponent.any():
            X = divide(X, exponent)
        self.scaler.with_mean = not issparse(X)
        with np.errstate(over="ignore", invalid="ignore"):  # it looks for infinity by a sum
            self.scaler.partial_fit(X, sample_weight=weight)

    def _take_unit(self) -> Array:
        """The powers that suit the largest numbers so far. Sets: `exponent`, moves `scaler`."""
        _, exponent = np.frexp(np.maximum(-self.lowest, self.highest))
        exponent[np.abs(exponent) <= ORDINARY] = 0
        change = self.exponent - exponent
        if change.any() and hasattr(self.scaler, "var_"):
            self.scaler.mean_ = np.ldexp(self.scaler.mean_, change)
            self.scaler.var_ = np.ldexp(self.scaler.var_, 2 * change)
        self.exponent = exponent
        return exponent

    @property
    def mean(self) -> Array:
        """The means."""
        return multiply(self.scaler.mean_, self.exponent)

    @property
    def scale(self) -> Array:
        """Standard deviations; of constant columns one, or about their size if it is very large."""
        _, size = np.frexp(np.maximum(-self.lowest, self.highest))
        of_constants = np.where(size > LARGE, size, 0)
        return multiply(self.scaler.scale_, np.where(self._is_flat, of_constants, self.exponent))

    @property
    def root_mean_square(self) -> Array:
        """That of each column, one where all is zero."""
        scale = np.sqrt(self.scaler.var_ + self.scaler.mean_**2)
        scale[scale == 0.0] = 1.0
        return multiply(scale, self.exponent)

    @property
    def count(self) -> float:
        """How many rows there were, or the sum of their weights."""
        return float(np.max(self.scaler.n_samples_seen_))

    @property
    def half_range(self) -> Array:
        """Half of the distance from the lowest to the highest number."""
        return np.asarray(self.highest, float) / 2.0 - np.asarray(self.lowest, float) / 2.0

    @property
    def is_constant(self) -> Array:
        """Which columns have been constant, to rounding."""
        return self._is_flat | (self.lowest == self.highest)

    @property
    def _is_flat(self) -> Array:
        """Where scikit-learn took a column for constant, to rounding, and left its scale at one."""
        square = self.scaler.scale_**2
        return np.abs(self.scaler.var_ - square) > 1e-3 * square

    @property
    def is_zero(self) -> Array:
        """Of which columns nothing but zeros has come so far."""
        return self.scaler.var_ + self.scaler.mean_**2 == 0

    def to_plain(self) -> dict[str, Any]:
        """All there is in plain values and arrays."""
        return vars(self) | {"scaler": vars(self.scaler).copy()}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Moments":
        """The moments that `to_plain` told of, with its arrays."""
        new = cls()
        scaler = new.scaler
        vars(scaler).update(plain["scaler"])
        vars(new).update(plain, scaler=scaler)
        return new


def _ends(X: Any) -> tuple[Array, Array]:
    """The lowest and the highest number of each column."""
    return min_max_axis(X, axis=0) if issparse(X) else (X.min(axis=0), X.max(axis=0))


def multiply(x: Array, exponent: Array | int) -> Array:
    """Numbers times powers of two; what rounding makes larger than the largest is that."""
    largest = np.finfo(float).max
    with np.errstate(over="ignore"):
        return np.clip(np.ldexp(x, exponent), -largest, largest)


def divide(X: Any, exponent: Array) -> Any:
    """Columns over powers of two. Moves sparse ones."""
    if not issparse(X):
        return np.ldexp(X, -exponent)
    X.data = np.ldexp(X.data, -exponent[X.indices])
    return X


class Standardizer:
    """Centres and scales inputs, and numbers to be predicted.

    Columns are centred and divided by their standard deviation. Where the lower and the upper
    quartile are the same number, a column has mostly one value and the deviation may be tiny: there
    half of the range is the least that it is divided by. A column that has been constant so far is
    centred and not scaled. Sparse inputs are not centred, but divided by their root mean square,
    or by half of the range.

    Parameters
    ----------
    n_outputs : int
    scales_targets : bool
        Whether the targets are standardised, too.
    centres : bool, default=True
        False divides all columns by their root mean square, as there are no biases to centre with.
    """

    def __init__(self, n_outputs: int, *, scales_targets: bool, centres: bool = True):
        self.n_outputs = n_outputs
        self.centres = centres
        self.inputs = Moments()
        self.targets = Moments() if scales_targets else None
        self.is_sparse = False
        self.has_one_value: Array | None = None
        self.unit_of_weight = 0.0

    def learn(
        self,
        X: Any,
        y: Array,
        weight: Array | None,
        rows: Rows | None = None,
        *,
        incremental: bool = False,
    ) -> "Standardizer":
        """Go on with these rows, or all, of the given weights; return a new one.

        If more are to come, the first piece that is large enough tells which columns have mostly
        one value.
        """
        new = deepcopy(self)
        rows = Complement(X.shape[0]) if rows is None else rows
        new.is_sparse = self.is_sparse or issparse(X)
        if weight is not None:  # of about one, as the scale of the weights does not matter
            weight = weight.astype(float)
            heaviest = float(weight[rows[:]].max())
            new._take_unit(heaviest)
            if heaviest / new.unit_of_weight == 0.0:  # too light to count
                return new
            weight = weight / new.unit_of_weight
        for block in blocks_of(rows, len(rows) if issparse(X) else _n_rows(X)):
            some = None if weight is None else weight[block]
            new.inputs.learn(X[block], some)
            if new.targets is not None:
                new.targets.learn(y[block].reshape(-1, self.n_outputs), some)
        if new.has_one_value is None and (len(rows) >= FEWEST_RANKED or not incremental):
            new.has_one_value = have_one_value(X, weight, rows)
        return new

    def _take_unit(self, heaviest: float) -> None:
        """Count in weights of about `heaviest`, where those so far are far lighter, or are none.

        scikit-learn counts the rows of sparse blocks in 64 bits. Sets: `unit_of_weight`, moves the
        moments.
        """
        if heaviest <= HEAVIER * self.unit_of_weight:
            return
        if self.unit_of_weight:
            for moments in filter(None, (self.inputs, self.targets)):
                scaler = moments.scaler
                scaler.n_samples_seen_ = scaler.n_samples_seen_ * (self.unit_of_weight / heaviest)
        self.unit_of_weight = heaviest

    def standardization(self, dtype: DTypeLike) -> Standardization:
        """The coordinates as they are now, for data and networks of this type inside."""
        inputs, targets = self.inputs, self.targets
        mean, scale = inputs.mean, inputs.scale
        if self.is_sparse or not self.centres:
            mean, scale = np.zeros_like(mean), inputs.root_mean_square
        else:  # a constant column is zero inside
            same = inputs.lowest == inputs.highest
            mean = np.where(same, inputs.lowest, mean)
            scale = np.where(inputs.is_constant & ~same, np.abs(mean), scale)
        if self.has_one_value is not None:
            scale = np.where(self.has_one_value, np.maximum(scale, inputs.half_range), scale)
        y_mean, y_scale = np.zeros(self.n_outputs), np.ones(self.n_outputs)
        if targets is not None:
            y_scale = targets.scale if self.centres else targets.root_mean_square
            y_mean = targets.mean if self.centres else y_mean
        return Standardization(mean, scale, y_mean, y_scale, dtype)

    def limit(
        self, X: Any, y: Array, weight: Array | None, rows: Rows
    ) -> tuple[Any, Array, Array, Array]:
        """Move numbers of further rows that are too far from the mean to be true nearer to it.

        Of `n` numbers none is more than ``sqrt(n - 1)`` standard deviations from their mean
        (Samuelson, 1968, doi:10.2307/2285901). So a wrong one doubles a variance at the most, and
        another unit is followed in a few calls. All may be true where little is known, by the
        weights too, and in a column of mostly one value.

        Returns
        -------
        X, y
            Copies, where something has moved.
        far_columns, far_targets : ndarray of int
            Which have numbers that are wildly far from the mean.
        """
        if weight is not None and 0.0 < self.unit_of_weight * HEAVIER < weight.max():
            return X, y, *np.empty((2, 0), int)
        known = self.standardization(np.float64)
        is_new, is_new_target = self._are_new
        is_free = is_new | self._are_rare(known)
        X, far = _move_nearer(X, rows, known.mean, known.scale, is_free, self.inputs.count)
        if self.targets is None:
            return X, y, far, far[:0]
        columns = y.reshape(len(y), -1)
        columns, far_targets = _move_nearer(
            columns, rows, known.y_mean, known.y_scale, is_new_target, self.targets.count
        )
        return X, columns.reshape(y.shape), far, far_targets

    @property
    def _are_new(self) -> tuple[Array, Array]:
        """The columns, and the targets, whose scale is not known so far."""
        columns, targets = self.inputs.is_constant, self.has_constant_targets
        if self.is_sparse or not self.centres:
            columns = self.inputs.is_zero
        if self.targets is not None and not self.centres:
            targets = self.targets.is_zero
        return columns, targets

    def _are_rare(self, known: Standardization) -> Array:
        """The columns of mostly one value, whose deviation says little of the others.

        Where no piece was large enough to tell, those whose variance is that of a few rows.
        """
        if self.has_one_value is not None:
            return self.has_one_value
        inputs = self.inputs
        farthest = np.maximum(inputs.highest - known.mean, known.mean - inputs.lowest) / known.scale
        return FEWEST_FAR * farthest**2 > inputs.count

    @property
    def has_constant_targets(self) -> Array:
        """Which targets have been constant, to rounding."""
        if self.targets is None:
            return np.zeros(self.n_outputs, bool)
        return self.targets.is_constant

    def scale_anew(self, networks: Sequence[Network], new: Standardization) -> Array:
        """Let columns of a new scale keep the weights that they have inside; return the wild ones.

        That is a column that has been constant, and one whose scale becomes wildly larger, by a
        wrong number, say: weights outside would be larger inside by as much as the scale is. The
        networks predict the same for the constants, and the means, so far.
        """
        is_new, is_new_target = self._are_new
        old = self.standardization(networks[0].dtype)
        factor = np.where(self._are_rare(old), WILD**2, WILD)
        is_wild = (new.scale / factor > old.scale) & ~is_new
        scale = np.where(is_new | is_wild, new.scale, old.scale)
        y_scale = np.where(is_new_target, new.y_scale, old.y_scale)
        if (scale != old.scale).any() or (y_scale != old.y_scale).any():
            changed = replace(old, scale=scale, y_scale=y_scale)
            for network in networks:
                changed.to_outside(old.inside(network), out=network)
        return np.flatnonzero(is_wild)

    def to_plain(self) -> dict[str, Any]:
        """All there is in plain values and arrays, for pickles."""
        targets = None if self.targets is None else self.targets.to_plain()
        return vars(self) | {"inputs": self.inputs.to_plain(), "targets": targets}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Standardizer":
        """The standardizer that `to_plain` told of; its arrays may be read-only."""
        plain = deepcopy(plain)
        for name in ("inputs", "targets"):
            part = plain[name]
            plain[name] = None if part is None else Moments.from_plain(part)
        new = cls(plain["n_outputs"], scales_targets=False)
        vars(new).update(plain)
        return new


def _move_nearer(
    x: Any, rows: Rows, mean: Array, scale: Array, is_free: Array, n_before: float
) -> tuple[Any, Array]:
    """Columns with no number too far from the mean, and which had one that is wildly far."""
    if n_before < FEWEST_RANKED:
        return x, np.empty(0, int)
    low, high = _ends(x if len(rows) == x.shape[0] else x[rows[:]])
    with np.errstate(over="ignore", invalid="ignore"):
        centre = mean / scale
        distance = np.maximum(centre - low / scale, high / scale - centre)
        distance[is_free] = 0.0
        reach = min(sqrt(n_before + len(rows)), WILD)
        if not (distance > reach).any():
            return x, np.empty(0, int)
        farthest = np.where(is_free, np.inf, reach * scale)
        low, high = ((mean + sign * farthest).astype(x.dtype) for sign in (-1, 1))
    if issparse(x):
        x = x.copy()
        x.data = np.clip(x.data, low[x.indices], high[x.indices])
    else:
        x = np.clip(x, low, high)
    return x, np.flatnonzero(distance > max(WILD, 10.0 * reach))


def have_one_value(X: Any, weight: Array | None, rows: Rows) -> Array:
    """Which columns have the same lower and upper quartile in these rows, by their weights."""
    if issparse(X):  # most often that value is zero
        rows = rows[:]
        X, weight = X[rows], np.ones(len(rows)) if weight is None else weight[rows]
        weights = np.repeat(weight, np.diff(X.indptr)) / weight.sum()
        negative, positive = (
            np.bincount(X.indices, weights * sign, minlength=X.shape[1])
            for sign in (X.data < 0, X.data > 0)
        )
        return (negative < 0.25) & (positive <= 0.25)
    rows = rows[:: -(-len(rows) // N_RANKED)]
    weight = np.ones(len(rows)) if weight is None else weight[rows]
    n_columns = max(1, BLOCK // (4 * len(rows)))  # ranking takes several copies
    columns = (X[:, piece][rows] for piece in pieces(X.shape[1], n_columns))
    return np.concatenate([_have_one_value(some, weight) for some in columns])


def _have_one_value(X: Array, weight: Array) -> Array:
    order = np.argsort(X, axis=0)
    ranks = np.cumsum(weight[order], axis=0, dtype=float)
    lower, upper = (
        np.take_along_axis(X, np.take_along_axis(order, at[np.newaxis], axis=0), axis=0)[0]
        for at in ((ranks >= part * ranks[-1]).argmax(axis=0) for part in (0.25, 0.75))
    )
    return lower == upper


def standardize_inputs(X: Any, standardization: Standardization) -> Any:
    """``(X - mean) / scale``, of the type inside; of many dense rows, when they are read."""
    mean, scale, dtype = standardization.mean, standardization.scale, standardization.dtype
    if issparse(X):
        out = X.copy()
        largest = np.finfo(dtype).max
        with np.errstate(over="ignore"):
            entries = np.clip(out.data / scale[out.indices], -largest, largest)
        out.data = entries.astype(dtype)
        return out
    return standardize_rows(X, mean, scale, dtype)


def _n_rows(X: Array) -> int:
    """Rows of a block."""
    return max(1, BLOCK // X.shape[1])


def measure_spread(X: Any, rows: Rows) -> float:
    """How many times larger the largest scale of a column is than the smallest, in these rows.

    The scale is the range, of sparse columns the largest number. Constant columns do not count;
    those whose range is no number make it infinite.
    """
    some = rows[:: -(-len(rows) // N_MEASURED)]
    with np.errstate(over="ignore", invalid="ignore"):
        if issparse(X):
            scales = abs(X[some]).max(axis=0).toarray().ravel()
        else:
            columns = pieces(X.shape[1], max(1, BLOCK // len(some)))
            scales = np.concatenate([np.ptp(X[:, piece][some], axis=0) for piece in columns])
        scales = scales[scales != 0]
        spread = float(scales.max() / scales.min()) if len(scales) else 1.0
    return spread if np.isfinite(spread) else np.inf
