"""BLAS has one thread where products are small, and whatever it had before everywhere else."""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, Event, Thread, local

import numpy as np
import pytest
from blas import n_threads, two_threads
from numpy.testing import assert_array_equal
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, cross_val_predict
from threadpoolctl import threadpool_limits

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._core import threads, tuning
from skdropout._core.activations import ACTIVATIONS
from skdropout.optimizers import SGD

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_classification(90, n_features=10, random_state=0)
each_estimator = pytest.mark.parametrize("estimator", [DropoutMLPClassifier, DropoutMLPRegressor])


class PerThread:
    """A library with a number of threads for each Python thread."""

    def __init__(self):
        self.own = local()

    @property
    def num_threads(self):
        return getattr(self.own, "n", 2)

    def set_num_threads(self, n):
        self.own.n = n


@pytest.fixture(autouse=True)
def _two_threads():
    """Two threads to begin with, and in the end."""
    with two_threads():
        yield


# The hold itself.


def test_there_is_one_thread_inside_and_as_many_as_before_afterwards():
    with threads.one:
        assert set(n_threads()) == {1}
    assert set(n_threads()) == {2}
    with threadpool_limits(1, user_api="blas"):
        with threads.one:
            assert set(n_threads()) == {1}
        assert set(n_threads()) == {1}


def test_each_library_gets_its_own_number_back():
    if len(n_threads()) < 2:
        pytest.skip("needs two BLAS libraries")
    first, *_ = threads._libraries()[0]
    first.set_num_threads(1)
    before = n_threads()
    assert sorted(set(before)) == [1, 2]
    with threads.one:
        assert set(n_threads()) == {1}
    assert n_threads() == before
    first.set_num_threads(2)


def test_each_python_thread_gets_its_own_number_back(monkeypatch):
    """Of a library that has one for each, as OpenBLAS has where it is built with OpenMP."""
    library = PerThread()
    monkeypatch.setattr(threads, "_libraries", lambda: ([], [library]))

    def hold(n_before, seen):
        library.set_num_threads(n_before)
        with threads.one:
            with threads.one:
                seen.append(library.num_threads)
            seen.append(library.num_threads)
        seen.append(library.num_threads)

    for n_before in (3, 5):
        seen: list[int] = []
        thread = Thread(target=hold, args=(n_before, seen))
        thread.start()
        thread.join()
        assert seen == [1, 1, n_before]
    assert library.num_threads == 2


def test_it_may_be_nested():
    with threads.one:
        for _ in range(2):
            with threads.one:
                assert set(n_threads()) == {1}
            assert set(n_threads()) == {1}
    assert set(n_threads()) == {2}


def test_an_exception_ends_it():
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), threads.one, threads.one:
            raise error
        assert set(n_threads()) == {2}


@pytest.mark.parametrize("n_calls", range(1, 9))
def test_ctrl_c_while_it_begins_or_ends_leaves_nothing_behind(n_calls, monkeypatch):
    """Between any two of its calls of the libraries, of which there are two or four in all."""
    libraries, _ = threads._libraries()
    kind = type(libraries[0])
    set_number, count = kind.set_num_threads, iter(range(1, 100))

    def interrupted(library, number):
        set_number(library, number)
        if next(count) == n_calls:
            raise KeyboardInterrupt

    monkeypatch.setattr(kind, "set_num_threads", interrupted)
    with suppress(KeyboardInterrupt), threads.one:
        assert set(n_threads()) == {1}
    assert set(n_threads()) == {2}
    assert threads.one.n_inside == threads.one.count_own() == 0


