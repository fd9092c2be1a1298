"""What a training warns of: once, at the line of the user, when all is done."""

import linecache
import re
import warnings

import numpy as np
import pytest
from cases import Listener
from interruption import Interrupted
from numpy.testing import assert_array_equal
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._network.training_pass import TrainingPass
from skdropout._training.job import Job

X, Y = make_classification(120, n_features=12, random_state=0)
WARNINGS = {  # of fit
    "unfinished": ({"max_iter": 2}, [(ConvergenceWarning, r"Maximum iterations \(2\) reached")]),
    "clipped": (
        {"batch_size": 500, "learning_rate": "cosine"},
        [(UserWarning, "Got batch_size=500, larger than the 120 samples to train on")],
    ),
    "clipped and unfinished": (
        {"batch_size": 500, "max_iter": 6},
        [(UserWarning, "Got batch_size=500"), (ConvergenceWarning, "Maximum iterations")],
    ),
    "interrupted": (
        {"solver": Interrupted(), "batch_size": 15},
        [(UserWarning, "Training interrupted by user after 1 epochs")],
    ),
    "diverged": (
        {
            "solver": "sgd",
            "activation": "identity",
            "learning_rate_init": 3,
            "alpha": 100,
            "early_stopping": True,
            "scoring": "loss",
            "n_iter_no_change": np.inf,
            "max_iter": 999,
        },
        [
            (ConvergenceWarning, r"Training diverged in epoch \d+"),
            (ConvergenceWarning, "The fit came to nothing: its loss on the rows held out is"),
        ],
    ),
    "nothing learned": (
        {"learning_rate_init": 1e-9, "learning_rate": "cosine"},
        [(ConvergenceWarning, "The fit came to nothing: its loss on the training data is")],
    ),
    "lbfgs unfinished": (
        {"solver": "lbfgs", "dropout_rate": 0, "max_iter": 2},
        [(ConvergenceWarning, "lbfgs failed to converge after 2 iterations")],
    ),
    "lbfgs out of calls": (
        {"solver": "lbfgs", "dropout_rate": 0, "max_fun": 2},
        [(ConvergenceWarning, "lbfgs failed to converge")],
    ),
}
CLASSES = [DropoutMLPClassifier, DropoutMLPRegressor]

each_class = pytest.mark.parametrize("estimator", CLASSES)
each_warning = pytest.mark.parametrize("arguments, expected", WARNINGS.values(), ids=WARNINGS)
watched_or_not = pytest.mark.parametrize("watched", [False, True], ids=["", "watched"])


def network(estimator, **arguments):
    defaults = {"hidden_layer_sizes": (8,), "learning_rate": "constant", "random_state": 0}
    defaults |= {"max_iter": 20, "learning_rate_init": 0.05, "cv": None}
    return estimator(**{**defaults, **arguments})


class Watcher(Listener):
    """A callback that looks at everything, and writes down what ends."""

    def __init__(self):
        self.ended = []

    def teardown(self, estimator, context):
        self.ended.append("teardown")

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.ended.append(context.task_name)


def watch(net):
    """Set a callback, where scikit-learn has some."""
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")
    listener = Watcher()
    net.set_callbacks(listener)
    return listener


def assert_told(told, expected, call):
    """These warnings and no others, at the line of the call."""
    assert [warning.category for warning in told] == [category for category, _ in expected]
    for warning, (_, message) in zip(told, expected, strict=True):
        assert re.search(message, str(warning.message))
        assert warning.filename == __file__
        assert call in linecache.getline(__file__, warning.lineno)


@each_class
@each_warning
@watched_or_not
def test_fit_warns_at_the_line_that_called_it(estimator, arguments, expected, watched):
    net = network(estimator, **arguments)
    listener = watch(net) if watched else None
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        net.fit(X, Y)
    assert_told(told, expected, "net.fit(X, Y)")
    assert listener is None or listener.ended[-2:] == ["fit", "teardown"]


@each_class
@pytest.mark.parametrize("standardize", [False, True])
def test_scales_that_differ_wildly_are_told_of_where_they_matter(estimator, standardize):
    net = network(estimator, standardize=standardize, learning_rate="cosine")
    wild = X * np.where(np.arange(12) == 3, 1e-4, 1.0)
    expected = [(UserWarning, r"columns of X differ in scale by a factor of .* standardize=True")]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        net.fit(wild, Y)
    assert_told(told, expected * (not standardize), "net.fit(wild, Y)")
    stream = network(estimator, standardize=standardize)
    more = {"classes": [0, 1]} if estimator is DropoutMLPClassifier else {}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(3):
            stream.partial_fit(wild, Y, **more)
    assert len(told) == (not standardize)
    assert all("differ in scale" in str(warning.message) for warning in told)


@each_class
@pytest.mark.parametrize(
    "unit, alpha, is_told",
    [(1.0, 1e3, False), (1e-2, 1e-4, False), (1e-4, 1e-4, True), (1e-6, 0.0, False)],
)
def test_a_penalty_that_outweighs_light_samples_is_told_of(estimator, unit, alpha, is_told):
    net = network(estimator, alpha=alpha, max_iter=2)
    weight = np.full(120, unit)
    for call in (net.fit, net.partial_fit):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            call(X, Y, sample_weight=weight)
        expected = "The samples weigh 0.0001 on average, so that a penalty of 0.0001 counts as one"
        assert [str(w.message).startswith(expected) for w in told].count(True) == is_told


