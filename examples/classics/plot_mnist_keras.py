"""
============================
The MNIST network from Keras
============================

For years `Keras <https://github.com/keras-team/keras>`_ came with an example ``mnist_mlp``: two
layers of 512 rectified linear units, 0.2 of each dropped, trained by RMSprop in batches of 128.
Here it is made shorter. What does dropout change in its training?
"""

import matplotlib.pyplot as plt
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skdropout import DropoutMLPClassifier
from skdropout.datasets import fetch_mnist
from skdropout.inspection import TrainingCurveDisplay
from skdropout.optimizers import RMSprop

# %%
# 4,000 images to train and 1,000 to validate, out of 60,000:

X, y = fetch_mnist(subset="train", return_X_y=True)
sizes = dict(train_size=4000, test_size=1000)
X_train, X_val, y_train, y_val = train_test_split(X, y, **sizes, stratify=y, random_state=0)

# %%
# The network as it was in Keras, and once more without dropout. In place of 20 epochs there are 8,
# and the learning rate falls in the second half of them, so that the last epoch is not a matter of
# luck. The epoch with the highest accuracy in validation is kept.

networks = {}
for rate in (0, 0.2):
    networks[rate] = DropoutMLPClassifier(
        (512, 512),
        dropout_rate=rate,
        dropout="bernoulli",
        solver=RMSprop(rho=0.9, epsilon=1e-7),
        learning_rate="flat_cosine",
        learning_rate_init=0.001,
        weight_init="glorot_uniform",
        batch_size=128,
        max_iter=8,
        alpha=0,
        standardize=False,
        scoring="accuracy",
        random_state=0,
    ).fit(X_train, y_train, X_val=X_val, y_val=y_val)

# %%
# The training loss in the history is that of thinned networks where units are dropped:

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for ax, (rate, network) in zip(axes, networks.items(), strict=True):
    display = TrainingCurveDisplay.from_estimator(network, ax=ax, learning_rate=False)
    display.ax_.set(title=f"dropout_rate={rate}", ylim=(0, 1))
    display.score_ax_.set_ylim(0.8, 1)
plt.show()

# %%
# So the two are compared by the log-loss of the whole network, with no unit dropped:

ratios = {}
for rate, network in networks.items():
    train = log_loss(y_train, network.predict_proba(X_train))
    val = log_loss(y_val, network.predict_proba(X_val))
    ratios[rate] = val / train
    accuracy = 100 * network.score(X_val, y_val)
    print(f"rate {rate}: log-loss in training {train:.4f}, in validation {val:.3f}, ", end="")
    print(f"{ratios[rate]:.0f} times as much; validation accuracy {accuracy:.1f} %")
assert ratios[0.2] < ratios[0] / 1.5

# %%
# The ratio of the two losses is less than two thirds of that without dropout, because the training
# images are learnt less by heart; in validation the networks were alike. What 20 epochs on all
# images come to is measured in ``benchmarks/keras_mnist.py``.
