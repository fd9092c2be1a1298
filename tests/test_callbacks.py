"""scikit-learn's callbacks: an epoch is a task, and who listens may stop the training."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")

X, Y = make_classification(90, n_features=8, random_state=0)
CLASSES = [DropoutMLPClassifier, DropoutMLPRegressor]
SOLVERS = [{"solver": "adam"}, {"solver": "lbfgs", "dropout_rate": 0}, {"cv": 2}]

ignore_unfinished = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
each_class = pytest.mark.parametrize("network", CLASSES)
each_solver = pytest.mark.parametrize("solver", SOLVERS, ids=["adam", "lbfgs", "ensemble"])


def make(network=DropoutMLPClassifier, **arguments):
    defaults = {"hidden_layer_sizes": (6,), "max_iter": 5, "batch_size": 30, "random_state": 0}
    defaults |= {"cv": None}
    return network(**{**defaults, **arguments})


def memory(estimator):
    """All that its networks have learned."""
    return np.concatenate([network.memory for network in estimator._networks])


class Recorder:
    """Writes down each call; looks at the data and asks for no fitted estimator."""

    def __init__(self):
        self.calls = []
        self.seen = []

    def note(self, hook, context):
        self.calls.append((hook, context.task_name, context.task_id))

    def setup(self, estimator, context):
        self.max_subtasks = context.max_subtasks
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.note("begin", context)
        self.seen.append((X, y, metadata))

    def on_fit_task_end(self, estimator, context):
        self.note("end", context)


class Stopper(Recorder):
    """Stops after epoch `k`; looks at the fitted estimator of each epoch."""

    def __init__(self, k, hook=lambda fitted: None):
        super().__init__()
        self.k = k
        self.hook = hook

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.note("end", context)
        if context.task_name == "epoch":
            self.hook(fitted_estimator)
        return context.task_name == "epoch" and context.task_id + 1 == self.k


class Keeper(Stopper):
    """Keeps each fitted estimator with what it predicts at that time."""

    def __init__(self, k=None):
        super().__init__(k, self.keep)
        self.kept = []

    def keep(self, fitted):
        self.kept.append((fitted, fitted.predict(X)))


def calls_of(n_epochs):
    """What a recorder must write down."""
    inner = [(hook, "epoch", i) for i in range(n_epochs) for hook in ("begin", "end")]
    return ["setup", ("begin", "fit", 0), *inner, ("end", "fit", 0), "teardown"]


@ignore_unfinished
@each_class
@each_solver
def test_an_epoch_is_a_task(network, solver):
    listener = Recorder()
    estimator = make(network, **solver).set_callbacks(listener).fit(X, Y)
    assert listener.calls == calls_of(5)
    assert listener.max_subtasks == estimator.max_iter == estimator.n_iter_ == 5


@each_class
@each_solver
def test_a_training_that_converges_begins_no_task_that_it_does_not_end(network, solver):
    listener = Recorder()
    estimator = make(network, **solver, tol=0.02, n_iter_no_change=2, max_iter=300)
    estimator.set_params(learning_rate="constant", learning_rate_init=0.1)
    estimator.set_callbacks(listener).fit(X, Y)
    assert 1 < estimator.n_iter_ < 300
    assert listener.calls == calls_of(estimator.n_iter_)
    assert listener.max_subtasks == 300


@ignore_unfinished
@each_solver
def test_the_data_are_seen_as_they_were_given(solver):
    listener = Recorder()
    rows, weight = X.tolist(), np.full(len(X), 2.0)
    make(**solver).set_callbacks(listener).fit(rows, Y, sample_weight=weight)
    assert len(listener.seen) == 1 + 5
    for seen_X, seen_y, metadata in listener.seen:
        assert seen_X is rows
        assert seen_y is Y
        assert metadata["sample_weight"] is weight


@each_class
@each_solver
def test_a_callback_stops_the_training(network, solver):
    """No warning: who stopped it knows that it is not finished."""
    listener = Stopper(3)
    solver = {"learning_rate": "constant", "learning_rate_init": 0.1, **solver}
    stopped = make(network, **solver, max_iter=50).set_callbacks(listener).fit(X, Y)
    assert stopped.n_iter_ == len(stopped.loss_curve_) == 3
    assert listener.calls == calls_of(3)
    with pytest.warns(ConvergenceWarning):
        short = make(network, **solver, max_iter=3).fit(X, Y)
    assert_array_equal(memory(stopped), memory(short))


def test_stopping_goes_back_to_the_best_epoch_of_early_stopping():
    listener = Keeper(8)
    clf = make(early_stopping=True, learning_rate_init=0.5, scoring="loss", max_iter=99)
    clf.set_params(learning_rate="constant")
    clf.set_callbacks(listener).fit(X, Y)
    best = int(np.argmax(clf.validation_scores_))
    assert clf.n_iter_ == 8 > best + 1
    assert_array_equal(clf.predict(X), listener.kept[best][1])


@ignore_unfinished
@each_class
@each_solver
def test_the_fitted_estimator_is_a_copy(network, solver):
    listener = Keeper()
    estimator = make(network, **solver, learning_rate_init=0.1).set_callbacks(listener).fit(X, Y)
    assert len(listener.kept) == 5
    for fitted, predicted in listener.kept:
        assert fitted is not estimator
        assert_array_equal(fitted.predict(X), predicted)
    first, last = listener.kept[0][0], listener.kept[-1][0]
    assert_array_equal(last.predict(X), estimator.predict(X))
    assert (memory(first) != memory(last)).any()
    before = memory(estimator)
    for one in last._networks:
        one.memory[:] = 0
    assert_array_equal(memory(estimator), before)


@ignore_unfinished
@each_class
@pytest.mark.parametrize("cv", [None, 2])
def test_the_fitted_estimator_knows_the_epochs_so_far(network, cv):
    listener = Keeper()
    estimator = make(network, cv=cv).set_callbacks(listener).fit(X, Y)
    for k, (fitted, _) in enumerate(listener.kept, start=1):
        assert fitted.history_["loss"] == fitted.loss_curve_ == estimator.loss_curve_[:k]


@ignore_unfinished
@each_class
@each_solver
@pytest.mark.parametrize("listener", [Recorder, Keeper])
def test_looking_changes_nothing(network, solver, listener):
    quiet = make(network, **solver).fit(X, Y)
    watched = make(network, **solver).set_callbacks(listener()).fit(X, Y)
    assert_array_equal(memory(watched), memory(quiet))
    assert watched.loss_curve_ == quiet.loss_curve_


@ignore_unfinished
@each_class
def test_looking_does_not_move_the_random_streams(network):
    arguments = {"dropout": "bernoulli", "dropout_rate": 0.5, "early_stopping": True}
    quiet = make(network, **arguments).fit(X, Y)
    watched = make(network, **arguments).set_callbacks(Keeper()).fit(X, Y)
    assert_array_equal(watched.coefs_[0], quiet.coefs_[0])
    assert watched.validation_scores_ == quiet.validation_scores_


@ignore_unfinished
def test_warm_start_tells_of_its_own_epochs():
    clf = make(warm_start=True).fit(X, Y)
    listener = Recorder()
    clf.set_callbacks(listener).fit(X, Y)
    assert listener.calls == calls_of(5)
    assert len(clf.loss_curve_) == 10


@ignore_unfinished
@each_class
@each_solver
def test_scoring_monitor_records_a_score_an_epoch(network, solver):
    name = "accuracy" if network is DropoutMLPClassifier else "r2"
    monitor = callback.ScoringMonitor(scoring=name)
    estimator = make(network, **solver, learning_rate_init=0.1)
    estimator.set_callbacks(monitor).fit(X, Y)
    epochs = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert [row["task_id"] for row in epochs] == list(range(5))
    assert epochs[-1][name] == estimator.score(X, Y)
    assert len({row[name] for row in epochs}) > 1


@ignore_unfinished
def test_scoring_monitor_respects_sample_weights():
    monitor = callback.ScoringMonitor(scoring="accuracy")
    weight = np.where(Y == 1, 3.0, 0.1)
    clf = make().set_callbacks(monitor).fit(X, Y, sample_weight=weight)
    scores = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert scores[-1] == clf.score(X, Y, weight) != clf.score(X, Y)


@ignore_unfinished
@each_solver
def test_progress_bar_of_a_grid_search_over_a_pipeline(solver, capsys):
    pytest.importorskip("rich")
    bar = callback.ProgressBar(max_propagation_depth=None)
    model = make_pipeline(StandardScaler(), make(**solver, batch_size=20))
    grid = {"dropoutmlpclassifier__alpha": [0.0, 0.1]}
    search = GridSearchCV(model, grid, cv=2).set_callbacks(bar).fit(X, Y)
    assert search.best_estimator_[-1].n_iter_ == 5
    assert not hasattr(search.best_estimator_[-1], "_skl_callbacks")
    assert capsys.readouterr().out != ""


class Propagated(Recorder):
    """Is handed on to the innermost estimator."""

    max_propagation_depth = None

    def setup(self, estimator, context):
        self.outermost = type(estimator).__name__

    def note(self, hook, context):
        self.calls.append((hook, context.task_name, context.estimator_name))


@ignore_unfinished
def test_callbacks_of_a_grid_search_reach_the_epochs():
    listener = Propagated()
    model = make_pipeline(StandardScaler(), make())
    grid = {"dropoutmlpclassifier__alpha": [0.0, 0.1]}
    search = GridSearchCV(model, grid, cv=2).set_callbacks(listener).fit(X, Y)
    assert listener.outermost == "GridSearchCV"
    for hook in ("begin", "end"):  # two folds of two values, and once more on all rows
        assert listener.calls.count((hook, "epoch", "DropoutMLPClassifier")) == 5 * (2 * 2 + 1)
    assert search.predict(X).shape == Y.shape


# what goes wrong


def break_off(fitted):
    raise RuntimeError("from the callback")


@ignore_unfinished
@each_class
@each_solver
def test_a_callback_that_raises_is_torn_down_and_harms_nothing(network, solver):
    estimator = make(network, **solver).fit(X, Y)
    before, names = estimator.predict(X), set(vars(estimator))
    listener = Stopper(3, break_off)
    with pytest.raises(RuntimeError, match="from the callback"):
        estimator.set_callbacks(listener).fit(X, Y)
    assert listener.calls[0] == "setup"
    assert listener.calls[-1] == "teardown"
    assert_array_equal(estimator.predict(X), before)
    assert set(vars(estimator)) == names | {"_skl_callbacks"}
    listener.hook = listener.k = print
    assert_array_equal(estimator.fit(X, Y).predict(X), before)


@ignore_unfinished
@pytest.mark.parametrize(
    "arguments, X_bad, message",
    [
        ({}, np.where(np.arange(8) == 3, np.nan, X), "contains NaN"),
        ({"alpha": -1}, X, "alpha must be"),
        ({"solver": "sgd", "activation": "identity", "learning_rate_init": 1e200}, X, "non-finite"),
    ],
    ids=["NaN in X", "bad argument", "diverging"],
)
@each_class
def test_a_fit_that_fails_leaves_no_callback_waiting(network, arguments, X_bad, message):
    listener = Recorder()
    estimator = make(network, **arguments).set_callbacks(listener)
    with pytest.raises(ValueError, match=message):
        estimator.fit(X_bad, Y)
    assert listener.calls.count("teardown") == listener.calls.count("setup")
    assert not hasattr(estimator, "_callback_fit_ctx")
    assert ("end", "fit", 0) not in listener.calls
    listener.calls.clear()
    estimator.set_params(**make(network).get_params()).fit(X, Y)
    assert listener.calls == calls_of(5)


def test_diverging_is_torn_down():
    listener = Recorder()
    clf = make(solver="sgd", activation="identity", learning_rate_init=1e200)
    with pytest.raises(ValueError, match="non-finite"):
        clf.set_callbacks(listener).fit(X, Y)
    assert (listener.calls[0], listener.calls[-1]) == ("setup", "teardown")


@ignore_unfinished
def test_an_epoch_that_diverges_is_ended_and_the_best_network_shown():
    listener = Keeper()
    slowly = {"learning_rate_init": 3, "alpha": 100, "n_iter_no_change": np.inf, "max_iter": 999}
    clf = make(solver="sgd", activation="identity", early_stopping=True, **slowly)
    clf.set_callbacks(listener).fit(X, Y)
    assert 1 < clf.n_iter_ < 999
    assert listener.calls == calls_of(clf.n_iter_)
    _, shown = listener.kept[-1]
    assert_array_equal(shown, clf.predict(X))


@ignore_unfinished
@each_class
def test_a_pickle_after_a_fit_with_callbacks(network):
    monitor = callback.ScoringMonitor(scoring="r2")
    estimator = make(network).set_callbacks(monitor).fit(X, Y)
    assert not hasattr(estimator, "_callback_fit_ctx")
    again = pickle.loads(pickle.dumps(estimator))
    assert_array_equal(again.predict(X), estimator.predict(X))
    assert_array_equal(again.fit(X, Y).predict(X), estimator.predict(X))


@ignore_unfinished
@each_class
def test_networks_of_an_ensemble_keep_nothing_of_the_callbacks_of_their_fit(network):
    alone = make(network, cv=2).set_callbacks(Recorder()).fit(X, Y)
    (_, inside) = make_pipeline(StandardScaler(), make(network, cv=2)).fit(X, Y).steps[-1]
    expected = vars(make(network, cv=2).fit(X, Y).estimators_[0]).keys()
    for ensemble in (alone, inside):
        assert [vars(member).keys() for member in ensemble.estimators_] == [expected] * 2


@ignore_unfinished
def test_callbacks_can_be_taken_off():
    listener = Recorder()
    clf = make().set_callbacks(listener).set_callbacks().fit(X, Y)
    assert listener.calls == []
    assert not hasattr(clone(clf.set_callbacks(listener)).set_callbacks(), "_skl_callbacks")


def test_partial_fit_has_no_epochs_to_tell_of():
    listener = Recorder()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf = make().set_callbacks(listener).partial_fit(X, Y, classes=[0, 1])
    assert listener.calls == []
    assert clf.n_iter_ == 1
