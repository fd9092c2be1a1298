"""What other defaults would do: candidates beside the defaults on the twenty development tables.

Each is evaluated as in ``tables.py``; printed and kept is the mean difference to the defaults with
its standard error over the tables. ``python benchmarks/candidates.py [repeats]`` takes about a
minute a candidate and repeat on two cores.
"""

import sys

import tables  # first: it sets the number of threads

# isort: split
from multiprocessing import Pool

import numpy as np
from common import load_tables, mean_and_error, save

DEFAULT = "DropoutMLPClassifier()"
CANDIDATES = {
    "MLPClassifier's, with a dropout rate of .2": (
        "DropoutMLPClassifier(100, learning_rate='constant', learning_rate_init=0.001, "
        "batch_size=200, max_iter=200, dropout_rate=0.2, label_smoothing=0, weight_decay=0)"
    ),
    "100 units, dropout .3, no decay": (
        "DropoutMLPClassifier(100, dropout_rate=0.3, weight_decay=0)"
    ),
    "no dropout": "DropoutMLPClassifier(dropout_rate=0)",
    "dropout .3": "DropoutMLPClassifier(dropout_rate=0.3)",
    "no label smoothing": "DropoutMLPClassifier(label_smoothing=0)",
    "no weight decay": "DropoutMLPClassifier(weight_decay=0)",
    "learning rate from .001": "DropoutMLPClassifier(learning_rate_init=0.001)",
    "256 units": "DropoutMLPClassifier(256)",
    "128-128 units": "DropoutMLPClassifier((128, 128))",
    "50 epochs": "DropoutMLPClassifier(max_iter=50)",
}


def main(repeats):
    data = load_tables()
    results = []
    with Pool(2) as pool:
        for name, text in {"the defaults": DEFAULT, **CANDIDATES}.items():
            estimator = tables.read_estimator(text)
            tasks = [(estimator, *data[table], r) for table in data for r in range(repeats)]
            scores = pool.map(tables.evaluate, tasks, chunksize=1)
            scores = np.reshape(scores, (len(data), repeats, 3)).mean(axis=1)
            if not results:
                defaults = scores
            gain, error = mean_and_error(scores - defaults, axis=0)
            entry = {"name": name, "estimator": text}
            for i, measure in enumerate(tables.MEASURES):
                entry[measure] = {
                    "mean": float(scores[:, i].mean()),
                    "difference": float(gain[i]),
                    "error": float(error[i]),
                }
            results.append(entry)
            print(
                f"{name:75} {100 * entry['accuracy']['mean']:.2f} "
                f"{100 * gain[0]:+.2f} ({100 * error[0]:.2f})  "
                f"{entry['log_loss']['mean']:.4f} {gain[1]:+.4f} ({error[1]:.4f})",
                flush=True,
            )
    save("candidates", {"repeats": repeats, "folds": 5}, results)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
