"""
=====================
A stream that changes
=====================

Samples arrive in chunks, and what they mean changes slowly. A network that learns each chunk by
``partial_fit`` may follow; one that stopped learning can't. Each chunk is a test before it is
learnt, so no score is of samples already seen: prequential evaluation (Gama, Sebastião and
Rodrigues, `On evaluating stream learning algorithms
<https://doi.org/10.1007/s10994-012-5320-9>`_, 2013).
"""

import pickle

import matplotlib.pyplot as plt
import numpy as np

from skdropout import DropoutMLPClassifier

N_CHUNKS, STOP = 100, 25


def make_chunk(k, n_samples=200):
    """Quarters of the plane belong to two classes in turn; in 100 chunks they turn by 90°."""
    X = np.random.default_rng(k).normal(size=(n_samples, 2))
    angle = np.arctan2(X[:, 1], X[:, 0]) - k / N_CHUNKS * np.pi / 2
    return X, (np.sin(2 * angle) > 0).astype(int)


# %%
# After 25 chunks the network is saved and loaded twice: one copy only predicts from now on, the
# other one goes on learning, and so does the network itself. The learning rate stays constant, as
# nobody knows when a stream ends, and the first call is told all classes that may come.

network = DropoutMLPClassifier(
    (32,),
    dropout_rate=0.1,
    learning_rate="constant",
    learning_rate_init=0.01,
    batch_size=32,
    random_state=0,
)
learning, stopped = [], []
for k in range(N_CHUNKS):
    X, y = make_chunk(k)
    if k == STOP:
        saved = pickle.dumps(network)
        frozen, resumed = pickle.loads(saved), pickle.loads(saved)
    if k > 0:
        learning.append(network.score(X, y))
    if k >= STOP:
        stopped.append(frozen.score(X, y))
        resumed.partial_fit(X, y)
    network.partial_fit(X, y, classes=[0, 1])
assert all(map(np.array_equal, resumed.coefs_, network.coefs_))
assert min(learning[STOP:]) > 0.85
assert max(stopped[-10:]) < 0.5

# %%
# Above the classes in the plane at three times, below the accuracy on each chunk:

look = dict(height_ratios=[2, 3], figsize=(7, 6), layout="constrained")
figure, axes = plt.subplot_mosaic([[0, 50, 99], ["accuracy"] * 3], **look)
for k in 0, 50, 99:
    X, y = make_chunk(k, 1000)
    axes[k].scatter(*X.T, s=3, c=np.array(["#0072b2", "#e69f00"])[y])
    axes[k].set(title=f"Chunk {k}", xticks=[], yticks=[], aspect="equal")
    axes[k].set(xlim=(-3, 3), ylim=(-3, 3))
ax = axes["accuracy"]
ax.plot(range(1, N_CHUNKS), learning, color="#009e73", label="goes on learning")
ax.plot(range(STOP, N_CHUNKS), stopped, color="#d55e00", linestyle="--", label="stopped")
ax.set(xlabel="Chunk", ylabel="Accuracy", ylim=(0, 1.02))
ax.legend(loc="lower left")
plt.show()

# %%
# After chunk 25 the network that went on learning was above 85 % on every chunk, and the one that
# stopped fell below 50 %. The copy that went on from the pickle ended with the same weights, bit
# for bit.
