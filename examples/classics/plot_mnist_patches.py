"""
======================================
Pictures without a convolution network
======================================

A network on pixels has to learn each stroke anew at each place. Convolution networks share what
they learn between places. `Coates, Ng and Lee (2011)
<https://proceedings.mlr.press/v15/coates11a>`_ found a front end that does much the same without
labels: small patches, k-means, and a sum over each quarter of the picture. Here it is, in parts of
scikit-learn, with a network behind it. What is it worth on a few thousand handwritten digits?
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import binomtest, sem
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import MiniBatchKMeans
from sklearn.feature_extraction.image import PatchExtractor, extract_patches_2d
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skdropout import DropoutMLPClassifier
from skdropout.datasets import fetch_mnist

X, y = fetch_mnist(subset="train", return_X_y=True)
sizes = dict(train_size=3000, test_size=3000, stratify=y, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X.reshape(-1, 28, 28, 1), y, **sizes)

# %%
# The front end takes pictures of shape (n, height, width, channels), so it is as good for colours.


class PatchFeatures(TransformerMixin, BaseEstimator):
    """How near the patches of a picture are to centres, summed over the parts of a grid.

    A patch less its mean, divided by its standard deviation and whitened, lies at a distance
    ``z_k`` from centre k; it counts ``max(0, mean(z) - z_k)`` for it. Pictures are of shape
    (n, height, width, channels), their values from 0 to 1.
    """

    def __init__(self, n_centers=400, patch_size=6, grid=2, random_state=None):
        self.n_centers = n_centers
        self.patch_size = patch_size
        self.grid = grid
        self.random_state = random_state

    def fit(self, X, y=None):
        """Find the centres, in 20 patches of each of up to 10,000 pictures."""
        size = (self.patch_size, self.patch_size)
        cutter = PatchExtractor(patch_size=size, max_patches=20, random_state=self.random_state)
        pictures = X[:: -(-len(X) // 10_000)]
        patches = self._normalize(cutter.fit_transform(pictures)).astype(X.dtype)
        self.mean_ = patches.mean(axis=0)
        variances, axes = np.linalg.eigh(np.cov(patches, rowvar=False))
        self.whitening_ = ((axes / np.sqrt(variances + 0.1)) @ axes.T).astype(X.dtype)
        kmeans = MiniBatchKMeans(
            self.n_centers, batch_size=4096, n_init=1, random_state=self.random_state
        )
        self.centers_ = kmeans.fit((patches - self.mean_) @ self.whitening_).cluster_centers_
        return self

    def transform(self, X):
        """The features of each picture: the centres, in one part of the grid after the other."""
        size = (self.patch_size, self.patch_size)
        down, across = (
            np.arange(length - self.patch_size + 1) * self.grid // (length - self.patch_size + 1)
            for length in X.shape[1:3]
        )
        part = np.add.outer(self.grid * down, across).ravel()  # of the grid, for each patch
        pool = (part == np.arange(self.grid**2)[:, np.newaxis]).astype(X.dtype)
        features = np.empty((len(X), len(pool), len(self.centers_)), X.dtype)
        squares = np.square(self.centers_).sum(axis=1)
        for picture, sums in zip(X, features, strict=True):
            patches = self._normalize(extract_patches_2d(picture, size))
            patches = (patches - self.mean_) @ self.whitening_
            distances = patches @ (-2 * self.centers_.T)
            distances += np.square(patches).sum(axis=1, keepdims=True)
            distances += squares
            np.sqrt(np.maximum(distances, 0, out=distances), out=distances)
            near = np.subtract(distances.mean(axis=1, keepdims=True), distances, out=distances)
            np.matmul(pool, np.maximum(near, 0, out=near), out=sums)
        return features.reshape(len(X), -1)

    def _normalize(self, patches):
        """Patches as rows of mean zero and a standard deviation of nearly one."""
        patches = patches.reshape(len(patches), -1)
        patches = patches - patches.mean(axis=1, keepdims=True)
        return patches / np.sqrt(patches.var(axis=1, keepdims=True) + 1e-4)


front = PatchFeatures(n_centers=100, random_state=0).fit(X_train)

# %%
# Its hundred centres are what patches of 6 x 6 pixels look like, whitened: edges of strokes.

figure, axes = plt.subplots(5, 20, figsize=(9, 2.6), layout="constrained")
for center, ax in zip(front.centers_, axes.flat, strict=True):
    ax.imshow(center.reshape(6, 6), cmap="gray")
    ax.set(xticks=[], yticks=[])
plt.show()

# %%
# The same network behind the pixels and behind the patches, without dropout and with it.

inputs = {
    "pixels": [X.reshape(len(X), -1) for X in (X_train, X_test)],
    "patches": [front.transform(X) for X in (X_train, X_test)],
}
is_right, losses = {}, {}
for name, (features, features_test) in inputs.items():
    for rate in (0, 0.5):
        network = DropoutMLPClassifier(
            (256,), dropout_rate=rate, cv=None, max_iter=20, random_state=0
        ).fit(features, y_train)
        is_right[name, rate] = network.predict(features_test) == y_test
        losses[name, rate] = log_loss(y_test, network.predict_proba(features_test))
for (name, rate), right in is_right.items():
    error = 100 * sem(right)
    print(f"{name}, rate {rate}: {100 * right.mean():.1f} ± {error:.1f} % right, ", end="")
    print(f"log-loss {losses[name, rate]:.3f}")

# %%
# Are the differences more than chance? McNemar's test looks at the images that only one of two
# networks gets right:


def compare(first, second):
    """The p-value of as many images that one alone has right, if both were as good."""
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    return binomtest(only_first, only_first + only_second).pvalue


for rate in (0, 0.5):
    pixels, patches = is_right["pixels", rate], is_right["patches", rate]
    print(f"patches against pixels, rate {rate}: p = {compare(patches, pixels):.0e}")
    assert compare(patches, pixels) < 0.001
    assert np.sum(~patches) < 0.6 * np.sum(~pixels)
p = compare(is_right["patches", 0], is_right["patches", 0.5])
print(f"dropout against none, patches: p = {p:.2f}")
assert p > 0.05

# %%
# With patches there are less than 0.6 times as many errors as with pixels. Dropout makes no
# difference that 3,000 images could show. What becomes of all 60,000 is among the :doc:`published
# results </published>`.
