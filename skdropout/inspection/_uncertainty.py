"""Where in the plane a classifier is uncertain."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.ndimage import distance_transform_edt
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from skdropout._core.checks import check_name, check_number
from skdropout.inspection._axes import (
    COLORS,
    add_legend,
    add_legend_below,
    check_matplotlib,
    ink,
    make_axes,
    to_fractions,
)
from skdropout.inspection._pipelines import find_unknown, split_pipeline, transform

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from matplotlib.typing import ColorType

LABELS = {
    "mutual_information": "Mutual information (nats)",
    "predictive_entropy": "Predictive entropy (nats)",
    "expected_entropy": "Expected entropy (nats)",
    "variation_ratio": "Variation ratio",
}
MARKERS = "os^DvP"


@dataclass(eq=False, repr=False)
class UncertaintyDisplay:
    """The regions of the classes, the darker the less certain the classifier is.

    On axes with a dark ground, as of matplotlib's style "dark_background", the lighter.

    Make one with :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    xx0, xx1 : ndarray of shape (grid_resolution, grid_resolution)
        The first and the second feature at each point of a grid.
    uncertainty : ndarray of shape (grid_resolution, grid_resolution)
        The measure at each point.
    proba : ndarray of shape (grid_resolution, grid_resolution, n_classes)
        Class probabilities of the whole network, which decide about the regions.
    classes : ndarray of shape (n_classes,)
        The labels of the classes.
    X : ndarray of shape (n_samples, 2), default=None
        Samples to draw on top.
    y : ndarray of shape (n_samples,), default=None
        Their labels; None draws all alike.
    measure : str, default="mutual_information"
        What `uncertainty` is, in the words of `predict_uncertainty`.
    feature_names : sequence of str, default=("Feature 0", "Feature 1")
        What to write on the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure that holds them.
    regions_ : list of matplotlib QuadContourSet or None
        The region of each class, None for a class that has none.
    boundaries_ : list of matplotlib QuadContourSet or None
        Where each region ends.
    surface_ : matplotlib QuadContourSet
        The uncertainty.
    points_ : list of matplotlib PathCollection
        The samples, one collection a class that they have.
    colorbar_ : matplotlib Colorbar
        The scale of the uncertainty.
    legend_ : matplotlib Legend
        The names of the classes; of more than eight it stands below the axes.
    names_ : list of matplotlib Text
        The names in the regions of more than six classes, which colours alone do not tell apart.

    See Also
    --------
    UncertaintyBandDisplay : The uncertainty of a regressor along one feature.
    sklearn.inspection.DecisionBoundaryDisplay : Regions without the uncertainty.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import make_moons
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.inspection import UncertaintyDisplay
    >>> X, y = make_moons(200, noise=0.2, random_state=0)
    >>> clf = DropoutMLPClassifier(batch_size=32, random_state=0).fit(X, y)
    >>> display = UncertaintyDisplay.from_estimator(clf, X, y, random_state=0)
    >>> display.uncertainty.shape
    (100, 100)
    >>> plt.close(display.figure_)
    """

    _: KW_ONLY
    xx0: np.ndarray
    xx1: np.ndarray
    uncertainty: np.ndarray
    proba: np.ndarray
    classes: np.ndarray
    X: np.ndarray | None = None
    y: np.ndarray | None = None
    measure: str = "mutual_information"
    feature_names: tuple[Any, Any] = ("Feature 0", "Feature 1")

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        grid_resolution: int = 100,
        eps: float | None = None,
        n_samples: int = 50,
        measure: str = "mutual_information",
        random_state: Any = None,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Draw the predictions of a fitted classifier of two features over their plane.

        Parameters
        ----------
        estimator : DropoutMLPClassifier, Pipeline or search
            The fitted classifier, a fitted pipeline whose last step it is, or a fitted search for
            either.
        X : array-like of shape (n_samples, 2)
            Samples, as the estimator takes them; drawn as points.
        y : array-like of shape (n_samples,), default=None
            Their classes, which colour the points.
        grid_resolution : int >= 2, default=100
            Number of points in each direction at which the uncertainty is measured.
        eps : float >= 0, default=None
            How far the picture reaches beyond `X`; None is a fifth of its range, in each direction.
        n_samples : int >= 1, default=50
            Number of thinned networks, as in `predict_uncertainty`. All points go through the same
            ones, so that differences between points are not chance.
        measure : str, default="mutual_information"
            "mutual_information", "predictive_entropy", "expected_entropy" or "variation_ratio".
        random_state : int, RandomState instance or None, default=None
            Decides which thinned networks.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **options
            More arguments of :meth:`plot`.

        Returns
        -------
        display : UncertaintyDisplay
            What was drawn.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        ValueError
            If it has not two features, is no classifier with `predict_uncertainty`, or one of many
            labels; if all its dropout rates are zero; or if `y` does not fit.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_number("grid_resolution", grid_resolution, 2, integer=True)
        if eps is not None:
            check_number("eps", eps, 0)
        check_name("measure", measure, LABELS)
        before, network = split_pipeline(estimator)
        if not (is_classifier(network) and hasattr(network, "predict_uncertainty")):
            instead = " UncertaintyBandDisplay shows regressors." if is_regressor(network) else ""
            raise ValueError(
                f"{cls.__name__} needs a classifier with predict_uncertainty, or a pipeline that "
                f"ends in one, got {type(network).__name__}.{instead}"
            )
        points = check_array(X, dtype=np.float64)
        if points.shape[1] != 2:
            raise ValueError(
                f"{cls.__name__} draws a plane: X must have two features, got {points.shape[1]}."
            )
        if y is not None:
            y = column_or_1d(y)
            check_consistent_length(points, y)
            if unknown := find_unknown(y, network.classes_):
                raise ValueError(f"y has labels that the classifier does not know: {unknown}.")

        low, high = points.min(axis=0), points.max(axis=0)
        margin = np.where(high > low, 0.2 * (high - low), 1.0) if eps is None else eps
        sides = np.linspace(low - margin, high + margin, grid_resolution, axis=1)
        xx0, xx1 = np.meshgrid(*sides)
        grid = transform(before, _like(X, np.column_stack([xx0.ravel(), xx1.ravel()])))
        measures = network.predict_uncertainty(grid, n_samples, random_state, consistent=True)
        uncertainty = measures[measure]
        if uncertainty.ndim > 1:
            raise ValueError(f"{cls.__name__} shows one question, not one for each of many labels.")
        proba = network.predict_proba(grid)
        names = getattr(X, "columns", cls.feature_names)
        display = cls(
            xx0=xx0,
            xx1=xx1,
            uncertainty=uncertainty.reshape(xx0.shape),
            proba=proba.reshape(*xx0.shape, -1),
            classes=network.classes_,
            X=points,
            y=y,
            measure=measure,
            feature_names=tuple(names),
        )
        return display.plot(ax, **options)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        colors: "Sequence[ColorType] | None" = None,
        levels: int = 8,
        scatter_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw regions, uncertainty and samples.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        colors : sequence of matplotlib colors, default=None
            One a class; None takes colours that the colour-blind tell apart, for up to six classes,
            and those of the map "viridis" for more.
        levels : int >= 1, default=8
            About how many shades the uncertainty has.
        scatter_kw : dict, default=None
            Options of :meth:`matplotlib.axes.Axes.scatter` for the samples.

        Returns
        -------
        self : UncertaintyDisplay
            The display.
        """
        check_number("levels", levels, 1, integer=True)
        ax = make_axes(f"{type(self).__name__}.plot", ax)
        self.ax_, self.figure_ = ax, ax.figure
        colors = self._colors() if colors is None else list(colors)
        if len(colors) != len(self.classes):
            raise ValueError(
                f"colors must be one for each of the {len(self.classes)} classes, "
                f"got {len(colors)}."
            )
        self._draw_regions(colors)
        self._draw_uncertainty(levels)
        self._draw_points(colors, scatter_kw or {})
        ax.set(xlabel=str(self.feature_names[0]), ylabel=str(self.feature_names[1]))
        ax.set_xlim(self.xx0.min(), self.xx0.max())
        ax.set_ylim(self.xx1.min(), self.xx1.max())
        self.names_: list[Text] = []
        if len(self.classes) > len(COLORS):
            self._name_regions()
        self._add_legend(colors)
        return self

    def _colors(self):
        from matplotlib import colormaps

        n = len(self.classes)
        return list(COLORS[:n] if n <= len(COLORS) else colormaps["viridis"](np.linspace(0, 1, n)))

    def _draw_regions(self, colors):
        """Tint where each class is the most probable, by how far it is ahead of all others."""
        self.regions_, self.boundaries_ = [], []
        for k, color in enumerate(colors):
            others = np.delete(self.proba, k, axis=-1)
            lead = self.proba[..., k] - others.max(axis=-1, initial=0.0)
            region = boundary = None
            if lead.max() > 0:
                levels = [0.0, max(1.0, lead.max())]
                region = self.ax_.contourf(
                    self.xx0, self.xx1, lead, levels, colors=[color], alpha=0.35, zorder=0
                )
            if lead.min() < 0 < lead.max():
                boundary = self.ax_.contour(
                    self.xx0, self.xx1, lead, [0.0], colors=ink(self.ax_), linewidths=1.2, zorder=2
                )
            self.regions_.append(region)
            self.boundaries_.append(boundary)

    def _name_regions(self):
        """Write the name of each class into its region, as far from the border as can be."""
        from matplotlib.patheffects import withStroke

        winner = self.proba.argmax(axis=-1)
        for k, label in enumerate(self.classes):
            inside = np.pad(winner == k, 1)  # the picture ends in a border, too
            depth = distance_transform_edt(inside)[1:-1, 1:-1]
            if not depth.any():
                continue
            place = np.unravel_index(depth.argmax(), depth.shape)
            name = self.ax_.text(
                float(self.xx0[place]),
                float(self.xx1[place]),
                str(label),
                ha="center",
                va="center",
                weight="bold",
                color=ink(self.ax_),
                path_effects=[withStroke(linewidth=3, foreground=self.ax_.get_facecolor())],
                clip_on=True,
                zorder=4,
            )
            self.names_.append(name)

    def _draw_uncertainty(self, levels):
        """Shade the plane, from clear to dark; on a dark ground to light."""
        from matplotlib.colors import LinearSegmentedColormap, to_rgb
        from matplotlib.ticker import MaxNLocator

        highest = max(float(self.uncertainty.max()), 1e-6)
        edges = MaxNLocator(levels).tick_values(0.0, highest)
        ends = [(*to_rgb(ink(self.ax_)), opacity) for opacity in (0.0, 0.8)]
        shades = LinearSegmentedColormap.from_list("shades", ends)
        self.surface_ = self.ax_.contourf(
            self.xx0, self.xx1, self.uncertainty, edges, cmap=shades, zorder=1
        )
        self.colorbar_ = self.figure_.colorbar(
            self.surface_, ax=self.ax_, label=LABELS[self.measure]
        )

    def _draw_points(self, colors, options):
        """The samples, a colour and a shape a class."""
        self.points_ = []
        if self.X is None:
            return
        look: dict[str, Any] = dict(s=22, edgecolors="white", linewidths=0.7, zorder=3)
        if self.y is None:
            look |= dict(color=ink(self.ax_)) | options
            self.points_.append(self.ax_.scatter(*self.X.T, **look))
            return
        for k, label in enumerate(self.classes):
            rows = self.y == label
            if rows.any():
                own = dict(color=colors[k], marker=MARKERS[k % len(MARKERS)], label=str(label))
                self.points_.append(self.ax_.scatter(*self.X[rows].T, **look | own | options))

    def _add_legend(self, colors):
        from matplotlib.patches import Patch

        handles: list[Any] = self.points_ if self.y is not None else []
        if not handles:
            handles = [
                Patch(color=color, alpha=0.35, label=str(label))
                for color, label in zip(colors, self.classes, strict=True)
            ]
        look: dict[str, Any] = dict(title="Class", fontsize="small")
        if len(handles) > 8:
            self.legend_ = add_legend_below(self.ax_, handles, **look)
            return
        points = np.empty((0, 2)) if self.X is None else to_fractions(self.ax_, *self.X.T)
        self.legend_, _ = add_legend(self.ax_, handles, points, **look)


def _like(X, values):
    """Values as a data frame of the class and with the columns of `X`, if it is one."""
    if hasattr(X, "iloc"):
        return type(X)(values, columns=X.columns)
    if hasattr(X, "columns"):
        return type(X)(values, schema=list(X.columns))
    return values
