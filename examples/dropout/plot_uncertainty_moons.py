"""
==========================
Beyond the data, less sure
==========================

A network gives a probability everywhere, also where it has never seen a sample. Dropout that is
kept on in prediction asks many thinned networks instead of one: where samples hold them together
they agree, and away from the samples they may go separate ways. Here they do so on two moons.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from skdropout import DropoutMLPClassifier
from skdropout.inspection import UncertaintyDisplay

X, y = make_moons(400, noise=0.15, random_state=0)
network = DropoutMLPClassifier((100, 100), dropout_rate=0.5, random_state=0).fit(X, y)

# %%
# The line parts the regions of the two classes. The shade is the mutual information: how much fifty
# thinned networks disagree, ten of each of the five in the ensemble, in nats, at most ln 2 = 0.69.

figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
display = UncertaintyDisplay.from_estimator(network, X, y, eps=3, random_state=0, ax=ax)
ax.set_title("Two moons: where thinned networks disagree")
plt.show()

# %%
# The same in numbers, at the samples and at those points of the picture that are more than 1.5 away
# from all of them:

points = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
distances = np.sqrt(((points[:, np.newaxis] - X) ** 2).sum(axis=2).min(axis=1))
far = display.uncertainty.ravel()[distances > 1.5]
near = network.predict_uncertainty(X, n_samples=50, random_state=0).mutual_information
print(f"mean mutual information: {near.mean():.3f} at the samples, {far.mean():.3f} far away")
print(f"far points at which the networks agree (below 0.01): {100 * (far < 0.01).mean():.0f} %")
assert far.mean() > 5 * near.mean()
assert (far < 0.01).mean() > 0.3

# %%
# Far from the data the mean uncertainty is more than five times what it is at the samples, above
# all where the border between the classes leaves them behind; on either side of it the networks
# agree however far out, so a low uncertainty is no proof of having seen the like.
