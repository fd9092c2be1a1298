"""Searches and ensembles on a local cluster of Dask: the results of one process, to the bit."""

import warnings
from functools import partial
from itertools import chain

import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from work import (
    FOLDS,
    GRID,
    SENT,
    CountedSamples,
    CountedTable,
    Deadly,
    Listener,
    X,
    Y,
    assert_same_members,
    assert_same_search,
    each_ensemble,
    fit_ensemble,
    make_search,
    network,
    score_or_die,
    scores_in_stacks,
    scores_of_parts,
)

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client():
    """Two processes, to each of which goes one task at a time."""
    arguments = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**arguments) as cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture(autouse=True)
def on_dask(client):
    """Both workers are there, and joblib's tasks go to them."""
    client.wait_for_workers(2)
    client.amm.start()
    with parallel_config("dask"):
        yield


def in_one_process(work, *args, **kwargs):
    with parallel_config("sequential"):
        return work(*args, **kwargs)


def test_a_search():
    alone = in_one_process(make_search().fit, X, Y)
    assert_same_search(make_search().fit(X, Y), alone)


@each_ensemble
def test_an_ensemble(kind):
    alone = in_one_process(fit_ensemble, kind)
    assert_same_members(fit_ensemble(kind), alone)


@pytest.mark.parametrize("n_jobs", [None, 1])
def test_a_search_over_ensembles(n_jobs):
    """Their networks are tasks of their own, unless there is one job for each ensemble."""
    search = make_search(cv=3, n_jobs=n_jobs)
    assert_same_search(search.fit(X, Y), in_one_process(search.fit, X, Y))


def test_a_part_of_a_grid_in_stacks_in_each_task():
    assert_array_equal(scores_of_parts(), in_one_process(scores_in_stacks, GRID["alpha"]))


def test_a_search_whose_worker_is_killed(client, tmp_path):
    """What all tasks need is with both workers: the table, the targets and the folds."""
    client.amm.stop()
    search = make_search(partial(score_or_die, tmp_path))
    with parallel_config("dask", scatter=[X, Y, *chain(*FOLDS)]):
        search.fit(X, Y)
    assert (tmp_path / "dead").exists()
    assert_same_search(search, in_one_process(make_search().fit, X, Y))


def test_an_ensemble_whose_worker_is_killed(client, tmp_path):
    client.amm.stop()
    ensemble = fit_ensemble("plain", learning_rate=Deadly(tmp_path))
    assert (tmp_path / "dead").exists()
    alone = in_one_process(fit_ensemble, "plain", learning_rate=Deadly(tmp_path))
    assert_same_members(ensemble, alone)


def test_a_search_sends_the_table_once():
    SENT.clear()
    make_search(refit=False).fit(CountedTable(X), Y)
    assert SENT == ["table"]


def test_a_longer_training_of_an_ensemble_sends_its_samples_no_more_often(monkeypatch):
    monkeypatch.setattr("skdropout._training.data.Samples", CountedSamples)
    n_sent = []
    for n_epochs in (10, 100):  # one block of epochs for each network, or four
        SENT.clear()
        assert fit_ensemble("plain", max_iter=n_epochs).n_iter_ == n_epochs
        n_sent.append(len(SENT))
    assert n_sent[0] == n_sent[1] > 0


def test_an_ensemble_tells_of_its_epochs_here(capfd):
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        fit_ensemble("plain", verbose=True, max_iter=3)
    assert "Iteration 3, loss = " in capfd.readouterr().out


def test_warnings_of_a_search_stay_with_the_workers():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        make_search(refit=False, learning_rate="constant").fit(X, Y)
    assert caught == []


def test_callbacks_of_an_ensemble_run_here_and_those_of_a_search_with_the_workers(tmp_path):
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")
    here, there = Listener(tmp_path / "here"), Listener(tmp_path / "there")
    for listener in (here, there):
        listener.folder.mkdir()
    network(cv=3, max_iter=5).set_callbacks(here).fit(X, Y)
    assert here.n_epochs == 5
    make_search(refit=False, max_iter=5).set_callbacks(there).fit(X, Y)
    assert len(list(there.folder.iterdir())) == 6 * 3 * 5
    assert there.n_epochs == 0
