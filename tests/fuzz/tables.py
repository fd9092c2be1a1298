"""Random tables, labels and weights in every container that a user may have them in.

What hypothesis draws is small: kinds, sizes and a seed. Numbers follow from the seed, so that a
failure shrinks to the simplest kinds that still show it.
"""

import io
import itertools
from collections.abc import Callable
from tempfile import TemporaryFile

import numpy as np
import pandas as pd
import scipy.sparse as sp
from hypothesis import strategies as st

try:
    import polars as pl
except ImportError:
    pl = None
try:
    import pyarrow as pa
except ImportError:
    pa = None

COLUMNS: dict[str, Callable] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "integers": lambda rng, n: rng.integers(-3, 4, n),
    "flags": lambda rng, n: rng.integers(0, 2, n),
    "constant": lambda rng, n: np.full(n, 3.25),
    "zeros": lambda rng, n: np.zeros(n),
    "mostly zero": lambda rng, n: rng.normal(size=n) * (rng.random(n) < 0.2),
}
FAR: dict[str, Callable] = {
    "far from zero": lambda rng, n: 2**14 + rng.normal(size=n),
    "one outlier": lambda rng, n: np.r_[rng.normal(size=n - 1), 6e4],
}
EXTREMES: dict[str, Callable] = {
    "tiny": lambda rng, n: 1e-30 * rng.normal(size=n),
    "huge": lambda rng, n: 1e30 * rng.normal(size=n),
    "subnormal": lambda rng, n: 1e-310 * rng.normal(size=n),
    "both": lambda rng, n: np.where(rng.random(n) < 0.5, 1e-30, 1e30),
}


def _strided(rows):
    wide = np.full((2 * len(rows), 3 * rows.shape[1]), np.nan)
    wide[::2, ::3] = rows
    return wide[::2, ::3]


def _read_only(rows):
    rows = rows.copy()
    rows.flags.writeable = False
    return rows


def _mapped(rows):
    with TemporaryFile() as file:  # the map keeps what it needs
        np.save(file, rows)
        file.flush()
        start = file.tell() - rows.nbytes
        return np.memmap(file, rows.dtype, "c", start, rows.shape)


def _unaligned(rows):
    memory = np.empty(rows.nbytes + 1, np.uint8)
    view = memory[1:].view(np.float64).reshape(rows.shape)
    view[:] = rows
    return view


def _integers(dtype):
    return lambda rows: np.clip(np.nan_to_num(rows), 0, 100).astype(dtype)


def _unsorted(rows):
    """Entries of a row in reverse order, and zeros that are stored."""
    full = sp.csr_array(np.ones(rows.shape))
    full.data[:] = rows.ravel()
    for start, stop in itertools.pairwise(full.indptr):
        full.indices[start:stop] = full.indices[start:stop][::-1]
        full.data[start:stop] = full.data[start:stop][::-1]
    full.has_sorted_indices = False
    return full


def _doubled(rows):
    """Each entry as the sum of two."""
    half = sp.coo_array(rows / 2)
    row, column = half.coords
    index = (np.r_[row, row], np.r_[column, column])
    return sp.coo_array((np.r_[half.data, half.data], index), shape=rows.shape)


def _long(rows):
    matrix = sp.csr_array(rows)
    matrix.indices, matrix.indptr = matrix.indices.astype("i8"), matrix.indptr.astype("i8")
    return matrix


def _names(rows):
    return [f"column {i}" for i in range(rows.shape[1])]


WIDE: dict[str, Callable] = {
    "float64": lambda rows: rows,
    "longdouble": lambda rows: rows.astype(np.longdouble),
    "objects": lambda rows: rows.astype(object),
    "Fortran": np.asfortranarray,
    "strided": _strided,
    "reversed": lambda rows: rows[::-1].copy()[::-1],
    "read-only": _read_only,
    "memory-mapped": _mapped,
    "unaligned": _unaligned,
    "big-endian": lambda rows: rows.astype(">f8"),
    "lists": lambda rows: rows.tolist(),
}
"""Dense containers of what float64 can hold."""

