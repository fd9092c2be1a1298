"""
============================
Dropped units in the weights
============================

A tutorial by Bernd Klein explains dropout by what it does to the matrices of weights: a node that
goes takes a column of one matrix and a row of the next one with it (`Dropout Neural Networks in
Python <https://python-course.eu/machine-learning/dropout-neural-networks-in-python.php>`_). The
usual formula deletes nothing, it multiplies the units by a mask. Do both give the same outputs?
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import softmax
from sklearn.datasets import load_iris

from skdropout import DropoutMLPClassifier
from skdropout.inspection import NetworkDisplay

iris = load_iris()
X, y = iris.data, iris.target_names[iris.target]
network = DropoutMLPClassifier((10, 5), dropout_rate=0.4, cv=None, random_state=0)
network.fit(X, y)

# %%
# A 4-10-5-3 network, thinned. A mask is zero for the units that are dropped, four of the ten and
# two of the five, and 1 / (1 - 0.4) = 1.67 for those that are kept:

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
display = NetworkDisplay.from_estimator(network, random_state=0, ax=ax)
plt.show()

_, m1, m2 = display.masks  # nothing is dropped of the inputs
print(m1.round(2), m2.round(2), sep="\n")

# %%
# The same in the matrices. A row holds the weights that leave a unit, a column those that lead to
# one. Grey is what goes: a column of the matrix before each dropped unit, a row of the one behind.

kept = [np.ones(4, dtype=bool), m1 > 0, m2 > 0, np.ones(3, dtype=bool)]
names = ["Input", "Unit of hidden layer 1", "Unit of hidden layer 2", "Output"]
limit = max(np.abs(W).max() for W in network.coefs_)
look = dict(cmap=plt.get_cmap("RdBu").with_extremes(bad="0.8"), vmin=-limit, vmax=limit)
figure, axes = plt.subplots(1, 3, figsize=(9, 4), width_ratios=[10, 5, 3], layout="constrained")
for i, (W, ax) in enumerate(zip(network.coefs_, axes, strict=True)):
    rows, columns = kept[i], kept[i + 1]
    image = ax.imshow(np.ma.masked_array(W, ~np.outer(rows, columns)), **look)
    ax.set_title("{} x {}, thinned {} x {}".format(*W.shape, rows.sum(), columns.sum()), size=10)
    ax.set(xlabel=names[i + 1], ylabel=names[i])
    ax.set(xticks=range(len(columns)), yticks=range(len(rows)))
figure.colorbar(image, ax=axes, label="Weight")
plt.show()

# %%
# The outputs three times: with masks, with smaller matrices, and from the library, whose first
# sample of that seed is the network of the picture. What is kept is divided by 1 - 0.4 = 0.6. The
# bias of a dropped unit goes with its column.

(W1, W2, W3), (b1, b2, b3) = network.coefs_, network.intercepts_
h1 = np.maximum(X @ W1 + b1, 0) * m1
h2 = np.maximum(h1 @ W2 + b2, 0) * m2
masked = softmax(h2 @ W3 + b3, axis=1)

k1, k2 = np.flatnonzero(m1), np.flatnonzero(m2)
h1 = np.maximum(X @ W1[:, k1] + b1[k1], 0)
h2 = np.maximum(h1 @ W2[np.ix_(k1, k2)] / 0.6 + b2[k2], 0)
deleted = softmax(h2 @ W3[k2] / 0.6 + b3, axis=1)

(sampled,) = network.predict_proba_samples(X, n_samples=1, random_state=0)
print(f"largest difference: {np.ptp([masked, deleted, sampled], axis=0).max():.1e}")
np.testing.assert_allclose(deleted, masked, rtol=0, atol=1e-12)
np.testing.assert_allclose(sampled, masked, rtol=0, atol=1e-12)

# %%
# The three agree to rounding: the masked network is the smaller one, with the weights that leave
# its hidden units divided by the part that is kept.
