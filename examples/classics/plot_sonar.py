"""
==================================
Rock or mine: is dropout worth it?
==================================

208 sonar echoes in 60 frequency bands, thrown back by rocks or by mines: a small table, which a
network of a few thousand weights learns by heart. Dropout is meant to help. Does it, and by more
than chance? Three networks are compared: without dropout, with a fifth of the inputs dropped, and
with a fifth of the hidden units dropped (J. Brownlee, "Dropout Regularization in Deep Learning
Models with Keras", 2016).
"""

import warnings
from math import inf

import matplotlib.pyplot as plt
import numpy as np
from joblib import parallel_config
from scipy.stats import sem
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from skdropout import DropoutMLPClassifier
from skdropout.datasets import load_sonar

X, y = load_sonar(return_X_y=True)
epochs = dict(learning_rate="constant", batch_size=16, max_iter=300, n_iter_no_change=inf)
basic = epochs | dict(solver="sgd", nesterovs_momentum=False, alpha=0, cv=None)
bold = basic | dict(learning_rate_init=0.1, momentum=0.9, max_norm=3)
networks = {
    "no dropout": basic | dict(learning_rate_init=0.01, momentum=0.8, dropout_rate=0),
    "input dropout 0.2": bold | dict(input_dropout_rate=0.2, dropout_rate=0),
    "hidden dropout 0.2": bold | dict(dropout_rate=0.2),
}

# %%
# As there, dropout comes with a higher learning rate and a limit on the weights: a gain need not be
# due to dropout alone. There it is a single round of ten folds; here they are drawn three times.
# The networks of ten folds are trained together, which takes less time and gives the same numbers.

warnings.filterwarnings("ignore", ".*Maximum iterations", ConvergenceWarning)  # as planned


def find_hits(arguments, seed):
    """100 for each echo that is classified correctly by a network trained without it, else 0."""
    network = DropoutMLPClassifier((60, 30), **arguments, random_state=seed)
    folds = StratifiedKFold(10, shuffle=True, random_state=seed)
    return 100.0 * (cross_val_predict(network, X, y, cv=folds) == y)


with parallel_config("skdropout"):
    hits = {
        name: np.array([find_hits(arguments, seed) for seed in range(3)])
        for name, arguments in networks.items()
    }

# %%
# Accuracy in %, gain over no dropout in points, and its standard errors: over the repeats, which is
# the luck of folds, first weights and dropout, and over the echoes, the luck of having recorded
# these 208.

print(f"{'':<20}{'accuracy, %':>11}{'gain':>7}{'± by repeat':>13}{'± by echo':>11}")
for name, values in hits.items():
    gain = values - hits["no dropout"]
    by_repeat, by_echo = sem(gain.mean(axis=1)), sem(gain.mean(axis=0))
    line = f"{name:<20}{values.mean():>11.1f}"
    if name != "no dropout":
        line += f"{gain.mean():>+7.1f}{by_repeat:>13.1f}{by_echo:>11.1f}"
    print(line)
    assert 82 <= values.mean() <= 90
    assert abs(gain.mean()) <= 3 * by_echo

# %%
# The same as a picture:

figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for i, values in enumerate(hits.values()):
    mean, error = values.mean(), sem(values.mean(axis=0))
    marks = [
        ax.errorbar(mean, i, xerr=error, fmt="D", capsize=4, color="#0072b2"),
        *ax.plot(values.mean(axis=1), i + np.array([0.15, 0.22, 0.29]), "o", color="#e69f00"),
    ]
ax.set(yticks=range(3), yticklabels=hits, xlabel="Accuracy in %", ylim=(2.5, -0.5))
figure.suptitle("Rock or mine? Networks on 208 sonar echoes, ten-fold cross-validation")
names = ["mean of three repeats ± standard error over the echoes", "each repeat"]
figure.legend(marks, names, loc="outside lower center", ncols=2, fontsize="small")
figure.savefig("sonar.png", dpi=150)

# %%
# All three classify between 82 and 90 % of the echoes correctly, and no gain or loss by dropout
# reaches three standard errors over the echoes: 208 are too few to tell.
