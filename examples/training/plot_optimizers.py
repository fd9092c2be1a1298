"""
======================================
No learning rate serves all optimizers
======================================

Seven optimizers learn to read digits. Each has a formula of its own for the size of a step, so the
same learning rate is not the same to all. Does one rate serve them all, and how far do they come
with rates of their own?
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skdropout import DropoutMLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
network = DropoutMLPClassifier(
    hidden_layer_sizes=(64,),
    dropout_rate=0,
    learning_rate="cosine",
    batch_size=32,
    max_iter=20,
    cv=None,
    random_state=0,
)

# %%
# Each optimizer is tried with four rates. Of these it keeps the one with the lowest training loss.
# Some come to nothing, as they are meant to show, and need not warn of it.

warnings.filterwarnings("ignore", "The fit came to nothing", ConvergenceWarning)

COLORS = {
    "adadelta": "#d55e00",
    "adagrad": "#e69f00",
    "sgd": "black",
    "amsgrad": "#009e73",
    "adam": "#0072b2",
    "nadam": "#56b4e9",
    "rmsprop": "#cc79a7",
}
RATES = [0.001, 0.01, 0.1, 1]
loss, best = {}, {}
for solver in COLORS:
    network.set_params(solver=solver)
    trained = [
        clone(network).set_params(learning_rate_init=rate).fit(X_train, y_train) for rate in RATES
    ]
    loss[solver] = [each.loss_ for each in trained]
    best[solver] = trained[np.argmin(loss[solver])]
    accuracy = best[solver].score(X_test, y_test)
    print(f"{solver:<9} {best[solver].learning_rate_init:<5} {100 * accuracy:.1f} % of new digits")
    assert best[solver].loss_ < 0.1
    assert accuracy > 0.95
assert (np.max(list(loss.values()), axis=0) > 0.3).all()  # the worst at each rate

# %%
# Left the loss at the end for each of the rates, right the way there with the best of them:

figure, (left, right) = plt.subplots(
    1, 2, sharey=True, width_ratios=[2, 3], figsize=(9, 4.5), layout="constrained"
)
for solver, color in COLORS.items():
    left.plot(RATES, loss[solver], color=color, marker="o")
    label = f"{solver}, {best[solver].learning_rate_init:g}"
    right.plot(range(1, 21), best[solver].loss_curve_, color=color, label=label)
left.set(xscale="log", yscale="log", xlabel="learning_rate_init", ylabel="Training loss")
right.set(xlabel="Epoch", xticks=[1, 5, 10, 15, 20])
figure.legend(loc="outside right center", title="Optimizer, best rate")
plt.show()

# %%
# At each of the four rates at least one optimizer ended with a loss above 0.3. At the best of the
# four, each had one below 0.1 and classified more than 95 % of the new digits correctly.
