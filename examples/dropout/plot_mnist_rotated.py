"""
==============
A digit turned
==============

`Gal and Ghahramani (2016) <https://arxiv.org/abs/1506.02142>`_ turned a handwritten 1 and looked at
what dropout that is kept on makes of it. The same here: a network has learnt upright digits alone.
Does its uncertainty tell that a digit is turned?
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import rotate

from skdropout import DropoutMLPClassifier
from skdropout.datasets import fetch_mnist

X, y = fetch_mnist(subset="train", return_X_y=True)
X_test, y_test = fetch_mnist(subset="test", return_X_y=True)
network = DropoutMLPClassifier(
    (256, 256), dropout_rate=0.3, max_iter=8, cv=None, random_state=0
).fit(X[:10000], y[:10000])
print(f"accuracy on upright digits: {100 * network.score(X_test, y_test):.0f} %")

ANGLES = np.arange(0, 181, 15)


def turn(images, angle):
    """Images of shape (n, 784), turned counterclockwise by an angle in degrees."""
    squares = images.reshape(-1, 28, 28)
    return rotate(squares, angle, axes=(1, 2), order=1, reshape=False).reshape(-1, 784)


# %%
# The first 1 of the test images at each angle, and below it the probabilities of the classes that
# are the most probable at some angle: means of fifty thinned networks, and their quartiles.

ones = np.vstack([turn(X_test[y_test == 1][:1], angle) for angle in ANGLES])
proba = network.predict_proba_samples(ones, n_samples=50, random_state=0)
mean, low, high = proba.mean(axis=0), *np.quantile(proba, [0.25, 0.75], axis=0)

figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
colors = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#000000"]
for digit, color in zip(np.unique(mean.argmax(axis=1)), colors, strict=False):
    ax.plot(ANGLES, mean[:, digit], color=color, label=str(digit))
    ax.fill_between(ANGLES, low[:, digit], high[:, digit], color=color, alpha=0.2, linewidth=0)
for angle, image in zip(ANGLES, ones, strict=True):
    picture = ax.inset_axes((angle - 7, 1.05, 14, 0.16), transform=ax.transData)
    picture.imshow(image.reshape(28, 28), cmap="gray_r", aspect="auto")
    picture.set(xticks=[], yticks=[])
ax.set(xlabel="Angle (degrees)", ylabel="Probability", xlim=(-8, 188), ylim=(0, 1.25))
ax.set(xticks=ANGLES[::2], yticks=np.linspace(0, 1, 6))
ax.legend(title="Class", loc="upper left", bbox_to_anchor=(1, 0.85), frameon=False)
plt.show()

# %%
# The first 200 test images, with all digits among them:

turned = [network.predict_uncertainty(turn(X_test[:200], a), random_state=0) for a in ANGLES]
entropy = np.array([uncertainty.predictive_entropy.mean() for uncertainty in turned])
information = np.array([uncertainty.mutual_information.mean() for uncertainty in turned])

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ax.plot(ANGLES, entropy, "o-", color="#0072b2", label="predictive entropy")
ax.plot(ANGLES, information, "s-", color="#d55e00", label="mutual information")
ax.set(xlabel="Angle (degrees)", ylabel="Mean uncertainty (nats)", xticks=ANGLES[::2])
ax.set_ylim(bottom=0)
ax.legend(loc="center right")
plt.show()

right = ANGLES == 90
print(f"at 90 degrees / upright: entropy {(entropy[right] / entropy[0]).item():.1f}, ", end="")
print(f"mutual information {(information[right] / information[0]).item():.1f}")
assert entropy[right] > 3 * entropy[0]
assert information[right] > 3 * information[0]

# %%
# At a right angle both measures are more than three times what they are for upright digits.
