"""Pictures: they show the numbers of the estimator, on the axes given, and say what they can't."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_classification, make_moons
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout.dropout import DROPOUT_SCHEMES, DropoutScheme
from skdropout.inspection import (
    NetworkDisplay,
    ReliabilityDisplay,
    SearchDisplay,
    TrainingCurveDisplay,
    UncertaintyBandDisplay,
    UncertaintyDisplay,
    _axes,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_classification(60, n_features=6, random_state=0)
MOONS, HALVES = make_moons(80, noise=0.2, random_state=0)


def fit(network=DropoutMLPClassifier, X=X, y=Y, **arguments):
    arguments = dict(learning_rate="cosine", max_iter=4, cv=None, random_state=0) | arguments
    return network(**arguments).fit(X, y)


def grid_search(grid, estimator=None, **arguments):
    """A quick one."""
    return GridSearchCV(estimator or LogisticRegression(), grid, cv=3, **arguments).fit(X, Y)


# what all have in common

DRAW = {
    "training": lambda **o: TrainingCurveDisplay.from_estimator(fit(), **o),
    "training of an ensemble": lambda **o: TrainingCurveDisplay.from_estimator(fit(cv=3), **o),
    "network": lambda **o: NetworkDisplay.from_estimator(fit(), **o),
    "search": lambda **o: SearchDisplay.from_search(grid_search({"C": [1, 2]}), **o),
    "reliability": lambda **o: ReliabilityDisplay.from_oof(fit(cv=3), Y, **o),
    "bands": lambda **o: UncertaintyBandDisplay.from_estimator(
        fit(DropoutMLPRegressor, dropout_rate=0.2), X, Y, n_samples=3, grid_resolution=8, **o
    ),
    "uncertainty": lambda **o: UncertaintyDisplay.from_estimator(
        fit(X=MOONS, y=HALVES), MOONS, HALVES, n_samples=3, grid_resolution=8, **o
    ),
    "uncertainty of an ensemble": lambda **o: UncertaintyDisplay.from_estimator(
        fit(X=MOONS, y=HALVES, cv=3), MOONS, HALVES, n_samples=3, grid_resolution=8, **o
    ),
}
each_display = pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)


@each_display
def test_axes_given_are_used(draw):
    figure, axes = plt.subplots(2)
    display = draw(ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert not axes[0].has_data()
    assert plt.get_fignums() == [figure.number]


@each_display
def test_new_figure_where_no_axes_are_given(draw):
    display = draw()
    display.figure_.canvas.draw()  # without a warning
    assert plt.get_fignums() == [display.figure_.number]
    assert display.ax_ in display.figure_.axes


@each_display
def test_plot_returns_the_display_and_draws_again(draw):
    display = draw()
    first = display.ax_
    assert display.plot() is display
    assert display.ax_ is not first


@each_display
def test_unknown_options_are_refused(draw):
    with pytest.raises(TypeError, match="colour"):
        draw(colour="red")


@each_display
def test_error_without_matplotlib(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"from_\w+ needs matplotlib: pip install matplotlib"):
        draw()


@each_display
def test_plot_without_matplotlib(draw, monkeypatch):
    display = draw()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"Display.plot needs matplotlib: pip install matplotlib"):
        display.plot()


@each_display
def test_marks_and_text_stand_out_on_a_dark_ground(draw):
    """What is dark on a light ground is light there, down to the frames of markers."""
    dark = to_rgb(_axes.DARK)
    with plt.style.context("dark_background"):
        display = draw()
        texts = [text for text in display.ax_.findobj(matplotlib.text.Text) if text.get_text()]
        lines = display.ax_.findobj(matplotlib.lines.Line2D)
        colors = [to_rgb(thing.get_color()) for thing in [*texts, *lines]]
    assert dark not in colors


def test_matplotlib_is_not_imported_before_it_is_needed():
    code = "import sys, skdropout.inspection; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "display", [TrainingCurveDisplay, NetworkDisplay, UncertaintyDisplay], ids=lambda d: d.__name__
)
@pytest.mark.parametrize("piped", [False, True])
def test_not_fitted(display, piped):
    network = DropoutMLPClassifier()
    model = make_pipeline(StandardScaler(), network) if piped else network
    data = (MOONS,) if display is UncertaintyDisplay else ()
    with pytest.raises(NotFittedError):
        display.from_estimator(model, *data)


@pytest.mark.parametrize("corner", ["upper left", "upper right", "lower left", "lower right"])
def test_legend_goes_where_nothing_is(corner):
    _, ax = plt.subplots()
    line = ax.plot([0, 1], [0, 1], label="line")
    vertical, horizontal = corner.split()
    points = np.random.default_rng(0).uniform(size=(2000, 2))
    x, y = points.T
    in_corner = ((x > 0.6) if horizontal == "right" else (x < 0.4)) & (
        (y > 0.6) if vertical == "upper" else (y < 0.4)
    )
    legend, n_hidden = _axes.add_legend(ax, line, points[~in_corner])
    assert n_hidden == 0
    box = legend.get_window_extent().transformed(ax.transAxes.inverted())
    assert (box.x0 > 0.5) == (horizontal == "right")
    assert (box.y0 > 0.5) == (vertical == "upper")


# training curves


@pytest.mark.parametrize("network", [DropoutMLPClassifier, DropoutMLPRegressor])
@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize("held_out", [{"early_stopping": True}, {"cv": 3}], ids=str)
def test_curves_are_the_history(network, piped, held_out):
    model = network(learning_rate="cosine", max_iter=8, random_state=0, **held_out)
    if piped:
        model = make_pipeline(StandardScaler(), model)
    model.fit(X, Y)
    history = (model[-1] if piped else model).history_
    display = TrainingCurveDisplay.from_estimator(model)
    is_ensemble = "cv" in held_out  # which is judged by its loss alone
    of_score = ["training_score"] if is_ensemble else ["training_score", "validation_score"]
    assert list(display.lines_) == ["loss", "validation_loss", *of_score, "learning_rate"]
    for name, line in display.lines_.items():
        assert_array_equal(line.get_ydata(), history[name])
        assert_array_equal(line.get_xdata(), np.arange(1, 9))
    of_score = [display.score_ax_] * len(of_score)
    axes = [display.ax_, display.ax_, *of_score, display.learning_rate_ax_]
    assert [line.axes for line in display.lines_.values()] == axes
    assert display.lines_["learning_rate"].get_linewidth() < display.lines_["loss"].get_linewidth()
    name = "accuracy" if network is DropoutMLPClassifier else "R²"
    label = f"Training {name}" if is_ensemble else name[:1].upper() + name[1:]
    assert display.score_ax_.get_ylabel() == label
    assert display.ax_.get_xlabel() == "Epoch"


@pytest.mark.parametrize("scoring, by_loss", [(None, True), ("loss", True), ("accuracy", False)])
@pytest.mark.parametrize("held_out", [{"early_stopping": True}, {"cv": 3}], ids=str)
def test_the_epoch_that_is_kept_is_marked(scoring, by_loss, held_out):
    network = fit(scoring=scoring, max_iter=30, learning_rate_init=0.03, **held_out)
    display = TrainingCurveDisplay.from_estimator(network)
    name, what = ("validation_loss", "loss") if by_loss else ("validation_score", "score")
    values = np.asarray(network.history_[name])
    best = values.argmin() if by_loss else values.argmax()
    assert display.best_.get_xdata() == best + 1
    assert display.best_.get_ydata() == values[best]
    assert display.best_.axes is display.lines_[name].axes
    assert display.best_.get_label() == f"best {what}, epoch {best + 1}"


def test_curves_without_validation():
    display = TrainingCurveDisplay.from_estimator(fit())
    assert list(display.lines_) == ["loss", "training_score", "learning_rate"]
    assert display.best_ is None
    assert display.score_ax_.get_ylabel() == "Training accuracy"


def test_curves_without_scores():
    display = TrainingCurveDisplay.from_estimator(fit(scoring="loss"))
    assert list(display.lines_) == ["loss", "learning_rate"]
    assert display.score_ax_ is None
    assert display.learning_rate_ax_.get_ylabel() == "Learning rate"


def test_a_penalty_that_can_be_seen_is_a_curve():
    display = TrainingCurveDisplay.from_estimator(fit(alpha=30.0, weight_decay=0))
    assert list(display.lines_)[:2] == ["loss", "penalty"]
    loss, penalty = (display.lines_[name].get_ydata() for name in ("loss", "penalty"))
    assert (penalty < loss).all()


@pytest.mark.parametrize(
    "scoring, label",
    [
        ("balanced_accuracy", "Validation balanced accuracy"),
        (lambda estimator, X, y: estimator.score(X, y), "Validation score"),
    ],
    ids=["name", "callable"],
)
def test_score_is_named(scoring, label):
    display = TrainingCurveDisplay.from_estimator(fit(early_stopping=True, scoring=scoring))
    assert display.score_ax_.get_ylabel() == label


def test_score_that_is_the_loss_is_shown_once():
    network = fit(early_stopping=True, scoring="loss")
    display = TrainingCurveDisplay.from_estimator(network)
    assert list(display.lines_) == ["loss", "validation_loss", "learning_rate"]
    assert display.best_.get_ydata() == min(network.history_["validation_loss"])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_options_of_the_curves(early_stopping):
    display = TrainingCurveDisplay.from_estimator(
        fit(early_stopping=early_stopping), learning_rate=False, line_kw={"linewidth": 5}
    )
    assert "learning_rate" not in display.lines_
    assert display.learning_rate_ax_ is None
    assert {line.get_linewidth() for line in display.lines_.values()} == {5}


def test_one_epoch_can_be_seen():
    display = TrainingCurveDisplay.from_estimator(fit(max_iter=1))
    assert display.lines_["loss"].get_marker() == "o"


def test_curves_of_lbfgs_and_of_partial_fit():
    network = fit(solver="lbfgs", dropout_rate=0, max_iter=20)
    display = TrainingCurveDisplay.from_estimator(network)
    assert_array_equal(display.lines_["loss"].get_ydata(), network.history_["loss"])
    network = DropoutMLPClassifier().partial_fit(X, Y, classes=[0, 1]).partial_fit(X, Y)
    display = TrainingCurveDisplay.from_estimator(network)
    assert_array_equal(display.lines_["loss"].get_ydata(), network.loss_curve_)


def test_curves_with_gaps():
    history = {"loss": [3.0, 2.0, 1.0], "validation_loss": [np.nan, 2.0, np.nan]}
    history |= {"validation_score": [np.nan, 0.5, np.nan]}
    display = TrainingCurveDisplay(history).plot()
    assert display.best_.get_xdata() == 2
    assert TrainingCurveDisplay(history, by_loss=True).plot().best_.get_ydata() == 2.0
    history["validation_score"] = [np.nan] * 3
    assert TrainingCurveDisplay(history).plot().best_ is None


@pytest.mark.parametrize("falling", [False, True])
def test_limits_are_known_before_anything_is_drawn(falling):
    _, ax = plt.subplots()
    epochs, scores = np.arange(1, 101), np.linspace(-3, 5, 100)[:: -1 if falling else 1]
    ax.plot(epochs, scores)
    before = _axes.to_fractions(ax, epochs, scores)
    ax.figure.canvas.draw()
    assert_allclose(before, _axes.to_fractions(ax, epochs, scores))
    assert_allclose(before[[0, -1], 0], [1 / 22, 21 / 22])  # matplotlib's margins


@pytest.mark.parametrize("rates", [{"dropout_rate": 0.2}, {"input_dropout_rate": 0.2}, {}])
def test_training_loss_tells_of_dropout(rates):
    network = DropoutMLPClassifier(max_iter=2, **{"dropout_rate": 0} | rates).fit(X, Y)
    label = TrainingCurveDisplay.from_estimator(network).lines_["loss"].get_label()
    assert label == "training loss" + (", with dropout" if rates else "")


def test_training_loss_tells_of_dropout_in_one_layer():
    history = {"loss": [1.0], "dropout_rate": [(0.0, 0.1)], "input_dropout_rate": [0.0]}
    label = TrainingCurveDisplay(history).plot().lines_["loss"].get_label()
    assert label == "training loss, with dropout"


def test_legend_hides_no_curve():
    """Noise everywhere: then there is room above it."""
    noise = np.random.default_rng(0).uniform(size=(3, 100))
    history = dict(zip(("loss", "validation_loss", "validation_score"), noise, strict=True))
    display = TrainingCurveDisplay(history).plot()
    display.figure_.canvas.draw()
    box = display.legend_.get_window_extent()
    for line in display.lines_.values():
        pixels = line.axes.transData.transform(line.get_xydata())
        assert not any(box.contains(*pixel) for pixel in pixels)


def test_no_history():
    with pytest.raises(ValueError, match="history_, which MLPClassifier does not have"):
        TrainingCurveDisplay.from_estimator(MLPClassifier(max_iter=2).fit(X, Y))


# networks


def edges_of(display, i):
    """Pairs of shown units that are joined, from the ends of the lines."""
    heights = [
        dict(zip(nodes.get_offsets()[:, 1], units, strict=True))
        for nodes, units in zip(display.nodes_, display.shown_, strict=True)
    ]
    return {
        (int(heights[i][y_0]), int(heights[i + 1][y_1]))
        for (_, y_0), (_, y_1) in display.edges_[i].get_segments()
    }


def n_crossed(display):
    """Crosses in each layer."""
    return [0 if c is None else len(c.get_offsets()) for c in display.crosses_]


SHAPES = [(), (1,), (3,), (12,), (13,), (5, 4, 3), (40, 1, 20)]


@pytest.mark.parametrize("network", [DropoutMLPClassifier, DropoutMLPRegressor])
@pytest.mark.parametrize("hidden", SHAPES, ids=str)
def test_whole_network(network, hidden):
    estimator = fit(network, hidden_layer_sizes=hidden)
    display = NetworkDisplay.from_estimator(estimator)
    sizes = [6, *hidden, 1]
    assert [text.get_text().split("\n")[1] for text in display.texts_] == [str(n) for n in sizes]
    n_shown = [n if n <= 12 else 11 for n in sizes]
    assert [len(nodes.get_offsets()) for nodes in display.nodes_] == n_shown
    assert [dots is not None for dots in display.dots_] == [n > 12 for n in sizes]
    assert n_crossed(display) == [0] * len(sizes)
    for i, W in enumerate(estimator.coefs_):
        assert_array_equal(display.coefs[i], W)
        assert len(display.edges_[i].get_segments()) == n_shown[i] * n_shown[i + 1]


@pytest.mark.parametrize("network", [DropoutMLPClassifier, DropoutMLPRegressor])
@pytest.mark.parametrize("options", [{}, {"random_state": 0}], ids=str)
@pytest.mark.parametrize("piped", [False, True])
def test_of_an_ensemble_one_network_is_shown(network, options, piped):
    ensemble = fit(network, hidden_layer_sizes=(8,), dropout_rate=0.5, cv=3)
    model = make_pipeline(FunctionTransformer(), ensemble).fit(X, Y) if piped else ensemble
    with pytest.raises(ValueError, match=r"an ensemble of 3: give it .* estimators_\[0\]"):
        NetworkDisplay.from_estimator(model, **options)
    member = ensemble.estimators_[1]
    display = NetworkDisplay.from_estimator(member, **options)
    assert_array_equal(display.coefs[0], member.coefs_[0])


@pytest.mark.parametrize(
    "max_units, shown", [(3, [0, 19]), (6, [0, 1, 2, 18, 19]), (20, range(20))]
)
def test_long_layers_show_first_and_last_units(max_units, shown):
    network = fit(hidden_layer_sizes=(20,))
    display = NetworkDisplay.from_estimator(network, max_units=max_units)
    assert_array_equal(display.shown_[1], shown)
    heights = display.nodes_[1].get_offsets()[:, 1]
    assert_array_equal(heights, np.sort(heights)[::-1])
    if max_units < 20:
        dots = display.dots_[1].get_offsets()[:, 1]
        gap = np.argmax(-np.diff(heights))
        assert heights[gap + 1] < dots.min() < dots.max() < heights[gap]


def test_edges_show_sign_and_size():
    W = np.array([[1.0, -0.5], [0.0, 0.25]])
    display = NetworkDisplay([W]).plot()
    assert edges_of(display, 0) == {(0, 0), (0, 1), (1, 1)}  # a weight of zero has none
    widths, colors = display.edges_[0].get_linewidths(), display.edges_[0].get_colors()
    assert_array_equal(np.argsort(widths), [0, 1, 2])
    assert_array_equal(np.argsort(colors[:, 3]), [0, 1, 2])
    names = [_axes.BLUE, _axes.VERMILION, _axes.BLUE]
    assert_allclose(colors[:, :3], [to_rgb(name) for name in names])


def test_network_without_weights():
    display = NetworkDisplay([np.zeros((2, 3)), np.zeros((3, 1))]).plot()
    assert [len(edges.get_segments()) for edges in display.edges_] == [0, 0]


@pytest.mark.parametrize("network", [DropoutMLPClassifier, DropoutMLPRegressor])
@pytest.mark.parametrize("rates", [(0.0, 0.5, 0.25), (0.5, 0.0, 0.25), (0.34, 0.2, 0.0)], ids=str)
def test_dropped_nodes_are_crossed_out_and_lose_their_edges(network, rates):
    of_inputs, *of_layers = rates
    estimator = fit(
        network, hidden_layer_sizes=(10, 8), input_dropout_rate=of_inputs, dropout_rate=of_layers
    )
    display = NetworkDisplay.from_estimator(estimator, random_state=0)
    n_dropped = [round(rate * n) for rate, n in zip(rates, (6, 10, 8), strict=True)]
    assert n_crossed(display) == [*n_dropped, 0]
    masks = [*display.masks, None]
    kept = [
        range(n) if mask is None else np.flatnonzero(mask).tolist()
        for mask, n in zip(masks, (6, 10, 8, 1), strict=True)
    ]
    for i in range(3):
        assert edges_of(display, i) == {(j, k) for j in kept[i] for k in kept[i + 1]}
    for rate, n, text, units in zip(rates, (6, 10, 8), display.texts_, kept, strict=False):
        number = text.get_text().split("\n")[1]
        assert number == (f"{len(units)} of {n}" if rate else f"{n}")


def test_crosses_are_on_the_dropped_nodes():
    estimator = fit(hidden_layer_sizes=(30,), dropout_rate=0.5)
    display = NetworkDisplay.from_estimator(estimator, random_state=0)
    dropped = display.masks[1][display.shown_[1]] == 0
    nodes, crosses = display.nodes_[1].get_offsets(), display.crosses_[1].get_offsets()
    assert_array_equal(crosses, nodes[dropped])
    assert display.texts_[1].get_text() == "Hidden\n15 of 30"


@pytest.mark.parametrize("network", [DropoutMLPClassifier, DropoutMLPRegressor])
@pytest.mark.parametrize("scheme", DROPOUT_SCHEMES)
@pytest.mark.parametrize(
    "rates", [(0.3, 0.3, 0.3), (0.2, 0.5, 0.3), (0.0, 0.4, 0.4), (0.3, 0.0, 0.3)], ids=str
)
def test_thinned_network_is_the_one_that_predicts(network, scheme, rates):
    """By the weights and masks of the picture, as the first of all consistent predictions."""
    of_inputs, *of_layers = rates
    estimator = fit(
        network,
        hidden_layer_sizes=(9, 7),
        activation="selu",
        dropout=scheme,
        dropout_rate=of_layers,
        input_dropout_rate=of_inputs,
        standardize=False,
    )
    display = NetworkDisplay.from_estimator(estimator, random_state=3)
    assert [mask is not None for mask in display.masks] == [rate > 0 for rate in rates]
    dropout, z = DROPOUT_SCHEMES[scheme](), X
    for i, (W, mask, b) in enumerate(
        zip(display.coefs, display.masks, estimator.intercepts_, strict=True)
    ):
        h = 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(z)) if i else z
        if mask is not None and mask.ndim == 1:
            shift = dropout.saturation
            h = (h - shift) * mask + dropout.mean(rates[i]) * shift
        z = h @ (W * mask if mask is not None and mask.ndim == 2 else W) + b
    if network is DropoutMLPClassifier:
        samples = estimator.predict_proba_samples(X, 1, random_state=3, consistent=True)[0, :, 1]
        assert_allclose(samples, expit(z[:, 0]), rtol=1e-10)
    else:
        samples = estimator.predict_samples(X, 1, random_state=3, consistent=True)[0]
        assert_allclose(samples, z[:, 0], rtol=1e-10)


def test_seed_decides():
    estimator = fit(hidden_layer_sizes=(30,), dropout_rate=0.5)
    first, again, other = (
        NetworkDisplay.from_estimator(estimator, random_state=seed) for seed in (0, 0, 1)
    )
    assert_array_equal(first.masks[1], again.masks[1])
    assert np.any(first.masks[1] != other.masks[1])


def test_rates_and_scheme_are_those_of_now():
    estimator = fit(hidden_layer_sizes=(10,), dropout_rate=0).set_params(dropout_rate=0.9)
    assert n_crossed(NetworkDisplay.from_estimator(estimator, random_state=0)) == [0, 9, 0]


def test_dropconnect_takes_edges_away():
    estimator = fit(hidden_layer_sizes=(10,), dropout_rate=0.5, dropout="dropconnect")
    display = NetworkDisplay.from_estimator(estimator, random_state=0)
    assert n_crossed(display) == [0, 0, 0]
    assert display.masks[0] is None
    assert edges_of(display, 0) == {(j, k) for j in range(6) for k in range(10)}
    assert edges_of(display, 1) == {(j, 0) for j in np.flatnonzero(display.masks[1])}
    n_kept = np.count_nonzero(display.masks[1])
    assert f"{n_kept} of 10 weights kept" in [t.get_text() for t in display.legend_.get_texts()]


def test_gaussian_shades_nodes():
    estimator = fit(hidden_layer_sizes=(10,), dropout_rate=0.5, dropout="gaussian")
    display = NetworkDisplay.from_estimator(estimator, random_state=0)
    assert n_crossed(display) == [0, 0, 0]
    shades = display.colorbar_.mappable
    assert_allclose(display.nodes_[1].get_facecolors(), shades.to_rgba(display.masks[1]))
    assert shades.norm(1.0) == 0.5
    assert display.texts_[1].get_text() == "Hidden\n10"
    assert len(edges_of(display, 1)) == 10


@pytest.mark.parametrize("scheme", ["bernoulli", "alpha"])
def test_scheme_that_draws_for_each_sample(scheme):
    estimator = fit(hidden_layer_sizes=(12,), dropout_rate=0.5, dropout=scheme, activation="selu")
    display = NetworkDisplay.from_estimator(estimator, random_state=0)
    assert n_crossed(display) == [0, np.count_nonzero(display.masks[1] == 0), 0]
    assert 0 < n_crossed(display)[1] < 12


def test_scheme_of_ones_own():
    class Last(DropoutScheme):
        def draw(self, rng, rate, out):
            out[:] = 1
            out[:, -1] = 0

    display = NetworkDisplay.from_estimator(
        fit(hidden_layer_sizes=4, dropout=Last(), dropout_rate=0.5), random_state=0
    )
    assert_array_equal(display.masks[1], [1, 1, 1, 0])


def test_names_of_features_and_classes():
    pytest.importorskip("pandas")
    frame, y = load_iris(as_frame=True, return_X_y=True)
    estimator = fit(X=frame, y=np.array(["ash", "birch", "cedar"])[y], hidden_layer_sizes=(3,))
    names = [text.get_text() for text in NetworkDisplay.from_estimator(estimator).names_]
    assert names == [*frame.columns, "ash", "birch", "cedar"]
    _, axes = plt.subplots(1, 5)
    assert NetworkDisplay.from_estimator(estimator, ax=axes[0]).names_ == []  # no room


def test_inputs_have_the_names_that_a_pipeline_gives_them():
    frame = pd.DataFrame(X[:, :2], columns=["age", "height"])
    model = make_pipeline(PolynomialFeatures(include_bias=False), fit()).fit(frame, Y)
    names = ["age", "height", "age^2", "age height", "height^2"]
    assert list(NetworkDisplay.from_estimator(model).input_names) == names
    assert NetworkDisplay.from_estimator(model.fit(X[:, :2], Y)).input_names is None
    silent = make_pipeline(FunctionTransformer(validate=True), fit()).fit(frame, Y)
    assert NetworkDisplay.from_estimator(silent).input_names is None


@pytest.mark.parametrize("display", [TrainingCurveDisplay, NetworkDisplay, UncertaintyDisplay])
def test_a_search_stands_for_the_best_that_it_found(display):
    network = DropoutMLPClassifier((3,), dropout_rate=0.5, max_iter=2, cv=None, random_state=0)
    model = make_pipeline(StandardScaler(), network)
    grid = {"dropoutmlpclassifier__alpha": [0, 1e-3]}
    search = GridSearchCV(model, grid, cv=3).fit(MOONS, HALVES)
    of_plane = {"X": MOONS, "n_samples": 2, "grid_resolution": 4}
    arguments = of_plane if display is UncertaintyDisplay else {}
    assert display.from_estimator(search, **arguments).figure_ is not None
    with pytest.raises((ValueError, NotFittedError)):
        display.from_estimator(clone(search), **arguments)


def test_a_pipeline_may_be_a_network_alone():
    display = NetworkDisplay.from_estimator(
        make_pipeline(MLPClassifier((3,), max_iter=2)).fit(X, Y)
    )
    assert [len(nodes.get_offsets()) for nodes in display.nodes_] == [6, 3, 1]


def test_pipelines_and_other_networks():
    model = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), MLPClassifier((3,))))
    display = NetworkDisplay.from_estimator(
        model.set_params(pipeline__mlpclassifier__max_iter=2).fit(X, Y)
    )
    assert [len(nodes.get_offsets()) for nodes in display.nodes_] == [6, 3, 1]


def test_networks_that_cannot_be_drawn():
    with pytest.raises(ValueError, match="coefs_, which KMeans does not have"):
        NetworkDisplay.from_estimator(KMeans(2).fit(X))
    with pytest.raises(
        ValueError, match=r"dropout_rate=0 and input_dropout_rate=0\.0 drop nothing"
    ):
        NetworkDisplay.from_estimator(fit(dropout_rate=0), random_state=0)
    with pytest.raises(ValueError, match=r"dropout_rate=0\.01 .* drop nothing"):
        NetworkDisplay.from_estimator(fit(hidden_layer_sizes=5, dropout_rate=0.01), random_state=0)
    other = fit().set_params(activation="selu", dropout="alpha", dropout_rate=0.1)
    with pytest.raises(ValueError, match="'alpha' needs activation='selu'"):  # of what was fitted
        NetworkDisplay.from_estimator(other, random_state=0)
    with pytest.raises(ValueError, match="MLPClassifier has no dropout"):
        NetworkDisplay.from_estimator(MLPClassifier(max_iter=2).fit(X, Y), random_state=0)
    with pytest.raises(ValueError, match="max_units"):
        NetworkDisplay.from_estimator(fit(), max_units=2)


# uncertainty


def draw_uncertainty(estimator, X=MOONS, y=None, **options):
    options = dict(grid_resolution=12, n_samples=5, random_state=0) | options
    return UncertaintyDisplay.from_estimator(estimator, X, y, **options)


@pytest.mark.parametrize("dropout", ["batchwise", "bernoulli"])
@pytest.mark.parametrize("steps", [0, 1, 2])
@pytest.mark.parametrize("cv", [None, 3], ids=["", "ensemble"])
def test_uncertainty_is_that_of_the_classifier(dropout, steps, cv):
    network = DropoutMLPClassifier(dropout=dropout, max_iter=5, cv=cv, random_state=0)
    model = network
    for transformer in [StandardScaler(), FunctionTransformer(np.negative)][:steps]:
        model = make_pipeline(transformer, model)  # pipelines that end in pipelines
    model.fit(MOONS, HALVES)
    display = draw_uncertainty(model, y=HALVES)
    grid = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    seen = grid
    if steps:
        seen = (
            StandardScaler()
            .fit(-MOONS if steps == 2 else MOONS)
            .transform(-grid if steps == 2 else grid)
        )
    expected = network.predict_uncertainty(seen, 5, random_state=0, consistent=True)
    assert_allclose(display.uncertainty.ravel(), expected.mutual_information, atol=1e-10)
    assert_allclose(display.proba.reshape(-1, 2), model.predict_proba(grid))
    assert display.colorbar_.ax.get_ylabel() == "Mutual information (nats)"
    assert display.surface_.levels[0] == 0
    assert display.surface_.levels[-1] >= display.uncertainty.max()


@pytest.mark.parametrize("labels", [[0, 1], ["left", "right"], [True, False]], ids=str)
def test_samples_are_coloured_by_their_classes(labels):
    y = np.array(labels)[HALVES]
    estimator = fit(X=MOONS, y=y)
    display = draw_uncertainty(estimator, y=y)
    assert len(display.points_) == 2
    for points, label, color in zip(
        display.points_, estimator.classes_, _axes.COLORS, strict=False
    ):
        assert_array_equal(points.get_offsets(), MOONS[y == label])
        assert_allclose(points.get_facecolors()[0, :3], to_rgb(color))
    shown = [text.get_text() for text in display.legend_.get_texts()]
    assert shown == [str(label) for label in estimator.classes_]


def test_a_class_without_samples_has_no_points():
    display = draw_uncertainty(fit(X=MOONS, y=HALVES), X=MOONS[HALVES == 1], y=HALVES[HALVES == 1])
    (points,) = display.points_
    assert_array_equal(points.get_offsets(), MOONS[HALVES == 1])
    assert_allclose(points.get_facecolors()[0, :3], to_rgb(_axes.COLORS[1]))


def test_samples_without_classes():
    display = draw_uncertainty(fit(X=MOONS, y=HALVES), scatter_kw={"s": 3})
    (points,) = display.points_
    assert_array_equal(points.get_offsets(), MOONS)
    assert points.get_sizes() == [3]
    assert [text.get_text() for text in display.legend_.get_texts()] == ["0", "1"]


def test_many_classes_and_colours():
    y = np.arange(len(MOONS)) % 9
    estimator = fit(X=MOONS, y=y)
    display = draw_uncertainty(estimator, y=y)
    assert len(display.regions_) == len(display.points_) == 9
    display = draw_uncertainty(estimator, y=y, colors=["red"] * 9)
    assert_allclose(display.points_[8].get_facecolors()[0, :3], to_rgb("red"))
    with pytest.raises(ValueError, match="colors must be one for each of the 9 classes, got 1"):
        draw_uncertainty(estimator, y=y, colors=["red"])


def corners(n):
    """`n` classes in columns of the plane, each sure of itself."""
    xx0, xx1 = np.meshgrid(np.linspace(0, 1, 4 * n), np.linspace(0, 1, 9))
    proba = np.eye(n)[np.minimum((xx0 * n).astype(int), n - 1)]
    classes = np.array([f"class {k}" for k in range(n)])
    X = np.column_stack([(np.arange(n) + 0.5) / n, np.full(n, 0.5)])
    grids = dict(xx0=xx0, xx1=xx1, uncertainty=np.zeros_like(xx0))
    return UncertaintyDisplay(**grids, proba=proba, classes=classes, X=X, y=classes)


def test_regions_of_many_classes_have_their_names_inside():
    display = corners(10).plot()
    assert [text.get_text() for text in display.names_] == list(display.classes)
    for k, text in enumerate(display.names_):
        x, y = text.get_position()
        assert k / 10 < x < (k + 1) / 10
        assert 0.1 < y < 0.9
    assert corners(6).plot().names_ == []


def test_a_class_without_a_region_has_no_name_in_the_plane():
    display = corners(8)
    display.proba[..., 3] = 0.0
    shown = [text.get_text() for text in display.plot().names_]
    assert set(shown) == {*display.classes} - {"class 3"}


@pytest.mark.parametrize("n, below", [(8, False), (9, True), (30, True)])
def test_a_long_legend_stands_below_the_axes(n, below):
    display = corners(n).plot()
    display.figure_.canvas.draw()
    legend, axes = display.legend_.get_window_extent(), display.ax_.get_window_extent()
    assert len(display.legend_.get_texts()) == n
    assert (legend.y1 < axes.y0) == below
    label = display.ax_.xaxis.label.get_window_extent()
    assert not legend.overlaps(label)
    assert display.figure_.bbox.y0 <= legend.y0


def test_class_that_fills_the_plane():
    grid = np.meshgrid([0.0, 1.0], [0.0, 1.0])
    proba = np.full((2, 2, 2), [0.9, 0.1])
    display = UncertaintyDisplay(
        xx0=grid[0], xx1=grid[1], uncertainty=np.zeros((2, 2)), proba=proba, classes=np.arange(2)
    ).plot()
    assert display.regions_[0] is not None
    assert display.regions_[1] is None
    assert display.boundaries_ == [None, None]
    assert display.points_ == []


@pytest.mark.parametrize("eps, margins", [(None, (0.2, 0.2)), (0, (0, 0)), (0.5, None)])
def test_picture_reaches_beyond_the_samples(eps, margins):
    display = draw_uncertainty(fit(X=MOONS, y=HALVES), eps=eps)
    low, high = MOONS.min(axis=0), MOONS.max(axis=0)
    margin = np.full(2, eps) if margins is None else np.array(margins) * (high - low)
    assert_allclose(display.ax_.get_xlim(), (low[0] - margin[0], high[0] + margin[0]))
    assert_allclose(display.ax_.get_ylim(), (low[1] - margin[1], high[1] + margin[1]))


@pytest.mark.parametrize(
    "measure", ["mutual_information", "predictive_entropy", "expected_entropy", "variation_ratio"]
)
def test_measures(measure):
    estimator = fit(X=MOONS, y=HALVES)
    display = draw_uncertainty(estimator, measure=measure)
    grid = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    expected = estimator.predict_uncertainty(grid, 5, random_state=0, consistent=True)[measure]
    assert_array_equal(display.uncertainty.ravel(), expected)
    label = display.colorbar_.ax.get_ylabel()
    assert label.lower().startswith(measure.replace("_", " "))
    assert ("nats" in label) == (measure != "variation_ratio")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames(library):
    frame = pytest.importorskip(library).DataFrame({"length": MOONS[:, 0], "width": MOONS[:, 1]})
    model = make_pipeline(StandardScaler(), DropoutMLPClassifier(max_iter=2)).fit(frame, HALVES)
    display = draw_uncertainty(model, X=frame, y=HALVES)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("length", "width")


@pytest.mark.parametrize(
    "estimator, data, error",
    [
        (
            lambda: fit(DropoutMLPRegressor, MOONS, HALVES),
            MOONS,
            "needs a classifier .* got DropoutMLPRegressor. UncertaintyBandDisplay shows regr",
        ),
        (lambda: LogisticRegression().fit(MOONS, HALVES), MOONS, "got LogisticRegression"),
        (fit, X, "two features, got 6"),
        (
            lambda: fit(X=MOONS, y=HALVES, dropout_rate=0),
            MOONS,
            "all predictions are the same",
        ),
        (lambda: fit(X=MOONS, y=np.c_[HALVES, HALVES]), MOONS, "many labels"),
    ],
    ids=["regressor", "other", "features", "rates", "labels"],
)
def test_classifiers_that_cannot_be_drawn(estimator, data, error):
    with pytest.raises(ValueError, match=error):
        draw_uncertainty(estimator(), X=data)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    "options, error",
    [
        (dict(grid_resolution=1), "grid_resolution"),
        (dict(eps=-1), "eps"),
        (dict(measure="surprise"), "measure must be one of 'mutual_information'"),
        (dict(n_samples=0), "n_samples"),
        (dict(levels=0), "levels"),
        (dict(y=HALVES[:-1]), "inconsistent numbers of samples"),
        (dict(y=HALVES + 1), r"does not know: \[2\]"),
    ],
)
def test_bad_arguments_of_uncertainty(options, error):
    with pytest.raises(ValueError, match=error):
        draw_uncertainty(fit(X=MOONS, y=HALVES), **options)
