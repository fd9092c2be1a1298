"""
========================
Which scheme of dropout?
========================

Units can be dropped for a whole batch or for each sample, multiplied by noise, or keep their place
and lose weights. Does it matter which? The masks of four schemes, and what each of them gains.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import sem
from sklearn.datasets import make_classification
from sklearn.model_selection import cross_val_score

from skdropout import DropoutMLPClassifier
from skdropout.dropout import Batchwise, Bernoulli, DropConnect, Gaussian

# %%
# What a unit, or with DropConnect a weight, is multiplied by in one step, at a rate of 0.5. The
# factors have a mean of one in each scheme:

rng = np.random.default_rng(0)
figure, axes = plt.subplots(1, 4, figsize=(9, 2.4), layout="constrained")
for ax, scheme in zip(axes, [Batchwise(), Bernoulli(), Gaussian(), DropConnect()], strict=True):
    mask = np.empty(scheme.mask_shape(12, 12))
    scheme.draw(rng, 0.5, mask)
    image = ax.imshow(np.broadcast_to(mask, (12, 12)), cmap="PuOr", vmin=-1, vmax=3)
    ylabel = "Unit before" if scheme.drops_weights else "Sample"
    ax.set(title=type(scheme).__name__, xlabel="Unit", ylabel=ylabel, xticks=[], yticks=[])
figure.colorbar(image, ax=axes, label="Factor", extend="both")
plt.show()

# %%
# Eight tables of 300 rows, 30 % of their labels drawn at random, and the log-loss of each scheme in
# cross-validation. Alpha dropout goes with SELU, so it is compared with a SELU network of its own,
# and at 0.1, since its paper advises small rates
# (`Klambauer et al., 2017 <https://arxiv.org/abs/1706.02515>`_).

SCHEMES = ["batchwise", "bernoulli", "gaussian", "dropconnect"]
NETWORKS = {name: dict(dropout=name, dropout_rate=0.5) for name in SCHEMES}
NETWORKS["none"] = dict(dropout_rate=0)
NETWORKS["none, selu"] = dict(dropout_rate=0, activation="selu")
NETWORKS["alpha"] = dict(dropout="alpha", dropout_rate=0.1, activation="selu")

losses = {name: [] for name in NETWORKS}
for seed in range(8):
    shape = dict(n_samples=300, n_features=20, n_informative=10, n_redundant=0)
    X, y = make_classification(**shape, class_sep=1.5, flip_y=0.3, random_state=seed)
    for name, arguments in NETWORKS.items():
        network = DropoutMLPClassifier(
            (64, 64), max_iter=50, cv=None, random_state=seed, **arguments
        )
        losses[name].append(-cross_val_score(network, X, y, cv=2, scoring="neg_log_loss").mean())

# %%
# How far each is below the same network without dropout, with two standard errors over the tables:

figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
gains = {}
for place, name in enumerate([*SCHEMES, "alpha"]):
    before = losses["none, selu" if name == "alpha" else "none"]
    gains[name] = gain = np.subtract(before, losses[name])
    print(f"{name:<12} {gain.mean():+.3f} ± {sem(gain):.3f}, from {np.mean(before):.3f}")
    color = "#d55e00" if name == "alpha" else "#0072b2"
    ax.errorbar(gain.mean(), place, xerr=2 * sem(gain), fmt="o", color=color, capsize=4)
ax.axvline(0, color="black", linewidth=0.8)
ax.set_yticks(range(5), [*SCHEMES, "alpha (selu)"])
ax.set(xlabel="Log-loss without dropout minus that with it (nats)", ylim=(4.5, -0.5))
plt.show()
assert all(gains[name].mean() > 3 * sem(gains[name]) for name in SCHEMES)

# %%
# Each of the four schemes lowered the log-loss of the ReLU network by more than three standard
# errors: here it mattered more to drop something than what.
