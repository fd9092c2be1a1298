"""Accuracy of both classifiers on three small tables of few features.

Features standardised, four folds, six times; the made-up tables are drawn anew each time, iris has
other folds. Five minutes.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import warnings

from common import mean_and_error, save
from joblib import Parallel, delayed
from sklearn import datasets
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier

TABLES = {
    "iris": lambda seed: datasets.load_iris(return_X_y=True),
    "circles": lambda seed: datasets.make_circles(200, noise=0.1, factor=0.5, random_state=seed),
    "moons": lambda seed: datasets.make_moons(200, noise=0.25, random_state=seed),
}
NETWORKS = {  # with a bound on the epochs that lets MLPClassifier come to rest
    "`MLPClassifier()`": MLPClassifier(max_iter=1000),
    "`DropoutMLPClassifier()`": DropoutMLPClassifier(),
    "`MLPClassifier(20)`": MLPClassifier(20, max_iter=1000),
    "`DropoutMLPClassifier(20)`": DropoutMLPClassifier(20),
}


def score(table, network, seed):
    """Mean accuracy of four folds."""
    warnings.simplefilter("ignore")  # MLPClassifier does not always come to rest
    X, y = TABLES[table](seed)
    model = make_pipeline(StandardScaler(), NETWORKS[network].set_params(random_state=seed))
    folds = StratifiedKFold(4, shuffle=True, random_state=seed)
    return cross_val_score(model, X, y, cv=folds).mean()


def measure(n_repeats):
    """Mean accuracy of each network on each table, with its standard error over the repeats."""
    results = []
    for network in NETWORKS:
        entry = {"network": network}
        for table in TABLES:
            scores = Parallel(n_jobs=2)(
                delayed(score)(table, network, seed) for seed in range(n_repeats)
            )
            entry[table] = mean_and_error(scores)
        results.append(entry)
        print(entry, flush=True)
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=6)
    repeats = parser.parse_args().repeats
    save("few_rows", {"folds": 4, "repeats": repeats, "rows": [150, 200, 200]}, measure(repeats))
