"""Random starting weights as functions ``(rng, fan_in, fan_out) -> W`` of shape (fan_in, fan_out).

Biases start at zero, so each name stands for its weights alone.
"""

from functools import partial
from math import sqrt

import numpy as np
from scipy.stats import truncnorm


def _uniform(rng, fan_in, fan_out, *, variance):
    """Uniform with mean zero: ``U(-a, a)`` has the variance ``a^2 / 3``."""
    bound = sqrt(3.0 * variance(fan_in, fan_out))
    return rng.uniform(-bound, bound, (fan_in, fan_out))


def _normal(rng, fan_in, fan_out, *, variance):
    """Normal with mean zero."""
    return rng.normal(0.0, sqrt(variance(fan_in, fan_out)), (fan_in, fan_out))


def _truncated_normal(rng, fan_in, fan_out, *, variance):
    """Normal with mean zero, cut at two standard deviations and widened to the given variance."""
    widen = sqrt(variance(fan_in, fan_out) / truncnorm.var(-2.0, 2.0))
    return truncnorm.rvs(-2.0, 2.0, scale=widen, size=(fan_in, fan_out), random_state=rng)


def _orthogonal(rng, fan_in, fan_out):
    """Orthonormal rows or columns, whichever are fewer [Saxe et al., 2013, arXiv 1312.6120]."""
    tall = rng.normal(size=(max(fan_in, fan_out), min(fan_in, fan_out)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))  # without it the distribution is not uniform (Mezzadri, 2007)
    return q if fan_in >= fan_out else q.T


def _glorot(fan_in, fan_out):
    """``2 / (fan_in + fan_out)`` [Glorot and Bengio, 2010]."""
    return 2.0 / (fan_in + fan_out)


def _he(fan_in, fan_out):
    """``2 / fan_in`` [He et al., 2015, arXiv 1502.01852]."""
    return 2.0 / fan_in


def _lecun(fan_in, fan_out):
    """``1 / fan_in`` [LeCun et al., 1998, Efficient BackProp]."""
    return 1.0 / fan_in


INITIALIZERS = {
    "glorot_uniform": partial(_uniform, variance=_glorot),
    "glorot_normal": partial(_normal, variance=_glorot),
    "he_uniform": partial(_uniform, variance=_he),
    "he_normal": partial(_normal, variance=_he),
    "lecun_uniform": partial(_uniform, variance=_lecun),
    "lecun_normal": partial(_normal, variance=_lecun),
    "truncated_normal": partial(_truncated_normal, variance=_lecun),
    "orthogonal": _orthogonal,
}

_BY_ACTIVATION = {
    "identity": "glorot_uniform",
    "logistic": "glorot_uniform",
    "tanh": "glorot_uniform",
    "selu": "lecun_normal",
}


def choose_initializer(weight_init: str, activation: str):
    """Return the function for a name; "auto" goes by the activation that the weights feed."""
    if weight_init == "auto":
        weight_init = _BY_ACTIVATION.get(activation, "he_uniform")
    return INITIALIZERS[weight_init]
