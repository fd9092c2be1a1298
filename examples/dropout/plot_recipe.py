"""
========================================
First a network too large, then dropout
========================================

How large should a network be? "If your deep neural net is significantly overfitting, dropout will
usually reduce the number of errors by a lot", said Geoffrey Hinton in his course of 2012 ("Neural
Networks for Machine Learning", lecture 10), and one that does not over-fit should be a bigger one.
That is a recipe: enlarge the network without dropout until it fits its training data, then switch
dropout on.
"""

from copy import deepcopy

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import sem
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skdropout import DropoutMLPClassifier

# %%
# Eight tables of two classes. In each, 30 % of the labels are coin tosses; 500 rows are there to be
# learnt, 500 for the test.

tables = []
for seed in range(8):
    kind = dict(n_features=20, n_informative=10, n_redundant=0, class_sep=1.5, flip_y=0.3)
    X, y = make_classification(1000, **kind, random_state=seed)
    tables.append(train_test_split(X, y, train_size=500, random_state=seed))


def measure(networks):
    """Accuracy in training and in the test, in %, log-loss in the test: a row for each table."""
    rows = []
    for network, (X_train, X_test, y_train, y_test) in zip(networks, tables, strict=True):
        accuracies = network.score(X_train, y_train), network.score(X_test, y_test)
        loss = log_loss(y_test, network.predict_proba(X_test))
        rows.append([100 * accuracies[0], 100 * accuracies[1], loss])
    return np.array(rows)


# %%
# First step: twice as many units each time, without dropout, until the networks know more than 99 %
# of their training rows.

print("                         training, %   test, %    test log-loss")


def show(name, rows):
    """A line of the table: means and standard errors over the tables."""
    columns = zip(rows.mean(axis=0), sem(rows), [1, 1, 2], strict=True)
    print(
        f"{name:<22}",
        *(f"{mean:7.{digits}f} ± {error:.{digits}f}" for mean, error, digits in columns),
    )


sizes, by_size = [], []
while not by_size or by_size[-1][:, 0].mean() < 99:
    sizes.append(2 * sizes[-1] if sizes else 4)
    networks = [
        DropoutMLPClassifier(
            (sizes[-1],), dropout_rate=0, weight_decay=0, max_iter=100, cv=None, random_state=seed
        ).fit(X_train, y_train)
        for seed, (X_train, _, y_train, _) in enumerate(tables)
    ]
    by_size.append(measure(networks))
    show(f"{sizes[-1]} units", by_size[-1])

# %%
# Second step: the last ones go on, with dropout. ``warm_start`` keeps the weights. To compare, they
# go on without it, too; and networks of the same size have dropout from the first of 200 epochs.


def go_on(network, rows, rate):
    """Another hundred epochs for a copy of the network."""
    longer = deepcopy(network).set_params(warm_start=True, dropout_rate=rate)
    return longer.fit(rows[0], rows[2])


pairs = list(zip(networks, tables, strict=True))
without = measure([go_on(network, rows, 0) for network, rows in pairs])
switched = measure([go_on(network, rows, 0.5) for network, rows in pairs])
anew = dict(warm_start=False, dropout_rate=0.5, max_iter=200)
from_start = measure(
    [deepcopy(network).set_params(**anew).fit(rows[0], rows[2]) for network, rows in pairs]
)
show("on without dropout", without)
show("on with dropout", switched)
show("dropout from the start", from_start)

gain = switched - without
assert gain[:, 1].mean() > 2 * sem(gain[:, 1])
assert gain[:, 2].mean() < -2 * sem(gain[:, 2])
gain_at_once = from_start[:, 1] - switched[:, 1]
assert gain_at_once.mean() > 2 * sem(gain_at_once)

# %%
# Accuracy by size without dropout; to the right, what dropout makes of the last one:

figure, ax = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
ends = {"no\ndropout": without, "dropout\nlater": switched, "dropout\nat once": from_start}
places = np.arange(len(sizes))
for column, color, label in [(0, "#000000", "training"), (1, "#0072b2", "test")]:
    means, errors = (
        [f(rows[:, column]) for rows in (*by_size, *ends.values())] for f in (np.mean, sem)
    )
    n = len(sizes)
    look = dict(color=color, capsize=3, marker="o")
    ax.errorbar(places, means[:n], yerr=errors[:n], label=label, **look)
    ax.errorbar(n + np.arange(3), means[n:], yerr=errors[n:], linestyle="none", **look)
ax.axvline(len(sizes) - 0.5, color="0.7", linewidth=0.8)
ax.set_xticks(range(len(sizes) + 3), [*map(str, sizes), *ends])
ax.set(xlabel="Hidden units; then the last network for longer", ylabel="Accuracy (%)")
ax.legend(loc="upper left", bbox_to_anchor=(0, 0.9))
plt.show()

# %%
# Without dropout, the more units the more is learnt by heart, coin tosses included, and in the test
# nothing is won. Switched on, dropout gives a better accuracy in the test and a lower log-loss than
# going on without it, and dropout from the start a better accuracy still, each by more than two
# standard errors.
