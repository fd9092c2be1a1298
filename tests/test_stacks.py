"""Networks trained in stacks are those that each fit makes by itself, to the last bit."""

import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from cases import Listener
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import Parallel, delayed, parallel_config
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._core import tuning
from skdropout._training import stack
from skdropout._training.engine import Engine
from skdropout.dropout import Bernoulli
from skdropout.optimizers import SGD
from skdropout.schedules import Schedule

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_classification(
    83, 7, n_informative=5, n_classes=3, n_clusters_per_class=1, random_state=0
)
NUMBERS = X @ np.arange(1.0, 8.0)
FOLDS = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, Y))  # of 66 and 67 rows


def network(estimator=DropoutMLPClassifier, **arguments):
    """A small one, which is quick to train and by default alone."""
    defaults = {"hidden_layer_sizes": (9, 5), "batch_size": 16, "max_iter": 4, "cv": None}
    return estimator(**defaults | {"random_state": 0} | arguments)


def fit_together(estimators, X=X, y=Y, **arguments):
    """Fit all of them by the backend."""
    with parallel_config("skdropout"):
        return Parallel()(delayed(fit)(estimator, X, y, **arguments) for estimator in estimators)


def fit(estimator, X, y, **arguments):
    return estimator.fit(X, y, **arguments)


@contextmanager
def sizes_of_stacks():
    """Record how many networks each engine has."""
    sizes, make = [], Engine.__init__

    def make_and_record(self, members):
        make(self, members)
        sizes.append(len(members))

    Engine.__init__ = make_and_record
    try:
        yield sizes
    finally:
        Engine.__init__ = make


def assert_same(one, other):
    """They have the same networks, streams and history, and would go on alike."""
    for name in ("_state", "estimators_"):
        assert hasattr(one, name) == hasattr(other, name)
    members = zip(
        getattr(one, "estimators_", [one]), getattr(other, "estimators_", [other]), strict=True
    )
    for mine, theirs in members:
        assert_array_equal(mine._state.network.memory, theirs._state.network.memory)
        assert mine._state.network.memory.base is None  # of its own: no stack is kept alive
        assert mine._state.get_streams() == theirs._state.get_streams()
        assert mine._state.progress == theirs._state.progress
    assert one.history_.keys() == other.history_.keys()
    for name, values in one.history_.items():
        assert_array_equal(values, other.history_[name])
    assert one.t_ == other.t_


# the same as alone

KINDS = st.fixed_dictionaries(
    {
        "hidden_layer_sizes": st.sampled_from([(9,), (9, 5)]),
        "activation": st.sampled_from(["relu", "tanh", "gelu", "identity"]),
        "dropout": st.sampled_from(["batchwise", "bernoulli", "gaussian", "dropconnect"]),
        "batch_size": st.sampled_from([16, 22, 50, 66]),
        "shuffle": st.booleans(),
        "standardize": st.booleans(),
        "label_smoothing": st.sampled_from([0.0, 0.1]),
        "input_dropout_rate": st.sampled_from([0.0, 0.2]),
    }
)
MEMBERS = st.fixed_dictionaries(
    {
        "dropout_rate": st.sampled_from([0.1, 0.3, 0.5]),
        "solver": st.sampled_from(["adam", "sgd", "rmsprop", "nadam", "adadelta"]),
        "learning_rate": st.sampled_from(["constant", "cosine", "adaptive", "invscaling"]),
        "learning_rate_init": st.sampled_from([0.003, 0.02]),
        "alpha": st.sampled_from([0.0, 1e-4, 0.1]),
        "bias_alpha": st.sampled_from([0.0, 0.1]),
        "l1_ratio": st.sampled_from([0.0, 0.5]),
        "weight_decay": st.sampled_from([0.0, 0.1]),
        "clip_norm": st.sampled_from([None, 0.5]),
        "max_norm": st.sampled_from([None, 1.0]),
        "max_iter": st.integers(1, 5),
        "n_iter_no_change": st.sampled_from([1, 10]),
        "early_stopping": st.booleans(),
        "class_weight": st.sampled_from([None, "balanced"]),
        "random_state": st.integers(0, 3),
    }
)


