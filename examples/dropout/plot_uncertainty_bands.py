"""
==================
A curve with a gap
==================

A number that is predicted is a mean, however little is known of it. Dropout kept on in prediction
gives a standard deviation to it: how much thinned networks disagree. Here they learn a curve whose
middle nobody has measured.
"""

import matplotlib.pyplot as plt
import numpy as np

from skdropout import DropoutMLPRegressor
from skdropout.inspection import UncertaintyBandDisplay

rng = np.random.default_rng(0)
x = np.concatenate([rng.uniform(-3, -1, 150), rng.uniform(1, 3, 150)])
y = 20 + 5 * np.sin(1.5 * x) + rng.normal(scale=0.5, size=300)
X = x[:, np.newaxis]
network = DropoutMLPRegressor((128, 64), dropout_rate=0.05, random_state=0).fit(X, y)

# %%
# The bands are in the unit of ``y``, which is standardised inside. The noise of the samples is not
# in them: they are about the mean, not about where the next sample will be.

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
display = UncertaintyBandDisplay.from_estimator(network, X, y, random_state=0, ax=ax)
ax.set_title("Where thinned networks disagree about a mean")
plt.show()

# %%
# The mean standard deviation among the samples, in the gap and beyond the last samples:

distance, std = abs(display.grid), display.std
among = std[(distance > 1) & (distance < 3)].mean()
gap, beyond = std[distance < 1].mean(), std[distance > 3].mean()
print(f"among the samples {among:.2f}, in the gap {gap:.2f}, beyond {beyond:.2f}")
assert gap > 1.2 * among
assert beyond > 1.2 * among

# %%
# Where nothing was measured the bands are wider, by a third to a half: they tell which predictions
# to trust less than others. They are no intervals that hold the curve with a known chance, as they
# grow with the rate of dropout, too.
