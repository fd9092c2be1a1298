"""What random predictions tell of what a network does not know: pure functions of the draws."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.special import entr

from skdropout._core.buffers import Array


def measure_classes(draws: Iterable[Array]) -> dict[str, Array]:
    """Measures of uncertainty, in nats, from draws of ``log p`` with the classes on the last axis.

    - ``mean_proba = mean p``
    - ``predictive_entropy = H(mean p)``, the whole uncertainty
    - ``expected_entropy = mean H(p)``, what more knowledge of the weights would not take away
    - ``mutual_information``, the difference, what it would take away
      [Houlsby et al., 2011, arXiv 1112.5745]
    - ``variation_ratio``, the part of the draws that do not vote for the class with most votes
      [Freeman, Elementary Applied Statistics, 1965]

    with ``H(p) = -sum p log p``.
    """
    n_draws = total = entropy = votes = 0
    for log_p in draws:
        p = np.exp(log_p)
        n_draws += 1
        total = total + p
        entropy = entropy - np.sum(p * log_p, axis=-1)
        classes = np.arange(p.shape[-1])
        votes = votes + (classes == np.argmax(log_p, axis=-1)[..., np.newaxis])
    mean_proba = total / n_draws
    predictive, expected = np.sum(entr(mean_proba), axis=-1), entropy / n_draws
    return {
        "mean_proba": mean_proba,
        "predictive_entropy": predictive,
        "expected_entropy": expected,
        "mutual_information": np.maximum(predictive - expected, 0.0),  # not less but by rounding
        "variation_ratio": 1.0 - np.max(votes, axis=-1) / n_draws,
    }


def measure_spread(draws: Iterable[Array]) -> dict[str, Array]:
    """Standard deviation of the draws, element by element [Welford, 1962, doi 10.2307/1266577].

    It is taken in units of the largest draw so far, to a power of two, as the squares of very large
    and very small numbers are none.
    """
    mean: Any = 0.0
    squares: Any = 0.0
    exponent: Any = 0
    for i, draw in enumerate(draws, start=1):
        _, size = np.frexp(draw)
        if i > 1:
            size = np.maximum(exponent, size)
            change = exponent - size
            mean, squares = np.ldexp(mean, change), np.ldexp(squares, 2 * change)
        exponent = size
        y = np.ldexp(draw, -exponent)
        difference = y - mean
        mean = mean + difference / i
        squares = squares + difference * (y - mean)
    return {"std": np.ldexp(np.sqrt(squares / i), exponent)}
