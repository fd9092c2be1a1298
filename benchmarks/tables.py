"""Accuracy, log-loss and seconds on the twenty development tables, beside what others reach.

``python benchmarks/tables.py "DropoutMLPClassifier(dropout_rate=0.3)" --repeats 3 --save NAME``

Each table is split into five folds, stratified, by ``random_state=42`` as for the figures of the
peers, with further repeats by 43, 44, ...; the features are standardised on the training part. One
repeat of the default takes about a minute on two cores; more decide between close candidates.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import warnings
from multiprocessing import Pool
from time import perf_counter

import numpy as np
from common import PEERS, load_peers, load_tables, mean_and_error, save
from scipy.stats import rankdata, wilcoxon
from sklearn import ensemble, linear_model, neural_network, svm
from sklearn.base import clone
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdropout
from skdropout import constraints, dropout, optimizers, schedules

MODULES = skdropout, dropout, optimizers, schedules, constraints
OTHERS = ensemble, linear_model, neural_network, svm
MEASURES = "accuracy", "log_loss", "seconds"


def read_estimator(text):
    """The estimator that an expression makes, by the names of scikit-learn and of this package."""
    names = {
        name: getattr(module, name) for module in (*OTHERS, *MODULES) for name in module.__all__
    }
    return eval(text, {"__builtins__": {}}, names)


def cut(X, y, n_rows, seed):
    """So many rows of a table, in the proportions of its classes, those with five rows at least."""
    if n_rows >= len(y):
        return X, y
    X, _, y, _ = train_test_split(X, y, train_size=n_rows, stratify=y, random_state=seed)
    classes, counts = np.unique(y, return_counts=True)
    kept = np.isin(y, classes[counts >= 5])
    return X[kept], y[kept]


def evaluate(task):
    """Mean accuracy, log-loss and seconds of a fit over the folds of one repeat."""
    estimator, X, y, repeat = task
    warnings.simplefilter("ignore")
    scores = []
    folds = StratifiedKFold(5, shuffle=True, random_state=42 + repeat)
    for fold, (train, test) in enumerate(folds.split(X, y)):
        model = clone(estimator).set_params(random_state=5 * repeat + fold)
        model = make_pipeline(StandardScaler(), model)
        start = perf_counter()
        model.fit(X[train], y[train])
        seconds = perf_counter() - start
        p = model.predict_proba(X[test]).astype(float)
        p /= p.sum(axis=1, keepdims=True)
        accuracy = accuracy_score(y[test], model.predict(X[test]))
        scores.append((accuracy, log_loss(y[test], p, labels=model.classes_), seconds))
    return np.mean(scores, axis=0)


def compare(mine, others, sign):
    """Wins, mean difference with its standard error, and p-value of each peer."""
    lines = {}
    for peer in PEERS:
        pairs = [(mine[t], others[t][peer]) for t in mine if peer in others[t]]
        if not pairs:
            continue
        gains = sign * np.array([a - b for a, b in pairs])
        gain, error = mean_and_error(gains)
        lines[peer] = {
            "mean": float(np.mean([b for _, b in pairs])),
            "wins": int((gains > 0).sum()),
            "gain": float(gain),
            "error": float(error),
            "p": float(wilcoxon(gains).pvalue),
        }
    return lines


def mean_rank(mine, others, sign):
    """The mean rank among the peers, 1 for the best."""
    ranks = [rankdata([-sign * mine[t], *(-sign * v for v in others[t].values())])[0] for t in mine]
    return float(np.mean(ranks))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("estimator", nargs="?", default="DropoutMLPClassifier()")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--rows", type=int, default=10**6, help="cut larger tables to so many rows")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--save", metavar="NAME")
    options = parser.parse_args()
    data, peers = load_tables(), load_peers()
    is_cut = options.rows < max(len(X) for X, _ in data.values())
    if is_cut and options.save:
        parser.error("--save is for whole tables, on which the peers were measured")
    estimator = read_estimator(options.estimator)
    repeats = range(options.repeats)
    tasks = [(estimator, *cut(*data[name], options.rows, r), r) for name in data for r in repeats]
    with Pool(options.processes) as pool:
        scores = np.reshape(pool.map(evaluate, tasks, chunksize=1), (len(data), -1, 3)).mean(axis=1)

    print(f"{options.estimator}, {options.repeats} x 5 folds\n")
    print(f"{'table':15} {'rows':>5} {'accuracy':>9} {'log-loss':>9} {'seconds':>8}")
    for (name, (X, _)), (accuracy, loss, seconds) in zip(data.items(), scores, strict=True):
        print(f"{name:15} {min(len(X), options.rows):5} {accuracy:9.4f} {loss:9.4f} {seconds:8.2f}")
    accuracy, loss, seconds = scores.mean(axis=0)
    print(f"{'mean':15} {'':5} {accuracy:9.4f} {loss:9.4f} {seconds:8.2f}")

    if is_cut:
        return
    results = {"tables": {}}
    for name, figures in zip(data, scores.tolist(), strict=True):
        results["tables"][name] = dict(zip(MEASURES, figures, strict=True))
    for measure, sign in (("accuracy", 1), ("log_loss", -1)):
        mine = {name: of_table[measure] for name, of_table in results["tables"].items()}
        results[measure] = compare(mine, peers[measure], sign)
        print(f"\n{measure}: mean rank {mean_rank(mine, peers[measure], sign):.2f}")
        for peer, line in results[measure].items():
            print(
                f"  against {PEERS[peer]:30} {line['mean']:.4f}: {line['wins']:2} wins of "
                f"{len(mine)}, gain {line['gain']:+.4f} (s.e. {line['error']:.4f}), "
                f"p = {line['p']:.3f}"
            )
    if options.save:
        protocol = {"estimator": options.estimator, "repeats": options.repeats, "folds": 5}
        save(options.save, protocol, results)


if __name__ == "__main__":
    main()
