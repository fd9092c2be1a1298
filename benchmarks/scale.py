"""Memory, time and accuracy as the data grow: rows that are mapped into memory, rows and columns.

Takes twenty minutes, with nothing else running, 16 GB of memory and 2 GB in the temporary folder:
``python benchmarks/scale.py [memory epoch accuracy]``. Each part is saved by itself. Times are of
contenders that take turns; memory is what a process has for itself (on Linux), at its peak beyond
what it had before: pages of the file that is mapped do not count, as the system takes them back
whenever it wants them.
"""

import argparse
import os
import re
import threading
import warnings
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from common import in_turns, load_mnist, save
from peers import TorchLoop
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from speed import ours, scikit_learn

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor

N_COLUMNS = 50
MANY = 10**7
COUNTS = [10**4, 10**5, 10**6, MANY]
FEW = 25_000
"""Rows of a first fit, after which all is loaded."""
AT_ONCE = 10**5

LAYERS, BATCH = (128, 128), 256


def write_rows(path, n_rows, n_columns=N_COLUMNS):
    """Random rows in float32, a file to be mapped into memory."""
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, n_columns))
    for start in range(0, n_rows, AT_ONCE):
        block = X[start : start + AT_ONCE]
        rng.standard_normal(out=block, dtype=np.float32)
    X.flush()


def numbers(X):
    """What a regressor learns of random rows."""
    return X[:, 0] + np.abs(X[:, 1]).astype(float)


def labels(X):
    """What a classifier learns of them: two classes."""
    return (numbers(X) > 0.5).astype(np.int64)


# What is measured: a function of rows and targets, which returns one of the rows to be measured


def fit(estimator, X, y):
    """Train, and count that."""
    return partial(estimator.fit, X, y)


def fit_in_part(estimator, X, y):
    """Go once through all rows, in chunks of so many."""

    def run():
        for start in range(0, len(X), AT_ONCE):
            block = slice(start, start + AT_ONCE)
            estimator.partial_fit(X[block], y[block], classes=[0, 1])

    return run


def predict(estimator, X, y):
    """Predict with a network of few rows."""
    return partial(estimator.fit(X[:FEW], y[:FEW]).predict, X)


