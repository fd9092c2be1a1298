"""What a search found, over one or two of its parameters."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdropout._core.checks import check_name
from skdropout.inspection._axes import LIGHT, check_matplotlib, make_axes
from skdropout.inspection._candidates import (
    are_numbers,
    distinct,
    fill,
    name_score,
    pick_metric,
    pick_parameters,
    positions,
)
from skdropout.inspection._cells import (
    draw_cells,
    frame_cell,
    measure_cells,
    name_columns,
    write_scores,
)
from skdropout.inspection._labels import shorten, to_labels
from skdropout.inspection._points import (
    draw_errorbars,
    draw_points,
    hardly_repeat,
    place,
    ring_point,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap


@dataclass(eq=False, repr=False)
class SearchDisplay:
    """Mean score and standard error of each candidate of a search, the best one framed.

    The values of two parameters, or of one, are a map of cells. Where they hardly repeat, as in a
    random search over distributions, each candidate is a point. Of candidates that differ in other
    parameters still, the best is shown.

    Make one with :meth:`from_search`. All parameters are stored as attributes.

    Parameters
    ----------
    mean : ndarray of shape (n_y, n_x)
        Mean test scores; NaN where there is none.
    error : ndarray of shape (n_y, n_x)
        Their standard errors.
    x_values : sequence of length n_x
        Values of the parameter of the columns.
    y_values : sequence of length n_y, default=(None,)
        Values of the parameter of the rows.
    x : str, default=""
        Name of the parameter of the columns.
    y : str or None, default=None
        Name of the parameter of the rows; None where there is one row only.
    best : tuple of int or None, default=None
        Row and column of the best cell; None is the first one with the highest mean.
    score_name : str, default="score"
        What the scores are.
    n_splits : int or None, default=None
        Number of scores behind each mean.
    compared : ndarray of bool of shape (n_y, n_x) or None, default=None
        Cells whose scores compare; the others are grey. None stands for all.
    rest : sequence of str, default=()
        Names of other parameters that vary.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure that holds them.
    mesh_ : matplotlib QuadMesh or None
        The cells.
    texts_ : ndarray of shape (n_y, n_x) of matplotlib Text, or None
        What is written in them.
    points_ : matplotlib PathCollection, ErrorbarContainer or None
        The points; of one parameter with a standard error above and below.
    best_ : matplotlib Rectangle, PathCollection or None
        The frame of the best cell, or the ring around the best point.
    colorbar_ : matplotlib Colorbar or None
        The scale of the colours.

    See Also
    --------
    sklearn.model_selection.GridSearchCV : The search.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.datasets import load_sonar
    >>> from skdropout.inspection import SearchDisplay
    >>> X, y = load_sonar(return_X_y=True)
    >>> network = DropoutMLPClassifier(max_iter=20, learning_rate="cosine", cv=None, random_state=0)
    >>> grid = {"dropout_rate": [0, 0.2, 0.5], "hidden_layer_sizes": [(30,), (60, 30)]}
    >>> display = SearchDisplay.from_search(GridSearchCV(network, grid).fit(X, y))
    >>> display.mean.shape
    (3, 2)
    >>> plt.close(display.figure_)
    """

    mean: np.ndarray
    error: np.ndarray
    _: KW_ONLY
    x_values: Sequence[Any]
    y_values: Sequence[Any] = (None,)
    x: str = ""
    y: str | None = None
    best: tuple[int, int] | None = None
    score_name: str = "score"
    n_splits: int | None = None
    compared: np.ndarray | None = None
    rest: Sequence[str] = ()

    @classmethod
    def from_search(
        cls,
        search: Any,
        x: str | None = None,
        y: str | None = None,
        *,
        metric: str | None = None,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Draw the scores of a fitted search.

        Parameters
        ----------
        search : GridSearchCV
            The fitted search, or a randomised or halving one, which leaves cells empty.
        x : str, default=None
            The parameter of the columns, by its name in the grid or by the end of it that follows
            ``__``: "dropout_rate" for "net__dropout_rate". None picks it. Where more than two
            parameters vary, it is one of the two that matter most: whose worst value has a best
            candidate that is furthest behind the best one of all. Numbers that are more than four
            count in four groups.
        y : str, default=None
            The parameter of the rows, likewise. Where no second one has more than one value, there
            is a single row.
            Of a halving search it is the best of its last round in the cell, which is grey where
            later rounds, with more resources, went on elsewhere.
            Where a grid of several does not name a parameter, its value is that of the estimator;
            candidates that put another step into the place of the one it belongs to are left out.
        metric : str, default=None
            Which score to show, if the search has several; None is the one that `refit` names.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **options
            More arguments of :meth:`plot`.

        Returns
        -------
        display : SearchDisplay
            What was drawn; `error` is ``std_test_score / sqrt(n_splits - 1)``, NaN for a single
            split.

        Raises
        ------
        NotFittedError
            If the search is not fitted.
        ValueError
            If it is no search, if a parameter is not in the grid, if no candidate has both, or if
            `metric` is missing or unknown.
        """
        check_matplotlib(f"{cls.__name__}.from_search")
        check_is_fitted(search)
        if not hasattr(search, "cv_results_"):
            raise ValueError(
                f"{cls.__name__} shows cv_results_, which {type(search).__name__} does not have: "
                "it needs a fitted GridSearchCV."
            )
        results, candidates = search.cv_results_, fill(search)
        metric = pick_metric(results, metric, search.refit)
        means, stds = results[f"mean_test_{metric}"], results[f"std_test_{metric}"]
        x, y, rest = pick_parameters(candidates, means, x, y)
        having = [i for i, c in enumerate(candidates) if x in c and (y is None or y in c)]
        if not having:
            raise ValueError(f"No candidate of the search has both {x!r} and {y!r}.")
        x_of = {i: candidates[i][x] for i in having}
        y_of = {i: None if y is None else candidates[i][y] for i in having}
        x_values, y_values = distinct(x_of.values()), distinct(y_of.values())

        column_of, row_of = positions(x_values), positions(y_values)
        rounds = results.get("iter", np.zeros(len(means)))  # later ones have more resources
        ranks = list(zip(rounds, np.where(np.isnan(means), -np.inf, means), strict=True))
        best_in: dict[tuple[int, int], int] = {}  # the best candidate in each cell
        for i in having:
            cell = row_of[repr(y_of[i])], column_of[repr(x_of[i])]
            if cell not in best_in or ranks[i] > ranks[best_in[cell]]:
                best_in[cell] = i
        mean, error = np.full((2, len(y_values), len(x_values)), np.nan)
        compared = np.zeros(mean.shape, dtype=bool)
        for cell, i in best_in.items():
            mean[cell], compared[cell] = means[i], rounds[i] == rounds.max()
            if search.n_splits_ > 1:
                error[cell] = stds[i] / sqrt(search.n_splits_ - 1)
        display = cls(
            mean,
            error,
            x_values=x_values,
            y_values=y_values,
            x=x,
            y=y,
            best=max(best_in, key=lambda cell: (ranks[best_in[cell]], -best_in[cell])),
            score_name=name_score(search, metric),
            n_splits=search.n_splits_,
            compared=compared,
            rest=rest,
        )
        return display.plot(ax, **options)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        kind: str = "auto",
        cmap: "str | Colormap" = "Blues",
        values_format: str | None = None,
        colorbar: bool = True,
    ) -> Self:
        """Draw a map of cells, or points where the numbers hardly repeat.

        The colours cover at least two standard errors on either side of the middle, so that
        differences by chance do not look large.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure, large enough for the cells.
        kind : {"auto", "cells", "points"}, default="auto"
            How. "auto" is points where a single parameter has more than eight numbers, or one of
            two more than four and more than half of the candidates, as in a search over
            distributions.
        cmap : str or matplotlib Colormap, default="Blues"
            The colours, from the lowest mean to the highest.
        values_format : str, default=None
            Format of mean and error in the cells, such as ".2f"; None gives the errors two digits.
        colorbar : bool, default=True
            Whether to add a scale of the colours.

        Returns
        -------
        self : SearchDisplay
            The display.
        """
        caller = f"{type(self).__name__}.plot"
        check_matplotlib(caller)
        check_name("kind", kind, ("auto", "cells", "points"))
        n_y, n_x = self.mean.shape
        numbers = are_numbers(self.x_values), are_numbers(self.y_values)
        n_known = int(np.isfinite(self.mean).sum())
        as_points = kind == "points" or (
            kind == "auto" and hardly_repeat((n_x, n_y), numbers, n_known)
        )
        figsize = max(6.4, 1.8 + 0.8 * n_x), min(max(4.8, 1.2 + 0.55 * n_y), 2.0 + n_y)
        ax = make_axes(caller, ax, None if as_points else figsize)
        self.ax_, self.figure_ = ax, ax.figure
        self.mesh_: Any = None
        self.texts_: Any = None
        self.points_: Any = None
        self.best_: Any = None
        self.colorbar_: Any = None
        best = self._find_best()
        if as_points:
            self._plot_points(best, cmap, colorbar)
        else:
            self._plot_cells(best, cmap, colorbar, values_format)
        return self

    def _plot_cells(self, best, cmap, colorbar, values_format):
        """Cells with scores in them, the best one framed."""
        self.mesh_ = draw_cells(self.ax_, self._compared_mean(), **self._colors(cmap))
        if best is not None:
            self.best_ = frame_cell(self.ax_, best)
        if colorbar:
            self._add_colorbar(self.mesh_, with_error=True)
        self._name_axes()
        self.ax_.set_yticks([])
        if self.y is not None:
            self.ax_.set_yticks(np.arange(len(self.y_values)) + 0.5, to_labels(self.y_values))
        self.texts_ = write_scores(self.ax_, self.mesh_, self.mean, self.error, best, values_format)
        width, _ = measure_cells(self.ax_, self.mean.shape)
        name_columns(self.ax_, self.x_values, width)

    def _plot_points(self, best, cmap, colorbar):
        """A point for each pair of values, or each value, that has a score; the best one ringed."""
        rows, columns = np.nonzero(np.isfinite(self.mean))
        x, score = place(self.ax_.xaxis, self.x_values), self._compared_mean()
        self._name_axes()
        if self.y is None:
            y = self.mean[0]
            self.points_ = draw_errorbars(
                self.ax_, x[columns], score[0, columns], self.error[0, columns]
            )
            self.ax_.set_ylabel(self._describe_score(with_error=True))
        else:
            y = place(self.ax_.yaxis, self.y_values)
            self.points_ = draw_points(
                self.ax_, x[columns], y[rows], score[rows, columns], **self._colors(cmap)
            )
            if colorbar:
                self._add_colorbar(self.points_, with_error=False)
        if best is not None:
            i, j = best
            self.best_ = ring_point(self.ax_, x[j], y[j if self.y is None else i])

    def _find_best(self):
        """The best cell, None where no cell has a score."""
        if not np.isfinite(self.mean).any():
            return None
        if self.best is not None:
            return tuple(self.best)
        return tuple(np.unravel_index(np.nanargmax(self.mean), self.mean.shape))

    def _compared_mean(self):
        """The means, masked where there is none or it does not compare."""
        hidden = ~np.isfinite(self.mean)
        if self.compared is not None:
            hidden |= ~self.compared
        return np.ma.masked_where(hidden, self.mean)

    def _colors(self, cmap):
        """Colours and their range: at least two standard errors either side of the middle."""
        from matplotlib import colormaps

        mean = self._compared_mean()
        known, errors = mean.compressed(), self.error[~np.ma.getmaskarray(mean)]
        errors = errors[np.isfinite(errors)]
        low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
        margin = max(2 * errors.mean() if errors.size else 0.0, (high - low) / 2) or 1.0
        colors = colormaps[cmap] if isinstance(cmap, str) else cmap
        middle = (low + high) / 2
        return {
            "cmap": colors.with_extremes(bad=LIGHT),
            "vmin": middle - margin,
            "vmax": middle + margin,
        }

    def _describe_score(self, *, with_error: bool) -> str:
        """What a mean is, in words."""
        splits = [] if self.n_splits is None else [f"{self.n_splits} splits"]
        details = ", ".join(["± standard error"] * with_error + splits)
        rest = f"best over {', '.join(shorten(self.rest))}" if self.rest else None
        return "\n".join(filter(None, [f"Mean {self.score_name}", details, rest]))

    def _add_colorbar(self, mappable, *, with_error):
        """A scale of the colours."""
        label = self._describe_score(with_error=with_error)
        self.colorbar_ = self.figure_.colorbar(mappable, ax=self.ax_, label=label)
        self.colorbar_.outline.set_visible(False)

    def _name_axes(self):
        """Names of the parameters to their sides."""
        names = [name for name in (self.x, self.y) if name is not None]
        for axis, name in zip((self.ax_.xaxis, self.ax_.yaxis), shorten(names), strict=False):
            axis.set_label_text(name)
