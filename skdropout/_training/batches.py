"""From data to batches: hold-out split, shuffling, gathering; no formula of the network."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from math import ceil

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split

from skdropout._core.buffers import Array
from skdropout._network.plan import Plan
from skdropout._training.targets import ClassTargets, DenseTargets


def hold_out(rows: Array, strata: Array | None, fraction: float, rng: np.random.Generator):
    """Split `rows` at random into those to train on and a `fraction` to validate with.

    With `strata` both parts hold each stratum in its proportion, to rounding; those to train on
    each at least once.
    """
    n_held_out = ceil(fraction * len(rows))
    if strata is not None and fraction > 0:
        strata = strata[rows]
        n_held_out = max(n_held_out, len(np.unique(strata)))
    seed = int(rng.integers(2**31))
    if n_held_out < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            f"dataset: validation_fraction={fraction!r} of {len(rows)} rows leaves {n_held_out}."
        )
    try:
        kept, held_out = train_test_split(
            rows, test_size=n_held_out, random_state=seed, stratify=strata
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping cannot hold out validation_fraction={fraction!r} of {len(rows)} "
            f"samples: {error}"
        ) from error
    return kept, held_out


class Batches:
    """The rows to train on, in a new random order each epoch.

    Parameters
    ----------
    X : ndarray or csr_array of shape (n, n_features)
    targets : ClassTargets or DenseTargets
    weight : ndarray of shape (n,) or None
        Sample weights; None stands for ones.
    rows : ndarray of int
        The rows that take part, each with a positive weight.
    batch_size : int
    smallest : int
        Rows that a batch needs; a last one of less is merged into the one before.
    rng : Generator or None
        Shuffles; None keeps the order.
    """

    def __init__(
        self,
        X,
        targets: ClassTargets | DenseTargets,
        weight,
        rows,
        batch_size: int,
        rng,
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
        self.total_weight = len(rows) if weight is None else float(weight[rows].sum())
        whole, rest = divmod(len(rows), batch_size)
        n_batches = max(1, whole + (rest >= smallest))
        self._ends = [*range(batch_size, n_batches * batch_size, batch_size), len(rows)]

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def sizes(self) -> dict[int, int]:
        """The sizes of batch that occur, the largest first, and how often each does."""
        sizes = Counter(end - start for start, end in pairwise([0, *self._ends]))
        return dict(sorted(sizes.items(), reverse=True))

    def __iter__(self) -> Iterator[Array]:
        """Yield the row numbers of one batch after the other."""
        order = self.rows if self.rng is None else self.rng.permutation(self.rows)
        for start, end in pairwise([0, *self._ends]):
            yield order[start:end]

    def load(self, rows: Array, plan: Plan) -> float:
        """Gather a batch into the plan and return its summed weight."""
        if self.is_sparse:
            plan.x.rows = self.X[rows]
        else:
            self.X.take(rows, axis=0, out=plan.x, mode="clip")  # else numpy buffers it all
        self.targets.encode(rows, out=plan.y, column=plan.row)
        if self.weight is None:
            plan.weight.fill(1.0 / len(rows))
            return float(len(rows))
        self.weight.take(rows, axis=0, out=plan.weight, mode="clip")
        total = float(plan.weight.sum())
        plan.weight /= total
        return total