def test_holds_of_two_python_threads_may_overlap():
    """The one that began first ends first, and is still there when the other one ends."""
    first_is_in, second_is_in, first_is_out, second_is_out = (Event() for _ in range(4))
    seen = []

    def first():
        with threads.one:
            first_is_in.set()
            assert second_is_in.wait(60)
        seen.append(set(n_threads()))
        first_is_out.set()
        assert second_is_out.wait(60)

    def second():
        assert first_is_in.wait(60)
        with threads.one:
            second_is_in.set()
            assert first_is_out.wait(60)
            seen.append(set(n_threads()))
        seen.append(set(n_threads()))
        second_is_out.set()

    workers = [Thread(target=work) for work in (first, second)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert seen == [{1}, {1}, {2}]
    assert set(n_threads()) == {2}


def test_many_python_threads_leave_it_as_it_was():
    barrier, seen = Barrier(8), set()

    def hold():
        barrier.wait(60)
        for _ in range(50):
            with threads.one:
                seen.update(n_threads())

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        workers = [Thread(target=hold) for _ in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(before)
    assert seen == {1}
    assert set(n_threads()) == {2}


def test_others_may_set_the_number_afterwards():
    """Also while the Python thread that held it is still there."""
    done, over = Event(), Event()

    def hold():
        with threads.one:
            pass
        done.set()
        assert over.wait(60)

    worker = Thread(target=hold)
    worker.start()
    try:
        assert done.wait(60)
        with threadpool_limits(1, user_api="blas"):
            assert set(n_threads()) == {1}
    finally:
        over.set()
        worker.join()


@pytest.mark.parametrize(
    "n, held", [(0, False), (99, False), (100, False), (101, True), (900, True), (901, False)]
)
def test_products_between_the_limits_are_held(n, held, monkeypatch):
    monkeypatch.setattr(tuning, "SINGLE_THREAD", 900)
    for _ in range(2):  # it can be entered again
        with threads.one_for(n, 1, above=100):
            assert set(n_threads()) == {1 if held else 2}
        assert set(n_threads()) == {2}


def test_without_a_lower_limit_all_small_products_are_held():
    for n in (1, tuning.SINGLE_THREAD):
        with threads.one_for(n, 1):
            assert set(n_threads()) == {1}
    with threads.one_for(tuning.SINGLE_THREAD + 1, 1):
        assert set(n_threads()) == {2}


def test_large_layers_are_left_alone_however_few_the_rows():
    with threads.one_for(1, tuning.SINGLE_THREAD_WEIGHTS):
        assert set(n_threads()) == {1}
    with threads.one_for(1, tuning.SINGLE_THREAD_WEIGHTS + 1):
        assert set(n_threads()) == {2}


# In estimators. The largest product has 30 rows times 40 by 30 weights.


class Watched(SGD):
    """Writes down how many threads there are in each step."""

    def update(self, p, g, *slots, **step):
        SEEN.update(n_threads())
        super().update(p, g, *slots, **step)


SEEN = set()


@pytest.fixture(autouse=True)
def seen():
    """The numbers of threads in the steps of `Watched` and the activations of `watch`."""
    SEEN.clear()
    return SEEN


@pytest.fixture
def watch(monkeypatch):
    """Let rectifiers write down how many threads there are, in trainings without dropout too."""

    def start():
        rectifier = ACTIVATIONS["relu"]

        def forward(x, y):
            SEEN.update(n_threads())
            rectifier.forward(x, y)

        def derivative(x, y):
            SEEN.update(n_threads())
            rectifier.derivative(x, y)

        watched = rectifier._replace(forward=forward, derivative=derivative)
        monkeypatch.setitem(ACTIVATIONS, "relu", watched)

    return start


def network(estimator=DropoutMLPClassifier, **arguments):
    defaults = {"hidden_layer_sizes": (40, 30), "batch_size": 30, "max_iter": 3, "random_state": 0}
    defaults |= {"dropout_rate": 0.2, "learning_rate_init": 0.01, "cv": None}
    return estimator(**defaults | arguments)


N = 30 * 40 * 30
LIMITS = {
    "far below": (100 * N, 1),
    "at the limit": (N, 1),
    "above": (N - 1, 2),
    "far above": (1, 2),
}
each_limit = pytest.mark.parametrize("limit, expected", LIMITS.values(), ids=LIMITS)


@each_estimator
@each_limit
def test_steps_of_a_fit(estimator, limit, expected, monkeypatch, seen):
    monkeypatch.setattr(tuning, "SINGLE_THREAD", limit)
    network(estimator, solver=Watched()).fit(X, Y)
    assert seen == {expected}


@each_estimator
@each_limit
def test_steps_of_partial_fit(estimator, limit, expected, monkeypatch, seen):
    monkeypatch.setattr(tuning, "SINGLE_THREAD", limit)
    classes = {"classes": [0, 1]} if estimator is DropoutMLPClassifier else {}
    network(estimator, solver=Watched()).partial_fit(X, Y, **classes)
    assert seen == {expected}


@each_estimator
@each_limit
def test_iterations_of_lbfgs(estimator, limit, expected, monkeypatch, seen, watch):
    monkeypatch.setattr(tuning, "SINGLE_THREAD", limit)
    monkeypatch.setattr(tuning, "SECOND_THREAD", 0)  # there is a prediction in the end
    watch()
    network(estimator, solver="lbfgs", dropout_rate=0).fit(X[:30], Y[:30])
    assert seen == {expected}


@each_estimator
@pytest.mark.parametrize(
    "limits, expected",
    [((0, 100 * N), 1), ((N - 1, N), 1), ((N, 100 * N), 2), ((0, N - 1), 2)],
    ids=["between", "just between", "too small", "too large"],
)
def test_predictions(estimator, limits, expected, monkeypatch, seen, watch):
    """A few rows are not worth holding it."""
    net = network(estimator).fit(X, Y)
    for name, limit in zip(("SECOND_THREAD", "SINGLE_THREAD"), limits, strict=True):
        monkeypatch.setattr(tuning, name, limit)
    watch()
    net.predict(X[:30])
    assert seen == {expected}


@each_estimator
@pytest.mark.parametrize("dropout", ["batchwise", "bernoulli", "dropconnect"])
@each_limit
def test_random_predictions(estimator, dropout, limit, expected, monkeypatch, seen, watch):
    net = network(estimator, dropout=dropout).fit(X, Y)
    monkeypatch.setattr(tuning, "SINGLE_THREAD", limit)
    watch()
    if estimator is DropoutMLPClassifier:
        net.predict_proba_samples(X[:30], 3)
    else:
        net.predict_samples(X[:30], 3)
    assert seen == {expected}


def test_a_small_network_is_trained_and_predicts_with_one_thread_as_things_are(seen, watch):
    net = network(hidden_layer_sizes=(64, 32), solver=Watched(), batch_size="auto").fit(X, Y)
    assert seen == {1}
    watch()
    net.predict_proba(np.tile(X, (4, 1)))
    assert seen == {1}


def test_a_large_network_is_left_alone_as_things_are(seen, watch):
    """Of 32 rows times 300 by 300 weights."""
    watch()
    net = network(hidden_layer_sizes=(300, 300), solver=Watched(), batch_size="auto").fit(X, Y)
    net.predict_proba(X)
    assert seen == {2}


@each_estimator
def test_a_scorer_between_epochs_is_held_as_its_predictions_are(estimator, seen):
    between = []

    def score(net, X, y):
        between.append(set(n_threads()))
        return net.score(X, y)

    net = network(estimator, solver=Watched(), early_stopping=True, scoring=score)
    net.fit(X, Y)
    assert seen == {1}
    assert between == [{1}] * net.n_iter_


@each_estimator
@pytest.mark.parametrize("solver", [{}, {"solver": Watched()}], ids=["adam", "watched"])
def test_callbacks_of_epochs_are_held_and_those_of_the_fit_are_not(estimator, solver):
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")
    between = []

    class Listener:
        def setup(self, estimator, context):
            between.append(set(n_threads()))

        def teardown(self, estimator, context):
            between.append(set(n_threads()))

        def on_fit_task_begin(self, estimator, context):
            between.append(set(n_threads()))

        def on_fit_task_end(self, estimator, context):
            between.append(set(n_threads()))

    network(estimator, **solver).set_callbacks(Listener()).fit(X, Y)
    assert between == [{2}] * 2 + [{1}] * (2 * 3) + [{2}] * 2


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_training_that_fails_gives_the_threads_back(early_stopping):
    class Failing(SGD):
        def update(self, p, g, *slots, tmp, t, lr):
            assert set(n_threads()) == {1}
            if t == 5:
                raise ZeroDivisionError
            super().update(p, g, *slots, tmp=tmp, t=t, lr=lr)

    with pytest.raises(ZeroDivisionError):
        network(solver=Failing(), early_stopping=early_stopping).fit(X, Y)
    assert set(n_threads()) == {2}


@each_estimator
def test_trainings_in_python_threads_leave_it_as_it_was(estimator, seen):
    def train(seed):
        net = network(estimator, solver=Watched(), max_iter=20, random_state=seed).fit(X, Y)
        return net.predict(X)

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(train, range(8)))
        assert set(n_threads()) == {2}
    assert seen == {1}
    assert_array_equal(together, [train(seed) for seed in range(8)])


def test_random_predictions_that_fail_give_the_threads_back(monkeypatch):
    net = network(dropout="bernoulli").fit(X, Y)
    rectifier, calls = ACTIVATIONS["relu"], []

    def forward(x, y):
        calls.append(set(n_threads()))
        if len(calls) == 5:
            raise ZeroDivisionError
        rectifier.forward(x, y)

    monkeypatch.setitem(ACTIVATIONS, "relu", rectifier._replace(forward=forward))
    with pytest.raises(ZeroDivisionError):
        net.predict_uncertainty(X)
    assert calls == [{1}] * 5
    assert set(n_threads()) == {2}


# What it is for: the same numbers wherever a process has fewer threads.

SMALL, LABELS = make_classification(200, 20, n_informative=10, n_classes=3, random_state=0)


@each_estimator
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "arguments",
    [{}, {"hidden_layer_sizes": (37, 91)}, {"cv": None}, {"standardize": False}],
    ids=str,
)
def test_number_of_threads_changes_no_bit(estimator, dtype, arguments):
    nets = []
    for number in (1, 2):
        with threadpool_limits(number, user_api="blas"):
            net = estimator(**arguments, max_iter=5, random_state=0)
            nets.append(net.fit(SMALL.astype(dtype), LABELS))
    one, two = nets
    for mine, its in zip(one._networks, two._networks, strict=True):
        assert_array_equal(mine.memory, its.memory)
    assert one.history_ == two.history_


