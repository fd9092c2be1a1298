"""What "auto" stands for, once the data are known."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, inf
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import issparse

from skdropout._core.checks import is_name
from skdropout._training.data import suit_batch_size
from skdropout._training.settings import Settings
from skdropout.schedules import Constant, Cosine

SIZES = (256, 128)
"""Hidden layers."""

WIDE, SIZES_OF_WIDE = 5_000, (64,)
"""Features from which on sparse data are wide, as those of texts, and their hidden layer: words say
what they say by themselves, and each costs as many weights as the layer has units."""

FEWEST_FOLDED = 50
"""Rows from which on the default is an ensemble: of fewer a fold says nothing."""

MOST_FOLDED = 20_000
"""Rows up to which the default is an ensemble: of more a tenth says enough."""

MOST_HELD_OUT = 100_000
"""Rows that are held out by default, at the most: they tell an accuracy to 0.0016 or better."""

N_FOLDS = 5
MOST_IN_DOUBLE = 100
"""Rows up to which an ensemble is trained in the precision of the data."""

N_STEPS, N_STEPS_AT_ONCE = 1_000, 500
"""Steps of a network that nothing judges, and where each of them takes all rows at once."""

PATIENCE, PATIENCE_AT_ONCE, PATIENCE_GROWTH = 500, 250, 0.15
"""Steps without improvement after which a training ends that is judged, also where each of them
takes all rows at once, and how many more for each step before, unless there are so many rows that
each epoch tells enough."""

MOST_DROPPED = 0.5
MOST_DROPPED_OF_MANY = 0.25
"""The largest dropout rates, for few rows and for so many that the default holds out some."""

FEWEST_KEPT = 32
"""Units that dropout leaves of a layer."""


def suit_sizes(X: Any) -> tuple[int, ...]:
    """The hidden layers for such data, not yet checked."""
    return SIZES_OF_WIDE if issparse(X) and X.shape[-1] > WIDE else SIZES


def suit_rates(sizes: Sequence[int], solver: Any) -> list[float]:
    """Dropout rates of layers of such sizes: half of the units, less where few would be left.

    L-BFGS has none.
    """
    if is_name(solver, "lbfgs"):
        return [0.0] * len(sizes)
    return [min(MOST_DROPPED, max(0.0, 1.0 - FEWEST_KEPT / size)) for size in sizes]


def choose_cv(cv: Any, n_rows: int, *, alone: bool) -> Any:
    """The folds of an ensemble, or None for a single network; `alone` tells of reasons for one."""
    if not is_name(cv, "auto"):
        return cv
    return None if alone or not FEWEST_FOLDED <= n_rows <= MOST_FOLDED else N_FOLDS


def suit(settings: Settings, n_rows: int, *, judged: bool, incremental: bool = False) -> Settings:
    """Settings without "auto", for so many rows to train on, with a validation or without.

    An incremental training has no known end to anneal for.
    """
    batch_size = settings.batch_size or suit_batch_size(n_rows)
    batch_size = n_rows if settings.rule is None else batch_size
    n_batches = ceil(n_rows / batch_size)
    n_iter_no_change = settings.n_iter_no_change
    if n_iter_no_change is None and judged:
        patience = PATIENCE_AT_ONCE if n_batches == 1 else PATIENCE
        n_iter_no_change = max(5, ceil(patience / n_batches))
        growth = PATIENCE_GROWTH if n_rows <= MOST_FOLDED else 0.0
        settings = replace(settings, patience_growth=growth)
    elif n_iter_no_change is None:
        n_iter_no_change = 10 if settings.judges or settings.schedule.adapts else inf
    settings = replace(settings, batch_size=batch_size, n_iter_no_change=n_iter_no_change)
    if settings.automatic_rates and n_rows > MOST_FOLDED:
        inputs, *hidden = settings.drops.rates
        rates = (inputs, *(min(rate, MOST_DROPPED_OF_MANY) for rate in hidden))
        settings = replace(settings, drops=replace(settings.drops, rates=rates))
    if not settings.automatic or incremental or settings.rule is None:
        return settings
    if judged:
        return replace(settings, schedule=Constant(), averages=True)
    n_steps = N_STEPS_AT_ONCE if n_batches == 1 else N_STEPS
    max_iter = min(settings.max_iter, ceil(n_steps / n_batches))
    return replace(settings, schedule=Cosine(), max_iter=max_iter)


def holds_out(cv: Any, n_rows: int, *, alone: bool) -> bool:
    """Whether the default is to hold out some of so many rows."""
    return is_name(cv, "auto") and not alone and n_rows > MOST_FOLDED


def decides_by_loss(scoring: Any) -> bool:
    """Whether a validation decides by its loss, and not by a score."""
    return scoring is None or is_name(scoring, "loss")


def is_plain_score(scoring: Any) -> bool:
    """Whether a validation is scored by accuracy or R2, as the epochs of a training can be."""
    return decides_by_loss(scoring) or (isinstance(scoring, str) and scoring in ("accuracy", "r2"))


def suit_dtype(dtype: DTypeLike, n_rows: int, *, folded: bool) -> DTypeLike:
    """The type inside: single precision for the many steps of an ensemble, in half of the time.

    Few rows keep theirs, so that a weight of two is a row twice to the last digits.
    """
    return np.float32 if folded and n_rows > MOST_IN_DOUBLE else dtype
