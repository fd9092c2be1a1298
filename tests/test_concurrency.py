"""What the user guide promises of threads and processes that work at the same time."""

import asyncio
import multiprocessing
import os
import pickle
import signal
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from threading import Barrier, Event, Thread

import joblib
import numpy as np
import pytest
from blas import n_threads, two_threads
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._core import threads
from skdropout.optimizers import SGD

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # Python says so from 3.12 on where a process of several threads is forked
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]
can_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX has it")

X, Y = make_classification(120, 10, n_informative=6, n_classes=3, random_state=0)


def network(estimator=DropoutMLPClassifier, **arguments):
    """A network that is quick to train, not fitted."""
    given = {"hidden_layer_sizes": (20, 10), "dropout_rate": 0.3, "max_iter": 8, "cv": None}
    return estimator(**given | {"random_state": 0} | arguments)


@pytest.fixture
def _in_small_slices():
    """Let Python's threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(*tasks):
    """What functions return that begin at the same moment, each in a thread of its own."""
    barrier = Barrier(len(tasks))

    def run(task):
        barrier.wait(60)
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


@pytest.fixture
def _two_threads():
    """Two threads of BLAS, which have to be two again in the end."""
    with two_threads():
        yield


def assert_same(one, other):
    """Two fitted estimators have the same networks, to the last bit."""
    for mine, its in zip(one._networks, other._networks, strict=True):
        assert_array_equal(mine.memory, its.memory)


# A fitted estimator.

FITTED = {
    "one network": lambda: network().fit(X, Y),
    "an ensemble": lambda: network(cv=3).fit(X, Y),
    "normalised": lambda: network(batch_norm=True, input_dropout_rate=0.2).fit(X, Y),
    "numbers": lambda: network(DropoutMLPRegressor, cv=2).fit(X, Y),
}


def answers(net):
    """All that an estimator has to say, each as a function without arguments."""
    rows = csr_array(X)
    yield lambda: net.predict(X)
    yield lambda: net.score(X, net.predict(X))
    yield lambda: pickle.loads(pickle.dumps(net)).predict(X)
    yield lambda: deepcopy(net).predict(X[:1])
    yield lambda: net.to_sklearn().predict(X)
    if isinstance(net, DropoutMLPRegressor):
        yield lambda: net.predict(X, return_std=True, random_state=1)
        yield lambda: net.predict_samples(X, 3, random_state=1)
        yield lambda: net.predict(rows)
    else:
        yield lambda: net.predict_proba(rows)
        yield lambda: net.predict_proba_samples(X, 3, random_state=1)
        yield lambda: net.predict_uncertainty(X, 3, random_state=1).mutual_information


@pytest.mark.usefixtures("_in_small_slices", "_two_threads")
@pytest.mark.parametrize("fitted", FITTED.values(), ids=FITTED)
def test_a_fitted_estimator_answers_many_threads_as_it_answers_one(fitted):
    asked = list(answers(fitted()))
    alone = [ask() for ask in asked]
    for told in zip(at_once(*asked, *asked), alone + alone, strict=True):
        assert_array_equal(*told)


@pytest.mark.usefixtures("_in_small_slices")
def test_draws_without_a_seed_are_different_in_each_thread():
    net = network().fit(X, Y)
    drawn = at_once(*[lambda: net.predict_proba_samples(X, 2)] * 16)
    assert len({draws.tobytes() for draws in drawn}) == 16


@pytest.mark.usefixtures("_in_small_slices")
def test_threads_that_share_a_random_state_get_the_draws_of_one_thread_in_some_order():
    net = network().fit(X, Y)

    def draw_from(shared):
        return lambda: net.predict_proba_samples(X, 2, random_state=shared).tobytes()

    alone, shared = draw_from(np.random.RandomState(3)), draw_from(np.random.RandomState(3))
    assert sorted(at_once(*[shared] * 12)) == sorted(alone() for _ in range(12))


def test_a_server_goes_over_to_a_copy_that_has_learned_more():
    """As the user guide has it: each of 32 threads is answered by one network or the other."""
    rows = X[:40]
    served = {"network": network(max_iter=20).fit(X, Y)}
    with ThreadPoolExecutor(32) as pool:
        told = [pool.submit(lambda: served["network"].predict_proba(rows)) for _ in range(200)]
        newer = deepcopy(served["network"]).partial_fit(X, Y)
        older, served["network"] = served["network"], newer
        told += [pool.submit(lambda: served["network"].predict_proba(rows)) for _ in range(200)]
        seen = {answer.result().tobytes() for answer in told}
    expected = [net.predict_proba(rows).tobytes() for net in (older, newer)]
    assert expected[1] in seen <= set(expected)


def test_a_loop_of_events_leaves_its_work_to_threads():
    net = network().fit(X, Y)

    async def main():
        fits = [asyncio.to_thread(clone(net).fit, X, Y) for _ in range(3)]
        predictions = [asyncio.to_thread(net.predict_proba, X) for _ in range(20)]
        return await asyncio.gather(*fits, *predictions)

    *fitted, _ = together = asyncio.run(main())
    for other in together[:3]:
        assert_same(net, other)
    assert all(np.array_equal(told, net.predict_proba(X)) for told in fitted[3:])


# Several estimators.


@pytest.mark.usefixtures("_in_small_slices", "_two_threads")
def test_estimators_of_all_kinds_learn_side_by_side_what_they_learn_alone():
    def stream():
        net = network(batch_norm=True)
        for start in range(0, 120, 24):
            rows = slice(start, start + 24)
            net = pickle.loads(pickle.dumps(net.partial_fit(X[rows], Y[rows], classes=[0, 1, 2])))
        return net

    tasks = [
        stream,
        lambda: network(cv=3, dropout="bernoulli").fit(X, Y),
        lambda: network(DropoutMLPRegressor, cv=2).fit(csr_array(X), Y),
        lambda: network(solver="lbfgs", dropout_rate=0).fit(X, Y),
        lambda: network(warm_start=True).fit(X, Y).fit(X, Y),
        lambda: network(early_stopping=True, scoring="accuracy").fit(X, Y),
    ]
    alone = [task() for task in tasks]
    for one, other in zip(alone * 2, at_once(*tasks, *tasks), strict=True):
        assert_same(one, other)


class Raising(SGD):
    """Raises an error in the middle of a training."""

    def update(self, p, g, *slots, tmp, t, lr):
        if t == 12:
            raise ZeroDivisionError
        super().update(p, g, *slots, tmp=tmp, t=t, lr=lr)


@pytest.mark.usefixtures("_in_small_slices", "_two_threads")
def test_an_error_in_one_of_several_fits_is_that_fits_alone():
    def fail():
        with pytest.raises(ZeroDivisionError):
            network(solver=Raising()).fit(X, Y)

    *others, failed = at_once(*[lambda: network().fit(X, Y)] * 3, fail)
    assert failed is None
    for other in others:
        assert_same(network().fit(X, Y), other)


@pytest.mark.usefixtures("_two_threads")
def test_ctrl_c_in_the_main_thread_lets_fits_in_others_go_on():
    """Somebody presses it when both are in the middle of their training."""
    arrived, go_on = Barrier(3), Event()

    class Waiting(SGD):
        def update(self, p, g, *slots, tmp, t, lr):
            if t == 5:
                arrived.wait(60)
                go_on.wait(60)
            super().update(p, g, *slots, tmp=tmp, t=t, lr=lr)

    with ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(network(solver=Waiting()).fit, X, Y) for _ in range(2)]
        arrived.wait(60)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        finally:
            signal.signal(signal.SIGINT, before)
            go_on.set()
    alone = network(solver=SGD()).fit(X, Y)
    for fitted in fits:
        assert_same(alone, fitted.result())


@pytest.mark.usefixtures("_two_threads")
@pytest.mark.parametrize("backend", ["threading", "multiprocessing", "skdropout"])
def test_a_search_over_ensembles_may_have_jobs_on_both_levels(backend):
    grid = {"alpha": [1e-4, 1.0]}
    alone = GridSearchCV(network(cv=2), grid, cv=2).fit(X, Y)
    with joblib.parallel_config(backend):
        nested = GridSearchCV(network(cv=2, n_jobs=2), grid, cv=2, n_jobs=2).fit(X, Y)
    for name in ("split0_test_score", "split1_test_score"):
        assert_array_equal(alone.cv_results_[name], nested.cv_results_[name])
    assert_same(alone.best_estimator_, nested.best_estimator_)


@pytest.mark.usefixtures("_two_threads")
def test_two_threads_may_each_search_in_stacks():
    def search():
        with joblib.parallel_config("skdropout"):
            return GridSearchCV(network(), {"alpha": [1e-4, 1.0]}, cv=2).fit(X, Y)

    alone = search()
    for other in at_once(search, search, search):
        assert_array_equal(
            alone.cv_results_["mean_test_score"], other.cv_results_["mean_test_score"]
        )
        assert_same(alone.best_estimator_, other.best_estimator_)


# Processes.


def in_child(function):
    """Whether a forked process gets through a function within a minute."""
    child = os.fork()
    if child == 0:
        try:
            function()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    for _ in range(6_000):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


@can_fork
@pytest.mark.usefixtures("_two_threads")
def test_a_forked_process_does_not_wait_for_fits_of_threads_that_it_has_not():
    """It has the threads of BLAS that they hold, and fits to the same bits."""
    net, held, over = network().fit(X, Y), Event(), Event()

    def hold():
        with threads.one:
            held.set()
            assert over.wait(60)

    def child():
        assert set(n_threads()) == {2}
        assert_same(net, network().fit(X, Y))
        assert set(n_threads()) == {2}

    worker = Thread(target=hold)
    worker.start()
    try:
        assert held.wait(60)
        assert in_child(child)
        assert set(n_threads()) == {1}
    finally:
        over.set()
        worker.join()


@can_fork
@pytest.mark.usefixtures("_two_threads")
def test_a_process_forked_in_the_middle_of_a_training_still_holds_blas():
    def child():
        assert set(n_threads()) == {1}
        network().fit(X, Y)
        assert set(n_threads()) == {1}

    with threads.one:
        assert in_child(child)
        assert set(n_threads()) == {1}


@can_fork
def test_a_process_forked_by_a_task_fits_alone():
    """The other tasks, which it would wait for, are not there."""

    def task(seed):
        network(random_state=seed).fit(X, Y)
        return in_child(lambda: network().fit(X, Y))

    with joblib.parallel_config("skdropout"):
        assert all(joblib.Parallel()(joblib.delayed(task)(seed) for seed in range(3)))


METHODS = multiprocessing.get_all_start_methods()  # "spawn" begins as joblib's loky does


@pytest.mark.parametrize("method", [m for m in METHODS if m != "spawn" or len(METHODS) == 1])
def test_processes_fit_and_predict_the_same_however_they_are_started(method):
    net = network(cv=2).fit(X, Y)
    with multiprocessing.get_context(method).Pool(1) as pool:
        fitted = pool.apply_async(clone(net).fit, (X, Y)).get(60)
        assert_array_equal(pool.apply(net.predict_proba, (X,)), net.predict_proba(X))
    assert_same(net, fitted)
