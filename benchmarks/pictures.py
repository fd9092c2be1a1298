"""Pictures without a convolution network: patches and k-means in front of a network.

The front end is that of Coates, Ng and Lee 2011 (proceedings.mlr.press/v15/coates11a), in parts
of scikit-learn: patches are normalised and whitened, k-means finds centres among them, and a
picture is described by how near its patches come to each centre, added up over the parts of a grid.
Behind it stands a network, with dropout and without. Three words of the command line:

mnist   patches of each picture and of two copies that are shifted by up to one pixel; errors on
        the 10,000 test images. Six minutes on one core
pixels  the same network on the pixels of MNIST, and on pixels that are shifted anew each epoch.
        Two minutes
cifar   CIFAR-10 by `fetch_openml`, which needs a connection and a machine of 16 GB
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
from math import sqrt

import numpy as np
from common import load_mnist, save
from numpy.lib.stride_tricks import sliding_window_view
from scipy.stats import binomtest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.datasets import fetch_openml
from sklearn.feature_extraction.image import PatchExtractor, extract_patches_2d
from sklearn.metrics import log_loss

from skdropout import DropoutMLPClassifier


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


NETWORK = dict(
    cv=None,
    hidden_layer_sizes=(512,),
    dropout_rate=0.5,
    input_dropout_rate=0.2,
    learning_rate="cosine",
    learning_rate_init=0.001,
    batch_size=128,
)
N_EPOCHS = {"mnist": 7, "pixels": 20, "cifar": 20}  # three times as many pictures in the first


def test(name, network, X, y):
    """Error of a network with its standard error, that of so many pictures, and log-loss."""
    is_wrong = network.predict(X) != y
    error = is_wrong.mean()
    result = {
        "pictures": name,
        "error": 100 * error,
        "standard_error": 100 * sqrt(error * (1 - error) / len(y)),
        "log_loss": log_loss(y, network.predict_proba(X)),
    }
    print(result, flush=True)
    return result, is_wrong


def compare_rates(name, network, data):
    """Behind the patches with dropout and without it, and McNemar's test between the two."""
    X, y, X_test, y_test = data
    result, wrong = test(f"{name}, dropout", clone(network).fit(X, y), X_test, y_test)
    yield result
    without = clone(network).set_params(dropout_rate=0, input_dropout_rate=0).fit(X, y)
    result, wrong_without = test(f"{name}, no dropout", without, X_test, y_test)
    only = int(np.sum(wrong & ~wrong_without)), int(np.sum(wrong_without & ~wrong))
    yield result | {"only_one_wrong": only, "p": float(binomtest(only[0], sum(only)).pvalue)}


def shift(X, rng):
    """Pictures of 28 x 28 pixels, each moved by up to one pixel in both directions."""
    pictures = np.pad(X.reshape(-1, 28, 28), ((0, 0), (1, 1), (1, 1)))
    windows = sliding_window_view(pictures, (28, 28), axis=(1, 2))
    down, across = rng.integers(3, size=(2, len(X)))
    return windows[np.arange(len(X)), down, across].reshape(X.shape)


def train_on_shifted(network, X, y):
    """An epoch a call, each with pictures that are shifted anew."""
    rng = np.random.default_rng(0)
    for _ in range(network.max_iter):
        network.partial_fit(shift(X, rng), y, classes=range(10))
    return network


def measure_mnist():
    """On patches of each picture and of two shifted copies."""
    X, y, X_test, y_test = load_mnist()
    rng = np.random.default_rng(0)
    front = PatchFeatures(random_state=0).fit(X.reshape(-1, 28, 28, 1))
    parts = [X, shift(X, rng), shift(X, rng), X_test]
    *features, features_test = (front.transform(part.reshape(-1, 28, 28, 1)) for part in parts)
    network = DropoutMLPClassifier(**NETWORK, max_iter=N_EPOCHS["mnist"], random_state=0)
    data = np.concatenate(features), np.tile(y, 3), features_test, y_test
    yield from compare_rates("patches", network, data)


def measure_pixels():
    """On pixels, and on pixels that are shifted anew each epoch."""
    X, y, X_test, y_test = load_mnist()
    arguments = NETWORK | dict(max_iter=N_EPOCHS["pixels"], standardize=False)
    network = DropoutMLPClassifier(**arguments, random_state=0)
    yield test("pixels, dropout", clone(network).fit(X, y), X_test, y_test)[0]
    shifted = train_on_shifted(clone(network), X, y)
    yield test("shifted pixels, dropout", shifted, X_test, y_test)[0]


def measure_cifar():
    """CIFAR-10: 50,000 colour pictures to train, the last 10,000 to test."""
    try:
        X, y = fetch_openml("CIFAR_10", version=1, return_X_y=True, as_frame=False)
    except OSError as error:
        raise SystemExit(f"CIFAR-10 could not be downloaded: {error}") from error
    pictures = (X / np.float32(255)).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    features = PatchFeatures(1600, random_state=0).fit(pictures[:50_000]).transform(pictures)
    data = features[:50_000], y[:50_000], features[50_000:], y[50_000:]
    network = DropoutMLPClassifier(**NETWORK, max_iter=N_EPOCHS["cifar"], random_state=0)
    yield from compare_rates("patches", network, data)


EXPERIMENTS = {"mnist": measure_mnist, "pixels": measure_pixels, "cifar": measure_cifar}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiment", choices=EXPERIMENTS)
    experiment = parser.parse_args().experiment
    settings = NETWORK | {"max_iter": N_EPOCHS[experiment]}
    protocol = {name: repr(value) for name, value in settings.items()}
    if experiment != "pixels":
        n_centers = 1600 if experiment == "cifar" else 400
        protocol |= {"centers": n_centers, "patch_size": 6, "grid": 2}
    results = []
    for result in EXPERIMENTS[experiment]():
        results.append(result)
        save(f"pictures_{experiment}", protocol, results)
