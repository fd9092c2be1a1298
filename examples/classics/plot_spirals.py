"""
=============
Three spirals
=============

Three arms wind around each other one and a half times, with noise: no straight line parts them.
"Neural Networks from Scratch in Python" by Harrison Kinsley and Daniel Kukieła (2020) trains a
2-512-3 network with dropout on a thousand points of each arm of such spirals, and reports an
accuracy of 73.7 % on fresh ones. How well does such a network do here? The spirals are not those of
the book, nor is their noise, so the two accuracies do not compare.
"""

import matplotlib.pyplot as plt
import numpy as np

from skdropout import DropoutMLPClassifier
from skdropout.datasets import make_spirals
from skdropout.schedules import InverseTime

X, y = make_spirals(3000, n_classes=3, noise=0.05, random_state=0)
X_new, y_new = make_spirals(3000, n_classes=3, noise=0.05, random_state=1)

# %%
# A tenth of the hidden units is dropped in each step, weights and biases have the same L2 penalty,
# and the learning rate of Adam falls with the inverse of the time: all as in the book, with other
# values. There each of 10,000 steps takes all points; batches of 100 make do with fewer epochs.

network = DropoutMLPClassifier(
    (512,),
    dropout_rate=0.1,
    alpha=0.01,
    bias_alpha=0.01,
    solver="adam",
    learning_rate=InverseTime(decay=5e-4),
    learning_rate_init=0.02,
    batch_size=100,
    max_iter=1000,
    n_iter_no_change=30,
    standardize=False,
    cv=None,
    random_state=0,
).fit(X, y)
accuracy = network.score(X_new, y_new)
print(f"{network.n_iter_} epochs, accuracy {network.score(X, y):.3f}, on new points {accuracy:.3f}")
assert accuracy > 0.8

# %%
# The regions that it gives to the classes, and the new points:

figure, ax = plt.subplots(figsize=(6, 5.5), layout="constrained")
colors = ["#0072b2", "#e69f00", "#009e73"]
xx, yy = np.meshgrid(*[np.linspace(-1.2, 1.2, 300)] * 2)
regions = network.predict(np.column_stack([xx.ravel(), yy.ravel()])).reshape(xx.shape)
ax.contourf(xx, yy, regions, levels=[-0.5, 0.5, 1.5, 2.5], colors=colors, alpha=0.35)
for arm, color in enumerate(colors):
    ax.scatter(*X_new[y_new == arm].T, s=5, color=color, label=str(arm))
ax.set(title=f"Accuracy on new points: {100 * accuracy:.1f} %", aspect="equal")
ax.set(xlabel="Feature 0", ylabel="Feature 1")
ax.legend(title="Arm", loc="upper right")
plt.show()

# %%
# The regions follow the arms, and more than 80 % of the new points lie in their own.
