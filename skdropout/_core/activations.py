"""Activation functions and their derivatives in place; no layer, no gradient rule.

Every function works on two arrays of one shape. ``forward(x, y)`` writes ``f(x)`` into `y` and may
use `x` as scratch; ``derivative(x, y)``, called with what `forward` left behind, writes ``f'(x)``
into `x` and may use up `y`. Where `f'` follows from `f` alone the two arrays are one and the same
(``in_place``). A rectifier is ``x f'(x)``, where the sign of `x` tells as much as that of `y`: with
the dropout behind it, it can be one multiplication.
"""

from collections.abc import Callable
from math import pi, sqrt
from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtr

from skdropout._core.buffers import Array

ZERO = np.zeros((), np.float32)
"""Zero for either type; a Python number has to be converted in each call, which takes 0.3 us."""
LEAKY_SLOPE = 0.01
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


class ActivationFunction(NamedTuple):
    """``y = f(x)`` and ``x = f'(x)``; `in_place`: `x` and `y` are the same memory."""

    forward: Callable[[Array, Array], None]
    derivative: Callable[[Array, Array], None]
    in_place: bool
    is_rectifier: bool = False


def logistic(x: Array, y: Array) -> None:
    """``y = 1 / (1 + exp(-x))``."""
    expit(x, out=y)


def logistic_derivative(x: Array, y: Array) -> None:
    """``x = (1 - y) y``."""
    np.subtract(1.0, y, out=x)
    x *= y


def tanh(x: Array, y: Array) -> None:
    """``y = tanh(x)``."""
    np.tanh(x, out=y)


def tanh_derivative(x: Array, y: Array) -> None:
    """``x = 1 - y^2``."""
    np.square(y, out=x)
    np.subtract(1.0, x, out=x)


def relu(x: Array, y: Array) -> None:
    """``y = max(x, 0)``."""
    # a row of zeros is twice as fast as a single one, but takes its time to make
    zero = ZERO if len(x) == 1 else np.zeros(x.shape[1:], x.dtype)
    np.maximum(x, zero, out=y)


def relu_derivative(x: Array, y: Array) -> None:
    """``x = 1 where y > 0, else 0``."""
    np.greater(y, ZERO, out=x)


def leaky_relu(x: Array, y: Array) -> None:
    """``y = max(x, s x)`` with a slope `s` of 0.01.

    Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.
    """
    np.multiply(x, LEAKY_SLOPE, out=y)
    np.maximum(x, y, out=y)


def leaky_relu_derivative(x: Array, y: Array) -> None:
    """``x = 1 where y > 0, else s``."""
    np.greater(y, ZERO, out=x)
    x *= 1.0 - LEAKY_SLOPE
    x += LEAKY_SLOPE


def elu(x: Array, y: Array) -> None:
    """``y = max(x, 0) + exp(min(x, 0)) - 1``.

    Clevert et al., 2015, arXiv 1511.07289.
    """
    np.minimum(x, ZERO, out=y)
    np.expm1(y, out=y)
    np.maximum(x, ZERO, out=x)
    y += x


def elu_derivative(x: Array, y: Array) -> None:
    """``x = min(y, 0) + 1``."""
    np.minimum(y, ZERO, out=x)
    x += 1.0


def selu(x: Array, y: Array) -> None:
    """``y = scale (max(x, 0) + a (exp(min(x, 0)) - 1))``.

    Klambauer et al., 2017, arXiv 1706.02515.
    """
    np.minimum(x, ZERO, out=y)
    np.expm1(y, out=y)
    y *= SELU_ALPHA
    np.maximum(x, ZERO, out=x)
    y += x
    y *= SELU_SCALE


def selu_derivative(x: Array, y: Array) -> None:
    """``x = scale where y > 0, else y + scale a``."""
    np.minimum(y, ZERO, out=x)
    x += SELU_SCALE * SELU_ALPHA
    positive = np.greater(y, ZERO, out=y)
    positive *= SELU_SCALE * (1.0 - SELU_ALPHA)
    x += positive


def gelu(x: Array, y: Array) -> None:
    """``y = x Phi(x)``, Phi the standard normal distribution function.

    Hendrycks and Gimpel, 2016, arXiv 1606.08415.
    """
    ndtr(x, out=y)
    y *= x


def gelu_derivative(x: Array, y: Array) -> None:
    """``x = Phi(x) + x phi(x)``, phi the standard normal density."""
    density = np.square(x, out=y)
    density *= -0.5
    np.exp(density, out=density)
    density *= 1.0 / sqrt(2.0 * pi)
    density *= x
    ndtr(x, out=x)
    x += density


def silu(x: Array, y: Array) -> None:
    """``y = x s(x)``, s the logistic function.

    Elfwing et al., 2017, arXiv 1702.03118.
    """
    expit(x, out=y)
    y *= x


def silu_derivative(x: Array, y: Array) -> None:
    """``x = s(x) (1 - y) + y``, as ``(s(x) - 1) (1 - y) + 1``."""
    expit(x, out=x)
    x -= 1.0
    np.subtract(1.0, y, out=y)
    x *= y
    x += 1.0


def identity(x: Array, y: Array) -> None:
    """``y = x``, which are one array."""


def identity_derivative(x: Array, y: Array) -> None:
    """``x = 1``."""
    x.fill(1.0)


ACTIVATIONS = {
    "identity": ActivationFunction(identity, identity_derivative, in_place=True),
    "logistic": ActivationFunction(logistic, logistic_derivative, in_place=False),
    "tanh": ActivationFunction(tanh, tanh_derivative, in_place=True),
    "relu": ActivationFunction(relu, relu_derivative, in_place=True, is_rectifier=True),
    "leaky_relu": ActivationFunction(
        leaky_relu, leaky_relu_derivative, in_place=False, is_rectifier=True
    ),
    "elu": ActivationFunction(elu, elu_derivative, in_place=False),
    "selu": ActivationFunction(selu, selu_derivative, in_place=False),
    "gelu": ActivationFunction(gelu, gelu_derivative, in_place=False),
    "silu": ActivationFunction(silu, silu_derivative, in_place=False),
}
