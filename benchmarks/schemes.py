"""Compare the dropout schemes at equal rates on the development tables.

Accuracy and log-loss by five-fold cross-validation, and for some pairs of schemes the mean of the
differences over the tables with its standard error. About six minutes of one core for each repeat.
What is done is kept in a file of lines: a run that was broken off goes on where it was.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy comes

import argparse
import json
import tempfile
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from common import load_folder, mean_and_error, save
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier
from skdropout.optimizers import Adam

SETTINGS = dict(
    cv=None,
    standardize=False,
    hidden_layer_sizes=(128, 128),
    solver=Adam(beta_2=0.95),
    weight_decay=0.02,
    alpha=0,
    learning_rate="cosine",
    learning_rate_init=0.003,
    batch_size=32,
    max_iter=60,
    label_smoothing=0,
)
SCHEMES, RATES = ("batchwise", "bernoulli", "gaussian", "dropconnect"), (0.2, 0.5)
CONFIGURATIONS = [("none", 0.0)] + [(scheme, rate) for rate in RATES for scheme in SCHEMES]
PAIRS = [("gaussian", "bernoulli"), ("batchwise", "bernoulli"), ("dropconnect", "bernoulli")]
METRICS = {"accuracy": ("accuracy", 100), "log_loss": ("neg_log_loss", -1)}
TABLES = load_folder("tabular")
PARTIAL = Path(tempfile.gettempdir()) / "skdropout_schemes.jsonl"


def measure(job):
    """Accuracy in percent and log-loss of one configuration on one table."""
    repeat, table, scheme, rate = job
    network = DropoutMLPClassifier(**SETTINGS, dropout_rate=rate, random_state=42 + repeat)
    if scheme != "none":
        network.set_params(dropout=scheme)
    folds = StratifiedKFold(5, shuffle=True, random_state=42 + repeat)
    scoring = {name: scorer for name, (scorer, _) in METRICS.items()}
    model = make_pipeline(StandardScaler(), network)
    scores = cross_validate(model, *TABLES[table], cv=folds, scoring=scoring)
    return job, [float(f * scores[f"test_{name}"].mean()) for name, (_, f) in METRICS.items()]


def compare(a, b):
    """Mean difference of each metric, a row of both, with its standard error."""
    difference, error = mean_and_error(np.subtract(a, b))
    entry = {}
    for i, name in enumerate(METRICS):
        entry |= {name: round(float(difference[i]), 5), f"{name}_error": round(float(error[i]), 5)}
    return entry


def summarise(done, repeats):
    """Means over the repeats for each table, means over the tables, and differences of pairs."""
    results, rows = {"tables": list(TABLES), "configurations": [], "differences": []}, {}
    for scheme, rate in CONFIGURATIONS:
        values = [[done[r, t, scheme, rate] for t in TABLES] for r in range(repeats)]
        rows[scheme, rate] = np.mean(values, axis=0).T  # one row for each metric
    for (scheme, rate), row in rows.items():
        entry = {"scheme": scheme, "rate": rate}
        for name, values in zip(METRICS, row, strict=True):
            entry |= {name: round(values.mean(), 5), f"{name}_of_tables": values.round(5).tolist()}
        results["configurations"].append(entry)
    pairs = [(a, b, rate, rate) for rate in RATES for a, b in PAIRS]
    pairs += [(a, "none", rate, 0.0) for rate in RATES for a in SCHEMES]
    for a, b, rate, rate_of_b in pairs:
        differences = compare(rows[a, rate], rows[b, rate_of_b])
        for name in METRICS:
            difference, error = differences[name], differences[f"{name}_error"]
            print(f"{a} - {b} {rate} {name:>9}: {difference:+.4f} ± {error:.4f}")
        results["differences"].append({"pair": f"{a} - {b}", "rate": rate} | differences)
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--partial", type=Path, default=PARTIAL, help="file of what is done")
    options = parser.parse_args()
    jobs = [(r, t, *c) for r in range(options.repeats) for t in TABLES for c in CONFIGURATIONS]
    lines = options.partial.read_text("utf-8").splitlines() if options.partial.exists() else []
    done = {tuple(job): scores for job, scores in map(json.loads, lines)}
    with Pool(options.processes) as pool, options.partial.open("a", encoding="utf-8") as file:
        for job, scores in pool.imap_unordered(measure, [job for job in jobs if job not in done]):
            done[job] = scores
            print(json.dumps([job, scores]), file=file, flush=True)
            print(*job, *(f"{score:.4f}" for score in scores), flush=True)
    protocol = {name: repr(value) for name, value in SETTINGS.items()}
    protocol |= {"folds": 5, "repeats": options.repeats, "scaled": "StandardScaler", "seed": 42}
    save("schemes", protocol, summarise(done, options.repeats))
