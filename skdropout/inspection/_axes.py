"""What all displays share: axes, colours and where to put a legend.

matplotlib is imported in here and in the methods that draw, when they are called.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

# Colours that the colour-blind tell apart [Okabe and Ito, 2008, "Color universal design"].
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PINK, SKY = "#CC79A7", "#56B4E9"
COLORS = (BLUE, ORANGE, GREEN, PINK, SKY, VERMILION)
DARK, GREY, LIGHT = "#333333", "#757575", "#EEEEEE"

_PLACES = {
    "upper right": (1.0, 1.0),
    "upper left": (0.0, 1.0),
    "lower right": (1.0, 0.0),
    "lower left": (0.0, 0.0),
    "center right": (1.0, 0.5),
    "center left": (0.0, 0.5),
    "upper center": (0.5, 1.0),
    "lower center": (0.5, 0.0),
    "center": (0.5, 0.5),
}


def check_matplotlib(caller: str) -> None:
    """Raise unless matplotlib can be imported; `caller` is what needs it."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(f"{caller} needs matplotlib: pip install matplotlib") from error


def make_axes(
    caller: str, ax: "Axes | None" = None, figsize: tuple[float, float] | None = None
) -> "Axes":
    """Return `ax` or the axes of a new figure; raise unless matplotlib can be imported."""
    check_matplotlib(caller)
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    return ax


def is_dark(color: Any) -> bool:
    """Whether white has more contrast with a colour than black has (WCAG 2.2)."""
    srgb = np.array(color[:3])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return bool(linear @ [0.2126, 0.7152, 0.0722] < 0.179)


def ink(ax: "Axes") -> str:
    """The colour of text and marks: dark on a light ground, light on a dark one."""
    return LIGHT if is_dark(ax.get_facecolor()) else DARK


def lay_out(ax: "Axes") -> None:
    """Lay out the whole figure, if it has a layout engine, with what has been drawn so far."""
    figure = ax.figure.canvas.figure
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)


def measure_axes(ax: "Axes") -> np.ndarray:
    """Width and height in points, the unit of text and markers."""
    box = ax.get_window_extent()
    return np.array([box.width, box.height]) * 72 / ax.figure.dpi


def to_fractions(ax: "Axes", x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Points in the coordinates of the data as fractions of the axes' width and height."""
    ax.autoscale_view()  # matplotlib works limits out late, for transData too late
    pixels = ax.transData.transform(np.column_stack([x, y]))
    return ax.transAxes.inverted().transform(pixels)


def measure_legend(legend: "Legend") -> np.ndarray:
    """Width and height of a legend and the space around it, as fractions of the axes' size."""
    own, whole = legend.get_window_extent(), legend.axes.get_window_extent()
    return np.array([own.width / whole.width, own.height / whole.height]) + 0.04


def add_legend(
    ax: "Axes", handles: "Sequence[Artist]", points: np.ndarray, **options: Any
) -> "tuple[Legend, int]":
    """Add a legend where it hides the fewest points, given as fractions of the axes' size.

    Returns the legend and the number of points that it hides.
    """
    legend = ax.legend(handles=handles, loc="upper right", **options)
    size = measure_legend(legend)

    def n_hidden(place):
        low = np.array(_PLACES[place]) * (1.0 - size)
        return np.count_nonzero(np.all((points >= low) & (points <= low + size), axis=1))

    place: Any = min(_PLACES, key=n_hidden)  # the first of those that hide none
    legend.set_loc(place)
    return legend, n_hidden(place)


def add_legend_below(ax: "Axes", handles: "Sequence[Artist]", **options: Any) -> "Legend":
    """Add a legend below the axes and their label, in as many columns as fit."""
    from matplotlib.transforms import ScaledTranslation

    legend = ax.legend(handles=handles, ncols=1, **options)
    n_columns = int(np.clip(1.0 / measure_legend(legend)[0], 1, len(handles)))
    lay_out(ax)
    label = ax.xaxis.get_tightbbox()
    drop = 0.0 if label is None else (ax.bbox.y0 - label.y0) / ax.figure.dpi
    below = ax.transAxes + ScaledTranslation(0.0, -drop, ax.figure.dpi_scale_trans)
    place: Any = dict(loc="upper center", bbox_to_anchor=(0.5, 0.0), bbox_transform=below)
    return ax.legend(handles=handles, ncols=n_columns, borderaxespad=0.3, **place, **options)