NARROW: dict[str, Callable] = {
    "float32": lambda rows: rows.astype(np.float32),
    "Fortran float32": lambda rows: np.asfortranarray(rows, np.float32),
    "float16": lambda rows: rows.astype(np.float16),
    "int64": _integers(np.int64),
    "int8": _integers(np.int8),
    "uint8": _integers(np.uint8),
    "bool": lambda rows: rows > 0,
}
"""Dense containers of moderate numbers."""

SPARSE: dict[str, Callable] = {
    **{f"{form} array": getattr(sp, f"{form}_array") for form in ("csr", "csc", "coo", "lil")},
    **{f"{form} array": getattr(sp, f"{form}_array") for form in ("dok", "bsr", "dia")},
    **{f"{form} matrix": getattr(sp, f"{form}_matrix") for form in ("csr", "csc", "coo")},
    "csr float32": lambda rows: sp.csr_array(rows.astype(np.float32)),
    "csr of integers": lambda rows: sp.csr_array(_integers(np.int64)(rows)),
    "unsorted": _unsorted,
    "doubled": _doubled,
    "64-bit indices": _long,
}

FRAMES: dict[str, Callable] = {
    "pandas": lambda rows: pd.DataFrame(rows, columns=_names(rows)),
    "pandas, nullable": lambda rows: pd.DataFrame(rows, columns=_names(rows), dtype="Float64"),
    "pandas, odd index": lambda rows: pd.DataFrame(
        rows, columns=_names(rows), index=[7] * len(rows)
    ),
}
if pl is not None:
    FRAMES["polars"] = lambda rows: pl.DataFrame(rows, schema=_names(rows))
if pa is not None:
    FRAMES["Arrow"] = lambda rows: pa.table(dict(zip(_names(rows), rows.T.copy(), strict=True)))

CONTAINERS = WIDE | NARROW | SPARSE | FRAMES

FAULTS: dict[str, Callable] = {
    "NaN": lambda rows: np.where(np.arange(rows.size).reshape(rows.shape) == 0, np.nan, rows),
    "infinity": lambda rows: np.where(np.arange(rows.size).reshape(rows.shape) == 0, np.inf, rows),
    "NaN in sparse": lambda rows: sp.csr_array(np.where(rows == rows[0, 0], np.nan, rows)),
    "None": lambda rows: None,
    "a number": lambda rows: 3.0,
    "a string": lambda rows: "rows",
    "strings": lambda rows: np.full(rows.shape, "red"),
    "complex": lambda rows: rows + 1j,
    "one dimension": lambda rows: rows[:, 0],
    "three dimensions": lambda rows: rows[:, :, None],
    "no rows": lambda rows: rows[:0],
    "no columns": lambda rows: rows[:, :0],
    "ragged": lambda rows: [[1.0], [1.0, 2.0]],
    "a dict": lambda rows: {"a": 1},
    "Nones": lambda rows: np.full(rows.shape, None),
    "a file": lambda rows: io.BytesIO(b"1,2"),
}


class Table:
    """Rows, what holds them, and whether that is a fault.

    Attributes
    ----------
    rows : ndarray of shape (n, n_features)
    given : object
        What is handed to an estimator.
    kind : str
    is_faulty : bool
    is_extreme : bool
        Whether columns go to 1e-30, 1e30 and beyond.
    """

    def __init__(self, rows, given, kind, made_of, *, is_faulty=False, is_extreme=False):
        self.rows, self.given, self.kind, self.made_of = rows, given, kind, made_of
        self.is_faulty, self.is_extreme = is_faulty, is_extreme

    @property
    def is_sparse(self):
        return sp.issparse(self.given)

    def __repr__(self):
        of = ", ".join(self.made_of)
        return f"<{self.kind} {self.rows.shape} of {of}{', faulty' * self.is_faulty}>"


