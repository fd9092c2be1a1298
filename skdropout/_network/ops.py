"""The operations of a network: each formula, and right below it its gradient.

An operation owns nothing: its fields are views handed in when a pass is compiled. `x`, `y` are its
input and output, `dx`, `dy` the derivatives of the loss with respect to them. Shapes are given for
a batch of `n` rows, `i` inputs and `u` units. Those of `Dense`, activations and dropout may all
have one more axis in front, of several networks, where a vector (u,) is a row, (1, u).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from skdropout._core.activations import ActivationFunction
from skdropout._core.buffers import Array
from skdropout._core.vectors import lerp


class Operation(Protocol):
    """What a pass is made of."""

    def forward(self) -> None:
        """Write the output."""

    def backward(self) -> None:
        """Write the derivatives, given that of the output."""


class DenseFields(NamedTuple):
    """What a product works on, but for its inputs."""

    y: Array
    dy: Array
    W: Array
    b: Array | None
    dW: Array
    db: Array | None
    ones: Array


@dataclass(eq=False, slots=True)
class Dense:
    """``y = x W + b``; no `b` where batch normalisation has one."""

    x: Array  # (n, i)
    dx: Array | None  # (n, i); None for the first layer, where nobody asks
    y: Array  # (n, u)
    dy: Array  # (n, u)
    W: Array  # (i, u)
    b: Array | None  # (u,)
    dW: Array  # (i, u)
    db: Array | None  # (u,)
    ones: Array  # (n,), for several networks (1, n)
    xT: Array = field(init=False)  # (i, n), a view of x
    WT: Array = field(init=False)  # (u, i), a view of W
    product: Callable[..., Array] = field(init=False)  # of matrices, or of stacks of them

    def __post_init__(self):
        self.xT, self.WT = self.x.swapaxes(-1, -2), self.W.swapaxes(-1, -2)
        self.product = np.ndarray.dot if self.W.ndim == 2 else np.matmul

    def forward(self):
        self.product(self.x, self.W, self.y)
        if self.b is not None:
            self.y += self.b

    def backward(self):
        self.product(self.xT, self.dy, self.dW)
        if self.db is not None:
            self.product(self.ones, self.dy, self.db)
        if self.dx is not None:
            self.product(self.dy, self.WT, self.dx)


@dataclass(eq=False, slots=True)
class BatchNorm:
    """``y = scale n + b`` with ``n = (x - mean) / sqrt(variance + epsilon)``, column by column.

    `mean` and `variance` are those of the batch, by the weights of its rows, and move the running
    ones; so far they weigh as much as any batch before, after ten batches the last one weighs 1/10.
    Forward turns `x` into `n`, backward `dy` into `dx`
    [Ioffe and Szegedy, 2015, arXiv 1502.03167].
    """

    EPSILON = 1e-5
    LAST = 0.1

    weight: Array  # (n, 1), of sum one
    x: Array  # (n, u)
    y: Array  # (n, u)
    dy: Array  # (n, u)
    scale: Array  # (u,)
    b: Array  # (u,)
    dscale: Array  # (u,)
    db: Array  # (u,)
    ones: Array  # (n,)
    mean: Array  # (1, u)
    std: Array  # (1, u), other memory than mean
    tmp: Array  # (1, u)
    running_mean: Array  # (1, u)
    running_variance: Array  # (1, u)
    n_batches: Array  # (1,)

    def forward(self):
        mean = np.matmul(self.weight.T, self.x, out=self.mean)
        centred = np.subtract(self.x, mean, out=self.x)
        squares = np.square(centred, out=self.y)
        variance = np.matmul(self.weight.T, squares, out=self.std)
        self.n_batches += 1.0
        last = max(self.LAST, 1.0 / float(self.n_batches[0]))
        for running, latest in ((self.running_mean, mean), (self.running_variance, variance)):
            np.copyto(self.tmp, latest)  # what is averaged is used up
            lerp(running[0], self.tmp[0], last)
        variance += self.EPSILON
        std = np.sqrt(variance, out=self.std)
        n = np.divide(centred, std, out=self.x)
        np.multiply(n, self.scale, out=self.y)
        self.y += self.b

    def backward(self):
        n = self.x
        self.ones.dot(self.dy, out=self.db)
        along_scale = np.multiply(self.dy, n, out=self.y)
        self.ones.dot(along_scale, out=self.dscale)
        # dx = scale / std (dy - weight (db + n dscale)): mean and variance depend on x, too
        by_statistics = np.multiply(n, self.dscale, out=self.y)
        by_statistics += self.db
        by_statistics *= self.weight
        self.dy -= by_statistics
        self.dy *= np.divide(self.scale, self.std, out=self.tmp)


@dataclass(eq=False, slots=True)
class Activation:
    """``y = f(x)``; backward turns `dy` into `dx` in place: ``dy *= f'(x)``."""

    function: ActivationFunction
    x: Array  # (n, u)
    y: Array  # (n, u), where `function.in_place` the same memory
    dy: Array  # (n, u)

    def forward(self):
        self.function.forward(self.x, self.y)

    def backward(self):
        self.function.derivative(self.x, self.y)
        self.dy *= self.x


@dataclass(eq=False, slots=True)
class RectifierDropout:
    """``x *= gate`` with ``gate = f'(x) mask``, `f` a rectifier; backward ``dy *= gate``.

    Rectifier and dropout in one multiplication: 4-15 % of a step faster than two.
    """

    function: ActivationFunction
    mask: Array | None  # (n, u) or (1, u); None without dropout
    gate: Array  # (n, u)
    x: Array  # (n, u)
    dy: Array  # (n, u)

    def forward(self):
        self.function.derivative(self.gate, self.x)
        if self.mask is not None:
            self.gate *= self.mask
        self.x *= self.gate

    def backward(self):
        self.dy *= self.gate


@dataclass(eq=False, slots=True)
class Dropout:
    """``y = x mask``, where `x` are units or weights; backward in place: ``dy *= mask``."""

    mask: Array  # (n, u) or (1, u) of units, (i, u) of weights
    x: Array  # (n, u) or (i, u)
    y: Array  # as x
    dy: Array | None  # as x; None for the inputs, where nobody asks

    def forward(self):
        np.multiply(self.x, self.mask, out=self.y)

    def backward(self):
        if self.dy is not None:
            self.dy *= self.mask


@dataclass(eq=False, slots=True)
class SaturatingDropout(Dropout):
    """``y = (x - s) mask + m s``, `m` the mean of a mask: dropped units are set to `s`."""

    s: float
    m: float

    def forward(self):
        np.subtract(self.x, self.s, out=self.y)
        self.y *= self.mask
        self.y += self.m * self.s
