"""A search as points: one for each candidate, where its numbers are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skdropout.inspection._axes import BLUE, GREY, LIGHT, VERMILION, ink
from skdropout.inspection._candidates import are_numbers
from skdropout.inspection._labels import to_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.container import ErrorbarContainer


def hardly_repeat(n_values: Sequence[int], numbers: Sequence[bool], n_known: int) -> bool:
    """Whether the numbers of a search are too many for cells.

    Of one parameter that are more than eight; of two, more than four of one of them that are more
    than half of the candidates too.
    """
    most = 8 if 1 in n_values else max(4, n_known // 2)
    return any(is_number and n > most for n, is_number in zip(n_values, numbers, strict=True))


def draw_points(ax: "Axes", x: Any, y: Any, score: np.ndarray, **colors: Any) -> "PathCollection":
    """Points in the plane of two parameters, coloured by their scores, grey where masked."""
    known = ~np.ma.getmaskarray(score)
    look: dict[str, Any] = dict(s=60, linewidths=0.8)
    ax.scatter(x[~known], y[~known], color=LIGHT, edgecolors=GREY, **look)
    return ax.scatter(x[known], y[known], c=score[known], edgecolors=ink(ax), **look, **colors)


def draw_errorbars(ax: "Axes", x: Any, score: np.ndarray, error: np.ndarray) -> "ErrorbarContainer":
    """Scores over one parameter, with their errors, grey where masked."""
    known = ~np.ma.getmaskarray(score)
    values = np.ma.getdata(score)
    look: dict[str, Any] = dict(fmt="o", capsize=2, markersize=5)
    ax.errorbar(x[~known], values[~known], error[~known], color=GREY, alpha=0.5, **look)
    return ax.errorbar(x[known], values[known], error[known], color=BLUE, **look)


def ring_point(ax: "Axes", x: float, y: float) -> "PathCollection":
    """Draw a ring around a point."""
    return ax.scatter(x, y, s=220, facecolors="none", edgecolors=VERMILION, linewidths=2.5)


def place(axis: Any, values: Sequence[Any]) -> np.ndarray:
    """Where values are on an axis: numbers where they are, others one step apart, with names.

    The axis becomes logarithmic where that spreads the numbers more evenly.
    """
    if not are_numbers(values):
        axis.set_ticks(np.arange(len(values)), to_labels(values))
        return np.arange(len(values), dtype=float)
    numbers = np.array(values, dtype=float)
    low, high = numbers.min(), numbers.max()
    if low > 0 and high > 10 * low:
        middle = np.median(numbers)
        linear = abs((middle - low) / (high - low) - 0.5)
        logarithmic = abs(np.log(middle / low) / np.log(high / low) - 0.5)
        if logarithmic < linear:
            axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    return numbers
