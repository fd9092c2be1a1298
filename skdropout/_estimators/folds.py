"""Which rows the networks of an ensemble train on, and which they are judged by."""

import warnings
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold, check_cv

from skdropout._core.buffers import Array
from skdropout._estimators.conventions import naming
from skdropout._training.rows import Complement, Rows

Split = tuple[Rows, Rows]
"""The row numbers to train on, and those held out."""


def split_rows(
    cv: Any,
    X: Any,
    y: Array,
    rows: Complement,
    *,
    strata: Array | None,
    groups: Any,
    rng: np.random.Generator,
) -> list[Split]:
    """The splits that `cv` stands for, of the `rows` that take part.

    A number of folds means shuffled ones, in the proportions of `strata` where there are any.

    Raises
    ------
    ValueError
        If there are less than two splits, or rows missing on either side of one.
    """
    splits: list[Split] = []
    if isinstance(cv, int | np.integer):
        splits = _split_evenly(int(cv), rows, strata, groups, rng)
    else:
        takes_part = np.zeros(X.shape[0], bool)
        takes_part[rows[:]] = True
        splitter = check_cv(cv, y, classifier=strata is not None)
        with naming("cv"):
            splits = [_read_split(split, takes_part) for split in splitter.split(X, y, groups)]
    if len(splits) < 2:
        raise ValueError(f"cv={cv!r} gives {len(splits)} split: an ensemble needs two or more.")
    for n_train, n_held_out in ((len(train), len(held_out)) for train, held_out in splits):
        if n_train == 0 or n_held_out == 0:
            raise ValueError(
                f"cv={cv!r} gives a split with {n_train} rows to train on and {n_held_out} held "
                "out, of those with a positive weight."
            )
    return splits


def _read_split(split: Any, takes_part: Array) -> Split:
    """A split that a user gave, of the rows that take part."""
    try:
        train, held_out = (np.asarray(part, None if len(part) else int) for part in split)
        return train[takes_part[train]], held_out[takes_part[held_out]]
    except (IndexError, TypeError, ValueError) as error:
        raise ValueError(
            "cv must give pairs of row numbers, those to train on and those held out, got "
            f"{split!r}: {error}."
        ) from error


def _split_evenly(
    n_folds: int, rows: Complement, strata: Array | None, groups: Any, rng: np.random.Generator
) -> list[Split]:
    """Shuffled folds of equal size; a class of too few samples is missing in some of them.

    That they do not keep groups whole is what scikit-learn warns of.
    """
    seed = int(rng.integers(2**31))
    if n_folds > len(rows):
        raise ValueError(
            f"cv={n_folds} needs as many samples, got n_samples={len(rows)} with a weight."
        )
    numbers = rows[:]
    folds: Any = KFold(n_folds, shuffle=True, random_state=seed)
    y = None
    if strata is not None:
        y = strata[numbers]
        if np.unique(y, return_counts=True)[1].max() >= n_folds:
            folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        parts = [numbers[held_out] for _, held_out in folds.split(numbers, y, groups)]
    return [(rows.without(held_out), held_out) for held_out in parts]
