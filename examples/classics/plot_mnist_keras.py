"""
===================================
MNIST in batches of 32, as in Keras
===================================

The first program of many tutorials trains a network on handwritten digits by Adam, at a rate of
0.001 and in batches of 32, as `Keras <https://keras.io>`_ does if nothing is said. It shows two
curves: the loss in training falls, the loss in validation falls and turns up again. Then dropout is
added. Does the second curve stay down?
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import sem
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skdropout import DropoutMLPClassifier
from skdropout.datasets import fetch_mnist

X, y = fetch_mnist(subset="train", return_X_y=True)
warnings.filterwarnings("ignore", ".*Maximum iterations", ConvergenceWarning)  # as planned

# %%
# Two layers of 256 rectified linear units, with half of them dropped and without. Five seeds, each
# with 2,000 images to train and 2,000 to validate. Training goes on for 20 epochs whatever happens;
# ``scoring`` has the history hold the loss as it is, and not of logits that are scaled first.

N_EPOCHS = 20
losses = {0: [], 0.5: []}
for seed in range(5):
    sizes = dict(train_size=2000, test_size=2000, stratify=y, random_state=seed)
    X_train, X_val, y_train, y_val = train_test_split(X, y, **sizes)
    for rate in losses:
        network = DropoutMLPClassifier(
            (256, 256),
            dropout="bernoulli",
            dropout_rate=rate,
            solver="adam",
            learning_rate="constant",
            learning_rate_init=0.001,
            epsilon=1e-7,
            batch_size=32,
            max_iter=N_EPOCHS,
            n_iter_no_change=np.inf,
            weight_init="glorot_uniform",
            weight_decay=0,
            alpha=0,
            standardize=False,
            early_stopping="monitor",
            random_state=seed,
        )
        network.fit(X_train, y_train, X_val=X_val, y_val=y_val)
        losses[rate].append([network.history_[name] for name in ("loss", "validation_loss")])

# %%
# The means of the five, and for validation one standard error to either side. The loss in training
# is that of thinned networks where units are dropped.

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
epochs = np.arange(1, N_EPOCHS + 1)
for (rate, curves), color in zip(losses.items(), ["#d55e00", "#0072b2"], strict=True):
    (training, validation), (_, error) = np.mean(curves, axis=0), sem(curves)
    ax.plot(epochs, training, "--", color=color, label=f"training, rate {rate}")
    ax.plot(epochs, validation, color=color, label=f"validation, rate {rate}")
    ax.fill_between(epochs, validation - error, validation + error, color=color, alpha=0.2)
ax.set(xlabel="Epoch", ylabel="Log-loss", ylim=(0, 0.7), xticks=epochs[4::5])
ax.legend()
plt.show()

# %%
# In figures, each with its standard error over the seeds: how far the loss has come up from its
# lowest, and how far it is at the end below that of the other network.

without, dropout = (np.array(curves)[:, 1] for curves in losses.values())
turn = without.mean(axis=0).argmin()
rise = without[:, -1] - without[:, turn]
gain = without[:, -1] - dropout[:, -1]
print(f"without dropout the loss is lowest after {turn + 1} epochs; then it")
print(f"rises by              {rise.mean():.3f} ± {sem(rise):.3f}")
print(f"gain of dropout, last {gain.mean():.3f} ± {sem(gain):.3f}")
assert turn < N_EPOCHS / 2
assert rise.mean() > 2 * sem(rise)
assert gain.mean() > 2 * sem(gain)

# %%
# Without dropout the loss in validation turns up within the first ten epochs, while that in
# training goes to zero. With dropout it is lower at the end, by more than two standard errors. What
# the network of Keras's own example makes of all images is in ``benchmarks/keras_mnist.py``.
