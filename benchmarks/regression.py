"""R2 of both regressors by default on scikit-learn's own regression data, features standardised.

Five folds, ten times; the made-up tables are drawn anew each time, the diabetes data have other
folds. Targets as they are, and standardised. About two minutes.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import warnings

import numpy as np
from common import mean_and_error, save
from joblib import Parallel, delayed
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPRegressor

TABLES = {
    "diabetes": lambda seed: datasets.load_diabetes(return_X_y=True),
    "friedman1": lambda seed: datasets.make_friedman1(500, noise=1.0, random_state=seed),
    "friedman2": lambda seed: datasets.make_friedman2(500, noise=100.0, random_state=seed),
    "friedman3": lambda seed: datasets.make_friedman3(500, noise=0.1, random_state=seed),
}
NETWORKS = {"ours": DropoutMLPRegressor, "MLPRegressor": MLPRegressor}


def score(table, network, scales_target, seed):
    """Mean R2 of five folds."""
    warnings.simplefilter("ignore")  # MLPRegressor does not come to rest on all of them
    X, y = TABLES[table](seed)
    model = NETWORKS[network](random_state=seed)
    if scales_target:
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    folds = KFold(5, shuffle=True, random_state=seed)
    return cross_val_score(make_pipeline(StandardScaler(), model), X, y, cv=folds).mean()


def measure(n_repeats):
    """R2 of both, and how far apart they are."""
    results = []
    for table in TABLES:
        for scales_target in False, True:
            r2 = {
                network: Parallel(n_jobs=2)(
                    delayed(score)(table, network, scales_target, seed) for seed in range(n_repeats)
                )
                for network in NETWORKS
            }
            gain, error = mean_and_error(np.subtract(r2["ours"], r2["MLPRegressor"]))
            entry = {"table": table, "scales_target": scales_target}
            entry |= {network: mean_and_error(values)[0] for network, values in r2.items()}
            results.append(entry | {"gain": gain, "error": error})
            print(results[-1], flush=True)
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10)
    repeats = parser.parse_args().repeats
    protocol = {"folds": 5, "repeats": repeats, "rows of the made-up tables": 500}
    save("regression", protocol, measure(repeats))
