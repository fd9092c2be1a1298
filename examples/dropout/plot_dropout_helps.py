"""
==================
Does dropout help?
==================

It depends on the table and on the network. Here are a case in which dropout gains accuracy and one
in which it loses some, each measured on 15 tables drawn anew. Nothing but the rate, 0 or 0.5,
differs between the two sides of a comparison.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import sem
from sklearn.datasets import make_classification
from sklearn.model_selection import StratifiedKFold, cross_val_score

from skdropout import DropoutMLPClassifier

# %%
# Two classes and 20 features, ten of which say something about the class. In the first case 30 % of
# the labels are drawn at random, so half of these are wrong, in the folds tested on too; in the
# second all of them are right.

CASES = {
    "500 rows, 15 % wrong labels,\n256 units": (
        dict(n_samples=500, flip_y=0.3),
        dict(hidden_layer_sizes=(256,), max_iter=50),
    ),
    "1,000 rows, right labels,\n16 units": (
        dict(n_samples=1000, flip_y=0),
        dict(hidden_layer_sizes=(16,), max_iter=30),
    ),
}

# %%
# Each seed draws a table, its folds, the first weights and the dropout. No two tables share a row,
# so the gains are independent of each other, which a standard error takes for granted.

gains = {}
for case, (table, arguments) in CASES.items():
    accuracies = {0: [], 0.5: []}
    for seed in range(15):
        kind = dict(n_features=20, n_informative=10, n_redundant=0, class_sep=1.5)
        X, y = make_classification(**kind, **table, random_state=seed)
        folds = StratifiedKFold(2, shuffle=True, random_state=seed)
        for rate in accuracies:
            network = DropoutMLPClassifier(
                dropout_rate=rate, **arguments, cv=None, random_state=seed
            )
            scores = cross_val_score(network, X, y, cv=folds)
            accuracies[rate].append(100 * scores.mean())
    gains[case] = gain = np.subtract(accuracies[0.5], accuracies[0])
    print(case.replace("\n", " "))
    print(
        "    accuracy", *(f"{np.mean(a):.1f} % at rate {rate}," for rate, a in accuracies.items())
    )
    print(f"    gain {gain.mean():+.1f} ± {sem(gain):.1f} points")

first, second = gains.values()
assert first.mean() > 3 * sem(first)
assert second.mean() < -3 * sem(second)

# %%
# A dot for each table; the diamonds are the means, with two standard errors to either side:

figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for place, (gain, color) in enumerate(zip(gains.values(), ["#0072b2", "#d55e00"], strict=True)):
    ax.scatter(gain, np.full(len(gain), place + 0.14), color=color, alpha=0.6, linewidths=0)
    ax.errorbar(gain.mean(), place - 0.14, xerr=2 * sem(gain), fmt="D", color=color, capsize=4)
ax.axvline(0, color="black", linewidth=0.8)
ax.set_yticks(range(2), list(gains))
ax.set(xlabel="Gain in accuracy by dropout (points)", ylim=(1.5, -0.5))
plt.show()

# %%
# With wrong labels and many units for few rows dropout gained accuracy; with right labels and few
# units for more rows it lost some; either by more than three standard errors.
