"""What `soak.py` does again and again: one function for each situation, all of them seeded.

Each returns the arrays that it came to, which have to be the same in every round.
"""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
import numpy as np
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout.optimizers import SGD

warnings.simplefilter("ignore", ConvergenceWarning)

X, Y = make_classification(300, 20, n_informative=10, n_classes=3, random_state=0)
NUMBERS = make_regression(300, 20, noise=5.0, random_state=0)
LABELS = make_multilabel_classification(300, 20, n_classes=4, random_state=0)
RNG = np.random.default_rng(0)
WORDS = csr_array(RNG.random((200, 6_000)) * (RNG.random((200, 6_000)) < 0.01))
HAS_WORD = WORDS[:, :500].sum(axis=1) > 2.5


def classifier(**arguments):
    """A small network that is quick to train."""
    given = {"hidden_layer_sizes": (40, 20), "dropout_rate": 0.2, "max_iter": 15, "cv": None}
    return DropoutMLPClassifier(**given | {"random_state": 0} | arguments)


def regressor(**arguments):
    """The same for numbers."""
    given = {"hidden_layer_sizes": (40,), "dropout_rate": 0.1, "max_iter": 15, "cv": None}
    return DropoutMLPRegressor(**given | {"random_state": 0} | arguments)


FITTED, FITTED_ENSEMBLE = classifier().fit(X, Y), classifier(cv=3).fit(X, Y)
FITTED_REGRESSOR = regressor().fit(*NUMBERS)
LARGER = classifier(hidden_layer_sizes=(200, 200), max_iter=6, cv=4, n_jobs=2)


def fit_one_network():
    return [classifier().fit(X, Y).predict_proba(X)]


def fit_a_regressor():
    return [regressor(cv=3).fit(*NUMBERS).oof_prediction_]


def fit_many_labels():
    return [classifier().fit(*LABELS).predict_proba(LABELS[0])]


def fit_with_every_scheme():
    schemes = "batchwise", "bernoulli", "gaussian", "dropconnect"
    return [classifier(dropout=scheme, max_iter=4).fit(X, Y).coefs_[0] for scheme in schemes]


def fit_with_every_solver():
    solvers = "nadam", "amsgrad", "rmsprop", "adagrad", "adadelta", "sgd"
    return [classifier(solver=solver, max_iter=4).fit(X, Y).coefs_[0] for solver in solvers]


def fit_by_lbfgs():
    return classifier(solver="lbfgs", dropout_rate=0).fit(X, Y).coefs_


def fit_words_lazily():
    network = classifier(hidden_layer_sizes="auto", max_iter=3)
    return [network.fit(WORDS, HAS_WORD).predict_proba(WORDS)]


def fit_again_warm():
    network = classifier(batch_norm=True, warm_start=True, max_iter=5)
    return [network.fit(X, Y).fit(X, Y).predict_proba(X)]


def fit_until_a_score_rests():
    network = classifier(early_stopping=True, scoring="balanced_accuracy", max_iter=40)
    return [network.fit(X, Y).predict_proba(X), network.history_["validation_score"]]


def fit_an_ensemble():
    ensemble = classifier(cv="auto", dropout_rate="auto").fit(X, Y)
    return [ensemble.oof_decision_function_, ensemble.predict_proba(X)]


def fit_an_ensemble_in_threads():
    with joblib.parallel_config("threading"):
        return [
            classifier(cv=4, n_jobs=2, hidden_layer_sizes=(200, 200)).fit(X, Y).predict_proba(X)
        ]


def fit_an_ensemble_in_processes():
    return [classifier(cv=4, n_jobs=2, hidden_layer_sizes=(200, 200)).fit(X, Y).predict_proba(X)]


def search_in_stacks():
    grid = {"alpha": [1e-4, 1e-2], "dropout_rate": [0.1, 0.4]}
    with joblib.parallel_config("skdropout"):
        search = GridSearchCV(classifier(max_iter=6), grid, cv=3).fit(X, Y)
    return [search.cv_results_["mean_test_score"], search.predict_proba(X)]


def cross_validate_a_pipeline():
    model = make_pipeline(StandardScaler(), classifier(max_iter=6, standardize=False))
    return [cross_val_predict(model, X, Y, cv=3, method="predict_proba")]


def learn_a_stream():
    network = classifier()
    for start in range(0, 300, 30):
        network.partial_fit(X[start : start + 30], Y[start : start + 30], classes=[0, 1, 2])
        if start == 150:
            network = pickle.loads(pickle.dumps(network))
    return [network.predict_proba(X), network.loss_curve_]


def predict_in_pieces_of_all_sizes():
    return [model.predict_proba(X[:n]) for model in (FITTED, FITTED_ENSEMBLE) for n in (1, 7, 300)]


def predict_in_threads():
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(FITTED_ENSEMBLE.predict_proba, [X] * 16))


def predict_with_dropout():
    uncertainty = FITTED.predict_uncertainty(X, n_samples=20, random_state=0)
    draws = FITTED_ENSEMBLE.predict_proba_samples(X, 6, random_state=0)
    spread = FITTED_REGRESSOR.predict(NUMBERS[0], return_std=True, random_state=0)
    return [*uncertainty.values(), draws, *spread]


def pickle_and_copy():
    copies = [pickle.loads(pickle.dumps(FITTED_ENSEMBLE)), deepcopy(FITTED_ENSEMBLE)]
    return [copied.predict_proba(X) for copied in copies]


def read_from_files():
    with TemporaryDirectory() as folder:
        model, rows = Path(folder) / "model.joblib", Path(folder) / "rows.npy"
        joblib.dump(FITTED, model)
        np.save(rows, X)
        mapped = np.load(rows, mmap_mode="r")
        read = joblib.load(model, mmap_mode="r").predict_proba(mapped)
        return [read, classifier(max_iter=3).fit(mapped, Y).predict_proba(X)]


def clone_and_change():
    changed = clone(FITTED).set_params(activation="tanh", hidden_layer_sizes=(10,))
    return [changed.fit(X, Y).predict_proba(X)]


def go_to_scikit_learn():
    return [FITTED.to_sklearn().predict_proba(X), FITTED_ENSEMBLE.to_sklearn().predict_proba(X)]


class Failing(SGD):
    """Raises an error in the middle of a training."""

    def update(self, p, g, *slots, tmp, t, lr):
        if t == 12:
            raise ZeroDivisionError
        super().update(p, g, *slots, tmp=tmp, t=t, lr=lr)


def fail_and_stay_as_before():
    network = classifier(max_iter=4).fit(X, Y)
    for arguments in ({"alpha": -1}, {"solver": Failing()}, {"max_norm": "three"}):
        before = network.get_params()
        try:
            network.set_params(**arguments).fit(X, Y)
        except (ValueError, TypeError, ZeroDivisionError):
            network.set_params(**before)
        else:
            raise AssertionError(f"{arguments} did not fail")
    return [network.predict_proba(X)]


SITUATIONS = (
    *(fit_one_network, fit_a_regressor, fit_many_labels, fit_with_every_scheme),
    *(fit_with_every_solver, fit_by_lbfgs, fit_words_lazily, fit_again_warm),
    *(fit_until_a_score_rests, fit_an_ensemble, fit_an_ensemble_in_threads),
    *(fit_an_ensemble_in_processes, search_in_stacks, cross_validate_a_pipeline, learn_a_stream),
    *(predict_in_pieces_of_all_sizes, predict_in_threads, predict_with_dropout, pickle_and_copy),
    *(read_from_files, clone_and_change, go_to_scikit_learn, fail_and_stay_as_before),
)
