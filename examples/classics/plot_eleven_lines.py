"""
============
Eleven lines
============

Two posts by Andrew Trask have taught many how a network learns: `A Neural Network in 11 lines of
Python <https://iamtrask.github.io/2015/07/12/basic-python-network/>`_ and `Hinton's Dropout in 3
Lines of Python <https://iamtrask.github.io/2015/07/28/dropout/>`_. Their networks have logistic
units without biases, weights drawn evenly between -1 and 1, and the squared error. Do such networks
print here what they print there?
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from joblib import Parallel, delayed, parallel_config
from sklearn.exceptions import ConvergenceWarning

from skdropout import DropoutMLPClassifier
from skdropout.initializers import Uniform

warnings.filterwarnings("ignore", ".*Maximum iterations", ConvergenceWarning)  # as planned
X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])

# %%
# Gradient descent on all four rows at once. The posts add up the gradients of the rows, the library
# takes their mean: a learning rate of 1 there is one of 4 here.

SETTINGS = dict(
    activation="logistic",
    loss="squared_error",
    fit_intercept=False,
    weight_init=Uniform(-1, 1),
    dropout="bernoulli",
    solver="sgd",
    momentum=0,
    alpha=0,
    learning_rate="constant",
    batch_size=4,
    max_iter=10_000,
    n_iter_no_change=np.inf,
    standardize=False,
)

# %%
# The first post begins with no hidden layer and the first column to be learnt. It prints what the
# network answers after 10,000 steps:

printed = [0.00966449, 0.00786506, 0.99358898, 0.99211957]
network = DropoutMLPClassifier((), **SETTINGS, learning_rate_init=4, dropout_rate=0, random_state=1)
answers = network.fit(X, [0, 0, 1, 1]).predict_proba(X)[:, 1]
print("printed", *printed, sep="  ")
print("here   ", *answers.round(8), sep="  ")
np.testing.assert_allclose(answers, printed, atol=1e-5)

# %%
# The starting weights are others, which makes a difference in the sixth decimal place. Then comes a
# hidden layer of four units, and the exclusive or of two columns. Five seeds; the post prints a
# mean error of 0.0086 after 10,000 steps. The second post drops a fifth of the hidden units and
# halves the learning rate. The five networks are trained together, by joblib's backend "skdropout".

y = np.array([0, 1, 1, 0])


def answer(seed, **arguments):
    """What a network gives for the four rows."""
    network = DropoutMLPClassifier((4,), **SETTINGS, **arguments, random_state=seed)
    return network.fit(X, y).predict_proba(X)[:, 1]


answers = {}
with parallel_config("skdropout"):
    for rate, learning_rate in {0: 4, 0.2: 2}.items():
        arguments = dict(dropout_rate=rate, learning_rate_init=learning_rate)
        networks = (delayed(answer)(seed, **arguments) for seed in range(5))
        answers[rate] = np.array(Parallel()(networks))

errors = {rate: np.abs(rows - y).mean(axis=1) for rate, rows in answers.items()}
for rate, values in errors.items():
    print(f"mean errors, dropout {rate}:", *values.round(4))
assert 0.008 < errors[0].min() < 0.0086
assert errors[0].max() < 0.012
assert np.all(errors[0.2] > errors[0])
is_right = (answers[0.2] > 0.5) == y
print(f"right with dropout: {is_right.sum()} of {is_right.size}")
assert is_right.sum() >= 19

# %%
# What all of them make of the four rows, one dot for each seed:

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
ax.axhline(0.5, color="black", linewidth=0.8, linestyle="--")
looks = {0: ("no dropout", "#e69f00", "s"), 0.2: ("rate 0.2", "#0072b2", "o")}
for shift, (rate, (label, color, marker)) in zip([-0.2, 0.2], looks.items(), strict=True):
    places = np.arange(4) + shift + np.linspace(-0.12, 0.12, 5)[:, np.newaxis]
    ax.scatter(places, answers[rate], s=24, color=color, marker=marker, label=label)
ax.set_xticks(range(4), [f"{row}\n{label}" for row, label in zip(X, y, strict=True)])
ax.set(xlabel="Row, and the answer", ylabel="Predicted probability of a 1", ylim=(-0.03, 1.03))
ax.legend(loc=(0.02, 0.6))
plt.show()

# %%
# The network without a hidden layer answers what the post prints, to 0.00001. With one, the mean
# errors lie between 0.008 and 0.012, depending on where the weights start, and that of the post is
# among them. With dropout all errors are larger: each of four units is missing at times.
