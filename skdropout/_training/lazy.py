"""Lazy updates: a batch of sparse rows moves the weights of its own features, the others wait.

Weights of a feature that a batch has no entry of have the gradient zero, and what an optimizer
makes of them in many such steps has a closed form. So they, and what is remembered of them, are
left alone until a batch needs them or somebody looks at the network: B. Carpenter, "Lazy sparse
stochastic gradient descent for regularized multinomial logistic regression", 2008.
"""

import numpy as np

from skdropout._core import tuning
from skdropout._core.buffers import Array, pieces
from skdropout._core.penalties import ElasticNet
from skdropout._core.vectors import flush
from skdropout.optimizers import Optimizer

MOST_MOMENTS = 1_000
"""Steps after which all rows are moved, at the latest: what is noted of each step stays short."""


class LazyRows:
    """The rows of the first weight matrix, each of them moved when it is needed.

    The penalty acts on a row in the steps that touch it, there for all the steps since it did so
    last. All else is what it would be if every row were moved in every step: to rounding, and to
    what the optimizer says of its `catch_up`.

    Parameters
    ----------
    W : ndarray of shape (n_features, n_units)
    slots : tuple of ndarray of the same shape
        What the optimizer remembers of it.
    optimizer : Optimizer
    weight_decay : float
    penalty : ElasticNet
        Of squares alone.
    due : ndarray of shape (n_features,), default=None
        What an earlier training left of `due`; None for zeros.

    Attributes
    ----------
    g : ndarray of shape (n_gathered, n_units)
        The gradient of the rows that were gathered last, set by a pass.
    """

    def __init__(
        self,
        W: Array,
        slots: tuple[Array, ...],
        optimizer: Optimizer,
        weight_decay: float,
        penalty: ElasticNet,
        due: Array | None = None,
    ):
        self.arrays = (W, *slots)
        self.optimizer, self.weight_decay, self.alpha = optimizer, weight_decay, penalty.alpha
        self.rows = np.empty(0, int)
        self.gathered = [array[:0] for array in self.arrays]
        self.g = W[:0]
        self._room = np.empty((len(self.arrays), 0), W.dtype)
        self._n_block = max(1, tuning.UPDATE_BLOCK // W.shape[1])
        self._tmp = np.empty((self._n_block, W.shape[1]), W.dtype)
        self.moment = np.zeros(len(W), int)  # which of the moments since the last rest a row is at
        self.drift, self.shrinkage = np.zeros(1), np.ones(1)  # from each of them until now
        self.share = 0.0  # of the penalty, so far in this epoch; and what of it rows have had
        self.shared = np.zeros(len(W)) if due is None else -due
        self._measure()

    def gather(self, rows: Array) -> Array:
        """A copy of some rows, as they are now. Sets: `rows`, `gathered`."""
        n_units = self.arrays[0].shape[1]
        if self._room.shape[1] < len(rows) * n_units:
            self._room = np.empty((len(self._room), len(rows) * n_units), self._room.dtype)
        shape = len(self._room), len(rows), n_units
        room = self._room[:, : len(rows) * n_units].reshape(shape)
        self.rows, self.gathered = rows, list(room)
        for block in pieces(len(rows), self._n_block):
            for array, copy in zip(self.arrays, self.gathered, strict=True):
                array.take(rows[block], axis=0, out=copy[block], mode="clip")
            self._catch_up([copy[block] for copy in self.gathered], self.moment[rows[block]])
        return self.gathered[0]

    def penalise(self, share: float) -> float:
        """Add the gradient of the penalty, and return about `share` times its value.

        Sets: `share`, `shared`.
        """
        if not self.alpha:
            return 0.0
        self.share += share
        due = self.alpha * (self.share - self.shared[self.rows])
        self.shared[self.rows] = self.share
        factor = due.astype(self.g.dtype).reshape(-1, 1)
        for block in pieces(len(self.rows), self._n_block):
            p, tmp = self.gathered[0][block], self._tmp[: block.stop - block.start]
            self.g[block] += np.multiply(p, factor[block], out=tmp)
        return share * self.penalty

    def step(self, t: int, lr: float):
        """Move the rows that were gathered, and put them back. The gradient is used up."""
        keep = 1.0 - lr * self.weight_decay
        rate, ratio = self.optimizer.drift(t, lr)
        n = np.arange(self.now + 1, 0, -1)
        self.shrinkage = np.append(keep * self.shrinkage, 1.0)
        self.drift = np.append(keep * self.drift + rate * ratio**n, 0.0)  # the next moment
        for block in pieces(len(self.rows), self._n_block):
            p, *slots = (copy[block] for copy in self.gathered)
            g, tmp = self.g[block], self._tmp[: block.stop - block.start]
            if keep != 1.0:
                p *= keep
            vectors = [array.reshape(-1) for array in (p, g, *slots)]
            self.optimizer.update(*vectors, tmp=tmp.reshape(-1), t=t, lr=lr)
            for array, moved in zip(self.arrays, (p, *slots), strict=True):
                array[self.rows[block]] = moved
            self.moment[self.rows[block]] = self.now
        if self.now == MOST_MOMENTS:
            self.rest()

    def rest(self):
        """Move all rows to where they are by now, for somebody to look at. Sets: `penalty`."""
        if self.now == 0:
            return
        for block in pieces(len(self.moment), self._n_block):
            self._catch_up([array[block] for array in self.arrays], self.moment[block])
        self.moment[:] = 0
        self.drift, self.shrinkage = np.zeros(1), np.ones(1)
        self._measure()

    def end_epoch(self) -> Array:
        """Do so, and return the penalty that is due for each row. Sets: `share`, `shared`."""
        self.rest()
        for array in self.arrays:
            for block in pieces(len(array), self._n_block):
                flush(array[block])
        self.shared -= self.share
        self.share = 0.0
        return -self.shared

    def _catch_up(self, arrays: list[Array], moment: Array):
        """Move rows that are at such moments, in place."""
        p, *slots = arrays
        n, drift, shrinkage = (
            values.astype(p.dtype).reshape(-1, 1)
            for values in (self.now - moment, self.drift[moment], self.shrinkage[moment])
        )
        if self.weight_decay:
            p *= shrinkage
        self.optimizer.catch_up(p, *slots, n=n, drift=drift, tmp=self._tmp[: len(p)])

    @property
    def now(self) -> int:
        """The present moment: how many steps there were since the last rest."""
        return len(self.drift) - 1

    def _measure(self):
        """Sets: `penalty`, its value before it is shared."""
        W = self.arrays[0].reshape(-1)
        self.penalty = 0.5 * self.alpha * float(W.dot(W))
