"""The backend of joblib: tasks cannot tell that they take turns."""

import os
import threading
import warnings
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from numpy.testing import assert_array_equal
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import cross_validate
from threadpoolctl import threadpool_info, threadpool_limits

from skdropout import DropoutMLPClassifier
from skdropout._training.rendezvous import Rendezvous

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_classification(90, n_features=6, random_state=0)


def network(seed=0, **arguments):
    """A small network, not fitted."""
    given = {"hidden_layer_sizes": 8, "max_iter": 5, "cv": None, "n_iter_no_change": 100}
    return DropoutMLPClassifier(random_state=seed, **(given | arguments))


def run(task, n_tasks=6, **arguments):
    """What tasks return that run together."""
    with parallel_config("skdropout"):
        return Parallel(**arguments)(delayed(task)(i) for i in range(n_tasks))


def fit_and_tell_process(i):
    network(i).fit(X, Y)
    return os.getpid()


def test_there_are_as_many_processes_as_asked_for():
    with parallel_config("skdropout", n_jobs=2):
        assert effective_n_jobs(None) == 2
        with Parallel() as parallel:
            pids = parallel(delayed(fit_and_tell_process)(i) for i in range(20))
            assert parallel._backend._workers._max_workers == 2
    assert len(set(pids)) <= 2
    assert os.getpid() not in pids


def test_who_asks_how_many_jobs_there_are_starts_no_processes():
    alone = BaggingClassifier(network(), 12, random_state=0).fit(X, Y)
    with parallel_config("skdropout"):
        assert effective_n_jobs(None) == 1
        bagging = BaggingClassifier(network(), 12, random_state=0).fit(X, Y)
        proba = bagging.predict_proba(X)
    assert_array_equal(proba, alone.predict_proba(X))
    with parallel_config("skdropout"), pytest.raises(ValueError, match="n_jobs == 0"):
        Parallel(n_jobs=0)(delayed(abs)(i) for i in range(3))


def score_by_another_network(estimator, X, y):
    other = network(1, max_iter=2).fit(X, y)
    return estimator.score(X, y) + 0.01 * other.score(X, y)


def test_networks_fitted_in_the_middle_of_a_training_leave_it_alone():
    estimator = network(early_stopping=True, scoring=score_by_another_network)
    alone = cross_validate(estimator, X, Y, cv=3, return_estimator=True)
    with parallel_config("skdropout"):
        together = cross_validate(estimator, X, Y, cv=3, return_estimator=True)
    for one, other in zip(alone["estimator"], together["estimator"], strict=True):
        assert other.n_iter_ == 5
        for mine, its in zip(one.coefs_, other.coefs_, strict=True):
            assert_array_equal(mine, its)


def test_a_task_sees_its_own_warnings_and_its_own_output():
    def task(i):
        with warnings.catch_warnings(record=True) as caught, redirect_stdout(StringIO()) as out:
            warnings.simplefilter("always")
            network(i, max_iter=2 + i % 3, verbose=True).fit(X, Y)
            warnings.warn(f"task {i}", stacklevel=1)
        return [str(warning.message) for warning in caught], out.getvalue()

    def state():
        return warnings.filters, warnings.showwarning, warnings._showwarnmsg_impl

    alone, before = [task(i) for i in range(6)], state()
    assert run(task) == alone
    assert all(mine is its for mine, its in zip(state(), before, strict=True))


def score_and_shout(estimator, X, y):
    warnings.warn("loud", stacklevel=1)
    return 0.5


def fit_and_shout(i):
    network(i, early_stopping=True, scoring=score_and_shout, n_iter_no_change=9).fit(X, Y)


def test_a_task_sees_its_warnings_though_another_has_seen_the_same():
    def task(i):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always" if i % 2 else "default")
            fit_and_shout(i)
        return [str(warning.message) for warning in caught].count("loud")

    assert run(task)[1::2] == [5] * 3


def test_tasks_that_change_no_filters_are_told_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        run(fit_and_shout)
    assert [str(warning.message) for warning in caught].count("loud") == 1


def test_an_error_ends_what_comes_after_it_and_tells_where_it_was_raised():
    ended = []

    def task(i):
        network(i, max_iter=300 if i > 3 else 2).fit(X, Y)
        ended.append(i)
        if i == 3:
            raise RuntimeError("of a task")

    with pytest.raises(RuntimeError, match="of a task") as caught:
        run(task, 9)
    assert 'raise RuntimeError("of a task")' in str(caught.value.__cause__)
    assert sorted(ended) == [0, 1, 2, 3]


def test_who_forgives_errors_does_not_go_on_after_the_end():
    tried = []

    def task(i):
        for seed in range(3):
            try:
                tried.append(i)
                network(seed, max_iter=300 if i else 2).fit(X, Y)
            except Exception:
                continue
        if i == 0:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        run(task, 5)
    assert tried.count(4) <= 1


def test_tasks_have_the_threads_of_blas_that_they_had_alone():
    def task(i):
        if i % 2:
            network(i).fit(X, Y)
        libraries = threadpool_info()
        return [one["num_threads"] for one in libraries if one["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):
        pass  # whose end lets go of what one Python thread alone may set
    alone = [task(i) for i in range(6)]
    assert run(task) == alone


def test_a_generator_that_is_not_used_up_does_not_stand_in_the_way_of_others():
    with parallel_config("skdropout"):
        waiting = Parallel(return_as="generator")(delayed(abs)(i) for i in range(150))
        assert Parallel()(delayed(abs)(i) for i in range(3)) == [0, 1, 2]
        assert list(waiting) == list(range(150))


def test_the_next_call_works_after_one_that_was_given_up():
    def task(i):
        network(i, max_iter=50).fit(X, Y)
        if i == 1:
            raise KeyboardInterrupt

    with parallel_config("skdropout"), Parallel() as parallel:
        with pytest.raises(KeyboardInterrupt):
            parallel(delayed(task)(i) for i in range(5))
        assert parallel(delayed(abs)(i) for i in range(70)) == list(range(70))
    assert parallel._backend._n_running == 0


def test_the_next_call_works_after_a_process_has_died():
    with parallel_config("skdropout", n_jobs=2), Parallel() as parallel:
        with pytest.raises(BrokenProcessPool):
            parallel(delayed(os._exit)(1) for _ in range(3))
        assert parallel(delayed(abs)(-i) for i in range(5)) == [0, 1, 2, 3, 4]


def test_no_thread_is_left():
    before = threading.active_count()
    outcomes = Rendezvous().run([lambda: np.pi] * 100)
    assert [outcome.result for outcome in outcomes] == [np.pi] * 100
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(0.1)
    assert threading.active_count() <= before
