"""Published results on the sonar echoes, measured again: accuracies in percent.

- Gorman and Sejnowski 1988 (doi.org/10.1016/0893-6080(88)90023-8): thirteen random parts, each
  tested once, one hidden layer of 12 or of 24 units. Trained as there, but for one output in place
  of two and small errors, which are not taken for zero: logistic units, squared error, a rate of 2
  without momentum, a step an echo, 300 epochs. Then with dropout, and with all defaults. Each seed
  draws the parts, the first weights and the dropout.
- Rate and size chosen by a search inside each of the 3 x 10 folds, and tested outside of it.
- Three networks of a Keras tutorial (Brownlee 2016, machinelearningmastery.com): 60-30 units
  without dropout, with 0.2 of the inputs and with 0.2 of the hidden units dropped, 10 x 10 folds.

Twenty minutes on two cores.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import warnings
from functools import partial
from math import inf

from common import mean_and_error, save
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier
from skdropout.datasets import load_sonar
from skdropout.initializers import Uniform

AS_PUBLISHED = dict(
    cv=None,
    standardize=False,
    activation="logistic",
    dropout_rate=0,
    loss="squared_error",
    weight_init=Uniform(-0.3, 0.3),
    solver="sgd",
    momentum=0,
    nesterovs_momentum=False,
    learning_rate="constant",
    learning_rate_init=2.0,
    batch_size=1,
    max_iter=300,
    n_iter_no_change=inf,
    alpha=0,
    label_smoothing=0,
    weight_decay=0,
)
DROPPED = dict(
    cv=None,
    standardize=False,
    activation="relu",
    dropout="batchwise",
    dropout_rate=0.2,
    solver="adam",
    learning_rate="cosine",
    learning_rate_init=0.01,
    batch_size=32,
    max_iter=200,
    alpha=0,
    label_smoothing=0,
    weight_decay=0,
)
GRID = {
    "dropoutmlpclassifier__dropout_rate": [0.0, 0.2, 0.5],
    "dropoutmlpclassifier__hidden_layer_sizes": [(30,), (100,), (60, 30)],
}
TUTORIAL = dict(
    cv=None,
    standardize=False,
    hidden_layer_sizes=(60, 30),
    activation="relu",
    dropout="bernoulli",
    dropout_rate=0,
    solver="sgd",
    nesterovs_momentum=False,
    learning_rate="constant",
    batch_size=16,
    max_iter=300,
    n_iter_no_change=inf,
    alpha=0,
    label_smoothing=0,
    weight_decay=0,
)
BOLD = TUTORIAL | dict(learning_rate_init=0.1, momentum=0.9, max_norm=3)
NETWORKS = {
    "no dropout": TUTORIAL | dict(learning_rate_init=0.01, momentum=0.8),
    "inputs": BOLD | dict(input_dropout_rate=0.2),
    "hidden": BOLD | dict(dropout_rate=0.2),
}
PUBLISHED = {"no dropout": 86.04, "inputs": 83.52, "hidden": 83.59}


def scaled(**arguments):
    """The network behind a scaler."""
    return make_pipeline(StandardScaler(), DropoutMLPClassifier(**arguments))


FIRST = {  # how to make a model, and the number of seeds
    "as published": (partial(DropoutMLPClassifier, **AS_PUBLISHED), 10),
    "dropout": (partial(scaled, **DROPPED), 30),
    "defaults": (DropoutMLPClassifier, 10),
}


def score(model, folds):
    """Accuracy over the folds of one repeat, in percent."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # to stop after 300 epochs is the plan
    return 100 * cross_val_score(model, *load_sonar(return_X_y=True), cv=folds).mean()


def repeat(make_model, make_folds, n_seeds):
    """Mean over the seeds and its standard error."""
    accuracies = Parallel(n_jobs=2)(
        delayed(score)(make_model(random_state=seed), make_folds(seed)) for seed in range(n_seeds)
    )
    accuracy, error = mean_and_error(accuracies)
    return {"accuracy": accuracy, "error": error, "accuracies": accuracies}


def measure_first():
    """The first networks on these data."""
    results = {}
    for units, published in (12, 84.7), (24, 84.5):
        results[units] = {"published": published}
        for name, (make_model, n_seeds) in FIRST.items():
            results[units][name] = repeat(
                partial(make_model, hidden_layer_sizes=(units,)),
                lambda seed: KFold(13, shuffle=True, random_state=seed),
                n_seeds,
            )
            print(f"{units} units, {name}", results[units][name], flush=True)
    return results


def measure_nested():
    """A search inside each outer fold."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    network = DropoutMLPClassifier(
        learning_rate="cosine", label_smoothing=0.05, cv=None, standardize=False, random_state=0
    )
    search = GridSearchCV(make_pipeline(StandardScaler(), network), GRID, cv=folds)
    outer = RepeatedStratifiedKFold(n_splits=10, n_repeats=3, random_state=1)
    accuracies = cross_val_score(search, *load_sonar(return_X_y=True), cv=outer, n_jobs=2)
    by_repeat = 100 * accuracies.reshape(3, 10).mean(axis=1)
    accuracy, error = mean_and_error(by_repeat)
    results = {"accuracy": accuracy, "error": error, "accuracies": by_repeat.tolist()}
    print("nested", results, flush=True)
    return results


def measure_tutorial():
    """The three networks."""
    results = {}
    for name, arguments in NETWORKS.items():
        results[name] = {"published": PUBLISHED[name]} | repeat(
            partial(scaled, **arguments),
            lambda seed: StratifiedKFold(10, shuffle=True, random_state=seed),
            10,
        )
        print(name, results[name], flush=True)
    return results


if __name__ == "__main__":
    protocol = {"as published": repr(AS_PUBLISHED), "dropout": repr(DROPPED)}
    protocol |= {"grid": GRID, "nested": "the defaults but for the grid"}
    protocol["tutorial"] = {name: repr(value) for name, value in TUTORIAL.items()}
    save(
        "sonar",
        protocol,
        {
            "first": measure_first(),
            "nested": measure_nested(),
            "tutorial": measure_tutorial(),
        },
    )
