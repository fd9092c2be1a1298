"""Results of Srivastava et al. 2014 on MNIST, measured again: jmlr.org/papers/v15/srivastava14a.

Three experiments, each a word of the command line; errors on the 10,000 test images in percent:

errors        table 2: three layers of 1024 units with dropout and max-norm, and the same without
              dropout; McNemar's test between them; and figure 11: the mean of k thinned networks
              against the whole one. Three quarters of an hour on two cores
regularizers  table 9: weight decay alone, dropout with it, dropout with max-norm, on 10,000 images
              and on all; the strength of each chosen on other 10,000 training images, and McNemar's
              test between those of all. An hour
data-size     figure 10: with and without dropout on 100 to 10,000 images. Twenty minutes
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
from math import sqrt

import numpy as np
from common import load_mnist, mean_and_error, save
from joblib import Parallel, delayed
from scipy.stats import binomtest

from skdropout import DropoutMLPClassifier
from skdropout.optimizers import Optimizer


class RisingMomentum(Optimizer):
    """Momentum that rises from one half to `momentum` in the first `n_steps` steps."""

    momentum: float = 0.95
    n_steps: int = 1000

    slots = ("v",)

    def update(self, p, g, v, *, tmp, t, lr):
        v *= 0.5 + (self.momentum - 0.5) * min(t / self.n_steps, 1.0)
        v -= np.multiply(g, lr, out=tmp)
        p += v


NETWORK = dict(
    cv=None,
    standardize=False,
    hidden_layer_sizes=(1024,) * 3,
    activation="relu",
    dropout="bernoulli",
    solver=RisingMomentum(),
    learning_rate="cosine",
    batch_size=128,
    alpha=0,
    label_smoothing=0,
    weight_decay=0,
)
DROPPED = dict(dropout_rate=0.5, input_dropout_rate=0.2)
RATE = dict(learning_rate_init=0.02)
BOUNDED = RATE | dict(max_norm=2.0)  # as there, but for weights that are not halved afterwards
N_EPOCHS = 100


def fit(X, y, seed, n_epochs, **arguments):
    """A trained network."""
    network = DropoutMLPClassifier(**NETWORK | arguments, max_iter=n_epochs, random_state=seed)
    return network.fit(X, y)


def measure_errors(data):
    """Both networks trained on all images, with one seed; McNemar's test; thinned networks."""
    X, y, X_test, y_test = data
    ways = {"dropout": BOUNDED | DROPPED, "no dropout": BOUNDED | dict(dropout_rate=0)}
    networks = Parallel(n_jobs=2)(
        delayed(fit)(X, y, 0, N_EPOCHS, **arguments) for arguments in ways.values()
    )
    results = judge(dict(zip(ways, networks, strict=True)), data)
    results["thinned"] = average(networks[0], X_test, y_test)
    return results


def judge(networks, data):
    """Errors of networks, and McNemar's test of each against the one before."""
    X, y, X_test, y_test = data
    results, before = {}, None
    for name, network in networks.items():
        wrong = network.predict(X_test) != y_test
        error = float(wrong.mean())
        results[name] = {
            "n_epochs": network.n_iter_,
            "error": 100 * error,
            "standard_error": 100 * sqrt(error * (1 - error) / len(y_test)),
            "train_error": 100 * (1 - network.score(X, y)),
        }
        if before is not None:
            only = int(np.sum(before & ~wrong)), int(np.sum(wrong & ~before))
            p = float(binomtest(only[0], sum(only)).pvalue)
            results[name] |= {"only_before_wrong": only[0], "only_this_wrong": only[1], "p": p}
        print(name, results[name], flush=True)
        before = wrong
    return results


def average(network, X, y, counts=(1, 2, 3, 5, 10, 20, 30, 50, 70, 100), n_repeats=5):
    """Errors of means of k thinned networks, drawn `n_repeats` times."""
    errors = np.empty((len(counts), n_repeats))
    for repeat in range(n_repeats):
        draws = network.predict_proba_samples(X, max(counts), random_state=repeat)
        for i, k in enumerate(counts):
            errors[i, repeat] = 100 * np.mean(draws[:k].mean(axis=0).argmax(axis=1) != y)
    return [
        {"k": k, "error": mean, "standard_error": error}
        for k, mean, error in zip(counts, *mean_and_error(errors), strict=True)
    ]


