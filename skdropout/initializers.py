"""Initializers: how the starting weights of a layer are drawn; biases start at zero."""

from math import sqrt
from typing import Any

import numpy as np
from scipy.stats import truncnorm

from skdropout._core.buffers import Array
from skdropout._core.checks import check_name, check_number
from skdropout._recipe import Recipe

__all__ = ["Initializer", "Normal", "Orthogonal", "TruncatedNormal", "Uniform", "VarianceScaling"]

FANS = {
    "fan_in": lambda fan_in, fan_out: fan_in,
    "fan_out": lambda fan_in, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
}
DISTRIBUTIONS = ("uniform", "normal", "truncated_normal")


class Initializer(Recipe):
    """Base class of all initializers.

    A subclass implements ``__call__(rng, fan_in, fan_out)``, which returns the weights of a layer.
    A function of the same arguments can take its place.

    Examples
    --------
    >>> import numpy as np
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.initializers import Initializer
    >>> class Ones(Initializer):
    ...     def __call__(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
    ...         return np.ones((fan_in, fan_out))
    >>> clf = DropoutMLPClassifier((8,), weight_init=Ones())
    """

    def __call__(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        """Draw weights.

        Parameters
        ----------
        rng : numpy.random.Generator
            The stream of the starting weights.
        fan_in, fan_out : int
            Units before and behind the weights.

        Returns
        -------
        W : ndarray of shape (fan_in, fan_out)
            A column holds the weights into one unit.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement __call__.")


class Normal(Initializer):
    """``W ~ N(mean, std^2)``, whatever the size of the layer.

    Parameters
    ----------
    mean : float, default=0.0
        The mean.
    std : float >= 0, default=1.0
        The standard deviation.

    Examples
    --------
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.initializers import Normal
    >>> clf = DropoutMLPClassifier((512,), weight_init=Normal(std=0.01))
    """

    mean: float = 0.0
    std: float = 1.0

    def check(self) -> None:
        check_number("mean", self.mean, closed="()")
        check_number("std", self.std, 0)

    def __call__(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        return rng.normal(self.mean, self.std, (fan_in, fan_out))


class Uniform(Initializer):
    """``W ~ U(low, high)``, whatever the size of the layer.

    Parameters
    ----------
    low, high : float, default=-1.0, 1.0
        The bounds.

    Examples
    --------
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.initializers import Uniform
    >>> clf = DropoutMLPClassifier((12,), weight_init=Uniform(-0.3, 0.3))
    """

    low: float = -1.0
    high: float = 1.0

    def check(self) -> None:
        check_bounds(self.low, self.high)

    def __call__(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        return rng.uniform(self.low, self.high, (fan_in, fan_out))


class TruncatedNormal(Initializer):
    """``W ~ N(mean, std^2)`` between two bounds: what falls outside is drawn again.

    Parameters
    ----------
    mean : float, default=0.0
        The mean before it is cut.
    std : float > 0, default=1.0
        The standard deviation before it is cut.
    low, high : float, default=-2.0, 2.0
        The bounds, in the units of the weights.

    Examples
    --------
    Bounds that depend on the size of a layer, as a function:

    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.initializers import TruncatedNormal
    >>> def cut(rng, fan_in, fan_out):
    ...     bound = fan_in**-0.5
    ...     return TruncatedNormal(low=-bound, high=bound)(rng, fan_in, fan_out)
    >>> clf = DropoutMLPClassifier((100,), weight_init=cut)
    """

    mean: float = 0.0
    std: float = 1.0
    low: float = -2.0
    high: float = 2.0

    def check(self) -> None:
        check_number("mean", self.mean, closed="()")
        check_number("std", self.std, 0, closed="()")
        check_bounds(self.low, self.high)

    def __call__(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        low, high = ((bound - self.mean) / self.std for bound in (self.low, self.high))
        size, scale = (fan_in, fan_out), self.std
        return truncnorm.rvs(low, high, self.mean, scale, size=size, random_state=rng)


class VarianceScaling(Initializer):
    """Mean zero and the variance ``scale / n``, `n` the units before or behind the weights.

    The names that `weight_init` takes stand for it: ``"glorot_..."`` [1]_ is ``scale=1`` by the
    average of both, ``"he_..."`` [2]_ ``scale=2`` by the units before, ``"lecun_..."`` [3]_
    ``scale=1`` by these, and ``"truncated_normal"`` the same, cut.

    Parameters
    ----------
    scale : float > 0, default=1.0
        The variance times `n`.
    mode : {"fan_in", "fan_out", "fan_avg"}, default="fan_in"
        Units before the weights, behind them, or their average.
    distribution : {"uniform", "normal", "truncated_normal"}, default="truncated_normal"
        The last one is cut at two standard deviations, and widened to the variance.

    References
    ----------
    .. [1] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
       neural networks", AISTATS 2010.
    .. [2] K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers", ICCV 2015,
       arXiv 1502.01852.
    .. [3] Y. LeCun, L. Bottou, G. Orr and K.-R. Müller, "Efficient BackProp", 1998.

    Examples
    --------
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.initializers import VarianceScaling
    >>> clf = DropoutMLPClassifier(weight_init=VarianceScaling(2.0, mode="fan_out"))
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"

    def check(self) -> None:
        check_number("scale", self.scale, 0, closed="()")
        check_name("mode", self.mode, FANS)
        check_name("distribution", self.distribution, DISTRIBUTIONS)

    def __call__(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        size, variance = (fan_in, fan_out), self.scale / FANS[self.mode](fan_in, fan_out)
        if self.distribution == "uniform":
            bound = sqrt(3.0 * variance)  # U(-a, a) has the variance a^2 / 3
            return rng.uniform(-bound, bound, size)
        if self.distribution == "normal":
            return rng.normal(0.0, sqrt(variance), size)
        widened = sqrt(variance / truncnorm.var(-2.0, 2.0))
        return truncnorm.rvs(-2.0, 2.0, scale=widened, size=size, random_state=rng)


class Orthogonal(Initializer):
    """Orthonormal rows or columns, whichever are fewer [1]_, multiplied by `gain`.

    Parameters
    ----------
    gain : float > 0, default=1.0
        Their length.

    References
    ----------
    .. [1] A. Saxe, J. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of
       learning in deep linear neural networks", 2013, arXiv 1312.6120.

    Examples
    --------
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.initializers import Orthogonal
    >>> clf = DropoutMLPClassifier((64, 64), weight_init=Orthogonal(gain=2**0.5))
    """

    gain: float = 1.0

    def check(self) -> None:
        check_number("gain", self.gain, 0, closed="()")

    def __call__(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
        tall = rng.normal(size=(max(fan_in, fan_out), min(fan_in, fan_out)))
        q, r = np.linalg.qr(tall)
        q *= self.gain * np.sign(np.diag(r))  # without the sign not uniform (Mezzadri, 2007)
        return q if fan_in >= fan_out else q.T


def check_bounds(low: Any, high: Any) -> None:
    """Raise unless these are two finite numbers, the lower one first."""
    check_number("low", low, closed="()")
    check_number("high", high, low, closed="()")


INITIALIZERS = {
    "glorot_uniform": VarianceScaling(1.0, "fan_avg", "uniform"),
    "glorot_normal": VarianceScaling(1.0, "fan_avg", "normal"),
    "he_uniform": VarianceScaling(2.0, "fan_in", "uniform"),
    "he_normal": VarianceScaling(2.0, "fan_in", "normal"),
    "lecun_uniform": VarianceScaling(1.0, "fan_in", "uniform"),
    "lecun_normal": VarianceScaling(1.0, "fan_in", "normal"),
    "truncated_normal": VarianceScaling(1.0, "fan_in", "truncated_normal"),
    "orthogonal": Orthogonal(),
}

_BY_ACTIVATION = {
    "identity": "glorot_uniform",
    "logistic": "glorot_uniform",
    "tanh": "glorot_uniform",
    "selu": "lecun_normal",
}


def choose_initializer(weight_init: Any, activation: str) -> Any:
    """Return what a name stands for, or what is none; "auto" goes by the activation they feed."""
    if not isinstance(weight_init, str):
        return weight_init
    if weight_init == "auto":
        weight_init = _BY_ACTIVATION.get(activation, "he_uniform")
    return INITIALIZERS[weight_init]
