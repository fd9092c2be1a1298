"""Whether probabilities can be believed: how often a classifier is right, by how sure it is."""

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from skdropout._core.checks import check_flag, check_name, check_number
from skdropout.inspection._axes import (
    COLORS,
    GREY,
    add_legend,
    check_matplotlib,
    lay_out,
    make_axes,
    measure_axes,
    to_fractions,
)
from skdropout.inspection._pipelines import find_unknown, split_pipeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(eq=False, repr=False)
class ReliabilityDisplay:
    """Accuracy against confidence, for any number of classes.

    The confidence in a prediction is the probability of the predicted class. Predictions are
    binned by it. Those of a calibrated classifier that are made with a confidence of 0.8 are right
    eight times out of ten: its points lie on the diagonal, and below it the classifier is too sure
    of itself [1]_.

    Make one with :meth:`from_oof`, :meth:`from_estimator` or :meth:`from_predictions`. All
    parameters are stored as attributes.

    Parameters
    ----------
    accuracy : ndarray of shape (n_bins,)
        Part of the predictions of each bin that are right; bins without any are left out.
    confidence : ndarray of shape (n_bins,)
        Mean confidence in them.
    count : ndarray of shape (n_bins,)
        Their number.
    edges : ndarray of shape (n_bins, 2)
        Where each bin begins and ends.
    name : str or None, default=None
        What to call the classifier.

    Attributes
    ----------
    expected_calibration_error : float
        Mean distance of accuracy and confidence over the predictions [2]_.
    error : ndarray of shape (n_bins,)
        Standard error of the accuracy of each bin.
    ax_ : matplotlib Axes
        The axes.
    count_ax_ : matplotlib Axes or None
        With the hidden axis of the numbers of predictions.
    figure_ : matplotlib Figure
        The figure that holds them.
    errorbar_ : matplotlib ErrorbarContainer
        The points, with a standard error above and below.
    diagonal_ : matplotlib Line2D or None
        Where a calibrated classifier has its points; None where the axes had one already.
    bars_ : matplotlib BarContainer or None
        The numbers of predictions.
    legend_ : matplotlib Legend
        The legend.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : Probability and frequency of one class, of two.
    sklearn.calibration.CalibratedClassifierCV : Makes a classifier calibrated.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On calibration of modern neural
       networks", ICML 2017, arXiv 1706.04599.
    .. [2] M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities
       using Bayesian binning", AAAI 2015, doi 10.1609/aaai.v29i1.9602.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.inspection import ReliabilityDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> network = DropoutMLPClassifier((64,), random_state=0).fit(X, y)
    >>> display = ReliabilityDisplay.from_oof(network, y)
    >>> int(display.count.sum())
    150
    >>> bool(display.expected_calibration_error < 0.1)
    True
    >>> plt.close(display.figure_)
    """

    accuracy: np.ndarray
    confidence: np.ndarray
    count: np.ndarray
    edges: np.ndarray
    _: KW_ONLY
    name: str | None = None

    @property
    def expected_calibration_error(self) -> float:
        """Mean distance of accuracy and confidence over the predictions.

        It is ``sum(count |accuracy - confidence|) / sum(count)``, and grows with the number of
        bins, by chance alone.
        """
        return float(np.average(np.abs(self.accuracy - self.confidence), weights=self.count))

    @property
    def error(self) -> np.ndarray:
        """Standard error of the accuracy of each bin.

        It is ``sqrt(p (1 - p) / count)`` with ``p = (accuracy count + 1) / (count + 2)``, so that
        it is not zero where all are right.
        """
        chance = (self.accuracy * self.count + 1.0) / (self.count + 2.0)
        return np.sqrt(chance * (1.0 - chance) / self.count)

    @classmethod
    def from_oof(
        cls,
        estimator: Any,
        y: ArrayLike,
        *,
        n_bins: int = 10,
        strategy: str = "uniform",
        name: str | None = None,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Draw the predictions of a fitted ensemble for the rows it was trained on, out of fold.

        Each row is predicted by the networks that have not seen it, so no other rows are needed.

        Parameters
        ----------
        estimator : DropoutMLPClassifier, Pipeline or search
            A fitted ensemble, a fitted pipeline whose last step it is, or a fitted search for
            either. Rows that none of the folds holds out are left out.
        y : array-like of shape (n_samples,)
            The labels that it was fitted to, in the same order.
        n_bins, strategy, name, ax, **options
            As in :meth:`from_predictions`.

        Returns
        -------
        display : ReliabilityDisplay
            What was drawn.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        ValueError
            If it is no ensemble of a classifier, or as by :meth:`from_predictions`.
        """
        check_matplotlib(f"{cls.__name__}.from_oof")
        _, network = split_pipeline(estimator)
        if not hasattr(network, "oof_decision_function_"):
            raise ValueError(
                f"{cls.__name__}.from_oof shows oof_decision_function_, which this "
                f"{type(network).__name__} does not have: fit a DropoutMLPClassifier with cv=5, or "
                f"take {cls.__name__}.from_estimator and rows that it was not trained on."
            )
        proba, y = network.oof_decision_function_, np.asarray(y)
        check_consistent_length(proba, y)
        known = np.isfinite(proba).all(axis=1)
        return cls.from_predictions(
            y[known],
            proba[known],
            classes=network.classes_,
            n_bins=n_bins,
            strategy=strategy,
            name="out of fold" if name is None else name,
            ax=ax,
            **options,
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        n_bins: int = 10,
        strategy: str = "uniform",
        name: str | None = None,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Draw the predictions of any fitted classifier for samples it was not trained on.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier of scikit-learn's conventions with `predict_proba`.
        X : array-like of shape (n_samples, n_features)
            Samples, as the estimator takes them.
        y : array-like of shape (n_samples,)
            Their labels.
        n_bins, strategy, name, ax, **options
            As in :meth:`from_predictions`; `name` is that of the class if it is None.

        Returns
        -------
        display : ReliabilityDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If it is no classifier with `predict_proba`, or as by :meth:`from_predictions`.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        if not (is_classifier(estimator) and hasattr(estimator, "predict_proba")):
            raise ValueError(
                f"{cls.__name__} needs a classifier with predict_proba, got "
                f"{type(estimator).__name__}."
            )
        proba = estimator.predict_proba(X)
        return cls.from_predictions(
            y,
            proba,
            classes=estimator.classes_,
            n_bins=n_bins,
            strategy=strategy,
            name=type(estimator).__name__ if name is None else name,
            ax=ax,
            **options,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_prob: ArrayLike,
        *,
        classes: ArrayLike | None = None,
        n_bins: int = 10,
        strategy: str = "uniform",
        name: str | None = None,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Draw predicted probabilities against the labels that were there.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            The labels.
        y_prob : array-like of shape (n_samples, n_classes)
            The probabilities, with a column for each class.
        classes : array-like of shape (n_classes,), default=None
            What the columns stand for. None stands for the labels in `y_true`, sorted.
        n_bins : int >= 1, default=10
            Number of bins.
        strategy : {"uniform", "quantile"}, default="uniform"
            Whether the bins are equally wide, from 0 to 1, or hold about equally many predictions.
        name : str, default=None
            What to call the classifier.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **options
            More arguments of :meth:`plot`.

        Returns
        -------
        display : ReliabilityDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If labels and probabilities do not fit, as for many labels; or if there are none.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        check_number("n_bins", n_bins, 1, integer=True)
        check_name("strategy", strategy, ("uniform", "quantile"))
        y = column_or_1d(y_true)
        names = np.unique(y) if classes is None else column_or_1d(classes)
        if np.ndim(y_prob) != 2 or np.shape(y_prob)[1] != len(names):
            raise ValueError(
                f"y_prob must have a column for each of the {len(names)} classes, got the shape "
                f"{np.shape(y_prob)}."
            )
        proba = check_array(y_prob, dtype=np.float64, input_name="y_prob")
        check_consistent_length(y, proba)
        if unknown := find_unknown(y, names):
            raise ValueError(f"The labels {unknown[:5]} are none of the classes {names}.")
        if proba.min() < 0 or proba.max() > 1 + 1e-6:
            raise ValueError("y_prob must be probabilities, from 0 to 1.")
        confidence, right = proba.max(axis=1), names[proba.argmax(axis=1)] == y
        display = cls(*_bin(confidence, right, n_bins, strategy), name=name)
        return display.plot(ax, **options)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        counts: bool = True,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw accuracy against confidence, and the number of predictions below.

        On axes that show a classifier already, another one is drawn in another colour.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        counts : bool, default=True
            Whether to show the numbers of predictions, as bars.
        line_kw : dict, default=None
            Options of :meth:`matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        self : ReliabilityDisplay
            The display.
        """
        check_flag("counts", counts)
        ax = make_axes(f"{type(self).__name__}.plot", ax)
        self.ax_, self.figure_ = ax, ax.figure
        shown = ax.containers
        label = f"expected calibration error {self.expected_calibration_error:.3f}"
        look: dict[str, Any] = dict(marker="o", markersize=5, capsize=3)
        look |= {"color": COLORS[len(shown) % len(COLORS)]}
        look |= {"label": label if self.name is None else f"{self.name}: {label}"}
        self.diagonal_ = None
        if not shown:
            (self.diagonal_,) = ax.plot(
                [0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2, label="calibrated"
            )
            ax.set(xlabel="Confidence", ylabel="Accuracy", xlim=(0.9, 1), ylim=(0, 1.02))
        self.errorbar_ = ax.errorbar(
            self.confidence, self.accuracy, self.error, **look | (line_kw or {})
        )
        ax.set_xlim(min(self.edges.min(), ax.get_xlim()[0]), 1.0)
        self.count_ax_: Any = None
        self.bars_: Any = None
        if counts:
            self._draw_counts()
        self._add_legend()
        return self

    def _draw_counts(self):
        """Bars in the lowest fifth of the picture, each with its number, behind the rest."""
        self.count_ax_ = self.ax_.twinx()
        self.count_ax_.yaxis.set_visible(False)
        width = np.diff(self.edges, axis=1)[:, 0]
        self.bars_ = self.count_ax_.bar(
            self.edges[:, 0], self.count, width, align="edge", color=GREY, ec="white", alpha=0.4
        )
        self.count_ax_.set_ylim(0, 5 * self.count.max())
        lay_out(self.ax_)
        in_points = width / np.ptp(self.ax_.get_xlim()) * measure_axes(self.ax_)[0]
        labels = [str(n) for n in self.count]
        fitting = [
            label if 5.0 * len(label) < room else ""
            for label, room in zip(labels, in_points, strict=True)
        ]
        self.count_ax_.bar_label(self.bars_, fitting, padding=1, size=8, color=GREY)
        self.ax_.set_zorder(self.count_ax_.get_zorder() + 1)
        self.ax_.patch.set_visible(False)

    def _add_legend(self):
        """Name points and diagonal, where the names hide nothing."""
        fine = np.linspace(*self.ax_.get_xlim(), 100)
        shown = [
            to_fractions(self.ax_, fine, fine),
            to_fractions(self.ax_, self.confidence, self.accuracy),
        ]
        if self.count_ax_ is not None:
            shown.append(to_fractions(self.count_ax_, self.edges.mean(axis=1), self.count))
        handles, _ = self.ax_.get_legend_handles_labels()
        self.legend_, _ = add_legend(self.ax_, handles, np.vstack(shown), fontsize="small")


def _bin(confidence, right, n_bins, strategy):
    """Accuracy, mean confidence, number and edges of each bin that holds anything."""
    quantiles = np.linspace(0.0, 1.0, n_bins + 1)
    edges = quantiles if strategy == "uniform" else np.quantile(confidence, quantiles)
    bins = np.searchsorted(edges[1:-1], confidence)  # as scikit-learn's `calibration_curve`
    count = np.bincount(bins, minlength=n_bins)
    filled = count > 0
    accuracy, mean = (
        np.bincount(bins, values, n_bins)[filled] / count[filled] for values in (right, confidence)
    )
    return accuracy, mean, count[filled], np.column_stack([edges[:-1], edges[1:]])[filled]
