"""What a grid search found, as a map over two of its parameters."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from math import floor, log10, sqrt
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdropout.inspection._axes import (
    LIGHT,
    VERMILION,
    check_matplotlib,
    lay_out,
    make_axes,
    measure_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap


@dataclass(eq=False, repr=False)
class SearchDisplay:
    """Mean score and standard error of each cell of a grid, the best one framed.

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

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure that holds them.
    mesh_ : matplotlib QuadMesh
        The cells.
    texts_ : ndarray of shape (n_y, n_x) of matplotlib Text
        What is written in them.
    best_ : matplotlib Rectangle or None
        The frame of the best cell.
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
            ``__``: "dropout_rate" for "net__dropout_rate". None picks it, where one or two
            parameters have more than one value.
        y : str, default=None
            The parameter of the rows, likewise. Where no second one has more than one value, there
            is a single row. Of candidates that differ in other parameters still, the best is shown.
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
            If it is no search, if a parameter is not in the grid or has to be named, if no
            candidate has both, or if `metric` is missing or unknown.
        """
        check_matplotlib(f"{cls.__name__}.from_search")
        check_is_fitted(search)
        if not hasattr(search, "cv_results_"):
            raise ValueError(
                f"{cls.__name__} shows cv_results_, which {type(search).__name__} does not have: "
                "it needs a fitted GridSearchCV."
            )
        results, candidates = search.cv_results_, _fill(search)
        metric = _pick_metric(results, metric, search.refit)
        x, y = _pick_parameters(candidates, x, y)
        having = [i for i, c in enumerate(candidates) if x in c and (y is None or y in c)]
        if not having:
            raise ValueError(f"No candidate of the search has both {x!r} and {y!r}.")
        x_of = {i: candidates[i][x] for i in having}
        y_of = {i: None if y is None else candidates[i][y] for i in having}
        x_values, y_values = _distinct(x_of.values()), _distinct(y_of.values())

        means, stds = results[f"mean_test_{metric}"], results[f"std_test_{metric}"]
        rounds = results.get("iter", np.zeros(len(means)))  # later ones have more resources
        ranks = list(zip(rounds, np.where(np.isnan(means), -np.inf, means), strict=True))
        best_in: dict[tuple[int, int], int] = {}  # the best candidate in each cell
        for i in having:
            cell = _find(y_values, y_of[i]), _find(x_values, x_of[i])
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
            score_name=_name_score(search, metric),
            n_splits=search.n_splits_,
            compared=compared,
        )
        return display.plot(ax, **options)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        cmap: "str | Colormap" = "Blues",
        values_format: str | None = None,
        colorbar: bool = True,
    ) -> Self:
        """Draw the map.

        The colours cover at least two standard errors on either side of the middle, so that
        differences by chance do not look large.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure, large enough for the cells.
        cmap : str or matplotlib Colormap, default="Blues"
            The colours, from the lowest mean to the highest.
        values_format : str, default=None
            Format of mean and error, such as ".2f"; None gives the errors two digits.
        colorbar : bool, default=True
            Whether to add a scale of the colours.

        Returns
        -------
        self : SearchDisplay
            The display.
        """
        caller = f"{type(self).__name__}.plot"
        check_matplotlib(caller)
        from matplotlib.patches import Rectangle

        n_y, n_x = self.mean.shape
        figsize = max(6.4, 1.8 + 0.8 * n_x), min(max(4.8, 1.2 + 0.55 * n_y), 2.0 + n_y)
        ax = make_axes(caller, ax, figsize)
        self.ax_, self.figure_ = ax, ax.figure
        self._draw_cells(cmap)
        best = self._find_best()
        self.best_ = None
        if best is not None:
            i, j = best
            corner = j + 0.04, i + 0.04
            frame = Rectangle(
                corner, 0.92, 0.92, fill=False, edgecolor=VERMILION, linewidth=2.5, zorder=3
            )
            self.best_ = ax.add_patch(frame)
        self.colorbar_ = None
        if colorbar:
            label = f"Mean {self.score_name}\n± standard error"
            if self.n_splits is not None:
                label += f", {self.n_splits} splits"
            self.colorbar_ = self.figure_.colorbar(self.mesh_, ax=ax, label=label)
            self.colorbar_.outline.set_visible(False)
        self._write(best, values_format)
        return self

    def _find_best(self):
        """The best cell, None where no cell has a score."""
        if not np.isfinite(self.mean).any():
            return None
        if self.best is not None:
            return self.best
        return np.unravel_index(np.nanargmax(self.mean), self.mean.shape)

    def _draw_cells(self, cmap):
        """Coloured cells, light grey ones where there is no score or it does not compare."""
        from matplotlib import colormaps

        colors = colormaps[cmap] if isinstance(cmap, str) else cmap
        compared = np.isfinite(self.mean)
        if self.compared is not None:
            compared &= self.compared
        known = self.mean[compared]
        low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
        errors = self.error[compared & np.isfinite(self.error)]
        margin = max(2 * errors.mean() if errors.size else 0.0, (high - low) / 2) or 1.0
        self.mesh_ = self.ax_.pcolormesh(
            np.ma.masked_where(~compared, self.mean),
            cmap=colors.with_extremes(bad=LIGHT),
            vmin=(low + high) / 2 - margin,
            vmax=(low + high) / 2 + margin,
            edgecolors="white",
            linewidth=2,
        )
        self.ax_.tick_params(length=0)
        self.ax_.spines[:].set_visible(False)

    def _write(self, best, values_format):
        """Scores into the cells, values and names of the parameters to their sides."""
        spec = values_format or f".{_count_decimals(self.error)}f"
        n_y, n_x = self.mean.shape
        texts = np.empty((n_y, n_x), dtype=object)
        for cell, value in np.ndenumerate(self.mean):
            texts[cell] = ""
            if np.isfinite(value):
                texts[cell] = f"{value:{spec}}"
                if np.isfinite(self.error[cell]):
                    texts[cell] += f"\n± {self.error[cell]:{spec}}"
        x, y = _shorten(self.x, self.y)
        self.ax_.set_xlabel(x)
        self.ax_.set_yticks([])
        if self.y is not None:
            self.ax_.set_yticks(np.arange(n_y) + 0.5, _to_labels(self.y_values))
            self.ax_.set_ylabel(y)
        lay_out(self.ax_)
        width, height = measure_axes(self.ax_) / (n_x, n_y)
        n_columns = max(_count_columns(texts.flat), 1)
        size = float(np.clip(min(width / (0.72 * n_columns), height / 2.8), 4.0, 11.0))
        self.texts_ = np.empty_like(texts)
        values: Any = self.mesh_.get_array()
        colors = self.mesh_.to_rgba(values)
        for (i, j), text in np.ndenumerate(texts):
            self.texts_[i, j] = self.ax_.text(
                j + 0.5,
                i + 0.5,
                text,
                ha="center",
                va="center",
                size=size,
                color="white" if text and _is_dark(colors[i, j]) else "black",
                weight="bold" if best is not None and (i, j) == tuple(best) else "normal",
            )

        labels = _to_labels(self.x_values)
        look: dict[str, Any] = {}
        if _count_columns(labels) * 6.0 > width:
            labels, look = [_fold(label) for label in labels], dict(fontsize="small")
        if _count_columns(labels) * 5.0 > width:
            look |= dict(rotation=30, ha="right", rotation_mode="anchor")
        self.ax_.set_xticks(np.arange(n_x) + 0.5, labels, **look)


def _pick_metric(results, metric, refit):
    """The name of the score to show, which is "score" where there is only one."""
    start = "mean_test_"
    known = [name.removeprefix(start) for name in results if name.startswith(start)]
    if metric is None and isinstance(refit, str):
        metric = refit
    if metric in known:
        return metric
    if metric is None and len(known) == 1:
        return known[0]
    names = ", ".join(map(repr, known))
    raise ValueError(f"metric must be one of those of the search, {names}, got {metric!r}.")


def _fill(search):
    """The candidates with all parameters of all grids that they have, by the estimator's values."""
    candidates, defaults = search.cv_results_["params"], search.estimator.get_params()
    resource = getattr(search, "resource", None)  # of a halving search, perhaps a parameter
    names = [name for name in _names_in(candidates) if name != resource]

    def has(candidate, name):
        replaced = any(name.startswith(f"{other}__") for other in candidate)
        return name in candidate or (name in defaults and not replaced)

    return [{n: c.get(n, defaults.get(n)) for n in names if has(c, n)} for c in candidates]


