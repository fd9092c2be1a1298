"""Pictures of searches: cells or points are the results, the best is marked, text can be read."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform, sem, uniform
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    ShuffleSplit,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier
from skdropout.inspection import SearchDisplay, _axes, _candidates, _labels, _points
from skdropout.optimizers import SGD, Adam
from skdropout.schedules import OneCycle

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_classification(60, n_features=6, random_state=0)


@pytest.fixture(scope="module")
def search():
    """15 cells; the last size is (4, 2)."""
    grid = {"dropout_rate": [0, 0.1, 0.2, 0.3, 0.5], "hidden_layer_sizes": [(2,), (8,), (4, 2)]}
    network = DropoutMLPClassifier(learning_rate="cosine", max_iter=5, cv=None, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GridSearchCV(network, grid, cv=3).fit(X, Y)


def grid_search(grid, estimator=None, **arguments):
    """A quick one."""
    return GridSearchCV(estimator or LogisticRegression(), grid, cv=3, **arguments).fit(X, Y)


# cells


def test_cells_are_the_results(search):
    display = SearchDisplay.from_search(search)
    results = search.cv_results_
    assert (display.x, display.y) == ("hidden_layer_sizes", "dropout_rate")
    means = results["mean_test_score"].reshape(5, 3)  # the last parameter varies fastest
    folds = [results[f"split{i}_test_score"].reshape(5, 3) for i in range(3)]
    assert_array_equal(display.mean, means)
    assert_allclose(display.error, sem(folds), rtol=1e-12)
    assert_array_equal(display.mesh_.get_array().reshape(5, 3), means)
    for cell, text in np.ndenumerate(display.texts_):
        assert text.get_text() == f"{means[cell]:.3f}\n± {sem(folds)[cell]:.3f}"
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["(2,)", "(8,)", "(4, 2)"]
    rates = ["0", "0.1", "0.2", "0.3", "0.5"]
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == rates
    assert display.ax_.get_xlabel() == "hidden_layer_sizes"
    assert display.ax_.get_ylabel() == "dropout_rate"
    assert "3 splits" in display.colorbar_.ax.get_ylabel()


def test_best_cell_is_marked(search):
    display = SearchDisplay.from_search(search)
    i, j = np.divmod(search.best_index_, 3)
    assert display.best == (i, j)
    assert_allclose(display.best_.get_center(), (j + 0.5, i + 0.5))
    bold = [cell for cell, t in np.ndenumerate(display.texts_) if t.get_weight() == "bold"]
    assert bold == [(i, j)]


@pytest.mark.parametrize(
    "x, y",
    [("dropout_rate", None), (None, "hidden_layer_sizes"), ("dropout_rate", "hidden_layer_sizes")],
)
def test_parameters_may_be_named(search, x, y):
    display = SearchDisplay.from_search(search, x, y)
    assert (display.x, display.y) == ("dropout_rate", "hidden_layer_sizes")
    assert_array_equal(display.mean.T, SearchDisplay.from_search(search).mean)


def test_one_parameter_makes_one_row():
    search = grid_search({"C": [0.001, 1.0, 1e6]})
    display = SearchDisplay.from_search(search)
    assert display.mean.shape == (1, 3)
    assert_array_equal(display.mean[0], search.cv_results_["mean_test_score"])
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["0.001", "1", "1e+06"]
    assert len(display.ax_.get_yticks()) == 0


@pytest.mark.parametrize(
    "grid, x, y",
    [
        ({"C": [1.0], "tol": [0.1]}, "C", None),
        ({"C": [1.0, 2.0], "tol": [0.1]}, "C", None),
        ({"C": [1.0], "tol": [0.1, 0.2]}, "tol", None),
    ],
)
def test_parameters_of_one_value_are_left_out(grid, x, y):
    display = SearchDisplay.from_search(grid_search(grid))
    assert (display.x, display.y) == (x, y)


def test_other_parameters_take_their_best():
    search = grid_search({"C": [1e-4, 1.0], "tol": [1e-4, 10.0], "fit_intercept": [True, False]})
    display = SearchDisplay.from_search(search, "C", "tol")
    means = search.cv_results_["mean_test_score"].reshape(2, 2, 2)  # C, fit_intercept, tol
    assert_array_equal(display.mean, means.max(axis=1).T)
    best = search.best_params_
    assert display.x_values[display.best[1]] == best["C"]
    assert display.y_values[display.best[0]] == best["tol"]
    stds = search.cv_results_["std_test_score"].reshape(2, 2, 2)
    chosen = np.take_along_axis(stds, means.argmax(axis=1)[:, np.newaxis], axis=1)[:, 0]
    assert_allclose(display.error, chosen.T / np.sqrt(2))


@pytest.mark.parametrize(
    "x, y, shown, rest",
    [
        (None, None, ("tol", "C"), ["fit_intercept", "intercept_scaling"]),
        ("fit_intercept", None, ("fit_intercept", "tol"), ["C", "intercept_scaling"]),
        (None, "tol", ("C", "tol"), ["fit_intercept", "intercept_scaling"]),
    ],
)
def test_of_many_parameters_those_that_matter_most_are_shown(x, y, shown, rest):
    grid = {
        "C": [1e-9, 1e-6, 1.0],
        "fit_intercept": [True, False],
        "intercept_scaling": [1, 2],
        "tol": [1e-4, 10.0],
    }
    model = LogisticRegression(solver="liblinear", class_weight={0: 1, 1: 20})
    search = grid_search(grid, model)
    display = SearchDisplay.from_search(search, x, y)
    assert (display.x, display.y) == shown
    assert list(display.rest) == rest
    assert f"best over {', '.join(rest)}" in display.colorbar_.ax.get_ylabel()
    results = search.cv_results_
    for (i, j), mean in np.ndenumerate(display.mean):
        rows = results[f"param_{display.x}"] == display.x_values[j]
        rows &= results[f"param_{display.y}"] == display.y_values[i]
        assert mean == results["mean_test_score"][rows].max()


def test_many_numbers_matter_in_groups():
    """Of numbers that are all different each is a value of its own; four groups are not."""
    means = np.array([0.7, 0.9] * 8)
    candidates = [{"noise": i, "signal": i % 2, "none": 3} for i in range(16)]
    x, y, rest = _candidates.pick_parameters(candidates, means, None, None)
    assert (x, y, rest) == ("signal", "noise", [])
    by_effect = [_candidates._effect(candidates, means, n) for n in ("noise", "signal", "none")]
    assert_allclose(by_effect, [0, 0.2, 0])


def test_a_single_split_has_no_error():
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=ShuffleSplit(1, random_state=0))
    display = SearchDisplay.from_search(search.fit(X, Y))
    assert np.isnan(display.error).all()
    assert not any("±" in text.get_text() for text in display.texts_.flat)


def test_a_grid_that_does_not_name_a_parameter_has_the_estimators():
    grid = [{"C": [0.1, 1.0]}, {"fit_intercept": [False]}]
    search = grid_search(grid)
    display = SearchDisplay.from_search(search)
    assert (display.x, display.y) == ("fit_intercept", "C")
    assert (display.x_values, display.y_values) == ([True, False], [0.1, 1.0])
    scores = search.cv_results_["mean_test_score"]
    assert_array_equal(display.mean, [[scores[0], np.nan], [scores[1], scores[2]]])


def test_numbers_are_sorted():
    search = RandomizedSearchCV(Ridge(), {"alpha": uniform(0, 9)}, n_iter=5, cv=3, random_state=0)
    display = SearchDisplay.from_search(search.fit(X, Y))
    alphas = search.cv_results_["param_alpha"].astype(float)
    assert display.x_values == sorted(alphas)
    assert_array_equal(display.mean[0], search.cv_results_["mean_test_score"][np.argsort(alphas)])
    assert display.x_values[display.best[1]] == search.best_params_["alpha"]


def test_what_is_no_number_keeps_the_order_of_the_grid():
    grid = {"C": [1.0, 2.0], "class_weight": ["balanced", None], "solver": ["lbfgs"]}
    display = SearchDisplay.from_search(grid_search(grid))
    assert display.x_values == ["balanced", None]


def test_a_halving_search_shows_the_last_round_of_each_candidate():
    search = HalvingGridSearchCV(LogisticRegression(), {"C": [0.001, 1.0, 10.0]}, cv=3)
    search.fit(*make_classification(400, random_state=0))
    display = SearchDisplay.from_search(search)
    results = search.cv_results_
    last = dict(zip(results["param_C"], results["mean_test_score"], strict=True))
    assert_array_equal(display.mean[0], [last[c] for c in display.x_values])
    assert len(last) < len(results["param_C"])
    assert display.x_values[display.best[1]] == search.best_params_["C"]
    in_last_round = set(results["param_C"][results["iter"] == results["iter"].max()])
    assert_array_equal(display.compared[0], [c in in_last_round for c in display.x_values])
    assert_array_equal(~np.ma.getmaskarray(display.mesh_.get_array()), display.compared)


def test_the_resource_of_a_halving_search_is_no_parameter_of_it():
    halving = {"resource": "max_iter", "max_resources": 9, "min_resources": 1}
    grid = {"C": [0.1, 1.0, 10.0], "tol": [1e-4, 1e-2]}
    search = HalvingGridSearchCV(LogisticRegression(), grid, cv=3, **halving).fit(X, Y)
    display = SearchDisplay.from_search(search)
    assert (display.x, display.y) == ("tol", "C")
    with pytest.raises(ValueError, match="'max_iter' is not a parameter of the search"):
        SearchDisplay.from_search(search, "C", "max_iter")


def test_text_leaves_room_for_long_labels():
    grid = {"solver": [Adam(), SGD()], "learning_rate": [OneCycle(warm_up=0.25), "constant"]}
    network = DropoutMLPClassifier((3,), max_iter=2, random_state=0)
    display = SearchDisplay.from_search(GridSearchCV(network, grid, cv=3).fit(X, Y))
    display.figure_.canvas.draw()
    width = display.ax_.get_window_extent().width / 2
    assert all(text.get_window_extent().width < width for text in display.texts_.flat)
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["Adam()", "SGD()"]


def test_candidates_with_another_step_are_left_out():
    steps = Pipeline([("scale", StandardScaler()), ("net", Ridge())])
    grid = [
        {"net__alpha": [0.1, 1.0], "scale__with_mean": [True, False]},
        {"net": [KNeighborsRegressor()], "net__n_neighbors": [1, 2]},
    ]
    search = GridSearchCV(steps, grid, cv=3).fit(X, Y)
    display = SearchDisplay.from_search(search, "alpha", "with_mean")
    scores = search.cv_results_["mean_test_score"]
    assert_array_equal(display.mean, scores[:4].reshape(2, 2).T)
    with pytest.raises(ValueError, match=r"No candidate .* 'net__alpha' and 'net__n_neighbors'"):
        SearchDisplay.from_search(search, "alpha", "n_neighbors")


def test_names_in_a_pipeline():
    search = grid_search(
        {"ridge__alpha": [0.1, 1.0], "standardscaler__with_mean": [True, False]},
        make_pipeline(StandardScaler(), Ridge()),
    )
    display = SearchDisplay.from_search(search, "with_mean", "ridge__alpha")
    assert (display.x, display.y) == ("standardscaler__with_mean", "ridge__alpha")
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("with_mean", "alpha")


def test_several_metrics():
    search = grid_search({"C": [1e-4, 1.0]}, scoring=["accuracy", "neg_log_loss"], refit="accuracy")
    display = SearchDisplay.from_search(search, metric="neg_log_loss")
    assert_array_equal(display.mean[0], search.cv_results_["mean_test_neg_log_loss"])
    assert "neg log loss" in display.colorbar_.ax.get_ylabel()
    display = SearchDisplay.from_search(search)  # the one of refit
    assert_array_equal(display.mean[0], search.cv_results_["mean_test_accuracy"])
    with pytest.raises(ValueError, match=r"metric must be one .* 'accuracy', 'neg_log_loss'"):
        SearchDisplay.from_search(search, metric="score")
    search = grid_search({"C": [1e-4, 1.0]}, scoring=["accuracy", "neg_log_loss"], refit=False)
    with pytest.raises(ValueError, match=r"metric must be one .* got None"):
        SearchDisplay.from_search(search)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores:UserWarning")
def test_cells_without_a_score():
    grid = [{"C": [1.0], "tol": [0.1, 1.0]}, {"C": [-1.0], "tol": [0.1]}]
    display = SearchDisplay.from_search(grid_search(grid))
    assert_array_equal(np.isnan(display.mean), [[True, True], [False, False]])
    assert [text.get_text() for text in display.texts_[0]] == ["", ""]
    display = SearchDisplay(
        np.full((1, 2), np.nan), np.full((1, 2), np.nan), x_values=[1, 2]
    ).plot()
    assert display.best_ is None


@pytest.mark.parametrize("cmap", ["Blues", "viridis", "gray"])
def test_text_is_legible_on_all_colours(cmap):
    mean = np.linspace(0, 1, 8).reshape(2, 4)
    error = np.full_like(mean, 0.01)
    display = SearchDisplay(mean, error, x_values=range(4), y_values=range(2), y="y").plot(
        cmap=cmap
    )
    for cell, text in np.ndenumerate(display.texts_):
        color = display.mesh_.cmap(display.mesh_.norm(mean[cell]))
        assert text.get_color() == ("white" if _axes.is_dark(color) else "black")
    assert {text.get_color() for text in display.texts_.flat} == {"white", "black"}


@pytest.mark.parametrize("n_x, n_y", [(3, 5), (5, 3), (12, 12), (1, 1), (6, 1)])
def test_text_stays_inside_its_cell(n_x, n_y):
    rng = np.random.default_rng(0)
    mean, error = rng.uniform(-9000, -1000, (n_y, n_x)), rng.uniform(0.1, 1, (n_y, n_x))
    display = SearchDisplay(mean, error, x_values=range(n_x), y_values=range(n_y), y="y").plot()
    display.figure_.canvas.draw()
    width, height = display.ax_.get_window_extent().size / (n_x, n_y)
    for text in display.texts_.flat:
        box = text.get_window_extent()
        assert box.width < width
        assert box.height < height


@pytest.mark.parametrize(
    "error, text",
    [(0.0123, "0.877\n± 0.012"), (0.2, "0.88\n± 0.20"), (30.0, "1\n± 30"), (0.0, "0.877\n± 0.000")],
)
def test_errors_have_two_digits(error, text):
    display = SearchDisplay(np.array([[0.8768]]), np.array([[error]]), x_values=[1]).plot()
    assert display.texts_[0, 0].get_text() == text


def test_options_of_the_map(search):
    display = SearchDisplay.from_search(search, cmap="cividis", values_format=".1f", colorbar=False)
    assert display.colorbar_ is None
    assert display.mesh_.cmap.name == "cividis"
    first = search.cv_results_["mean_test_score"][0]
    assert display.texts_[0, 0].get_text().startswith(f"{first:.1f}\n± ")


@pytest.mark.parametrize(
    "values, labels",
    [
        ([(60, 30), (15,), ()], ["(60, 30)", "(15,)", "()"]),
        ([np.float64(1e-5), 0.1 + 0.2, 1], ["1e-05", "0.3", "1"]),
        ([0.12341, 0.12342], ["0.12341", "0.12342"]),
        ([None, "adam", True, [0.1, 0.2]], ["None", "adam", "True", "[0.1, 0.2]"]),
        ([np.array([1.0, 2.0]), np.max], ["[1, 2]", "max"]),
        (["1", 1], ["1", "1"]),
    ],
)
def test_values_are_legible(values, labels):
    assert _labels.to_labels(values) == labels


def test_long_values_take_several_lines():
    values = ["(100, 50)", "Batchwise(batches_per_mask=10)", "adam", "Bernoulli()"]
    folded = ["(100,\n50)", "Batchwise(\nbatches_per_mask=10)", "adam", "Bernoulli()"]
    _, ax = plt.subplots(figsize=(3, 3))
    mean = np.full((1, 4), 0.5)
    display = SearchDisplay(mean, mean, x_values=values).plot(ax)
    labels = display.ax_.get_xticklabels()
    assert [label.get_text() for label in labels] == folded
    assert {label.get_rotation() for label in labels} == {30}


def test_searches_that_cannot_be_drawn():
    with pytest.raises(NotFittedError):
        SearchDisplay.from_search(GridSearchCV(Ridge(), {"alpha": [1, 2]}))
    with pytest.raises(ValueError, match="Ridge does not have: it needs a fitted GridSearchCV"):
        SearchDisplay.from_search(Ridge().fit(X, Y))
    with pytest.raises(ValueError, match="grid is empty"):
        SearchDisplay.from_search(grid_search({}))
    search = grid_search({"C": [1, 2]})
    with pytest.raises(ValueError, match="'alpha' is not a parameter of the search, which has 'C'"):
        SearchDisplay.from_search(search, "alpha", "C")
    with pytest.raises(ValueError, match="two parameters, got 'C' for both"):
        SearchDisplay.from_search(search, "C", "C")


def test_short_name_of_two_parameters():
    model = make_pipeline(StandardScaler(), StandardScaler(), Ridge())
    names = ["standardscaler-1__with_mean", "standardscaler-2__with_mean"]
    search = grid_search({name: [True, False] for name in names}, model)
    with pytest.raises(ValueError, match="'with_mean' is more than one parameter"):
        SearchDisplay.from_search(search, "with_mean")
    display = SearchDisplay.from_search(search)
    assert [display.ax_.get_ylabel(), display.ax_.get_xlabel()] == names


# points


def random_search(distributions, n_iter=24, estimator=None):
    search = RandomizedSearchCV(
        estimator or LogisticRegression(), distributions, n_iter=n_iter, cv=3, random_state=0
    )
    return search.fit(X, Y)


def test_two_distributions_are_points():
    search = random_search({"C": loguniform(1e-4, 1e2), "tol": uniform(1e-4, 1e-2)})
    display = SearchDisplay.from_search(search)
    assert display.mesh_ is display.texts_ is None
    results = search.cv_results_
    expected = np.column_stack([results["param_tol"], results["param_C"]]).astype(float)
    shown = np.asarray(display.points_.get_offsets())
    order, by_hand = np.lexsort(shown.T), np.lexsort(expected.T)
    assert_allclose(shown[order], expected[by_hand])
    scores = np.asarray(display.points_.get_array())
    assert_allclose(scores[order], results["mean_test_score"][by_hand])
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("tol", "C")
    assert (display.ax_.get_xscale(), display.ax_.get_yscale()) == ("linear", "log")
    assert display.colorbar_.ax.get_ylabel() == "Mean test score\n3 splits"
    best = search.best_params_
    assert_allclose(display.best_.get_offsets(), [[best["tol"], best["C"]]])


def test_points_may_have_no_colorbar_and_no_best():
    display = SearchDisplay(
        np.full((2, 2), np.nan), np.full((2, 2), np.nan), x_values=[1, 2], y_values=[3, 4], y="a"
    ).plot(kind="points", colorbar=False)
    assert display.best_ is display.colorbar_ is None
    assert len(display.points_.get_offsets()) == 0


def test_one_distribution_is_points_with_errors():
    search = random_search({"C": loguniform(1e-4, 1e2)})
    display = SearchDisplay.from_search(search)
    order = np.argsort(search.cv_results_["param_C"].astype(float))
    points, _, (bars,) = display.points_.lines
    assert_allclose(points.get_xdata(), search.cv_results_["param_C"][order].astype(float))
    assert_allclose(points.get_ydata(), search.cv_results_["mean_test_score"][order])
    lengths = [np.ptp(segment[:, 1]) for segment in bars.get_segments()]
    assert_allclose(lengths, 2 * search.cv_results_["std_test_score"][order] / np.sqrt(2))
    assert display.ax_.get_xscale() == "log"
    assert display.ax_.get_ylabel() == "Mean test score\n± standard error, 3 splits"
    assert_allclose(display.best_.get_offsets(), [[search.best_params_["C"], search.best_score_]])
    assert display.colorbar_ is None


def test_names_beside_numbers_have_ticks():
    search = random_search({"C": uniform(0.1, 9), "class_weight": ["balanced", None]})
    display = SearchDisplay.from_search(search, "C", "class_weight")
    assert set(display.points_.get_offsets()[:, 1]) == {0, 1}
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == [
        str(value) for value in display.y_values
    ]


def test_three_distributions_show_two():
    distributions = {"C": loguniform(1e-6, 1), "tol": uniform(1e-4, 1), "max_iter": [50, 100]}
    display = SearchDisplay.from_search(random_search(distributions))
    assert display.x != display.y
    assert len(display.points_.get_offsets()) == 24
    assert len(display.rest) == 1


def test_rounds_that_do_not_compare_are_grey():
    search = HalvingRandomSearchCV(
        LogisticRegression(), {"C": loguniform(1e-4, 1e2)}, n_candidates=20, cv=3, random_state=0
    )
    search.fit(*make_classification(400, random_state=0))
    display = SearchDisplay.from_search(search)
    points, _, _ = display.points_.lines
    assert len(points.get_xdata()) == display.compared.sum() < 20
    both = SearchDisplay(
        display.mean, display.error, x_values=display.x_values, compared=display.compared, y="y"
    ).plot(kind="points")
    grey, colored = both.ax_.collections[:2]
    assert len(grey.get_offsets()) + len(colored.get_offsets()) == 20


@pytest.mark.parametrize("kind", ["cells", "points"])
def test_cells_or_points_may_be_asked_for(search, kind):
    display = SearchDisplay.from_search(search, kind=kind)
    assert (display.mesh_ is None) == (kind == "points")
    assert (display.points_ is None) == (kind == "cells")
    with pytest.raises(ValueError, match="kind must be one of 'auto', 'cells', 'points'"):
        display.plot(kind="dots")


@pytest.mark.parametrize(
    "values, scale",
    [
        (np.geomspace(1e-4, 1, 9), "log"),
        (np.linspace(0.001, 1, 9), "linear"),
        (np.geomspace(1, 8, 9), "linear"),
        (np.linspace(-1, 1, 9), "linear"),
        ([1.0] * 9, "linear"),
    ],
    ids=str,
)
def test_an_axis_is_logarithmic_where_numbers_are(values, scale):
    _, ax = plt.subplots()
    assert_array_equal(_points.place(ax.xaxis, list(values)), values)
    assert ax.get_xscale() == scale