@each_class
@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("place", ["in the epoch", "after it"])
def test_an_epoch_that_is_interrupted_does_not_count(estimator, cv, place, monkeypatch):
    where = TrainingPass.forward if place == "in the epoch" else Job.finish_epoch
    calls = []

    def interrupt(self, *arguments):
        calls.append(1)
        if len(calls) == (60 if place == "in the epoch" else 3):
            raise KeyboardInterrupt
        return where(self, *arguments)

    monkeypatch.setattr(TrainingPass if place == "in the epoch" else Job, where.__name__, interrupt)
    net = network(estimator, batch_size=10, cv=cv)
    with pytest.warns(UserWarning, match=r"interrupted by user after \d+ epochs"):
        net.fit(X, Y)
    assert 1 < net.n_iter_ == len(net.loss_curve_) < 20


@each_class
def test_where_there_is_only_a_constant_to_predict_that_is_something(estimator):
    net = network(estimator, learning_rate="cosine").fit(X, np.full(120, 7))
    assert np.abs(net.predict(X) - 7).max() < 0.5


@each_class
@watched_or_not
def test_partial_fit_warns_at_the_line_that_called_it(estimator, watched):
    net = network(estimator, batch_size=500)
    classes = {"classes": [0, 1]} if estimator is DropoutMLPClassifier else {}
    listener = watch(net) if watched else None
    for _ in range(3):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            net.partial_fit(X, Y, **classes)
        assert_told(told, [(UserWarning, "Got batch_size=500, larger than the 120")], "partial_fit")
    assert listener is None or not listener.ended


@each_class
@watched_or_not
def test_a_batch_is_compared_with_the_samples_to_train_on(estimator, watched):
    """Those of no weight, and those held out, are not among them."""
    weight = (np.arange(120) < 100).astype(float)
    for more, n in ({}, 100), ({"early_stopping": True, "validation_fraction": 0.2}, 80):
        net = network(estimator, learning_rate="cosine", batch_size=110, **more)
        if watched:
            watch(net)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            net.fit(X, Y, weight)
        assert_told(told, [(UserWarning, f"larger than the {n} samples to train on")], "net.fit")


@each_class
@each_warning
@watched_or_not
def test_a_warning_made_an_error_leaves_the_earlier_fit(estimator, arguments, expected, watched):
    net = network(estimator, max_iter=2, learning_rate="cosine").fit(X, Y)
    before, history = net.predict(X), net.history_
    defaults = network(estimator, **arguments).get_params()
    net.set_params(**defaults)
    listener = watch(net) if watched else None
    category, message = expected[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(category, match=message):
            net.fit(X, Y)
    assert_array_equal(net.predict(X), before)
    assert net.history_ is history
    assert listener is None or listener.ended[-2:] == ["fit", "teardown"]


@each_class
def test_a_warning_of_partial_fit_made_an_error_leaves_the_earlier_calls(estimator):
    net = network(estimator)
    classes = {"classes": [0, 1]} if estimator is DropoutMLPClassifier else {}
    net.partial_fit(X, Y, **classes)
    before, history = net.predict(X), {name: list(net.history_[name]) for name in net.history_}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="Got batch_size=500"):
            net.set_params(batch_size=500).partial_fit(X, Y)
    assert_array_equal(net.predict(X), before)
    assert net.history_ == history
    assert net.n_iter_ == 1


@each_class
def test_a_training_that_fails_warns_of_nothing(estimator):
    net = network(
        estimator, batch_size=500, solver="sgd", activation="identity", learning_rate_init=1e200
    )
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match="non-finite"):
            net.fit(X, Y)
    assert not told


@pytest.mark.parametrize("watched", [False, True], ids=["", "watched"])
@each_class
def test_interrupting_lbfgs_warns_at_the_line_that_called_it(estimator, watched, monkeypatch):
    forward, calls = TrainingPass.forward, []

    def interrupt(step):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return forward(step)

    monkeypatch.setattr(TrainingPass, "forward", interrupt)
    net = network(estimator, solver="lbfgs", dropout_rate=0)
    if watched:
        watch(net)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        net.fit(X, Y)
    assert_told(told, [(UserWarning, r"interrupted by user after \d+ iterations")], "net.fit")
    assert net.n_iter_ > 0


@pytest.mark.filterwarnings("ignore:The columns of X differ in scale:UserWarning")
@pytest.mark.filterwarnings("ignore:.*Maximum iterations:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", [0, 1, 9], ids=["product", "square", "both"])
def test_a_fit_whose_loss_is_infinite_says_so_and_nothing_of_numpy(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(12, 3))
    X[-1, seed % 3] = 6e4  # which SGD leaps away from
    network = DropoutMLPRegressor(
        (5,),
        solver="sgd",
        batch_size=4,
        max_iter=2,
        cv=None,
        standardize=False,
        learning_rate="constant",
        learning_rate_init=0.003 if seed == 1 else 0.001,
        random_state=seed,
    )
    with pytest.warns(ConvergenceWarning, match="came to nothing: its loss .* is inf"):
        network.fit(X, rng.normal(size=12))
