"""Monte-Carlo dropout on Boston housing, as in Gal and Ghahramani 2016: arxiv.org/abs/1506.02142.

Table 1 there: one layer of 50 rectified linear units, the same rate for inputs and units, 20 random
splits of 90 to 10 %. Root mean squared error in thousands of dollars, and log-likelihood: the mean
of normal densities around the draws, of precision tau. Rate and tau are those that have the best
log-likelihood on a fifth of the training rows, which a network is then trained on with the others.
That for 400 epochs, as in the paper, and for 4,000, as the authors did later. Fifteen minutes.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import warnings
from itertools import product
from math import inf, log, pi

import numpy as np
from common import load_folder, mean_and_error, save
from joblib import Parallel, delayed, parallel_config
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skdropout import DropoutMLPRegressor

SETTINGS = dict(
    cv=None,
    hidden_layer_sizes=(50,),
    activation="relu",
    dropout="bernoulli",
    solver="adam",
    learning_rate="constant",
    learning_rate_init=0.001,
    batch_size=128,
    n_iter_no_change=inf,
    weight_init="glorot_uniform",
    weight_decay=0,
)
RATES = (0.005, 0.01, 0.05, 0.1)
TAUS = (0.1, 0.15, 0.2)
LENGTH_SCALE = 0.01
N_SPLITS = 20


def fit(X, y, seed, n_epochs, rate, tau):
    """A trained network; the prior of the weights is their penalty."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # to stop after these epochs is the plan
    network = DropoutMLPRegressor(
        **SETTINGS,
        dropout_rate=rate,
        input_dropout_rate=rate,
        alpha=LENGTH_SCALE**2 * (1 - rate) / (2 * tau),
        max_iter=n_epochs,
        random_state=seed,
    )
    return network.fit(X, y)


def find_log_likelihood(draws, y, tau):
    """Mean over the rows of ``log mean_t N(y; draws_t, 1 / tau)``."""
    exponents = logsumexp(-0.5 * tau * (y - draws) ** 2, axis=0)
    return float(exponents.mean()) - log(len(draws)) + 0.5 * log(tau / (2 * pi))


def judge(X, y, parts, seed, n_epochs, rate, tau, n_draws):
    """Both errors, of the mean of the draws and of the whole network, and the log-likelihood."""
    train, test = parts
    network = fit(X[train], y[train], seed, n_epochs, rate, tau)
    draws = network.predict_samples(X[test], n_draws, random_state=seed)
    errors = [y[test] - draws.mean(axis=0), y[test] - network.predict(X[test])]
    rmse = [float(np.sqrt(np.mean(error**2))) for error in errors]
    return *rmse, find_log_likelihood(draws, y[test], tau)


def measure(X, y, n_epochs):
    """Choose rate and tau on each split, train and test."""
    grid, seeds = [*product(RATES, TAUS)], range(N_SPLITS)
    splits = [train_test_split(np.arange(len(y)), test_size=0.1, random_state=i) for i in seeds]
    inner = [train_test_split(train, test_size=0.2, random_state=0) for train, _ in splits]
    tried = Parallel()(
        delayed(judge)(X, y, parts, seed, n_epochs, rate, tau, 1_000)
        for seed, parts in enumerate(inner)
        for rate, tau in grid
    )
    tried = np.reshape([log_likelihood for *_, log_likelihood in tried], (N_SPLITS, len(grid)))
    chosen = [grid[i] for i in tried.argmax(axis=1)]
    scores = Parallel()(
        delayed(judge)(X, y, parts, seed, n_epochs, *chosen[seed], 10_000)
        for seed, parts in enumerate(splits)
    )
    results = {"chosen": chosen}
    names = "rmse", "rmse_whole", "log_likelihood"
    for name, values in zip(names, zip(*scores, strict=True), strict=True):
        mean, error = mean_and_error(values)
        results |= {name: mean, f"{name}_error": error, f"{name}_values": values}
    print(n_epochs, results, flush=True)
    return results


if __name__ == "__main__":
    X, y = load_folder("mixed/regression")["boston"]
    protocol = {name: repr(value) for name, value in SETTINGS.items()}
    protocol |= {"rates": RATES, "taus": TAUS, "length_scale": LENGTH_SCALE, "splits": N_SPLITS}
    with parallel_config("skdropout"):
        save("gal", protocol, {n_epochs: measure(X, y, n_epochs) for n_epochs in (400, 4000)})
