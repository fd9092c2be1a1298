"""
================================
What dropout leaves of a network
================================

In each step of the training dropout takes a part of the network away, another one each time. What
is taken is up to the scheme: units, always as many or a number that varies, or weights; or nothing,
if units are multiplied by noise instead.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris

from skdropout import DropoutMLPClassifier
from skdropout.dropout import Batchwise, Bernoulli
from skdropout.inspection import NetworkDisplay

iris = load_iris()
network = DropoutMLPClassifier(
    (8, 6),
    dropout_rate=0.5,
    batch_size=16,
    learning_rate_init=0.01,
    cv=None,
    random_state=0,
).fit(iris.data, iris.target_names[iris.target])

# %%
# The whole network, as predictions use it. The wider and darker an edge, the larger the weight:

figure, ax = plt.subplots(figsize=(7.5, 5), layout="constrained")
NetworkDisplay.from_estimator(network, ax=ax)
plt.show()

# %%
# What four schemes make of it, at a rate of 0.5. Dropped units are crossed out, their edges gone:

schemes = ["batchwise", "bernoulli", "dropconnect", "gaussian"]
figure, axes = plt.subplots(2, 2, figsize=(13, 9.5), layout="constrained")
for scheme, ax in zip(schemes, axes.flat, strict=True):
    network.set_params(dropout=scheme)
    NetworkDisplay.from_estimator(network, random_state=0, ax=ax)
    ax.set_title(f'dropout="{scheme}"')
plt.show()

# %%
# How many of the eight units of the first hidden layer are left, in a thousand draws:

rng = np.random.default_rng(0)
left = {"batchwise": [], "bernoulli": []}
for name, scheme in {"batchwise": Batchwise(), "bernoulli": Bernoulli()}.items():
    mask = np.empty((1, 8))
    for _ in range(1000):
        scheme.draw(rng, 0.5, mask)
        left[name].append(np.count_nonzero(mask))
    print(f"{name:<10}", np.bincount(left[name], minlength=9))
assert set(left["batchwise"]) == {4}
assert min(left["bernoulli"]) <= 1
assert max(left["bernoulli"]) >= 7

# %%
# Batchwise dropout left four of the eight units each time, Bernoulli dropout anything from one or
# none to seven or all.
