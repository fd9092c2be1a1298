"""What scikit-learn's users take for granted: live parameters, whole fits, rows, seeds, weights."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array, issparse
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, validate_data

from skdropout._core.buffers import Array
from skdropout._core.meant import advise_on_number
from skdropout._training.state import take_back

CHECKS = {"accept_sparse": "csr", "order": "C"}
NO_NUMBERS = re.compile(
    "could not convert string to float|DateTime64|TimeDelta64|Timestamp|Timedelta"
)
WORDS = (
    "Columns of words become numbers by a OneHotEncoder in front, dates by taking weekday, month "
    "and the like."
)


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
        take_back(history, ends)
        raise


def read_rows(estimator: Any, X: Any, *, dtype: Any, reset: bool = False) -> Any:
    """Return `X` as dense or sparse rows. Sets: with `reset` `n_features_in_` and the names."""
    _check_dimensions(X, "X")
    _check_indices(X, "X")
    with naming("X"):
        return as_rows(validate_data(estimator, X, dtype=dtype, reset=reset, **CHECKS))


def read_validation_rows(estimator: Any, X_val: Any, *, dtype: Any) -> Any:
    """Return `X_val`, which has the features of `X`, as dense or sparse rows."""
    _check_dimensions(X_val, "X_val")
    _check_indices(X_val, "X_val")
    with naming("X_val"):
        rows = check_array(X_val, dtype=dtype, input_name="X_val", estimator=estimator, **CHECKS)
        if rows.shape[1] != estimator.n_features_in_:
            raise ValueError(
                f"X_val has {rows.shape[1]} features, but X has {estimator.n_features_in_}."
            )
        validate_data(estimator, X_val, skip_check_array=True, reset=False)  # their names
    return as_rows(rows)


def check_lengths(X: Any, y: Array, suffix: str) -> None:
    """Raise unless there is a target for each row."""
    if X.shape[0] != len(y):
        raise ValueError(
            f"X{suffix} and y{suffix} must have the same number of rows, got {X.shape[0]} and "
            f"{len(y)}."
        )


@contextmanager
def naming(name: str, *, words: str = WORDS) -> Iterator[None]:
    """Have errors say that they are about the argument `name`, and what to do with `words`.

    A sum of finite numbers may be none: so scikit-learn looks for those that are not finite.
    """
    try:
        with np.errstate(invalid="ignore"):
            yield
    except (TypeError, ValueError, OverflowError) as error:
        said = str(error)
        if NO_NUMBERS.search(said):
            raise ValueError(f"{name} must hold numbers: {said}. {words}") from error
        if re.search(rf"\b{name}\b", said):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {said}") from error


def _check_dimensions(X: Any, name: str) -> None:
    """Raise where there are more than two dimensions, as images have."""
    shape = getattr(X, "shape", ())
    array = name
    if isinstance(X, list | tuple) and X:
        shape = len(X), *getattr(X[0], "shape", ())
        array = f"np.asarray({name})"
    if len(shape) > 2:
        raise ValueError(
            f"{name} must have two dimensions, a row for each sample and a column for each "
            f"feature, got the shape {tuple(shape)}. Images become rows of pixels by "
            f"{array}.reshape(len({name}), -1)."
        )


def _check_indices(X: Any, name: str) -> None:
    """Raise where a sparse `X` has indices outside: SciPy would read memory that is not its own."""
    if not issparse(X) or X.format not in ("csr", "csc"):
        return
    ends, size = X.indptr, X.shape[X.format == "csr"]
    is_whole = ends[0] == 0 and (np.diff(ends) >= 0).all() and ends[-1] <= len(X.indices)
    indices = X.indices[: ends[-1]]
    if not is_whole or (len(indices) and not 0 <= indices.min() <= indices.max() < size):
        raise ValueError(f"{name} has sparse indices outside of its shape {X.shape}.")


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
    try:
        seeded = check_random_state(random_state)
    except ValueError:
        advice = advise_on_number("random_state", random_state, integer=True)
        raise ValueError(
            "random_state must be an integer from 0 to 4294967295, a numpy.random.RandomState or "
            f"None, got {random_state!r}.{advice}"
        ) from None
    return np.random.default_rng(seeded.randint(2**32, size=4, dtype=np.uint32).tolist())


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
    with naming(name, words="None weighs all samples alike."), np.errstate(over="ignore"):
        weight = np.asarray(sample_weight)
        if weight.dtype.kind == "c":
            raise ValueError(f"{name} must hold real numbers, got complex ones.")
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
