"""What the tests let a cluster do, and how its results compare with those of one process."""

import os
import signal
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed, parallel_config
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skdropout import DropoutMLPClassifier
from skdropout._training.data import Samples
from skdropout.schedules import Schedule

X, Y = make_classification(400, 8, random_state=0)
WEIGHT = np.random.default_rng(0).uniform(0.5, 2.0, len(Y))
FOLDS = list(StratifiedKFold(3).split(X, Y))
GRID = {"alpha": [1e-4, 1e-1, 1.0], "dropout_rate": [0.0, 0.3]}

ENSEMBLES = {
    "plain": ({}, X, None),
    "weighted": ({"class_weight": "balanced"}, X, WEIGHT),
    "sparse": ({}, csr_array(np.where(np.abs(X) < 1, 0.0, X)), None),
    "large": ({"hidden_layer_sizes": (400, 400), "cv": 2, "max_iter": 3, "batch_size": 1}, X, None),
    "adaptive": ({"learning_rate": "adaptive", "solver": "sgd", "max_iter": 6}, X, None),
}
"""Arguments, rows, weights. What an optimizer remembers of "large" is more than a megabyte."""
each_ensemble = pytest.mark.parametrize("kind", ENSEMBLES)

SENT: list[str] = []
"""What this process has sent to others."""


def network(**arguments):
    """A small network, not fitted."""
    given = {"hidden_layer_sizes": (16,), "max_iter": 12, "cv": None}
    return DropoutMLPClassifier(random_state=0, **(given | arguments))


def make_search(scoring=None, *, refit=True, **arguments):
    """A search over six candidates by three folds."""
    return GridSearchCV(network(**arguments), GRID, scoring=scoring, refit=refit, cv=FOLDS)


def fit_ensemble(kind, **more):
    arguments, rows, weight = ENSEMBLES[kind]
    given = {"cv": 5, "max_iter": 40, "n_iter_no_change": 100} | arguments | more
    return network(**given).fit(rows, Y, weight)


def assert_same_search(one, other):
    """All scores, what was chosen, and what it predicts."""
    for name in one.cv_results_:
        if name.endswith("score"):
            assert_array_equal(one.cv_results_[name], other.cv_results_[name])
    assert one.best_params_ == other.best_params_
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def assert_same_members(one, other):
    """All networks of two ensembles, and how they came to be."""
    assert one.history_ == other.history_
    assert_array_equal(one.oof_decision_function_, other.oof_decision_function_)
    for mine, its in zip(one.estimators_, other.estimators_, strict=True):
        for array, same in zip(
            mine.coefs_ + mine.intercepts_, its.coefs_ + its.intercepts_, strict=True
        ):
            assert_array_equal(array, same)


def die_once(folder):
    """Kill this process, if it is the first to come here."""
    try:
        (folder / "dead").touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def score_or_die(folder, estimator, X, y):
    """The accuracy; whoever is asked for about the seventh one dies before."""
    if len(list(folder.iterdir())) >= 6:
        die_once(folder)
    (folder / uuid4().hex).touch()
    return estimator.score(X, y)


@dataclass
class Deadly(Schedule):
    """A constant learning rate; whoever comes to the fourth epoch first dies of it."""

    folder: Path

    def __call__(self, progress):
        if progress.epoch == 3:
            die_once(self.folder)
        return 1.0


class Listener:
    """A callback that leaves a file for each epoch, and remembers them."""

    max_propagation_depth = None

    def __init__(self, folder):
        self.folder, self.n_epochs = folder, 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            self.n_epochs += 1
            (self.folder / uuid4().hex).touch()


class CountedTable(pd.DataFrame):
    """Tells when it is pickled."""

    def __reduce__(self):
        SENT.append("table")
        return pd.DataFrame, (self.to_numpy(),)


class CountedSamples(Samples):
    """Tell when they are pickled."""

    def __reduce__(self):
        SENT.append("samples" if self.kept is None else "where they are")
        return super().__reduce__()


def scores_in_stacks(alphas):
    """The scores of some candidates, whose networks are trained together."""
    with parallel_config("skdropout"):
        search = GridSearchCV(network(), GRID | {"alpha": alphas}, cv=FOLDS, refit=False)
        return search.fit(X, Y).cv_results_["mean_test_score"]


def scores_of_parts():
    """Those of the whole grid, a part of it in each task."""
    parts = Parallel(n_jobs=2)(delayed(scores_in_stacks)([alpha]) for alpha in GRID["alpha"])
    return np.array(list(chain(*parts)))
