"""Let a deep network learn 300 images by heart, and see what dropout and batch norm change.

First the accuracy on the training and on the test images after 300 epochs; then the epochs until
the training loss is below 0.1, each network with the learning rate that serves it best. The seeds
draw the images, the first weights and the dropout. About five minutes.
"""

import argparse
import warnings

import numpy as np
from common import load_mnist, mean_and_error, save
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss

from skdropout import DropoutMLPClassifier

SETTINGS = dict(
    cv=None,
    standardize=False,
    hidden_layer_sizes=(100,) * 6,
    activation="relu",
    solver="sgd",
    batch_size=50,
    alpha=0,
    label_smoothing=0,
    weight_decay=0,
    learning_rate="constant",
    n_iter_no_change=np.inf,
)
NETWORKS = {
    "plain": dict(dropout_rate=0),
    "dropout": dict(dropout_rate=0.2, dropout="batchwise"),
    "dropout (bernoulli)": dict(dropout_rate=0.2, dropout="bernoulli"),
    "batch norm": dict(dropout_rate=0, batch_norm=True),
    "batch norm and dropout": dict(dropout_rate=0.2, batch_norm=True),
}
RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
IMAGES, GOAL = 300, 0.1


def fit(data, seed, **arguments):
    """A network trained on the images of a seed, and these images with their labels."""
    rows = np.random.default_rng(seed).permutation(len(data[0]))[:IMAGES]
    X, y = data[0][rows], data[1][rows]
    network = DropoutMLPClassifier(**SETTINGS, **arguments, random_state=seed)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)  # to train for that long is the plan
        return network.fit(X, y), X, y


def measure_accuracy(data, seeds):
    """Accuracies in percent, and how far the test accuracy is from that of the plain network."""
    results, plain = [], None
    for name, arguments in NETWORKS.items():
        values = []
        for seed in range(seeds):
            network, X, y = fit(data, seed, **arguments, learning_rate_init=0.01, max_iter=300)
            loss = log_loss(data[3], network.predict_proba(data[2]))
            accuracies = 100 * network.score(X, y), 100 * network.score(*data[2:])
            values.append([*accuracies, loss])
        values = np.transpose(values)
        plain = values if plain is None else plain
        entry = {"network": name}
        for i, key in enumerate(("train_accuracy", "test_accuracy", "test_log_loss")):
            mean, error = mean_and_error(values[i])
            gain, gain_error = mean_and_error(values[i] - plain[i])
            entry |= {key: round(mean, 4), f"{key}_error": round(error, 4)}
            entry |= {f"{key}_gain": round(gain, 4), f"{key}_gain_error": round(gain_error, 4)}
            print(f"{name:<23}{key:<15}{mean:8.3f} ± {error:.3f}  {gain:+.3f} ± {gain_error:.3f}")
        results.append(entry)
    return results


def count_epochs(data, seed, **arguments):
    """Epochs until the training loss is below the goal; None if it is never."""
    try:
        network, _, _ = fit(data, seed, **arguments, max_iter=120)
    except ValueError:  # it diverged
        return None
    below = np.flatnonzero(np.array(network.history_["loss"]) < GOAL)
    return int(below[0]) + 1 if len(below) else None


def measure_epochs(data, seeds):
    """Epochs for each network and learning rate, and the rate with the fewest."""
    results = []
    for name in ("plain", "dropout", "batch norm", "batch norm and dropout"):
        epochs = {}
        for rate in RATES:
            arguments = NETWORKS[name] | {"learning_rate_init": rate}
            epochs[rate] = [count_epochs(data, seed, **arguments) for seed in range(seeds)]
            print(f"{name:<23}rate {rate:<6} epochs {epochs[rate]}", flush=True)
        best = min(RATES, key=lambda rate: np.mean([e or np.inf for e in epochs[rate]]))
        mean, error = (None, None)
        if None not in epochs[best]:
            mean, error = (round(value, 2) for value in mean_and_error(epochs[best]))
        entry = {"network": name, "best_rate": best, "mean": mean, "error": error}
        results.append(entry | {"epochs": {str(rate): epochs[rate] for rate in RATES}})
        print(f"{name:<23}best {best}: {mean} ± {error}")
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    data = load_mnist()
    results = {"accuracy": measure_accuracy(data, seeds), "epochs": measure_epochs(data, seeds)}
    protocol = {name: repr(value) for name, value in SETTINGS.items()}
    protocol |= {"images": IMAGES, "learning_rate_init": 0.01, "max_iter": 300, "seeds": seeds}
    protocol |= {"epochs": {"goal": GOAL, "learning_rates": RATES, "max_iter": 120}}
    save("overfitting", protocol, results)
