"""Penalties on parameters: value and gradient in one; they know no network."""

from dataclasses import dataclass

import numpy as np

from skdropout._core.buffers import Array
from skdropout._core.vectors import axpy


@dataclass(frozen=True)
class ElasticNet:
    """``alpha (l1_ratio |p| + (1 - l1_ratio) / 2 p^2)``, summed over `p`."""

    alpha: float
    l1_ratio: float

    def add(self, p: Array, g: Array, share: float, tmp: Array) -> float:
        """Return `share` times the penalty of `p` and add its gradient to `g`."""
        l1 = share * self.alpha * self.l1_ratio
        l2 = share * self.alpha * (1.0 - self.l1_ratio)
        value = 0.0
        if l1:
            value += l1 * float(np.abs(p, out=tmp).sum())
            axpy(l1, np.sign(p, out=tmp), g)
        if l2:
            value += 0.5 * l2 * float(p.dot(p))
            axpy(l2, p, g)
        return value
