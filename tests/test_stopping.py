"""When a training ends: the table, the patience, and what is watched."""

from dataclasses import replace
from math import inf, nan
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._training.job import Job
from skdropout._training.monitor import Monitor
from skdropout._training.stopping import Patience, Stopping
from skdropout.schedules import Adaptive, Constant, Progress

ANY = Stopping(
    judged=False,
    anneals=False,
    adapts=False,
    incremental=False,
    max_epochs=100,
    tol=0.1,
    n_iter_no_change=2,
)

# The table, row by row; then the rows again with a learning rate that adapts. What a plateau does,
# whether it matters which training loss is watched, and whether the last epoch is warned of.
TABLE = {
    "judged": ({"judged": True}, "ends", False, True),
    "judged, anneals": ({"judged": True, "anneals": True}, "ends", False, False),
    "anneals": ({"anneals": True}, "nothing", False, False),
    "any other": ({}, "ends", True, True),
    "incremental": ({"incremental": True, "anneals": True}, "nothing", False, False),
    "incremental, constant": (
        {"incremental": True, "n_iter_no_change": inf},
        "nothing",
        False,
        False,
    ),
    "adapts": ({"adapts": True}, "lowers", True, True),
    "adapts, judged": ({"adapts": True, "judged": True}, "lowers", False, True),
    "adapts, anneals": ({"adapts": True, "anneals": True}, "lowers", True, False),
    "adapts, incremental": ({"adapts": True, "incremental": True}, "lowers", True, False),
    "never impatient": ({"n_iter_no_change": inf}, "nothing", False, True),
}
over_table = pytest.mark.parametrize(
    "arguments, at_a_plateau, watches_loss, warns", TABLE.values(), ids=TABLE
)


def make_job(stopping, schedule, n_bad_epochs, n_members=2):
    """As much of a job as decides whether it is over."""
    settings = SimpleNamespace(schedule=schedule, verbose=False)
    members = [
        SimpleNamespace(
            settings=settings,
            state=SimpleNamespace(
                patience=Patience(n_bad_epochs=n_bad_epochs), progress=Progress()
            ),
        )
        for _ in range(n_members)
    ]
    return Job(members, stopping)


@over_table
def test_the_table(arguments, at_a_plateau, watches_loss, warns):
    stopping = replace(ANY, **arguments)
    assert stopping.watches_loss == watches_loss
    assert stopping.warns == warns
    schedule = Adaptive() if stopping.adapts else Constant()
    n_bad_epochs = 99 if stopping.n_iter_no_change < inf else 10**9
    job = make_job(stopping, schedule, n_bad_epochs)
    assert job.is_over(learning_rate=1.0) == (at_a_plateau == "ends")
    for member in job.members:  # whose schedules are their own
        assert member.state.progress.n_plateaus == (at_a_plateau == "lowers")
    assert job.state.patience.n_bad_epochs == (0 if at_a_plateau == "lowers" else n_bad_epochs)


@pytest.mark.parametrize("name", [name for name in TABLE if "adapts" in name])
def test_a_plateau_at_the_lowest_rate_ends_what_it_would_end(name):
    arguments, *_ = TABLE[name]
    stopping = replace(ANY, **arguments)
    job = make_job(stopping, Adaptive(), 99)
    assert job.is_over(learning_rate=1e-9) == (stopping.judged or not stopping.anneals)


@pytest.mark.parametrize("n_bad_epochs, is_over", [(0, False), (2, False), (3, True)])
def test_patience_lasts_for_so_many_epochs(n_bad_epochs, is_over):
    job = make_job(ANY, Constant(), n_bad_epochs)
    assert job.is_over(learning_rate=1.0) == is_over


# Patience


def test_an_epoch_is_bad_unless_it_gains_tol_over_the_best():
    patience = Patience()
    assert [
        (patience.update(value, tol=0.25), patience.best, patience.n_bad_epochs)
        for value in (1.0, 1.125, 1.25, 1.2, 1.375, 1.625, 1.5)
    ] == [
        (True, 1.0, 0),
        (True, 1.125, 1),  # the best, but no gain to speak of
        (True, 1.25, 2),
        (False, 1.25, 3),
        (True, 1.375, 4),
        (True, 1.625, 0),  # just as much
        (False, 1.625, 1),
    ]


@pytest.mark.parametrize("value", [nan, -inf])
def test_what_is_no_number_is_no_gain(value):
    patience = Patience(best=1.0)
    assert not patience.update(value, tol=0.0)
    assert patience == Patience(best=1.0, n_bad_epochs=1)


