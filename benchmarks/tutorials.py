"""Tutorials that many have learnt dropout from, trained with their own settings.

Three words of the command line, for the three:

eleven-lines  A. Trask's posts of 2015 (iamtrask.github.io): what a network without a hidden layer
              answers after 10,000 steps, the mean error of one with four hidden units, and how many
              answers are right with dropout. A minute
parts         B. Klein's networks for MNIST that stay thinned for a tenth of an epoch
              (python-course.eu), here in batches of ten by Adam: accuracy on the test images, three
              seeds. Two minutes
spirals       "Neural Networks from Scratch in Python" (Kinsley and Kukieła, 2020): a 2-512-3
              network on three arms, with the settings of the book, on as many points and on a tenth
              of them; with another rate or start; and networks with the defaults of this library,
              up to three arguments. Accuracy on 1,000 fresh points of each arm; points, first
              weights and dropout are drawn by a seed. Ten minutes
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import warnings
from math import inf

import numpy as np
from common import load_mnist, mean_and_error, save
from sklearn.exceptions import ConvergenceWarning

from skdropout import DropoutMLPClassifier
from skdropout.dropout import Batchwise
from skdropout.initializers import Normal, Uniform
from skdropout.schedules import InverseTime

OLD = dict(
    activation="logistic",
    loss="squared_error",
    fit_intercept=False,
    alpha=0,
    weight_decay=0,
    standardize=False,
    cv=None,
)
ELEVEN_LINES = OLD | dict(
    weight_init=Uniform(-1, 1),
    dropout="bernoulli",
    dropout_rate=0,
    solver="sgd",
    momentum=0,
    learning_rate="constant",
    learning_rate_init=4,
    batch_size=4,
    max_iter=10_000,
    n_iter_no_change=inf,
)
PARTS = OLD | dict(
    hidden_layer_sizes=(100,),
    dropout=Batchwise(batches_per_mask=600),
    batch_size=10,
    max_iter=3,
)
PRINTED = dict(
    hidden_layer_sizes=(512,),
    dropout="bernoulli",
    dropout_rate=0.1,
    weight_decay=0,
    weight_init=Normal(std=0.01),
    solver="adam",
    epsilon=1e-7,
    learning_rate=InverseTime(decay=5e-5),
    learning_rate_init=0.05,
    max_iter=10_001,
    n_iter_no_change=inf,
    standardize=False,
    cv=None,
)
OURS = dict(hidden_layer_sizes=(128, 64), dropout_rate=0.1, learning_rate_init=0.01)
CASES = [  # points of an arm, seeds, name, arguments
    (100, 5, "as printed", PRINTED),
    (100, 5, "ours", OURS),
    (1000, 2, "as printed", PRINTED),
    (1000, 2, "ours", OURS),
    (100, 2, "as printed, but Adam at 0.001", PRINTED | dict(learning_rate_init=0.001)),
    (100, 2, "as printed, but weights N(0, 1)", PRINTED | dict(weight_init=Normal())),
]


def measure_eleven_lines():
    """Answers and mean errors; a rate of 1 for a sum over four rows is one of 4 for their mean."""
    X, y = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]), np.array([0, 1, 1, 0])

    def answer(sizes, targets, seed, **arguments):
        network = DropoutMLPClassifier(sizes, **ELEVEN_LINES | arguments, random_state=seed)
        return network.fit(X, targets).predict_proba(X)[:, 1]

    yield "answers", answer((), X[:, 0], 0).tolist()
    for n_steps, n_seeds in {10_000: 10, 50_000: 3}.items():
        answers = np.array([answer((4,), y, seed, max_iter=n_steps) for seed in range(n_seeds)])
        mean, error = mean_and_error(np.abs(answers - y).mean(axis=1))
        yield f"{n_steps} steps", {"seeds": n_seeds, "error": mean, "standard_error": error}
    dropped = dict(dropout_rate=0.2, learning_rate_init=2)
    answers = np.array([answer((4,), y, seed, **dropped) for seed in range(10)])
    n_right = int(np.sum((answers > 0.5) == y))
    yield "dropout", {"right": n_right, "answers": answers.size}


def measure_parts(n_seeds=3):
    """Accuracy in percent with 0.3 of units and pixels dropped, and with none."""
    X, y, X_test, y_test = load_mnist()
    for rate in (0.3, 0):
        network = DropoutMLPClassifier(**PARTS, dropout_rate=rate, input_dropout_rate=rate)
        accuracies = []
        for seed in range(n_seeds):
            network.set_params(random_state=seed).fit(X, y)
            accuracies.append(100 * network.score(X_test, y_test))
        mean, error = mean_and_error(accuracies)
        yield f"rate {rate}", {"accuracy": mean, "error": error, "accuracies": accuracies}


def draw_spirals(n_points, seed):
    """Three arms of so many points, as the book draws them."""
    rng = np.random.default_rng(seed)
    radius, arms = np.linspace(0, 1, n_points), []
    for arm in range(3):
        angle = np.linspace(4 * arm, 4 * (arm + 1), n_points) + 0.2 * rng.normal(size=n_points)
        arms.append(radius * [np.sin(2.5 * angle), np.cos(2.5 * angle)])
    return np.hstack(arms).T.astype(np.float32), np.repeat(range(3), n_points)


def fit_spirals(n_points, arguments, seed):
    """A network, and its accuracies in percent on its own points and on fresh ones."""
    X, y = draw_spirals(n_points, seed)
    network = DropoutMLPClassifier(**arguments, random_state=seed)
    if arguments["hidden_layer_sizes"] == (512,):  # lambda w^2 a point, the first layer alone
        alpha = [2 * 5e-4 * len(X), 0]
        network.set_params(batch_size=len(X), alpha=alpha, bias_alpha=alpha)
    network.fit(X, y)
    return 100 * network.score(X, y), 100 * network.score(*draw_spirals(1000, 1000 + seed))


def measure_spirals():
    """All cases, the mean over the seeds of each."""
    for n_points, n_seeds, name, arguments in CASES:
        scores = np.array([fit_spirals(n_points, arguments, seed) for seed in range(n_seeds)])
        accuracy, error = mean_and_error(scores[:, 1])
        entry = {"points": n_points, "seeds": n_seeds, "network": name, "accuracy": accuracy}
        entry |= {"error": error, "train_accuracy": scores[:, 0].mean()}
        yield f"{name}, {n_points} points", entry | {"accuracies": scores[:, 1].tolist()}


EXPERIMENTS = {  # with the settings that the results shall tell
    "eleven-lines": (measure_eleven_lines, {"network": ELEVEN_LINES}),
    "parts": (measure_parts, {"network": PARTS}),
    "spirals": (measure_spirals, {"printed": PRINTED, "ours": OURS, "penalty": {"first": 5e-4}}),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiment", choices=EXPERIMENTS)
    experiment = parser.parse_args().experiment
    warnings.simplefilter("ignore", ConvergenceWarning)  # so many steps are the plan
    measure, settings = EXPERIMENTS[experiment]
    protocol = {name: {k: repr(v) for k, v in s.items()} for name, s in settings.items()}
    results = {}
    for name, result in measure():
        print(name, result, flush=True)
        results[name] = result
        save(f"tutorials_{experiment.replace('-', '_')}", protocol, results)
