"""Predictions of several networks together."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from skdropout._core.buffers import Array
from skdropout._core.losses import Loss
from skdropout._network.network import Network


def predict_average(networks: Sequence[Network], X: Array | csr_array, loss: Loss) -> Array:
    """The raw predictions whose means, or probabilities, are the average of the networks'."""
    if len(networks) == 1:
        return networks[0].predict_finite(X, loss.reach)
    share = 1.0 / len(networks)
    blocks = []
    for block in networks[0].blocks(X.shape[0]):
        draws = np.stack([network.predict_finite(X[block], loss.reach) for network in networks])
        weight = np.full((len(networks), len(draws[0]), 1), share, draws.dtype)
        blocks.append(loss.average(draws, weight).astype(draws.dtype, copy=False))
    return np.concatenate(blocks)
