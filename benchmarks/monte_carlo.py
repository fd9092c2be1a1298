"""Predictions with dropout kept on, on MNIST: are they as good, and do they notice strange images?

Accuracy and log-loss of the whole network (weight scaling) and of the mean of 50 thinned networks;
how well the mutual information tells test images from noise and from test images turned by 90
degrees; and time and memory for a million rows. One seed each. About ten minutes.
"""

import json
import os
import resource
import subprocess
import sys
from time import perf_counter

import numpy as np
from common import load_mnist, save
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from skdropout import DropoutMLPClassifier

SETTINGS = dict(
    cv=None,
    standardize=False,
    hidden_layer_sizes=(512, 512),
    batch_size=128,
    learning_rate="cosine",
    learning_rate_init=0.001,
    max_iter=10,
    label_smoothing=0,
    weight_decay=0,
    random_state=0,
)
VARIANTS = [
    dict(dropout="batchwise", dropout_rate=0.2),
    dict(dropout="bernoulli", dropout_rate=0.2),
    dict(dropout="batchwise", dropout_rate=0.5, input_dropout_rate=0.2),
    dict(dropout="bernoulli", dropout_rate=0.5, input_dropout_rate=0.2),
]
DRAWS = 50
MEGABYTE = 2**20


def make_strange_images(X):
    """As many images of noise, and the images turned by 90 degrees."""
    noise = np.random.default_rng(0).random(X.shape, dtype=X.dtype)
    turned = np.rot90(X.reshape(-1, 28, 28), axes=(1, 2)).reshape(X.shape)
    return {"noise": noise, "turned": np.ascontiguousarray(turned)}


def judge(network, X, y, strange):
    """Scores of both predictions, and the ROC AUC of each measure for strange images."""
    usual = network.predict_uncertainty(X, DRAWS, random_state=0)
    entry = {}
    for name, proba in ("scaling", network.predict_proba(X)), ("draws", usual.mean_proba):
        predicted = network.classes_[proba.argmax(axis=1)]
        entry[f"accuracy_{name}"] = round(100 * accuracy_score(y, predicted), 2)
        entry[f"log_loss_{name}"] = round(log_loss(y, proba), 5)
    is_strange = np.repeat([0, 1], len(X))
    for kind, images in strange.items():
        unusual = network.predict_uncertainty(images, DRAWS, random_state=0)
        for measure in ("mutual_information", "predictive_entropy"):
            values = np.concatenate([usual[measure], unusual[measure]])
            entry[f"auc_{kind}_{measure}"] = round(roc_auc_score(is_strange, values), 4)
    return entry


def measure_million():
    """Seconds, and peak memory in megabytes beyond data and network, for a million rows."""
    rng = np.random.default_rng(0)
    X = rng.random((10**6, 20), dtype=np.float32)
    network = DropoutMLPClassifier(64, dropout_rate=0.5, max_iter=2, cv=None, random_state=0)
    network.fit(X[:1000], X[:1000, 0] > 0.5).predict_uncertainty(X[:1000], 2)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, perf_counter()
    uncertainty = network.predict_uncertainty(X, DRAWS, random_state=0)
    seconds = perf_counter() - start
    beyond = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / MEGABYTE
    results = sum(values.nbytes for values in uncertainty.values()) / MEGABYTE
    return {
        "seconds": round(seconds, 2),
        "data_megabytes": round(X.nbytes / MEGABYTE, 1),
        "peak_megabytes": round(beyond, 1),
        "results_megabytes": round(results, 1),
    }


def measure():
    """Train and judge each variant."""
    X_train, y_train, X, y = load_mnist()
    strange, variants = make_strange_images(X), []
    for arguments in VARIANTS:
        network = DropoutMLPClassifier(**SETTINGS, **arguments).fit(X_train, y_train)
        variants.append(arguments | judge(network, X, y, strange))
        print(json.dumps(variants[-1], indent=1), flush=True)
    return variants


if __name__ == "__main__":
    if "--million" in sys.argv:
        print(json.dumps(measure_million()))
        sys.exit()
    call = [sys.executable, __file__, "--million"]  # a process of its own, for its peak
    million = json.loads(subprocess.run(call, check=True, capture_output=True).stdout)
    print(million, flush=True)
    protocol = {name: repr(value) for name, value in SETTINGS.items()} | {"draws": DRAWS}
    protocol["threads"] = os.environ.get("OMP_NUM_THREADS", "all")
    protocol["million"] = "10**6 rows of 20 float32 features, network 20-64-2"
    save("monte_carlo", protocol, {"mnist": measure(), "million": million})
