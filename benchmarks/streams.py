"""What a call of `partial_fit` costs, at the beginning of a stream and after thousands of others.

Ours, scikit-learn's network and its SGDClassifier learn chunks of 32, 256 and 4,096 rows of 50
columns, a fifth of whose labels are wrong, so that there is always something to learn. Of each
there are two: one has had 9,900 calls before (900 with 4,096 rows), the other is new. Then all make
300 calls in turns, of which the medians are told. Both networks have 64 hidden units and batches of
32 rows, 256 where there are 4,096. About ten minutes.
"""

import os
from itertools import cycle

import numpy as np
from common import in_turns, save
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier

from skdropout import DropoutMLPClassifier

N_COLUMNS, N_CHUNKS, N_CALLS = 50, 20, 300
BEFORE = {32: 9_900, 256: 9_900, 4096: 900}


def make_estimators(batch_size):
    """The three; ours with dropout and decay as by default, and the columns as they are, too."""
    common = dict(hidden_layer_sizes=(64,), batch_size=batch_size, random_state=0)
    return {
        "ours": DropoutMLPClassifier(**common),
        "ours, standardize=False": DropoutMLPClassifier(**common, standardize=False),
        "MLPClassifier": MLPClassifier(**common),
        "SGDClassifier": SGDClassifier(loss="log_loss", random_state=0),
    }


def make_chunks(n_rows):
    """Some chunks of rows and labels."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_CHUNKS, n_rows, N_COLUMNS))
    y = (X[..., 0] * X[..., 1] > 0) ^ (rng.random((N_CHUNKS, n_rows)) < 0.2)
    return list(zip(X, y.astype(int), strict=True))


def caller(estimator, chunks):
    """A function that makes one call, each with the next chunk."""
    coming = cycle(chunks)
    return lambda: estimator.partial_fit(*next(coming), classes=[0, 1])


def measure(n_rows):
    """Microseconds of a call, by estimator and age of the stream."""
    chunks, calls = make_chunks(n_rows), {}
    for age, n_before in {"new": 1, "old": BEFORE[n_rows]}.items():
        for name, estimator in make_estimators(256 if n_rows > 256 else 32).items():
            calls[name, age] = call = caller(estimator, chunks)
            for _ in range(n_before):
                call()
    results = {}
    for (name, age), seconds in in_turns(calls, N_CALLS).items():
        results.setdefault(name, {})[age] = round(1e6 * seconds)
    print(n_rows, results, flush=True)
    return results


if __name__ == "__main__":
    protocol = {
        "columns": N_COLUMNS,
        "chunks": N_CHUNKS,
        "calls": N_CALLS,
        "calls_before": {str(n_rows): n_calls for n_rows, n_calls in BEFORE.items()},
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
    }
    save("streams", protocol, {str(n_rows): measure(n_rows) for n_rows in BEFORE})
