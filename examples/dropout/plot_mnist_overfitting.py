"""
============================
Learning 300 images by heart
============================

A deep network has weights enough to learn 300 images of MNIST by heart. What is it worth on other
images then, and what do dropout, batch normalisation and both of them change?
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import sem
from sklearn.model_selection import train_test_split

from skdropout import DropoutMLPClassifier
from skdropout.datasets import fetch_mnist

X, y = fetch_mnist(subset="test", return_X_y=True)  # 10,000 images, of which few are needed

# %%
# Six hidden layers of 100 units, stochastic gradient descent at a constant rate, 300 epochs. Five
# seeds, each with 300 images of its own to learn. ``partial_fit`` trains one epoch a call; after
# every twentieth the network as it stands is tested on 3,000 other images.

NETWORKS = {
    "plain": dict(dropout_rate=0),
    "dropout": dict(dropout_rate=0.2),
    "batch norm": dict(dropout_rate=0, batch_norm=True),
    "batch norm and dropout": dict(dropout_rate=0.2, batch_norm=True),
}
EPOCHS = np.arange(20, 301, 20)
curves = {name: [] for name in NETWORKS}
for seed in range(5):
    split = dict(train_size=300, test_size=3000, stratify=y, random_state=seed)
    X_train, X_test, y_train, y_test = train_test_split(X, y, **split)
    for name, arguments in NETWORKS.items():
        network = DropoutMLPClassifier(
            (100,) * 6,
            solver="sgd",
            learning_rate="constant",
            learning_rate_init=0.01,
            batch_size=50,
            alpha=0,
            standardize=False,
            random_state=seed,
            **arguments,
        )
        accuracies = []
        for _ in EPOCHS:
            for _ in range(20):
                network.partial_fit(X_train, y_train, classes=range(10))
            accuracies.append((network.score(X_train, y_train), network.score(X_test, y_test)))
        curves[name].append(100 * np.array(accuracies))

# %%
# Means of the five seeds; for the test, one standard error to either side.

figure, ax = plt.subplots(figsize=(8, 4.8), layout="constrained")
colors = ["#000000", "#e69f00", "#0072b2", "#009e73"]
for color, (name, values) in zip(colors, curves.items(), strict=True):
    (training, test), (_, error) = np.mean(values, axis=0).T, sem(values).T
    ax.plot(EPOCHS, training, ":", color=color)
    ax.plot(EPOCHS, test, color=color, label=name)
    ax.fill_between(EPOCHS, test - error, test + error, color=color, alpha=0.2, linewidth=0)
ax.plot([], [], ":", color="0.5", label="the same in training")
ax.set(xlabel="Epoch", ylabel="Accuracy (%)", ylim=(50, 101))
ax.legend(loc="lower right")
plt.show()

# %%
# After 300 epochs. The gains are those of the same seed, which has the same images:

plain = np.array(curves["plain"])[:, -1, 1]
gains = {}
for name, values in curves.items():
    training, test = np.array(values)[:, -1].T
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