@pytest.mark.parametrize(
    "estimator, method",
    [(DropoutMLPClassifier, "predict_proba"), (DropoutMLPRegressor, "predict")],
)
def test_number_of_jobs_changes_no_bit_of_predictions(estimator, method):
    net = estimator(max_iter=5, random_state=0)
    alone, together = (
        cross_val_predict(net, SMALL, LABELS, cv=4, method=method, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    assert_array_equal(alone, together)


@each_estimator
def test_number_of_jobs_changes_no_bit_of_a_search(estimator):
    grid = {"alpha": [1e-4, 1.0], "dropout_rate": [0.0, 0.5]}
    net = estimator(max_iter=5, random_state=0)
    scoring = "neg_log_loss" if estimator is DropoutMLPClassifier else "r2"
    alone, together = (
        GridSearchCV(net, grid, cv=4, scoring=scoring, n_jobs=n_jobs).fit(SMALL, LABELS)
        for n_jobs in (1, 2)
    )
    for name in (f"split{i}_test_score" for i in range(4)):
        assert_array_equal(alone.cv_results_[name], together.cv_results_[name])
    best = alone.best_estimator_._networks, together.best_estimator_._networks
    for mine, its in zip(*best, strict=True):
        assert_array_equal(mine.memory, its.memory)
