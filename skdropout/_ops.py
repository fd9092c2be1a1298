"""The operations of a network: each formula, and right below it its gradient.

An operation owns nothing: its fields are views handed in when a plan is compiled. `x`, `y` are its
input and output, `dx`, `dy` the derivatives of the loss with respect to them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from skdropout._activations import ActivationFunction
from skdropout._averages import lerp
from skdropout._buffers import Array
from skdropout.dropout import DropoutScheme


@dataclass(eq=False, slots=True)
class Dense:
    """``y = x W + b``; no `b` where batch normalisation has one."""

    x: Array
    y: Array
    dx: Array | None
    dy: Array
    W: Array
    b: Array | None
    dW: Array
    db: Array

    def forward(self):
        np.matmul(self.x, self.W, out=self.y)
        if self.b is not None:
            self.y += self.b

    def backward(self):
        np.matmul(self.x.T, self.dy, out=self.dW)
        if self.b is not None:
            np.add.reduce(self.dy, axis=0, out=self.db)
        if self.dx is not None:  # the first layer: nobody asks
            np.matmul(self.dy, self.W.T, out=self.dx)


@dataclass(eq=False, slots=True)
class SparseDense:
    """``y = x W + b`` for the inputs in sparse rows, a new `x` in each pass."""

    x: csr_array | None
    y: Array
    dy: Array
    W: Array
    b: Array | None
    dW: Array
    db: Array

    def forward(self):
        self.y[:] = self.x @ self.W
        if self.b is not None:
            self.y += self.b

    def backward(self):
        self.dW[:] = self.x.T @ self.dy
        if self.b is not None:
            np.add.reduce(self.dy, axis=0, out=self.db)


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

    weight: Array
    x: Array
    y: Array
    dy: Array
    scale: Array
    b: Array
    dscale: Array
    db: Array
    mean: Array
    std: Array
    running_mean: Array
    running_variance: Array
    n_batches: Array

    def forward(self):
        mean = np.matmul(self.weight.T, self.x, out=self.mean)
        centred = np.subtract(self.x, mean, out=self.x)
        squares = np.square(centred, out=self.y)
        variance = np.matmul(self.weight.T, squares, out=self.std)
        self.n_batches += 1.0
        last = max(self.LAST, 1.0 / float(self.n_batches[0]))
        lerp(self.running_mean, mean, last, tmp=mean)
        lerp(self.running_variance, variance, last, tmp=mean)
        variance += self.EPSILON
        std = np.sqrt(variance, out=self.std)
        n = np.divide(centred, std, out=self.x)
        np.multiply(n, self.scale, out=self.y)
        self.y += self.b

    def backward(self):
        n = self.x
        np.add.reduce(self.dy, axis=0, out=self.db)
        of_scale = np.multiply(self.dy, n, out=self.y)
        np.add.reduce(of_scale, axis=0, out=self.dscale)
        # dx = scale / std (dy - weight (db + n dscale)): mean and variance depend on x, too
        by_statistics = np.multiply(n, self.dscale, out=self.y)
        by_statistics += self.db
        by_statistics *= self.weight
        self.dy -= by_statistics
        self.dy *= np.divide(self.scale, self.std, out=self.std)


@dataclass(eq=False, slots=True)
class Activation:
    """``y = f(x)``; backward turns `dy` into `dx` in place: ``dy *= f'(x)``."""

    function: ActivationFunction
    x: Array
    y: Array
    dy: Array

    def forward(self):
        self.function.forward(self.x, self.y)

    def backward(self):
        self.function.derivative(self.x, self.y)
        self.dy *= self.x


@dataclass(eq=False, slots=True)
class Dropout:
    """``y = x mask``, where `x` are units or weights; backward in place: ``dy *= mask``."""

    scheme: DropoutScheme
    rate: float
    rng: np.random.Generator
    mask: Array
    x: Array
    y: Array
    dy: Array | None

    def draw(self):
        self.scheme.draw(self.rng, self.rate, out=self.mask)

    def forward(self):
        np.multiply(self.x, self.mask, out=self.y)

    def backward(self):
        if self.dy is not None:  # dropout of the inputs: nobody asks
            self.dy *= self.mask


@dataclass(eq=False, slots=True)
class SaturatingDropout(Dropout):
    """``y = (x - s) mask + m s``, `m` the mean of a mask: dropped units are set to `s`."""

    def forward(self):
        s = self.scheme.saturation
        np.subtract(self.x, s, out=self.y)
        self.y *= self.mask
        self.y += self.scheme.mean(self.rate) * s


@dataclass(eq=False, slots=True)
class SparseDropout:
    """``x *= mask`` for the inputs in sparse rows, a mask of the features."""

    scheme: DropoutScheme
    rate: float
    rng: np.random.Generator
    mask: Array
    layer: SparseDense

    def draw(self):
        self.scheme.draw(self.rng, self.rate, out=self.mask)

    def forward(self):
        x = self.layer.x
        x.data *= self.mask[0].take(x.indices)

    def backward(self):
        """Nobody asks for the derivative of the inputs."""


@dataclass(eq=False, slots=True)
class SparseEntryDropout:
    """``x *= mask`` for the inputs in sparse rows, a mask of the entries, new for each batch."""

    scheme: DropoutScheme
    rate: float
    rng: np.random.Generator
    layer: SparseDense

    def forward(self):
        x = self.layer.x
        mask = np.empty((1, x.nnz), x.dtype)
        self.scheme.draw(self.rng, self.rate, out=mask)
        x.data *= mask[0]

    def backward(self):
        """Nobody asks for the derivative of the inputs."""
