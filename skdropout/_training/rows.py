"""Row numbers: which rows take part, which are held out, and the order in which an epoch has them.

None of it takes memory that grows with the rows, but for the numbers of those that are left out.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil

import numpy as np
from sklearn.model_selection import train_test_split

from skdropout._core import tuning
from skdropout._core.buffers import Array

N_BLOCKS = 256
"""Blocks of neighbours that are mixed at once."""

SPLIT_ROWS = 1 << 17
"""Rows of which some are held out at once, about: a split takes memory for each of them."""


class Complement:
    """The numbers of all rows but some, in ascending order, worked out when they are asked for.

    Parameters
    ----------
    n_rows : int
    excluded : array-like of int, default=()
        Those left out, each once and in ascending order.
    """

    def __init__(self, n_rows: int, excluded: Sequence[int] | Array = ()):
        self.n_rows = n_rows
        dtype = np.int32 if n_rows <= np.iinfo(np.int32).max else np.int64
        self._n_before: Array = np.array(excluded, dtype)  # of each, the numbers that take part
        self._n_before -= np.arange(len(excluded), dtype=dtype)

    @property
    def excluded(self) -> Array:
        """Those left out."""
        return self._n_before + np.arange(len(self._n_before))

    def __len__(self) -> int:
        return self.n_rows - len(self._n_before)

    def __getitem__(self, span: slice) -> Array:
        """The numbers of a part of them."""
        places = np.arange(*span.indices(len(self)))
        n_left_out = np.searchsorted(
            self._n_before, places.astype(self._n_before.dtype), side="right"
        )
        return places + n_left_out

    def without(self, rows: Array) -> "Complement":
        """The same but for some rows more."""
        return Complement(self.n_rows, np.union1d(self.excluded, rows))


Rows = Array | Complement
"""Row numbers, of which a slice is an array."""


def union(parts: Sequence[Rows], n_rows: int) -> Complement:
    """The rows that are in any of the parts, of so many."""
    is_missing = np.ones(n_rows, bool)
    for part in parts:
        is_missing[part[:]] = False
    return Complement(n_rows, np.flatnonzero(is_missing))


def blocks_of(rows: Rows, size: int) -> Iterator[Array | slice]:
    """Yield so many rows after the others; neighbours as a slice, which reads without a copy."""
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        first, last = int(block[0]), int(block[-1])
        is_slice = last - first + 1 == len(block) and bool((np.diff(block) == 1).all())
        yield slice(first, last + 1) if is_slice else block


def in_order(rows: Rows, n_columns: int, rng: np.random.Generator | None) -> Iterator[Array]:
    """Yield the row numbers of an epoch, piece by piece: in random order, or as they are.

    Each order is as likely as the others, up to `tuning.MIXED_ROWS` rows and
    `tuning.MIXED_NUMBERS` numbers. Of more rows, blocks of neighbours come in random order, and the
    rows of `N_BLOCKS` of them are mixed: what lies on a disk is read in blocks, and once.
    """
    n_mixed = max(N_BLOCKS, min(tuning.MIXED_ROWS, tuning.MIXED_NUMBERS // n_columns))
    if rng is None:
        for start in range(0, len(rows), n_mixed):
            yield rows[start : start + n_mixed]
    elif len(rows) <= n_mixed:
        yield rng.permutation(rows[:])
    else:
        size = n_mixed // N_BLOCKS
        blocks = rng.permutation(ceil(len(rows) / size))
        for some in np.split(blocks, range(N_BLOCKS, len(blocks), N_BLOCKS)):
            mixed = np.concatenate([rows[i * size : (i + 1) * size] for i in some.tolist()])
            rng.shuffle(mixed)
            yield mixed


def hold_out(rows: Rows, strata: Array | None, fraction: float, rng: np.random.Generator) -> Array:
    """Take a `fraction` of the rows at random, to validate with; return them in ascending order.

    With `strata` they hold each stratum in its proportion, to rounding, and at least one row of
    each, as do those that are left; a stratum of a single row is trained on. Where two rows cannot
    be held out like this, the strata are left aside. Many rows are cut into pieces of about
    `SPLIT_ROWS`, and all this is so in each of them.
    """
    n_pieces = max(1, min(ceil(len(rows) / SPLIT_ROWS), int(fraction * len(rows)) // 2))
    ends = [len(rows) * i // n_pieces for i in range(n_pieces + 1)]
    pieces = (rows[start:end] for start, end in pairwise(ends))
    return np.concatenate([_hold_out(piece, strata, fraction, rng) for piece in pieces])


def _hold_out(
    rows: Array, strata: Array | None, fraction: float, rng: np.random.Generator
) -> Array:
    n_held_out = ceil(fraction * len(rows))
    if strata is not None and 0 < n_held_out < len(rows):
        _, codes, sizes = np.unique(strata[rows].ravel(), return_inverse=True, return_counts=True)
        is_single = sizes[codes] == 1
        least, most = int((sizes > 1).sum()), len(rows) - len(sizes)
        n_stratified = min(max(n_held_out, least), most)
        if n_stratified < 2:
            strata = None
        else:
            n_held_out, strata, rows = n_stratified, codes[~is_single], rows[~is_single]
    seed = int(rng.integers(2**31))
    if n_held_out < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            f"dataset: validation_fraction={fraction!r} of {len(rows)} samples leaves {n_held_out}."
        )
    try:
        _, held_out = train_test_split(
            rows, test_size=n_held_out, random_state=seed, stratify=strata
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping cannot hold out validation_fraction={fraction!r} of {len(rows)} "
            f"samples: {error}"
        ) from error
    return np.sort(held_out)
