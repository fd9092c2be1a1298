"""
===============================
Why dropout divides by 1 - rate
===============================

Dropout sets a unit to zero with a chance of the rate, and divides it by 1 - rate otherwise. Why
divide? "Neural Networks from Scratch in Python" by Harrison Kinsley and Daniel Kukieła (2020)
answers with an experiment, in the chapter on dropout: ten outputs of a layer, whose sum is 0.36, go
through dropout again and again. What is the mean of the sums?
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import sem

from skdropout.dropout import Bernoulli

outputs = np.array([0.27, -1.03, 0.67, 0.99, 0.05, -0.37, -2.01, 1.13, -0.07, 0.73])
rate = 0.2
n_draws = 1_000_000

# %%
# A million masks, one a row, of zeros and of 1 / (1 - 0.2) = 1.25:

masks = np.empty((n_draws, 10))
Bernoulli().draw(np.random.default_rng(1), rate, out=masks)
print(masks[:3].round(3))

# %%
# The sums with these masks, and with the zeros and ones that they are made of:

results = {
    "divided": (masks @ outputs, outputs.sum()),
    "not divided": ((masks > 0) @ outputs, (1 - rate) * outputs.sum()),
}
for name, (sums, expected) in results.items():
    print(f"{name:<11}  mean {sums.mean():.4f} ± {sem(sums):.4f}, expected {expected:.4f}")
    assert abs(sums.mean() - expected) < 4 * sem(sums)

# %%
# The mean of the first n sums, for all n from a thousand on. The lines are what is expected, the
# shades two standard errors to either side:

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
n = np.geomspace(1000, n_draws, 500).astype(int)
for (name, (sums, expected)), color in zip(results.items(), ["#0072b2", "#d55e00"], strict=True):
    error = sums.std() / np.sqrt(n)
    ax.fill_between(n, expected - 2 * error, expected + 2 * error, color=color, alpha=0.2, lw=0)
    ax.axhline(expected, color=color, lw=0.8)
    ax.plot(n, sums.cumsum()[n - 1] / n, color=color)
    ax.text(1.1 * n_draws, expected, f"{name}\n{expected:.3f}", color=color, va="center")
ax.set(xscale="log", xlim=(1000, n_draws), xlabel="Number of masks", ylabel="Mean sum of outputs")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Divided, the mean of the sums stays 0.36; not divided, it falls to 0.8 times that. This is why a
# network that was trained with masks can predict without them, and nothing has to be rescaled.
