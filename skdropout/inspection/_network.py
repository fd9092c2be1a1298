"""A network as nodes and edges, whole or thinned by dropout."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skdropout._core.checks import check_number
from skdropout._estimators.arguments import drops_now
from skdropout._estimators.base import BaseDropoutMLP
from skdropout._estimators.conventions import random_generator
from skdropout._network.masks import Masks
from skdropout.inspection._axes import (
    BLUE,
    GREY,
    VERMILION,
    check_matplotlib,
    ink,
    make_axes,
    measure_axes,
    measure_legend,
)
from skdropout.inspection._pipelines import name_inputs, split_pipeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(eq=False, repr=False)
class NetworkDisplay:
    """Units as nodes, weights as edges; with masks, what dropout leaves of the network.

    Make one with :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    coefs : list of ndarray of shape (fan_in, fan_out)
        The weights of each layer.
    masks : list of ndarray or None, default=None
        What dropout multiplies with, one for each of `coefs`, None where nothing is dropped: of
        shape (fan_in,) for the units that the weights leave, or (fan_in, fan_out) for the weights
        themselves. None is the whole network.
    input_names : sequence of str, default=None
        What to write beside the inputs.
    output_names : sequence of str, default=None
        What to write beside the outputs.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure that holds them.
    shown_ : list of ndarray of int
        The units of each layer that are drawn, from the top.
    nodes_ : list of matplotlib PathCollection
        The nodes of each layer.
    crosses_ : list of matplotlib PathCollection or None
        The crosses on the dropped nodes of each layer.
    dots_ : list of matplotlib PathCollection or None
        What stands for the units of each layer that are left out.
    edges_ : list of matplotlib LineCollection
        The edges from each layer to the next.
    texts_ : list of matplotlib Annotation
        Name and number of units of each layer.
    names_ : list of matplotlib Annotation
        The names of inputs and outputs.
    colorbar_ : matplotlib Colorbar or None
        The scale of the noise, where dropout multiplies instead of dropping.
    legend_ : matplotlib Legend
        The legend.

    See Also
    --------
    TrainingCurveDisplay : The training of the network.

    Examples
    --------
    The network, and below it what dropout leaves of it for one batch:

    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.inspection import NetworkDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> network = DropoutMLPClassifier((8, 6), dropout_rate=0.5, cv=None, random_state=0).fit(X, y)
    >>> figure, axes = plt.subplots(2, figsize=(6.4, 9))
    >>> whole = NetworkDisplay.from_estimator(network, ax=axes[0])
    >>> thinned = NetworkDisplay.from_estimator(network, random_state=0, ax=axes[1])
    >>> [int((mask == 0).sum()) for mask in thinned.masks if mask is not None]
    [4, 3]
    >>> plt.close(figure)
    """

    coefs: list[np.ndarray]
    _: KW_ONLY
    masks: list[np.ndarray | None] | None = None
    input_names: Sequence[Any] | None = None
    output_names: Sequence[Any] | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        random_state: Any = None,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Draw a fitted network.

        Parameters
        ----------
        estimator : DropoutMLPClassifier, DropoutMLPRegressor, Pipeline or search
            The fitted network, a fitted pipeline whose last step it is, or a fitted search for
            either; of an ensemble one of its `estimators_`. Without `random_state`, scikit-learn's
            own networks will do.
        random_state : int, RandomState instance or None, default=None
            Decides which units are dropped, by the scheme and the rates that the arguments have
            now. Dropped nodes are crossed out and lose their edges; "dropconnect" takes edges
            away, "gaussian" drops nothing and shades the nodes by what it multiplies them with.
            The thinned network is the first one of `predict_proba_samples` or `predict_samples`
            with ``consistent=True`` and that seed. None draws the whole network.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **options
            More arguments of :meth:`plot`.

        Returns
        -------
        display : NetworkDisplay
            What was drawn.

        Raises
        ------
        NotFittedError
            If the network is not fitted.
        ValueError
            If it is not a network, or an ensemble of several; or if there is nothing to drop as
            all rates are zero.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        before, network = split_pipeline(estimator)
        if isinstance(network, BaseDropoutMLP) and "estimators_" in vars(network):
            raise ValueError(
                f"{cls.__name__} shows a single network, and this {type(network).__name__} is an "
                f"ensemble of {len(network.estimators_)}: give it one of them, as estimators_[0]."
            )
        if not hasattr(network, "coefs_"):
            raise ValueError(
                f"{cls.__name__} shows coefs_, which {type(network).__name__} does not have."
            )
        coefs = [np.array(W) for W in network.coefs_]  # those of now, whatever comes later
        display = cls(
            coefs,
            masks=None if random_state is None else _draw_masks(network, random_state),
            input_names=name_inputs(before, network),
            output_names=_name_outputs(network, coefs[-1].shape[1]),
        )
        return display.plot(ax, **options)

    def plot(self, ax: "Axes | None" = None, *, max_units: int = 12) -> Self:
        """Draw nodes and edges.

        An edge is the wider and the darker, the larger its weight is, beside the largest one drawn
        between the same two layers. Weights of zero have none.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        max_units : int >= 3, default=12
            Of layers with more units the first and the last are shown, with dots between them.

        Returns
        -------
        self : NetworkDisplay
            The display.
        """
        check_number("max_units", max_units, 3, integer=True)
        ax = make_axes(f"{type(self).__name__}.plot", ax)
        self.ax_, self.figure_ = ax, ax.figure
        sizes = [len(self.coefs[0]), *(W.shape[1] for W in self.coefs)]
        self.shown_, heights, gaps = zip(*(_arrange(n, max_units) for n in sizes), strict=True)
        n_slots = max(3, *(min(n, max_units) for n in sizes))
        self._set_limits(len(sizes), n_slots)

        width, height = measure_axes(ax)
        room = min(height * 0.7 / n_slots, width / len(sizes))  # of a node, in points
        size = min(0.6 * room, 22.0)
        units = self._unit_masks()
        self._draw_edges(heights, units)
        self._draw_nodes(heights, gaps, units, size)
        self._write_names(heights, size, room)
        self._write_layers(sizes, units)
        self._add_legend()
        return self

    def _set_limits(self, n_layers, n_slots):
        """Layers stand one apart, nodes too; below them there is room for three lines of text."""
        _, height = measure_axes(self.ax_)
        text = min(56.0 / height, 0.5)
        low, high = -n_slots / 2 - 0.1, n_slots / 2 + 0.1
        self.ax_.set_xlim(-0.5, n_layers - 0.5)
        self.ax_.set_ylim(low - (high - low) * text / (1 - text), high)
        self.ax_.set_axis_off()
        self._low = low

    def _unit_masks(self):
        """The mask of the units of each layer, None where there is none."""
        masks = [*(self.masks or [None] * len(self.coefs)), None]
        return [mask if mask is not None and mask.ndim == 1 else None for mask in masks]

    def _draw_edges(self, heights, units):
        """One collection of lines for each matrix of weights, the strongest drawn last."""
        from matplotlib.collections import LineCollection
        from matplotlib.colors import to_rgb

        self.edges_ = []
        for i, W in enumerate(self.coefs):
            sources, targets = self.shown_[i], self.shown_[i + 1]
            shown = np.ix_(sources, targets)
            exists = W[shown] != 0
            mask = None if self.masks is None else self.masks[i]
            if mask is not None:
                kept = np.not_equal(mask, 0)
                exists &= kept[sources, np.newaxis] if kept.ndim == 1 else kept[shown]
            if units[i + 1] is not None:
                exists &= units[i + 1][targets] != 0
            strength = np.abs(W[shown]) / (np.abs(W[shown]).max() or 1.0)
            j, k = np.nonzero(exists)
            order = np.argsort(strength[j, k], kind="stable")
            j, k = j[order], k[order]
            ends = np.empty((len(j), 2, 2))
            ends[:, 0, 0], ends[:, 1, 0] = i, i + 1
            ends[:, 0, 1], ends[:, 1, 1] = heights[i][j], heights[i + 1][k]
            positive = (W[shown][j, k] > 0)[:, np.newaxis]
            colors = np.empty((len(j), 4))
            colors[:, :3] = np.where(positive, to_rgb(BLUE), to_rgb(VERMILION))
            colors[:, 3] = 0.08 + 0.82 * strength[j, k]
            widths = 0.4 + 2.0 * strength[j, k]
            lines = LineCollection(list(ends), colors=colors, linewidths=widths, zorder=1)
            self.edges_.append(self.ax_.add_collection(lines, autolim=False))

    def _draw_nodes(self, heights, gaps, units, size):
        """Nodes, crosses on the dropped ones, dots for those left out, shades for factors."""
        from matplotlib import colormaps
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        drawn = [mask for mask in units if mask is not None]
        is_noise = any(len(np.unique(mask[mask != 0])) > 1 for mask in drawn)
        reach = max((np.abs(mask - 1.0).max() for mask in drawn), default=1.0)
        shades = ScalarMappable(Normalize(1.0 - reach, 1.0 + reach), colormaps["PuOr"])
        self.nodes_, self.crosses_, self.dots_ = [], [], []
        for i, (shown, y, gap) in enumerate(zip(self.shown_, heights, gaps, strict=True)):
            mask = np.ones(len(shown)) if units[i] is None else units[i][shown]
            dropped = mask == 0
            is_shaded = is_noise and units[i] is not None
            nodes = self.ax_.scatter(
                np.full(len(y), i),
                y,
                size**2,
                facecolors=shades.to_rgba(mask) if is_shaded else self.ax_.get_facecolor(),
                edgecolors=np.where(dropped, GREY, ink(self.ax_)).tolist(),
                linewidths=min(1.1, size / 8),
                zorder=3,
            )
            self.nodes_.append(nodes)
            crosses = dots = None
            if dropped.any():
                crosses = self.ax_.scatter(
                    np.full(np.count_nonzero(dropped), i),
                    y[dropped],
                    (1.15 * size) ** 2,
                    marker="x",
                    color=ink(self.ax_),
                    linewidths=min(1.4, size / 6),
                    zorder=4,
                )
            if gap is not None:
                three = gap + np.array([0.24, 0.0, -0.24])
                dots = self.ax_.scatter(
                    [i] * 3, three, (0.17 * size) ** 2, color=ink(self.ax_), linewidths=0, zorder=3
                )
            self.crosses_.append(crosses)
            self.dots_.append(dots)
        self.colorbar_ = None
        if is_noise:
            self.colorbar_ = self.figure_.colorbar(
                shades, ax=self.ax_, label="Noise factor of a unit", shrink=0.7
            )
            self.colorbar_.outline.set_visible(False)

    def _write_names(self, heights, size, room):
        """Names beside inputs and outputs, and the room that they need."""
        n = len(self.coefs)
        width, _ = measure_axes(self.ax_)
        points_per_pixel = 72 / self.figure_.dpi
        self.names_ = []
        needs = [0.0, 0.0]
        for end, i, names in ((0, 0, self.input_names), (1, n, self.output_names)):
            if names is None:
                continue
            shift = (2 * end - 1) * (size / 2 + 4)
            look: dict[str, Any] = dict(ha=("right", "left")[end], va="center")
            look["fontsize"] = min(8.0, 0.8 * room)
            for unit, y in zip(self.shown_[i], heights[i], strict=True):
                text = self._annotate(str(names[unit]), (i, y), (shift, 0), **look)
                self.names_.append(text)
                length = text.get_window_extent().width * points_per_pixel + abs(shift)
                needs[end] = max(needs[end], length)
        left, right = (max(need, width / (n + 1) / 2) for need in needs)
        spacing = (width - left - right) / n
        if spacing < 30.0 and self.names_:  # no room: better no names than no network
            for text in self.names_:
                text.remove()
            self.names_ = []
            return
        self.ax_.set_xlim(-left / spacing, n + right / spacing)

    def _write_layers(self, sizes, units):
        """Below each layer its name and its number of units."""
        width, _ = measure_axes(self.ax_)
        low, high = self.ax_.get_xlim()
        fontsize = min(10.0, width / (high - low) / 5.2)
        n_hidden = len(sizes) - 2
        hidden = ["Hidden"] if n_hidden == 1 else [f"Hidden {i + 1}" for i in range(n_hidden)]
        self.texts_ = []
        for i, (name, n) in enumerate(zip(["Inputs", *hidden, "Outputs"], sizes, strict=True)):
            drops = units[i] is not None and self.colorbar_ is None
            number = f"{np.count_nonzero(units[i])} of {n}" if drops else f"{n}"
            text = self._annotate(
                f"{name}\n{number}",
                (i, self._low),
                (0, -6),
                ha="center",
                va="top",
                fontsize=fontsize,
            )
            self.texts_.append(text)

    def _annotate(self, text, place, shift, **look):
        """Text, shifted from a place by so many points."""
        return self.ax_.annotate(
            text,
            place,
            xytext=shift,
            textcoords="offset points",
            annotation_clip=False,
            color=ink(self.ax_),
            **look,
        )

    def _add_legend(self):
        """Below everything, in letters small enough to fit."""
        from matplotlib.lines import Line2D

        handles = [
            Line2D([], [], color=BLUE, linewidth=2, label="positive weight"),
            Line2D([], [], color=VERMILION, linewidth=2, label="negative weight"),
        ]
        if any(self.crosses_):
            cross = Line2D(
                [],
                [],
                color=ink(self.ax_),
                linestyle="none",
                marker="x",
                markersize=7,
                markeredgewidth=1.4,
                label="dropped",
            )
            handles.append(cross)
        weights = [mask for mask in self.masks or [] if mask is not None and mask.ndim == 2]
        if weights:
            n_kept, n = sum(map(np.count_nonzero, weights)), sum(mask.size for mask in weights)
            label = f"{n_kept:,} of {n:,} weights kept"
            handles.append(Line2D([], [], linestyle="none", label=label))

        def add(fontsize):
            return self.ax_.legend(
                handles=handles,
                loc="lower center",
                ncols=len(handles),
                fontsize=fontsize,
                frameon=False,
                borderaxespad=0.0,
            )

        self.legend_ = add(8.5)
        width, _ = measure_legend(self.legend_)
        if width > 1.0:
            self.legend_ = add(8.5 / width)


def _arrange(n, max_units):
    """The units of a layer that are shown, their heights, and the height of the gap, if any."""
    n_slots = min(n, max_units)
    heights = (n_slots - 1) / 2 - np.arange(n_slots)
    if n <= max_units:
        return np.arange(n), heights, None
    n_first = n_slots // 2
    n_last = n_slots - 1 - n_first
    shown = np.r_[:n_first, n - n_last : n]
    return shown, np.delete(heights, n_first), heights[n_first]


def _draw_masks(estimator, random_state):
    """One mask for each weight matrix, those of the first of all consistent predictions."""
    if not hasattr(estimator, "dropout_rate"):
        raise ValueError(f"{type(estimator).__name__} has no dropout to draw with random_state.")
    network = estimator._network
    drops = drops_now(estimator)
    if not drops.drop_any(network.sizes[:-1]):
        raise ValueError(
            "Without dropout there is no thinned network to draw: "
            f"dropout_rate={estimator.dropout_rate!r} and "
            f"input_dropout_rate={estimator.input_dropout_rate!r} drop nothing. Leave random_state "
            "out to draw the whole network."
        )
    rng = random_generator(random_state)
    masks = Masks(network.sizes, drops, 1, network.dtype, rng, one_mask=True)
    masks.draw()
    return masks.first_row()


def _name_outputs(network, n_outputs):
    """The classes that the outputs stand for, if they do; a single one is for the second class."""
    classes = getattr(network, "classes_", None)
    if classes is None:
        return None
    return classes[-n_outputs:]
