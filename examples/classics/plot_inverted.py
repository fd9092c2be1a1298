"""
===========================
Vanilla or inverted dropout
===========================

Dropout as `Srivastava et al. (2014) <https://jmlr.org/papers/v15/srivastava14a.html>`_ published it
multiplies the units by zeros and ones in training, and the weights by the chance to be kept in
prediction. Inverted dropout divides by that chance in training, and prediction is left alone. Are
the two the same? And is the prediction of either the mean over all thinned networks?
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import logit
from scipy.stats import sem

from skdropout import DropoutMLPClassifier
from skdropout.datasets import load_sonar
from skdropout.dropout import Bernoulli

X, y = load_sonar(return_X_y=True)
network = DropoutMLPClassifier(
    (60,), activation="relu", dropout="bernoulli", dropout_rate=0.5, cv=None, random_state=0
).fit(X, y)

# %%
# The library inverts: a mask is 0 or 1 / keep. With weights that are divided by keep, zeros and
# ones give the same in training, and weights times keep the same in prediction.

keep = 1 - 0.5
W, V = network.coefs_[1], network.coefs_[1] / keep  # inverted and vanilla
h = np.maximum(X @ network.coefs_[0] + network.intercepts_[0], 0)
mask = np.empty_like(h)
Bernoulli().draw(np.random.default_rng(0), rate=0.5, out=mask)
np.testing.assert_allclose((h * (mask > 0)) @ V, (h * mask) @ W, rtol=1e-10)
np.testing.assert_allclose(h @ (keep * V), h @ W, rtol=1e-10)

# %%
# Two thousand thinned networks for each echo, against the prediction of the whole one. The log-odds
# are the output unit before its activation:

proba_samples = network.predict_proba_samples(X, n_samples=2000, random_state=0)[:, :, 1]
samples = {"log-odds": logit(proba_samples), "probability": proba_samples}
whole = {"log-odds": network.decision_function(X), "probability": network.predict_proba(X)[:, 1]}
shares = {}
for name in samples:
    distance = np.abs(samples[name].mean(axis=0) - whole[name]) / sem(samples[name])
    shares[name] = (distance < 2).mean()
    print(f"{name:<11}  within two standard errors: {100 * shares[name]:3.0f} % of the echoes")
assert shares["log-odds"] > 0.85
assert shares["probability"] < 0.1
assert np.all(np.abs(proba_samples.mean(axis=0) - 0.5) < np.abs(whole["probability"] - 0.5))

# %%
# The same as a picture:

figure, axes = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
for name, ax in zip(samples, axes, strict=True):
    ax.axline((0, 0), slope=1, color="black", linewidth=0.8)
    ax.scatter(whole[name], samples[name].mean(axis=0), s=14, color="#0072b2", alpha=0.7)
    ax.set(xlabel=f"Whole network, {name}", ylabel=f"Mean of thinned networks, {name}")
    ax.set_aspect("equal")
plt.show()

# %%
# With rescaled weights vanilla and inverted dropout give the same outputs; to train alike they
# would need a rescaled start, learning rate and penalty as well. Behind a single hidden layer the
# log-odds are linear in the mask: those of the whole network are the mean of the thinned ones,
# within the errors that chance allows. Probabilities are not linear: the mean over thinned networks
# is nearer to one half than the whole network is.