@pytest.mark.filterwarnings("ignore:Got.`?batch_size", "ignore:Training diverged")
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    kind=KINDS,
    members=st.lists(MEMBERS, min_size=2, max_size=6),
    rows=st.lists(st.sampled_from([66, 67, 83]), min_size=6, max_size=6),
    dtype=st.sampled_from([np.float32, np.float64]),
    weighted=st.booleans(),
)
def test_mixes_of_estimators_are_fitted_as_alone(kind, members, rows, dtype, weighted):
    def fit_some(estimator, n_rows):
        weight = np.linspace(0.5, 2.0, n_rows) if weighted else None
        return estimator.fit(X[:n_rows].astype(dtype), Y[:n_rows], sample_weight=weight)

    estimators = [network(**kind | member) for member in members]
    alone = [fit_some(clone(net), n) for net, n in zip(estimators, rows, strict=False)]
    with parallel_config("skdropout"):
        each = zip(estimators, rows, strict=False)
        together = Parallel()(delayed(fit_some)(net, n) for net, n in each)
    for one, other in zip(alone, together, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("estimator", [DropoutMLPClassifier, DropoutMLPRegressor])
@pytest.mark.parametrize("rates", [(0.1, 0.1), (0.3, 0.1), (0.0, 0.2), (0.0, 0.0)])
@pytest.mark.parametrize("scheme", ["batchwise", "bernoulli"])
def test_networks_of_a_kind_are_one_stack(estimator, rates, scheme):
    y = Y if estimator is DropoutMLPClassifier else NUMBERS
    arguments = {"dropout": scheme, "dropout_rate": rates}
    nets = [network(estimator, **arguments, random_state=seed) for seed in range(4)]
    alone = [clone(net).fit(X, y) for net in nets]
    with sizes_of_stacks() as sizes:
        together = fit_together(nets, y=y)
    assert sizes == [4]
    for one, other in zip(alone, together, strict=True):
        assert_same(one, other)


def test_what_may_differ_in_a_stack():
    differences = [
        {},
        {"random_state": 1},
        {"dropout_rate": 0.4},
        {"alpha": 0.1},
        {"l1_ratio": 1.0, "alpha": 0.01},
        {"weight_decay": 0.1},
        {"learning_rate_init": 0.1},
        {"learning_rate": "cosine"},
        {"max_norm": 1.0},
        {"clip_norm": 0.1},
        {"solver": "sgd"},
    ]
    nets = [network(**{"dropout_rate": 0.2} | difference) for difference in differences]
    alone = [clone(net).fit(X, Y) for net in nets]
    with sizes_of_stacks() as sizes:
        together = fit_together(nets)
    assert sizes == [len(nets)]
    for one, other in zip(alone, together, strict=True):
        assert_same(one, other)


class MyScheme(Bernoulli):
    """One of a user's own."""


@pytest.mark.parametrize(
    "arguments",
    [
        {"batch_norm": True},
        {"dropout": MyScheme(), "dropout_rate": 0.2},
        {"dropout_schedule": "linear", "dropout_rate": 0.2},
        {"hidden_layer_sizes": (300, 200)},
    ],
    ids=["batch norm", "own scheme", "rates that change", "large"],
)
def test_what_is_not_stacked_is_fitted_as_alone(arguments):
    nets = [network(**arguments, random_state=seed) for seed in range(2)]
    alone = [clone(net).fit(X, Y) for net in nets]
    with sizes_of_stacks() as sizes:
        together = fit_together(nets)
    assert sizes == [1, 1]
    for one, other in zip(alone, together, strict=True):
        assert_same(one, other)


def test_lbfgs_and_sparse_rows_are_fitted_as_alone():
    nets = [network(), network(solver="lbfgs", dropout_rate=0.0)]
    for one, other in zip(
        [clone(net).fit(csr_array(X), Y) for net in nets],
        fit_together(nets, X=csr_array(X)),
        strict=True,
    ):
        assert_array_equal(one.predict_proba(X), other.predict_proba(X))


@pytest.mark.parametrize("batch_size", [16, 22, 60])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_networks_of_an_ensemble_are_one_stack(batch_size, weighted, monkeypatch):
    weight = np.linspace(0.5, 2.0, len(X)) if weighted else None
    net = network(cv=FOLDS, batch_size=batch_size, dropout_rate=0.2)
    with sizes_of_stacks() as sizes:
        together = clone(net).fit(X, Y, sample_weight=weight)
    assert sizes == ([3, 2] if batch_size == 22 else [5])  # 66 rows are three batches and no rest
    monkeypatch.setattr(stack, "largest_stack", lambda member: 1)
    alone = clone(net).fit(X, Y, sample_weight=weight)
    assert_same(alone, together)
    assert_array_equal(alone.oof_decision_function_, together.oof_decision_function_)


@pytest.mark.parametrize("n_rows", [64, 65, 79])
def test_a_last_batch_of_any_size_is_part_of_an_epoch(n_rows):
    nets = [network(random_state=seed) for seed in range(2)]
    alone = [clone(net).fit(X[:n_rows], Y[:n_rows]) for net in nets]
    with sizes_of_stacks() as sizes:
        fit_together(nets, X[:n_rows], Y[:n_rows])
    assert sizes == [2]
    for one, other in zip(alone, nets, strict=True):
        assert_same(one, other)


def test_ensembles_meet_single_networks():
    nets = [network(cv=FOLDS), network(), network(cv=3, random_state=1)]
    alone = [clone(net).fit(X, Y) for net in nets]
    for one, other in zip(alone, fit_together(nets), strict=True):
        assert_same(one, other)


def test_training_goes_on_as_after_a_fit_alone():
    nets = [network(warm_start=True, random_state=seed) for seed in range(3)]
    alone = [clone(net).fit(X, Y) for net in nets]
    together = [pickle.loads(pickle.dumps(net)) for net in fit_together(nets)]
    for one, other in zip(alone, together, strict=True):
        for _ in range(2):
            one.partial_fit(X, Y)
            other.partial_fit(X, Y)
        assert_same(one, other)
    for one, other in zip([net.fit(X, Y) for net in alone], fit_together(together), strict=True):
        assert_same(one, other)


def test_calls_of_partial_fit_meet():
    def learn(net):
        for part in np.array_split(np.arange(len(X)), 3):
            net.partial_fit(X[part], Y[part], classes=[0, 1, 2])
        return net

    nets = [network(random_state=seed) for seed in range(3)]
    alone = [learn(clone(net)) for net in nets]
    with parallel_config("skdropout"):
        together = Parallel()(delayed(learn)(net) for net in nets)
    for one, other in zip(alone, together, strict=True):
        assert_same(one, other)


# how many at once


def test_stacks_are_bounded_by_parameters_and_data(monkeypatch):
    nets = [network(random_state=seed) for seed in range(8)]
    n_parameters = network().fit(X, Y)._state.network.memory.size
    monkeypatch.setattr(tuning, "FEWEST_STACKED", 2)
    monkeypatch.setattr(tuning, "STACKED_PARAMETERS", 3 * n_parameters)
    with sizes_of_stacks() as sizes:
        fit_together(nets)
    assert sorted(sizes) == [2, 3, 3]
    monkeypatch.setattr(tuning, "FEWEST_STACKED", 4)
    with sizes_of_stacks() as sizes:
        fit_together(nets)
    assert sizes == [1] * 8


def test_fits_begin_as_long_as_there_is_room_for_their_data(monkeypatch):
    monkeypatch.setattr(tuning, "STACKED_NUMBERS", 3 * X.size)
    nets = [network(random_state=seed) for seed in range(8)]
    alone = [clone(net).fit(X, Y) for net in nets]
    with sizes_of_stacks() as sizes:
        together = fit_together(nets)
    assert sizes == [3, 3, 2]
    for one, other in zip(alone, together, strict=True):
        assert_same(one, other)


def test_networks_that_are_left_make_a_smaller_stack():
    nets = [network(max_iter=n, random_state=n) for n in (2, 5, 5, 8)]
    with sizes_of_stacks() as sizes:
        fit_together(nets)
    assert sizes == [4, 3, 1]


# searches, unchanged

GRID = {"dropout_rate": [0.0, 0.2, 0.5], "hidden_layer_sizes": [(9,), (9, 5)]}
SEARCHES = {
    "grid": lambda net: GridSearchCV(net, GRID, cv=FOLDS),
    "randomised": lambda net: RandomizedSearchCV(net, GRID, n_iter=4, cv=FOLDS, random_state=0),
    "halving": lambda net: HalvingGridSearchCV(net, GRID, cv=3, random_state=0, min_resources=30),
    "several scores": lambda net: GridSearchCV(
        net, GRID, cv=3, scoring=["accuracy", "neg_log_loss"], refit="neg_log_loss"
    ),
}


@pytest.mark.parametrize("kind", SEARCHES)
def test_a_search_finds_the_same(kind):
    search = SEARCHES[kind](network())
    alone = clone(search).fit(X, Y)
    with parallel_config("skdropout"), sizes_of_stacks() as sizes:
        together = clone(search).fit(X, Y)
    assert max(sizes) > 4
    for name, values in alone.cv_results_.items():
        if not name.endswith("_time"):
            assert_array_equal(values, together.cv_results_[name])
    assert_same(alone.best_estimator_, together.best_estimator_)


def test_other_tools_give_the_same():
    model = make_pipeline(StandardScaler(), network())
    bagging = BaggingClassifier(network(), n_estimators=5, random_state=0)
    calls = [
        lambda: cross_val_score(model, X, Y, cv=FOLDS, scoring="neg_log_loss"),
        lambda: cross_val_predict(model, X, Y, cv=FOLDS, method="predict_proba"),
        lambda: learning_curve(model, X, Y, cv=3, train_sizes=[0.5, 1.0])[2],
        lambda: clone(bagging).fit(X, Y).predict_proba(X),
        lambda: cross_val_score(LogisticRegression(), X, Y, cv=FOLDS),
    ]
    for call in calls:
        expected = call()
        with parallel_config("skdropout"):
            assert_array_equal(call(), expected)


def test_a_search_in_a_cross_validation_gives_the_same():
    search = GridSearchCV(network(max_iter=2), {"dropout_rate": [0.0, 0.2]}, cv=3)
    expected = cross_val_score(search, X, Y, cv=FOLDS)
    with parallel_config("skdropout"), sizes_of_stacks() as sizes:
        assert_array_equal(cross_val_score(search, X, Y, cv=FOLDS), expected)
    assert max(sizes) > 2


def test_two_processes_have_stacks_of_their_own():
    search = GridSearchCV(network(), GRID, cv=FOLDS)
    expected = clone(search).fit(X, Y).cv_results_["split2_test_score"]
    with parallel_config("skdropout", n_jobs=2):
        found = clone(search).fit(X, Y).cv_results_["split2_test_score"]
    assert_array_equal(found, expected)


@pytest.mark.parametrize("n_tasks", [0, 1, 200])
def test_any_number_of_tasks(n_tasks):
    with parallel_config("skdropout"):
        squares = Parallel()(delayed(pow)(i, 2) for i in range(n_tasks))
    assert squares == [i**2 for i in range(n_tasks)]


def test_a_pool_that_is_kept_serves_twice():
    with parallel_config("skdropout"), Parallel() as parallel:
        for _ in range(2):
            assert parallel(delayed(pow)(i, 2) for i in range(5)) == [0, 1, 4, 9, 16]


def test_results_may_come_one_by_one():
    with parallel_config("skdropout"):
        squares = Parallel(return_as="generator")(delayed(pow)(i, 2) for i in range(5))
        assert list(squares) == [0, 1, 4, 9, 16]


# what goes wrong goes wrong for one


class Failing(Schedule):
    """A learning rate that cannot be had in the third epoch."""

    def __call__(self, progress):
        if progress.epoch == 2:
            raise RuntimeError("no rate")
        return 1.0


def attempt(estimator):
    try:
        estimator.fit(X, Y)
    except Exception as error:
        return error
    return None


def test_an_error_reaches_its_fit_alone():
    broken = [network(learning_rate=Failing()), network(dropout_rate=2), network(solver=SGD(2.0))]
    nets = [network(), network(random_state=1)]
    alone = [clone(net).fit(X, Y) for net in nets]
    with parallel_config("skdropout"):
        errors = Parallel()(delayed(attempt)(net) for net in [*broken, *nets])
    assert [str(error) for error in errors] == [
        *(str(attempt(clone(net))) for net in broken),
        "None",
        "None",
    ]
    for one, other in zip(alone, nets, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_network_that_diverges_harms_no_other(early_stopping):
    wild = network(solver="sgd", learning_rate_init=1e30, early_stopping=early_stopping, max_iter=6)
    nets = [network(solver="sgd", random_state=seed, max_iter=6) for seed in range(3)]
    alone = [clone(net).fit(X, Y) for net in nets]
    expected = attempt(clone(wild))
    with sizes_of_stacks() as sizes, parallel_config("skdropout"):
        error, *others = Parallel()(delayed(attempt)(net) for net in [wild, *nets])
    assert max(sizes) >= 3
    assert str(error) == str(expected)
    assert others == [None] * 3
    for one, other in zip(alone, nets, strict=True):
        assert_same(one, other)


def test_an_error_in_an_engine_is_that_of_its_fits(monkeypatch):
    run = Engine.run

    def fail(self):
        if len(self.members) == 2:
            raise MemoryError("no room")
        return run(self)

    monkeypatch.setattr(Engine, "run", fail)
    nets = [network(random_state=0), network(random_state=1), network(hidden_layer_sizes=(4,))]
    with parallel_config("skdropout"):
        errors = Parallel()(delayed(attempt)(net) for net in nets)
    assert [type(error) for error in errors] == [MemoryError, MemoryError, type(None)]


def test_an_error_on_the_way_to_an_engine_is_that_of_all_who_wait(monkeypatch):
    def fail(self, members):
        raise MemoryError("no room")

    nets = [network(random_state=seed) for seed in range(3)]
    with monkeypatch.context() as patch, parallel_config("skdropout"):
        patch.setattr(Engine, "__init__", fail)
        errors = Parallel()(delayed(attempt)(net) for net in nets)
        assert [type(error) for error in errors] == [MemoryError] * 3
    assert fit_together(nets)[0].n_iter_ == 4


def test_warnings_come_with_their_fit():
    def warn(net):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            net.fit(X, Y)
        return [str(warning.message) for warning in caught if "batch_size" in str(warning.message)]

    nets = [network(max_iter=1, batch_size=1000 if i == 1 else 16) for i in range(3)]
    with parallel_config("skdropout"):
        caught = Parallel()(delayed(warn)(net) for net in nets)
    assert [len(messages) for messages in caught] == [0, 1, 0]


class Record(Listener):
    """Writes down whose epochs it hears of."""

    def __init__(self):
        self.seeds = []

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            self.seeds.append(estimator.random_state)


class Interrupt(Listener):
    """Ctrl-C, in the middle of one fit."""

    def __init__(self):
        self.n_epochs = 0

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            self.n_epochs += 1
            if self.n_epochs == 2:
                raise KeyboardInterrupt


needs_callbacks = pytest.mark.skipif(
    not hasattr(DropoutMLPClassifier, "set_callbacks"), reason="for scikit-learn 1.9 or newer"
)


@needs_callbacks
def test_callbacks_hear_of_their_own_fit():
    nets = [network(random_state=seed) for seed in range(3)]
    records = [Record() for _ in nets]
    for net, record in zip(nets, records, strict=True):
        net.set_callbacks(record)
    fit_together(nets)
    assert [record.seeds for record in records] == [[seed] * 4 for seed in range(3)]


@needs_callbacks
def test_an_interruption_of_one_fit_ends_it_alone():
    nets = [network(random_state=seed, max_iter=6) for seed in range(3)]
    alone = clone(nets[0]).fit(X, Y)
    nets[1].set_callbacks(Interrupt())
    with parallel_config("skdropout"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Parallel()(delayed(fit)(net, X, Y) for net in nets)
    assert_same(alone, nets[0])
    assert [net.n_iter_ for net in nets] == [6, 2, 6]


def test_when_a_search_fails_its_other_fits_end():
    before = threading.active_count()
    search = GridSearchCV(
        network(max_iter=100_000, n_iter_no_change=np.inf, learning_rate="constant"),
        {"dropout_rate": [5.0, 0.1]},
        error_score="raise",
    )
    with parallel_config("skdropout"), pytest.raises(ValueError, match="dropout_rate"):
        search.fit(X, Y)
    for _ in range(200):  # those that train end with their next epoch
        if threading.active_count() <= before:
            return
        time.sleep(0.05)
    pytest.fail("a thread goes on")


CTRL_C = """
import os, signal, threading
import joblib, numpy as np
from sklearn.model_selection import cross_val_score
from skdropout import DropoutMLPClassifier
X, y = np.random.default_rng(0).normal(size=(100, 4)), np.arange(100) % 2
net = DropoutMLPClassifier(9, max_iter=10**6, n_iter_no_change=np.inf, learning_rate="constant",
                           cv=None, random_state=0)
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background has not
threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    with joblib.parallel_config("skdropout"):
        cross_val_score(net, X, y)
except KeyboardInterrupt:
    with joblib.parallel_config("skdropout"):
        print("ended", len(cross_val_score(net.set_params(max_iter=2), X, y)))
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_ends_all():
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CTRL_C], capture_output=True, text=True, timeout=60
    )
    assert run.stdout == "ended 5\n", run.stderr