def _pick_parameters(candidates, x, y):
    """Full names of the parameters of columns and rows; None for the rows if there is one."""
    names = _names_in(candidates)
    if not names:
        raise ValueError("The search has no parameters: its grid is empty.")
    x, y = (None if given is None else _complete(given, names) for given in (x, y))
    if x is not None and x == y:
        raise ValueError(f"x and y must be two parameters, got {x!r} for both.")
    if x is not None and y is not None:
        return x, y
    varying = [n for n in names if len(_distinct(c[n] for c in candidates if n in c)) > 1]
    others = [name for name in varying if name not in (x, y)]
    if len(others) > 2 - (x is not None) - (y is not None):
        raise ValueError(
            f"{len(varying)} parameters of the search have more than one value: name two of them "
            f"as x and y, out of {', '.join(map(repr, varying))}."
        )
    if x is None:  # of two, the first one is for the rows, as the last one varies fastest
        x = others.pop() if others else next(name for name in names if name != y)
    return x, y or (others[0] if others else None)


def _names_in(candidates):
    """All parameters, in the order of the grids."""
    return list(dict.fromkeys(name for candidate in candidates for name in candidate))


def _complete(given, names):
    """The name in the grid that is `given`, or the only one that ends in it."""
    found = [name for name in names if name == given]
    found = found or [name for name in names if name.endswith(f"__{given}")]
    if len(found) == 1:
        return found[0]
    problem = "is not a parameter of the search" if not found else "is more than one parameter"
    raise ValueError(f"{given!r} {problem}, which has {', '.join(map(repr, names))}.")