sizes = st.sampled_from([40, 25, 60, 12, 7, 3, 2, 1])
seeds = st.integers(0, 2**16)

rarely = st.sampled_from([False] * 19 + [True])


@st.composite
def tables(draw, n_features=None, *, is_moderate=False):
    """A `Table`, of `n_features` columns where that is given; a moderate one has no faults."""
    n = draw(sizes)
    d = draw(st.sampled_from([3, 5, 1, 2, 20])) if n_features is None else n_features
    rng = np.random.default_rng(draw(seeds))
    is_extreme = not is_moderate and draw(rarely)
    made = COLUMNS | ({} if is_moderate else FAR) | (EXTREMES if is_extreme else {})
    chosen = draw(st.lists(st.sampled_from([*made]), min_size=1, max_size=3))
    kind = draw(st.sampled_from([*WIDE, *SPARSE, *FRAMES] if is_extreme else [*CONTAINERS]))
    columns = [made[chosen[i % len(chosen)]](rng, n) for i in range(d)]
    if d > 1 and rng.random() < 0.1:
        columns[-1] = columns[0]
    rows = np.column_stack(columns).astype(np.float64)
    if not is_moderate and draw(rarely):
        fault = draw(st.sampled_from([*FAULTS]))
        return Table(rows, FAULTS[fault](rows), fault, chosen, is_faulty=True)
    return Table(rows, CONTAINERS[kind](rows), kind, chosen, is_extreme=is_extreme)


LABELS: dict[str, Callable] = {
    "two": lambda rng, n: rng.integers(0, 2, n),
    "three": lambda rng, n: rng.integers(0, 3, n),
    "words": lambda rng, n: np.array(["no", "yes", "perhaps"])[rng.integers(0, 3, n)],
    "objects": lambda rng, n: np.array(["a", "b"], object)[rng.integers(0, 2, n)],
    "bools": lambda rng, n: rng.random(n) < 0.5,
    "whole floats": lambda rng, n: rng.integers(-1, 2, n).astype(float),
    "far integers": lambda rng, n: rng.choice([-(2**40), 0, 2**60], n),
    "uint8": lambda rng, n: rng.integers(0, 3, n).astype(np.uint8),
    "one class": lambda rng, n: np.full(n, 7),
    "rare": lambda rng, n: (np.arange(n) == 0).astype(int),
    "a class each": lambda rng, n: np.arange(n),
    "of a thousand": lambda rng, n: rng.integers(0, 1000, n),
    "many labels": lambda rng, n: rng.integers(0, 2, (n, 3)),
    "no positives": lambda rng, n: np.zeros((n, 2), int),
    "sparse labels": lambda rng, n: sp.csr_array(rng.integers(0, 2, (n, 4))),
    "a column": lambda rng, n: rng.integers(0, 2, (n, 1)),
    "a list": lambda rng, n: rng.integers(0, 3, n).tolist(),
}
NUMBERS: dict[str, Callable] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "counts": lambda rng, n: rng.poisson(3.0, n),
    "thousands": lambda rng, n: 5e4 + 1e3 * rng.normal(size=n),
    "constant": lambda rng, n: np.full(n, 0.1),
    "tiny": lambda rng, n: 1e-30 * rng.normal(size=n),
    "huge": lambda rng, n: 1e30 * rng.normal(size=n),
    "two outputs": lambda rng, n: rng.normal(size=(n, 2)),
    "float32": lambda rng, n: rng.normal(size=n).astype(np.float32),
    "a column": lambda rng, n: rng.normal(size=(n, 1)),
    "a list": lambda rng, n: rng.normal(size=n).tolist(),
    "bools": lambda rng, n: rng.random(n) < 0.5,
}
LABELS |= {
    "categories": lambda rng, n: pd.Series(rng.integers(0, 2, n)).map(str).astype("category"),
    "nullable": lambda rng, n: pd.Series(rng.integers(0, 3, n), dtype="Int64"),
    "strings": lambda rng, n: pd.Series(["u", "v"], dtype="string").iloc[rng.integers(0, 2, n)],
}
NUMBERS |= {
    "pandas": lambda rng, n: pd.Series(rng.normal(size=n)),
    "nullable": lambda rng, n: pd.Series(rng.normal(size=n), dtype="Float64"),
}
if pl is not None:
    LABELS["polars"] = lambda rng, n: pl.Series(rng.integers(0, 2, n))
    NUMBERS["polars"] = lambda rng, n: pl.Series(rng.normal(size=n))
