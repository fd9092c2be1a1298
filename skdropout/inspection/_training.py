"""How a training went: the curves in `history_`."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import is_classifier

from skdropout._core.checks import check_flag
from skdropout._estimators.automatic import decides_by_loss
from skdropout.inspection._axes import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    add_legend,
    check_matplotlib,
    ink,
    make_axes,
    measure_legend,
    to_fractions,
)
from skdropout.inspection._pipelines import split_pipeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


LEAST_PENALTY = 0.01
"""The part of the largest loss from which on the largest penalty is shown."""


@dataclass(eq=False, repr=False)
class TrainingCurveDisplay:
    """Loss and score of each epoch, in training and validation, and its learning rate.

    Make one with :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    history : dict of str to sequence of float
        Equally long: "loss" and, where there, "penalty" (from a hundredth of it on),
        "validation_loss", "training_score", "validation_score" and "learning_rate". Others are not
        shown.
    score_name : str or None, default="score"
        What the scores are. With None they aren't shown.
    by_loss : bool, default=False
        Whether "validation_loss" decides which epoch is the best, and not "validation_score".

    Attributes
    ----------
    ax_ : matplotlib Axes
        With the epochs and the losses.
    score_ax_ : matplotlib Axes or None
        With the axis of the scores, on the right.
    learning_rate_ax_ : matplotlib Axes or None
        With the scale of the learning rate. Its axis is shown where there is no score.
    figure_ : matplotlib Figure
        The figure that holds them.
    lines_ : dict of str to matplotlib Line2D
        The curves, by their names in `history`.
    best_ : matplotlib Line2D or None
        The mark at the best epoch: that of the highest validation score, or of the lowest
        validation loss.
    legend_ : matplotlib Legend
        The legend.

    See Also
    --------
    NetworkDisplay : The network that came out of the training.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.datasets import load_sonar
    >>> from skdropout.inspection import TrainingCurveDisplay
    >>> X, y = load_sonar(return_X_y=True)
    >>> network = DropoutMLPClassifier(batch_size=32, early_stopping=True, random_state=0).fit(X, y)
    >>> display = TrainingCurveDisplay.from_estimator(network)
    >>> list(display.lines_)
    ['loss', 'validation_loss', 'training_score', 'validation_score', 'learning_rate']
    >>> plt.close(display.figure_)
    """

    history: dict[str, Sequence[float]]
    _: KW_ONLY
    score_name: str | None = "score"
    by_loss: bool = False

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: "Axes | None" = None, **options: Any) -> Self:
        """Draw the training of a fitted network.

        Parameters
        ----------
        estimator : DropoutMLPClassifier, DropoutMLPRegressor, Pipeline or search
            The fitted network, a fitted pipeline whose last step it is, or a fitted search for
            either.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **options
            More arguments of :meth:`plot`.

        Returns
        -------
        display : TrainingCurveDisplay
            What was drawn.

        Raises
        ------
        NotFittedError
            If the network is not fitted.
        ValueError
            If it has no `history_`.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        _, network = split_pipeline(estimator)
        if not hasattr(network, "history_"):
            raise ValueError(
                f"{cls.__name__} shows history_, which {type(network).__name__} does not have: "
                "only the networks of skdropout keep one."
            )
        by_loss = decides_by_loss(getattr(network, "scoring", None))
        display = cls(network.history_, score_name=_name_score(network), by_loss=by_loss)
        return display.plot(ax, **options)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        learning_rate: bool = True,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        learning_rate : bool, default=True
            Whether to show the learning rate, as a thin line.
        line_kw : dict, default=None
            Options of :meth:`matplotlib.axes.Axes.plot` for losses and scores.

        Returns
        -------
        self : TrainingCurveDisplay
            The display.
        """
        check_flag("learning_rate", learning_rate)
        ax = make_axes(f"{type(self).__name__}.plot", ax)
        self.ax_, self.figure_ = ax, ax.figure
        self.score_ax_ = self.learning_rate_ax_ = self.best_ = None
        self.lines_: dict[str, Line2D] = {}
        epochs = np.arange(1, len(self.history["loss"]) + 1)
        marker = "o" if len(epochs) == 1 else None  # a line of one point can't be seen
        style = {"linewidth": 1.8, "marker": marker, "markersize": 4} | (line_kw or {})

        def draw(on, name, label, color, **options):
            values, look = self.history[name], style | {"label": label, "color": color} | options
            self.lines_[name] = on.plot(epochs, values, **look)[0]

        names = "dropout_rate", "input_dropout_rate"
        drops = any(np.max(rate) > 0 for name in names for rate in self.history.get(name, ()))
        with_dropout = ", with dropout" if drops else ""
        draw(ax, "loss", f"training loss{with_dropout}", BLUE)
        if self._has_penalty():
            draw(ax, "penalty", "penalty in it", BLUE, linestyle=":")
        if "validation_loss" in self.history:
            draw(ax, "validation_loss", "validation loss", ORANGE, linestyle="--")
        ax.set(xlabel="Epoch", ylabel="Loss")
        ax.locator_params(axis="x", integer=True, min_n_ticks=1)
        if len(epochs) == 1:
            ax.set_xlim(0.0, 2.0)

        scores = [f"{of}_score" for of in ("training", "validation")]
        shown = [name for name in scores if self.score_name is not None and name in self.history]
        if shown:
            of = "" if len(shown) > 1 else shown[0].replace("score", "")
            label = f"{of}{self.score_name}".replace("_", " ")
            self.score_ax_ = self._add_axis(label[:1].upper() + label[1:], GREEN)
        if "training_score" in shown:
            label = f"training {self.score_name}{with_dropout}"
            draw(self.score_ax_, "training_score", label, GREEN, linestyle="--")
        if "validation_score" in shown:
            draw(self.score_ax_, "validation_score", f"validation {self.score_name}", GREEN)

        if learning_rate and "learning_rate" in self.history:
            highest = np.nanmax(self.history["learning_rate"])
            label = "learning rate"
            if shown:  # which have the axis
                label += f" (up to {highest:.2g})"
            self.learning_rate_ax_ = self._add_axis(None if shown else "Learning rate", GREY)
            look = {"linewidth": 0.9, "linestyle": "-", "zorder": 1}
            draw(self.learning_rate_ax_, "learning_rate", label, GREY, **look)
            self.learning_rate_ax_.set_ylim(0.0, 1.05 * highest or 1.0)

        self._mark_best(epochs)
        self._add_legend(epochs)
        return self

    def _has_penalty(self):
        """Whether the penalty can be seen beside the loss."""
        penalty, loss = self.history.get("penalty", [0.0]), self.history["loss"]
        return bool(np.nanmax(penalty) > LEAST_PENALTY * np.nanmax(loss))

    def _add_axis(self, label, color):
        """Axes with a scale of their own, in the colour of their curve; None hides the scale."""
        twin = self.ax_.twinx()
        twin.spines["left"].set_visible(False)
        if label is None:
            twin.yaxis.set_visible(False)
        else:
            twin.set_ylabel(label, color=color, labelpad=3)
            twin.tick_params(axis="y", colors=color, labelsize="small")
        return twin

    def _mark_best(self, epochs):
        """Mark the epoch of the highest validation score, or the lowest validation loss."""
        of_loss, of_score = (self.lines_.get(f"validation_{of}") for of in ("loss", "score"))
        line: Any = of_loss if self.by_loss else of_score or of_loss
        name = "validation_loss" if self.by_loss else "validation_score"
        values = np.asarray(self.history.get(name, ()), dtype=float)
        if line is None or not np.isfinite(values).any():
            return
        best = np.nanargmin(values) if self.by_loss else np.nanargmax(values)
        (self.best_,) = line.axes.plot(
            epochs[best],
            line.get_ydata()[best],
            color=ink(self.ax_),
            linestyle="none",
            marker="o",
            markersize=7,
            markerfacecolor="none",
            label=f"best {'loss' if self.by_loss else 'score'}, epoch {epochs[best]}",
        )

    def _add_legend(self, epochs):
        """Name the curves, where the names hide none of them."""
        fine = np.linspace(epochs[0], epochs[-1], 300)
        lines: list[Any] = list(self.lines_.values())
        points = [
            to_fractions(line.axes, fine, np.interp(fine, epochs, line.get_ydata()))
            for line in lines
        ]
        handles = [*lines, *([self.best_] if self.best_ else [])]
        axes = [a for a in (self.ax_, self.score_ax_, self.learning_rate_ax_) if a is not None]
        top = axes[-1]  # over all curves
        self.legend_, n_hidden = add_legend(top, handles, np.vstack(points), fontsize="small")
        if n_hidden:  # make room above the curves
            self.legend_ = top.legend(
                handles=handles, loc="upper center", ncols=2, fontsize="small"
            )
            _, height = measure_legend(self.legend_)
            for each in axes:
                low, high = each.get_ylim()
                each.set_ylim(low, low + (high - low) / (1.0 - min(height, 0.5)))


def _name_score(network):
    """What the validation score of a network is; None where it is the loss."""
    scoring = getattr(network, "scoring", None)
    if scoring is None:
        return "accuracy" if is_classifier(network) else "R²"
    if isinstance(scoring, str):
        return None if scoring == "loss" else scoring.replace("_", " ")
    return "score"
