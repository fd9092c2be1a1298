"""
===========================
Dropout on a four-row table
===========================

Two posts by Andrew Trask teach networks on a table of four rows, the exclusive or of two columns
beside a column of ones: `A Neural Network in 11 lines of Python
<https://iamtrask.github.io/2015/07/12/basic-python-network/>`_ and `Hinton's Dropout in 3 Lines of
Python <https://iamtrask.github.io/2015/07/28/dropout/>`_. The second drops a fifth of the hidden
units, of which there are four. Does the network learn the table all the same?
"""

import matplotlib.pyplot as plt
import numpy as np

from skdropout import DropoutMLPClassifier

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([0, 1, 1, 0])

# %%
# Logistic units and gradient descent on all four rows at once, as in the posts. The learning rate
# of the second, 0.5, is for the sum over the rows, which is 2 for the mean. Unlike there, units
# have biases, the loss is the cross-entropy instead of the squared error, and the learning rate
# falls to zero. Ten seeds, without dropout and with it:

network = DropoutMLPClassifier(
    (4,),
    activation="logistic",
    dropout="bernoulli",
    solver="sgd",
    momentum=0,
    alpha=0,
    batch_size=4,
    learning_rate="cosine",
    learning_rate_init=2,
    max_iter=3000,
    standardize=False,
)
probas = {}
for rate in 0, 0.2:
    probas[rate] = np.empty((10, 4))
    for seed in range(10):
        network.set_params(dropout_rate=rate, random_state=seed).fit(X, y)
        probas[rate][seed] = network.predict_proba(X)[:, 1]

# %%
# How sure each network is of the right answer, in the row where it is least so:

sure = {rate: np.where(y == 1, proba, 1 - proba).min(axis=1) for rate, proba in probas.items()}
print("seed  no dropout  rate 0.2")
for seed in range(10):
    print(f"{seed:4} {sure[0][seed]:11.2f} {sure[0.2][seed]:9.2f}")
assert sure[0].min() > 0.95
assert sure[0.2].min() > 0.6

# %%
# What all of them make of the four rows, one dot for each seed:

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
ax.axhline(0.5, color="black", linewidth=0.8, linestyle="--")
looks = {0: ("no dropout", "#e69f00", "s"), 0.2: ("rate 0.2", "#0072b2", "o")}
for shift, (rate, (label, color, marker)) in zip([-0.2, 0.2], looks.items(), strict=True):
    places = np.arange(4) + shift + np.linspace(-0.12, 0.12, 10)[:, np.newaxis]
    ax.scatter(places, probas[rate], s=20, color=color, marker=marker, label=label)
ax.set_xticks(range(4), [f"{row}\n{label}" for row, label in zip(X, y, strict=True)])
ax.set(xlabel="Row, and the answer", ylabel="Predicted probability of a 1", ylim=(-0.03, 1.03))
ax.legend(loc=(0.02, 0.6))
plt.show()

# %%
# With dropout all ten seeds get all four rows right, with a probability of more than 0.6. They are
# less sure than without dropout, where it is more than 0.95.