def _distinct(values):
    """Values without their repetitions: numbers by size, others, which need no hash, as found."""
    values = list({repr(value): value for value in values}.values())
    are_numbers = all(isinstance(value, Real) and not isinstance(value, bool) for value in values)
    return sorted(values) if are_numbers else values  # a randomised search draws them in no order


def _find(values, value):
    return [repr(other) for other in values].index(repr(value))


def _name_score(search, metric):
    """What the scores are, in words."""
    if metric != "score":
        return metric.replace("_", " ")
    return search.scoring.replace("_", " ") if isinstance(search.scoring, str) else "test score"


def _shorten(x, y):
    """Names without the steps of a pipeline, unless they would be the same."""
    short = [(name or "").rpartition("__")[2] for name in (x, y)]
    return short if short[0] != short[1] else (x, y)


def _to_labels(values):
    """Values as short as they can be and still differ."""
    for digits in (3, 6, 17):
        labels = [_to_label(value, digits) for value in values]
        if len(set(labels)) == len(labels):
            break
    return labels


def _to_label(value, digits):
    """A value as one would type it, numbers with so many digits."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, tuple | list):
        inside = ", ".join(_to_label(item, digits) for item in value)
        if isinstance(value, list):
            return f"[{inside}]"
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return getattr(value, "__name__", str(value))


def _fold(label):
    """A long label on several lines."""
    if label.endswith("()"):
        return label
    return label.replace(", ", ",\n") if label[:1] in "([" else label.replace("(", "(\n", 1)


def _count_columns(texts):
    """Characters of the longest line."""
    return max(len(line) for text in texts for line in text.split("\n"))


def _count_decimals(errors):
    """As many as give a typical error two digits."""
    known = errors[np.isfinite(errors) & (errors > 0)]
    if not known.size:
        return 3
    return min(max(1 - floor(log10(np.median(known))), 0), 6)


def _is_dark(color):
    """Whether white has more contrast with a colour than black has (WCAG 2.2)."""
    srgb = np.array(color[:3])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return bool(linear @ [0.2126, 0.7152, 0.0722] < 0.179)
