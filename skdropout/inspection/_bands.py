"""Where along one feature a regressor is uncertain."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import is_regressor
from sklearn.utils import check_consistent_length

from skdropout._core.checks import check_number
from skdropout.inspection._axes import (
    BLUE,
    GREY,
    add_legend,
    check_matplotlib,
    make_axes,
    to_fractions,
)
from skdropout.inspection._candidates import are_numbers
from skdropout.inspection._pipelines import split_pipeline, transform

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(eq=False, repr=False)
class UncertaintyBandDisplay:
    """What a regressor predicts along one feature, in bands of standard deviations.

    The standard deviation is that of thinned networks, as ``predict(X, return_std=True)`` returns
    it: how much they disagree. The noise of the data is not in it, so samples may lie outside.

    Make one with :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    grid : ndarray of shape (grid_resolution,)
        Values of the feature.
    mean : ndarray of shape (grid_resolution,)
        What is predicted there.
    std : ndarray of shape (grid_resolution,)
        Its standard deviation.
    x : ndarray of shape (n_samples,), default=None
        Values of the feature in samples to draw on top.
    y : ndarray of shape (n_samples,), default=None
        Their targets; None draws a tick below for each.
    feature_name : str, default="Feature 0"
        What to write below.
    target_name : str, default="Prediction"
        What to write on the left.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure that holds them.
    line_ : matplotlib Line2D
        The prediction.
    bands_ : list of matplotlib PolyCollection
        The bands, the widest first.
    points_ : matplotlib Line2D or None
        The samples, or their ticks.
    legend_ : matplotlib Legend
        The legend.

    See Also
    --------
    UncertaintyDisplay : The uncertainty of a classifier over two features.
    sklearn.inspection.PartialDependenceDisplay : Means over the other features, without bands.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_diabetes
    >>> from skdropout import DropoutMLPRegressor
    >>> from skdropout.inspection import UncertaintyBandDisplay
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> network = DropoutMLPRegressor((64,), dropout_rate=0.1, random_state=0).fit(X, y)
    >>> display = UncertaintyBandDisplay.from_estimator(network, X, y, feature=2, random_state=0)
    >>> display.mean.shape, display.std.shape
    ((100,), (100,))
    >>> plt.close(display.figure_)
    """

    grid: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    _: KW_ONLY
    x: np.ndarray | None = None
    y: np.ndarray | None = None
    feature_name: str = "Feature 0"
    target_name: str = "Prediction"

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        feature: int | str = 0,
        target: int = 0,
        grid_resolution: int = 100,
        eps: float | None = None,
        n_samples: int = 50,
        random_state: Any = None,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Draw the predictions of a fitted regressor along a feature.

        Parameters
        ----------
        estimator : DropoutMLPRegressor, Pipeline or search
            The fitted regressor, a fitted pipeline whose last step it is, or a fitted search for
            either.
        X : array-like of shape (n_samples, n_features)
            Samples, as the estimator takes them. Along the line the other features stay where they
            are typical: numbers at their median, others at the most frequent value.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their targets, which are drawn as points.
        feature : int or str, default=0
            The feature, which holds numbers, by its position or the name of its column.
        target : int >= 0, default=0
            Which output to draw, if there are several.
        grid_resolution : int >= 2, default=100
            Number of values of the feature to predict at.
        eps : float >= 0, default=None
            How far the picture reaches beyond `X`; None is a fifth of the range of the feature.
        n_samples : int >= 1, default=50
            Number of thinned networks, as in `predict`. All values go through the same ones, so
            that differences between values are not chance.
        random_state : int, RandomState instance or None, default=None
            Decides which thinned networks.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **options
            More arguments of :meth:`plot`.

        Returns
        -------
        display : UncertaintyBandDisplay
            What was drawn.

        Raises
        ------
        NotFittedError
            If the regressor is not fitted.
        ValueError
            If it has no ``predict(X, return_std=True)`` with samples; if it is a single network
            whose dropout rates are all zero; if there is no such feature or target; or if `y` does
            not fit.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_number("grid_resolution", grid_resolution, 2, integer=True)
        if eps is not None:
            check_number("eps", eps, 0)
        before, network = split_pipeline(estimator)
        if not (is_regressor(network) and hasattr(network, "predict_samples")):
            raise ValueError(
                f"{cls.__name__} needs a DropoutMLPRegressor, or a pipeline that ends in one, got "
                f"{type(network).__name__}."
            )
        columns, name = _columns_of(X), feature
        if isinstance(feature, str) and feature not in columns:
            raise ValueError(f"X has no column {feature!r}, but {', '.join(map(str, columns))}.")
        if not isinstance(feature, str):
            check_number("feature", feature, 0, len(columns), integer=True)
            name = list(columns)[feature]
        x = _to_numbers(columns[name])
        low, high = np.nanmin(x), np.nanmax(x)
        margin = (0.2 * (high - low) or 1.0) if eps is None else eps
        grid = np.linspace(low - margin, high + margin, grid_resolution)
        rows = {key: np.full(grid.shape, _typical(column)) for key, column in columns.items()}
        rows[name] = grid
        samples = type(X)(rows) if hasattr(X, "columns") else np.column_stack([*rows.values()])
        inputs = transform(before, samples)
        asked: dict[str, Any] = dict(n_samples=n_samples, random_state=random_state)
        mean, std = network.predict(inputs, return_std=True, consistent=True, **asked)
        n_outputs = 1 if mean.ndim == 1 else mean.shape[1]
        check_number("target", target, 0, n_outputs, integer=True)
        if y is not None:
            check_consistent_length(x, y)
        display = cls(
            grid,
            mean.reshape(-1, n_outputs)[:, target],
            std.reshape(-1, n_outputs)[:, target],
            x=x,
            y=None if y is None else np.asarray(y).reshape(-1, n_outputs)[:, target],
            feature_name=str(name) if hasattr(X, "columns") else f"Feature {name}",
            target_name=str(getattr(y, "name", None) or cls.target_name),
        )
        return display.plot(ax, **options)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        n_std: Sequence[float] = (1, 2),
        line_kw: dict[str, Any] | None = None,
        scatter_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the prediction, its bands and the samples.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_std : sequence of float > 0, default=(1, 2)
            How many standard deviations each band reaches to either side.
        line_kw : dict, default=None
            Options of :meth:`matplotlib.axes.Axes.plot` for the prediction.
        scatter_kw : dict, default=None
            Options of :meth:`matplotlib.axes.Axes.plot` for the samples.

        Returns
        -------
        self : UncertaintyBandDisplay
            The display.
        """
        ax = make_axes(f"{type(self).__name__}.plot", ax)
        for n in n_std:
            check_number("n_std, each of them,", n, 0, closed="(]")
        self.ax_, self.figure_ = ax, ax.figure
        self.bands_ = []
        for i, n in enumerate(sorted(n_std, reverse=True)):
            low, high = self.mean - n * self.std, self.mean + n * self.std
            text = f"± {n:g} standard deviation" + ("s" if n != 1 else "")
            shade: dict[str, Any] = dict(color=BLUE, alpha=min(0.2 + 0.15 * i, 0.8), linewidth=0)
            self.bands_.append(ax.fill_between(self.grid, low, high, label=text, **shade))
        look: dict[str, Any] = dict(color=BLUE, linewidth=1.8, label="prediction")
        (self.line_,) = ax.plot(self.grid, self.mean, **look | (line_kw or {}))
        ax.set(xlabel=self.feature_name, ylabel=self.target_name)
        ax.set_xlim(self.grid[0], self.grid[-1])
        shown = [to_fractions(ax, self.grid, self.mean + sign * self.std) for sign in (-1, 0, 1)]
        self.points_: Any = None
        if self.x is not None:
            look = dict(linestyle="none", color=GREY, alpha=0.6, label="samples")
            shown.append(self._draw_samples(**look | (scatter_kw or {})))
        handles = [h for h in (self.line_, *self.bands_[::-1], self.points_) if h is not None]
        self.legend_, _ = add_legend(ax, handles, np.vstack(shown), fontsize="small")
        return self

    def _draw_samples(self, **look: Any) -> np.ndarray:
        """Points, or ticks where they have no targets; where they are in the picture."""
        x: Any = self.x
        if self.y is not None:
            points: dict[str, Any] = {"marker": "o", "markersize": 4}
            (self.points_,) = self.ax_.plot(x, self.y, **points | look)
            return to_fractions(self.ax_, x, self.y)
        ticks: dict[str, Any] = {"marker": "|", "markersize": 8}
        ticks["transform"] = self.ax_.get_xaxis_transform()
        below = np.full(len(x), 0.02)
        (self.points_,) = self.ax_.plot(x, below, **ticks | look)
        return np.column_stack([to_fractions(self.ax_, x, below)[:, 0], below])


def _columns_of(X):
    """The columns by their names, or by their positions."""
    if hasattr(X, "columns"):
        return {name: X[name] for name in X.columns}
    return dict(enumerate(np.asarray(X, dtype=np.float64).T))


def _to_numbers(column):
    """A column as an array of float64, with NaN for its holes."""
    if hasattr(column, "dropna"):  # of pandas, which may hold them as something else
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(column, dtype=np.float64)


def _typical(column):
    """The median of numbers, the most frequent of other values."""
    known = column.dropna() if hasattr(column, "dropna") else column
    values = [value for value in np.asarray(known).tolist() if value == value and value is not None]
    if are_numbers(values):
        return np.median(values)
    names, counts = np.unique(values, return_counts=True)
    return names[counts.argmax()]