def anonymous():
    """Megabytes that this process has for itself."""
    return int(re.search(r"RssAnon:\s*(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def measure_peak(path, n_rows, target, make, estimator):
    """Megabytes at the peak of a run, beyond those before; in a process of its own."""
    warnings.simplefilter("ignore")
    X = np.load(path, mmap_mode="r")[:n_rows]
    y = target(X)
    make(estimator, X[:FEW].copy(), y[:FEW])()
    run, seen, is_over = make(estimator, X, y), [], threading.Event()

    def watch():
        while not is_over.wait(0.002):
            seen.append(anonymous())

    before, watcher = anonymous(), threading.Thread(target=watch)
    watcher.start()
    try:
        run()
    finally:
        is_over.set()
        watcher.join()
    return max(seen, default=before) - before


def peak(*task):
    """The same from any process. What is freed there is given back at once, not kept for later."""
    os.environ["MALLOC_MMAP_THRESHOLD_"] = str(1 << 16)  # read when a process begins
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(measure_peak, task)


def memory():
    """Megabytes beyond the data, by rows of a file that is mapped into memory."""
    once = {"max_iter": 1, "batch_size": 1024, "random_state": 0}
    small = once | {"hidden_layer_sizes": (64,)}
    tasks = {
        "fit, classifier": (labels, fit, DropoutMLPClassifier(**once)),
        "fit, classifier, early_stopping": (
            labels,
            fit,
            DropoutMLPClassifier(early_stopping=True, **small),
        ),
        "fit, regressor": (numbers, fit, DropoutMLPRegressor(**small)),
        "partial_fit, classifier": (labels, fit_in_part, DropoutMLPClassifier(**small)),
        "predict, classifier": (labels, predict, DropoutMLPClassifier(**small)),
    }
    with TemporaryDirectory() as folder:
        path = f"{folder}/X.npy"
        write_rows(path, MANY)
        figures = {}
        for name, task in tasks.items():
            figures[name] = [peak(path, n_rows, *task) for n_rows in COUNTS]
            print(f"  {name:32}", *(f"{figure:8.1f}" for figure in figures[name]), flush=True)
    data = [n_rows * N_COLUMNS * 4 / 2**20 for n_rows in COUNTS]
    return {"rows": COUNTS, "data": data, "beyond": figures}


def contenders(n_epochs):
    """The same network, batch size and optimizer, for so many epochs."""
    network = {"hidden": LAYERS, "solver": "adam", "lr": 1e-3}
    mine = {"batch": BATCH, "epochs": n_epochs}
    return {
        "ours": ours(**network, **mine),
        "ours, standardize": ours(**network, **mine).set_params(standardize=True),
        "scikit-learn": scikit_learn(**network, **mine),
        "PyTorch": TorchLoop(**network, batch_size=BATCH, epochs=n_epochs),
    }


def one_epoch(path, n_rows, n_columns, who):
    """Seconds of an epoch of each, and megabytes beyond the data."""
    X = np.load(path)[:n_rows]
    y = labels(X)
    few = 1
    many, rounds = {3: (21, 5), 4: (6, 3), 5: (3, 3), 6: (2, 2), 7: (2, 1)}[len(str(n_rows)) - 1]
    runs = {
        (name, n): partial(estimator.fit, X, y)
        for n in (few, many)
        for name, estimator in contenders(n).items()
        if name in who
    }
    seconds = in_turns(runs, rounds)
    cell = {}
    for name in who:
        epoch = (seconds[name, many] - seconds[name, few]) / (many - few)
        beyond = peak(path, n_rows, labels, fit, contenders(few)[name])
        cell[name] = {"seconds": epoch, "megabytes": beyond}
        print(f"  {n_rows:8} x {n_columns:5} {name:20} {epoch:9.4f} s {beyond:8.1f} MB", flush=True)
    return cell


def epoch():
    """Seconds of an epoch and megabytes beyond the data, by rows and by columns."""
    everyone = [*contenders(1)]
    fastest = ["ours", "PyTorch"]
    results = {"rows": {}, "columns": {}}
    with TemporaryDirectory() as folder:
        path = f"{folder}/X.npy"
        write_rows(path, MANY)
        for n_rows in (10**3, *COUNTS):
            who = everyone if n_rows < MANY else fastest
            results["rows"][str(n_rows)] = one_epoch(path, n_rows, N_COLUMNS, who)
        for n_columns in (10, 100, 1_000, 10_000):
            write_rows(path, 10**4, n_columns)
            results["columns"][str(n_columns)] = one_epoch(path, 10**4, n_columns, everyone)
    return results


def generated():
    """A million rows to train on, as many tenths to test."""
    n_rows, n_test = 10**6, 10**5
    X, y = make_classification(
        n_rows + n_test,
        N_COLUMNS,
        n_informative=20,
        n_classes=5,
        n_clusters_per_class=8,
        flip_y=0.05,
        random_state=0,
    )
    X = X.astype(np.float32)
    return X[:n_rows], y[:n_rows], X[n_rows:], y[n_rows:]


def images():
    """A third of MNIST, which trees take minutes for."""
    X, y, X_test, y_test = load_mnist()
    return X[:20_000], y[:20_000], X_test, y_test


def accuracy():
    """Accuracy and seconds of ours and of boosted trees, on a million rows and on images."""
    results = {}
    for name, (read, n_epochs) in {"generated": (generated, 3), "MNIST": (images, 20)}.items():
        X, y, X_test, y_test = read()
        results[name] = {"rows": len(X), "columns": X.shape[1], "test rows": len(X_test)}
        for who, estimator in {
            f"ours, {n_epochs} epochs": DropoutMLPClassifier(max_iter=n_epochs, random_state=0),
            "HistGradientBoosting": HistGradientBoostingClassifier(random_state=0),
        }.items():
            start = perf_counter()
            estimator.fit(X, y)
            seconds = perf_counter() - start
            correct = float(estimator.score(X_test, y_test))
            results[name][who] = {"accuracy": correct, "seconds": seconds}
            print(f"  {name:10} {who:24} {correct:.4f} {seconds:7.1f} s", flush=True)
    return results


PARTS = {"memory": memory, "epoch": epoch, "accuracy": accuracy}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in options.parts or PARTS:
        print(f"\n{PARTS[name].__doc__.splitlines()[0]}")
        results = PARTS[name]()
        protocol = {"dtype": "float32", "cores": 2, "what": PARTS[name].__doc__, "how": __doc__}
        save(f"scale_{name}", protocol, results)


if __name__ == "__main__":
    main()
