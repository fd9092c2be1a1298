"""A search as a map: a coloured cell for each pair of values, with the score in it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skdropout.inspection._axes import VERMILION, is_dark, lay_out, measure_axes
from skdropout.inspection._labels import count_columns, count_decimals, fold, to_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.patches import Patch


def draw_cells(ax: "Axes", mean: np.ma.MaskedArray, **colors: Any) -> "QuadMesh":
    """Coloured cells, and those that are masked in the colour for these."""
    mesh = ax.pcolormesh(mean, edgecolors="white", linewidth=2, **colors)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return mesh


def frame_cell(ax: "Axes", cell: tuple[int, int]) -> "Patch":
    """Draw a frame around a cell, given as row and column."""
    from matplotlib.patches import Rectangle

    i, j = cell
    look: dict[str, Any] = dict(fill=False, edgecolor=VERMILION, linewidth=2.5, zorder=3)
    return ax.add_patch(Rectangle((j + 0.04, i + 0.04), 0.92, 0.92, **look))


def write_scores(
    ax: "Axes",
    mesh: "QuadMesh",
    mean: np.ndarray,
    error: np.ndarray,
    best: tuple[int, int] | None,
    values_format: str | None,
) -> np.ndarray:
    """Write mean and error into each cell that has them, and return the texts."""
    spec = values_format or f".{count_decimals(error)}f"
    n_y, n_x = mean.shape
    lines = np.empty((n_y, n_x), dtype=object)
    for cell, value in np.ndenumerate(mean):
        lines[cell] = ""
        if np.isfinite(value):
            lines[cell] = f"{value:{spec}}"
            if np.isfinite(error[cell]):
                lines[cell] += f"\n± {error[cell]:{spec}}"
    width, height = measure_cells(ax, mean.shape)
    n_columns = max(count_columns(lines.flat), 1)
    size = float(np.clip(min(width / (0.72 * n_columns), height / 2.8), 4.0, 11.0))
    values: Any = mesh.get_array()
    colors = mesh.to_rgba(values)
    texts = np.empty_like(lines)
    for (i, j), line in np.ndenumerate(lines):
        texts[i, j] = ax.text(
            j + 0.5,
            i + 0.5,
            line,
            ha="center",
            va="center",
            size=size,
            color="white" if line and is_dark(colors[i, j]) else "black",
            weight="bold" if (i, j) == best else "normal",
        )
    return texts


def name_columns(ax: "Axes", values: Any, width: float) -> None:
    """Write the values below the columns, which are so many points wide."""
    labels = to_labels(values)
    look: dict[str, Any] = {}
    if count_columns(labels) * 6.0 > width:
        labels, look = [fold(label) for label in labels], dict(fontsize="small")
    if count_columns(labels) * 5.0 > width:
        look |= dict(rotation=30, ha="right", rotation_mode="anchor")
    ax.set_xticks(np.arange(len(labels)) + 0.5, labels, **look)


def measure_cells(ax: "Axes", shape: tuple[int, int]) -> np.ndarray:
    """Width and height of a cell in points."""
    lay_out(ax)
    n_y, n_x = shape
    return measure_axes(ax) / (n_x, n_y)
