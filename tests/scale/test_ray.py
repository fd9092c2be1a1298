"""Searches and ensembles on a local cluster of Ray: the results of one process, to the bit."""

import os
from functools import partial
from pathlib import Path

import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from work import (
    GRID,
    SENT,
    CountedSamples,
    Deadly,
    X,
    Y,
    assert_same_members,
    assert_same_search,
    fit_ensemble,
    make_search,
    score_or_die,
    scores_in_stacks,
    scores_of_parts,
)

ray = pytest.importorskip("ray")
joblib_of_ray = pytest.importorskip("ray.util.joblib")

AGAIN = {"max_restarts": -1, "max_task_retries": -1}
"""Whoever dies comes back, and does again what was not finished."""


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Room for two processes, which find what these tests import."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        joblib_of_ray.register_ray()
        yield
        ray.shutdown()


@pytest.fixture(autouse=True)
def on_ray():
    """joblib's tasks go to two workers, which Ray has to be told."""
    with parallel_config("ray", n_jobs=2):
        yield


def in_one_process(work, *args, **kwargs):
    with parallel_config("sequential"):
        return work(*args, **kwargs)


def test_a_search():
    alone = in_one_process(make_search().fit, X, Y)
    assert_same_search(make_search().fit(X, Y), alone)


@pytest.mark.parametrize("kind", ["large", "sparse"])
def test_an_ensemble(kind):
    alone = in_one_process(fit_ensemble, kind)
    assert_same_members(fit_ensemble(kind), alone)


def test_a_search_over_ensembles():
    """Inside of a task, two jobs are threads."""
    search = make_search(cv=3, n_jobs=2)
    assert_same_search(search.fit(X, Y), in_one_process(search.fit, X, Y))


def test_a_part_of_a_grid_in_stacks_in_each_task():
    assert_array_equal(scores_of_parts(), in_one_process(scores_in_stacks, GRID["alpha"]))


def test_a_search_whose_worker_is_killed(tmp_path):
    search = make_search(partial(score_or_die, tmp_path))
    with parallel_config("ray", n_jobs=2, ray_remote_args=AGAIN):
        search.fit(X, Y)
    assert (tmp_path / "dead").exists()
    assert_same_search(search, in_one_process(make_search().fit, X, Y))


def test_an_ensemble_whose_worker_is_killed(tmp_path):
    with parallel_config("ray", n_jobs=2, ray_remote_args=AGAIN):
        ensemble = fit_ensemble("plain", learning_rate=Deadly(tmp_path))
    assert (tmp_path / "dead").exists()
    alone = in_one_process(fit_ensemble, "plain", learning_rate=Deadly(tmp_path))
    assert_same_members(ensemble, alone)


def test_an_ensemble_sends_its_samples_once(monkeypatch):
    monkeypatch.setattr("skdropout._training.data.Samples", CountedSamples)
    SENT.clear()
    assert fit_ensemble("plain", max_iter=100).n_iter_ == 100  # in four blocks
    assert SENT.count("samples") == 1
