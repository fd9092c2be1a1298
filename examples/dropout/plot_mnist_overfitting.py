"""
============================
Learning 300 images by heart
============================

A deep network has weights enough to learn 300 images of MNIST by heart. What is it worth on other
images then, and what do dropout, batch normalisation and both of them change?
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import sem
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skdropout import DropoutMLPClassifier
from skdropout.datasets import fetch_mnist

X, y = fetch_mnist(subset="test", return_X_y=True)  # 10,000 images, of which few are needed
warnings.filterwarnings("ignore", ".*Maximum iterations", ConvergenceWarning)  # as planned

# %%
# Six hidden layers of 100 units, stochastic gradient descent at a constant rate, 300 epochs. Five
# seeds, each with 300 images of its own to learn. ``early_stopping="monitor"`` follows the accuracy
# on 500 others and leaves the training alone; the last network is tested on 3,000 more.

NETWORKS = {
    "plain": dict(dropout_rate=0),
    "dropout": dict(dropout_rate=0.2),
    "batch norm": dict(dropout_rate=0, batch_norm=True),
    "batch norm and dropout": dict(dropout_rate=0.2, batch_norm=True),
}
curves = {name: [] for name in NETWORKS}
accuracies = {name: [] for name in NETWORKS}
for seed in range(5):
    split = dict(train_size=300, test_size=3500, stratify=y, random_state=seed)
    X_train, X_rest, y_train, y_rest = train_test_split(X, y, **split)
    for name, arguments in NETWORKS.items():
        network = DropoutMLPClassifier(
            (100,) * 6,
            solver="sgd",
            learning_rate="constant",
            learning_rate_init=0.01,
            batch_size=50,
            max_iter=300,
            n_iter_no_change=np.inf,
            alpha=0,
            standardize=False,
            early_stopping="monitor",
            random_state=seed,
            **arguments,
        )
        network.fit(X_train, y_train, X_val=X_rest[:500], y_val=y_rest[:500])
        scores = [network.history_[f"{part}_score"] for part in ("training", "validation")]
        curves[name].append(100 * np.array(scores))
        accuracies[name].append(
            [100 * network.score(X_train, y_train), 100 * network.score(X_rest[500:], y_rest[500:])]
        )

# %%
# Means of the five seeds; for images that are not learnt, one standard error to either side. In
# training the accuracy is that of thinned networks where units are dropped.

figure, ax = plt.subplots(figsize=(8, 4.8), layout="constrained")
epochs = np.arange(1, 301)
colors = ["#000000", "#e69f00", "#0072b2", "#009e73"]
for color, (name, values) in zip(colors, curves.items(), strict=True):
    (training, others), (_, error) = np.mean(values, axis=0), sem(values)
    ax.plot(epochs, training, ":", color=color)
    ax.plot(epochs, others, color=color, label=name)
    ax.fill_between(epochs, others - error, others + error, color=color, alpha=0.2, linewidth=0)
ax.plot([], [], ":", color="0.5", label="the same in training")
ax.set(xlabel="Epoch", ylabel="Accuracy (%)", ylim=(50, 101))
ax.legend(loc="lower right")
plt.show()

# %%
# After 300 epochs. The gains are those of the same seed, which has the same images:

plain = np.array(accuracies["plain"])[:, 1]
gains = {}
for name, values in accuracies.items():
    training, test = np.transpose(values)
    gains[name] = gain = test - plain
    print(f"{name:<23} training {training.mean():5.1f} %, test {test.mean():.1f} %, ", end="")
    print(f"gain {gain.mean():+.1f} ± {sem(gain):.1f}")
    assert training.min() == 100
both = gains["batch norm and dropout"]
alone = gains["batch norm"]
print(f"gain of dropout with batch norm {(both - alone).mean():+.1f} ± {sem(both - alone):.1f}")
assert both.mean() > 2 * sem(both)
assert (both - alone).mean() > 2 * sem(both - alone)
assert alone.mean() < -2 * sem(alone)

# %%
# All of them know their 300 images by heart in the end. On others, batch normalisation with dropout
# is ahead of the plain network and batch normalisation alone behind it, by more than two standard
# errors. The gain of dropout by itself is smaller: :doc:`Dropout </dropout>` has it with twenty
# seeds.
