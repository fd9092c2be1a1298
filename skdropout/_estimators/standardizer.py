"""What `standardize=True` learns of the data: means and scales of their columns, as they come."""

from copy import deepcopy
from dataclasses import replace
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
        self.inputs = StandardScaler()
        self.targets = StandardScaler() if scales_targets else None
        self.is_sparse = False
        self.lowest: Array | float = np.inf
        self.highest: Array | float = -np.inf
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
        new.inputs.with_mean = not issparse(X)
        if weight is not None:  # of about one, as the scale of the weights does not matter
            weight = weight.astype(float)
            new.unit_of_weight = self.unit_of_weight or float(weight[rows[:]].max())
            weight = weight / new.unit_of_weight
        for block in blocks_of(rows, len(rows) if issparse(X) else _n_rows(X)):
            new._learn_block(X[block], y[block], None if weight is None else weight[block])
        for name, scaler in (("X", new.inputs), ("y", new.targets)):
            if scaler is not None and not np.isfinite(scaler.var_).all():
                raise ValueError(
                    f"{name} has columns whose squares are too large for float64: it cannot be "
                    "standardised. Give it in another unit."
                )
        if new.has_one_value is None and (len(rows) >= FEWEST_RANKED or not incremental):
            new.has_one_value = have_one_value(X, weight, rows)
        return new

    def _learn_block(self, X: Any, y: Array, weight: Array | None):
        if issparse(X):  # whose squares scikit-learn takes in their own precision
            X = X.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            self.inputs.partial_fit(X, sample_weight=weight)
            if self.targets is not None:
                self.targets.partial_fit(y.reshape(len(y), -1), sample_weight=weight)
        low, high = min_max_axis(X, axis=0) if issparse(X) else (X.min(axis=0), X.max(axis=0))
        self.lowest = np.minimum(self.lowest, low)
        self.highest = np.maximum(self.highest, high)

    def standardization(self, dtype: DTypeLike) -> Standardization:
        """The coordinates as they are now, for data and networks of this type inside."""
        mean, scale = self.inputs.mean_, self.inputs.scale_
        if self.is_sparse or not self.centres:
            mean, scale = np.zeros_like(mean), _root_mean_square(self.inputs)
        else:  # a constant column is zero inside
            same = self.lowest == self.highest
            mean = np.where(same, self.lowest, mean)
            scale = np.where(self.is_constant & ~same, np.abs(mean), scale)
        half = (np.asarray(self.highest, float) - self.lowest) / 2.0
        if self.has_one_value is not None:
            scale = np.where(self.has_one_value, np.maximum(scale, half), scale)
        y_mean, y_scale = np.zeros(self.n_outputs), np.ones(self.n_outputs)
        if self.targets is not None:
            y_scale = self.targets.scale_ if self.centres else _root_mean_square(self.targets)
            y_mean = self.targets.mean_ if self.centres else y_mean
        return Standardization(mean, scale, y_mean, y_scale, dtype)

    @property
    def has_constant_targets(self) -> Array:
        """Which targets have been constant, to rounding."""
        if self.targets is None:
            return np.zeros(self.n_outputs, bool)
        return _is_constant(self.targets)

    @property
    def is_constant(self) -> Array:
        """Which inputs have been constant, to rounding."""
        return _is_constant(self.inputs) | (self.lowest == self.highest)

    def scale_anew(self, network: Network, before: "Standardizer"):
        """Let columns whose scale was not known before keep the weights that they have inside.

        Those outside would be larger or smaller inside by as much as the scale is. The network
        predicts the same for the constants that the columns were.
        """
        is_new, is_new_target = before.is_constant, before.has_constant_targets
        if self.is_sparse or not self.centres:
            is_new = _is_zero(before.inputs)
        if self.targets is not None and not self.centres:
            is_new_target = _is_zero(before.targets)
        if not (is_new.any() or is_new_target.any()):
            return
        dtype = network.dtype
        old, new = before.standardization(dtype), self.standardization(dtype)
        scale = np.where(is_new, new.scale, old.scale)
        y_scale = np.where(is_new_target, new.y_scale, old.y_scale)
        if (scale != old.scale).any() or (y_scale != old.y_scale).any():
            changed = replace(old, scale=scale, y_scale=y_scale)
            changed.to_outside(old.inside(network), out=network)

    def to_plain(self) -> dict[str, Any]:
        """All there is in plain values and arrays, for pickles."""
        scalers = {"inputs": vars(self.inputs).copy()}
        scalers["targets"] = None if self.targets is None else vars(self.targets).copy()
        return vars(self) | scalers

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Standardizer":
        """The standardizer that `to_plain` told of; its arrays may be read-only."""
        plain = deepcopy(plain)
        new = cls(plain["n_outputs"], scales_targets=plain["targets"] is not None)
        vars(new.inputs).update(plain.pop("inputs"))
        targets = plain.pop("targets")
        if new.targets is not None:
            vars(new.targets).update(targets)
        vars(new).update(plain)
        return new


def _is_constant(scaler: StandardScaler) -> Array:
    """Where scikit-learn took a column for constant, to rounding, and left its scale at one."""
    return ~np.isclose(scaler.var_, scaler.scale_**2, rtol=1e-3)


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
        out.data = (out.data / scale[out.indices]).astype(dtype)
        return out
    return standardize_rows(X, mean, scale, dtype)


def _is_zero(scaler: StandardScaler) -> Array:
    """Whether nothing but zeros has come so far, of each column."""
    return scaler.var_ + scaler.mean_**2 == 0


def _root_mean_square(scaler: StandardScaler) -> Array:
    """That of each column, one where all is zero."""
    scale = np.sqrt(scaler.var_ + scaler.mean_**2)
    scale[scale == 0.0] = 1.0
    return scale


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
