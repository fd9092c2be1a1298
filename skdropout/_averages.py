"""The moving average that optimizers and batch normalisation share."""

import numpy as np

from skdropout._buffers import Array


def lerp(average: Array, value: Array, weight: float, tmp: Array):
    """``average += weight (value - average)``; `tmp` is scratch and may be `value` itself."""
    difference = np.subtract(value, average, out=tmp)
    difference *= weight
    average += difference
