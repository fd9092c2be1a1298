"""The spirals of "Neural Networks from Scratch in Python" (Kinsley and Kukieła, 2020).

Its chapter on dropout trains a 2-512-3 network on 1,000 points of each of three arms and reports
73.7 % on fresh points. Here are its settings, on so many points and on a tenth of them; two numbers
of theirs changed, one at a time; and networks with the defaults of this library, up to two or three
arguments. Accuracy on 1,000 fresh points of each arm; a seed draws points, first weights and
dropout. TIME
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import warnings
from math import inf

import numpy as np
from common import mean_and_error, save
from skdropout.initializers import Normal
from sklearn.exceptions import ConvergenceWarning

from skdropout import DropoutMLPClassifier
from skdropout.schedules import InverseTime

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
    (100, 3, "as printed, Adam at 0.001", PRINTED | dict(learning_rate_init=0.001)),
    (100, 3, "as printed, weights N(0, 1)", PRINTED | dict(weight_init=Normal())),
    (100, 5, "ours", OURS),
    (1000, 2, "as printed", PRINTED),
    (1000, 5, "ours", OURS),
]


def draw_spirals(n_points, seed):
    """Three arms of so many points, as the book draws them."""
    rng = np.random.default_rng(seed)
    radius, arms = np.linspace(0, 1, n_points), []
    for arm in range(3):
        angle = np.linspace(4 * arm, 4 * (arm + 1), n_points) + 0.2 * rng.normal(size=n_points)
        arms.append(radius * [np.sin(2.5 * angle), np.cos(2.5 * angle)])
    return np.hstack(arms).T.astype(np.float32), np.repeat(range(3), n_points)


def fit(n_points, arguments, seed):
    """A network, and its accuracies in percent on its own points and on fresh ones."""
    X, y = draw_spirals(n_points, seed)
    network = DropoutMLPClassifier(**arguments, random_state=seed)
    if arguments["hidden_layer_sizes"] == (512,):  # lambda w^2 a point, the first layer alone
        alpha = [2 * 5e-4 * len(X), 0]
        network.set_params(batch_size=len(X), alpha=alpha, bias_alpha=alpha)
    network.fit(X, y)
    return 100 * network.score(X, y), 100 * network.score(*draw_spirals(1000, 1000 + seed))


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)  # to stop after 10,001 steps is the plan
    results = []
    for n_points, n_seeds, name, arguments in CASES:
        scores = np.array([fit(n_points, arguments, seed) for seed in range(n_seeds)])
        accuracy, error = mean_and_error(scores[:, 1])
        entry = {"points": n_points, "seeds": n_seeds, "network": name, "accuracy": accuracy}
        entry |= {"error": error, "train_accuracy": scores[:, 0].mean()}
        results.append(entry | {"accuracies": scores[:, 1].tolist()})
        print(entry, flush=True)
    settings = {"printed": PRINTED, "ours": OURS}
    protocol = {name: {k: repr(v) for k, v in s.items()} for name, s in settings.items()}
    save("spirals", protocol | {"penalty": "5e-4 w^2, of the first layer alone"}, results)