def test_a_first_value_is_never_bad():
    for value in (-1e300, 0.0, 1e300):
        patience = Patience()
        assert patience.update(value, tol=10.0)
        assert patience == Patience(best=value)


def test_the_same_again_is_good_enough_without_tol():
    patience = Patience(best=1.0)
    assert not patience.update(1.0, tol=0.0)
    assert patience.n_bad_epochs == 0


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("now", [False, True])
def test_only_losses_compare_with_those_of_an_earlier_training(now, before):
    patience = Patience(before, best=3.0, n_bad_epochs=2)
    resumed = patience.resume(judged=now)
    assert resumed == (Patience(now) if now or before else patience)
    resumed.update(9.0, tol=0.0)
    assert patience.best == 3.0  # it is a copy


# What is watched


@pytest.mark.parametrize("evaluation, value", [(None, -5.0), (lambda: 1.5, -1.75)])
def test_the_loss_watched_has_the_penalty(evaluation, value):
    """The loss of an epoch comes with it; that of the whole network does not."""
    assert Monitor(evaluation=evaluation).measure(5.0, 0.25) == (value, {})


@pytest.mark.parametrize("by_loss, value", [(True, -2.0), (False, 0.75)])
def test_a_validation_is_watched_by_its_loss_or_by_its_score(by_loss, value):
    entries = {"validation_loss": 2.0, "validation_score": 0.75}
    validation = SimpleNamespace(measure=lambda: entries)
    monitor = Monitor(judged=True, by_loss=by_loss, validation=validation)
    assert monitor.measure(5.0, 0.25) == (value, entries)


X, Y = make_classification(150, 8, n_informative=6, n_classes=3, random_state=0)
TARGETS = {DropoutMLPClassifier: Y, DropoutMLPRegressor: (X[:, 0] + Y) / 2}
REST = {"learning_rate_init": 1e-300}  # nothing moves
over_estimators = pytest.mark.parametrize("estimator", TARGETS)


def network(estimator, **arguments):
    defaults = {"hidden_layer_sizes": (12,), "learning_rate": "constant", "max_iter": 1}
    defaults |= {"dropout_rate": 0.5, "batch_size": 50, "random_state": 0, "cv": None}
    return estimator(**defaults | arguments)


@over_estimators
@pytest.mark.parametrize("dropout_rate", [0.0, 0.5])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_watches_the_loss_of_the_whole_network_with_the_penalty(dropout_rate, estimator):
    """With or without dropout it is the same number: that of the network when nothing moves."""
    y, penalties = TARGETS[estimator], {"alpha": 30.0, "l1_ratio": 0.5, "bias_alpha": 7.0}
    net = network(estimator, dropout_rate=dropout_rate, standardize=False, **penalties, **REST)
    if estimator is DropoutMLPClassifier:
        loss = -np.log(net.fit(X, y).predict_proba(X)[np.arange(150), y]).mean()
    else:
        loss = np.square(net.fit(X, y).predict(X) - y).mean() / 2
    weights, biases = (
        np.concatenate([p.ravel() for p in of]) for of in (net.coefs_, net.intercepts_)
    )
    penalty = 30.0 / 2 * (np.abs(weights).sum() + (weights**2).sum() / 2)
    penalty += 7.0 / 2 * (np.abs(biases).sum() + (biases**2).sum() / 2)
    n_batches = 3  # each of which has the whole of it, divided by the rows of the batch
    assert penalty > loss
    assert_allclose(-net._state.patience.best, loss + n_batches * penalty / 150, rtol=1e-9)


@over_estimators
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_training_goes_on_while_only_the_penalty_gains(estimator, monkeypatch):
    """Weights that shrink make the predictions worse, but the loss with the penalty better."""
    y, losses, measure = TARGETS[estimator], [], Monitor.measure

    def measure_and_record(self, loss, penalty):
        losses.append(self.evaluation())
        return measure(self, loss, penalty)

    net = network(estimator, warm_start=True, alpha=0.0, max_iter=99, early_stopping=True)
    net.set_params(learning_rate_init=0.01, n_iter_no_change=99).fit(X, y)  # a good start
    net.set_params(alpha=300.0, early_stopping=False, n_iter_no_change=1, max_iter=8)
    monkeypatch.setattr(Monitor, "measure", measure_and_record)
    net.fit(X, y)
    assert (np.diff(losses) > 0).all()
    assert net.n_iter_ == len(losses) == 8