WAYS = {
    "L2": [RATE | dict(dropout_rate=0, alpha=alpha) for alpha in (0.1, 0.5, 2.0)],
    "dropout and L2": [RATE | DROPPED | dict(alpha=alpha) for alpha in (0.001, 0.01, 0.1)],
    "dropout and max-norm": [RATE | DROPPED | dict(max_norm=bound) for bound in (1.0, 2.0, 3.0)],
}
EPOCHS_OF_ALL = {"L2": 25, "dropout and L2": 40, "dropout and max-norm": 40}


def measure_regularizers(data, n_images=10_000, n_epochs=40):
    """Three ways to regularise, each as strong as does best on other training images."""
    X, y, *_ = data
    rows = np.random.default_rng(100).permutation(len(X))
    train, held_out = rows[:n_images], rows[n_images : 2 * n_images]
    networks = Parallel(n_jobs=2)(
        delayed(fit)(X[train], y[train], 0, n_epochs, **strength)
        for strengths in WAYS.values()
        for strength in strengths
    )
    networks, ways, tried = iter(networks), {}, {}
    for name, strengths in WAYS.items():
        errors = [100 * (1 - next(networks).score(X[held_out], y[held_out])) for _ in strengths]
        ways[name] = strengths[int(np.argmin(errors))]
        tried[name] = {"strengths": strengths, "errors": errors, "chosen": ways[name]}
        print(name, tried[name], flush=True)
    results = compare(data, ways, n_images, 3, n_epochs)
    networks = Parallel(n_jobs=2)(
        delayed(fit)(X, y, 0, EPOCHS_OF_ALL[name], **arguments) for name, arguments in ways.items()
    )
    of_all = judge(dict(zip(ways, networks, strict=True)), data)
    return {"n_epochs": n_epochs, "held_out": tried, "test": results, "all": of_all}


def measure_data_size(data, n_seeds=3, sizes=(100, 500, 1_000, 5_000, 10_000)):
    """With and without dropout; at least a thousand steps, at least forty epochs."""
    ways = {"no dropout": BOUNDED | dict(dropout_rate=0), "dropout": BOUNDED | DROPPED}
    results = {}
    for n in sizes:
        n_epochs = max(40, round(1000 / -(-n // NETWORK["batch_size"])))
        results[n] = {"n_epochs": n_epochs} | compare(data, ways, n, n_seeds, n_epochs)
    return results


def find_error(data, n_images, seed, n_epochs, arguments):
    """Test error in percent after training on images drawn by the seed."""
    X, y, X_test, y_test = data
    rows = np.random.default_rng(seed).permutation(len(X))[:n_images]
    size = {"batch_size": min(NETWORK["batch_size"], n_images)}
    network = fit(X[rows], y[rows], seed, n_epochs, **arguments | size)
    return 100 * (1 - network.score(X_test, y_test))


def compare(data, ways, n_images, n_seeds, n_epochs):
    """Errors of each way to train, and how far they are from those of the way before."""
    errors = Parallel(n_jobs=2)(
        delayed(find_error)(data, n_images, seed, n_epochs, arguments)
        for arguments in ways.values()
        for seed in range(n_seeds)
    )
    errors = np.reshape(errors, (len(ways), n_seeds))
    results = {
        name: {"error": mean, "standard_error": error, "errors": row.tolist()}
        for name, row, mean, error in zip(ways, errors, *mean_and_error(errors), strict=True)
    }
    differences = zip([*ways][1:], *mean_and_error(np.diff(errors, axis=0)), strict=True)
    for name, difference, error in differences:
        results[name] |= {"difference": difference, "difference_error": error}
    print(n_images, results, flush=True)
    return results


EXPERIMENTS = {
    "errors": measure_errors,
    "regularizers": measure_regularizers,
    "data-size": measure_data_size,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiment", choices=EXPERIMENTS)
    experiment = parser.parse_args().experiment
    protocol = {name: repr(value) for name, value in NETWORK.items()}
    protocol |= {"dropped": DROPPED, "bounded": BOUNDED}
    results = EXPERIMENTS[experiment](load_mnist())
    save(f"srivastava_{experiment.replace('-', '_')}", protocol, results)