if pa is not None:
    LABELS["Arrow"] = lambda rng, n: pa.array(rng.integers(0, 2, n))

CLASSES = {
    kind: np.unique(np.ravel(make(np.random.default_rng(0), 99)))
    for kind, make in LABELS.items()
    if "labels" not in kind and kind != "no positives" and kind != "Arrow"
} | {"of a thousand": np.arange(1000)}
"""All labels of each kind."""

BAD_TARGETS: dict[str, Callable] = {
    "None": lambda rng, n: None,
    "NaN": lambda rng, n: np.r_[np.nan, np.arange(n - 1.0)],
    "infinity": lambda rng, n: np.r_[np.inf, np.arange(n - 1.0)],
    "too long": lambda rng, n: np.arange(n + 1) % 2,
    "too short": lambda rng, n: np.arange(n - 1) % 2,
    "a number": lambda rng, n: 1.0,
    "complex": lambda rng, n: np.arange(n) % 2 + 1j,
    "dicts": lambda rng, n: [{}] * n,
    "Nones": lambda rng, n: np.full(n, None),
    "three dimensions": lambda rng, n: np.zeros((n, 1, 2)),
}

WEIGHTS: dict[str, Callable] = {
    "none": lambda rng, n: None,
    "ones": lambda rng, n: np.ones(n),
    "random": lambda rng, n: rng.random(n) + 0.1,
    "some zero": lambda rng, n: rng.integers(0, 2, n) + (np.arange(n) == 0),
    "one alone": lambda rng, n: (np.arange(n) == n - 1).astype(float),
    "tiny": lambda rng, n: 1e-9 * (rng.random(n) + 0.1),
    "large": lambda rng, n: 1e9 * (rng.random(n) + 0.1),
    "integers": lambda rng, n: rng.integers(1, 4, n),
    "float32": lambda rng, n: rng.random(n).astype(np.float32) + 0.1,
    "a list": lambda rng, n: [1.0] * n,
    "a number": lambda rng, n: 2.0,
}
BAD_WEIGHTS: dict[str, Callable] = {
    "negative": lambda rng, n: np.r_[-1.0, np.ones(n - 1)],
    "NaN": lambda rng, n: np.r_[np.nan, np.ones(n - 1)],
    "infinity": lambda rng, n: np.r_[np.inf, np.ones(n - 1)],
    "zeros": lambda rng, n: np.zeros(n),
    "too long": lambda rng, n: np.ones(n + 1),
    "two columns": lambda rng, n: np.ones((n, 2)),
    "words": lambda rng, n: ["heavy"] * n,
    "complex": lambda rng, n: np.ones(n) + 1j,
}


class Column:
    """A target, or a weight, for each row.

    Attributes
    ----------
    given : object
        What is handed to an estimator.
    kind : str
    is_faulty : bool
    """

    def __init__(self, given, kind, *, is_faulty=False):
        self.given, self.kind, self.is_faulty = given, kind, is_faulty

    def __repr__(self):
        return f"<{self.kind}{' faulty' * self.is_faulty}>"


@st.composite
def columns(draw, n, good, bad):
    """A `Column` of `n` rows of one of the kinds."""
    rng = np.random.default_rng(draw(seeds))
    if bad and draw(rarely):
        kind = draw(st.sampled_from([*bad]))
        return Column(bad[kind](rng, n), kind, is_faulty=True)
    kind = draw(st.sampled_from([*good]))
    return Column(good[kind](rng, n), kind)
