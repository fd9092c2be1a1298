"""Every estimator by default on all development tables: accuracy, log-loss, calibration, R2, cost.

``python benchmarks/tables.py --repeats 3 --save``

measures the defaults of this package beside those of scikit-learn, on the tables as they come; ours
once more on standardised features. For estimators that need it features are standardised on the
training part, for regressors targets too. An estimator of one's own, by its expression, stands in
for ours: ``python benchmarks/tables.py "DropoutMLPClassifier(dropout_rate=0.3)" --sets tabular``.

Each table is split into five folds, by ``random_state=42`` and 43, 44, ... for further repeats,
stratified for classes. One repeat of everything takes a quarter of an hour on two cores.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import warnings
from multiprocessing import Pool
from time import process_time

import numpy as np
from common import load_folder, mean_and_error, save
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from skdropout import (
    DropoutMLPClassifier,
    DropoutMLPRegressor,
    constraints,
    dropout,
    optimizers,
    schedules,
)

SETS = {"tabular": "tabular", "mixed": "mixed/classification", "regression": "mixed/regression"}
N_BINS = 15


def scaled(estimator):
    """Features standardised."""
    return make_pipeline(StandardScaler(), estimator)


def all_scaled(estimator):
    """Features and targets standardised."""
    target = TransformedTargetRegressor(estimator, transformer=StandardScaler())
    return make_pipeline(StandardScaler(), target)


CLASSIFIERS = {
    "ours": DropoutMLPClassifier(),
    "ours, standardised": scaled(DropoutMLPClassifier()),
    "MLPClassifier": scaled(MLPClassifier()),
    "MLPClassifier, 256-256": scaled(MLPClassifier((256, 256))),
    "HistGradientBoosting": HistGradientBoostingClassifier(),
    "random forest": RandomForestClassifier(),
    "logistic regression": scaled(LogisticRegression(max_iter=1000)),
}
REGRESSORS = {
    "ours": DropoutMLPRegressor(),
    "ours, standardised": all_scaled(DropoutMLPRegressor()),
    "MLPRegressor": all_scaled(MLPRegressor()),
    "HistGradientBoosting": HistGradientBoostingRegressor(),
    "random forest": RandomForestRegressor(),
    "ridge": scaled(RidgeCV()),
    "SVR": all_scaled(SVR()),
}


def read_estimator(text):
    """The estimator that an expression makes, by the names of this package."""
    names = {
        "DropoutMLPClassifier": DropoutMLPClassifier,
        "DropoutMLPRegressor": DropoutMLPRegressor,
    }
    for module in (dropout, optimizers, schedules, constraints):
        names |= {name: getattr(module, name) for name in module.__all__}
    return eval(text, {"__builtins__": {}}, names)


def calibration_error(p, y):
    """Expected calibration error: confidence against accuracy in bins of equally many samples."""
    confidence, hit = p.max(axis=1), p.argmax(axis=1) == y
    bins = np.array_split(np.argsort(confidence, kind="stable"), N_BINS)
    gaps = [len(b) * abs(confidence[b].mean() - hit[b].mean()) for b in bins if len(b)]
    return sum(gaps) / len(y)


def seeded(estimator, seed):
    """A copy with all its random states set."""
    estimator = clone(estimator)
    names = [name for name in estimator.get_params() if name.endswith("random_state")]
    return estimator.set_params(**dict.fromkeys(names, seed))


def evaluate(task):
    """The measures of an estimator on a table in one repeat of five folds."""
    estimator, X, y, repeat = task
    warnings.simplefilter("ignore")  # some of them do not come to rest
    is_regression = y.dtype.kind == "f"
    splitter = (KFold if is_regression else StratifiedKFold)(
        5, shuffle=True, random_state=42 + repeat
    )
    predicted, errors, seconds, gaps = [], [], [], []
    order = []
    for fold, (train, test) in enumerate(splitter.split(X, y)):
        model = seeded(estimator, 5 * repeat + fold)
        start = process_time()
        model.fit(X[train], y[train])
        seconds.append(process_time() - start)
        order.append(test)
        if is_regression:
            predicted.append(model.predict(X[test]))
            total = np.square(y[test] - y[train].mean()).sum()
            errors.append(np.sqrt(np.square(y[test] - predicted[-1]).sum() / total))
            continue
        predicted.append(model.predict_proba(X[test]))
        if hasattr(model, "oof_score_"):
            gaps.append(model.oof_score_ - (predicted[-1].argmax(axis=1) == y[test]).mean())
    if is_regression:
        return {"error": float(np.mean(errors)), "seconds": float(np.mean(seconds))}
    p, y = np.concatenate(predicted).astype(float), y[np.concatenate(order)]
    p /= p.sum(axis=1, keepdims=True)
    measures = {
        "accuracy": float((p.argmax(axis=1) == y).mean()),
        "log_loss": float(log_loss(y, p, labels=np.arange(p.shape[1]))),
        "calibration": float(calibration_error(p, y)),
        "seconds": float(np.mean(seconds)),
    }
    return measures | ({"oof_gap": float(np.mean(gaps))} if gaps else {})


def load_set(name):
    """The tables of a set, as a dict of name to (X, y); classes are 0, 1, ..."""
    tables = load_folder(SETS[name])
    if name == "regression":
        return {table: (X.astype(float), y.astype(float)) for table, (X, y) in tables.items()}
    codes = {table: np.unique(y, return_inverse=True)[1] for table, (_, y) in tables.items()}
    return {table: (X.astype(np.float32), codes[table]) for table, (X, _) in tables.items()}


def measure(name, estimators, repeats, processes):
    """Mean measures of each estimator on each table of a set."""
    data = load_set(name)
    results = {}
    with Pool(processes) as pool:
        for label, estimator in estimators.items():
            tasks = [(estimator, *data[table], r) for table in data for r in range(repeats)]
            scores = pool.map(evaluate, tasks, chunksize=1)
            results[label] = {
                table: {
                    key: float(
                        np.mean([one[key] for one in scores[i * repeats : (i + 1) * repeats]])
                    )
                    for key in scores[0]
                }
                for i, table in enumerate(data)
            }
            print(name, label, *summarise(results[label]), flush=True)
    return results


def summarise(by_table):
    """The means over the tables, in words."""
    keys = next(iter(by_table.values()))
    return [f"{key} {np.mean([one[key] for one in by_table.values()]):.4f}" for key in keys]


def compare(results, key, sign):
    """How ours compares with each of the others: means, wins, gain with its standard error."""
    ours = results["ours"]
    lines = {}
    for label, theirs in results.items():
        gains = sign * np.array([ours[table][key] - theirs[table][key] for table in ours])
        gain, error = mean_and_error(gains)
        mean = np.mean([one[key] for one in theirs.values()])
        lines[label] = {
            "mean": float(mean),
            "wins": int((gains > 0).sum()),
            "gain": float(gain),
            "error": float(error),
        }
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("estimator", nargs="?", help="an expression, in the place of ours")
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    for name in options.sets:
        estimators = REGRESSORS if name == "regression" else CLASSIFIERS
        if options.estimator:
            estimators = {"ours": read_estimator(options.estimator)}
        results = measure(name, estimators, options.repeats, options.processes)
        keys = (
            {"error": -1}
            if name == "regression"
            else {"accuracy": 1, "log_loss": -1, "calibration": -1}
        )
        compared = {key: compare(results, key, sign) for key, sign in keys.items()}
        if options.save and not options.estimator:
            protocol = {"repeats": options.repeats, "folds": 5, "tables": len(results["ours"])}
            save(f"tables_{name}", protocol, {"tables": results, **compared})


if __name__ == "__main__":
    main()
