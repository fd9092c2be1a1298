"""What scikit-learn's users take for granted: live parameters, no half-done fit, seeds, weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array, issparse
from sklearn.utils import check_random_state

from skdropout._core.buffers import Array


class LiveArrays(list):
    """Views of the parameters: assigning an array to an item writes into the network."""

    def __setitem__(self, index: Any, value: Any) -> None:
        views, values = self[index], value
        if not isinstance(index, slice):
            views, values = [views], [value]
        values = [np.asarray(value) for value in values]
        shapes, wanted = [value.shape for value in values], [view.shape for view in views]
        if shapes != wanted:
            raise ValueError(f"The network has parameters of the shapes {wanted}, got {shapes}.")
        for view, value in zip(views, values, strict=True):
            view[:] = value


@contextmanager
def all_or_nothing(estimator: Any) -> Iterator[None]:
    """Give an estimator its attributes back if anything goes wrong inside.

    What has been appended to its history is taken away again.
    """
    before = vars(estimator).copy()
    history = before.get("history_", {})
    ends = {name: len(values) for name, values in history.items()}
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        for name in [*history]:
            del history[name][ends.get(name, 0) :]
            if name not in ends:
                del history[name]
        raise


def as_rows(X: Any) -> Any:
    """Sparse rows as an array whose entries are each stored once; dense ones as they are.

    Their indices take 32 bits where they can, as scikit-learn 1.6 asks for.
    """
    if not issparse(X):
        return X
    rows = csr_array(X)
    if rows.indices.dtype != np.int32 and max(rows.nnz, *rows.shape) <= np.iinfo(np.int32).max:
        indices, indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int32)
        rows = csr_array((rows.data, indices, indptr), shape=rows.shape)
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    return rows


def random_generator(random_state: Any) -> np.random.Generator:
    """Make a generator from whatever scikit-learn takes for a seed."""
    entropy = check_random_state(random_state).randint(2**32, size=4, dtype=np.uint32)
    return np.random.default_rng(entropy.tolist())


def spawn_streams(rng: np.random.Generator) -> dict[str, np.random.Generator]:
    """Independent generators for the initial weights, the shuffling and the dropout."""
    names = ("weights", "shuffling", "dropout")
    return dict(zip(names, rng.spawn(3), strict=True))


def read_sample_weight(
    sample_weight: Any, n_samples: int, dtype: DTypeLike, name: str = "sample_weight"
) -> Array | None:
    """Return checked weights of shape (n_samples,), or None.

    Raises
    ------
    ValueError
        If the weights are not one finite, non-negative number a sample, or all zero.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight)
    weight = np.asarray(sample_weight)
    if weight.dtype.kind == "c":
        raise ValueError(f"{name} must hold real numbers, got complex ones.")
    with np.errstate(over="ignore"):
        weight = weight.astype(np.float64)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"{name} must be one number for each of the {n_samples} samples, "
            f"got an array of the shape {weight.shape}."
        )
    if not np.isfinite(weight).all():
        raise ValueError(f"{name} must hold finite numbers, got NaN or infinity.")
    if weight.min() < 0:
        raise ValueError(f"{name} must not be negative, got {weight.min()}.")
    largest = weight.max()
    with np.errstate(over="ignore"):
        weight = weight.astype(dtype)
    if not np.isfinite(weight).all():
        raise ValueError(f"{name} must hold numbers that {weight.dtype} can hold, got {largest}.")
    if not weight.any():
        raise ValueError(
            f"{name} must hold at least one number above zero, got none that {weight.dtype} can "
            "tell from zero."
        )
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not np.isfinite(total):
        raise ValueError(f"{name} must have a finite sum, got {total} in {weight.dtype}.")
    return weight
