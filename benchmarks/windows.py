"""Is a window of a random order of the units as good as units drawn anew for each batch?

Large layers take the one with dropout="batchwise", smaller ones the other; here both are made to
take either. Differences of accuracy and log-loss, with standard errors: on the development tables
in the setting of `schemes.py`, over the tables, and on 10,000 images of MNIST, over the seeds.
About a quarter of an hour on two cores.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy comes

import argparse
from math import inf
from multiprocessing import Pool

import numpy as np
import schemes
from common import load_mnist, save
from sklearn.metrics import accuracy_score, log_loss

from skdropout import DropoutMLPClassifier
from skdropout._network import windows

FORMS = {"window": -inf, "anew": inf}
"""What the calls of windows cost: with these a network always takes them, or never."""
MNIST = dict(
    cv=None,
    standardize=False,
    hidden_layer_sizes=(1024, 1024, 1024),
    dropout="batchwise",
    dropout_rate=0.5,
    input_dropout_rate=0.2,
    batch_size=128,
    learning_rate="cosine",
    learning_rate_init=0.001,
    max_iter=20,
    weight_decay=0,
    label_smoothing=0,
)
N_IMAGES = 10_000


def measure(job):
    """Accuracy in percent and log-loss: of a table and rate, or of a seed on MNIST."""
    form, seed, *of_table = job
    windows.COSTS = windows.WindowCosts(calls=FORMS[form])
    if of_table:
        table, rate = of_table
        return job, schemes.measure((seed, table, "batchwise", rate))[1]
    X_train, y_train, X, y = load_mnist()
    network = DropoutMLPClassifier(**MNIST, random_state=seed)
    proba = network.fit(X_train[:N_IMAGES], y_train[:N_IMAGES]).predict_proba(X)
    return job, [100 * accuracy_score(y, proba.argmax(axis=1)), log_loss(y, proba)]


def compare(window, anew):
    """Mean accuracy of both forms; mean differences, with standard errors, of both metrics.

    A row is a table or a seed.
    """
    entry = {"n": len(window)}
    for form, values in {"window": window, "anew": anew}.items():
        entry[f"accuracy_{form}"] = round(float(np.mean(values, axis=0)[0]), 3)
    return entry | schemes.compare(np.transpose(window), np.transpose(anew))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    repeats, seeds = range(options.repeats), range(options.seeds)
    jobs = [(form, seed) for seed in seeds for form in FORMS]
    jobs += [
        (form, repeat, table, rate)
        for repeat in repeats
        for rate in schemes.RATES
        for table in schemes.TABLES
        for form in FORMS
    ]
    done = {}
    with Pool(options.processes) as pool:
        for job, scores in pool.imap_unordered(measure, jobs):
            done[tuple(job)] = scores
            print(*job, *(f"{score:.4f}" for score in scores), flush=True)
    of_seeds = ([done[form, seed] for seed in seeds] for form in FORMS)
    results = [{"data": "mnist", "rate": MNIST["dropout_rate"], **compare(*of_seeds)}]
    for rate in schemes.RATES:
        of_tables = (
            np.mean([[done[form, r, t, rate] for t in schemes.TABLES] for r in repeats], axis=0)
            for form in FORMS
        )
        results.append({"data": "tables", "rate": rate, **compare(*of_tables)})
    print(results)
    protocol = {"images": N_IMAGES, "repeats": options.repeats, "seeds": options.seeds}
    protocol |= {"mnist": repr(MNIST), "tables": repr(schemes.SETTINGS)}
    save("windows", protocol, results)
