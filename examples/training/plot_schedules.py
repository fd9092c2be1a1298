"""
=======================
Learning-rate schedules
=======================

A schedule multiplies the learning rate by a factor that changes while the network learns. What do
the schedules look like, and what is gained by those that fall to zero?
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import sem
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit, cross_val_score

from skdropout import DropoutMLPClassifier
from skdropout.schedules import Schedule


class Steps(Schedule):
    def __call__(self, progress):
        return 0.2 ** int(4 * progress.fraction)


X, y = make_classification(
    20_000, 10, n_informative=6, n_redundant=0, n_clusters_per_class=3, flip_y=0.1, random_state=0
)
network = DropoutMLPClassifier((100,), dropout_rate=0, solver="sgd", cv=None, random_state=0)
network.set_params(batch_size=32, max_iter=30, tol=0.005, n_iter_no_change=2)
warnings.filterwarnings("ignore", category=ConvergenceWarning)  # 30 epochs are the plan

# %%
# ``history_`` has the learning rate in the last step of each epoch. "adaptive" lowers it where the
# training loss no longer improves by ``tol``, and "constant", "invscaling", "inverse_time" and a
# schedule of one's own, ``Steps``, end there. The others end with the last epoch.

SCHEDULES = ["constant", "invscaling", "inverse_time", Steps(), "adaptive"]
SCHEDULES += ["cosine", "flat_cosine", "one_cycle"]
figure, axes = plt.subplots(2, 4, sharex=True, sharey=True, figsize=(9, 4), layout="constrained")
for schedule, ax in zip(SCHEDULES, axes.flat, strict=True):
    network.set_params(learning_rate=schedule, learning_rate_init=0.1).fit(X[:1500], y[:1500])
    rates = network.history_["learning_rate"]
    ax.plot(np.arange(len(rates)) + 1, rates, color="#0072b2", marker=".")
    ax.set(title=schedule, xticks=[1, 10, 20, 30])
figure.supxlabel("Epoch")
figure.supylabel("Learning rate")
plt.show()

# %%
# What the last three gain over a constant rate of as many epochs, on 3,000 new samples. Six splits
# share little of the large table.

splits = ShuffleSplit(6, train_size=1500, test_size=3000, random_state=0)
network.set_params(n_iter_no_change=np.inf)
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
results = []
for rate, color, marker in (0.1, "#d55e00", "o"), (0.01, "#0072b2", "s"):
    loss = []
    for schedule in ["constant", *SCHEDULES[-3:]]:
        network.set_params(learning_rate=schedule, learning_rate_init=rate)
        loss.append(-cross_val_score(network, X, y, cv=splits, scoring="neg_log_loss"))
    gain = loss[0] - np.array(loss[1:])
    mean, error = gain.mean(axis=1), sem(gain, axis=1)
    print(f"learning_rate_init={rate}: gains", mean.round(3), "±", error.round(3))
    look = dict(fmt=marker, color=color, capsize=3, label=rate)
    ax.errorbar(mean, SCHEDULES[-3:], xerr=error, **look)
    results.append((mean, error))
ax.margins(y=0.2)
ax.set(xlim=0, xlabel="Gain in log-loss over a constant rate, mean ± standard error")
ax.legend(title="learning_rate_init", loc="upper center")
plt.show()
(large, error), (small, _) = results
assert (large > 2 * np.maximum(error, small)).all()

# %%
# At 0.1 each schedule that falls to zero had a lower log-loss than the constant rate, by more than
# two standard errors; at 0.01 it gained less than half of that.
